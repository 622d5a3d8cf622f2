//! The directory in one SQLite file: one writer thread with group commit, readers beside it.

mod called;
mod caller;
mod claim;
mod file;
mod get;
mod keys;
mod lists;
mod people;
mod plan;
mod read;
mod rows;
mod scan;
mod search;
mod target;
mod turns;
mod walk;
mod write;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use rusqlite::Connection;

use crate::{
    Change, Clock, Id, Origin, Outcome, Snapshot, Store, StoreError, TenantId, WriteError,
    log::Retention, migration,
};

use called::Lines;
use caller::Callers;
use claim::{Claim, Proof};
use turns::Turns;
use walk::Boundaries;
use write::Verdict;
use writer::Writer;

const MIGRATIONS: &[(&str, &str)] = &[
    (
        "0001 directory",
        include_str!("../migrations/directory/0001.sql"),
    ),
    (
        "0002 events as lists",
        include_str!("../migrations/directory/0002.sql"),
    ),
    (
        "0003 console",
        include_str!("../migrations/directory/0003.sql"),
    ),
    (
        "0004 membership told",
        include_str!("../migrations/directory/0004.sql"),
    ),
    (
        "0005 log retention",
        include_str!("../migrations/directory/0005.sql"),
    ),
    (
        "0006 targets",
        include_str!("../migrations/directory/0006.sql"),
    ),
    (
        "0007 simulations",
        include_str!("../migrations/directory/0007.sql"),
    ),
];

/// How often a change of settings is tried while what it relies on changes.
const PROOFS: usize = 20;

/// Connections for reading that are kept while nobody reads.
const IDLE_READERS: usize = 64;

/// Settings of the SQLite backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SqliteSettings {
    /// A search that would take longer is refused, as is one that waits longer for its turn.
    pub scan_time: Duration,
    /// How many scans run at once, half of them for one tenant; more wait.
    pub scan_threads: usize,
    /// Bytes that one search keeps of its page, which ends early, and of a list that it has to
    /// sort, beyond which a page is refused.
    pub search_memory: usize,
    /// How long to wait for another process that writes.
    pub busy_timeout: Duration,
}

impl Default for SqliteSettings {
    fn default() -> Self {
        Self {
            scan_time: Duration::from_secs(10),
            scan_threads: 2,
            search_memory: 64 * 1024 * 1024,
            busy_timeout: Duration::from_secs(10),
        }
    }
}

/// A directory in one SQLite file. Cheap to clone.
#[derive(Clone)]
pub struct SqliteStore(Arc<Shared>);

struct Shared {
    path: PathBuf,
    settings: SqliteSettings,
    clock: Clock,
    readers: Mutex<Vec<Connection>>,
    callers: Callers,
    boundaries: Boundaries,
    scans: Turns,
    writer: Writer,
    metrics: Arc<WriteMetrics>,
}

/// What the writer and the scans did so far, for `/metrics`.
#[derive(Debug, Default)]
pub struct WriteMetrics {
    /// Transactions committed.
    pub commits: std::sync::atomic::AtomicU64,
    /// Changes in them.
    pub changes: std::sync::atomic::AtomicU64,
    /// Changes waiting now.
    pub waiting: std::sync::atomic::AtomicU64,
    /// Batches that had to be run again one by one.
    pub reruns: std::sync::atomic::AtomicU64,
    /// Searches that read every resource of a type.
    pub scans: std::sync::atomic::AtomicU64,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SqliteStore({})", self.0.path.display())
    }
}

impl SqliteStore {
    /// Opens the file, creating or migrating it, and starts its writer.
    ///
    /// Errors: the file cannot be opened or written, is no database of this program, is damaged,
    /// or was written by a newer version.
    pub fn open(path: &Path, settings: SqliteSettings, clock: Clock) -> Result<Self, StoreError> {
        let connection = file::open_writer(path, settings.busy_timeout)?;
        migration::migrate(&connection, MIGRATIONS)?;
        let metrics = Arc::<WriteMetrics>::default();
        let writer = Writer::start(path, connection, settings, clock.clone(), metrics.clone())?;
        Ok(Self(Arc::new(Shared {
            path: path.to_owned(),
            settings,
            clock,
            readers: Mutex::default(),
            callers: Callers::default(),
            boundaries: Boundaries::default(),
            scans: Turns::new(settings.scan_threads, settings.scan_time),
            writer,
            metrics,
        })))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// What the writer and the scans did so far.
    pub fn metrics(&self) -> &WriteMetrics {
        &self.0.metrics
    }

    /// Copies the database while it is in use. `progress` gets pages done and pages in all.
    ///
    /// The copy is one consistent state, and nothing but one file.
    pub fn backup(
        &self,
        destination: &Path,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), StoreError> {
        file::backup(&self.0.path, destination, progress)
    }

    /// True if another process has the file open: a server, or a command that is running.
    ///
    /// Errors: it cannot be opened, or is no database.
    pub fn is_in_use(path: &Path) -> Result<bool, StoreError> {
        file::is_in_use(path)
    }

    /// Checks the whole file and that counters, search keys, membership and event order are what
    /// the documents say. Empty if all is well.
    pub fn check(&self) -> Result<Vec<String>, StoreError> {
        file::check(&self.0.path)
    }

    /// Copies the journal into the file and empties it, so that it holds nothing of what was
    /// erased. False if somebody was reading all the time.
    pub fn empty_journal(&self) -> Result<bool, StoreError> {
        file::empty_journal(&self.0.path, self.0.settings.busy_timeout)
    }

    /// Writes the whole file anew, so that not even the unused space within its pages holds
    /// anything of what was erased. Changes wait meanwhile, also those of a running server.
    /// False if somebody was reading all the time, so that the journal is not empty yet.
    pub fn compact(&self) -> Result<bool, StoreError> {
        file::compact(&self.0.path, self.0.settings.busy_timeout)
    }

    async fn prove(
        &self,
        tenant: TenantId,
        claim: Claim,
        earlier: Option<Proof>,
    ) -> Result<Proof, WriteError> {
        let shared = self.0.clone();
        let turn = self.0.scans.take(tenant).await.map_err(|_| {
            unproven(
                "All resources of the tenant must be checked for this setting, and other long \
                 searches are under way. Nothing was changed; try again in a moment.",
            )
        })?;
        let proof = tokio::task::spawn_blocking(move || {
            // It ends with the work, not with the request.
            let _turn = turn;
            claim::prove(&shared, tenant, claim, earlier.as_ref())
        });
        Ok(proof.await.map_err(failed)??)
    }

    /// Lines of logs that erasing a user will blank. While other long searches are under way the writer reads them all.
    async fn lines(&self, tenant: TenantId, user: Id) -> Result<Option<Arc<Lines>>, StoreError> {
        let shared = self.0.clone();
        let Ok(turn) = self.0.scans.take(tenant).await else {
            return Ok(None);
        };
        let lines = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            Lines::read(&shared, tenant, user)
        });
        Ok(lines.await.map_err(failed)??.map(Arc::new))
    }

    /// Connections whose requests the sync log keeps for a time of their own: for
    /// [`SyncLog::obey`](crate::SyncLog::obey).
    pub fn log_retentions(&self) -> Result<Vec<Retention>, StoreError> {
        let reader = self.0.reader()?;
        let found = caller::log_retentions(&reader)?;
        self.0.give_back(reader);
        Ok(found)
    }

    /// A key that stays inside, made at first use (for the MAC of cursors).
    pub fn secret(&self, name: &str) -> Result<[u8; 32], StoreError> {
        file::secret(&self.0.path, name, self.0.settings.busy_timeout)
    }

    /// Waits until every accepted change is committed, and stops the writer.
    pub fn close(&self) {
        self.0.writer.stop();
    }
}

/// 503 for a setting whose claim could not be proved now.
fn unproven(why: &str) -> crate::Refusal {
    crate::Refusal::new(crate::Cause::Unavailable, scim::Kind::Unavailable, why)
}

fn failed(error: impl std::error::Error) -> StoreError {
    StoreError::Failed(error.to_string())
}

impl Shared {
    fn reader(&self) -> Result<Connection, StoreError> {
        let pooled = self
            .readers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        match pooled {
            Some(connection) => Ok(connection),
            None => file::open_reader(&self.path, self.settings.busy_timeout),
        }
    }

    fn give_back(&self, connection: Connection) {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.len() < IDLE_READERS {
            readers.push(connection);
        }
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn read(&self) -> Result<Box<dyn Snapshot>, StoreError> {
        Ok(Box::new(read::View::begin(self.0.clone())?))
    }

    async fn write(&self, origin: Origin, change: Change) -> Result<Outcome, WriteError> {
        if !change.is_of_settings() {
            let lines = match &change {
                Change::Erase { id } => self.lines(origin.tenant, *id).await?,
                _ => None,
            };
            let job = self.0.writer.submit(origin, change, Vec::new(), lines);
            return job.await?.decided();
        }
        // What it relies on is proved beside the writer, and again while too much changes meanwhile.
        let mut proofs: Vec<Proof> = Vec::new();
        for _ in 0..PROOFS {
            let (from, what) = (origin.clone(), change.clone());
            let verdict = self
                .0
                .writer
                .submit(from, what, proofs.clone(), None)
                .await?;
            let Verdict::Unproven(claim) = verdict else {
                return verdict.decided();
            };
            let known = proofs.iter().position(|proof| proof.claim == claim);
            let earlier = known.map(|at| proofs.swap_remove(at));
            proofs.push(self.prove(origin.tenant, claim, earlier).await?);
        }
        Err(unproven(
            "So much changes in this tenant that its resources could not be checked for this \
             setting. Nothing was changed; try again when it is quieter.",
        )
        .into())
    }
}
