//! Taking a user out of the log, for `user erase`.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior, params};

use crate::{Id, StoreError, TenantId, journal, migration};

use super::{
    entry::Kept,
    file::{Location, MIGRATIONS, NAMED},
    mention::Mention,
    name::NameKey,
};

/// Entries looked at together and written in one transaction, so that the server's writer comes
/// between.
const CHUNK: i64 = 200;
/// Pages given back in one transaction.
const PAGES: u32 = 2000;

/// Whom to take out of the log.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The subject's tenant.
    pub tenant: TenantId,
    /// The user.
    pub id: Id,
    /// Every userName, e-mail and externalId the user has or had.
    pub names: &'a [String],
    /// What the user is or was called besides: display names.
    pub called: &'a [String],
}

/// What was taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Erased {
    /// Entries about the subject: all but time, operation and status is blank.
    pub about: usize,
    /// Other entries that held the subject among others, in a list answer for example: what held
    /// the subject is gone, the bodies as a whole.
    pub among: usize,
    /// The last entry looked at; another walk may go on after it.
    pub last: i64,
    /// False if a reader kept old pages in the write-ahead file, which is emptied when it ends.
    pub journal_emptied: bool,
}

/// Blanks every entry of the tenant after the entry `after` that names the subject or concerns its
/// resource, and takes out of every other what holds one of the subject's identifiers.
/// What was overwritten is not left in free pages or the write-ahead file either.
///
/// Works beside a running server, in short transactions; entries that it has not written yet are
/// not reached: call it again with [`Erased::last`]. `progress` gets entries done and in all.
///
/// # Errors
/// [`StoreError::Open`] if there is no such file or it may not be written.
pub fn erase(
    path: &Path,
    subject: Subject<'_>,
    after: i64,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Erased, StoreError> {
    erase_at(&Location::File(path.to_owned()), subject, after, progress)
}

/// As [`erase`], wherever the log is.
pub(super) fn erase_at(
    location: &Location,
    subject: Subject<'_>,
    after: i64,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Erased, StoreError> {
    let mut conn = location.writer()?;
    migration::verify(&conn, MIGRATIONS)?;
    take_out(&mut conn, subject, after, progress).map_err(StoreError::sqlite)
}

fn take_out(
    conn: &mut Connection,
    subject: Subject<'_>,
    after: i64,
    progress: &mut dyn FnMut(u64, u64),
) -> rusqlite::Result<Erased> {
    // What is deleted or overwritten here is overwritten with zeros.
    conn.query_row("PRAGMA secure_delete = ON", (), |_| Ok(()))?;
    let about = blank(conn, subject, after)?;
    let mut erased = Erased {
        about,
        last: after,
        ..Erased::default()
    };
    let mention = Mention::of(subject);
    loop {
        let newest: i64 = conn.query_row("SELECT coalesce(max(id), 0) FROM entry", (), |row| {
            row.get(0)
        })?;
        let oldest: i64 = conn.query_row(
            "SELECT coalesce(min(id), 0) FROM entry WHERE id > ?1",
            [erased.last],
            |row| row.get(0),
        )?;
        if newest <= erased.last {
            break;
        }
        let from = oldest - 1;
        erased.last = (from + CHUNK).min(newest);
        let hits = look(conn, subject.tenant, &mention, from, erased.last)?;
        erased.among += hits.len();
        write(conn, &hits)?;
        progress(erased.last.abs_diff(after), newest.abs_diff(after));
    }
    give_back(conn)?;
    erased.journal_emptied = journal::empty(conn)?;
    Ok(erased)
}

/// Blanks the entries that are about the subject, and forgets that the names were asked for.
fn blank(conn: &mut Connection, subject: Subject<'_>, after: i64) -> rusqlite::Result<usize> {
    let key = conn.query_row("SELECT name_key FROM about", (), |row| row.get(0))?;
    let key = NameKey(key);
    let id = subject.id.to_string();
    let names = subject.names.iter().map(String::as_str).chain([&*id]);
    let hashes: Vec<i64> = names.map(|name| key.hash(name)).collect();
    let tenant = subject.tenant.0;
    let mut entries = Vec::new();
    {
        let mut named = conn.prepare(&format!("{NAMED} AND n.entry > ?"))?;
        for hash in &hashes {
            let found =
                named.query_map(params![tenant, hash, after], |row| row.get::<_, i64>(0))?;
            entries.extend(found.collect::<Result<Vec<_>, _>>()?);
        }
        let mut about =
            conn.prepare("SELECT id FROM entry WHERE tenant = ?1 AND resource = ?2 AND id > ?3")?;
        let found = about.query_map(params![tenant, subject.id.0, after], |row| {
            row.get::<_, i64>(0)
        })?;
        entries.extend(found.collect::<Result<Vec<_>, _>>()?);
    }
    entries.sort_unstable();
    entries.dedup();
    for chunk in entries.chunks(CHUNK as usize) {
        let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut entry = transaction.prepare_cached(&format!(
                "UPDATE entry SET path = '', query = '', detail = '', notes = NULL, client = '', \
                   address = NULL, {ERASED_BODIES} WHERE id = ?1"
            ))?;
            let mut body = transaction.prepare_cached("DELETE FROM body WHERE entry = ?1")?;
            let mut name = transaction.prepare_cached(
                "DELETE FROM entry_name WHERE tenant = ?1 AND hash = ?2 AND entry = ?3",
            )?;
            for id in chunk {
                entry.execute([id])?;
                body.execute([id])?;
                for hash in &hashes {
                    name.execute(params![tenant, hash, id])?;
                }
            }
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
            transaction.execute(forget, params![tenant, hash])?;
        }
    }
    transaction.commit()?;
    Ok(entries.len())
}

/// An entry's bodies are [`Kept::Erased`]; a hash would let a guess at them be proved.
const ERASED_BODIES: &str = "request_kept = iif(request_kept = 0, 0, 5), \
     response_kept = iif(response_kept = 0, 0, 5), request_sha256 = NULL, response_sha256 = NULL";

/// An entry in which the subject was found.
struct Hit {
    id: i64,
    path: String,
    query: String,
    detail: String,
    notes: Option<String>,
    bodies: bool,
}

/// Looks through the entries after `from` up to `to`. Nothing is locked meanwhile.
fn look(
    conn: &Connection,
    tenant: TenantId,
    mention: &Mention,
    from: i64,
    to: i64,
) -> rusqlite::Result<Vec<Hit>> {
    let mut statement = conn.prepare_cached(
        "SELECT e.id, e.path, e.query, e.detail, e.notes, b.request, b.response, e.request_kept, \
           e.response_kept \
         FROM entry e LEFT JOIN body b ON b.entry = e.id \
         WHERE e.id > ?1 AND e.id <= ?2 AND e.tenant = ?3",
    )?;
    let mut rows = statement.query(params![from, to, tenant.0])?;
    let mut hits = Vec::new();
    while let Some(row) = rows.next()? {
        let mut hit = Hit {
            id: row.get(0)?,
            path: row.get(1)?,
            query: row.get(2)?,
            detail: row.get(3)?,
            notes: row.get(4)?,
            bodies: false,
        };
        let mut found = false;
        for text in [&mut hit.path, &mut hit.query, &mut hit.detail] {
            if mention.in_text(text) {
                text.clear();
                found = true;
            }
        }
        if let Some(notes) = &hit.notes
            && mention.in_json(notes.as_bytes(), false)
        {
            hit.notes = None;
            found = true;
        }
        for (body, kept) in [(5, 7), (6, 8)] {
            let cut = Kept::from_code(row.get(kept)?) == Kept::Cut;
            let body = row.get_ref(body)?.as_blob_or_null()?.unwrap_or_default();
            hit.bodies |= mention.in_json(body, cut);
        }
        if found || hit.bodies {
            hits.push(hit);
        }
    }
    Ok(hits)
}

fn write(conn: &mut Connection, hits: &[Hit]) -> rusqlite::Result<()> {
    if hits.is_empty() {
        return Ok(());
    }
    let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut texts = transaction.prepare_cached(
            "UPDATE entry SET path = ?2, query = ?3, detail = ?4, notes = ?5 WHERE id = ?1",
        )?;
        let mut bodies = transaction
            .prepare_cached(&format!("UPDATE entry SET {ERASED_BODIES} WHERE id = ?1"))?;
        let mut body = transaction.prepare_cached("DELETE FROM body WHERE entry = ?1")?;
        for hit in hits {
            texts.execute(params![hit.id, hit.path, hit.query, hit.detail, hit.notes])?;
            if hit.bodies {
                bodies.execute([hit.id])?;
                body.execute([hit.id])?;
            }
        }
    }
    transaction.commit()
}

/// Gives free pages back: what was removed before, by age, may stand in them.
fn give_back(conn: &Connection) -> rusqlite::Result<()> {
    let free = |conn: &Connection| -> rusqlite::Result<i64> {
        conn.query_row("PRAGMA freelist_count", (), |row| row.get(0))
    };
    let mut left = free(conn)?;
    while left > 0 {
        conn.execute_batch(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
        let now = free(conn)?;
        if now >= left {
            // Others free pages as fast; theirs are overwritten.
            break;
        }
        left = now;
    }
    Ok(())
}

#[cfg(test)]
#[test]
fn the_code_of_erased_bodies_is_the_one_written() {
    assert!(ERASED_BODIES.contains(&format!("0, {})", Kept::Erased as i64)));
}
