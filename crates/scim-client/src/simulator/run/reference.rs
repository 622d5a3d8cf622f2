//! References, which some identity providers tell after everything else: managers and members.

use std::collections::HashSet;

use super::Runner;
use crate::simulator::{change::Change, dialect::Sent, id::Id};

impl Runner<'_> {
    /// Those who were there before their manager was, whose reference can be told only now.
    pub(super) fn reports_of_joined(&self, changes: &[Change]) -> Vec<Change> {
        let joined = changes.iter().filter_map(|change| match change {
            Change::Join(person) => Some(*person),
            _ => None,
        });
        let joined: HashSet<u32> = joined.collect();
        if joined.is_empty() {
            return Vec::new();
        }
        let company = self.company();
        let reports = (0..company.people()).filter(|person| {
            let manager = company.manager(*person);
            let waited = manager.is_some_and(|manager| joined.contains(&manager));
            waited && !joined.contains(person) && company.id(*person).is_some()
        });
        let update = |person| Change::Update {
            person,
            before: Box::default(),
        };
        reports.map(update).collect()
    }

    /// What waits until everybody is there: managers and members.
    pub(super) async fn tell_reference(&self, change: &Change) -> Sent<()> {
        let (dialect, wire) = (&self.dialect, &self.wire);
        match change {
            Change::Join(person) | Change::Update { person, .. } => {
                let before = match change {
                    Change::Update { before, .. } => before.manager.clone(),
                    _ => None,
                };
                let (manager, id) = {
                    let company = self.company();
                    (
                        company.person(*person).manager,
                        company.id(*person).map(Id::to_string),
                    )
                };
                let Some(id) = id else { return Ok(()) };
                dialect
                    .manager(wire, &id, before.as_deref(), manager.as_deref())
                    .await
            }
            Change::Push(team) => match self.team(*team) {
                (call, Some(id)) => {
                    dialect
                        .members(wire, &id, &call, (&call.members, &[]), false)
                        .await
                }
                _ => Ok(()),
            },
            Change::Members { .. } => self.tell_team(change).await,
            _ => Ok(()),
        }
    }
}
