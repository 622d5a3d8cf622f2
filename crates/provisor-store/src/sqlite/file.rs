//! Opening, copying and checking the file.

use std::{path::Path, time::Duration};

use rusqlite::{
    Connection, ErrorCode, OpenFlags, OptionalExtension,
    backup::{Backup, StepResult},
    config::DbConfig,
};

use crate::{StoreError, journal, private};

/// Bytes to which the WAL file is cut when it starts again.
const WAL_LIMIT: i64 = 64 << 20;

/// Pages a backup copies before it lets others go on.
const BACKUP_STEP: i32 = 256;

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        let text = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreError::Unavailable(format!(
                "{text}; the disk is full: free space, nothing acknowledged is lost"
            )),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                StoreError::Unavailable(format!("{text}; another process holds the database"))
            }
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => StoreError::Unavailable(
                format!("{text}; the file cannot be written: check its owner and mode"),
            ),
            Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => {
                StoreError::Unavailable(format!("{text}; check the disk"))
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Corrupt(text),
            _ => StoreError::Failed(text),
        }
    }
}

/// Opens for writing, creating the file.
pub(super) fn open_writer(path: &Path, busy: Duration) -> Result<Connection, StoreError> {
    let shown = path.display();
    private::ensure_folder_of(path).map_err(|error| {
        StoreError::Open(format!("cannot create the folder of {shown}: {error}"))
    })?;
    private::ensure_file(path).map_err(|error| {
        StoreError::Open(format!(
            "cannot create {shown}: {error}; check that this user may write its folder"
        ))
    })?;
    let mut connection = Connection::open(path).map_err(|error| cannot_open(path, &error))?;
    // SQLite takes a file that may not be written for one that is only read.
    if connection.is_readonly(rusqlite::MAIN_DB)? {
        return Err(StoreError::Open(format!(
            "cannot open {shown} for writing; check that this user may write the file and its folder"
        )));
    }
    prepare(&connection, busy).map_err(|error| cannot_open(path, &error))?;
    refuse_foreign(path, &connection)?;
    enter_wal(&connection)
        .and_then(|()| {
            connection.pragma_update(None, "synchronous", "full")?;
            // What is deleted is overwritten: an erased person is not left in free pages.
            connection.pragma_update(None, "secure_delete", true)?;
            // Checkpoints run on a thread of their own.
            connection.pragma_update(None, "wal_autocheckpoint", 0)?;
            // Once it starts again from its beginning, the WAL is no longer than this.
            connection.pragma_update(None, "journal_size_limit", WAL_LIMIT)?;
            connection.pragma_update(None, "cache_size", -32_768)
        })
        .map_err(|error| cannot_open(path, &error))?;
    connection.busy_handler(Some(wait_for_turn))?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(connection)
}

/// Switches a new file to its write-ahead log. SQLite does not wait for whoever does the same at
/// this moment, so it is tried again.
fn enter_wal(connection: &Connection) -> rusqlite::Result<()> {
    let mut tries = 0;
    loop {
        match connection.pragma_update(None, "journal_mode", "wal") {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && wait_for_turn(tries) =>
            {
                tries += 1;
            }
            result => return result,
        }
    }
}

/// Looks every millisecond whether another process has let go of the database, for ten seconds.
/// SQLite's own waiting grows to 100 ms a step, so that beside a busy neighbour (an import at the
/// command line) a writer could miss every gap between two transactions.
fn wait_for_turn(tries: i32) -> bool {
    #[expect(
        clippy::disallowed_methods,
        reason = "a lock of another process is nothing one could wait on"
    )]
    std::thread::sleep(Duration::from_millis(1));
    tries < 10_000
}

/// A database that has tables, but not ours, is left alone.
fn refuse_foreign(path: &Path, connection: &Connection) -> Result<(), StoreError> {
    let foreign: bool = connection
        .query_row(
            "SELECT count(*) > 0 AND count(*) FILTER (WHERE name = 'migration') = 0 \
             FROM sqlite_schema WHERE type = 'table'",
            [],
            |row| row.get(0),
        )
        .map_err(|error| cannot_open(path, &error))?;
    if foreign {
        return Err(StoreError::Open(format!(
            "{} is the database of another program; give another --database",
            path.display()
        )));
    }
    Ok(())
}

/// Opens for reading, beside the writer.
pub(super) fn open_reader(path: &Path, busy: Duration) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(path, flags).map_err(|error| cannot_open(path, &error))?;
    prepare(&connection, busy)
        .and_then(|()| {
            connection.pragma_update(None, "query_only", true)?;
            connection.pragma_update(None, "cache_size", -2_048)
        })
        .map_err(|error| cannot_open(path, &error))?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

fn prepare(connection: &Connection, busy: Duration) -> rusqlite::Result<()> {
    connection.busy_timeout(busy)?;
    // Without this, SQLite plans a statement anew whenever other values are bound to it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // Mapped pages are the system's cache, not this process's memory.
    connection.pragma_update(None, "mmap_size", 1_i64 << 40)?;
    connection.pragma_update(None, "temp_store", "memory")
}

fn cannot_open(path: &Path, error: &rusqlite::Error) -> StoreError {
    let path = path.display();
    StoreError::Open(match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => format!(
            "{path} is damaged or not a Provisor database ({error}); \
             give another --database, or restore a backup with `provisor restore`"
        ),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => format!(
            "cannot open {path} for writing ({error}); check that the folder exists and that \
             this user may write the file and its folder"
        ),
        Some(ErrorCode::DiskFull) => {
            format!("cannot open {path}: the disk is full; free space and start again")
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            format!("cannot open {path}: another process keeps it locked; wait for it or stop it")
        }
        _ => format!("cannot open {path}: {error}"),
    })
}

/// Tries what SQLite allows to the only connection there is: leaving write-ahead mode. The next
/// writer enters it again.
pub(super) fn is_in_use(path: &Path) -> Result<bool, StoreError> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
        .map_err(|error| cannot_open(path, &error))?;
    connection.busy_timeout(Duration::ZERO)?;
    match connection.query_row("PRAGMA journal_mode = delete", [], |row| {
        row.get::<_, String>(0)
    }) {
        Ok(mode) => Ok(mode == "wal"),
        Err(error)
            if matches!(
                error.sqlite_error_code(),
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
            ) =>
        {
            Ok(true)
        }
        Err(error) => Err(cannot_open(path, &error)),
    }
}

/// Copies the whole file page by page.
pub(super) fn backup(
    path: &Path,
    destination: &Path,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), StoreError> {
    let source = open_reader(path, Duration::from_secs(10))?;
    // One read transaction: the copy is one state, however long it takes.
    source.execute_batch("BEGIN; SELECT n FROM counter LIMIT 1")?;
    private::ensure_file(destination).map_err(|error| {
        StoreError::Unavailable(format!(
            "{} cannot be made: {error}; choose another place for the copy",
            destination.display()
        ))
    })?;
    let mut copy =
        Connection::open(destination).map_err(|error| cannot_open(destination, &error))?;
    {
        let backup = Backup::new(&source, &mut copy)?;
        loop {
            let step = backup.step(BACKUP_STEP)?;
            if matches!(step, StepResult::Busy | StepResult::Locked) {
                return Err(StoreError::Unavailable(format!(
                    "{} is in use by another process; choose another place for the copy",
                    destination.display()
                )));
            }
            let state = backup.progress();
            let total = u64::from(state.pagecount.unsigned_abs());
            progress(total - u64::from(state.remaining.unsigned_abs()), total);
            if step == StepResult::Done {
                break;
            }
        }
    }
    copy.pragma_update(None, "journal_mode", "delete")?;
    copy.pragma_update(None, "synchronous", "full")?;
    drop(copy);
    std::fs::File::open(destination)
        .and_then(|file| file.sync_all())
        .map_err(|error| StoreError::Unavailable(format!("the backup cannot be synced: {error}")))
}

/// Writes the whole file anew, so that its free space holds nothing of what was removed. SQLite
/// overwrites what is deleted, but not what it left behind when it moved a row to another page.
/// Writers wait meanwhile, readers do not. False if a reader kept the journal from being emptied.
pub(super) fn compact(path: &Path, busy: Duration) -> Result<bool, StoreError> {
    let connection = open_writer(path, busy)?;
    // The copy may be larger than the memory; SQLite gives it no name that others could open.
    connection.pragma_update(None, "temp_store", "file")?;
    connection.execute_batch("VACUUM")?;
    Ok(journal::empty(&connection)?)
}

/// Empties the journal; false if a reader kept it from being emptied.
pub(super) fn empty_journal(path: &Path, busy: Duration) -> Result<bool, StoreError> {
    Ok(journal::empty(&open_writer(path, busy)?)?)
}

/// A 256-bit key kept in the file, made at first use.
pub(super) fn secret(path: &Path, name: &str, busy: Duration) -> Result<[u8; 32], StoreError> {
    let connection = open_writer(path, busy)?;
    let mut fresh = [0u8; 32];
    getrandom::fill(&mut fresh).expect("the operating system gives randomness");
    connection.execute(
        "INSERT INTO secret (name, value) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        (name, fresh),
    )?;
    let key = connection.query_row("SELECT value FROM secret WHERE name = ?1", [name], |row| {
        row.get(0)
    })?;
    Ok(key)
}

/// Everything that must be equal, counted twice. Each query lists contradictions; a tenant that is
/// being deleted has some, until it is gone.
const INVARIANTS: &[(&str, &str)] = &[
    (
        "a counter differs from the rows it counts",
        "SELECT tenant_id || '/' || kind FROM
           (SELECT tenant_id, kind, sum(n) AS n FROM
             (SELECT tenant_id, kind, n FROM tally
              UNION ALL SELECT tenant_id, kind, -count(*) FROM resource GROUP BY 1, 2)
            GROUP BY 1, 2)
         WHERE n <> 0 AND tenant_id IN (SELECT id FROM tenant WHERE state < 2)",
    ),
    (
        "a search key belongs to no resource",
        "SELECT tenant_id || '/' || k FROM search_key s
         WHERE NOT EXISTS (SELECT 1 FROM resource r
             WHERE r.k = s.k AND r.tenant_id = s.tenant_id AND r.kind = s.kind)
           AND tenant_id IN (SELECT id FROM tenant WHERE state < 2)",
    ),
    (
        "a user has no userName",
        "SELECT tenant_id || '/' || k FROM resource WHERE kind = 1 AND name IS NULL",
    ),
    (
        "the events of a tenant have a gap",
        "SELECT t.tenant_id FROM tenant_tally t
         WHERE (t.seq <> (SELECT count(*) FROM event e WHERE e.tenant_id = t.tenant_id)
             OR t.seq <> (SELECT coalesce(max(seq), 0) FROM event e WHERE e.tenant_id = t.tenant_id))
           AND t.tenant_id IN (SELECT id FROM tenant WHERE state < 2)",
    ),
    (
        "the events of a resource are not in a row",
        "SELECT tenant_id || '/' || seq FROM
           (SELECT tenant_id, seq, previous,
              lag(seq, 1, 0) OVER (PARTITION BY tenant_id, resource ORDER BY seq) AS before
            FROM event)
         WHERE previous <> before AND tenant_id IN (SELECT id FROM tenant WHERE state < 2)",
    ),
    (
        "a resource does not know its last event",
        "SELECT tenant_id || '/' || hex(id) FROM
           (SELECT tenant_id, id, last_event FROM resource
            UNION ALL SELECT tenant_id, id, last_event FROM tombstone
            UNION ALL SELECT tenant_id, id, last_event FROM gone
            UNION ALL SELECT tenant_id, resource, -max(seq) FROM event GROUP BY 1, 2)
         WHERE tenant_id IN (SELECT id FROM tenant WHERE state < 2)
         GROUP BY tenant_id, id HAVING sum(last_event) <> 0",
    ),
    (
        "the count of nested teams differs from the rows",
        "SELECT t.tenant_id FROM tenant_tally t
         WHERE t.nested <> (SELECT count(*) FROM member m
             WHERE m.tenant_id = t.tenant_id AND (
               EXISTS (SELECT 1 FROM resource r WHERE r.k = m.member AND r.kind = 2)
               OR EXISTS (SELECT 1 FROM tombstone d
                   WHERE d.tenant_id = m.tenant_id AND d.k = m.member AND d.kind = 2)))
           AND t.tenant_id IN (SELECT id FROM tenant WHERE state < 2)",
    ),
    (
        "a team's count of members differs from the rows",
        "SELECT t.tenant_id || '/' || hex(t.id) FROM resource t
         WHERE t.kind = 2 AND t.members <> (SELECT count(*) FROM member m
             JOIN resource r ON r.k = m.member WHERE m.tenant_id = t.tenant_id AND m.team = t.k)
           AND t.tenant_id IN (SELECT id FROM tenant WHERE state < 2)",
    ),
    (
        "a membership crosses tenants",
        "SELECT m.tenant_id || '/' || m.member FROM member m
           JOIN resource r ON r.k IN (m.member, m.team)
         WHERE r.tenant_id <> m.tenant_id",
    ),
    (
        "a membership is of nobody",
        "SELECT m.tenant_id || '/' || m.team || '/' || m.member FROM member m
         WHERE m.tenant_id IN (SELECT id FROM tenant WHERE state < 2) AND (
             (NOT EXISTS (SELECT 1 FROM resource r WHERE r.k = m.member)
               AND NOT EXISTS (SELECT 1 FROM tombstone d
                   WHERE d.tenant_id = m.tenant_id AND d.k = m.member))
             OR (NOT EXISTS (SELECT 1 FROM resource r WHERE r.k = m.team)
               AND NOT EXISTS (SELECT 1 FROM tombstone d
                   WHERE d.tenant_id = m.tenant_id AND d.k = m.team)))",
    ),
    (
        "a row number was given twice or never",
        "SELECT k FROM (SELECT k FROM resource UNION ALL SELECT k FROM tombstone)
         GROUP BY k HAVING count(*) > 1 OR k > (SELECT n FROM counter WHERE name = 'k')",
    ),
    (
        "a row belongs to no tenant",
        "SELECT DISTINCT tenant_id FROM (
           SELECT tenant_id FROM resource UNION SELECT tenant_id FROM search_key
           UNION SELECT tenant_id FROM member UNION SELECT tenant_id FROM event
           UNION SELECT tenant_id FROM former_member
           UNION SELECT tenant_id FROM tombstone UNION SELECT tenant_id FROM gone
           UNION SELECT tenant_id FROM tally
           UNION SELECT tenant_id FROM token UNION SELECT tenant_id FROM token_use
           UNION SELECT tenant_id FROM connection UNION SELECT tenant_id FROM custom_schema
           UNION SELECT tenant_id FROM tenant_tally)
         WHERE tenant_id <> 0 AND tenant_id NOT IN (SELECT id FROM tenant)",
    ),
];

/// Everything is read in one transaction, so that writers beside it do not look like damage.
pub(super) fn check(path: &Path) -> Result<Vec<String>, StoreError> {
    let connection = open_reader(path, Duration::from_secs(10))?;
    connection.execute_batch("BEGIN")?;
    let mut wrong = Vec::new();
    let mut statement = connection.prepare("PRAGMA integrity_check(20)")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let line: String = row.get(0)?;
        if line != "ok" {
            wrong.push(line);
        }
    }
    for (meaning, query) in INVARIANTS {
        let found: Option<rusqlite::types::Value> = connection
            .query_row(query, [], |row| row.get(0))
            .optional()?;
        if let Some(example) = found {
            wrong.push(format!("{meaning}: {example:?}"));
        }
    }
    wrong.extend(super::keys::recount(&connection)?);
    Ok(wrong)
}
