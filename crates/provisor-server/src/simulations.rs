//! Simulations that run inside the server, over HTTP to its own address: one at a time, the last ones kept in memory.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use provisor_store::{
    Actor, Change, Clock, Origin, PlainToken, RequestId, Store, Tenant, TenantId, TokenId,
};
use scim_client::{
    Auth, Client, Error,
    simulator::{Comparison, Plan, Report, StepDone, Watch},
};
use tokio::{
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
    task::AbortHandle,
    time::timeout,
};

/// So many are kept, the running one among them.
const KEPT: usize = 10;
/// How long the server may take to answer itself.
const KNOCK: Duration = Duration::from_secs(3);
/// How long the simulated provider waits for an answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// The simulations there are.
pub(crate) struct Simulations {
    /// Where this server takes SCIM requests, seen from itself.
    address: Option<SocketAddr>,
    /// Held by the one that runs.
    turn: Arc<Semaphore>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// How many there were.
    last: u64,
    /// The oldest first.
    simulations: Vec<Arc<Simulation>>,
    task: Option<AbortHandle>,
}

/// The right to run, until it is dropped.
pub(crate) type Turn = OwnedSemaphorePermit;

/// What a simulation needs to begin.
pub(crate) struct Begun {
    pub(crate) plan: Plan,
    pub(crate) tenant: Tenant,
    pub(crate) token: (TokenId, PlainToken),
    /// Who began it.
    pub(crate) person: String,
}

/// One simulation, running or over.
#[derive(Debug)]
pub(crate) struct Simulation {
    pub(crate) number: u64,
    pub(crate) plan: Plan,
    /// The tenant it plays in, as it was made.
    pub(crate) tenant: Tenant,
    pub(crate) person: String,
    pub(crate) began: i64,
    is_stopped: AtomicBool,
    /// Somebody has looked since the report was last copied.
    is_watched: AtomicBool,
    seen: Mutex<Seen>,
}

/// What is seen of a simulation at a moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// The step under way: what it is called, of how many changes, how many are told.
    pub(crate) step: (String, u64, u64),
    pub(crate) report: Report,
    /// How it ended; `None` while it runs.
    pub(crate) end: Option<End>,
}

/// How a simulation ended.
#[derive(Debug, Clone)]
pub(crate) enum End {
    /// Everything was read back and compared.
    Compared(Comparison),
    /// What was sent could not be read back, for this reason.
    Unread(String),
    /// Somebody stopped it.
    Stopped,
}

impl Simulations {
    /// None yet, of a server that listens at this address.
    pub(crate) fn new(listens: Option<SocketAddr>) -> Self {
        Self {
            address: listens.map(from_here),
            turn: Arc::new(Semaphore::new(1)),
            kept: Mutex::default(),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All that are kept, the newest first.
    pub(crate) fn all(&self) -> Vec<Arc<Simulation>> {
        self.kept().simulations.iter().rev().cloned().collect()
    }

    /// The one of this number.
    pub(crate) fn find(&self, number: u64) -> Option<Arc<Simulation>> {
        let kept = self.kept();
        let mut all = kept.simulations.iter();
        all.find(|one| one.number == number).cloned()
    }

    /// The one that plays in this tenant.
    pub(crate) fn within(&self, tenant: TenantId) -> Option<Arc<Simulation>> {
        let kept = self.kept();
        let mut all = kept.simulations.iter();
        all.find(|one| one.tenant.id == tenant).cloned()
    }

    /// The right to begin one; `None` while another has it.
    pub(crate) fn turn(&self) -> Option<Turn> {
        self.turn.clone().try_acquire_owned().ok()
    }

    /// The base URL at which the server reaches itself, if it does.
    pub(crate) async fn reach(&self) -> Result<String, String> {
        let address = self
            .address
            .ok_or("the system does not say where this server listens")?;
        match timeout(KNOCK, TcpStream::connect(address)).await {
            Ok(Ok(_)) => Ok(format!("http://{address}/scim/v2")),
            Ok(Err(error)) => Err(format!("{address}: {error}")),
            Err(_) => Err(format!("{address}: no answer within {} s", KNOCK.as_secs())),
        }
    }

    /// Begins one; its number.
    pub(crate) fn begin(
        self: &Arc<Self>,
        turn: Turn,
        base: &str,
        begun: Begun,
        (store, clock): (Arc<dyn Store>, &Clock),
    ) -> Result<u64, Error> {
        let Begun {
            plan,
            tenant,
            token: (token, secret),
            person,
        } = begun;
        let client = Client::builder(base, Auth::bearer(secret.reveal()))
            .user_agent(concat!("provisor-simulator/", env!("CARGO_PKG_VERSION")))
            .timeout(PATIENCE)
            .direct()
            // Less than any server lets a connection idle.
            .idle(Duration::from_secs(5))
            .build()?;
        let mut kept = self.kept();
        kept.last += 1;
        let simulation = Arc::new(Simulation {
            number: kept.last,
            plan,
            tenant,
            person,
            began: clock.now(),
            is_stopped: AtomicBool::new(false),
            is_watched: AtomicBool::new(false),
            seen: Mutex::default(),
        });
        while kept.simulations.len() >= KEPT {
            kept.simulations.remove(0);
        }
        kept.simulations.push(simulation.clone());
        let number = simulation.number;
        let task = tokio::spawn(async move {
            let end = simulation.play(&client).await;
            end_token(&*store, simulation.tenant.id, token).await;
            // Whoever sees that it has ended may begin the next one.
            drop(turn);
            simulation.seen().end = Some(end);
        });
        kept.task = Some(task.abort_handle());
        Ok(number)
    }

    /// Ends the one that runs, at once: the server stops.
    pub(crate) fn stop(&self) {
        if let Some(task) = self.kept().task.take() {
            task.abort();
        }
    }
}

/// Where a server that listens there is reached from this machine.
fn from_here(mut listens: SocketAddr) -> SocketAddr {
    if listens.ip().is_unspecified() {
        listens.set_ip(match listens.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    listens
}

/// Nobody needs the token any more. Where this fails, it expires within the day.
async fn end_token(store: &dyn Store, tenant: TenantId, token: TokenId) {
    let origin = Origin {
        tenant,
        request: RequestId::random(),
        actor: Actor::System,
        address: None,
    };
    if let Err(error) = store.write(origin, Change::RevokeToken { id: token }).await {
        tracing::info!(%tenant, %error, "the token of a simulation was not revoked");
    }
}

impl Simulation {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be seen now.
    pub(crate) fn now(&self) -> Seen {
        self.is_watched.store(true, Relaxed);
        self.seen().clone()
    }

    /// True until it has ended.
    pub(crate) fn is_running(&self) -> bool {
        self.seen().end.is_none()
    }

    /// Stops it after the changes that are under way.
    pub(crate) fn stop(&self) {
        self.is_stopped.store(true, Relaxed);
    }

    async fn play(&self, client: &Client) -> End {
        let simulated = self.plan.run(client, self).await;
        self.copy(&simulated.report);
        match self.is_stopped() {
            true => End::Stopped,
            false => match simulated.compare(client, self).await {
                Ok(_) if self.is_stopped() => End::Stopped,
                Ok(comparison) => End::Compared(comparison),
                Err(error) => End::Unread(error.to_string()),
            },
        }
    }

    /// Copies the report without what nobody is shown and may be large.
    fn copy(&self, report: &Report) {
        let mut report = report.clone();
        for failure in &mut report.failures {
            failure.body = None;
        }
        self.seen().report = report;
    }
}

impl Watch for Simulation {
    fn begin(&self, says: &str, changes: u64) {
        self.seen().step = (says.to_owned(), changes, 0);
    }

    fn told(&self) {
        self.seen().step.2 += 1;
    }

    fn end(&self, _: &StepDone) {
        let mut seen = self.seen();
        seen.step.2 = seen.step.1;
    }

    fn look(&self, report: &Report) {
        if self.is_watched.swap(false, Relaxed) {
            self.copy(report);
        }
    }

    fn is_stopped(&self) -> bool {
        self.is_stopped.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_everywhere_is_reached_on_this_machine() {
        for (listens, reached) in [
            ("0.0.0.0:7070", "127.0.0.1:7070"),
            ("[::]:7070", "[::1]:7070"),
            ("192.0.2.1:7070", "192.0.2.1:7070"),
        ] {
            let reached: SocketAddr = reached.parse().unwrap();
            assert_eq!(from_here(listens.parse().unwrap()), reached);
        }
    }

    #[tokio::test]
    async fn a_server_that_does_not_reach_itself_says_why() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let simulations = Simulations::new(Some(address));
        let base = simulations.reach().await.unwrap();
        assert_eq!(base, format!("http://{address}/scim/v2"));
        drop(listener);
        let why = simulations.reach().await.unwrap_err();
        assert!(why.starts_with(&address.to_string()), "{why}");
        Simulations::new(None).reach().await.unwrap_err();
    }
}
