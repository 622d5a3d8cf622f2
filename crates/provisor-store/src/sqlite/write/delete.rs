//! DELETE and its undoing: tombstones, restore, erasure.

use std::sync::Arc;

use rusqlite::params;
use scim::{Error, Fired, Kind, ResourceType};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{Decided, Transaction, event::join, resource::Place};
use crate::{
    Id, Origin, Outcome, Precondition, StoreError, TenantId,
    event::EventKind,
    sqlite::{
        get,
        rows::{self, Resource},
    },
};

impl Transaction<'_> {
    pub(super) fn delete(
        &mut self,
        origin: &Origin,
        kind: &Arc<ResourceType>,
        id: Id,
        precondition: Option<&Precondition>,
    ) -> Decided<Outcome> {
        let place = self.place(origin.tenant, kind)?;
        let row = self.load(place, id, precondition)?;
        let memberships = self.memberships(place.tenant, row.k)?;
        let mut gone = self.touched(&row);
        let detail = json!({ "memberships": memberships });
        let events = self.event(origin, place, EventKind::Deleted, &mut gone, &detail)?;
        self.bury(place, &row, gone.last_event)?;
        self.remove(place, &row)?;
        self.touch_teams(place.tenant, row.k, -1)?;
        Ok(Outcome::Deleted { events })
    }

    /// The direct teams of a resource, as an event lists them.
    fn memberships(&self, tenant: TenantId, k: i64) -> Result<Vec<String>, StoreError> {
        let teams = get::direct_teams(self.connection, tenant, k)?;
        Ok(teams.iter().map(Id::to_string).collect())
    }

    /// The teams whose member list changes because a member comes or goes get a new version, and
    /// count so many members `more`.
    fn touch_teams(&self, tenant: TenantId, k: i64, more: i64) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "UPDATE resource SET version = version + 1, modified = max(modified + 1, ?3), \
                   members = members + ?4 \
                 WHERE k IN (SELECT team FROM member WHERE tenant_id = ?1 AND member = ?2)",
            )?
            .execute(params![tenant.0, k, self.now, more])?;
        Ok(())
    }

    fn bury(&self, place: Place<'_>, row: &Resource, last_event: i64) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO tombstone (tenant_id, id, deleted, k, kind, name, version, created, \
                   modified, connection, app_id, display, doc, rest, last_event, left_team) \
                 SELECT tenant_id, id, ?2, k, kind, name, version, created, modified, connection, \
                   app_id, display, doc, rest, ?3, left_team FROM resource WHERE k = ?1",
            )?
            .execute(params![row.k, self.now, last_event])?;
        tracing::debug!(tenant = place.tenant.0, "a resource is deleted");
        Ok(())
    }

    /// Brings a deleted resource back with its id, its memberships and its app id.
    pub(super) fn restore(&mut self, origin: &Origin, id: Id) -> Decided<Outcome> {
        let tenant = origin.tenant;
        let rules = self.rules(tenant)?;
        let (row, number) = get::tombstone(self.connection, tenant, id)?.ok_or_else(|| {
            Error::not_found(format!(
                "There is no deleted resource with the id {id} in this tenant. Deleted resources \
                 can be restored for 30 days."
            ))
        })?;
        let kind = rules.kinds.by_number(number).cloned().ok_or_else(|| {
            Error::not_found(format!(
                "The resource type of {id} is not defined any more."
            ))
        })?;
        let place = Place {
            tenant,
            kind: &kind,
            number,
        };
        let attributes = row.attributes()?;
        if let Some(name) = &row.name
            && let Some((_, holder)) = self.holder_of_name(place, name, 0)?
        {
            return Err(super::unique::taken("userName", name, &kind.name, holder).into());
        }
        self.unique(place, &rules, 0, None, &attributes)?;
        self.connection
            .prepare_cached("DELETE FROM tombstone WHERE tenant_id = ?1 AND id = ?2")?
            .execute(params![tenant.0, id.0])?;
        let mut row = Resource {
            version: row.version + 2,
            modified: self.now.max(row.modified + 2),
            ..self.changed(place, origin, &row, &attributes)
        };
        self.touch_teams(tenant, row.k, 1)?;
        let memberships = self.memberships(tenant, row.k)?;
        let detail = json!({ "memberships": memberships });
        let restored = self.event(origin, place, EventKind::Restored, &mut row, &detail)?;
        // A reader of the events knows a deleted team's members no more.
        let members: Vec<Id> = match kind.is_group() {
            true => get::members(self.connection, tenant, row.k, 0, usize::MAX)?
                .iter()
                .map(|member| member.id)
                .collect(),
            false => Vec::new(),
        };
        let joined = self.members_changed(origin, place, &mut row, &members, &[], &[])?;
        self.insert(place, &row, &attributes)?;
        self.count_members(row.k, members.len() as i64)?;
        let events = join(restored, joined);
        self.written(place, row, true, events, Fired::default())
    }

    /// Removes a user for good: row, tombstone, memberships, and what past events say of it. One
    /// event with a receipt stays: a hash that proves, to who knows the name, that it was erased.
    pub(super) fn erase(&mut self, origin: &Origin, id: Id) -> Decided<Outcome> {
        let tenant = origin.tenant;
        let rules = self.rules(tenant)?;
        let kind = rules
            .kinds
            .by_number(rows::USER)
            .cloned()
            .ok_or_else(|| Error::not_found("There is no resource type User."))?;
        let place = Place {
            tenant,
            kind: &kind,
            number: rows::USER,
        };
        let live = get::resource(self.connection, tenant, rows::USER, id)?;
        let buried = get::tombstone(self.connection, tenant, id)?
            .filter(|(_, number)| *number == rows::USER);
        let row = live.clone().or(buried.map(|(row, _)| row)).ok_or_else(|| {
            Error::new(
                Kind::NotFound,
                format!("There is no user, live or deleted, with the id {id} in this tenant."),
            )
        })?;
        if live.is_some() {
            self.remove(place, &row)?;
            self.touch_teams(tenant, row.k, -1)?;
        }
        self.connection
            .prepare_cached("DELETE FROM tombstone WHERE tenant_id = ?1 AND id = ?2")?
            .execute(params![tenant.0, id.0])?;
        self.connection
            .prepare_cached("DELETE FROM member WHERE tenant_id = ?1 AND member = ?2")?
            .execute(params![tenant.0, row.k])?;
        self.connection
            .prepare_cached("DELETE FROM former_member WHERE tenant_id = ?1 AND member = ?2")?
            .execute(params![tenant.0, row.k])?;
        self.blank_in_targets(tenant, &row)?;
        self.blank_events(tenant, row.last_event)?;
        let name = row.name.clone().unwrap_or_default();
        let receipt: String = Sha256::digest(format!("{id}:{name}").as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let mut scrubbed = Resource {
            app_id: None,
            modified: self.now,
            ..row
        };
        let detail = json!({ "receipt": receipt });
        let events = self.event(origin, place, EventKind::Erased, &mut scrubbed, &detail)?;
        self.gone(tenant, id, scrubbed.last_event)?;
        Ok(Outcome::Deleted { events })
    }

    /// Takes what they say out of a resource's events, from its last one back; receipts stay.
    fn blank_events(&self, tenant: TenantId, last: i64) -> Result<(), StoreError> {
        let mut blank = self.connection.prepare_cached(
            "UPDATE event SET doc = NULL, app_id = NULL, detail = iif(kind = ?3, detail, '{}') \
             WHERE tenant_id = ?1 AND seq = ?2 RETURNING previous",
        )?;
        let erased = super::event::number(EventKind::Erased);
        let mut next = last;
        while next != 0 {
            next = blank.query_row(params![tenant.0, next, erased], |row| row.get(0))?;
        }
        Ok(())
    }

    /// Remembers where the events of a resource start that is gone for good.
    pub(super) fn gone(&self, tenant: TenantId, id: Id, last_event: i64) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("INSERT INTO gone (tenant_id, id, last_event) VALUES (?1, ?2, ?3)")?
            .execute(params![tenant.0, id.0, last_event])?;
        Ok(())
    }
}
