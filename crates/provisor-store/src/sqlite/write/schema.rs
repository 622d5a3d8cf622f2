//! A tenant's own schemas and resource types.

use rusqlite::params;
use scim::{Error, Kind, Registry, Value};

use super::{Decided, Transaction};
use crate::{Outcome, TenantId, sqlite::caller};

impl Transaction<'_> {
    /// Adds or replaces a document. What stored resources rely on may not change.
    pub(super) fn put_schema(&mut self, tenant: TenantId, document: &Value) -> Decided<Outcome> {
        let before = self.rules(tenant)?.kinds.clone();
        let is_type = document.get("endpoint").is_some();
        let id = if is_type {
            document.get("name").or_else(|| document.get("id"))
        } else {
            document.get("id")
        };
        let id = id
            .and_then(Value::as_str)
            .map(str::to_owned)
            .ok_or_else(|| {
                Error::invalid_value(
                    "A schema document needs \"id\", its URN; a resource type needs \"name\".",
                )
            })?;
        let mut documents = caller::documents(self.connection, tenant)?;
        let old = documents.iter().position(|(known, ..)| *known == id);
        match old {
            Some(at) => documents[at].2 = document.clone(),
            None => documents.push((id.clone(), None, document.clone())),
        }
        let after = caller::registry_of(
            documents
                .into_iter()
                .map(|(_, _, document)| document)
                .collect(),
        )?;
        if old.is_some() {
            self.refuse_incompatible(tenant, &before.registry, &after, &id)?;
        }
        let kind = match (is_type, after.by_name(&id)) {
            (true, Some(kind)) => match before.number(kind) {
                Some(number) if number >= crate::sqlite::rows::CUSTOM => Some(number),
                Some(_) => None,
                None => {
                    let tally = self.tally(tenant)?;
                    tally.last_kind += 1;
                    Some(tally.last_kind)
                }
            },
            _ => None,
        };
        self.connection
            .prepare_cached(
                "INSERT INTO custom_schema (tenant_id, id, kind, document, position) \
                 VALUES (?1, ?2, ?3, ?4, \
                   (SELECT coalesce(max(position), 0) + 1 FROM custom_schema WHERE tenant_id = ?1)) \
                 ON CONFLICT DO UPDATE SET document = ?4",
            )?
            .execute(params![tenant.0, id, kind, document.to_string()])?;
        self.revise();
        Ok(Outcome::Done(1))
    }

    /// Stored values keep their meaning: with resources there, attributes may be added to a
    /// schema, but not removed or given another type.
    fn refuse_incompatible(
        &self,
        tenant: TenantId,
        before: &Registry,
        after: &Registry,
        id: &str,
    ) -> Decided<()> {
        let stored: bool = self
            .connection
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM resource WHERE tenant_id = ?1)")?
            .query_row([tenant.0], |row| row.get(0))?;
        if !stored {
            return Ok(());
        }
        if let (Some(old), Some(new)) = (before.schema(id), after.schema(id)) {
            for attribute in &old.attributes {
                let same = new.attribute(&attribute.name).is_some_and(|now| {
                    (
                        now.kind,
                        now.multi_valued,
                        now.case_exact,
                        now.returned,
                        now.uniqueness,
                    ) == (
                        attribute.kind,
                        attribute.multi_valued,
                        attribute.case_exact,
                        attribute.returned,
                        attribute.uniqueness,
                    ) && attribute
                        .sub_attributes
                        .iter()
                        .all(|sub| now.sub(&sub.name).is_some_and(|now| now.kind == sub.kind))
                });
                if !same {
                    return Err(Error::new(
                        Kind::Conflict,
                        format!(
                            "The attribute \"{}\" of {id} cannot be removed or change its type, \
                             caseExact, returned or uniqueness while the tenant has resources. \
                             Add another attribute, or use a new URN.",
                            attribute.name
                        ),
                    )
                    .into());
                }
            }
        }
        if let (Some(old), Some(new)) = (before.by_name(id), after.by_name(id)) {
            let kept = old.schema.id == new.schema.id
                && old
                    .extensions
                    .iter()
                    .all(|extension| new.extension(&extension.schema.id).is_some());
            if !kept {
                return Err(Error::new(
                    Kind::Conflict,
                    format!("The resource type {id} cannot lose its schema or an extension while the tenant has resources."),
                )
                .into());
            }
        }
        Ok(())
    }

    /// Removes a document that no resource and no other document uses.
    pub(super) fn remove_schema(&mut self, tenant: TenantId, id: &str) -> Decided<Outcome> {
        let kinds = self.rules(tenant)?.kinds.clone();
        let mut documents = caller::documents(self.connection, tenant)?;
        let at = documents
            .iter()
            .position(|(known, ..)| known == id)
            .ok_or_else(|| {
                Error::not_found(format!(
                    "The tenant has no schema or resource type \"{id}\" of its own."
                ))
            })?;
        let (_, number, _) = documents.remove(at);
        caller::registry_of(
            documents
                .into_iter()
                .map(|(_, _, document)| document)
                .collect(),
        )
        .map_err(|error| Error::new(Kind::Conflict, format!("\"{id}\" is still used: {error}")))?;
        let in_use = match number {
            Some(number) => self
                .connection
                .prepare_cached(
                    "SELECT 1 FROM resource WHERE tenant_id = ?1 AND kind = ?2 LIMIT 1",
                )?
                .exists(params![tenant.0, number])?,
            None => {
                let urn = kinds
                    .registry
                    .schema(id)
                    .map_or(id, |schema| schema.id.as_str());
                self.connection
                    .prepare_cached("SELECT 1 FROM resource WHERE tenant_id = ?1 AND instr(doc, ?2) > 0 LIMIT 1")?
                    .exists(params![tenant.0, urn])?
            }
        };
        if in_use {
            return Err(Error::new(
                Kind::Conflict,
                format!(
                    "Resources still use \"{id}\". Delete them or clear those attributes first."
                ),
            )
            .into());
        }
        self.connection
            .prepare_cached("DELETE FROM custom_schema WHERE tenant_id = ?1 AND id = ?2")?
            .execute(params![tenant.0, id])?;
        self.revise();
        Ok(Outcome::Done(1))
    }
}
