//! What targets know of a user who is erased: names go, and what is to be done in the target stays.

use std::collections::HashMap;

use rusqlite::params;

use super::{Transaction, event::number};
use crate::{
    StoreError, TargetId, TenantId,
    event::EventKind,
    sqlite::{
        called::Called,
        rows::Resource,
        target::{object_of, targets},
    },
    target::Kind,
};

/// Added to the mark of a row that is blanked, so that a report of what was under way meanwhile brings no name back.
pub(super) const BLANKED: i64 = 1 << 32;

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
                None => called.insert(Called::of(self.connection, tenant, user)?),
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
        // A key may be of one person in the log, and of another one by now.
        let objects = {
            let mut rows = self.connection.prepare_cached(
                "SELECT local, label FROM target_object WHERE tenant_id = ?1 AND target = ?2 AND kind = ?3",
            )?;
            called.among(rows.query(params![tenant.0, target.0, Kind::User as i64])?)?
        };
        let logged = match &self.lines {
            Some(known) if !self.is_erased_since(tenant, known.seq)? => {
                known.now(called, self.connection, place)?
            }
            _ => called.lines(self.connection, place, 0)?,
        };
        let (mut aliases, mut number) = (HashMap::new(), 0);
        for (local, _) in objects.iter().chain(&logged) {
            if called.ever(local) && !aliases.contains_key(&**local) {
                aliases.insert(&**local, self.free_alias(place, alias, &mut number)?);
            }
        }
        let key = |local: &str| aliases.get(local).map_or(local.to_owned(), String::clone);
        for (local, _) in &objects {
            self.blank_row(place, local, &key(local))?;
        }
        for (local, label) in &logged {
            self.blank_lines(place, (local, Some(label)), &key(local))?;
        }
        Ok(())
    }

    /// Whether others were erased, whose lines are other ones by now and may be this user's.
    fn is_erased_since(&self, tenant: TenantId, seq: i64) -> Result<bool, StoreError> {
        Ok(self
            .connection
            .prepare_cached("SELECT 1 FROM event WHERE tenant_id = ?1 AND seq > ?2 AND kind = ?3")?
            .exists(params![tenant.0, seq, number(EventKind::Erased)])?)
    }

    /// A key that nobody has yet, numbered after the one that was given before.
    fn free_alias(
        &self,
        place: (TenantId, TargetId),
        alias: &str,
        number: &mut u32,
    ) -> Result<String, StoreError> {
        loop {
            *number += 1;
            let key = match *number {
                1 => alias.to_owned(),
                others => format!("{alias}-{others}"),
            };
            if object_of(self.connection, place, Kind::User, &key)?.is_none() {
                return Ok(key);
            }
        }
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
                // By itself SQLite would walk the whole log.
                "UPDATE target_log INDEXED BY target_log_object SET local = ?5, label = '', detail = '{}' \
                 WHERE tenant_id = ?1 AND target = ?2 AND kind = ?3 AND local = ?4 AND (?6 IS NULL OR label = ?6)",
            )?
            .execute(params![tenant.0, target.0, Kind::User as i64, local, key, label])?;
        Ok(())
    }
}
