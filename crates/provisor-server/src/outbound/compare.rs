//! Drift: the whole target is read and compared with what it should hold; what differs is marked, and pushed as any change.

use std::{
    collections::{HashMap, HashSet},
    sync::atomic::Ordering::Relaxed,
};

use futures_util::{StreamExt, stream};
use provisor_store::{
    TargetChange,
    target::{Kind, Report, TargetObject},
};
use scim::{Map, Value};
use serde_json::json;

use super::{
    mapping::field,
    plan::{self, Absence, Desired, Difference},
    remote::{Walk, id_of},
    run::Run,
    settings::Deprovision,
    trouble::{Stopped, Trouble},
    user::with_manager,
};

/// Resources compared at a time.
const CHUNK: usize = 500;

/// Compares users, and teams with their members, page by page: of what was read nothing is kept but ids.
pub(super) async fn compare(run: &Run) -> Result<(), Trouble> {
    for kind in [Kind::User, Kind::Team] {
        if kind == Kind::Team && !run.settings.teams {
            continue;
        }
        of_kind(run, kind).await?;
    }
    Ok(())
}

/// Compares all of a kind.
pub(super) async fn of_kind(run: &Run, kind: Kind) -> Result<(), Trouble> {
    let mut walk = run.remote.walk(kind, None);
    let mut silent = Vec::new();
    while let Some(page) = walk.next().await? {
        // Not every server keeps to the size of a page.
        for held in page.chunks(CHUNK) {
            run.check_wanted().await?;
            listed(run, kind, held).await?;
        }
        if kind == Kind::Team {
            let silently = page.iter().filter(|held| is_silent(held));
            silent.extend(silently.filter_map(|held| id_of(held).map(str::to_owned)));
        }
    }
    // Only now it is known whether the target shows members at all, so that who shows none has none.
    for ids in silent.chunks(CHUNK) {
        emptied(run, ids).await?;
    }
    unlisted(run, kind, &walk).await
}

/// Compares the members of teams that were listed without any: a list may show less than there is.
async fn emptied(run: &Run, ids: &[String]) -> Result<(), Trouble> {
    let mut view = run.wish.store.read().await?;
    let linked = view.target_by_remote(run.place(), Kind::Team, ids).await?;
    drop(view);
    for object in linked.into_iter().flatten() {
        if is_given_up(&object) || object.due.is_some() {
            continue;
        }
        run.check_wanted().await?;
        let mut view = run.wish.store.read().await?;
        let known = view.target_members(run.place(), &object.local).await?;
        drop(view);
        if !run.remote.shows_members(known.len()) {
            continue;
        }
        let id = object.remote.as_deref().unwrap_or_default();
        let held = match run.remote.get(Kind::Team, id, true).await {
            Ok(Some(held)) => held,
            Err(stop @ Trouble::Stop(_)) => return Err(stop),
            Ok(None) | Err(_) => continue,
        };
        if let Some(detail) = moved(run, &held, &known) {
            drifted(run, object, detail).await?;
        }
    }
    Ok(())
}

/// Compares what the target lists with what it should hold. What is not linked is none of ours.
async fn listed(run: &Run, kind: Kind, held: &[Map<String, Value>]) -> Result<(), Stopped> {
    let ids: Vec<String> = held
        .iter()
        .filter_map(|held| Some(id_of(held)?.to_owned()))
        .collect();
    let linked = run
        .wish
        .store
        .read()
        .await?
        .target_by_remote(run.place(), kind, &ids)
        .await?;
    // What was given up is looked at again whether it differs or not.
    let linked = linked.into_iter().flatten();
    let linked = linked.filter(|object| !is_given_up(object));
    let held: HashMap<&str, &Map<String, Value>> = held
        .iter()
        .filter_map(|held| Some((id_of(held)?, held)))
        .collect();
    for (object, desired) in run.desired(linked.collect()).await? {
        let remote = object.remote.as_deref().unwrap_or_default();
        let held = held.get(remote).copied();
        one(run, object, desired, held).await?;
    }
    Ok(())
}

/// Compares what the target did not list, and takes up what was given up.
async fn unlisted(run: &Run, kind: Kind, walk: &Walk<'_>) -> Result<(), Trouble> {
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
        let Some(last) = objects.last() else {
            return Ok(());
        };
        after.clone_from(&last.local);
        let (given_up, known): (Vec<_>, Vec<_>) = objects.into_iter().partition(is_given_up);
        let given_up = given_up.into_iter().map(|object| object.local);
        run.mark(kind, given_up.collect(), false).await?;
        let missed = known.into_iter().filter(|object| {
            let remote = object.remote.as_ref();
            remote.is_some_and(|remote| !walk.has_seen(remote))
        });
        let missed = run.desired(missed.collect()).await?;
        if walk.is_whole() {
            for (object, desired) in missed {
                one(run, object, desired, None).await?;
            }
            continue;
        }
        // A list that stops before its end, or shows one page for ever, says nothing of those it does not show.
        let read = missed.into_iter().map(async |(object, desired)| {
            let id = object.remote.as_deref().unwrap_or_default();
            let held = run.remote.get(kind, id, true).await?;
            Ok::<_, Trouble>((object, desired, held))
        });
        let mut read = stream::iter(read).buffered(run.settings.parallel);
        while let Some(found) = read.next().await {
            match found {
                Ok((object, desired, held)) => {
                    one(run, object, desired, held.as_ref()).await?;
                    let silent = held.filter(|held| kind == Kind::Team && is_silent(held));
                    if let Some(id) = silent.as_ref().and_then(id_of) {
                        emptied(run, &[id.to_owned()]).await?;
                    }
                }
                Err(stop @ Trouble::Stop(_)) => return Err(stop),
                // Who is not shown keeps no other from being compared.
                Err(_) => {}
            }
        }
    }
}

fn is_given_up(object: &TargetObject) -> bool {
    object.due.is_none() && object.error.is_some()
}

/// Compares one with what the target holds of it.
async fn one(
    run: &Run,
    object: TargetObject,
    mut desired: Desired,
    held: Option<&Map<String, Value>>,
) -> Result<(), Stopped> {
    if let (Kind::User, Desired::Present(wanted)) = (object.kind, &mut desired) {
        let resolved = with_manager(&*run.wish.store, run.place(), wanted).await?;
        *wanted = resolved.0;
    }
    // What the source changed is pushed anyway; what is due and has not changed would not be.
    if object.due.is_some() && object.sent.as_ref() != Some(&desired.hash()) {
        return Ok(());
    }
    match differs(run, &object, &desired, held).await? {
        Some(reason) => drifted(run, object, reason).await,
        None => Ok(()),
    }
}

/// How the target differs from what was sent; `None` if it does not.
async fn differs(
    run: &Run,
    object: &TargetObject,
    desired: &Desired,
    held: Option<&Map<String, Value>>,
) -> Result<Option<Value>, Stopped> {
    let held = match held {
        Some(held) => held,
        // Some servers leave the inactive out of lists, so that only one that should be there is missed.
        None if matches!(desired, Desired::Absent(_)) => return Ok(None),
        None => return Ok(Some(json!({ "reason": "it is missing in the target" }))),
    };
    let wanted = match desired {
        Desired::Present(wanted) => wanted,
        Desired::Absent(Absence::Deleted | Absence::Inactive | Absence::OutOfScope) => {
            let active = plan::is_active(held) == Some(true);
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
    let mut changed = difference.names();
    changed.retain(|name| !plan::was_unkept(&object.names, name));
    let mut detail = json!({});
    if !changed.is_empty() {
        detail["attributes"] = changed.into();
    }
    // Those that are shown without members are read first.
    if object.kind == Kind::Team && !is_silent(held) {
        let known = run
            .wish
            .store
            .read()
            .await?
            .target_members(run.place(), &object.local)
            .await?;
        if let Some(Value::Object(moved)) = moved(run, held, &known)
            && let Some(detail) = detail.as_object_mut()
        {
            detail.extend(moved);
        }
    }
    // Of an attribute that the target does not keep as a whole it may hold an older part.
    let is_updated = object.kind == Kind::Team || run.settings.update;
    let is_older = |sent: &Vec<u8>| *sent != desired.hash();
    if is_updated && object.sent.as_ref().is_some_and(is_older) {
        detail["reason"] = "it changed since it was sent".into();
    }
    Ok(detail
        .as_object()
        .is_some_and(|detail| !detail.is_empty())
        .then_some(detail))
}

fn is_silent(team: &Map<String, Value>) -> bool {
    field(team, "members").is_none()
}

/// How many members came and went there; `None` if none did.
fn moved(run: &Run, held: &Map<String, Value>, known: &HashSet<String>) -> Option<Value> {
    let there = run.remote.members(held, known.len())?;
    let (added, removed) = plan::members(&there, known);
    let is_same = added.is_empty() && removed.is_empty();
    let detail =
        json!({ "members_added_there": added.len(), "members_removed_there": removed.len() });
    (!is_same).then_some(detail)
}

async fn drifted(run: &Run, object: TargetObject, detail: Value) -> Result<(), Stopped> {
    run.progress().drifted.fetch_add(1, Relaxed);
    let (kind, local) = (object.kind, object.local.clone());
    let mut report = Report::of(object);
    report.tell("drift", None, detail);
    run.write(TargetChange::Report {
        id: run.target.id,
        reports: vec![report],
    })
    .await?;
    run.mark(kind, vec![local], true).await
}
