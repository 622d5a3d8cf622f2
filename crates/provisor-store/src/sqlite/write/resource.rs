//! Rows of resources with their search keys: load, insert, update.

use std::sync::Arc;

use rusqlite::{OptionalExtension, params};
use scim::{Map, ResourceType, Value, fold::fold, project::split_default};

use super::{Decided, Transaction};
use crate::{
    Id, Origin, Precondition, StoreError, TenantId,
    sqlite::{
        keys::{self, Key},
        rows::{self, Resource},
    },
};

/// Bytes of a name that a member list shows: a team's are held together when it is read.
const LONGEST_LABEL: usize = 1_024;

/// Where a resource lives: its tenant and its type with the type's number.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) tenant: TenantId,
    pub(super) kind: &'a Arc<ResourceType>,
    pub(super) number: i64,
}

/// The answer to an id that is not there; another tenant's looks the same.
pub(super) fn not_found(kind: &ResourceType, id: Id) -> scim::Error {
    scim::Error::not_found(format!(
        "There is no {} with the id {id} in this tenant. It may have been deleted; look it up \
         again, or create it.",
        kind.name
    ))
}

impl Transaction<'_> {
    pub(super) fn place<'a>(
        &mut self,
        tenant: TenantId,
        kind: &'a Arc<ResourceType>,
    ) -> Decided<Place<'a>> {
        let rules = self.rules(tenant)?;
        let current = rules.kinds.registry.by_name(&kind.name);
        let (Some(current), Some(number)) = (current, rules.kinds.number(kind)) else {
            return Err(scim::Error::not_found(format!(
                "There is no resource type {} any more.",
                kind.name
            ))
            .into());
        };
        // What was read by an older schema is not written by a newer one.
        if !Arc::ptr_eq(current, kind) && current != kind {
            return Err(scim::Error::new(
                scim::Kind::Unavailable,
                format!(
                    "The schemas of {} changed while the request was on its way. Nothing was \
                     applied; send it again.",
                    kind.name
                ),
            )
            .into());
        }
        Ok(Place {
            tenant,
            kind,
            number,
        })
    }

    /// Loads a resource for a change, or refuses: 404, 412.
    pub(super) fn load(
        &self,
        place: Place<'_>,
        id: Id,
        precondition: Option<&Precondition>,
    ) -> Decided<Resource> {
        let row = self
            .connection
            .prepare_cached(&format!(
                "SELECT {} FROM resource WHERE tenant_id = ?1 AND kind = ?2 AND id = ?3",
                rows::COLUMNS
            ))?
            .query_row(params![place.tenant.0, place.number, id.0], rows::resource)
            .optional()?
            .ok_or_else(|| not_found(place.kind, id))?;
        let holds = match precondition {
            None | Some(Precondition::Exists) => true,
            Some(Precondition::OneOf(versions)) => versions.contains(&row.version),
            Some(Precondition::Absent) => false,
        };
        if !holds {
            return Err(scim::Error::new(
                scim::Kind::PreconditionFailed,
                format!(
                    "The {} {id} has version W/\"{}\" now, which the request does not accept. \
                     Read it again and repeat the change.",
                    place.kind.name, row.version
                ),
            )
            .into());
        }
        Ok(row)
    }

    /// A new row number and a new id: UUIDv7, above every id of the tenant before it.
    pub(super) fn mint(&mut self, tenant: TenantId) -> Result<(i64, Id), StoreError> {
        let now = self.now;
        let tally = self.tally(tenant)?;
        let id = next_id(tally.last_id, now);
        tally.last_id = id.0;
        Ok((self.next_k(), id))
    }

    /// A resource that does not exist yet, as it would be stored now.
    pub(super) fn new_row(
        &self,
        place: Place<'_>,
        origin: &Origin,
        (k, id): (i64, Id),
        attributes: &Map<String, Value>,
    ) -> Resource {
        let (doc, rest) = document(place.kind, attributes);
        Resource {
            k,
            id,
            version: 1,
            created: self.now,
            modified: self.now,
            app_id: None,
            doc,
            rest,
            display: display(attributes).to_owned(),
            name: user_name(place.kind, attributes),
            connection: super::event::connection_id(origin),
            last_event: 0,
            left_team: false,
        }
    }

    pub(super) fn next_k(&mut self) -> i64 {
        self.last_k += 1;
        self.last_k
    }

    /// Writes a new row with its keys, and counts it.
    pub(super) fn insert(
        &mut self,
        place: Place<'_>,
        row: &Resource,
        attributes: &Map<String, Value>,
    ) -> Result<(), StoreError> {
        self.insert_row(place, row)?;
        for key in keys::keys_of(place.kind, attributes) {
            self.insert_key(place, row.k, &key)?;
        }
        *self
            .counted(place.tenant)?
            .more
            .entry(place.number)
            .or_default() += 1;
        Ok(())
    }

    fn insert_row(&self, place: Place<'_>, row: &Resource) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO resource (k, tenant_id, kind, id, name, version, created, modified, \
                   connection, app_id, display, doc, rest, last_event, left_team) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
            )?
            .execute(params![
                row.k,
                place.tenant.0,
                place.number,
                row.id.0,
                row.name,
                row.version,
                row.created,
                row.modified,
                row.connection,
                row.app_id,
                row.display,
                text(&row.doc)?,
                row.rest.as_deref().map(text).transpose()?,
                row.last_event,
                row.left_team,
            ])?;
        Ok(())
    }

    fn insert_key(&self, place: Place<'_>, k: i64, key: &Key) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO search_key (tenant_id, kind, attribute, value, k, main) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                place.tenant.0,
                place.number,
                key.attribute,
                key.value,
                k,
                key.main
            ])?;
        Ok(())
    }

    fn delete_key(&self, place: Place<'_>, k: i64, key: &Key) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "DELETE FROM search_key WHERE tenant_id = ?1 AND kind = ?2 AND attribute = ?3 \
                 AND value = ?4 AND k = ?5",
            )?
            .execute(params![
                place.tenant.0,
                place.number,
                key.attribute,
                key.value,
                k
            ])?;
        Ok(())
    }

    /// The next version of a resource, with other attributes.
    pub(super) fn changed(
        &self,
        place: Place<'_>,
        origin: &Origin,
        row: &Resource,
        after: &Map<String, Value>,
    ) -> Resource {
        let (doc, rest) = document(place.kind, after);
        Resource {
            doc,
            rest,
            display: display(after).to_owned(),
            name: user_name(place.kind, after),
            connection: super::event::connection_id(origin).or(row.connection),
            ..self.touched(row)
        }
    }

    /// The next version of a resource, its attributes as they are.
    pub(super) fn touched(&self, row: &Resource) -> Resource {
        Resource {
            version: row.version + 1,
            modified: self.now.max(row.modified + 1),
            ..row.clone()
        }
    }

    /// Writes a next version whose attributes changed, and only the keys that differ.
    pub(super) fn update(
        &mut self,
        place: Place<'_>,
        next: &Resource,
        before: &Map<String, Value>,
        after: &Map<String, Value>,
    ) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "UPDATE resource SET version = ?2, modified = ?3, doc = ?4, rest = ?5, \
                   display = ?6, connection = ?7, app_id = ?8, last_event = ?9 WHERE k = ?1",
            )?
            .execute(params![
                next.k,
                next.version,
                next.modified,
                text(&next.doc)?,
                next.rest.as_deref().map(text).transpose()?,
                next.display,
                next.connection,
                next.app_id,
                next.last_event,
            ])?;
        // SQLite writes the index of every column it is told to set, also to the same value.
        if user_name(place.kind, before) != next.name {
            self.connection
                .prepare_cached("UPDATE resource SET name = ?2 WHERE k = ?1")?
                .execute(params![next.k, next.name])?;
        }
        let old = keys::keys_of(place.kind, before);
        let new = keys::keys_of(place.kind, after);
        for key in keys::difference(&old, &new) {
            self.delete_key(place, next.k, key)?;
        }
        for key in keys::difference(&new, &old) {
            self.insert_key(place, next.k, key)?;
        }
        Ok(())
    }

    /// Writes a next version whose attributes are the same.
    pub(super) fn touch(&self, next: &Resource) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "UPDATE resource SET version = ?2, modified = ?3, last_event = ?4 WHERE k = ?1",
            )?
            .execute(params![
                next.k,
                next.version,
                next.modified,
                next.last_event
            ])?;
        Ok(())
    }

    /// Removes a row with its keys, and uncounts it. Member rows stay, inert.
    pub(super) fn remove(&mut self, place: Place<'_>, row: &Resource) -> Result<(), StoreError> {
        for key in keys::keys_of(place.kind, &row.attributes()?) {
            self.delete_key(place, row.k, &key)?;
        }
        self.connection
            .prepare_cached("DELETE FROM resource WHERE k = ?1")?
            .execute([row.k])?;
        *self
            .counted(place.tenant)?
            .more
            .entry(place.number)
            .or_default() -= 1;
        Ok(())
    }
}

/// The two halves of the stored document.
fn document(kind: &ResourceType, attributes: &Map<String, Value>) -> (Vec<u8>, Option<Vec<u8>>) {
    let bytes = |map: &Map<String, Value>| {
        serde_json::to_vec(map).expect("a map with text keys is always JSON")
    };
    let (doc, rest) = split_default(kind, attributes.clone());
    (bytes(&doc), rest.as_ref().map(bytes))
}

fn text(bytes: &[u8]) -> Result<&str, StoreError> {
    std::str::from_utf8(bytes).map_err(|_| StoreError::Corrupt("a document is not UTF-8".into()))
}

/// How a resource is called where it is a member: displayName, else userName, at most
/// [`LONGEST_LABEL`] bytes of it.
fn display(attributes: &Map<String, Value>) -> &str {
    let name = ["displayName", "userName"]
        .into_iter()
        .find_map(|name| {
            attributes
                .get(name)?
                .as_str()
                .filter(|text| !text.is_empty())
        })
        .unwrap_or_default();
    let cut = (0..=name.len().min(LONGEST_LABEL)).rev();
    let cut = cut.into_iter().find(|at| name.is_char_boundary(*at));
    &name[..cut.unwrap_or(0)]
}

/// A user's folded userName.
pub(super) fn user_name(kind: &ResourceType, attributes: &Map<String, Value>) -> Option<String> {
    let name = attributes.get("userName")?.as_str()?;
    kind.is_user().then(|| fold(name).into_owned())
}

/// The UUIDv7 of `now`, or the one after `last` if the clock stood still or stepped back.
fn next_id(last: [u8; 16], now: i64) -> Id {
    const RANDOM_BITS: u32 = 74;
    let random = u128::from_be_bytes(crate::id::random());
    let time = u128::from(now.unsigned_abs()) & ((1 << 48) - 1);
    let fresh = time << RANDOM_BITS | random >> (128 - RANDOM_BITS);
    let last = ordinal(last);
    // A random step keeps ids unguessable when many are made within one millisecond.
    let next = if fresh > last {
        fresh
    } else {
        last + 1 + (random & 0xffff_ffff)
    };
    from_ordinal(next)
}

/// An id without its version and variant bits: 122 bits in id order.
fn ordinal(id: [u8; 16]) -> u128 {
    let id = u128::from_be_bytes(id);
    let (time, a, b) = (id >> 80, id >> 64 & 0xfff, id & ((1 << 62) - 1));
    time << 74 | a << 62 | b
}

fn from_ordinal(number: u128) -> Id {
    let (time, a, b) = (number >> 74, number >> 62 & 0xfff, number & ((1 << 62) - 1));
    Id((time << 80 | 7 << 76 | a << 64 | 2 << 62 | b).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_rise_also_when_the_clock_steps_back() {
        let mut last = [0; 16];
        for now in [1_000, 1_000, 1_000, 999, 5, 1_001, 1_001] {
            let id = next_id(last, now);
            assert!(id.0 > last, "{id}");
            assert_eq!((id.0[6] >> 4, id.0[8] >> 6), (7, 2), "{id}");
            assert_eq!(from_ordinal(ordinal(id.0)), id);
            last = id.0;
        }
    }
}
