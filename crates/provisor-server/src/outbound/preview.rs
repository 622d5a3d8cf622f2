//! What a run would do, from what is known, with nothing sent.

use std::collections::HashSet;

use provisor_store::target::{Kind, Target, TargetObject};

use super::{
    creation::{ORPHAN, is_orphan, may_be_there},
    plan::{Absence, Desired},
    run::{Wish, prepare},
    settings::Deprovision,
    source::label,
    trouble::Stopped,
    user::{manager, with_manager},
};

/// One thing that a run would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// User or team.
    pub kind: Kind,
    /// Its id in the source.
    pub local: String,
    /// What it is called.
    pub label: String,
    /// `create`, `link`, `update`, `deactivate`, `delete`, `add_members`, `remove_members`.
    pub action: &'static str,
    /// Why.
    pub reason: String,
    /// Members, for what concerns them.
    pub members: usize,
}

/// What a run would do now, in its order.
///
/// # Errors
/// Settings that cannot be used, or a store that cannot be read.
pub async fn preview(target: &Target, wish: &Wish) -> Result<Vec<Step>, Stopped> {
    let (settings, source, scope) = prepare(target, wish).await?;
    let place = (target.tenant, target.id);
    let mut steps = Vec::new();
    let mut coming = HashSet::new();
    for kind in [Kind::User, Kind::Team] {
        if kind == Kind::Team && !settings.teams {
            continue;
        }
        let mut seen = HashSet::new();
        let mut teams = Vec::new();
        let mut led = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let ids = source.ids(kind, after.as_deref()).await?;
            let Some(last) = ids.last() else { break };
            after = Some(last.clone());
            let found = source.load(kind, &ids).await?;
            let known = wish
                .store
                .read()
                .await?
                .target_by_local(place, kind, &ids)
                .await?;
            for ((local, found), known) in ids.into_iter().zip(found).zip(known) {
                let desired = scope.desired(kind, &local, found.as_ref());
                let name = found
                    .as_ref()
                    .and_then(|found| label(kind, found))
                    .unwrap_or_default();
                let known = known.unwrap_or_else(|| TargetObject::unknown(kind, &local));
                let (planned, later) =
                    of_one(&settings, wish, place, &known, &desired, &name).await?;
                led.extend(later);
                if planned.as_ref().is_some_and(|step| step.action == "create") {
                    coming.insert((kind, local.clone()));
                }
                match (kind, desired) {
                    (Kind::Team, Desired::Present(_)) => teams.push((local.clone(), name, planned)),
                    _ => steps.extend(planned),
                }
                seen.insert(local);
            }
        }
        // Whose manager comes with this run is sent again with it.
        for (manager, step) in led {
            if coming.contains(&(Kind::User, manager)) {
                steps.push(step);
            }
        }
        // Once it is known which teams come: they may be members of others.
        for (local, name, step) in teams {
            steps.extend(step);
            let wanted = members(&source, &settings, wish, place, &local, &coming).await?;
            let there = wish
                .store
                .read()
                .await?
                .target_members(place, &local)
                .await?;
            let (add, remove) = super::plan::members(&wanted, &there);
            for (ids, action) in [(add, "add_members"), (remove, "remove_members")] {
                if !ids.is_empty() {
                    steps.push(Step {
                        kind,
                        local: local.clone(),
                        label: name.clone(),
                        action,
                        reason: String::new(),
                        members: ids.len(),
                    });
                }
            }
        }
        let mut after = String::new();
        loop {
            let known = wish
                .store
                .read()
                .await?
                .target_objects(place, kind, false, &after, 500)
                .await?;
            let Some(last) = known.last() else { break };
            after.clone_from(&last.local);
            for object in known.iter().filter(|object| !seen.contains(&object.local)) {
                let desired = scope.desired(kind, &object.local, None);
                steps.extend(step(&settings, object, &desired, &object.label));
            }
        }
    }
    Ok(steps)
}

/// What a run would do for one; and what for one who is in step until the manager has an id in the target, with that
/// manager.
async fn of_one(
    settings: &super::TargetSettings,
    wish: &Wish,
    place: (provisor_store::TenantId, provisor_store::TargetId),
    known: &TargetObject,
    desired: &Desired,
    label: &str,
) -> Result<(Option<Step>, Option<(String, Step)>), Stopped> {
    let planned = step(settings, known, desired, label);
    let Desired::Present(wanted) = desired else {
        return Ok((planned, None));
    };
    let Some(manager) = manager(wanted) else {
        return Ok((planned, None));
    };
    // The hash of what was sent has the manager's id in the target.
    let (resolved, _) = with_manager(&*wish.store, place, wanted).await?;
    let now = step(settings, known, &Desired::Present(resolved), label);
    let later = planned.filter(|_| now.is_none());
    Ok((now, later.map(|step| (manager.to_owned(), step))))
}

/// Members of a team as they will be in the target: who is there, and who will be.
async fn members(
    source: &super::source::Source,
    settings: &super::TargetSettings,
    wish: &Wish,
    place: (provisor_store::TenantId, provisor_store::TargetId),
    team: &str,
    coming: &HashSet<(Kind, String)>,
) -> Result<HashSet<String>, Stopped> {
    let mut wanted = HashSet::new();
    let all = source.members(team).await?;
    for kind in [Kind::User, Kind::Team] {
        if kind == Kind::Team && !settings.nested_teams {
            continue;
        }
        let locals: Vec<String> = all
            .iter()
            .filter(|(of, _)| *of == kind)
            .map(|(_, local)| local.clone())
            .collect();
        let known = wish
            .store
            .read()
            .await?
            .target_by_local(place, kind, &locals)
            .await?;
        // Who is not there and will not be (inactive, outside the scope) is no member there.
        let ids = locals.into_iter().zip(known).filter_map(|(local, known)| {
            let remote = known.and_then(|known| known.remote);
            remote.or_else(|| {
                let new = format!("new:{local}");
                coming.contains(&(kind, local)).then_some(new)
            })
        });
        wanted.extend(ids);
    }
    Ok(wanted)
}

fn step(
    settings: &super::TargetSettings,
    known: &TargetObject,
    desired: &Desired,
    label: &str,
) -> Option<Step> {
    let make = |action, reason: &str| {
        Some(Step {
            kind: known.kind,
            local: known.local.clone(),
            label: label.to_owned(),
            action,
            reason: reason.to_owned(),
            members: 0,
        })
    };
    let is_user = known.kind == Kind::User;
    let is_orphan = is_orphan(known);
    // The run searches for it first.
    let leaves = |action, absence: &Absence| match is_orphan {
        true => make(
            action,
            &format!("{}, if it is there: {ORPHAN}", absence.as_str()),
        ),
        false => make(action, absence.as_str()),
    };
    let is_there = may_be_there(known);
    match desired {
        Desired::Present(_) if known.remote.is_none() => {
            let reason = match is_orphan {
                true => format!("or linked, if it is there: {ORPHAN}"),
                false => "or linked, if the target has one like it".to_owned(),
            };
            let is_wanted = settings.create || !is_user;
            is_wanted.then(|| make("create", &reason)).flatten()
        }
        _ if known.sent.as_ref() == Some(&desired.hash()) => None,
        Desired::Present(_) if settings.update || !is_user => make(
            "update",
            "it changed since it was sent, or the settings did",
        ),
        Desired::Absent(absence) if !is_user && is_there => leaves("delete", absence),
        Desired::Absent(absence) if settings.deactivate && is_there => {
            let action = match settings.deprovision {
                Deprovision::Deactivate => "deactivate",
                Deprovision::Delete => "delete",
            };
            leaves(action, absence)
        }
        Desired::Absent(absence) if is_orphan => leaves("link", absence),
        Desired::Present(_) | Desired::Absent(_) => None,
    }
}
