//! The directory in one SQLite file: one writer thread with group commit, readers beside it.

mod caller;
mod file;
mod get;
mod keys;
mod plan;
mod read;
mod rows;
mod scan;
mod search;
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

use crate::{Change, Clock, Origin, Outcome, Snapshot, Store, StoreError, WriteError, migration};

use caller::Callers;
use turns::Turns;
use walk::Boundaries;
use writer::Writer;

const MIGRATIONS: &[(&str, &str)] = &[(
    "0001 directory",
    include_str!("../migrations/directory/0001.sql"),
)];

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
            search_memory: 32 * 1024 * 1024,
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

    /// A key that stays inside, made at first use (for the MAC of cursors).
    pub fn secret(&self, name: &str) -> Result<[u8; 32], StoreError> {
        file::secret(&self.0.path, name, self.0.settings.busy_timeout)
    }

    /// Waits until every accepted change is committed, and stops the writer.
    pub fn close(&self) {
        self.0.writer.stop();
    }
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
        self.0.writer.submit(origin, change).await
    }
}
