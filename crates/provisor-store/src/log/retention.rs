//! Connections that keep less than the file does, and how their requests go.

use rusqlite::{OptionalExtension, params};

use super::{
    LogSettings,
    file::{LogFile, STRETCH},
};
use crate::{ConnectionId, TenantId};

/// Entries of a tenant that one transaction looks at.
const LOOKED_AT: usize = 5_000;

/// How long a connection's requests are kept, where it is less than the file's own time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Whose connection.
    pub tenant: TenantId,
    /// Which.
    pub connection: ConnectionId,
    /// Milliseconds that entries are kept; `None`: as long as others.
    pub entries_ms: Option<i64>,
    /// Milliseconds that bodies are kept; `None`: as long as others.
    pub bodies_ms: Option<i64>,
}

/// What of a connection is to go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    tenant: TenantId,
    connection: ConnectionId,
    /// Entries from before this time go.
    entries_end: i64,
    /// Bodies from before this time go.
    bodies_end: i64,
}

impl Cut {
    /// As of now; the file's own times are the most.
    pub(super) fn new(retention: &Retention, settings: &LogSettings, now: i64) -> Self {
        let end = |own: Option<i64>, most: i64| now.saturating_sub(own.unwrap_or(most).min(most));
        Self {
            tenant: retention.tenant,
            connection: retention.connection,
            entries_end: end(retention.entries_ms, settings.entry_retention_ms),
            bodies_end: end(retention.bodies_ms, settings.body_retention_ms),
        }
    }
}

impl LogFile {
    /// One step of a cut; true when it is done. How far it has come stands in the file, so that
    /// nothing is looked at twice, and the window of the tenant begins where its entries do.
    pub(super) fn cut(&self, cut: &Cut) -> rusqlite::Result<bool> {
        let (entries_to, bodies_to) = self
            .conn
            .prepare_cached(
                "SELECT entries_to, bodies_to FROM cut WHERE tenant = ? AND connection = ?",
            )?
            .query_row((cut.tenant.0, cut.connection.0), |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?
            .unwrap_or((0, 0));
        let transaction = self.conn.unchecked_transaction()?;
        let (entries_to, bodies_to) = if entries_to < cut.entries_end {
            let to = self.cut_from(cut, entries_to, cut.entries_end, true)?;
            (to, bodies_to.max(to))
        } else if bodies_to < cut.bodies_end {
            let to = self.cut_from(cut, bodies_to, cut.bodies_end, false)?;
            (entries_to, to)
        } else {
            return Ok(true);
        };
        self.conn
            .prepare_cached("INSERT OR REPLACE INTO cut VALUES (?, ?, ?, ?)")?
            .execute((cut.tenant.0, cut.connection.0, entries_to, bodies_to))?;
        transaction.commit()?;
        Ok(false)
    }

    /// Removes bodies, or entries with all that belongs to them; how far it has come.
    fn cut_from(&self, cut: &Cut, from: i64, end: i64, entries: bool) -> rusqlite::Result<i64> {
        let found: Vec<(i64, i64, Option<i64>)> = self
            .conn
            .prepare_cached(
                "SELECT id, at, connection FROM entry WHERE tenant = ? AND at >= ? AND at < ?
                 ORDER BY at LIMIT ?",
            )?
            .query_map(
                params![cut.tenant.0, from, end, LOOKED_AT.cast_signed()],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )?
            .collect::<Result<_, _>>()?;
        let mut body = self
            .conn
            .prepare_cached("DELETE FROM body WHERE entry = ?")?;
        let mut entry = self.conn.prepare_cached("DELETE FROM entry WHERE id = ?")?;
        let mut stretches = Vec::new();
        let own = |of: Option<i64>| of == Some(cut.connection.0);
        for (id, ..) in found.iter().filter(|(.., of)| own(*of)) {
            body.execute([id])?;
            if entries {
                entry.execute([id])?;
                stretches.push(id / STRETCH);
            }
        }
        stretches.sort_unstable();
        stretches.dedup();
        let mut names = self.conn.prepare_cached(
            "DELETE FROM entry_name WHERE stretch = ? AND tenant = ?
             AND NOT EXISTS (SELECT 1 FROM entry e WHERE e.id = entry_name.entry)",
        )?;
        for stretch in stretches {
            names.execute((stretch, cut.tenant.0))?;
        }
        Ok(match found.last() {
            // Others of the same moment may follow.
            Some((_, at, _)) if found.len() == LOOKED_AT => *at.max(&(from + 1)),
            _ => end,
        })
    }
}
