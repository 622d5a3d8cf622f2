//! Schema changes, forward only: each applied once, in order, and never edited afterwards.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};
use sha2::{Digest, Sha256};

use crate::StoreError;

/// Brings the database to the newest of `migrations`, which are `(name, sql)` in order; the
/// version is the place in the list, from 1.
///
/// Each runs in a transaction of its own that takes the write lock first and then looks again, so
/// that two processes may start at once. An up-to-date database is only read. Settings that
/// cannot change inside a transaction (`journal_mode`, `auto_vacuum`) belong before this call.
///
/// # Errors
/// [`StoreError::Newer`] for a database of a newer program; [`StoreError::Open`] if a migration
/// that was applied differs from this program's.
pub(crate) fn migrate(conn: &Connection, migrations: &[(&str, &str)]) -> Result<(), StoreError> {
    let known = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    while check(conn, migrations)? < known {
        let transaction =
            rusqlite::Transaction::new_unchecked(conn, TransactionBehavior::Immediate)
                .map_err(StoreError::sqlite)?;
        let applied = check(&transaction, migrations)?;
        let next = usize::try_from(applied).unwrap_or(usize::MAX);
        if let Some((name, sql)) = migrations.get(next) {
            apply(&transaction, applied + 1, name, sql)
                .map_err(|error| StoreError::Open(format!(
                    "the database cannot be brought to version {} ({name}): {error}; nothing of that step was kept",
                    applied + 1
                )))?;
        }
        transaction.commit().map_err(StoreError::sqlite)?;
    }
    Ok(())
}

/// Compares a database that is opened for reading: it must have exactly these migrations.
///
/// # Errors
/// As [`migrate`]; [`StoreError::Open`] also if a migration is still to be applied.
pub(crate) fn verify(conn: &Connection, migrations: &[(&str, &str)]) -> Result<(), StoreError> {
    let found = check(conn, migrations)?;
    if usize::try_from(found) == Ok(migrations.len()) {
        return Ok(());
    }
    Err(StoreError::Open(format!(
        "the database has schema version {found}, this program needs {}; start the server once to \
         bring it forward",
        migrations.len()
    )))
}

fn apply(conn: &Connection, version: i64, name: &str, sql: &str) -> rusqlite::Result<()> {
    conn.execute_batch(
        "CREATE TABLE IF NOT EXISTS migration (
             version INTEGER PRIMARY KEY,
             name TEXT NOT NULL,
             checksum BLOB NOT NULL, -- SHA-256 of the SQL
             at INTEGER NOT NULL     -- seconds since 1970, for people
         ) STRICT",
    )?;
    conn.execute_batch(sql)?;
    conn.execute(
        "INSERT INTO migration (version, name, checksum, at) VALUES (?, ?, ?, unixepoch())",
        (version, name, checksum(sql)),
    )?;
    Ok(())
}

/// The database's version, after comparing what was applied with what this program knows.
fn check(conn: &Connection, migrations: &[(&str, &str)]) -> Result<i64, StoreError> {
    let exists = conn
        .query_row(
            "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'migration'",
            (),
            |_| Ok(()),
        )
        .optional()
        .map_err(StoreError::sqlite)?;
    if exists.is_none() {
        return Ok(0);
    }
    let mut statement = conn
        .prepare("SELECT version, name, checksum FROM migration ORDER BY version")
        .map_err(StoreError::sqlite)?;
    let applied: Vec<(i64, String, Vec<u8>)> = statement
        .query_map((), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .and_then(Iterator::collect)
        .map_err(StoreError::sqlite)?;
    if applied.len() > migrations.len() {
        return Err(StoreError::Newer {
            found: applied.last().map_or(0, |(version, ..)| *version),
            known: i64::try_from(migrations.len()).unwrap_or(i64::MAX),
        });
    }
    for (expected, ((version, name, sum), (known, sql))) in
        (1..).zip(applied.iter().zip(migrations))
    {
        if *version != expected || name != known || *sum != checksum(sql) {
            return Err(StoreError::Open(format!(
                "schema version {version} of the database ({name}) is not the one this program \
                 knows ({known}): the database was made by another edition of the program; start \
                 it with that one"
            )));
        }
    }
    Ok(i64::try_from(applied.len()).unwrap_or(i64::MAX))
}

fn checksum(sql: &str) -> [u8; 32] {
    Sha256::digest(sql.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: (&str, &str) = ("0001", "CREATE TABLE a (x INTEGER) STRICT;");
    const TWO: (&str, &str) = ("0002", "CREATE TABLE b (x INTEGER) STRICT;");
    const BROKEN: (&str, &str) = ("0002", "CREATE TABLE b (x INTEGER) STRICT; nonsense");

    fn tables(conn: &Connection) -> i64 {
        conn.query_row(
            "SELECT count(*) FROM sqlite_schema WHERE name IN ('a', 'b')",
            (),
            |row| row.get(0),
        )
        .unwrap()
    }

    #[test]
    fn each_step_is_applied_once_and_in_order() {
        let conn = Connection::open_in_memory().unwrap();
        migrate(&conn, &[ONE]).unwrap();
        assert_eq!(tables(&conn), 1);
        migrate(&conn, &[ONE, TWO]).unwrap();
        migrate(&conn, &[ONE, TWO]).unwrap();
        assert_eq!(tables(&conn), 2);
    }

    #[test]
    fn a_newer_database_is_refused() {
        let conn = Connection::open_in_memory().unwrap();
        migrate(&conn, &[ONE, TWO]).unwrap();
        let error = migrate(&conn, &[ONE]).unwrap_err();
        assert!(matches!(error, StoreError::Newer { found: 2, known: 1 }));
    }

    #[test]
    fn a_changed_step_is_refused_by_its_name() {
        let conn = Connection::open_in_memory().unwrap();
        migrate(&conn, &[ONE]).unwrap();
        let edited = ("0001", "CREATE TABLE a (y INTEGER) STRICT;");
        let error = migrate(&conn, &[edited, TWO]).unwrap_err();
        assert!(error.to_string().contains("0001"), "{error}");
        assert_eq!(tables(&conn), 1);
    }

    #[test]
    fn a_step_that_fails_leaves_nothing() {
        let conn = Connection::open_in_memory().unwrap();
        let error = migrate(&conn, &[ONE, BROKEN]).unwrap_err();
        assert!(error.to_string().contains("version 2"), "{error}");
        assert_eq!(tables(&conn), 1);
        migrate(&conn, &[ONE, TWO]).unwrap();
    }
}
