//! One run: what changed is marked, what is due is pushed, what became of it is written down.

use std::{
    collections::HashSet,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::future::join_all;
use provisor_store::{
    Actor, Change, Clock, Origin, RequestId, Store, TargetChange,
    event::EventKind,
    target::{DuePlace, Kind, NewEntry, Report, Target, TargetObject},
};
use serde_json::json;
use tokio::sync::mpsc;

use super::{
    compare,
    plan::Desired,
    remote::Remote,
    seal::SecretKey,
    settings::{SourceKind, TargetSettings},
    source::{Scope, Source},
    team,
    trouble::{Stopped, Trouble},
    user,
};

/// Objects read at a time, and reports written at a time.
const CHUNK: usize = 200;
/// With more users than this to be looked up, the target is read once instead.
const MANY: u64 = 100;
/// Failed attempts after which something waits for the source to change, or for a person.
const ATTEMPTS: u32 = 10;

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
}

impl std::fmt::Debug for Wish {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wish")
            .field("compare", &self.compare)
            .finish_non_exhaustive()
    }
}

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// How far a run is, while it runs.
        #[derive(Debug, Default)]
        pub struct Progress { $($(#[$doc])* pub $name: AtomicU64),* }

        /// What a run came to.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct Pushed { $($(#[$doc])* pub $name: u64),* }

        impl Progress {
            /// As it is now.
            pub fn now(&self) -> Pushed {
                Pushed { $($name: self.$name.load(Relaxed)),* }
            }
        }

        impl Pushed {
            /// Every count with its name.
            pub fn fields(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name)),*]
            }
        }
    };
}

counts! {
    /// Users and teams that were looked at.
    looked_at,
    /// Of so many.
    to_look_at,
    /// Users and teams created in the target.
    created,
    /// Found in the target and linked.
    linked,
    /// Changed in the target.
    updated,
    /// Users made inactive.
    deactivated,
    /// Users and teams deleted in the target.
    deleted,
    /// Memberships added.
    members_added,
    /// Memberships removed.
    members_removed,
    /// Differences that a comparison found in the target.
    drifted,
    /// What the target refused; it is tried again later.
    failed,
    /// Teams that wait for members.
    waiting,
    /// Requests sent.
    requests,
}

impl Pushed {
    /// Whether anything was changed in the target, or could not be.
    pub fn is_something(&self) -> bool {
        let quiet = ["looked_at", "to_look_at", "requests"];
        self.fields()
            .iter()
            .any(|(name, count)| *count > 0 && !quiet.contains(name))
    }
}

/// One that is due, and what the target should hold of it.
type Due = (TargetObject, Desired);

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
    /// To be written down beside a report: users that are not where a team's members were to be.
    strayed: Mutex<Vec<(Kind, String)>>,
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
    let compared = wish.compare || is_compare_due(target, wish.clock.now());
    let ended = match Run::open(target, wish).await {
        Ok(run) => {
            let ended = run.all(compared).await;
            progress
                .requests
                .store(run.remote.requests.load(Relaxed), Relaxed);
            ended
        }
        Err(stopped) => Err(stopped),
    };
    let pushed = progress.now();
    let outcome = ended
        .as_ref()
        .err()
        .map(ToString::to_string)
        .unwrap_or_default();
    // A run that did nothing leaves no line; one that failed like the last one is told again, since it happened again.
    let entry = (pushed.is_something() || ended.is_err()).then(|| NewEntry {
        action: "run",
        ok: ended.is_ok(),
        status: None,
        detail: json!({
            "counts": pushed.fields().into_iter().filter(|(_, count)| *count > 0).collect::<std::collections::BTreeMap<_, _>>(),
            "reason": outcome,
        }),
    });
    let ran = TargetChange::Ran {
        id: target.id,
        began,
        compared: compared && ended.is_ok(),
        outcome,
        entry,
    };
    writer.write(&*store, ran).await?;
    ended.map(|()| pushed)
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
        let place = (target.tenant, target.id);
        let secret = match &target.credentials {
            Some(sealed) => Some(wish.key.open(place, sealed).map_err(Stopped::Settings)?),
            None => None,
        };
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
            strayed: Mutex::default(),
        })
    }

    pub(super) fn place(&self) -> (provisor_store::TenantId, provisor_store::TargetId) {
        (self.target.tenant, self.target.id)
    }

    pub(super) fn progress(&self) -> &Progress {
        &self.wish.progress
    }

    pub(super) async fn write(&self, change: TargetChange) -> Result<(), Stopped> {
        Writer::new(&self.wish, &self.target)
            .write(&*self.wish.store, change)
            .await
    }

    async fn view(&self) -> Result<Box<dyn provisor_store::Snapshot>, Stopped> {
        Ok(self.wish.store.read().await?)
    }

    async fn all(&self, compared: bool) -> Result<(), Stopped> {
        if self.target.whole || self.wish.files.is_some() {
            self.mark_all().await?;
        } else {
            self.mark_changed().await?;
        }
        if self.wish.retry {
            self.mark_given_up().await?;
        }
        if compared {
            compare::compare(self).await?;
        }
        let counts = self.view().await?.target_counts(self.place()).await?;
        let teams = if self.settings.teams {
            counts.due[1]
        } else {
            0
        };
        self.progress()
            .to_look_at
            .store(counts.due[0] + teams, Relaxed);
        self.check_removals(counts.due[0]).await?;
        if counts.due[0] > MANY {
            self.ready_index(Kind::User).await?;
        }
        self.due(Kind::User).await?;
        self.mark_teams_of_newly().await?;
        if self.settings.teams {
            if teams > MANY {
                self.ready_index(Kind::Team).await?;
            }
            self.due(Kind::Team).await?;
            // Teams that are members of teams, and members that had to be made again.
            self.mark_teams_of_newly().await?;
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

    /// Marks the source's users and teams, and those that were pushed earlier.
    async fn mark_all(&self) -> Result<(), Stopped> {
        // What changes from here on has its event after this one.
        let (_, cursor) = self
            .view()
            .await?
            .events(self.target.tenant, i64::MAX - 1, 1)
            .await?;
        for kind in [Kind::User, Kind::Team] {
            let mut after: Option<String> = None;
            loop {
                let ids = self.source.ids(kind, after.as_deref()).await?;
                let Some(last) = ids.last() else { break };
                after = Some(last.clone());
                self.mark(kind, ids, false).await?;
            }
            let mut after = String::new();
            loop {
                let known = self
                    .view()
                    .await?
                    .target_objects(self.place(), kind, false, &after, 500)
                    .await?;
                let Some(last) = known.last() else { break };
                after.clone_from(&last.local);
                let unmarked = known.into_iter().filter(|known| known.due.is_none());
                self.mark(kind, unmarked.map(|known| known.local).collect(), false)
                    .await?;
            }
        }
        self.write(TargetChange::Mark {
            id: self.target.id,
            objects: Vec::new(),
            cursor: Some(cursor),
            whole: Some(false),
            differ: false,
        })
        .await
    }

    pub(super) async fn mark(
        &self,
        kind: Kind,
        locals: Vec<String>,
        differ: bool,
    ) -> Result<(), Stopped> {
        if locals.is_empty() {
            return Ok(());
        }
        self.write(TargetChange::Mark {
            id: self.target.id,
            objects: locals.into_iter().map(|local| (kind, local)).collect(),
            cursor: None,
            whole: None,
            differ,
        })
        .await
    }

    /// Marks what the source changed since the last run.
    async fn mark_changed(&self) -> Result<(), Stopped> {
        let mut cursor = self.target.cursor;
        loop {
            let (events, _) = self
                .view()
                .await?
                .events(self.target.tenant, cursor, 500)
                .await?;
            let Some(last) = events.last() else {
                return Ok(());
            };
            cursor = last.seq;
            let mut objects = HashSet::new();
            for event in &events {
                let kind = match event.resource_type.as_str() {
                    "User" => Kind::User,
                    "Group" => Kind::Team,
                    _ => continue,
                };
                objects.insert((kind, event.resource.to_string()));
                // Whoever goes or comes back takes memberships along, which have no events of their own.
                if matches!(
                    event.kind,
                    EventKind::Deleted | EventKind::Restored | EventKind::Erased
                ) {
                    let teams = event.detail["memberships"].as_array().into_iter().flatten();
                    objects.extend(
                        teams.filter_map(|team| Some((Kind::Team, team.as_str()?.to_owned()))),
                    );
                }
            }
            self.write(TargetChange::Mark {
                id: self.target.id,
                objects: objects.into_iter().collect(),
                cursor: Some(cursor),
                whole: None,
                differ: false,
            })
            .await?;
        }
    }

    async fn mark_given_up(&self) -> Result<(), Stopped> {
        for kind in [Kind::User, Kind::Team] {
            let mut after = String::new();
            loop {
                let known = self
                    .view()
                    .await?
                    .target_objects(self.place(), kind, true, &after, 500)
                    .await?;
                let Some(last) = known.last() else { break };
                after.clone_from(&last.local);
                self.mark(
                    kind,
                    known.into_iter().map(|known| known.local).collect(),
                    false,
                )
                .await?;
            }
        }
        Ok(())
    }

    /// Teams of users who are new in the target: they waited, or did not know of them.
    async fn mark_teams_of_newly(&self) -> Result<(), Stopped> {
        let newly = std::mem::take(&mut *lock(&self.newly));
        let strayed = std::mem::take(&mut *lock(&self.strayed));
        for kind in [Kind::User, Kind::Team] {
            let locals: Vec<String> = newly
                .iter()
                .filter(|(of, _)| *of == kind)
                .map(|(_, local)| local.clone())
                .collect();
            for chunk in self.source.teams_of(kind, &locals).await?.chunks(500) {
                self.mark(Kind::Team, chunk.to_vec(), false).await?;
            }
            let locals: Vec<String> = strayed
                .iter()
                .filter(|(of, _)| *of == kind)
                .map(|(_, local)| local.clone())
                .collect();
            self.mark(kind, locals, true).await?;
        }
        Ok(())
    }

    /// Counts whom this run would take access from, before it does.
    async fn check_removals(&self, due: u64) -> Result<(), Stopped> {
        let most = self.settings.most_removals;
        if most == 0 || due <= most || self.wish.allow_removals || !self.settings.deactivate {
            return Ok(());
        }
        let (mut removals, mut after): (u64, Option<DuePlace>) = (0, None);
        let until = self.wish.clock.now();
        loop {
            let due = self
                .view()
                .await?
                .target_due(self.place(), Kind::User, until, after.as_ref(), CHUNK)
                .await?;
            let Some(last) = due.last() else { break };
            after = Some((last.due.unwrap_or(0), last.local.clone()));
            for (object, desired) in self.desired(due).await? {
                let gone = matches!(desired, Desired::Absent(_)) && object.remote.is_some();
                removals += u64::from(gone && object.sent.as_ref() != Some(&desired.hash()));
            }
        }
        if removals > most {
            return Err(Stopped::TooManyRemovals(removals, most));
        }
        Ok(())
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

    /// Pushes all of a kind that is due, and writes down what became of it while the next ones are under way.
    async fn due(&self, kind: Kind) -> Result<(), Stopped> {
        let (objects, queue) = mpsc::channel(CHUNK);
        let (reports, written) = mpsc::channel(2 * CHUNK);
        let queue = tokio::sync::Mutex::new(queue);
        let workers = (0..self.settings.parallel).map(|_| self.work(&queue, reports.clone()));
        let workers: Vec<_> = workers.collect();
        // The writing ends with the last worker.
        drop(reports);
        let (fed, worked, written) = tokio::join!(
            self.feed(kind, objects),
            join_all(workers),
            self.write_down(written)
        );
        let worked = worked.into_iter().find(Result::is_err).unwrap_or(Ok(()));
        fed.and(worked).and(written)
    }

    /// Reads what is due, with what the target should hold of it.
    async fn feed(&self, kind: Kind, objects: mpsc::Sender<Due>) -> Result<(), Stopped> {
        let until = self.wish.clock.now();
        let mut after: Option<DuePlace> = None;
        loop {
            let due = self
                .view()
                .await?
                .target_due(self.place(), kind, until, after.as_ref(), CHUNK)
                .await?;
            let Some(last) = due.last() else {
                return Ok(());
            };
            after = Some((last.due.unwrap_or(0), last.local.clone()));
            for one in self.desired(due).await? {
                if objects.send(one).await.is_err() || self.remote.stopped().is_some() {
                    // The workers tell why.
                    return Ok(());
                }
            }
        }
    }

    /// Pushes one after the other.
    async fn work(
        &self,
        queue: &tokio::sync::Mutex<mpsc::Receiver<Due>>,
        reports: mpsc::Sender<Report>,
    ) -> Result<(), Stopped> {
        loop {
            let next = queue.lock().await.recv().await;
            let Some((object, desired)) = next else {
                return Ok(());
            };
            match self.one(object, desired, &reports).await {
                Ok(report) => {
                    self.progress().looked_at.fetch_add(1, Relaxed);
                    // The writer ends only when a write failed, which ends the run.
                    let _ = reports.send(report).await;
                }
                Err(stopped) => {
                    self.remote.stop(stopped.clone());
                    // Nobody feeds a queue that nobody reads.
                    queue.lock().await.close();
                    return Err(stopped);
                }
            }
        }
    }

    async fn write_down(&self, mut reports: mpsc::Receiver<Report>) -> Result<(), Stopped> {
        let mut batch = Vec::with_capacity(CHUNK);
        while reports.recv_many(&mut batch, CHUNK).await > 0 {
            let reports = std::mem::take(&mut batch);
            let id = self.target.id;
            if let Err(stopped) = self.write(TargetChange::Report { id, reports }).await {
                self.remote.stop(stopped.clone());
                return Err(stopped);
            }
        }
        Ok(())
    }

    /// Pushes one. It fails only if the run ended before anything was done.
    async fn one(
        &self,
        object: TargetObject,
        desired: Desired,
        reports: &mpsc::Sender<Report>,
    ) -> Result<Report, Stopped> {
        if let Some(stopped) = self.remote.stopped() {
            return Err(stopped.clone());
        }
        let kind = object.kind;
        let mut report = Report {
            object,
            gone: false,
            members: Vec::new(),
            entries: Vec::new(),
        };
        let was = report.object.remote.clone();
        let done = match kind {
            Kind::Team => team::push(self, &mut report, &desired, reports).await,
            _ => user::push(self, &mut report, &desired).await,
        };
        if report.object.remote.is_some() && report.object.remote != was {
            lock(&self.newly).push((kind, report.object.local.clone()));
        }
        match done {
            Ok(()) => {}
            Err(Trouble::Stop(stopped)) => {
                // What was done is written down, the rest stays due.
                return if report.object.remote != was || !report.entries.is_empty() {
                    Ok(report)
                } else {
                    Err(stopped)
                };
            }
            Err(trouble) => self.failed(&mut report, &trouble),
        }
        Ok(report)
    }

    /// Writes down why, and when it is tried again.
    fn failed(&self, report: &mut Report, trouble: &Trouble) {
        self.progress().failed.fetch_add(1, Relaxed);
        let object = &mut report.object;
        object.attempts += 1;
        let reason = trouble.to_string();
        let again = object.attempts < ATTEMPTS;
        object.due = again.then(|| {
            // A minute, two, four, … up to six hours.
            let wait = 60_000_i64 << (object.attempts - 1).min(9);
            self.wish.clock.now() + wait.min(6 * 3_600_000)
        });
        object.error = Some(reason.clone());
        let next = match object.due {
            Some(due) => format!("tried again from {}", scim::datetime::format_millis(due)),
            None => "given up until the source changes or `provisor push sync --retry`".to_owned(),
        };
        report.entries.push(NewEntry {
            action: "fail",
            ok: false,
            status: trouble.status(),
            detail: json!({ "reason": reason, "attempt": object.attempts, "next": next }),
        });
    }

    /// Takes an id in the target for one of the source; false if it is taken already.
    pub(super) async fn claim(&self, object: &TargetObject, remote: &str) -> Result<bool, Trouble> {
        let ids = [remote.to_owned()];
        let mut view = self.wish.store.read().await?;
        let holder = view
            .target_by_remote(self.place(), object.kind, &ids)
            .await?;
        drop(view);
        if let Some(Some(holder)) = holder.first()
            && holder.local != object.local
        {
            return Ok(false);
        }
        Ok(lock(&self.claimed).insert((object.kind, remote.to_owned())))
    }

    /// Users or teams that should be in the target and turned out not to be.
    pub(super) fn stray(&self, kind: Kind, local: String) {
        lock(&self.strayed).push((kind, local));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
