//! One run: what changed is marked, what is due is pushed, what became of it is written down.

mod claim;
mod mark;
mod push;

pub(super) use claim::Inheritance;
pub(super) use push::ATTEMPTS;

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use provisor_store::{
    Actor, Change, Clock, Origin, RequestId, Store, TargetChange, TenantState,
    target::{Kind, NewEntry, Target, TargetObject},
};
use serde_json::json;

use super::{
    compare,
    plan::Desired,
    progress::{Progress, Pushed},
    remote::Remote,
    seal::SecretKey,
    settings::{SourceKind, TargetSettings},
    source::{Scope, Source},
    trouble::{Stopped, Trouble},
    turn::Turn,
};

/// Objects read at a time, and reports written at a time.
const CHUNK: usize = 200;
/// With more users than this to be looked up, the target is read once instead.
const MANY: u64 = 100;
/// How often users and teams are gone through, where one turns out to need the other.
const PASSES: usize = 3;
/// What waits for a member or a manager is looked at again after this time in any case (milliseconds).
pub(super) const WAIT: i64 = 3_600_000;

/// What a run works with.
#[derive(Clone)]
pub struct Wish {
    /// The directory.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Clock,
    /// Opens the target's credentials.
    pub key: SecretKey,
    /// The directory's file, beside which the run's lock is.
    pub database: PathBuf,
    /// Who runs it.
    pub actor: Actor,
    /// Files to push, for a target whose source they are.
    pub files: Option<Arc<super::source::Files>>,
    /// Read the whole target and repair what differs.
    pub compare: bool,
    /// Take the access of as many as it says.
    pub allow_removals: bool,
    /// Try again what was given up.
    pub retry: bool,
    /// How long to wait for a target that cannot be reached.
    pub patience: Duration,
    /// Told as the run goes.
    pub progress: Arc<Progress>,
    /// Its turn, where targets take turns.
    pub turn: Option<Arc<Turn>>,
}

impl Wish {
    /// Whatever is due, in this one's name.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Clock,
        key: SecretKey,
        database: PathBuf,
        actor: Actor,
    ) -> Self {
        Self {
            store,
            clock,
            key,
            database,
            actor,
            files: None,
            compare: false,
            allow_removals: false,
            retry: false,
            patience: Duration::from_mins(1),
            progress: Arc::default(),
            turn: None,
        }
    }
}

impl std::fmt::Debug for Wish {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wish")
            .field("compare", &self.compare)
            .finish_non_exhaustive()
    }
}

/// What the parts of a run share.
pub(super) struct Run {
    pub(super) wish: Wish,
    pub(super) target: Target,
    pub(super) settings: TargetSettings,
    pub(super) source: Source,
    pub(super) scope: Scope,
    pub(super) remote: Remote,
    /// Ids in the target that this run linked: two of the source must not share one.
    claimed: Mutex<HashSet<(Kind, String)>>,
    /// Users and teams that have a new id in the target: their teams are looked at again.
    newly: Mutex<Vec<(Kind, String)>>,
    /// The target was read whole and compared; what differs is marked.
    compared: AtomicBool,
    /// A user who was in the target was created again.
    renewed: AtomicBool,
    /// To be written down beside a report: users that are not where a team's members were to be.
    strayed: Mutex<Vec<(Kind, String)>>,
    /// Whose creation is noted and not sent yet, as they were before.
    pub(super) ahead: Mutex<HashMap<(Kind, String), TargetObject>>,
    /// Users who have to be looked at once more when the others were pushed, whom they wait for.
    waiting: Mutex<Vec<String>>,
}

/// Pushes what is due. The caller holds the target's [`super::RunLock`].
///
/// # Errors
/// Why it ended early; what was done is written down, what is due stays due.
pub async fn run(target: &Target, wish: Wish) -> Result<Pushed, Stopped> {
    let began = wish.clock.now();
    let store = wish.store.clone();
    let progress = wish.progress.clone();
    let writer = Writer::new(&wish, target);
    let (asked_to_compare, removals_allowed) = (wish.compare, wish.allow_removals);
    let compared = wish.compare || is_compare_due(target, wish.clock.now());
    let mut was_compared = false;
    let ended = match Run::open(target, wish).await {
        Ok(run) => {
            let ended = run.all(compared).await;
            was_compared = run.compared.load(Relaxed);
            if ended.is_err() {
                // Whoever was created until then is to come into the teams; one who cannot write that has told why it ended.
                let _ = run.mark_teams_of_newly().await;
            }
            progress
                .requests
                .store(run.remote.requests.load(Relaxed), Relaxed);
            ended
        }
        Err(stopped) => Err(stopped),
    };
    let pushed = progress.now();
    let outcome = match &ended {
        // It goes on in its next turn.
        Ok(None) | Err(Stopped::Turn) => String::new(),
        Ok(Some(trouble)) => format!(
            "what was due is pushed, but the target could not be read to compare it: {trouble}; the next comparison tries again"
        ),
        Err(stopped) => stopped.to_string(),
    };
    // A run that did nothing leaves no line; one that failed like the last one is told again, since it happened again.
    let entry = (!pushed.news().is_empty() || !outcome.is_empty()).then(|| NewEntry {
        action: "run",
        ok: outcome.is_empty(),
        status: None,
        detail: json!({
            "counts": pushed.fields().into_iter().filter(|(_, count)| *count > 0).collect::<std::collections::BTreeMap<_, _>>(),
            "reason": outcome,
            // From here on the guard counts anew.
            "removals_allowed": removals_allowed,
        }),
    });
    let ran = TargetChange::Ran {
        id: target.id,
        // One that gives way to others is not over.
        began: (!matches!(ended, Err(Stopped::Turn))).then_some(began),
        // One that could not be made is put off.
        compared: was_compared || compared && ended.is_ok(),
        outcome: outcome.clone(),
        entry,
    };
    let written = writer.write(&*store, ran).await;
    // Of a target that is gone nothing can be written.
    let uncompared = ended?;
    written?;
    if asked_to_compare && uncompared.is_some() {
        return Err(Stopped::Settings(outcome));
    }
    Ok(pushed)
}

fn is_compare_due(target: &Target, now: i64) -> bool {
    let Ok(settings) = TargetSettings::of(target) else {
        return false;
    };
    let every = i64::try_from(settings.compare_every)
        .unwrap_or(i64::MAX)
        .saturating_mul(1000);
    target.compared == 0 || (every > 0 && target.compared.saturating_add(every) <= now)
}

/// Writes in the run's name.
struct Writer {
    origin: Origin,
}

impl Writer {
    fn new(wish: &Wish, target: &Target) -> Self {
        Self {
            origin: Origin {
                tenant: target.tenant,
                request: RequestId::random(),
                actor: wish.actor.clone(),
                address: None,
            },
        }
    }

    async fn write(&self, store: &dyn Store, change: TargetChange) -> Result<(), Stopped> {
        store
            .write(self.origin.clone(), Change::Target(change))
            .await?;
        Ok(())
    }
}

/// The source, the scope and the credentials of a target.
pub(super) async fn prepare(
    target: &Target,
    wish: &Wish,
) -> Result<(TargetSettings, Source, Scope), Stopped> {
    let settings = TargetSettings::of(target).map_err(Stopped::Settings)?;
    let source = match (settings.source, &wish.files) {
        (SourceKind::Tenant, None) => Source::tenant(wish.store.clone(), target.tenant).await?,
        (SourceKind::Files, Some(files)) => Source::Files(files.clone()),
        (SourceKind::Files, None) => {
            return Err(Stopped::Settings(format!(
                "target \"{}\" is fed from files; push them with `provisor push csv`",
                target.name
            )));
        }
        (SourceKind::Tenant, Some(_)) => {
            return Err(Stopped::Settings(format!(
                "target \"{}\" is fed from the tenant's directory; make another one for files with --source files",
                target.name
            )));
        }
    };
    let scope = Scope::new(&settings, &source)?;
    Ok((settings, source, scope))
}

impl Run {
    async fn open(target: &Target, wish: Wish) -> Result<Run, Stopped> {
        let (settings, source, scope) = prepare(target, &wish).await?;
        let secret = wish.key.open_of(target).map_err(Stopped::Settings)?;
        let client = settings
            .client(secret.as_deref())
            .map_err(Stopped::Settings)?;
        let remote = match Remote::open(client, &settings, wish.patience).await {
            Ok(remote) => remote,
            Err(Trouble::Stop(stopped)) => return Err(stopped),
            Err(trouble) => return Err(Stopped::Unreachable(trouble.to_string())),
        };
        Ok(Run {
            target: target.clone(),
            wish,
            settings,
            source,
            scope,
            remote,
            claimed: Mutex::default(),
            newly: Mutex::default(),
            compared: AtomicBool::new(false),
            renewed: AtomicBool::new(false),
            strayed: Mutex::default(),
            ahead: Mutex::default(),
            waiting: Mutex::default(),
        })
    }

    pub(super) fn place(&self) -> (provisor_store::TenantId, provisor_store::TargetId) {
        (self.target.tenant, self.target.id)
    }

    pub(super) fn progress(&self) -> &Progress {
        &self.wish.progress
    }

    pub(super) async fn write(&self, change: TargetChange) -> Result<(), Stopped> {
        let writer = Writer::new(&self.wish, &self.target);
        let written = writer.write(&*self.wish.store, change).await;
        if written.is_err() {
            // What is refused because the target is gone is no fault of the store.
            self.check_wanted().await?;
        }
        written
    }

    /// Ends the run if it is not to go on as it began: the target is gone, paused meanwhile, or set anew; the tenant is
    /// not active any more.
    pub(super) async fn check_wanted(&self) -> Result<(), Stopped> {
        let mut view = self.view().await?;
        let tenant = view.tenant_by_id(self.target.tenant).await?;
        let now = view.targets(Some(self.target.tenant)).await?;
        let began = &self.target;
        let as_began = now.iter().any(|now| {
            now.id == began.id
                && now.settings == began.settings
                && now.credentials == began.credentials
                // One that was paused already is pushed because somebody asked for it.
                && (now.active || !began.active)
        });
        if as_began && tenant.is_some_and(|tenant| tenant.state == TenantState::Active) {
            return Ok(());
        }
        self.remote.stop(Stopped::Asked);
        Err(Stopped::Asked)
    }

    async fn view(&self) -> Result<Box<dyn provisor_store::Snapshot>, Stopped> {
        Ok(self.wish.store.read().await?)
    }

    /// All of it; and why the target could not be compared, which is put off to the next comparison.
    async fn all(&self, compared: bool) -> Result<Option<Trouble>, Stopped> {
        let everything = self.target.whole != 0 || self.wish.files.is_some();
        if everything {
            self.mark_all().await?;
        } else {
            self.mark_changed().await?;
        }
        if self.wish.retry {
            self.mark_given_up().await?;
        }
        // What is due comes first: no list that cannot be read keeps a leaver's access.
        self.push_due(everything).await?;
        if compared {
            match compare::compare(self).await {
                Ok(()) => {
                    self.compared.store(true, Relaxed);
                    self.push_due(false).await?;
                }
                Err(Trouble::Stop(stopped)) => return Err(stopped),
                Err(trouble) => return Ok(Some(trouble)),
            }
            // Whoever was created again has a new id, by which others name them as their manager.
            if self.renewed.swap(false, Relaxed) {
                match compare::of_kind(self, Kind::User).await {
                    Ok(()) => self.push_due(false).await?,
                    Err(Trouble::Stop(stopped)) => return Err(stopped),
                    Err(trouble) => return Ok(Some(trouble)),
                }
            }
        }
        Ok(None)
    }

    /// Pushes what is due, users before teams.
    async fn push_due(&self, everything: bool) -> Result<(), Stopped> {
        let counts = self.view().await?.target_counts(self.place()).await?;
        let teams = if self.settings.teams {
            counts.due[1]
        } else {
            0
        };
        let progress = self.progress();
        let before = progress.looked_at.load(Relaxed);
        progress
            .to_look_at
            .store(before + counts.due[0] + teams, Relaxed);
        self.check_removals(counts.due[0]).await?;
        if counts.due[0] > MANY {
            self.ready_index(Kind::User).await?;
        }
        for pass in 0..PASSES {
            self.due(Kind::User).await?;
            // Managers who were created after those they manage, and heirs of those who left.
            let waiting = std::mem::take(&mut *lock(&self.waiting));
            if !waiting.is_empty() {
                for chunk in waiting.chunks(500) {
                    self.mark(Kind::User, chunk.to_vec(), false).await?;
                }
                self.due(Kind::User).await?;
            }
            if everything && pass == 0 {
                // All teams are marked already.
                lock(&self.newly).clear();
            }
            self.mark_teams_of_newly().await?;
            if !self.settings.teams {
                break;
            }
            if teams > MANY {
                self.ready_index(Kind::Team).await?;
            }
            self.due(Kind::Team).await?;
            // Teams that are members of teams, and members that have to be made again.
            if !self.mark_teams_of_newly().await? {
                break;
            }
        }
        Ok(())
    }

    async fn ready_index(&self, kind: Kind) -> Result<(), Stopped> {
        match self.remote.read_index(kind).await {
            Err(Trouble::Stop(stopped)) => Err(stopped),
            // Then each one is looked up.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// What the target should hold of each.
    pub(super) async fn desired(
        &self,
        objects: Vec<TargetObject>,
    ) -> Result<Vec<(TargetObject, Desired)>, Stopped> {
        let Some(kind) = objects.first().map(|object| object.kind) else {
            return Ok(Vec::new());
        };
        let locals: Vec<String> = objects.iter().map(|object| object.local.clone()).collect();
        let found = self.source.load(kind, &locals).await?;
        let desired = objects.into_iter().zip(found).map(|(mut object, found)| {
            if let Some(label) = found
                .as_ref()
                .and_then(|found| super::source::label(kind, found))
            {
                object.label = label;
            }
            let desired = self.scope.desired(kind, &object.local, found.as_ref());
            (object, desired)
        });
        Ok(desired.collect())
    }

    /// A user was pushed without its manager, who is to come.
    pub(super) fn wait_for_manager(&self, local: String) {
        lock(&self.waiting).push(local);
    }

    /// Users or teams that should be in the target and turned out not to be.
    pub(super) fn stray(&self, kind: Kind, local: String) {
        lock(&self.strayed).push((kind, local));
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
