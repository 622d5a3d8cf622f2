//! The one thread that writes to the log's file.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{
            AtomicI64, AtomicU64,
            Ordering::{self, Relaxed},
        },
    },
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use rusqlite::ErrorCode;

use crate::{Clock, StoreError};

use super::{
    LogSettings,
    counting::{Counting, Lost},
    expire::Upkeep,
    file::LogFile,
    flush::{Batch, Queued, Recent},
    reader::Pool,
    retention::Retention,
};

/// How long the first entry of a flush waits for others.
const GATHER: Duration = Duration::from_millis(250);
/// How often an idle log says that it is complete.
const IDLE: Duration = Duration::from_secs(10);
/// Entries in one flush.
const ENTRIES: usize = 2000;
/// Bytes of entries in one flush.
const BYTES: usize = 4 << 20;
/// How often old entries are removed.
const EXPIRE_MS: i64 = 60 * 60 * 1000;
/// How often trouble is reported, and a lost file looked for again.
const TROUBLE_MS: i64 = 60_000;

/// What the writer is told.
#[derive(Debug)]
pub(super) enum Message {
    /// Something to write.
    Entry(Box<Queued>),
    /// Counted requests wait.
    Soon,
    /// Counted requests need room.
    Now,
    /// Write all that waits, then answer.
    Flush(Sender<()>),
    /// The same, then remove what is old.
    Expire(Sender<()>),
    /// The same, then end.
    Close(Sender<()>),
    /// Do nothing until the other end says so.
    #[cfg(test)]
    Hold(Receiver<()>),
}

/// Says which connections keep less than the file.
pub(super) struct Retentions(
    pub(super) Box<dyn Fn() -> Result<Vec<Retention>, StoreError> + Send + Sync>,
);

impl std::fmt::Debug for Retentions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Retentions")
    }
}

/// What recording threads and the writer share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) counting: Counting,
    /// Bytes of entries that wait.
    pub(super) queued_bytes: AtomicU64,
    /// Entries that found no room since the last flush.
    lost: Mutex<Option<Lost>>,
    /// Names that found no room since the last flush.
    lost_names: Mutex<Option<Lost>>,
    /// Asked before what is old is removed.
    pub(super) retentions: Mutex<Option<Retentions>>,
    pub(super) recorded: AtomicU64,
    pub(super) counted: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) names_dropped: AtomicU64,
    pub(super) file_bytes: AtomicU64,
    pub(super) last_flush_ms: AtomicI64,
}

impl Shared {
    pub(super) fn new() -> Self {
        Self {
            counting: Counting::new(),
            queued_bytes: AtomicU64::new(0),
            lost: Mutex::default(),
            lost_names: Mutex::default(),
            retentions: Mutex::default(),
            recorded: AtomicU64::new(0),
            counted: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            names_dropped: AtomicU64::new(0),
            file_bytes: AtomicU64::new(0),
            last_flush_ms: AtomicI64::new(0),
        }
    }

    /// Which connections keep less than the file, as far as somebody knows.
    fn own_retentions(&self) -> Vec<Retention> {
        let source = self.retentions.lock();
        let source = source.unwrap_or_else(PoisonError::into_inner);
        let Some(Retentions(ask)) = &*source else {
            return Vec::new();
        };
        ask().unwrap_or_else(|error| {
            tracing::warn!(%error, "the sync log cannot ask which connections keep less; it asks again in an hour");
            Vec::new()
        })
    }

    /// Notes an entry that found no room.
    pub(super) fn lose(&self, from: i64, to: i64) {
        self.dropped.fetch_add(1, Relaxed);
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        Lost::add(&mut lost, from, to, 1);
    }

    /// Notes names of an entry that found no room.
    pub(super) fn lose_names(&self, at: i64, count: usize) {
        let mut lost = self
            .lost_names
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Lost::add(&mut lost, at, at, count as u64);
        self.names_dropped.fetch_add(count as u64, Relaxed);
    }
}

#[derive(Debug)]
pub(super) struct Writer {
    pub(super) receiver: Receiver<Message>,
    pub(super) shared: Arc<Shared>,
    pub(super) settings: LogSettings,
    pub(super) clock: Clock,
    pub(super) pool: Arc<Pool>,
    /// `None` while it cannot be opened again after damage.
    pub(super) file: Option<LogFile>,
    pub(super) state: State,
}

/// What the writer remembers between two flushes.
#[derive(Debug, Default)]
pub(super) struct State {
    entries: Vec<Queued>,
    bytes: u64,
    recent: Recent,
    lost_entries: Option<Lost>,
    lost_names: Option<Lost>,
    upkeep: Option<Upkeep>,
    expired_at: Option<i64>,
    /// Entries removed by size since the last walk over the indexes.
    unswept: u64,
    reported_at: Option<i64>,
    reopened_at: i64,
}

/// Why gathering ended.
enum Then {
    GoOn,
    Answer(Sender<()>),
    Expire(Sender<()>),
    Close(Option<Sender<()>>),
}

impl Writer {
    pub(super) fn run(mut self) {
        loop {
            let then = self.gather();
            self.flush();
            match then {
                Then::GoOn => self.housekeep(),
                Then::Answer(done) => {
                    self.housekeep();
                    done.send(()).ok();
                }
                Then::Expire(done) => {
                    self.state.upkeep = None;
                    self.state.expired_at = None;
                    self.housekeep();
                    while self.state.upkeep.is_some() {
                        self.housekeep();
                    }
                    done.send(()).ok();
                }
                Then::Close(done) => {
                    self.close();
                    if let Some(done) = done {
                        done.send(()).ok();
                    }
                    return;
                }
            }
        }
    }

    /// Waits for something, then a little longer for more.
    fn gather(&mut self) -> Then {
        let idle = if self.state.upkeep.is_some() {
            Duration::ZERO
        } else {
            IDLE
        };
        let mut message = self.receiver.recv_timeout(idle);
        let end = Instant::now() + GATHER;
        let bytes = (self.settings.max_bytes / 32).min(BYTES as u64);
        loop {
            match message {
                Ok(Message::Entry(queued)) => {
                    self.state.bytes += queued.size as u64;
                    self.state.entries.push(*queued);
                }
                Ok(Message::Soon) => {}
                Ok(Message::Now) | Err(RecvTimeoutError::Timeout) => return Then::GoOn,
                Ok(Message::Flush(done)) => return Then::Answer(done),
                Ok(Message::Expire(done)) => return Then::Expire(done),
                Ok(Message::Close(done)) => return Then::Close(Some(done)),
                Err(RecvTimeoutError::Disconnected) => return Then::Close(None),
                #[cfg(test)]
                Ok(Message::Hold(until)) => {
                    until.recv().ok();
                }
            }
            if self.state.entries.len() >= ENTRIES || self.state.bytes >= bytes {
                return Then::GoOn;
            }
            message = self.receiver.recv_deadline(end);
        }
    }

    /// Writes what was gathered and counted, or counts it as lost.
    fn flush(&mut self) {
        // Asked before anything is taken: the log is complete up to this moment.
        let now = self.clock.now();
        let state = &mut self.state;
        let mut batch = Batch {
            entries: std::mem::take(&mut state.entries),
            ..Batch::default()
        };
        self.shared.counting.drain(&mut batch.drained);
        let take = |lost: &Mutex<Option<Lost>>| {
            let mut lost = lost.lock().unwrap_or_else(PoisonError::into_inner);
            lost.take()
        };
        Lost::merge(&mut state.lost_entries, take(&self.shared.lost));
        Lost::merge(&mut state.lost_names, take(&self.shared.lost_names));
        let drained = &mut batch.drained;
        self.note_lost(drained.lost_requests.take(), drained.lost_names.take());
        let state = &mut self.state;
        (batch.lost_entries, batch.lost_names) = (state.lost_entries, state.lost_names);
        let requests: u64 = batch.drained.kinds.iter().map(|(_, count)| count).sum();
        let written = match &mut self.file {
            Some(file) if may_grow(file, &self.settings) => {
                file.flush(&mut batch, &mut state.recent, now)
            }
            Some(_) => Err(full(
                "a reader keeps the write-ahead file from being folded in",
            )),
            None => Err(full("the file cannot be opened")),
        };
        match written {
            Ok(()) => {
                (state.lost_entries, state.lost_names) = (None, None);
                let recorded = batch.entries.len() as u64;
                self.shared.recorded.fetch_add(recorded, Relaxed);
                self.shared.counted.fetch_add(requests, Relaxed);
                self.shared.last_flush_ms.store(now, Relaxed);
            }
            Err(error) => self.fail(&batch, now, &error),
        }
        let bytes = std::mem::take(&mut self.state.bytes);
        self.shared.queued_bytes.fetch_sub(bytes, Ordering::AcqRel);
    }

    /// Counted requests and names that found no room.
    fn note_lost(&mut self, requests: Option<Lost>, names: Option<Lost>) {
        let count = |lost: Option<Lost>| lost.map_or(0, |lost| lost.count);
        self.shared.dropped.fetch_add(count(requests), Relaxed);
        self.shared.names_dropped.fetch_add(count(names), Relaxed);
        Lost::merge(&mut self.state.lost_entries, requests);
        Lost::merge(&mut self.state.lost_names, names);
    }

    /// The batch is lost; so is the file, if it is damaged.
    fn fail(&mut self, batch: &Batch, now: i64, error: &rusqlite::Error) {
        let mut requests = None;
        for Queued { entry, .. } in &batch.entries {
            Lost::add(&mut requests, entry.at, entry.end(), 1);
        }
        for (kind, count) in &batch.drained.kinds {
            let at = kind.second.saturating_mul(1000);
            Lost::add(&mut requests, at, at.saturating_add(999), *count);
        }
        let mut names = None;
        for sighting in &batch.drained.names {
            Lost::add(&mut names, sighting.at, sighting.at, 1);
        }
        self.note_lost(requests, names);
        self.report(now, error);
        if is_damage(error) {
            self.replace(now, error);
        } else if self.file.is_none() && now.abs_diff(self.state.reopened_at) >= TROUBLE_MS as u64 {
            self.state.reopened_at = now;
            let location = self.pool.location();
            self.file = LogFile::open(location, &self.settings, now, self.pool.key()).ok();
        }
    }

    /// Puts the damaged file aside and begins a new one.
    fn replace(&mut self, now: i64, error: &rusqlite::Error) {
        self.state.upkeep = None;
        self.state.reopened_at = now;
        // Connections end first: one that ends later would remove the new write-ahead file.
        self.file = None;
        self.pool.renew();
        let (location, key) = (self.pool.location(), self.pool.key());
        match LogFile::replace(location, &self.settings, now, key, &error.to_string()) {
            Ok(mut file) => {
                let mut losses = Batch {
                    lost_entries: self.state.lost_entries,
                    lost_names: self.state.lost_names,
                    ..Batch::default()
                };
                // At once, or the new file would look complete until the next flush.
                if file.flush(&mut losses, &mut self.state.recent, now).is_ok() {
                    (self.state.lost_entries, self.state.lost_names) = (None, None);
                }
                self.file = Some(file);
            }
            Err(error) => tracing::warn!(%error, "the sync log cannot be begun anew"),
        }
    }

    /// At most once a minute.
    fn report(&mut self, now: i64, error: &rusqlite::Error) {
        let due = |at: i64| now.abs_diff(at) >= TROUBLE_MS as u64;
        if self.state.reported_at.is_none_or(due) {
            self.state.reported_at = Some(now);
            tracing::warn!(
                %error,
                dropped = self.shared.dropped.load(Relaxed),
                "the sync log cannot be written; entries are dropped, the directory is not affected"
            );
        }
    }

    /// One step of removing what is old, and room if the file is nearly full.
    fn housekeep(&mut self) {
        let now = self.clock.now();
        let due = |at: i64| now.abs_diff(at) >= EXPIRE_MS as u64;
        if self.state.upkeep.is_none() && self.state.expired_at.is_none_or(due) {
            self.state.expired_at = Some(now);
            self.state.upkeep = Some(Upkeep::by_age(
                &self.settings,
                &self.shared.own_retentions(),
                now,
            ));
        }
        if let Err(error) = self.try_housekeep(now) {
            self.state.upkeep = None;
            self.report(now, &error);
            if is_damage(&error) {
                self.replace(now, &error);
            }
        }
    }

    fn try_housekeep(&mut self, now: i64) -> rusqlite::Result<()> {
        let state = &mut self.state;
        let Some(file) = &self.file else {
            state.upkeep = None;
            return Ok(());
        };
        if let Some(upkeep) = state.upkeep.take() {
            let touches_names = upkeep.touches_names();
            if touches_names {
                file.write_pending(&mut state.recent)?;
                state.recent.forget();
            }
            state.upkeep = file.step(upkeep)?;
            if state.upkeep.is_none() {
                file.limit(self.settings.max_bytes)?;
            }
        }
        let trimmed = file.trim(&self.settings, now, state.upkeep.is_some())?;
        if let Some(trimmed) = trimmed {
            state.unswept += trimmed.count;
            let due = state.unswept >= 10_000.max(file.entries()? / 2) || trimmed.count == 0;
            if due && state.upkeep.is_none() {
                state.unswept = 0;
                state.upkeep = Some(Upkeep::sweep(trimmed.horizon));
            }
        }
        self.shared.file_bytes.store(file.bytes()?, Relaxed);
        Ok(())
    }

    fn close(&mut self) {
        let now = self.clock.now();
        let Some(file) = self.file.take() else {
            return;
        };
        let ended = file
            .write_pending(&mut self.state.recent)
            .and_then(|()| file.end(now));
        if let Err(error) = ended {
            tracing::warn!(%error, "the sync log could not be closed in order; its next start will show a gap");
        }
        self.pool.renew();
    }
}

/// True unless the write-ahead file has grown beyond its share and readers keep it from shrinking.
fn may_grow(file: &LogFile, settings: &LogSettings) -> bool {
    let limit = (settings.max_bytes / 4).max(16 << 20);
    if file.location.wal_bytes() <= limit {
        return true;
    }
    file.conn.busy_timeout(Duration::from_millis(100)).ok();
    file.checkpoint().ok();
    file.conn.busy_timeout(Duration::from_secs(5)).ok();
    file.location.wal_bytes() <= limit
}

fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

fn full(reason: &str) -> rusqlite::Error {
    let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
    rusqlite::Error::SqliteFailure(code, Some(reason.to_owned()))
}
