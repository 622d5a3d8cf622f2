//! Event rows: written with the change they tell of.

use rusqlite::params;
use scim::{Map, Value, resource::changed};
use serde_json::json;

use super::{Transaction, resource::Place};
use crate::{
    Actor, Id, Origin, StoreError, TenantId,
    event::EventKind,
    sqlite::rows::{self, Resource},
};

/// How many member ids one event lists.
pub(super) const MEMBERS_PER_EVENT: usize = 500;

/// First and last `seq` of what a change wrote.
pub(super) type Span = Option<(i64, i64)>;

/// The connection that asks, by number.
pub(super) fn connection_id(origin: &Origin) -> Option<i64> {
    match &origin.actor {
        Actor::Token(caller) => caller.connection.as_ref().map(|link| link.id.0),
        Actor::Session(_) | Actor::CommandLine(_) | Actor::System => None,
    }
}

/// How an event's kind is stored.
pub(super) fn number(kind: EventKind) -> Option<i64> {
    let number = EventKind::ALL.iter().position(|known| *known == kind)?;
    i64::try_from(number).ok()
}

/// Joins two spans; the second is the later one.
pub(super) fn join(first: Span, second: Span) -> Span {
    match (first, second) {
        (Some((from, _)), Some((_, to))) => Some((from, to)),
        (first, second) => first.or(second),
    }
}

impl Transaction<'_> {
    /// Writes one event. It becomes the resource's last one, which the caller stores with the row.
    pub(super) fn event(
        &mut self,
        origin: &Origin,
        place: Place<'_>,
        kind: EventKind,
        row: &mut Resource,
        detail: &Value,
    ) -> Result<Span, StoreError> {
        let doc = (kind != EventKind::Erased)
            .then(|| std::str::from_utf8(&row.doc))
            .transpose()
            .map_err(|_| StoreError::Corrupt("a document is not UTF-8".into()))?;
        let seq = self.next_seq(place.tenant)?;
        let (connection, token, actor) = match &origin.actor {
            Actor::Token(caller) => (
                caller.connection.as_ref().map(|link| link.name.as_str()),
                Some(caller.token.id.0),
                None,
            ),
            other => (None, None, Some(other.name())),
        };
        self.connection
            .prepare_cached(
                "INSERT INTO event (tenant_id, seq, kind, type, resource, at, doc, app_id, detail, \
                   request, connection, token, actor, previous) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            )?
            .execute(params![
                place.tenant.0,
                seq,
                number(kind),
                place.kind.name,
                row.id.0,
                row.modified.max(self.now),
                doc,
                row.app_id,
                detail.to_string(),
                origin.request.0,
                connection,
                token,
                actor,
                row.last_event,
            ])?;
        row.last_event = seq;
        Ok(Some((seq, seq)))
    }

    fn next_seq(&mut self, tenant: TenantId) -> Result<i64, StoreError> {
        let tally = self.tally(tenant)?;
        tally.seq += 1;
        Ok(tally.seq)
    }

    /// The event of changed attributes.
    pub(super) fn updated(
        &mut self,
        origin: &Origin,
        place: Place<'_>,
        row: &mut Resource,
        before: &Map<String, Value>,
        after: &Map<String, Value>,
    ) -> Result<Span, StoreError> {
        let active = |map: &Map<String, Value>| map.get("active") != Some(&Value::Bool(false));
        let kind = match (active(before), active(after)) {
            _ if place.number != rows::USER => EventKind::Updated,
            (true, false) => EventKind::Deactivated,
            (false, true) => EventKind::Reactivated,
            _ => EventKind::Updated,
        };
        let changed = changed(before, after);
        let previous: Map<String, Value> = changed
            .iter()
            .map(|name| (name.clone(), value_at(before, name)))
            .collect();
        let detail = json!({ "changed": changed, "previous": previous });
        self.event(origin, place, kind, row, &detail)
    }

    /// The events of changed membership, at most [`MEMBERS_PER_EVENT`] ids in each.
    pub(super) fn members_changed(
        &mut self,
        origin: &Origin,
        place: Place<'_>,
        row: &mut Resource,
        added: &[Id],
        removed: &[Id],
        dropped: &[String],
    ) -> Result<Span, StoreError> {
        let mut span = None;
        let texts = |ids: &[Id]| ids.iter().map(Id::to_string).collect::<Vec<_>>();
        let (mut added, mut removed) = (added, removed);
        while !added.is_empty() || !removed.is_empty() {
            let (adds, rest) = added.split_at(added.len().min(MEMBERS_PER_EVENT));
            added = rest;
            let room = MEMBERS_PER_EVENT - adds.len();
            let (removes, rest) = removed.split_at(removed.len().min(room));
            removed = rest;
            let mut detail = json!({ "added": texts(adds), "removed": texts(removes) });
            if span.is_none() && !dropped.is_empty() {
                detail["dropped"] = dropped.into();
            }
            let event = self.event(origin, place, EventKind::MembersChanged, row, &detail)?;
            span = join(span, event);
        }
        Ok(span)
    }
}

/// The value a name of [`changed`] stands for; null if there is none.
fn value_at(attributes: &Map<String, Value>, name: &str) -> Value {
    if let Some(value) = attributes.get(name) {
        return value.clone();
    }
    name.rsplit_once(':')
        .and_then(|(urn, attribute)| attributes.get(urn)?.get(attribute))
        .cloned()
        .unwrap_or(Value::Null)
}
