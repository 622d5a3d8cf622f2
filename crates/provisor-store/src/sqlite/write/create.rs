//! New resources: POST, import of people the app already has, and the lines of an export.

use std::{borrow::Cow, sync::Arc};

use rusqlite::{OptionalExtension, params};
use scim::{
    Error, Fired, Kind, Map, ResourceType, Value,
    resource::{Incoming, complete_new},
};

use super::{
    Decided, Stop, Transaction,
    event::join,
    members::Wanted,
    resource::{Place, user_name},
    size,
};
use crate::{
    Actor, Id, Origin, Outcome, StoreError, TenantId,
    change::Written,
    event::EventKind,
    sqlite::{
        get,
        rows::{self, Resource},
    },
};

impl Transaction<'_> {
    pub(super) fn create(
        &mut self,
        origin: &Origin,
        kind: &Arc<ResourceType>,
        incoming: &Incoming,
        half: bool,
    ) -> Decided<Outcome> {
        let place = self.place(origin.tenant, kind)?;
        let attributes = completed(kind, &incoming.attributes);
        if let Some(existing) = self.same_name(place, &attributes)? {
            return match !half && self.reactivates(origin, &existing, &attributes)? {
                true => self.reactivate(origin, place, &existing, incoming),
                false => Err(name_taken(&existing, &attributes)?.into()),
            };
        }
        self.born(origin, place, &attributes, incoming, None, None)
    }

    /// Decides and writes a new resource, under a new id unless one is adopted.
    fn born(
        &mut self,
        origin: &Origin,
        place: Place<'_>,
        attributes: &Map<String, Value>,
        incoming: &Incoming,
        adopted: Option<Id>,
        app_id: Option<&str>,
    ) -> Decided<Outcome> {
        let rules = self.rules(place.tenant)?;
        size::check(place.kind, None, attributes)?;
        self.domains(origin, place, None, attributes)?;
        self.unique(place, &rules, 0, None, attributes)?;
        let mut fired = Fired::default();
        // Left out are unknown members of a PUT or `replace` only: a new team that lacks some is told.
        let mut wanted = Wanted::exactly(incoming.members.as_deref().unwrap_or_default());
        wanted.by_replace = false;
        let change = self.member_change(origin, place, None, wanted, &mut fired)?;

        let (k, id) = match adopted {
            Some(id) => (self.next_k(), id),
            None => self.mint(place.tenant)?,
        };
        let mut row = Resource {
            app_id: app_id.map(str::to_owned),
            last_event: match adopted {
                Some(id) => self.returns(place.tenant, id)?,
                None => 0,
            },
            ..self.new_row(place, origin, (k, id), attributes)
        };
        let nothing = serde_json::json!({});
        let created = self.event(origin, place, EventKind::Created, &mut row, &nothing)?;
        let joined = self.members_changed(
            origin,
            place,
            &mut row,
            &change.added_ids(),
            &[],
            &change.dropped,
        )?;
        self.insert(place, &row, attributes)?;
        self.write_members(place, row.k, &change, joined)?;
        let teams = (place.number == rows::USER).then(Vec::new);
        let mut stored = row.stored(place.kind);
        stored.teams = teams;
        Ok(Outcome::Resource(Written {
            stored,
            changed: true,
            created: true,
            events: join(created, joined),
            fired,
        }))
    }

    /// The live user with this userName.
    fn same_name(
        &self,
        place: Place<'_>,
        attributes: &Map<String, Value>,
    ) -> Decided<Option<Resource>> {
        let Some(name) = user_name(place.kind, attributes) else {
            return Ok(None);
        };
        match self.holder_of_name(place, &name, 0)? {
            Some((_, id)) => Ok(Some(self.load(place, id, None)?)),
            None => Ok(None),
        }
    }

    /// Whether a POST brings an inactive user back: only if the connection asks for it, and
    /// userName and a non-empty externalId are those of the user, which came from the same
    /// connection. Never by e-mail alone: an address gets recycled.
    fn reactivates(
        &self,
        origin: &Origin,
        existing: &Resource,
        attributes: &Map<String, Value>,
    ) -> Decided<bool> {
        let Actor::Token(caller) = &origin.actor else {
            return Ok(false);
        };
        let Some(connection) = caller.connection.as_ref().filter(|link| link.reactivation) else {
            return Ok(false);
        };
        let stored = existing.attributes()?;
        let external_id = |map: &Map<String, Value>| {
            map.get("externalId")
                .and_then(Value::as_str)
                .filter(|id| !id.is_empty())
                .map(str::to_owned)
        };
        let inactive = |map: &Map<String, Value>| map.get("active") == Some(&Value::Bool(false));
        Ok(inactive(&stored)
            && !inactive(attributes)
            && existing.connection == Some(connection.id.0)
            && external_id(attributes).is_some()
            && external_id(attributes) == external_id(&stored))
    }

    fn reactivate(
        &mut self,
        origin: &Origin,
        place: Place<'_>,
        existing: &Resource,
        incoming: &Incoming,
    ) -> Decided<Outcome> {
        let mut incoming = incoming.clone();
        complete_new(place.kind, &mut incoming.attributes);
        match self.replace(origin, place.kind, existing.id, &incoming, None)? {
            Outcome::Resource(written) => Ok(Outcome::Resource(Written {
                created: true,
                ..written
            })),
            other => Ok(other),
        }
    }

    /// A person the app already has: created, or linked if the userName is there.
    pub(super) fn import(
        &mut self,
        origin: &Origin,
        incoming: &Incoming,
        app_id: Option<&str>,
    ) -> Decided<Outcome> {
        let rules = self.rules(origin.tenant)?;
        let kind = rules
            .kinds
            .by_number(rows::USER)
            .cloned()
            .ok_or_else(|| Error::not_found("There is no resource type User."))?;
        let place = self.place(origin.tenant, &kind)?;
        let attributes = completed(&kind, &incoming.attributes);
        let Some(existing) = self.same_name(place, &attributes)? else {
            return self.born(origin, place, &attributes, incoming, None, app_id);
        };
        self.link(origin, place, &existing, app_id)
    }

    /// Sets a resource's `app_id`.
    fn link(
        &mut self,
        origin: &Origin,
        place: Place<'_>,
        existing: &Resource,
        app_id: Option<&str>,
    ) -> Decided<Outcome> {
        let changed = app_id.is_some() && existing.app_id.as_deref() != app_id;
        if !changed {
            return self.unchanged(place, existing, Fired::default());
        }
        let attributes = existing.attributes()?;
        let mut next = Resource {
            app_id: app_id.map(str::to_owned),
            ..self.changed(place, origin, existing, &attributes)
        };
        let detail = serde_json::json!({
            "changed": ["app_id"], "previous": { "app_id": existing.app_id },
        });
        let events = self.event(origin, place, EventKind::Updated, &mut next, &detail)?;
        self.update(place, &next, &attributes, &attributes)?;
        self.written(place, next, true, events, Fired::default())
    }

    /// A line of an export, written under its own id; the same line twice changes nothing.
    pub(super) fn adopt(
        &mut self,
        origin: &Origin,
        kind: &Arc<ResourceType>,
        id: Id,
        incoming: &Incoming,
        app_id: Option<&str>,
    ) -> Decided<Outcome> {
        let place = self.place(origin.tenant, kind)?;
        match self.load(place, id, None) {
            Ok(existing) => {
                let replaced = self.replace(origin, kind, id, incoming, None)?;
                if app_id.is_none() || existing.app_id.as_deref() == app_id {
                    return Ok(replaced);
                }
                let row = self.load(place, id, None)?;
                let linked = self.link(origin, place, &row, app_id)?;
                Ok(match (replaced, linked) {
                    (Outcome::Resource(first), Outcome::Resource(second)) => {
                        Outcome::Resource(Written {
                            events: join(first.events, second.events),
                            fired: first.fired,
                            ..second
                        })
                    }
                    (_, linked) => linked,
                })
            }
            Err(Stop::Refused(_)) => {
                let attributes = completed(kind, &incoming.attributes);
                if let Some(existing) = self.same_name(place, &attributes)? {
                    return Err(name_taken(&existing, &attributes)?.into());
                }
                self.id_is_free(place, id)?;
                self.born(origin, place, &attributes, incoming, Some(id), app_id)
            }
            Err(failed) => Err(failed),
        }
    }

    /// An id that was in use before, whose tombstone has expired: its events go on from the last.
    fn returns(&self, tenant: TenantId, id: Id) -> Result<i64, StoreError> {
        Ok(self
            .connection
            .prepare_cached(
                "DELETE FROM gone WHERE tenant_id = ?1 AND id = ?2 RETURNING last_event",
            )?
            .query_row(params![tenant.0, id.0], |row| row.get(0))
            .optional()?
            .unwrap_or(0))
    }

    /// An id of a deleted resource, or of another type, is not given twice.
    fn id_is_free(&mut self, place: Place<'_>, id: Id) -> Decided<()> {
        let mut held = get::buried(self.connection, place.tenant, id)?.is_some();
        let rules = self.rules(place.tenant)?;
        for kind in rules.kinds.registry.resource_types() {
            if let (false, Some(number)) = (held, rules.kinds.number(kind)) {
                held = get::resource(self.connection, place.tenant, number, id)?.is_some();
            }
        }
        if held {
            return Err(Error::new(
                Kind::Uniqueness,
                format!(
                    "The id {id} belongs to another or a deleted resource of this tenant. \
                     Restore that one, or import into a tenant of its own."
                ),
            )
            .into());
        }
        Ok(())
    }
}

/// The attributes with the defaults of a new resource; copied only if one is missing.
fn completed<'a>(
    kind: &ResourceType,
    attributes: &'a Map<String, Value>,
) -> Cow<'a, Map<String, Value>> {
    if !kind.is_user() || attributes.contains_key("active") {
        return Cow::Borrowed(attributes);
    }
    let mut complete = attributes.clone();
    complete_new(kind, &mut complete);
    Cow::Owned(complete)
}

/// 409 for a userName that a live user holds, with the way out.
fn name_taken(existing: &Resource, attributes: &Map<String, Value>) -> Decided<Error> {
    let name = attributes
        .get("userName")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let id = existing.id;
    let inactive = existing.attributes()?.get("active") == Some(&Value::Bool(false));
    Ok(if inactive {
        Error::new(
            Kind::ReactivationConflict,
            format!(
                "The userName \"{name}\" is already used by the inactive user {id}. Reactivate that \
                 user (PATCH or PUT active=true), or rename or delete it before creating another."
            ),
        )
    } else {
        super::unique::taken("userName", name, "User", id)
    })
}
