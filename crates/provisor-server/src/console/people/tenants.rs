//! Which tenants somebody has: named in lists, chosen in forms.

use std::collections::HashMap;

use provisor_store::{Person, Role, Snapshot, TenantId};

use crate::console::{Problem, fields::Fields, visit::Visit};

/// Up to so many tenants a form lists; of more, keys are typed.
const LISTED: usize = 50;

/// Keys of tenants, each read once; of those that the viewer sees.
pub(super) struct Names<'v> {
    visit: &'v Visit,
    known: HashMap<TenantId, Option<String>>,
}

impl<'v> Names<'v> {
    pub(super) fn new(visit: &'v Visit) -> Self {
        Self {
            visit,
            known: HashMap::new(),
        }
    }

    /// The tenants that a person has by name.
    pub(super) async fn of(
        &mut self,
        snapshot: &mut dyn Snapshot,
        person: &Person,
    ) -> Result<Vec<String>, Problem> {
        let mut keys = Vec::new();
        for tenant in person.tenants.iter().flatten() {
            if !self.visit.viewer.person.covers(*tenant) {
                continue;
            }
            if !self.known.contains_key(tenant) {
                let found = snapshot.tenant_by_id(*tenant).await?;
                self.known.insert(*tenant, found.map(|tenant| tenant.key));
            }
            keys.extend(self.known.get(tenant).cloned().flatten());
        }
        keys.sort_unstable();
        Ok(keys)
    }
}

/// The part of a form that says where somebody may be.
pub(super) struct Choice {
    pub(super) has_all: bool,
    /// Each tenant with whether it is chosen; empty if there are too many to list.
    pub(super) boxes: Vec<Box>,
    /// Keys as typed, where there are too many to list.
    pub(super) typed: String,
}

/// A tenant to tick.
pub(super) struct Box {
    pub(super) key: String,
    pub(super) name: String,
    pub(super) is_on: bool,
}

impl Choice {
    /// With these tenants chosen.
    pub(super) async fn new(
        visit: &Visit,
        has_all: bool,
        chosen: &[String],
    ) -> Result<Self, Problem> {
        let tenants = visit.read().await?.tenants("", LISTED + 1).await?;
        let (boxes, typed) = match tenants.len() > LISTED {
            true => (Vec::new(), chosen.join(", ")),
            false => (tenants, String::new()),
        };
        let boxes = boxes.into_iter().map(|tenant| Box {
            is_on: chosen.contains(&tenant.key),
            key: tenant.key,
            name: tenant.name,
        });
        Ok(Self {
            has_all,
            boxes: boxes.collect(),
            typed,
        })
    }

    /// As a form has it.
    pub(super) async fn sent(visit: &Visit) -> Result<Self, Problem> {
        let form = &visit.form;
        Self::new(visit, form.get("where") != "named", &keys(form)).await
    }
}

/// The keys that a form names: ticked, or typed with commas between them.
fn keys(form: &Fields) -> Vec<String> {
    form.all("tenant")
        .flat_map(|text| text.split([',', ' ', '\n', '\r']))
        .filter(|key| !key.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The tenants that a form gives: `None` is all of them; a sentence if they cannot be given.
pub(super) async fn chosen(
    visit: &Visit,
    role: Role,
) -> Result<Result<Option<Vec<TenantId>>, String>, Problem> {
    let named = keys(&visit.form);
    match visit.form.get("where") {
        "named" => {}
        "all" if named.is_empty() => return Ok(Ok(None)),
        // Whoever ticked some hardly meant all.
        "all" => {
            let wrong =
                "You chose all tenants, and ticked some. Choose “Only these”, or untick them.";
            return Ok(Err(wrong.to_owned()));
        }
        _ => return Ok(Err("Choose all tenants, or only some.".to_owned())),
    }
    if role == Role::Owner {
        let wrong = "An owner has all tenants. Choose all of them, or another role.";
        return Ok(Err(wrong.to_owned()));
    }
    let mut snapshot = visit.read().await?;
    let mut ids = Vec::new();
    for key in named {
        match snapshot.tenant(&key).await? {
            Some(tenant) => ids.push(tenant.id),
            None => {
                return Ok(Err(format!(
                    "There is no tenant “{key}”. Its key is on the page Tenants."
                )));
            }
        }
    }
    if ids.is_empty() {
        let wrong = "Choose at least one tenant, or all of them.";
        return Ok(Err(wrong.to_owned()));
    }
    Ok(Ok(Some(ids)))
}
