//! What users and teams are called: the names behind ids, and where their pages are.

use std::collections::HashMap;

use provisor_store::{Id, Snapshot, Tenant, TenantId};

use super::{Problem, eyes::Eyes};

/// A user or team.
#[derive(Debug, Clone)]
pub(super) struct Named {
    /// As the viewer may see it.
    pub(super) name: String,
    /// Its page; a deleted team has none.
    pub(super) link: Option<String>,
    /// How many direct members a team has.
    pub(super) members: u64,
}

/// Users and teams by their ids.
#[derive(Default)]
pub(super) struct Called(HashMap<(TenantId, Id), Named>);

impl Called {
    /// Looks them up; whom nobody knows any more is left out.
    pub(super) async fn read(
        snapshot: &mut dyn Snapshot,
        eyes: Eyes,
        wanted: impl IntoIterator<Item = (&Tenant, Id)>,
    ) -> Result<Self, Problem> {
        let mut ids: HashMap<TenantId, (&Tenant, Vec<Id>)> = HashMap::new();
        for (tenant, id) in wanted {
            let (_, of_tenant) = ids.entry(tenant.id).or_insert((tenant, Vec::new()));
            of_tenant.push(id);
        }
        let mut known = HashMap::new();
        for (tenant, ids) in ids.into_values() {
            for (id, brief) in snapshot.briefs(tenant.id, &ids).await? {
                let place = if brief.is_team { "teams" } else { "users" };
                let has_page = !(brief.is_team && brief.is_deleted);
                let named = Named {
                    // What a team is called is not personal.
                    name: match brief.is_team {
                        true => brief.name,
                        false => eyes.word(&brief.name),
                    },
                    link: has_page.then(|| format!("/{place}/{}/{id}", tenant.key)),
                    members: brief.members,
                };
                known.insert((tenant.id, id), named);
            }
        }
        Ok(Self(known))
    }

    pub(super) fn get(&self, tenant: TenantId, id: Id) -> Option<&Named> {
        self.0.get(&(tenant, id))
    }
}
