//! Erasing a person from the log: what was said of them goes, that something happened stays.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior, params};

use crate::{Id, StoreError, TenantId, migration};

use super::{
    file::{Location, MIGRATIONS, NAMED},
    name::NameKey,
};

/// Entries per transaction, so that the server's writer comes between.
const CHUNK: usize = 200;

/// Blanks every entry of a tenant that names one of these or concerns this resource: bodies,
/// query, path, error text and notes. Time, operation and status stay. Works beside a running
/// server; what it has not written yet is not reached, so give it a moment first.
///
/// Returns the number of entries blanked.
///
/// # Errors
/// [`StoreError::Open`] if there is no such file or it may not be written.
pub fn erase(
    path: &Path,
    tenant: TenantId,
    resource: Id,
    names: &[String],
) -> Result<usize, StoreError> {
    let mut conn = Location::File(path.to_owned()).writer()?;
    migration::verify(&conn, MIGRATIONS)?;
    let key = conn
        .query_row("SELECT name_key FROM about", (), |row| row.get(0))
        .map_err(StoreError::sqlite)?;
    let key = NameKey(key);
    let hashes: Vec<i64> = names.iter().map(|name| key.hash(name)).collect();
    blank(&mut conn, tenant, resource, &hashes).map_err(StoreError::sqlite)
}

fn blank(
    conn: &mut Connection,
    tenant: TenantId,
    resource: Id,
    hashes: &[i64],
) -> rusqlite::Result<usize> {
    let mut entries = Vec::new();
    {
        let mut named = conn.prepare(NAMED)?;
        for hash in hashes {
            let found = named.query_map(params![tenant.0, hash], |row| row.get::<_, i64>(0))?;
            entries.extend(found.collect::<Result<Vec<_>, _>>()?);
        }
        let mut about = conn.prepare("SELECT id FROM entry WHERE tenant = ?1 AND resource = ?2")?;
        let found = about.query_map(params![tenant.0, resource.0], |row| row.get::<_, i64>(0))?;
        entries.extend(found.collect::<Result<Vec<_>, _>>()?);
    }
    entries.sort_unstable();
    entries.dedup();
    for chunk in entries.chunks(CHUNK) {
        let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for entry in chunk {
            transaction.execute(
                "UPDATE entry SET path = '', query = '', detail = '', notes = NULL, client = '', \
                   address = NULL, request_sha256 = NULL, response_sha256 = NULL WHERE id = ?1",
                [entry],
            )?;
            transaction.execute("DELETE FROM body WHERE entry = ?1", [entry])?;
        }
        transaction.commit()?;
    }
    let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for hash in hashes {
        for forget in [
            "DELETE FROM name WHERE tenant = ?1 AND hash = ?2",
            "DELETE FROM entry_name WHERE tenant = ?1 AND hash = ?2
               AND stretch IN (SELECT stretch FROM stretch)",
        ] {
            transaction.execute(forget, params![tenant.0, hash])?;
        }
    }
    transaction.commit()?;
    Ok(entries.len())
}
