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
    Actor, Change, Clock, Origin, PlainToken, RequestId, Store, StoreError, Tenant, TenantId,
    TenantState, TokenId,
};
use scim_client::{
    Auth, Client, Error,
    simulator::{Comparison, Plan, Report, StepDone, Watch},
};
use tokio::{
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
    task::{AbortHandle, JoinError, JoinHandle},
    time::{interval, timeout},
};

/// So many are kept, the running one among them.
const KEPT: usize = 10;
/// How long the server may take to answer itself.
const KNOCK: Duration = Duration::from_secs(3);
/// How long the simulated provider waits for an answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// How often is looked whether tenant and token are still there.
const LOOK: Duration = Duration::from_secs(2);

/// The simulations there are.
pub(crate) struct Simulations {
    /// Where this server takes SCIM requests, seen from itself.
    address: Option<SocketAddr>,
    store: Arc<dyn Store>,
    clock: Clock,
    /// Held by the one that runs, until its token is revoked.
    turn: Arc<Semaphore>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// How many there were.
    last: u64,
    /// The oldest first.
    simulations: Vec<Arc<Simulation>>,
    playing: Option<AbortHandle>,
    /// The server stops.
    is_over: bool,
}

/// The right to begin one, until it is dropped; and the base URL at which the server reaches itself.
pub(crate) struct Ready {
    turn: OwnedSemaphorePermit,
    base: String,
}

/// Why none can begin.
#[derive(Debug)]
pub(crate) enum NotReady {
    /// Another one runs.
    Busy,
    /// The server does not reach itself, for this reason.
    Unreached(String),
}

/// An order of a simulation.
pub(crate) struct Order {
    pub(crate) plan: Plan,
    pub(crate) tenant: Tenant,
    pub(crate) token: (TokenId, PlainToken),
    /// Who gives it.
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
    pub(crate) step: Step,
    pub(crate) report: Report,
    /// How it ended; `None` while it runs.
    pub(crate) end: Option<End>,
}

/// The step under way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Step {
    /// What it is called.
    pub(crate) says: String,
    /// Of how many changes.
    pub(crate) changes: u64,
    /// How many of them are told.
    pub(crate) told: u64,
}

/// How a simulation ended.
#[derive(Debug, Clone)]
pub(crate) enum End {
    /// Everything was read back and compared.
    Compared(Comparison),
    /// What was sent could not be read back, for this reason.
    Unread(String),
    /// Before its end: somebody stopped it, or this did.
    Stopped(Option<&'static str>),
}

impl Simulations {
    /// None yet, of a server that listens at this address.
    pub(crate) fn new(listens: Option<SocketAddr>, store: Arc<dyn Store>, clock: Clock) -> Self {
        Self {
            address: listens.map(from_here),
            store,
            clock,
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

    /// The right to begin one, if no other runs and the server reaches itself.
    pub(crate) async fn ready(&self) -> Result<Ready, NotReady> {
        let turn = self.turn.clone().try_acquire_owned();
        let turn = turn.map_err(|_| NotReady::Busy)?;
        let base = reach(self.address).await.map_err(NotReady::Unreached)?;
        Ok(Ready { turn, base })
    }

    /// Begins one; its number.
    pub(crate) async fn begin(self: &Arc<Self>, ready: Ready, order: Order) -> Result<u64, Error> {
        let Order {
            plan,
            tenant,
            token: (token, secret),
            person,
        } = order;
        let Ready { turn, base } = ready;
        let built = Client::builder(&base, Auth::bearer(secret.reveal()))
            .user_agent(concat!("provisor-simulator/", env!("CARGO_PKG_VERSION")))
            .timeout(PATIENCE)
            .direct()
            // Less than any server lets a connection idle.
            .idle(Duration::from_secs(5))
            .build();
        let client = match built {
            Ok(client) => client,
            Err(error) => {
                self.end_token(tenant.id, token).await;
                return Err(error);
            }
        };
        let mut kept = self.kept();
        kept.last += 1;
        let simulation = Arc::new(Simulation {
            number: kept.last,
            plan,
            tenant,
            person,
            began: self.clock.now(),
            is_stopped: AtomicBool::new(false),
            is_watched: AtomicBool::new(false),
            seen: Mutex::default(),
        });
        while kept.simulations.len() >= KEPT {
            kept.simulations.remove(0);
        }
        kept.simulations.push(simulation.clone());
        let number = simulation.number;
        let player = simulation.clone();
        // In a task of its own, so that whatever becomes of it, the token is revoked.
        let playing = tokio::spawn(async move { player.play(&client).await });
        if kept.is_over {
            playing.abort();
        }
        kept.playing = Some(playing.abort_handle());
        let all = self.clone();
        tokio::spawn(async move {
            let end = all.oversee(&simulation, playing, token).await;
            all.end_token(simulation.tenant.id, token).await;
            // Whoever sees that it has ended may begin the next one.
            drop(turn);
            simulation.seen().end = Some(end);
        });
        Ok(number)
    }

    /// Waits for its end, and stops it when it has lost what it needs: it would try again for hours.
    async fn oversee(
        &self,
        simulation: &Simulation,
        mut playing: JoinHandle<End>,
        token: TokenId,
    ) -> End {
        let mut look = interval(LOOK);
        let mut lost = None;
        loop {
            tokio::select! {
                played = &mut playing => {
                    if let Ok(End::Unread(_)) = played {
                        lost = self.lost(simulation.tenant.id, token).await.unwrap_or_default();
                    }
                    return ended(played, lost);
                }
                _ = look.tick(), if !simulation.is_stopped() => {
                    // A store that cannot be read now may be later.
                    lost = self.lost(simulation.tenant.id, token).await.unwrap_or_default();
                    if lost.is_some() {
                        simulation.stop();
                    }
                }
            }
        }
    }

    /// What a simulation needs and has no more.
    async fn lost(
        &self,
        tenant: TenantId,
        token: TokenId,
    ) -> Result<Option<&'static str>, StoreError> {
        let mut snapshot = self.store.read().await?;
        let found = snapshot.tenant_by_id(tenant).await?;
        if found.is_none_or(|found| found.state == TenantState::Deleting) {
            return Ok(Some("its tenant was deleted"));
        }
        let mut tokens = snapshot.tokens(tenant).await?.into_iter();
        let is_good = tokens.any(|found| found.id == token && found.revoked.is_none());
        Ok((!is_good).then_some("its token was revoked"))
    }

    /// Nobody needs the token any more. Where this fails, it expires within the day.
    async fn end_token(&self, tenant: TenantId, token: TokenId) {
        if let Ok(Some(_)) = self.lost(tenant, token).await {
            return;
        }
        let origin = Origin {
            tenant,
            request: RequestId::random(),
            actor: Actor::System,
            address: None,
        };
        let change = Change::RevokeToken { id: token };
        if let Err(error) = self.store.write(origin, change).await {
            tracing::info!(%tenant, %error, "the token of a simulation was not revoked");
        }
    }

    /// Ends the one that runs, at once: the server stops.
    pub(crate) fn stop(&self) {
        let mut kept = self.kept();
        kept.is_over = true;
        if let Some(playing) = kept.playing.take() {
            playing.abort();
        }
    }

    /// Waits until none runs and its token is revoked; for the shutdown, when no new ones come.
    pub(crate) async fn ended(&self) {
        // It is never closed.
        drop(self.turn.acquire().await);
    }
}

/// Why one ended whose task panicked.
const FAILED: &str = "the simulator failed, and the server's own log says where";

/// How a simulation ended that was played so, and has lost this.
fn ended(played: Result<End, JoinError>, lost: Option<&'static str>) -> End {
    match (played, lost) {
        (_, Some(why)) => End::Stopped(Some(why)),
        (Ok(end), None) => end,
        (Err(error), None) => End::Stopped(error.is_panic().then_some(FAILED)),
    }
}

/// The base URL at which the server reaches itself.
async fn reach(address: Option<SocketAddr>) -> Result<String, String> {
    let address = address.ok_or("the system does not say where this server listens")?;
    match timeout(KNOCK, TcpStream::connect(address)).await {
        Ok(Ok(_)) => Ok(format!("http://{address}/scim/v2")),
        Ok(Err(error)) => Err(format!("{address}: {error}")),
        Err(_) => Err(format!("{address}: no answer within {} s", KNOCK.as_secs())),
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
            true => End::Stopped(None),
            false => match simulated.compare(client, self).await {
                Ok(_) if self.is_stopped() => End::Stopped(None),
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
        self.seen().step = Step {
            says: says.to_owned(),
            changes,
            told: 0,
        };
    }

    fn told(&self) {
        self.seen().step.told += 1;
    }

    fn end(&self, _: &StepDone) {
        let mut seen = self.seen();
        seen.step.told = seen.step.changes;
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
        let base = reach(Some(address)).await.unwrap();
        assert_eq!(base, format!("http://{address}/scim/v2"));
        drop(listener);
        let why = reach(Some(address)).await.unwrap_err();
        assert!(why.starts_with(&address.to_string()), "{why}");
        reach(None).await.unwrap_err();
    }

    #[tokio::test]
    async fn what_panics_has_ended_as_well() {
        let played = tokio::spawn(async { panic!("on purpose") }).await;
        assert!(matches!(ended(played, None), End::Stopped(Some(FAILED))));
        let stopped = tokio::spawn(std::future::pending());
        stopped.abort();
        assert!(matches!(ended(stopped.await, None), End::Stopped(None)));
    }
}
