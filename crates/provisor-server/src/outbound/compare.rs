//! Drift: the whole target is read and compared with what it should hold; what differs is marked, and pushed as any change.

use std::{
    collections::{HashMap, HashSet},
    sync::atomic::Ordering::Relaxed,
};

use provisor_store::{
    TargetChange,
    target::{Kind, NewEntry, Report, TargetObject},
};
use scim::{Map, Value};
use serde_json::json;

use super::{
    plan::{Absence, Desired, Difference},
    remote::id_of,
    run::Run,
    settings::Deprovision,
    team,
    trouble::{Stopped, Trouble},
};

/// Resources compared at a time.
const CHUNK: usize = 500;

/// Compares users, and teams with their members.
pub(super) async fn compare(run: &Run) -> Result<(), Trouble> {
    for kind in [Kind::User, Kind::Team] {
        if kind == Kind::Team && !run.settings.teams {
            continue;
        }
        let mut held: HashMap<String, Map<String, Value>> = HashMap::new();
        run.remote
            .walk(kind, None, |resource| {
                if let Some(id) = id_of(&resource) {
                    held.insert(id.to_owned(), resource);
                }
            })
            .await?;
        let mut after = String::new();
        loop {
            run.check_wanted().await?;
            let objects = run
                .wish
                .store
                .read()
                .await?
                .target_objects(run.place(), kind, false, &after, CHUNK)
                .await?;
            let Some(last) = objects.last() else { break };
            after.clone_from(&last.local);
            // What was given up is looked at again.
            let (given_up, known): (Vec<_>, Vec<_>) = objects
                .into_iter()
                .partition(|object| object.due.is_none() && object.error.is_some());
            let given_up = given_up.into_iter().map(|object| object.local);
            run.mark(kind, given_up.collect(), false).await?;
            let linked = known.into_iter().filter(|object| object.remote.is_some());
            for (object, mut desired) in run.desired(linked.collect()).await? {
                if let (Kind::User, Desired::Present(wanted)) = (kind, &mut desired) {
                    *wanted = super::user::with_manager(run, wanted).await?.0;
                }
                // What the source changed is pushed anyway; what is due and has not changed would not be.
                if object.due.is_some() && object.sent.as_ref() != Some(&desired.hash()) {
                    continue;
                }
                if let Some(reason) = differs(run, &object, &desired, &held).await? {
                    drifted(run, object, reason).await?;
                }
            }
        }
    }
    Ok(())
}

/// How the target differs from what was sent; `None` if it does not.
async fn differs(
    run: &Run,
    object: &TargetObject,
    desired: &Desired,
    held: &HashMap<String, Map<String, Value>>,
) -> Result<Option<Value>, Stopped> {
    let held = match object.remote.as_ref().and_then(|remote| held.get(remote)) {
        Some(held) => held,
        // Some servers leave the inactive out of lists, so that only one that should be there is missed.
        None if matches!(desired, Desired::Absent(_)) => return Ok(None),
        None => return Ok(Some(json!({ "reason": "it is missing in the target" }))),
    };
    let wanted = match desired {
        Desired::Present(wanted) => wanted,
        Desired::Absent(Absence::Deleted | Absence::Inactive | Absence::OutOfScope) => {
            let active = super::mapping::field(held, "active") == Some(&Value::Bool(true));
            let reason = json!({ "reason": "it is there and should not be" });
            return Ok(match (object.kind, run.settings.deprovision) {
                (Kind::User, _) if !run.settings.deactivate => None,
                (Kind::User, Deprovision::Deactivate) => {
                    active.then(|| json!({ "attributes": ["active"] }))
                }
                _ => Some(reason),
            });
        }
    };
    let difference = Difference::between(wanted, held, &object.names);
    let changed: Vec<&str> = difference.names();
    let mut detail = json!({});
    if !changed.is_empty() {
        detail["attributes"] = changed.into();
    }
    if object.kind == Kind::Team && super::mapping::field(held, "members").is_some() {
        let known = run
            .wish
            .store
            .read()
            .await?
            .target_members(run.place(), &object.local)
            .await?;
        let there: HashSet<String> = team::ids(held);
        let (added, removed) = super::plan::members(&there, &known);
        if !added.is_empty() || !removed.is_empty() {
            detail["members_added_there"] = added.len().into();
            detail["members_removed_there"] = removed.len().into();
        }
    }
    Ok(detail
        .as_object()
        .is_some_and(|detail| !detail.is_empty())
        .then_some(detail))
}

async fn drifted(run: &Run, object: TargetObject, detail: Value) -> Result<(), Stopped> {
    run.progress().drifted.fetch_add(1, Relaxed);
    let (kind, local) = (object.kind, object.local.clone());
    let report = Report {
        object,
        gone: false,
        members: Vec::new(),
        entries: vec![NewEntry {
            action: "drift",
            ok: true,
            status: None,
            detail,
        }],
    };
    run.write(TargetChange::Report {
        id: run.target.id,
        reports: vec![report],
    })
    .await?;
    run.mark(kind, vec![local], true).await
}
