//! What targets know of a user who is erased: names go, and what is to be done in the target stays.

use std::collections::{HashMap, HashSet};

use rusqlite::params;
use scim::{Value, fold::fold};

use super::Transaction;
use crate::{
    StoreError, TargetId, TenantId,
    sqlite::{
        keys::{EMAIL, bounded},
        rows::{Resource, USER, bytes},
        target::{object_of, targets},
    },
    target::Kind,
};

/// Added to the mark of a row that is blanked, so that a report of what was under way meanwhile brings no name back.
pub(super) const BLANKED: i64 = 1 << 32;

/// What an erased user was called, folded; what somebody else is called by now is none of it.
struct Called {
    last: HashSet<String>,
    all: HashSet<String>,
}

impl Called {
    fn ever(&self, text: &str) -> bool {
        self.all.contains(&*fold(text))
    }

    /// Whether a line of a target is theirs. A key that was their name once may be of somebody who is called otherwise.
    fn is(&self, local: &str, label: &str) -> bool {
        self.last.contains(&*fold(local))
            || self.ever(label)
            || label.is_empty() && self.ever(local)
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

impl Transaction<'_> {
    /// Takes an erased user's name out of the targets' memory and logs; that it has to go there stays. To be called before
    /// the user's events are blanked.
    pub(super) fn blank_in_targets(
        &self,
        tenant: TenantId,
        user: &Resource,
    ) -> Result<(), StoreError> {
        let local = user.id.to_string();
        let mut called = None;
        for target in targets(self.connection, Some(tenant))? {
            let place = (tenant, target.id);
            if !target.is_fed_from_files() {
                self.blank_row(place, &local, &local)?;
                self.blank_lines(place, (&local, None), &local)?;
                continue;
            }
            let called = match &called {
                Some(called) => called,
                None => called.insert(self.called(tenant, user)?),
            };
            self.blank_called(place, called, &format!("erased-{local}"))?;
        }
        Ok(())
    }

    /// Blanks whom files know by one of these names. A key that is one becomes another one, so that what is in the target
    /// is still known there and goes with the next files.
    fn blank_called(
        &self,
        place: (TenantId, TargetId),
        called: &Called,
        alias: &str,
    ) -> Result<(), StoreError> {
        let (tenant, target) = place;
        let keys = params![tenant.0, target.0, Kind::User as i64];
        // A key may be of one person in the log, and of another one by now.
        let mut lines = Vec::new();
        for table in ["target_object", "target_log"] {
            let mut rows = self.connection.prepare_cached(&format!(
                "SELECT DISTINCT local, label FROM {table} WHERE tenant_id = ?1 AND target = ?2 AND kind = ?3"
            ))?;
            let mut rows = rows.query(keys)?;
            while let Some(row) = rows.next()? {
                let (local, label): (String, String) = (row.get(0)?, row.get(1)?);
                if called.is(&local, &label) {
                    lines.push((table, local, label));
                }
            }
        }
        let (mut aliases, mut given) = (HashMap::new(), 0);
        for (table, local, label) in lines {
            let key = match aliases.get(&local) {
                Some(key) => String::clone(key),
                None if called.ever(&local) => {
                    let free = self.free_alias(place, alias, given)?;
                    given += 1;
                    free
                }
                None => local.clone(),
            };
            aliases.insert(local.clone(), key.clone());
            match table {
                "target_object" => self.blank_row(place, &local, &key)?,
                _ => self.blank_lines(place, (&local, Some(&label)), &key)?,
            }
        }
        Ok(())
    }

    /// A key that nobody has yet, not even among those given just now.
    fn free_alias(
        &self,
        place: (TenantId, TargetId),
        alias: &str,
        given: usize,
    ) -> Result<String, StoreError> {
        let mut number = given + 1;
        loop {
            let key = match number {
                1 => alias.to_owned(),
                others => format!("{alias}-{others}"),
            };
            if !self.is_known(place, &key)? {
                return Ok(key);
            }
            number += 1;
        }
    }

    fn is_known(&self, place: (TenantId, TargetId), local: &str) -> Result<bool, StoreError> {
        Ok(object_of(self.connection, place, Kind::User, local)?.is_some())
    }

    /// Every userName and e-mail that a user has or had.
    fn called(&self, tenant: TenantId, user: &Resource) -> Result<Called, StoreError> {
        let mut called = Called {
            last: names(&user.doc),
            all: names(&user.doc),
        };
        let mut past = self
            .connection
            .prepare_cached("SELECT previous, doc FROM event WHERE tenant_id = ?1 AND seq = ?2")?;
        let mut next = user.last_event;
        while next != 0 {
            next = past.query_row(params![tenant.0, next], |row| {
                let document = bytes(row.get_ref(1)?).unwrap_or_default();
                called.all.extend(names(&document));
                row.get(0)
            })?;
        }
        let mut others = self.connection.prepare_cached(
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

    /// What a creation is found by stays where its answer is still out (`sent`): without it, nobody would take the user
    /// there away again. The next run finds them by it, and then it goes.
    fn blank_row(
        &self,
        (tenant, target): (TenantId, TargetId),
        local: &str,
        key: &str,
    ) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(&format!(
                "UPDATE target_object SET local = ?5, label = '', mark = mark + {BLANKED}, \
                   error = iif(error IS NULL, NULL, 'erased') \
                 WHERE tenant_id = ?1 AND target = ?2 AND kind = ?3 AND local = ?4"
            ))?
            .execute(params![tenant.0, target.0, Kind::User as i64, local, key])?;
        Ok(())
    }

    /// Lines of the log under a key, all of them or those that call it so.
    fn blank_lines(
        &self,
        (tenant, target): (TenantId, TargetId),
        (local, label): (&str, Option<&str>),
        key: &str,
    ) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "UPDATE target_log SET local = ?5, label = '', detail = '{}' \
                 WHERE tenant_id = ?1 AND target = ?2 AND kind = ?3 AND local = ?4 AND (?6 IS NULL OR label = ?6)",
            )?
            .execute(params![tenant.0, target.0, Kind::User as i64, local, key, label])?;
        Ok(())
    }
}
