//! The sync log: the requests that arrived and their answers, in a file of its own.
//!
//! Recording never waits: entries go through a queue that is bounded by number and bytes to one
//! writer thread; counted requests go into fixed buffers. What finds no room is dropped, counted
//! and recorded as a gap, so the log can never delay or fill the directory, and never claims to
//! know what it does not.

mod entry;
mod gap;
mod query;
mod redact;

use std::{net::IpAddr, path::Path};

use crate::{Clock, ConnectionId, RequestId, StoreError, TenantId};

pub use entry::{Body, Counted, Entry, Kept, Operation};
pub use gap::{Gap, GapKind, Window};
pub use query::{Count, LogFilter, Logged, Place, Seen, Show};

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
    /// stays under a quarter of this (or 8 MiB).
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

/// The log of a running server. Cheap to clone; dropping the last clone flushes and closes.
#[derive(Debug, Clone)]
pub struct SyncLog {
    reader: LogReader,
}

impl SyncLog {
    /// Opens the file, or makes it. A damaged one is put aside as `*.corrupt-<ms>`, and the new
    /// one says so. One process at a time; the CLI beside it uses [`LogReader::open`].
    ///
    /// # Errors
    /// [`StoreError::Newer`], [`StoreError::Open`]; a server may go on with [`SyncLog::disabled`].
    pub fn open(path: &Path, settings: LogSettings, clock: Clock) -> Result<Self, StoreError> {
        let _ = (path, settings, clock);
        Err(StoreError::Open("not yet".into()))
    }

    /// A log in memory, for tests.
    pub fn in_memory(settings: LogSettings, clock: Clock) -> Result<Self, StoreError> {
        Self::open(Path::new(""), settings, clock)
    }

    /// A log that drops and counts everything: for a server whose log cannot be opened.
    pub fn disabled() -> Self {
        Self {
            reader: LogReader {},
        }
    }

    /// The bytes of a body to keep, for [`Body::new`].
    pub fn body_limit(&self) -> usize {
        0
    }

    /// Queues an entry. Never waits; without room the entry is dropped and counted.
    pub fn record(&self, entry: Entry) {
        let _ = entry;
    }

    /// Counts a request and indexes its names. Never waits and allocates nothing.
    pub fn count(&self, counted: &Counted<'_>) {
        let _ = counted;
    }

    /// True if a read of this connection is to be recorded in full now, false if it is to be counted.
    pub fn admit_read(&self, tenant: TenantId, connection: ConnectionId, now_ms: i64) -> bool {
        let _ = (tenant, connection, now_ms);
        false
    }

    /// True if a refusal before authentication is to be recorded in full now, false if it is to be counted.
    pub fn admit_refusal(&self, address: IpAddr, now_ms: i64) -> bool {
        let _ = (address, now_ms);
        false
    }

    /// Waits until everything recorded before is in the file, or dropped. Blocks.
    pub fn flush(&self) {}

    /// Removes what is beyond its retention or the size, as the writer does hourly. Blocks.
    pub fn expire(&self) {}

    /// Flushes, notes an orderly end and closes the file. Later entries are dropped. Blocks.
    pub fn close(&self) {}

    /// What the log is doing.
    pub fn stats(&self) -> LogStats {
        LogStats::default()
    }

    /// For questions.
    pub fn reader(&self) -> &LogReader {
        &self.reader
    }
}

/// Questions to the log. They block on the disk: call from a thread that may. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LogReader {}

impl LogReader {
    /// Opens the file for reading, also beside a running server.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let _ = path;
        Err(StoreError::Open("not yet".into()))
    }

    /// Entries, newest first.
    pub fn entries(&self, filter: &LogFilter) -> Result<Vec<Logged>, StoreError> {
        let _ = filter;
        Ok(Vec::new())
    }

    /// Entries after this id, oldest first, to follow the log; start with [`LogReader::last_id`].
    /// `before` of the filter is ignored.
    pub fn tail(&self, after: i64, filter: &LogFilter) -> Result<Vec<Logged>, StoreError> {
        let _ = (after, filter);
        Ok(Vec::new())
    }

    /// Id of the newest entry, 0 if there is none.
    pub fn last_id(&self) -> Result<i64, StoreError> {
        Ok(0)
    }

    /// One entry with its bodies, by the id of its request.
    pub fn entry(&self, request: RequestId) -> Result<Option<Logged>, StoreError> {
        let _ = request;
        Ok(None)
    }

    /// Entries that name this, newest first.
    pub fn by_name(
        &self,
        tenant: TenantId,
        name: &str,
        limit: usize,
    ) -> Result<Vec<Logged>, StoreError> {
        let _ = (tenant, name, limit);
        Ok(Vec::new())
    }

    /// When requests spoke of this name; `None`: not in the log, see [`LogReader::window`].
    pub fn seen(&self, tenant: TenantId, name: &str) -> Result<Option<Seen>, StoreError> {
        let _ = (tenant, name);
        Ok(None)
    }

    /// Counted requests from `since` on, by second.
    pub fn counts(&self, tenant: Option<TenantId>, since: i64) -> Result<Vec<Count>, StoreError> {
        let _ = (tenant, since);
        Ok(Vec::new())
    }

    /// The time the log speaks for, with its gaps: what "not seen" means.
    pub fn window(&self, tenant: TenantId) -> Result<Window, StoreError> {
        let _ = tenant;
        Ok(Window {
            from: 0,
            to: 0,
            gaps: Vec::new(),
        })
    }
}
