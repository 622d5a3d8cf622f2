//! PATCH: the attributes by the pure definition, a team's members as rows.

use std::sync::Arc;

use scim::{Fired, ResourceType, patch::Patch};

use super::{Decided, Transaction, replace::profile};
use crate::{Id, Origin, Outcome, Precondition, sqlite::rows};

impl Transaction<'_> {
    pub(super) fn patch(
        &mut self,
        origin: &Origin,
        kind: &Arc<ResourceType>,
        id: Id,
        patch: &Patch,
        precondition: Option<&Precondition>,
    ) -> Decided<Outcome> {
        let place = self.place(origin.tenant, kind)?;
        let row = self.load(place, id, precondition)?;
        let mut fired = Fired::default();
        let profile = profile(origin);
        let split;
        let (steps, patch) = if kind.is_group() {
            split = patch.clone().split_members(kind, &profile, &mut fired)?;
            (split.0.as_slice(), &split.1)
        } else {
            (&[][..], patch)
        };
        let before = row.attributes()?;
        let mut after = before.clone();
        if patch.names_read_only() {
            // It compares with what the document does not hold.
            let teams = match kind.is_user() {
                true => Some(self.teams(place.tenant, row.k)?),
                false => None,
            };
            after = rows::whole(&row, kind, teams.as_deref(), None)?;
            patch.apply(kind, &mut after, &profile, &mut fired)?;
            let derived = ["id", "meta", "groups"];
            for name in &derived[..if kind.is_user() { 3 } else { 2 }] {
                after.shift_remove(*name);
            }
        } else {
            patch.apply(kind, &mut after, &profile, &mut fired)?;
        }
        let wanted = self.wanted(place, &row, steps)?;
        let change = self.member_change(origin, place, Some(&row), wanted, &mut fired)?;
        self.write_difference(origin, place, &row, &before, &after, &change, fired)
    }
}
