//! How a target is: what is linked, to do and in trouble, how far a run is, and the log; on its page, and live.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use askama::Template;
use axum::response::Response;
use provisor_store::{
    Snapshot, TargetId, TenantId,
    target::{EntryQuery, Target, TargetCounts, TargetEntry},
};
use tokio::time::Instant;

use super::{Line, Sight, named, path};
use crate::{
    console::{Problem, eyes::Eyes, fields::Fields, layout::Pager, moment::Moment, visit::Visit},
    outbound::{Pushed, RunLock, Runs, view},
};

/// Lines of a page of the log.
const LINES: usize = 50;
/// A live page reads the store for a tenth of the time at most: to count a million rows takes some.
const REST: u32 = 9;

#[derive(Template)]
#[template(path = "targets/state.html")]
struct Part {
    target: Target,
    outcome: String,
    ran: Option<Moment>,
    counts: TargetCounts,
    behind: i64,
    running: Option<Pushed>,
    /// Another process pushes; how far it is, counts and log tell.
    is_pushed_elsewhere: bool,
    came_to: String,
    path: String,
    only_failed: bool,
    lines: Vec<Line>,
    pager: Pager,
}

/// Which target is looked at, and by whom.
pub(super) struct Look {
    place: (TenantId, TargetId),
    path: String,
    query: Fields,
    eyes: Eyes,
    runs: Runs,
    database: PathBuf,
    /// What was read last, and until when it is fresh.
    known: Mutex<Option<(Instant, Read)>>,
}

/// What the store says, and the lock of runs.
struct Read {
    target: Target,
    counts: TargetCounts,
    /// Events that no run has looked at.
    behind: i64,
    entries: Vec<TargetEntry>,
    /// As often as the store is read: to look takes the lock for a moment, which a run wants.
    is_pushed_elsewhere: bool,
}

impl Look {
    pub(super) fn new(visit: &Visit, place: (TenantId, TargetId), path: String) -> Self {
        Self {
            place,
            path,
            query: visit.query.clone(),
            eyes: Eyes::of(&visit.viewer),
            runs: visit.console.runs.clone(),
            database: visit.console.backend.path().to_owned(),
            known: Mutex::default(),
        }
    }

    /// As HTML, from one view of the store.
    pub(super) async fn part(
        &self,
        snapshot: &mut dyn Snapshot,
        now: i64,
    ) -> Result<String, Problem> {
        let read = self.read(snapshot).await?;
        self.render(&read, now)
    }

    /// As [`Look::part`], from what was read before as long as it is fresh; the run itself is told as it is.
    async fn again(&self, snapshot: &mut dyn Snapshot, now: i64) -> Result<String, Problem> {
        let began = Instant::now();
        if let Some((until, read)) = &*self.known()
            && began < *until
        {
            return self.render(read, now);
        }
        let read = self.read(snapshot).await?;
        let html = self.render(&read, now);
        *self.known() = Some((Instant::now() + began.elapsed() * REST, read));
        html
    }

    fn known(&self) -> MutexGuard<'_, Option<(Instant, Read)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read(&self, snapshot: &mut dyn Snapshot) -> Result<Read, Problem> {
        let targets = snapshot.targets(Some(self.place.0)).await?;
        let target = targets.into_iter().find(|known| known.id == self.place.1);
        let query = EntryQuery {
            failed: self.query.given("failed").is_some(),
            before: self.query.get("after").parse().ok(),
            limit: LINES + 1,
            ..EntryQuery::default()
        };
        let target = target.ok_or_else(|| Problem::missing("target"))?;
        let (_, last) = snapshot.events(self.place.0, i64::MAX - 1, 1).await?;
        Ok(Read {
            behind: match target.is_fed_from_files() {
                true => 0,
                false => last - target.cursor,
            },
            target,
            counts: snapshot.target_counts(self.place).await?,
            entries: snapshot.target_log(self.place, &query).await?,
            is_pushed_elsewhere: self.runs.of(self.place).is_none()
                && RunLock::is_held(&self.database, self.place),
        })
    }

    fn render(&self, read: &Read, now: i64) -> Result<String, Problem> {
        let sight = Sight::new(self.eyes, &read.target);
        let target = sight.target(&read.target);
        let more = read.entries.len() > LINES;
        let entries = &read.entries[..read.entries.len().min(LINES)];
        let next = entries.last().filter(|_| more);
        let lines = entries
            .iter()
            .map(|entry| Line::new(entry, &self.path, sight, now));
        let running = self.runs.of(self.place);
        let part = Part {
            outcome: view::outcome(&target).to_owned(),
            ran: (target.ran > 0).then(|| Moment::new(target.ran, now)),
            counts: read.counts,
            behind: read.behind,
            came_to: running.as_ref().map(view::counts).unwrap_or_default(),
            is_pushed_elsewhere: running.is_none() && read.is_pushed_elsewhere,
            running,
            path: self.path.clone(),
            only_failed: self.query.given("failed").is_some(),
            lines: lines.collect(),
            pager: Pager::new(
                &self.path,
                &self.query,
                next.map(|entry| entry.n.to_string()).as_deref(),
            ),
            target,
        };
        part.render().map_err(|error| Problem::internal(&error))
    }
}

/// The same again and again, for as long as it is looked at.
pub(in crate::console) async fn live(visit: Visit) -> Result<Response, Problem> {
    let (tenant, target) = named(&visit).await?;
    let path = path(&tenant.key, target.id);
    let look = Arc::new(Look::new(&visit, (tenant.id, target.id), path));
    visit.live(move |mut snapshot, now| {
        let look = look.clone();
        async move { look.again(snapshot.as_mut(), now).await }
    })
}
