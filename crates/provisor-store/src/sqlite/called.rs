//! What an erased user was called, and who in the logs of targets is called so.
//!
//! A log has no index of what its lines call somebody, and to read a million lines takes longer than the writer may be held.
//! So they are read in a snapshot beside it, and the transaction that erases reads only those that came since.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension, Rows, params};
use scim::{Value, fold::fold};

use super::{
    Shared, get,
    keys::{EMAIL, bounded},
    rows::{Resource, USER, bytes},
    target::targets,
};
use crate::{Id, StoreError, TargetId, TenantId, target::Kind};

/// What an erased user was called, folded; what somebody else is called by now is none of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Called {
    last: HashSet<String>,
    all: HashSet<String>,
}

impl Called {
    /// Every userName and e-mail that a user has or had.
    pub(super) fn of(
        connection: &Connection,
        tenant: TenantId,
        user: &Resource,
    ) -> Result<Self, StoreError> {
        let mut called = Called {
            last: names(&user.doc),
            all: names(&user.doc),
        };
        let mut past = connection
            .prepare_cached("SELECT previous, doc FROM event WHERE tenant_id = ?1 AND seq = ?2")?;
        let mut next = user.last_event;
        while next != 0 {
            next = past.query_row(params![tenant.0, next], |row| {
                let document = bytes(row.get_ref(1)?).unwrap_or_default();
                called.all.extend(names(&document));
                row.get(0)
            })?;
        }
        let mut others = connection.prepare_cached(
            "SELECT 1 FROM resource WHERE tenant_id = ?1 AND kind = ?2 AND name = ?3 AND k <> ?4 \
             UNION ALL SELECT 1 FROM search_key \
               WHERE tenant_id = ?1 AND kind = ?2 AND attribute = ?5 AND value = ?6 AND k <> ?4",
        )?;
        // What was passed on is the name of whoever has it now.
        let mut passed_on = Vec::new();
        for name in &called.all {
            let value = bounded(name.into());
            let key = params![tenant.0, USER, name, user.k, EMAIL, value];
            if others.exists(key)? {
                passed_on.push(name.clone());
            }
        }
        for name in passed_on {
            called.all.remove(&name);
            called.last.remove(&name);
        }
        Ok(called)
    }

    pub(super) fn ever(&self, text: &str) -> bool {
        self.all.contains(&*fold(text))
    }

    /// Whether a line of a target is theirs. A key that was their name once may be of somebody who is called otherwise.
    fn is(&self, local: &str, label: &str) -> bool {
        self.last.contains(&*fold(local))
            || self.ever(label)
            || label.is_empty() && self.ever(local)
    }

    /// Which of these rows, each a key and a name, are theirs; each pair once, in the order of the rows.
    pub(super) fn among(&self, mut rows: Rows<'_>) -> Result<Vec<Line>, StoreError> {
        let (mut seen, mut lines) = (HashSet::new(), Vec::new());
        while let Some(row) = rows.next()? {
            let text = |at| Ok::<_, rusqlite::Error>(row.get_ref(at)?.as_str()?);
            let (local, label) = (text(0)?, text(1)?);
            if self.is(local, label) && seen.insert((local.to_owned(), label.to_owned())) {
                lines.push((local.to_owned(), label.to_owned()));
            }
        }
        Ok(lines)
    }

    /// What lines of a target's log after one call them.
    pub(super) fn lines(
        &self,
        connection: &Connection,
        (tenant, target): (TenantId, TargetId),
        after: i64,
    ) -> Result<Vec<Line>, StoreError> {
        // In the order of the lines (`+`): by the index each would be looked up.
        let mut rows = connection.prepare_cached(
            "SELECT local, label FROM target_log \
             WHERE tenant_id = ?1 AND target = ?2 AND n > ?4 AND +kind = ?3 ORDER BY n",
        )?;
        self.among(rows.query(params![tenant.0, target.0, Kind::User as i64, after])?)
    }
}

/// userName and e-mails of a document, folded. Past documents may be blanked already.
fn names(document: &[u8]) -> HashSet<String> {
    let document: Value = serde_json::from_slice(document).unwrap_or_default();
    let emails = document["emails"].as_array().into_iter().flatten();
    let texts = emails
        .map(|email| &email["value"])
        .chain([&document["userName"]]);
    let names = texts.filter_map(|text| Some(fold(text.as_str()?).into_owned()));
    names.filter(|name| !name.is_empty()).collect()
}

/// A key of the files, and what lines of a log call it.
pub(super) type Line = (String, String);

/// Lines of the logs of targets that files feed that are of an erased user, as a snapshot has them.
#[derive(Debug)]
pub(super) struct Lines {
    /// The tenant's last event in the snapshot.
    pub(super) seq: i64,
    called: Called,
    targets: HashMap<TargetId, (Last, Vec<Line>)>,
}

/// The last line of a log: its number, and when it was written.
type Last = Option<(i64, i64)>;

impl Lines {
    /// Reads them in a snapshot of its own; `None` where no target is fed from files, or the user is not there.
    pub(super) fn read(
        shared: &Shared,
        tenant: TenantId,
        user: Id,
    ) -> Result<Option<Self>, StoreError> {
        let connection = shared.reader()?;
        connection.execute_batch("BEGIN")?;
        let lines = Self::examine(&connection, tenant, user);
        // A connection that cannot end its transaction is not used again.
        if connection.execute_batch("COMMIT").is_ok() {
            shared.give_back(connection);
        }
        lines
    }

    pub(super) fn examine(
        connection: &Connection,
        tenant: TenantId,
        user: Id,
    ) -> Result<Option<Self>, StoreError> {
        let mut fed = targets(connection, Some(tenant))?;
        fed.retain(crate::target::Target::is_fed_from_files);
        if fed.is_empty() {
            return Ok(None);
        }
        let live = get::resource(connection, tenant, USER, user)?;
        let user = match live {
            Some(live) => Some(live),
            None => get::tombstone(connection, tenant, user)?.map(|(row, _)| row),
        };
        let Some(user) = user else { return Ok(None) };
        let called = Called::of(connection, tenant, &user)?;
        let mut targets = HashMap::new();
        for target in fed {
            let place = (tenant, target.id);
            let last = last(connection, place)?;
            let lines = called.lines(connection, place, 0)?;
            targets.insert(target.id, (last, lines));
        }
        let seq = connection
            .prepare_cached("SELECT coalesce(max(seq), 0) FROM event WHERE tenant_id = ?1")?
            .query_row([tenant.0], |row| row.get(0))?;
        Ok(Some(Self {
            seq,
            called,
            targets,
        }))
    }

    /// Those of one target as they are now: what was read, and what came since. All are read if the user is called otherwise
    /// by now, or the log is another one.
    pub(super) fn now(
        &self,
        called: &Called,
        connection: &Connection,
        place: (TenantId, TargetId),
    ) -> Result<Vec<Line>, StoreError> {
        let known = self.targets.get(&place.1);
        let known = known.filter(|_| self.called == *called);
        let Some((Some((n, at)), before)) = known else {
            return called.lines(connection, place, 0);
        };
        let is_same = connection
            .prepare_cached(
                "SELECT 1 FROM target_log WHERE tenant_id = ?1 AND target = ?2 AND n = ?3 AND at = ?4",
            )?
            .exists(params![place.0.0, place.1.0, n, at])?;
        if !is_same {
            return called.lines(connection, place, 0);
        }
        let mut lines = before.clone();
        for line in called.lines(connection, place, *n)? {
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        Ok(lines)
    }
}

fn last(
    connection: &Connection,
    (tenant, target): (TenantId, TargetId),
) -> Result<Last, StoreError> {
    Ok(connection
        .prepare_cached(
            "SELECT n, at FROM target_log WHERE tenant_id = ?1 AND target = ?2 ORDER BY n DESC LIMIT 1",
        )?
        .query_row(params![tenant.0, target.0], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?)
}

#[cfg(test)]
mod tests;
