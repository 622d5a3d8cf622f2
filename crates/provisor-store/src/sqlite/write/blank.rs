//! What targets know of a user who is erased: names go, and what is to be done in the target stays.

use std::collections::{BTreeSet, HashSet};

use rusqlite::params;
use scim::{Value, fold::fold};

use super::Transaction;
use crate::{
    StoreError, TargetId, TenantId,
    sqlite::{
        rows::{Resource, bytes},
        target::targets,
    },
    target::Kind,
};

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
                self.blank_object(place, &local, &local)?;
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
        called: &HashSet<String>,
        alias: &str,
    ) -> Result<(), StoreError> {
        let (tenant, target) = place;
        let keys = params![tenant.0, target.0, Kind::User as i64];
        let mut found = BTreeSet::new();
        for table in ["target_object", "target_log"] {
            let mut rows = self.connection.prepare_cached(&format!(
                "SELECT local, label FROM {table} WHERE tenant_id = ?1 AND target = ?2 AND kind = ?3"
            ))?;
            let mut rows = rows.query(keys)?;
            while let Some(row) = rows.next()? {
                let (local, label): (String, String) = (row.get(0)?, row.get(1)?);
                if called.contains(&*fold(&local)) || called.contains(&*fold(&label)) {
                    found.insert(local);
                }
            }
        }
        let mut aliases = 0;
        for local in found {
            let key = match (called.contains(&*fold(&local)), aliases) {
                (false, _) => local.clone(),
                (true, 0) => alias.to_owned(),
                (true, others) => format!("{alias}-{}", others + 1),
            };
            aliases += usize::from(key != local);
            self.blank_object(place, &local, &key)?;
        }
        Ok(())
    }

    /// Every userName and e-mail that a user has or had, folded.
    fn called(&self, tenant: TenantId, user: &Resource) -> Result<HashSet<String>, StoreError> {
        let mut called = HashSet::new();
        let mut add = |document: &[u8]| {
            // Past documents may be blanked already.
            let document: Value = serde_json::from_slice(document).unwrap_or_default();
            let emails = document["emails"].as_array().into_iter().flatten();
            let texts = emails
                .map(|email| &email["value"])
                .chain([&document["userName"]]);
            called.extend(texts.filter_map(|text| Some(fold(text.as_str()?).into_owned())));
        };
        add(&user.doc);
        let mut past = self
            .connection
            .prepare_cached("SELECT previous, doc FROM event WHERE tenant_id = ?1 AND seq = ?2")?;
        let mut next = user.last_event;
        while next != 0 {
            next = past.query_row(params![tenant.0, next], |row| {
                add(&bytes(row.get_ref(1)?).unwrap_or_default());
                row.get(0)
            })?;
        }
        called.retain(|text| !text.is_empty());
        Ok(called)
    }

    fn blank_object(
        &self,
        (tenant, target): (TenantId, TargetId),
        local: &str,
        key: &str,
    ) -> Result<(), StoreError> {
        let of = params![tenant.0, target.0, Kind::User as i64, local, key];
        self.connection
            .prepare_cached(
                "UPDATE target_object SET local = ?5, label = '', error = iif(error IS NULL, NULL, 'erased') \
                 WHERE tenant_id = ?1 AND target = ?2 AND kind = ?3 AND local = ?4",
            )?
            .execute(of)?;
        self.connection
            .prepare_cached(
                "UPDATE target_log SET local = ?5, label = '', detail = '{}' \
                 WHERE tenant_id = ?1 AND target = ?2 AND kind = ?3 AND local = ?4",
            )?
            .execute(of)?;
        Ok(())
    }
}
