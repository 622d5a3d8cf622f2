//! Targets that are active, pushed beside the requests: each by a task of its own, a bounded number of them at once.

use std::{collections::HashMap, sync::Arc, time::Duration};

use provisor_store::{
    Actor, Clock, Store, StoreError, TargetId, TenantId, TenantState, target::Target,
};
use tokio::{task::JoinHandle, time::sleep};

use crate::App;

use super::{
    lock::{RunLock, forget_locks},
    progress::Runs,
    run::{Wish, run},
    settings::TargetSettings,
    trouble::Stopped,
    turn::Turns,
};

/// How often the store is asked whether there is something to do. It is asked, not told, because other processes change it
/// too.
const LOOK: Duration = Duration::from_secs(1);
/// How long a run waits for a target that cannot be reached.
const PATIENCE: Duration = Duration::from_secs(20);
/// Targets that are pushed at once, and how long each is while others wait.
const AT_ONCE: usize = 4;
const TURN: Duration = Duration::from_mins(10);
/// After a run that ended early, a target is left alone for this time, doubled each time up to the longest.
const REST: Duration = Duration::from_secs(15);
const LONGEST_REST: Duration = Duration::from_mins(15);

/// Pushes until the server stops.
pub(crate) async fn serve(app: &App) {
    let (store, clock) = (app.store.clone(), app.clock.clone());
    let database = app.backend.path().to_owned();
    let key = app.settings.secret_key.for_database(&database);
    forget_locks(&*store, &database).await;
    let wish = Wish {
        patience: PATIENCE,
        ..Wish::new(store.clone(), clock.clone(), key, database, Actor::System)
    };
    let runs = app.runs.clone();
    let turns = Turns::new(AT_ONCE, TURN);
    let mut workers: HashMap<(TenantId, TargetId), Worker> = HashMap::new();
    loop {
        match wanting(&*store, &clock).await {
            Ok(targets) => {
                for target in targets {
                    let worker = workers.entry((target.tenant, target.id)).or_default();
                    if worker.is_ready(clock.now(), target.asked) {
                        // A progress of its own for each run.
                        let wish = Wish {
                            progress: Arc::default(),
                            ..wish.clone()
                        };
                        worker.task = Some(tokio::spawn(work(
                            target,
                            wish,
                            turns.clone(),
                            runs.clone(),
                        )));
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, "targets cannot be read; they are looked at again")
            }
        }
        sleep(LOOK).await;
        for worker in workers.values_mut() {
            worker.notice(clock.now()).await;
        }
    }
}

/// What is known of a target's task.
#[derive(Default)]
struct Worker {
    task: Option<JoinHandle<bool>>,
    failures: u32,
    rest_until: i64,
    /// When the rest began: whoever asks after that does not wait for its end.
    rests_since: i64,
}

impl Worker {
    fn is_ready(&self, now: i64, asked: i64) -> bool {
        self.task.is_none() && (self.rest_until <= now || asked > self.rests_since)
    }

    async fn notice(&mut self, now: i64) {
        let Some(task) = self.task.take_if(|task| task.is_finished()) else {
            return;
        };
        if matches!(task.await, Ok(true)) {
            (self.failures, self.rest_until) = (0, 0);
            return;
        }
        let rest = (REST * 2_u32.pow(self.failures.min(8))).min(LONGEST_REST);
        self.failures += 1;
        self.rests_since = now;
        self.rest_until = now + i64::try_from(rest.as_millis()).unwrap_or(i64::MAX);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Targets with something to do.
async fn wanting(store: &dyn Store, clock: &Clock) -> Result<Vec<Target>, StoreError> {
    let mut view = store.read().await?;
    let now = clock.now();
    let mut wanting = Vec::new();
    for target in view.targets(None).await? {
        let asked = target.asked > 0;
        if !target.active && !asked {
            continue;
        }
        let Ok(settings) = TargetSettings::of(&target) else {
            continue;
        };
        if target.is_fed_from_files() {
            continue;
        }
        let tenant = view.tenant_by_id(target.tenant).await?;
        if tenant.is_none_or(|tenant| tenant.state != TenantState::Active) {
            continue;
        }
        let seconds = |seconds: u64| {
            i64::try_from(seconds)
                .unwrap_or(i64::MAX)
                .saturating_mul(1000)
        };
        let scheduled = target.ran.saturating_add(seconds(settings.every)) <= now;
        let compare = seconds(settings.compare_every);
        let compare =
            target.compared == 0 || (compare > 0 && target.compared.saturating_add(compare) <= now);
        let place = (target.tenant, target.id);
        let something = asked
            || (scheduled
                && (target.whole != 0
                    || compare
                    || view.events(target.tenant, i64::MAX - 1, 1).await?.1 > target.cursor
                    || view
                        .target_next_due(place)
                        .await?
                        .is_some_and(|due| due <= now)));
        if something {
            wanting.push(target);
        }
    }
    Ok(wanting)
}

/// One run; true if it ended as it should.
async fn work(target: Target, mut wish: Wish, turns: Turns, runs: Runs) -> bool {
    let Some(turn) = turns.take().await else {
        return false;
    };
    let turn = Arc::new(turn);
    wish.turn = Some(turn.clone());
    let lock = match RunLock::take(&wish.database, (target.tenant, target.id)) {
        Ok(Some(lock)) => lock,
        // The command line pushes it.
        Ok(None) => return true,
        Err(error) => {
            tracing::error!(target = %target.name, "{error}");
            return false;
        }
    };
    // As it is now that nobody else pushes it.
    let current = async { wish.store.read().await?.targets(Some(target.tenant)).await };
    let current = match current.await {
        Ok(targets) => targets.into_iter().find(|one| one.id == target.id),
        Err(error) => {
            tracing::warn!(%error, "a target cannot be read");
            return false;
        }
    };
    // Forgotten meanwhile.
    let Some(target) = current else { return true };
    let (store, database) = (wish.store.clone(), wish.database.clone());
    let running = runs.begin((target.tenant, target.id), wish.progress.clone());
    let pushed = run(&target, wish).await;
    drop((running, lock, turn));
    match pushed {
        // It goes on when those are done that waited.
        Ok(_) | Err(Stopped::Turn) => true,
        // Whoever set it anew does not wait for a rest to end.
        Err(Stopped::Asked) => {
            // Perhaps it is gone, and its lock was held by this run until now.
            forget_locks(&*store, &database).await;
            true
        }
        Err(stopped) => {
            tracing::warn!(target = %target.name, tenant = %target.tenant, "a push ended early: {stopped}");
            false
        }
    }
}
