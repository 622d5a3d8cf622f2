//! A tenant's own schemas and resource types.

use rusqlite::params;
use scim::{Attribute, Error, Kind, Registry, Value};

use super::{Decided, Transaction};
use crate::{
    Outcome, TenantId,
    sqlite::{caller, claim::Claim},
};

impl Transaction<'_> {
    /// Adds or replaces a document. What stored resources rely on may not change.
    pub(super) fn put_schema(&mut self, tenant: TenantId, document: &Value) -> Decided<Outcome> {
        let before = self.rules(tenant)?.kinds.clone();
        let is_type = caller::is_type(document);
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
        self.refuse_incompatible(tenant, &before.registry, &after)?;
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

    /// Stored values keep their meaning: attributes may be added to a schema that resources use,
    /// but not removed or given another type.
    fn refuse_incompatible(
        &mut self,
        tenant: TenantId,
        before: &Registry,
        after: &Registry,
    ) -> Decided<()> {
        for old in before.schemas() {
            let Some(new) = after.schema(&old.id) else {
                continue;
            };
            if let Some(attribute) = old.attributes.iter().find(|attribute| {
                let now = new.attribute(&attribute.name);
                !now.is_some_and(|now| keeps_meaning(attribute, now))
            }) && self.mentions(tenant, &old.id)?
            {
                return Err(Error::new(
                    Kind::Conflict,
                    format!(
                        "The attribute \"{}\" of {} cannot be removed or change its type, \
                         multiValued, caseExact, returned or uniqueness while resources use \
                         the schema. Add another attribute, or use a new URN.",
                        attribute.name, old.id
                    ),
                )
                .into());
            }
        }
        for old in before.resource_types() {
            let Some(new) = after.by_name(&old.name) else {
                continue;
            };
            let mut lost = Vec::new();
            if old.schema.id != new.schema.id {
                lost.push(&old.schema.id);
            }
            let extensions = old.extensions.iter().map(|extension| &extension.schema.id);
            lost.extend(extensions.filter(|urn| new.extension(urn).is_none()));
            for urn in lost {
                if self.mentions(tenant, urn)? {
                    return Err(Error::new(
                        Kind::Conflict,
                        format!(
                            "The resource type {} cannot lose {urn} while resources use it. \
                             Clear its attributes first.",
                            old.name
                        ),
                    )
                    .into());
                }
            }
        }
        Ok(())
    }

    /// True if a resource has attributes of this schema.
    fn mentions(&mut self, tenant: TenantId, urn: &str) -> Decided<bool> {
        let against = self.against(tenant, Claim::Unmentioned(urn.to_owned()))?;
        Ok(!against.is_empty())
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
        let after = caller::registry_of(
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
            None => match kinds.registry.schema(id) {
                Some(schema) => self.mentions(tenant, &schema.id)?,
                None => false,
            },
        };
        self.refuse_incompatible(tenant, &kinds.registry, &after)?;
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

/// Whether what was stored under the one definition means the same under the other.
fn keeps_meaning(old: &Attribute, new: &Attribute) -> bool {
    let decisive = |it: &Attribute| {
        (
            it.kind,
            it.multi_valued,
            it.case_exact,
            it.returned,
            it.uniqueness,
        )
    };
    decisive(old) == decisive(new)
        && old.sub_attributes.iter().all(|sub| {
            new.sub(&sub.name)
                .is_some_and(|now| keeps_meaning(sub, now))
        })
}
