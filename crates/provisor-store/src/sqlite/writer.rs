//! The one writer: takes the waiting changes, applies them in one transaction, commits once,
//! then answers all of them.
//!
//! Nobody is answered before COMMIT has returned. Each change decides by reads before it writes,
//! so that a refusal leaves nothing to undo; should a write statement fail all the same, the
//! batch is rolled back and its changes run again one by one.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{
    SqliteSettings, WriteMetrics,
    called::Lines,
    claim::Proof,
    file,
    write::{RulesCache, Transaction, Verdict},
};
use crate::{Change, Clock, Origin, StoreError};

/// A batch is closed after this time, so that no transaction holds others up.
const BATCH_TIME: Duration = Duration::from_millis(10);
/// WAL pages between two checkpoints.
const CHECKPOINT_PAGES: u64 = 4_000;
/// WAL pages after which the writer sees to it that the WAL starts again.
const RESTART_PAGES: u64 = 16_000;

/// As many pages the writer copies itself, so that the WAL can start again.
const TAIL_PAGES: u64 = 1_000;

struct Job {
    origin: Origin,
    change: Change,
    proofs: Vec<Proof>,
    lines: Option<Arc<Lines>>,
    reply: oneshot::Sender<Result<Verdict, StoreError>>,
    waiting: Waiting,
}

impl Job {
    fn answer(self, result: Result<Verdict, StoreError>) {
        drop(self.waiting);
        // The client may have gone; its change is stored all the same.
        let _ = self.reply.send(result);
    }
}

/// Counted while it lives.
struct Waiting(Arc<WriteMetrics>);

impl Waiting {
    fn new(metrics: &Arc<WriteMetrics>) -> Self {
        metrics.waiting.fetch_add(1, Relaxed);
        Self(metrics.clone())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Relaxed);
    }
}

/// The writer's thread and its queue.
pub(super) struct Writer {
    queue: Mutex<Option<Sender<Job>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    metrics: Arc<WriteMetrics>,
}

impl Writer {
    pub(super) fn start(
        path: &Path,
        mut connection: Connection,
        settings: SqliteSettings,
        clock: Clock,
        metrics: Arc<WriteMetrics>,
    ) -> Result<Self, StoreError> {
        let (queue, jobs) = crossbeam_channel::unbounded();
        let (due, waits) = crossbeam_channel::bounded(1);
        let checkpointer = file::open_writer(path, settings.busy_timeout)?;
        let wal = Arc::new(Wal::new());
        wal.watch(&mut connection)?;
        let spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
            std::thread::Builder::new()
                .name(name.into())
                .spawn(work)
                .map_err(|error| StoreError::Open(format!("cannot start a thread: {error}")))
        };
        let mut run = Run {
            connection,
            clock,
            rules: RulesCache::default(),
            metrics: metrics.clone(),
            wal: wal.clone(),
            due,
        };
        let threads = vec![
            spawn("store-writer", Box::new(move || run.all(&jobs)))?,
            spawn(
                "store-checkpoint",
                Box::new(move || checkpoints(&checkpointer, &waits, &wal)),
            )?,
        ];
        Ok(Self {
            queue: Mutex::new(Some(queue)),
            threads: Mutex::new(threads),
            metrics,
        })
    }

    pub(super) async fn submit(
        &self,
        origin: Origin,
        change: Change,
        proofs: Vec<Proof>,
        lines: Option<Arc<Lines>>,
    ) -> Result<Verdict, StoreError> {
        let stopped = || StoreError::Unavailable("the server is shutting down".into());
        let (reply, answer) = oneshot::channel();
        let job = Job {
            origin,
            change,
            proofs,
            lines,
            reply,
            waiting: Waiting::new(&self.metrics),
        };
        let sent = self
            .queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .is_some_and(|queue| queue.send(job).is_ok());
        if !sent {
            return Err(stopped());
        }
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Lets the threads finish what is accepted, and waits for them.
    pub(super) fn stop(&self) {
        drop(
            self.queue
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a store thread panicked");
            }
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop();
    }
}

struct Run {
    connection: Connection,
    clock: Clock,
    rules: RulesCache,
    metrics: Arc<WriteMetrics>,
    wal: Arc<Wal>,
    due: Sender<()>,
}

impl Run {
    fn all(&mut self, jobs: &Receiver<Job>) {
        while let Ok(first) = jobs.recv() {
            self.batch(first, jobs);
            self.keep_wal_short();
        }
    }

    /// Applies the first job and those that wait behind it.
    fn batch(&mut self, first: Job, jobs: &Receiver<Job>) {
        let mut transaction =
            match Transaction::begin(&self.connection, &mut self.rules, self.clock.now()) {
                Ok(transaction) => transaction,
                Err(error) => {
                    // Who waits by now has waited as long; who comes after the first answer has not.
                    let waited: Vec<Job> = std::iter::once(first).chain(jobs.try_iter()).collect();
                    return fail(waited, &error);
                }
            };
        let started = Instant::now();
        let mut done: Vec<(Job, Verdict)> = Vec::new();
        let mut next = Some(first);
        while let Some(job) = next.take() {
            match apply(&mut transaction, &job) {
                Ok(applied) => done.push((job, applied)),
                Err(error) => {
                    drop(transaction);
                    self.rules.clear();
                    if done.is_empty() {
                        return fail([job], &error);
                    }
                    tracing::warn!(%error, "a batch of changes failed; running them one by one");
                    self.metrics.reruns.fetch_add(1, Relaxed);
                    for job in done.into_iter().map(|(job, _)| job).chain([job]) {
                        self.single(job);
                    }
                    return;
                }
            }
            if started.elapsed() < BATCH_TIME {
                next = jobs.try_recv().ok().or_else(|| {
                    // Where threads share a core, whoever is about to send comes first: larger
                    // batches share a sync and the pages they append to.
                    std::thread::yield_now();
                    jobs.try_recv().ok()
                });
            }
        }
        let committed = transaction.commit();
        self.end(committed, done);
    }

    fn single(&mut self, job: Job) {
        let begun = Transaction::begin(&self.connection, &mut self.rules, self.clock.now());
        let applied = begun.and_then(|mut transaction| {
            let applied = apply(&mut transaction, &job)?;
            transaction.commit()?;
            Ok(applied)
        });
        match applied {
            Ok(applied) => self.end(Ok(()), vec![(job, applied)]),
            Err(error) => {
                self.rules.clear();
                fail([job], &error);
            }
        }
    }

    /// Answers a batch. After a failed COMMIT nothing of it is kept, and trying again at once
    /// could call durable what the disk has refused.
    fn end(&mut self, committed: Result<(), StoreError>, done: Vec<(Job, Verdict)>) {
        match committed {
            Ok(()) => {
                self.metrics.commits.fetch_add(1, Relaxed);
                self.metrics.changes.fetch_add(done.len() as u64, Relaxed);
                for (job, verdict) in done {
                    job.answer(Ok(verdict));
                }
            }
            Err(error) => {
                self.rules.clear();
                fail(done.into_iter().map(|(job, _)| job), &error);
            }
        }
    }

    /// Asks for a checkpoint when one is due; and when the checkpoints cannot catch up with the
    /// writing, copies the last pages itself, so that the WAL can start again from its beginning.
    fn keep_wal_short(&self) {
        let pages = self.wal.pages.load(Relaxed);
        if pages < self.wal.due_at.load(Relaxed) {
            return;
        }
        let behind = pages.saturating_sub(self.wal.copied.load(Relaxed));
        if pages >= RESTART_PAGES && behind <= TAIL_PAGES {
            self.wal.checkpoint(&self.connection, TAIL_PAGES);
        } else {
            // Full means that one is due already.
            let _ = self.due.try_send(());
        }
    }
}

/// A panic in a change is that change's failure only.
fn apply(transaction: &mut Transaction<'_>, job: &Job) -> Result<Verdict, StoreError> {
    let (proofs, lines) = (&job.proofs, job.lines.as_ref());
    let work = AssertUnwindSafe(|| transaction.apply(&job.origin, &job.change, proofs, lines));
    catch_unwind(work).unwrap_or_else(|_| {
        Err(StoreError::Failed(
            "a change panicked; nothing of it was kept. Please report this".into(),
        ))
    })
}

fn fail(jobs: impl IntoIterator<Item = Job>, error: &StoreError) {
    match error {
        StoreError::Newer { .. } => tracing::error!(
            %error,
            "changes are refused: a newer version has changed the database beside this one; restart \
             the server with the new version"
        ),
        _ => tracing::error!(%error, "changes could not be stored"),
    }
    for job in jobs {
        let error = match error {
            StoreError::Unavailable(text) => StoreError::Unavailable(text.clone()),
            StoreError::Corrupt(text) => StoreError::Corrupt(text.clone()),
            StoreError::Failed(text) => StoreError::Failed(text.clone()),
            StoreError::Newer { found, known } => StoreError::Newer {
                found: *found,
                known: *known,
            },
            StoreError::Open(_) => StoreError::Failed(error.to_string()),
        };
        job.answer(Err(error));
    }
}

/// How long the WAL is.
struct Wal {
    /// Pages in it after the last commit.
    pages: AtomicU64,
    /// At how many pages the next checkpoint is due.
    due_at: AtomicU64,
    /// How many of them the last checkpoint left copied.
    copied: AtomicU64,
}

impl Wal {
    fn new() -> Self {
        Self {
            pages: AtomicU64::new(0),
            due_at: AtomicU64::new(CHECKPOINT_PAGES),
            copied: AtomicU64::new(0),
        }
    }

    /// Notes the length after every commit.
    fn watch(self: &Arc<Self>, connection: &mut Connection) -> Result<(), StoreError> {
        let wal = self.clone();
        connection.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages: i32| {
            let pages = u64::from(pages.unsigned_abs());
            if wal.pages.swap(pages, Relaxed) > pages {
                // It has started again.
                wal.copied.store(0, Relaxed);
                wal.due_at.store(CHECKPOINT_PAGES, Relaxed);
            }
            Ok(())
        }))?;
        Ok(())
    }

    /// Copies into the file what no reader holds back, waiting for nobody. A WAL that ought to
    /// start again is looked at `again` after so many pages.
    fn checkpoint(&self, connection: &Connection, again: u64) {
        let before = self.pages.load(Relaxed);
        let done = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
            row.get::<_, i64>(2)
        });
        match done {
            Ok(copied) => {
                let pages = self.pages.load(Relaxed);
                // Negative: another process is at it.
                let copied = u64::try_from(copied).unwrap_or(self.copied.load(Relaxed));
                if pages < before {
                    // It has started again meanwhile.
                    return;
                }
                self.copied.store(copied, Relaxed);
                let held = before.saturating_sub(copied) > TAIL_PAGES;
                let pause = match pages >= RESTART_PAGES && !held {
                    true => again,
                    false => CHECKPOINT_PAGES,
                };
                self.due_at.store(before + pause, Relaxed);
            }
            Err(error) => {
                tracing::warn!(%error, "a checkpoint failed; it is tried again");
            }
        }
    }
}

/// Copies the WAL into the file whenever it is due, beside the writer.
fn checkpoints(connection: &Connection, due: &Receiver<()>, wal: &Wal) {
    while due.recv().is_ok() {
        wal.checkpoint(connection, 1);
    }
}
