//! The log's file: opening, putting a damaged one aside, and what it knows of itself.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use crate::{StoreError, migration, private};

use super::{GapKind, LogSettings, name::NameKey};

pub(super) const MIGRATIONS: &[(&str, &str)] = &[
    ("0001", include_str!("../../migrations/log/0001.sql")),
    ("0002", include_str!("../../migrations/log/0002.sql")),
    ("0003", include_str!("../../migrations/log/0003.sql")),
    ("0004", include_str!("../../migrations/log/0004.sql")),
    ("0005", include_str!("../../migrations/log/0005.sql")),
];

/// Entries in one stretch of the index of names.
pub(super) const STRETCH: i64 = 4096;

/// The entries that name someone: a tenant and a hash are to be bound.
pub(super) const NAMED: &str = "SELECT n.entry FROM stretch s CROSS JOIN entry_name n
     ON n.stretch = s.stretch WHERE n.tenant = ? AND n.hash = ?";

/// Where the log is.
#[derive(Debug, Clone)]
pub(super) enum Location {
    File(PathBuf),
    /// Name of a database in this process's memory.
    Memory(String),
}

impl Location {
    pub(super) fn memory() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Relaxed);
        Self::Memory(format!("file:/provisor-log-{number}?vfs=memdb"))
    }

    fn connect(&self, access: OpenFlags) -> rusqlite::Result<Connection> {
        let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = match self {
            Self::File(path) => Connection::open_with_flags(path, flags),
            Self::Memory(uri) => {
                Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)
            }
        }?;
        conn.busy_timeout(Duration::from_secs(5))?;
        conn.set_prepared_statement_cache_capacity(64);
        Ok(conn)
    }

    /// A connection for questions.
    pub(super) fn reader(&self) -> Result<Connection, StoreError> {
        self.connect(OpenFlags::SQLITE_OPEN_READ_ONLY)
            .map_err(|error| self.unopenable(&error))
    }

    /// A connection that changes what is there, beside the writer.
    pub(super) fn writer(&self) -> Result<Connection, StoreError> {
        self.connect(OpenFlags::SQLITE_OPEN_READ_WRITE)
            .map_err(|error| self.unopenable(&error))
    }

    fn unopenable(&self, error: &dyn std::error::Error) -> StoreError {
        let name = match self {
            Self::File(path) => path.display().to_string(),
            Self::Memory(_) => "in memory".to_owned(),
        };
        StoreError::Open(format!(
            "the sync log {name} cannot be opened: {error}; check that the folder exists and may \
             be written"
        ))
    }

    /// The write-ahead file.
    pub(super) fn wal_bytes(&self) -> u64 {
        match self {
            Self::File(path) => {
                std::fs::metadata(beside(path, "-wal")).map_or(0, |file| file.len())
            }
            Self::Memory(_) => 0,
        }
    }
}

/// The path with something appended to the file's name.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The writer's end of the file.
#[derive(Debug)]
pub(super) struct LogFile {
    pub(super) conn: Connection,
    pub(super) location: Location,
    pub(super) key: NameKey,
    pub(super) born_at: i64,
    /// The next entry's id.
    pub(super) next_id: i64,
    pub(super) page_size: u64,
}

impl LogFile {
    /// Opens or makes the file. A damaged one is put aside; the new one says so and keeps `key`.
    pub(super) fn open(
        location: Location,
        settings: &LogSettings,
        now: i64,
        key: Option<NameKey>,
    ) -> Result<Self, StoreError> {
        match Self::open_sound(location.clone(), settings, now, key) {
            Err(StoreError::Corrupt(reason)) => {
                Self::replace(location, settings, now, key, &reason)
            }
            other => other,
        }
    }

    /// Puts the damaged file aside and begins a new one. No connection to it may be open.
    pub(super) fn replace(
        location: Location,
        settings: &LogSettings,
        now: i64,
        key: Option<NameKey>,
        reason: &str,
    ) -> Result<Self, StoreError> {
        let Location::File(path) = &location else {
            return Err(StoreError::Corrupt(reason.to_owned()));
        };
        let aside = put_aside(path, now)?;
        tracing::warn!(
            reason,
            aside = %aside.display(),
            "the sync log was damaged; it was put aside and a new one begun"
        );
        let file = Self::open_sound(location, settings, now, key)?;
        file.add_gap(GapKind::Replaced, 0, now, 0)
            .map_err(StoreError::sqlite)?;
        Ok(file)
    }

    fn open_sound(
        location: Location,
        settings: &LogSettings,
        now: i64,
        key: Option<NameKey>,
    ) -> Result<Self, StoreError> {
        let access = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        if let Location::File(path) = &location {
            private::ensure_file(path).map_err(|error| location.unopenable(&error))?;
        }
        let conn = location
            .connect(access)
            .map_err(|error| location.unopenable(&error))?;
        // auto_vacuum first: it can be set only while the file is empty. What is removed is
        // overwritten where that costs no page more; `erase` sees to the free pages.
        conn.execute_batch(
            "PRAGMA auto_vacuum = INCREMENTAL;
             PRAGMA journal_mode = WAL;
             PRAGMA synchronous = NORMAL;
             PRAGMA secure_delete = FAST;
             PRAGMA wal_autocheckpoint = 4000;
             PRAGMA journal_size_limit = 8388608;
             PRAGMA cache_size = -16384;
             PRAGMA temp_store = MEMORY;",
        )
        .map_err(StoreError::sqlite)?;
        migration::migrate(&conn, MIGRATIONS)?;
        let mut file = Self {
            conn,
            location,
            key: NameKey([0; 16]),
            born_at: now,
            next_id: 1,
            page_size: 4096,
        };
        file.introduce(now, key)?;
        file.begin(now).map_err(StoreError::sqlite)?;
        file.limit(settings.max_bytes).map_err(StoreError::sqlite)?;
        Ok(file)
    }

    /// Reads, or writes, what the file says of itself.
    fn introduce(&mut self, now: i64, key: Option<NameKey>) -> Result<(), StoreError> {
        let about = self
            .conn
            .query_row("SELECT born_at, name_key FROM about", (), |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()
            .map_err(StoreError::sqlite)?;
        (self.born_at, self.key) = match about {
            Some((born_at, key)) => (born_at, NameKey(key)),
            None => {
                let key = match key {
                    Some(key) => key,
                    None => {
                        NameKey::random().map_err(|error| StoreError::Failed(error.to_string()))?
                    }
                };
                self.conn
                    .execute(
                        "INSERT INTO about (one, born_at, name_key) VALUES (1, ?, ?)",
                        (now, key.0),
                    )
                    .map_err(StoreError::sqlite)?;
                (now, key)
            }
        };
        Ok(())
    }

    /// Notes how the last run ended, and that this one has begun.
    fn begin(&mut self, now: i64) -> rusqlite::Result<()> {
        self.page_size = self.pragma("page_size")?.max(512);
        let last: Option<(i64, bool, i64)> = self
            .conn
            .query_row("SELECT at, clean, last_entry FROM heartbeat", (), |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()?;
        let newest: i64 =
            self.conn
                .query_row("SELECT coalesce(max(id), 0) FROM entry", (), |row| {
                    row.get(0)
                })?;
        self.next_id = newest.max(last.map_or(0, |(.., id)| id)) + 1;
        let transaction = self.conn.unchecked_transaction()?;
        if let Some((at, clean, _)) = last {
            let kind = if clean {
                GapKind::Stopped
            } else {
                GapKind::Crashed
            };
            self.insert_gap(kind, at, now.max(at), 0)?;
        }
        self.heartbeat(now, false)?;
        transaction.commit()
    }

    /// Writes how far the log is complete.
    pub(super) fn heartbeat(&self, now: i64, clean: bool) -> rusqlite::Result<()> {
        self.conn
            .prepare_cached(
                "INSERT INTO heartbeat (one, at, clean, last_entry) VALUES (1, ?, ?, ?)
                 ON CONFLICT DO UPDATE SET at = excluded.at, clean = excluded.clean,
                     last_entry = excluded.last_entry",
            )?
            .execute((now, clean, self.next_id - 1))?;
        Ok(())
    }

    /// Makes SQLite itself refuse to grow the file beyond its size.
    pub(super) fn limit(&self, max_bytes: u64) -> rusqlite::Result<()> {
        let pages = max_bytes.div_ceil(self.page_size).max(64);
        self.conn
            .query_row(&format!("PRAGMA max_page_count = {pages}"), (), |_| Ok(()))
    }

    pub(super) fn pragma(&self, name: &str) -> rusqlite::Result<u64> {
        let number: i64 = self
            .conn
            .prepare_cached(&format!("PRAGMA {name}"))?
            .query_row((), |row| row.get(0))?;
        Ok(number.unsigned_abs())
    }

    /// Size of the file in bytes.
    pub(super) fn bytes(&self) -> rusqlite::Result<u64> {
        Ok(self.pragma("page_count")? * self.page_size)
    }

    /// Bytes of the file that are in use.
    pub(super) fn used_bytes(&self) -> rusqlite::Result<u64> {
        let used = self
            .pragma("page_count")?
            .saturating_sub(self.pragma("freelist_count")?);
        Ok(used * self.page_size)
    }

    /// Records a hole. What happens again and again within ten seconds is one hole; what was cut
    /// off the beginning always is.
    pub(super) fn add_gap(
        &self,
        kind: GapKind,
        from: i64,
        to: i64,
        count: u64,
    ) -> rusqlite::Result<()> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let grown = self
            .conn
            .prepare_cached(
                "UPDATE gap SET from_at = min(from_at, ?2), to_at = max(to_at, ?3), count = count + ?4
                 WHERE id = (SELECT max(id) FROM gap WHERE kind = ?1) AND to_at >= ?2 - 10000",
            )?
            .execute((kind as i64, from, to, count))?;
        if grown == 0 {
            self.insert_gap(kind, from, to, count)?;
        }
        Ok(())
    }

    fn insert_gap(&self, kind: GapKind, from: i64, to: i64, count: i64) -> rusqlite::Result<()> {
        self.conn
            .prepare_cached("INSERT INTO gap (kind, from_at, to_at, count) VALUES (?, ?, ?, ?)")?
            .execute((kind as i64, from, to, count))?;
        Ok(())
    }

    /// Notes an orderly end and folds the write-ahead file in.
    pub(super) fn end(&self, now: i64) -> rusqlite::Result<()> {
        self.heartbeat(now, true)?;
        self.checkpoint()
    }

    /// Folds the write-ahead file in, as far as readers let it.
    pub(super) fn checkpoint(&self) -> rusqlite::Result<()> {
        self.conn
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()))
    }
}

/// Renames a damaged file and what belongs to it.
fn put_aside(path: &Path, now: i64) -> Result<PathBuf, StoreError> {
    let mut aside = beside(path, &format!(".corrupt-{now}"));
    let mut number = 1;
    while aside.exists() {
        number += 1;
        aside = beside(path, &format!(".corrupt-{now}-{number}"));
    }
    std::fs::rename(path, &aside).map_err(|error| {
        StoreError::Open(format!(
            "the sync log {} is damaged and cannot be renamed: {error}; move it away",
            path.display()
        ))
    })?;
    for suffix in ["-wal", "-shm"] {
        let from = beside(path, suffix);
        if from.exists() {
            // The log must go on; without its main file SQLite discards what could not be moved.
            std::fs::rename(&from, beside(&aside, suffix)).ok();
        }
    }
    Ok(aside)
}
