//! PUT, and what PUT and PATCH share: writing the difference between before and after.

use std::sync::Arc;

use scim::{Fired, Map, ResourceType, Tolerance, Value, resource::Incoming};

use super::{
    Decided, Transaction,
    event::{Span, join},
    members::{MemberChange, Wanted},
    resource::Place,
    size,
};
use crate::{
    Actor, Id, Origin, Outcome, Precondition, StoreError, TeamRef, TenantId,
    change::Written,
    sqlite::{
        get,
        rows::{self, Resource},
    },
};

impl Transaction<'_> {
    pub(super) fn replace(
        &mut self,
        origin: &Origin,
        kind: &Arc<ResourceType>,
        id: Id,
        incoming: &Incoming,
        precondition: Option<&Precondition>,
    ) -> Decided<Outcome> {
        let place = self.place(origin.tenant, kind)?;
        let row = self.load(place, id, precondition)?;
        let mut fired = Fired::default();
        let profile = profile(origin);
        let before = row.attributes()?;
        let after = scim::resource::replace(
            kind,
            &before,
            incoming.attributes.clone(),
            &profile,
            &mut fired,
        )?;
        let wanted = match &incoming.members {
            Some(members) => Wanted::exactly(members),
            None if !kind.is_group() => Wanted::default(),
            None => {
                let keep = fired.allows(&profile, Tolerance::KeepOmitted, || {
                    "kept the members, which the request left out".into()
                });
                if keep {
                    Wanted::default()
                } else {
                    Wanted::exactly(&[])
                }
            }
        };
        let change = self.member_change(origin, place, Some(&row), wanted, &mut fired)?;
        self.write_difference(origin, place, &row, &before, &after, &change, fired)
    }

    /// Decides uniqueness and domains for changed attributes, then writes what differs. A change
    /// that changes nothing writes nothing.
    #[expect(clippy::too_many_arguments, reason = "before and after of one write")]
    pub(super) fn write_difference(
        &mut self,
        origin: &Origin,
        place: Place<'_>,
        row: &Resource,
        before: &Map<String, Value>,
        after: &Map<String, Value>,
        change: &MemberChange,
        fired: Fired,
    ) -> Decided<Outcome> {
        let attributes_differ = before != after;
        if attributes_differ {
            let rules = self.rules(place.tenant)?;
            size::check(place.kind, Some(before), after)?;
            self.domains(origin, place, Some(before), after)?;
            self.unique(place, &rules, row.k, Some(before), after)?;
        }
        if !attributes_differ && change.is_empty() {
            // Rows nobody sees may go all the same, so that a restore does not bring them back.
            self.write_members(place, row.k, change, None)?;
            return self.unchanged(place, row, fired);
        }
        let mut events: Span = None;
        let mut next = match attributes_differ {
            true => self.changed(place, origin, row, after),
            false => self.touched(row),
        };
        if attributes_differ {
            events = self.updated(origin, place, &mut next, before, after)?;
        }
        let joined = self.members_changed(
            origin,
            place,
            &mut next,
            &change.added_ids(),
            &change.removed_ids(),
            &change.dropped,
        )?;
        match attributes_differ {
            true => self.update(place, &next, before, after)?,
            false => self.touch(&next)?,
        }
        self.write_members(place, row.k, change, joined)?;
        self.written(place, next, true, join(events, joined), fired)
    }

    /// The teams of a resource, as of this transaction.
    pub(super) fn teams(&mut self, tenant: TenantId, k: i64) -> Result<Vec<TeamRef>, StoreError> {
        let connection = self.connection;
        get::teams(
            connection,
            tenant,
            k,
            || Ok(self.tally(tenant)?.nested != 0),
        )
    }

    pub(super) fn unchanged(
        &mut self,
        place: Place<'_>,
        row: &Resource,
        fired: Fired,
    ) -> Decided<Outcome> {
        self.written(place, row.clone(), false, None, fired)
    }

    /// The outcome, with the teams of a user.
    pub(super) fn written(
        &mut self,
        place: Place<'_>,
        row: Resource,
        changed: bool,
        events: Span,
        fired: Fired,
    ) -> Decided<Outcome> {
        let teams = match place.number {
            rows::USER => Some(self.teams(place.tenant, row.k)?),
            _ => None,
        };
        let mut stored = row.stored(place.kind);
        stored.teams = teams;
        Ok(Outcome::Resource(Written {
            stored,
            changed,
            created: false,
            events,
            fired,
        }))
    }
}

/// The tolerances that hold for who asks.
pub(super) fn profile(origin: &Origin) -> scim::Profile {
    match &origin.actor {
        Actor::Token(caller) => caller.profile(),
        Actor::Session(_) | Actor::CommandLine(_) | Actor::System => scim::Profile::GENERIC,
    }
}
