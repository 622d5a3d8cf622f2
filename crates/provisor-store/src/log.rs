//! The sync log: the requests that arrived and their answers, in a file of its own.
//!
//! Recording never waits: entries go through a queue that is bounded by number and bytes to one
//! writer thread; counted requests go into fixed buffers. What finds no room is dropped, counted
//! and recorded as a gap, so the log can never delay or fill the directory, and never claims to
//! know what it does not.

mod counting;
mod entry;
mod erase;
mod expire;
mod file;
mod flush;
mod gap;
mod mention;
mod name;
mod page;
mod query;
mod rate;
mod reader;
mod redact;
mod retention;
mod tally;
mod took;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    net::IpAddr,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::Ordering::{AcqRel, Acquire, Relaxed},
    },
    thread::JoinHandle,
};

use crossbeam_channel::{Sender, bounded};

use crate::{Clock, ConnectionId, StoreError, TenantId};

use self::{
    counting::{Kind, Wake},
    file::{Location, LogFile},
    flush::Queued,
    name::NameKey,
    rate::Rate,
    reader::Pool,
    writer::{Message, Retentions, Shared, State, Writer},
};

pub use entry::{Body, Counted, Entry, Kept, Operation};
pub use erase::{Erased, Subject, erase};
pub use gap::{Gap, GapKind, Window};
pub use page::LogPage;
pub use query::{LogFilter, Logged, Place, Show, Whose};
pub use reader::{Count, LogReader, Seen};
pub use redact::{mask as mask_json, mask_text, mask_word};
pub use retention::Retention;
pub use tally::{Causes, Refusals, SLOT_MS, Sum};
pub use took::Took;

/// How much is kept, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// Reads in full per connection and second; more are counted.
    pub reads_per_second: u32,
    /// Refusals before authentication in full per address (IPv6: per /64) and second.
    pub refusals_per_address: u32,
    /// Refusals before authentication in full per second.
    pub refusals_per_second: u32,
    /// Bytes of a body that are kept.
    pub body_limit: usize,
    /// Milliseconds that entries, counts and names are kept.
    pub entry_retention_ms: i64,
    /// Milliseconds that bodies are kept.
    pub body_retention_ms: i64,
    /// Largest size of the file in bytes; the oldest goes first. The write-ahead file beside it
    /// stays under a quarter of this, or 16 MiB if that is more.
    pub max_bytes: u64,
    /// Entries that may wait for the writer.
    pub queue_entries: usize,
    /// Bytes of entries that may wait for the writer.
    pub queue_bytes: usize,
}

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            reads_per_second: 200,
            refusals_per_address: 10,
            refusals_per_second: 100,
            body_limit: 16 * 1024,
            entry_retention_ms: 90 * DAY_MS,
            body_retention_ms: 14 * DAY_MS,
            max_bytes: 1 << 30,
            queue_entries: 10_000,
            queue_bytes: 32 << 20,
        }
    }
}

/// What the log is doing, for `/metrics`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogStats {
    /// Entries that wait for the writer.
    pub queued: u64,
    /// Entries written since the start.
    pub recorded: u64,
    /// Requests counted since the start.
    pub counted: u64,
    /// Entries dropped since the start.
    pub dropped: u64,
    /// Names of counted requests dropped since the start.
    pub names_dropped: u64,
    /// Size of the file without its write-ahead file.
    pub file_bytes: u64,
    /// When the last flush ended well, in milliseconds since 1970.
    pub last_flush_ms: i64,
}

/// Names of one entry that are indexed; more are a gap.
const NAMES: usize = 10_000;

/// The log of a running server. Cheap to clone; dropping the last clone flushes and closes.
#[derive(Debug, Clone)]
pub struct SyncLog(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    sender: Sender<Message>,
    thread: Mutex<Option<JoinHandle<()>>>,
    key: NameKey,
    body_limit: usize,
    days: (i64, i64),
    queue_bytes: u64,
    reads: Rate,
    refusals_by_address: Rate,
    refusals: Rate,
    reader: LogReader,
}

impl SyncLog {
    /// Opens the file, or makes it. A damaged one is put aside as `*.corrupt-<ms>`, and the new
    /// one says so. One process at a time; the CLI beside it uses [`LogReader::open`].
    ///
    /// # Errors
    /// [`StoreError::Newer`], [`StoreError::Open`], [`StoreError::Unavailable`] (disk full,
    /// read-only); a server may go on with [`SyncLog::disabled`].
    pub fn open(path: &Path, settings: LogSettings, clock: Clock) -> Result<Self, StoreError> {
        Self::start(Location::File(path.to_owned()), settings, clock)
    }

    /// A log in memory, for tests. It is gone when the last clone is dropped or it is closed.
    ///
    /// # Errors
    /// [`StoreError`] only without memory or threads.
    pub fn in_memory(settings: LogSettings, clock: Clock) -> Result<Self, StoreError> {
        Self::start(Location::memory(), settings, clock)
    }

    fn start(location: Location, settings: LogSettings, clock: Clock) -> Result<Self, StoreError> {
        let file = LogFile::open(location.clone(), &settings, clock.now(), None)?;
        let key = file.key;
        let pool = Arc::new(Pool::new(location, Some(key)));
        let (sender, receiver) = bounded(settings.queue_entries.max(1));
        let shared = Arc::new(Shared::new());
        let log = Inner::new(Arc::clone(&shared), sender, key, &settings, Some(&pool));
        let writer = Writer {
            receiver,
            shared,
            settings,
            clock,
            pool,
            file: Some(file),
            state: State::default(),
        };
        let thread = std::thread::Builder::new()
            .name("sync-log".to_owned())
            .spawn(|| writer.run())
            .map_err(|error| StoreError::Failed(format!("the sync log has no thread: {error}")))?;
        *log.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(Self(Arc::new(log)))
    }

    /// A log that drops and counts everything: for a server whose log cannot be opened.
    pub fn disabled() -> Self {
        let (sender, _) = bounded(1);
        let settings = LogSettings::default();
        let (shared, key) = (Arc::new(Shared::new()), NameKey([0; 16]));
        Self(Arc::new(Inner::new(shared, sender, key, &settings, None)))
    }

    /// Days that entries and bodies are kept, at most.
    pub fn days(&self) -> (i64, i64) {
        self.0.days
    }

    /// The bytes of a body to keep, for [`Body::new`].
    pub fn body_limit(&self) -> usize {
        self.0.body_limit
    }

    /// What is kept of this body.
    pub fn body(&self, body: &[u8]) -> Body {
        Body::new(body, self.0.body_limit)
    }

    /// Queues an entry. Never waits; without room the entry is dropped and counted.
    pub fn record(&self, mut entry: Entry) {
        let log = &*self.0;
        entry.tidy();
        let mut hashes: Vec<i64> = entry
            .names
            .drain(..)
            .filter(|name| !name.trim().is_empty())
            .map(|name| log.key.hash(&name))
            .collect();
        hashes.sort_unstable();
        hashes.dedup();
        if hashes.len() > NAMES {
            log.shared.lose_names(entry.at, hashes.len() - NAMES);
            hashes.truncate(NAMES);
        }
        let size = entry.size() + hashes.len() * size_of::<i64>();
        let taken = size as u64;
        let (from, to) = (entry.at, entry.end());
        let queued = Box::new(Queued {
            entry,
            hashes,
            size,
        });
        let waiting = log.shared.queued_bytes.fetch_add(taken, AcqRel) + taken;
        if waiting > log.queue_bytes || log.sender.try_send(Message::Entry(queued)).is_err() {
            log.shared.queued_bytes.fetch_sub(taken, AcqRel);
            log.shared.lose(from, to);
        }
    }

    /// Counts a request and indexes its names. Never waits for the file; allocates nothing unless a
    /// name is not ASCII or longer than 256 bytes.
    pub fn count(&self, counted: &Counted<'_>) {
        let log = &*self.0;
        let kind = Kind {
            tenant: reader::nobody(counted.tenant),
            second: counted.at.div_euclid(1000),
            connection: counted.connection.map_or(0, |connection| connection.0),
            operation: counted.operation as u8,
            status: counted.status,
        };
        let names = if counted.tenant.is_some() {
            counted.names
        } else {
            &[]
        };
        let hashes = names
            .iter()
            .filter(|name| !name.trim().is_empty())
            .map(|name| log.key.hash(name));
        let step = took::step(counted.duration_us);
        let message = match log.shared.counting.add(kind, step, counted.at, hashes) {
            Wake::No => return,
            Wake::Soon => Message::Soon,
            Wake::Now => Message::Now,
        };
        // A full queue keeps the writer awake anyway.
        log.sender.try_send(message).ok();
    }

    /// True if a read of this connection is to be recorded in full now, false if it is to be counted.
    pub fn admit_read(&self, tenant: TenantId, connection: ConnectionId, now_ms: i64) -> bool {
        let (tenant, connection) = (tenant.0.cast_unsigned(), connection.0.cast_unsigned());
        let key = u128::from(tenant) << 64 | u128::from(connection);
        self.0.reads.admit(key, now_ms)
    }

    /// True if a refusal before authentication is to be recorded in full now, false if it is to be counted.
    pub fn admit_refusal(&self, address: IpAddr, now_ms: i64) -> bool {
        let key = match address.to_canonical() {
            IpAddr::V4(address) => u128::from(address.to_bits()),
            IpAddr::V6(address) => address.to_bits() >> 64 << 64 | 1 << 32,
        };
        self.0.refusals_by_address.admit(key, now_ms) && self.0.refusals.admit(0, now_ms)
    }

    /// Takes a user out, as [`erase`] does for a command beside the server; what was recorded
    /// before the call is reached. `None` if the log is off. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Open`] if the file may not be written.
    pub fn erase(&self, subject: Subject<'_>, after: i64) -> Result<Option<Erased>, StoreError> {
        let Some(pool) = &self.0.reader.pool else {
            return Ok(None);
        };
        self.flush();
        erase::erase_at(&pool.location(), subject, after, &mut |_, _| {}).map(Some)
    }

    /// Waits until everything recorded before is in the file, or dropped. Blocks.
    pub fn flush(&self) {
        self.0.tell(Message::Flush);
    }

    /// From now on, asks this which connections keep less than the log, before it removes what is old.
    pub fn obey(
        &self,
        source: impl Fn() -> Result<Vec<Retention>, StoreError> + Send + Sync + 'static,
    ) {
        let own = self.0.shared.retentions.lock();
        *own.unwrap_or_else(PoisonError::into_inner) = Some(Retentions(Box::new(source)));
    }

    /// Removes what is beyond its retention or the size, as the writer does hourly. Blocks.
    pub fn expire(&self) {
        self.0.tell(Message::Expire);
    }

    /// Flushes, notes an orderly end and closes the file. Later entries are dropped. Blocks.
    pub fn close(&self) {
        self.0.close();
    }

    /// What the log is doing.
    pub fn stats(&self) -> LogStats {
        let shared = &self.0.shared;
        LogStats {
            queued: self.0.sender.len() as u64,
            recorded: shared.recorded.load(Relaxed),
            counted: shared.counted.load(Relaxed),
            dropped: shared.dropped.load(Relaxed),
            names_dropped: shared.names_dropped.load(Relaxed),
            file_bytes: shared.file_bytes.load(Relaxed),
            last_flush_ms: shared.last_flush_ms.load(Acquire),
        }
    }

    /// For questions.
    pub fn reader(&self) -> &LogReader {
        &self.0.reader
    }
}

impl Inner {
    fn new(
        shared: Arc<Shared>,
        sender: Sender<Message>,
        key: NameKey,
        settings: &LogSettings,
        pool: Option<&Arc<Pool>>,
    ) -> Self {
        Self {
            shared,
            sender,
            thread: Mutex::default(),
            key,
            body_limit: settings.body_limit,
            days: (
                settings.entry_retention_ms / DAY_MS,
                settings.body_retention_ms / DAY_MS,
            ),
            queue_bytes: settings.queue_bytes as u64,
            reads: Rate::new(settings.reads_per_second),
            refusals_by_address: Rate::new(settings.refusals_per_address),
            refusals: Rate::new(settings.refusals_per_second),
            reader: LogReader {
                pool: pool.map(Arc::clone),
            },
        }
    }

    /// Sends the writer a message and waits for its answer; at once if there is no writer.
    fn tell(&self, message: impl FnOnce(Sender<()>) -> Message) {
        let (done, answer) = bounded(1);
        if self.sender.send(message(done)).is_ok() {
            answer.recv().ok();
        }
    }

    fn close(&self) {
        self.tell(Message::Close);
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            thread.join().ok();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}
