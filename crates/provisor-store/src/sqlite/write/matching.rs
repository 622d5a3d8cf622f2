//! Whom a PATCH removes from a team by a filter: every member is looked at, within bounds.

use std::collections::{HashMap, hash_map::Entry};

use rusqlite::Connection;
use scim::{Error, Kind, filter::Filter, patch::MemberStep};

use super::{Decided, members::Wanted};
use crate::{
    Id, MemberRef, TenantId,
    sqlite::{get, rows},
};

/// How often the filters of one PATCH may look at a member, in all: every other change waits.
const LOOKS: usize = 2_000_000;
/// As often its removals may compare an id, which is done sooner.
const COMPARISONS: usize = 16 * LOOKS;

/// What the steps of one PATCH have read of a team's members, and how many of them need it.
#[derive(Debug)]
pub(super) struct Matching {
    /// Who was a member before the PATCH; read at the first filter that needs it.
    before: Option<Vec<MemberRef>>,
    /// How those whom the PATCH adds look as members; nothing for ids that nobody has.
    added: HashMap<Id, Option<MemberRef>>,
    filters: usize,
    removals: usize,
}

impl Matching {
    pub(super) fn new(steps: &[MemberStep]) -> Self {
        let count =
            |wanted: fn(&MemberStep) -> bool| steps.iter().filter(|step| wanted(step)).count();
        Self {
            before: None,
            added: HashMap::new(),
            filters: count(|step| {
                matches!(
                    step,
                    MemberStep::RemoveMatching(_) | MemberStep::RemoveOne(_)
                )
            }),
            removals: count(|step| matches!(step, MemberStep::Remove(_))),
        }
    }

    /// Refuses if every removal compared so many ids of the request.
    pub(super) fn compare(&self, ids: usize) -> Decided<()> {
        bound(self.removals, ids, COMPARISONS)
    }

    /// Who matches: of the team's members before the PATCH, if a team is given, and of those it
    /// adds. It may name some whom an earlier step has removed.
    pub(super) fn find(
        &mut self,
        connection: &Connection,
        tenant: TenantId,
        team: Option<i64>,
        wanted: &Wanted,
        filter: &Filter,
    ) -> Decided<Vec<Id>> {
        if let (Some(team), None) = (team, &self.before) {
            // One more than may be looked at is enough to be refused below.
            let most = LOOKS / self.filters.max(1) + 1;
            self.before = Some(get::members(connection, tenant, team, 0, most)?);
        }
        let before = match (team, &self.before) {
            (Some(_), Some(members)) => members.as_slice(),
            _ => &[],
        };
        bound(self.filters, before.len() + wanted.add.len(), LOOKS)?;
        let matches = |member: &&MemberRef| filter.matches_element(&rows::member(member));
        let mut found: Vec<Id> = before
            .iter()
            .filter(matches)
            .map(|member| member.id)
            .collect();
        for id in &wanted.add {
            let member = match self.added.entry(*id) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => new.insert(get::as_member(connection, tenant, *id)?),
            };
            if let Some(member) = member {
                member.called = wanted.called.get(id).cloned();
                found.extend(Some(&*member).filter(matches).map(|member| member.id));
            }
        }
        Ok(found)
    }
}

/// Refuses if so many operations on so many members are too much.
fn bound(operations: usize, members: usize, most: usize) -> Decided<()> {
    if operations.saturating_mul(members) <= most {
        return Ok(());
    }
    Err(Error::new(
        Kind::TooMany,
        format!(
            "{operations} operations of this PATCH would look at {members} members each, and \
             {most} looks in all are the limit. Remove members by their ids ({{\"op\": \"remove\", \
             \"path\": \"members\", \"value\": [{{\"value\": \"<id>\"}}, …]}}), many in one \
             operation, or send fewer operations."
        ),
    )
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_operations_times_members() {
        for (operations, members, fits) in [
            (1_000, 2_000, true),
            (1_000, 2_001, false),
            (10, 200_000, true),
            (11, 200_000, false),
            (0, usize::MAX, true),
            (usize::MAX, usize::MAX, false),
        ] {
            assert_eq!(
                bound(operations, members, LOOKS).is_ok(),
                fits,
                "{operations} {members}"
            );
        }
    }
}
