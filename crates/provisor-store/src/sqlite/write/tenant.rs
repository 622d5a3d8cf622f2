//! Tenants: create, change, and delete in chunks.

use rusqlite::{OptionalExtension, params, params_from_iter, types::Value as SqlValue};
use scim::{Error, Kind, resource::Incoming};
use serde_json::json;

use super::{Decided, Stop, Transaction};
use crate::{
    Actor, Origin, Outcome, StoreError, Tenant, TenantId, TenantState,
    sqlite::{caller, rows},
};

/// Tables with a tenant's rows, the biggest first, each with the rest of its key.
const TABLES: [(&str, &[&str]); 19] = [
    ("event", &["seq"]),
    ("target_log", &["target", "n"]),
    ("target_member", &["target", "team", "member"]),
    ("target_object", &["target", "kind", "local"]),
    ("target", &["id"]),
    ("search_key", &["kind", "attribute", "value", "k"]),
    ("member", &["team", "member"]),
    ("former_member", &["member", "seq"]),
    ("resource", &["k"]),
    ("tombstone", &["id"]),
    ("gone", &["id"]),
    ("tally", &["kind"]),
    ("token_use", &["token_id"]),
    ("token", &["id"]),
    ("connection", &["id"]),
    ("custom_schema", &["id"]),
    ("session", &["id"]),
    ("link", &["id"]),
    ("tenant_tally", &["tenant_id"]),
];

impl Transaction<'_> {
    /// A new tenant with one role and one entitlement, since Okta refuses an endpoint that lists
    /// none ("Build a SCIM provisioning integration with entitlements": `Resources` not empty).
    pub(super) fn create_tenant(
        &mut self,
        origin: &Origin,
        key: &str,
        name: &str,
        simulated: bool,
    ) -> Decided<Outcome> {
        check_key(key)?;
        if self.exists("SELECT 1 FROM tenant WHERE key = ?1", key)? {
            return Err(Error::new(
                Kind::Uniqueness,
                format!("There is already a tenant with the key \"{key}\". Use it, or choose another key."),
            )
            .into());
        }
        let slug = self.free_slug(key)?;
        let name = if name.trim().is_empty() {
            key
        } else {
            name.trim()
        };
        let id: i64 = self
            .connection
            .prepare_cached("UPDATE counter SET n = n + 1 WHERE name = 'tenant' RETURNING n")?
            .query_row([], |row| row.get(0))?;
        self.connection
            .prepare_cached("INSERT INTO tenant VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6)")?
            .execute(params![id, key, slug, name, self.now, simulated])?;
        self.revise();
        let tenant = TenantId(id);
        let own = Origin {
            tenant,
            actor: Actor::System,
            ..origin.clone()
        };
        for (number, first) in [
            (
                rows::builtin_kind("Role"),
                json!({ "displayName": "Member", "description": "Every user of the app." }),
            ),
            (
                rows::builtin_kind("Entitlement"),
                json!({ "displayName": "Access", "description": "May sign in to the app.", "type": "Entitlement" }),
            ),
        ] {
            let rules = self.rules(tenant)?;
            let kind = number
                .and_then(|number| rules.kinds.by_number(number))
                .cloned();
            if let (Some(kind), serde_json::Value::Object(mut attributes)) = (kind, first) {
                attributes.shift_insert(0, "schemas".into(), json!([kind.schema.id]));
                let incoming = Incoming {
                    attributes,
                    members: None,
                };
                // The tenant's row is written: there is no refusing any more.
                self.create(&own, &kind, &incoming, false)
                    .map_err(Stop::fail)?;
            }
        }
        Ok(Outcome::Tenant(self.tenant_record(tenant)?))
    }

    pub(super) fn set_tenant(
        &mut self,
        tenant: TenantId,
        name: Option<&str>,
        suspended: Option<bool>,
    ) -> Decided<Outcome> {
        let before = self.tenant_record(tenant)?;
        let mut record = before.clone();
        if let Some(name) = name.map(str::trim) {
            if name.is_empty() {
                return Err(Error::invalid_value(
                    "A tenant has a name. Write what people call it; nothing was changed.",
                )
                .into());
            }
            name.clone_into(&mut record.name);
        }
        if let Some(suspended) = suspended {
            record.state = if suspended {
                TenantState::Suspended
            } else {
                TenantState::Active
            };
        }
        if record == before {
            return Ok(Outcome::Tenant(record));
        }
        self.connection
            .prepare_cached("UPDATE tenant SET name = ?2, state = ?3 WHERE id = ?1")?
            .execute(params![tenant.0, record.name, state_number(record.state)])?;
        self.revise();
        Ok(Outcome::Tenant(record))
    }

    /// Hides the tenant and frees its key, then removes its rows chunk by chunk, its own row last.
    pub(super) fn delete_tenant(&mut self, tenant: TenantId, chunk: usize) -> Decided<Outcome> {
        let Some(record) = caller::tenant_by_id(self.connection, tenant)? else {
            return Ok(Outcome::TenantDeleted { done: true });
        };
        if record.state != TenantState::Deleting {
            // No key and no slug has a tilde.
            self.connection
                .prepare_cached(
                    "UPDATE tenant SET state = 2, key = '~' || id, slug = '~' || id WHERE id = ?1",
                )?
                .execute([tenant.0])?;
            self.revise();
        }
        let chunk = chunk.max(1);
        let done = self.remove_rows(tenant, chunk)? < chunk;
        Ok(Outcome::TenantDeleted { done })
    }

    /// Goes on with deletions that were interrupted; the number of rows removed.
    pub(super) fn finish_deletions(&mut self, chunk: usize) -> Result<usize, StoreError> {
        let unfinished: Vec<i64> = self
            .connection
            .prepare_cached("SELECT id FROM tenant WHERE state = 2 ORDER BY id")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let mut removed = 0;
        for tenant in unfinished {
            if removed < chunk {
                removed += self.remove_rows(TenantId(tenant), chunk - removed)?;
            }
        }
        Ok(removed)
    }

    /// Removes up to `most` rows of a tenant that is being deleted; fewer if that was all.
    fn remove_rows(&mut self, tenant: TenantId, most: usize) -> Result<usize, StoreError> {
        let mut removed = 0;
        for (table, key) in TABLES {
            removed += self.remove_from(table, key, tenant, most - removed)?;
            if removed == most {
                return Ok(removed);
            }
        }
        self.connection
            .prepare_cached("DELETE FROM tenant WHERE id = ?1")?
            .execute([tenant.0])?;
        self.tallies.remove(&tenant);
        self.revise();
        Ok(removed)
    }

    /// Removes up to `most` rows of one table, each by its key: a subquery in the DELETE would
    /// read all rows of the tenant for every chunk.
    fn remove_from(
        &self,
        table: &str,
        key: &[&str],
        tenant: TenantId,
        most: usize,
    ) -> Result<usize, StoreError> {
        let limit = i64::try_from(most).unwrap_or(i64::MAX);
        let columns = key.join(", ");
        let rows: Vec<Vec<SqlValue>> = self
            .connection
            .prepare_cached(&format!(
                "SELECT {columns} FROM {table} WHERE tenant_id = ?1 LIMIT ?2"
            ))?
            .query_map(params![tenant.0, limit], |row| {
                (0..key.len()).map(|at| row.get(at)).collect()
            })?
            .collect::<Result<_, _>>()?;
        let same: String = key.iter().map(|name| format!(" AND {name} = ?")).collect();
        let mut delete = self
            .connection
            .prepare_cached(&format!("DELETE FROM {table} WHERE tenant_id = ?{same}"))?;
        let mut removed = 0;
        for row in rows {
            let values = std::iter::once(SqlValue::Integer(tenant.0)).chain(row);
            removed += delete.execute(params_from_iter(values))?;
        }
        Ok(removed)
    }

    /// The tenant, unless it is being deleted.
    pub(super) fn tenant_record(&self, tenant: TenantId) -> Decided<Tenant> {
        caller::tenant_by_id(self.connection, tenant)?
            .filter(|record| record.state != TenantState::Deleting)
            .ok_or_else(|| Error::not_found("There is no such tenant.").into())
    }

    /// A slug from the key, with a number if it is taken.
    fn free_slug(&self, key: &str) -> Decided<String> {
        let mut slug: String = key
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() {
                    c.to_ascii_lowercase()
                } else {
                    '-'
                }
            })
            .take(50)
            .collect();
        slug = slug.trim_matches('-').to_owned();
        if slug.is_empty() {
            slug = "tenant".into();
        }
        let mut candidate = slug.clone();
        let mut number = 2;
        while self.exists("SELECT 1 FROM tenant WHERE slug = ?1", &candidate)? {
            candidate = format!("{slug}-{number}");
            number += 1;
        }
        Ok(candidate)
    }

    pub(super) fn exists(&self, query: &str, value: &str) -> Result<bool, StoreError> {
        Ok(self
            .connection
            .prepare_cached(query)?
            .query_row([value], |_| Ok(()))
            .optional()?
            .is_some())
    }
}

fn state_number(state: TenantState) -> i64 {
    match state {
        TenantState::Active => 0,
        TenantState::Suspended => 1,
        TenantState::Deleting => 2,
    }
}

/// `[A-Za-z0-9][A-Za-z0-9._-]{0,127}`: the app's own id of the customer.
fn check_key(key: &str) -> Result<(), Error> {
    let good = key.len() <= 128
        && key.starts_with(|c: char| c.is_ascii_alphanumeric())
        && key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    if good {
        return Ok(());
    }
    Err(Error::invalid_value(
        "A tenant's key has 1 to 128 letters, digits, dots, underscores and hyphens, and starts \
         with a letter or digit. Use your own id of the customer.",
    ))
}
