//! The one writer: takes the waiting changes, applies them in one transaction, commits once,
//! then answers all of them.
//!
//! Nobody is answered before COMMIT has returned. Each change decides by reads before it writes,
//! so that a refusal leaves nothing to undo; should a write statement fail all the same, the
//! batch is rolled back and its changes run again one by one.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, atomic::Ordering::Relaxed},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{
    SqliteSettings, WriteMetrics, file,
    write::{Applied, RulesCache, Transaction},
};
use crate::{Change, Clock, Origin, Outcome, StoreError, WriteError};

/// A batch is closed after this time, so that no transaction holds others up.
const BATCH_TIME: Duration = Duration::from_millis(10);
/// WAL pages after which a checkpoint is due.
const CHECKPOINT_PAGES: u64 = 4_000;
/// WAL pages after which the checkpoint also restarts the WAL, waiting for the writer's gap.
const RESTART_PAGES: u64 = 40_000;

struct Job {
    origin: Origin,
    change: Change,
    reply: oneshot::Sender<Result<Outcome, WriteError>>,
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
        connection: Connection,
        settings: SqliteSettings,
        clock: Clock,
        metrics: Arc<WriteMetrics>,
    ) -> Result<Self, StoreError> {
        let (queue, jobs) = crossbeam_channel::unbounded();
        let (due, checkpoints) = crossbeam_channel::bounded(1);
        let checkpointer = file::open_writer(path, settings.busy_timeout)?;
        let wal = {
            let mut name = path.as_os_str().to_owned();
            name.push("-wal");
            PathBuf::from(name)
        };
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
                Box::new(move || checkpoint(&checkpointer, &checkpoints, &wal)),
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
    ) -> Result<Outcome, WriteError> {
        let stopped = || StoreError::Unavailable("the server is shutting down".into());
        let (reply, answer) = oneshot::channel();
        let job = Job {
            origin,
            change,
            reply,
        };
        self.metrics.waiting.fetch_add(1, Relaxed);
        let sent = self
            .queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .is_some_and(|queue| queue.send(job).is_ok());
        if !sent {
            self.metrics.waiting.fetch_sub(1, Relaxed);
            return Err(stopped().into());
        }
        answer.await.unwrap_or_else(|_| Err(stopped().into()))
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
    wal: PathBuf,
    due: Sender<()>,
}

impl Run {
    fn all(&mut self, jobs: &Receiver<Job>) {
        while let Ok(first) = jobs.recv() {
            self.batch(first, jobs);
            let pages = std::fs::metadata(&self.wal).map_or(0, |file| file.len() / 4096);
            if pages > CHECKPOINT_PAGES {
                // Full means that one is due already.
                let _ = self.due.try_send(());
            }
        }
    }

    /// Applies the first job and those that wait behind it.
    fn batch(&mut self, first: Job, jobs: &Receiver<Job>) {
        let mut done: Vec<(Job, Applied)> = Vec::new();
        let mut next = Some(first);
        let started = Instant::now();
        let failed = match Transaction::begin(&self.connection, &mut self.rules, self.clock.now()) {
            Ok(mut transaction) => loop {
                let Some(job) = next.take() else {
                    break transaction.commit().err();
                };
                match transaction.apply(&job.origin, &job.change) {
                    Ok(applied) => done.push((job, applied)),
                    Err(error) => {
                        next = Some(job);
                        break Some(error);
                    }
                }
                if started.elapsed() < BATCH_TIME {
                    next = jobs.try_recv().ok();
                }
            },
            Err(error) => Some(error),
        };
        match failed {
            None => {
                self.metrics.commits.fetch_add(1, Relaxed);
                for (job, applied) in done {
                    self.answer(job, applied.map_err(WriteError::from));
                }
            }
            Some(error) => {
                self.rules.clear();
                let alone = done.is_empty();
                let batch = done.into_iter().map(|(job, _)| job).chain(next);
                if alone {
                    for job in batch {
                        self.fail(job, &error);
                    }
                } else {
                    tracing::warn!(%error, "a batch of changes failed; running them one by one");
                    self.metrics.reruns.fetch_add(1, Relaxed);
                    for job in batch {
                        self.single(job);
                    }
                }
            }
        }
    }

    fn single(&mut self, job: Job) {
        let result = Transaction::begin(&self.connection, &mut self.rules, self.clock.now())
            .and_then(|mut transaction| {
                let applied = transaction.apply(&job.origin, &job.change)?;
                transaction.commit()?;
                Ok(applied)
            });
        match result {
            Ok(applied) => {
                self.metrics.commits.fetch_add(1, Relaxed);
                self.answer(job, applied.map_err(WriteError::from));
            }
            Err(error) => {
                self.rules.clear();
                self.fail(job, &error);
            }
        }
    }

    fn fail(&self, job: Job, error: &StoreError) {
        tracing::error!(%error, "a change could not be stored");
        let error = match error {
            StoreError::Unavailable(text) => StoreError::Unavailable(text.clone()),
            StoreError::Corrupt(text) => StoreError::Corrupt(text.clone()),
            other => StoreError::Failed(other.to_string()),
        };
        self.answer(job, Err(error.into()));
    }

    fn answer(&self, job: Job, result: Result<Outcome, WriteError>) {
        self.metrics.waiting.fetch_sub(1, Relaxed);
        self.metrics.changes.fetch_add(1, Relaxed);
        // The client may have gone; its change is stored all the same.
        let _ = job.reply.send(result);
    }
}

/// Copies the WAL into the file whenever it is due, beside the writer.
fn checkpoint(connection: &Connection, due: &Receiver<()>, wal: &Path) {
    while due.recv().is_ok() {
        let pages = std::fs::metadata(wal).map_or(0, |file| file.len() / 4096);
        let run = |mode: &str| connection.query_row(mode, [], |_| Ok(()));
        let mut result = run("PRAGMA wal_checkpoint(PASSIVE)");
        if pages > RESTART_PAGES && result.is_ok() {
            result = run("PRAGMA wal_checkpoint(TRUNCATE)");
        }
        if let Err(error) = result {
            tracing::warn!(%error, "a checkpoint failed; it is tried again");
        }
    }
}
