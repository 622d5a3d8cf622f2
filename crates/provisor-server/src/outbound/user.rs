//! One user: looked up, created, changed, deactivated or deleted in the target.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use provisor_store::{
    TargetChange,
    target::{Kind, NewEntry, Report, TargetObject},
};
use scim::{Map, Value, fold::fold};
use serde_json::json;

use super::{
    plan::{self, Absence, Desired, Difference},
    remote::{Index, id_of},
    run::{Run, WAIT},
    settings::Deprovision,
    trouble::{Stopped, Trouble},
};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// How often a POST is made whose answer is lost each time, with a search in between.
const CREATIONS: u32 = 5;
/// What stands before the mark of a creation whose id is not known yet.
const UNDER: &[u8] = b"under:";
pub(super) const ORPHAN: &str =
    "it was created earlier, and the run was interrupted before its id was known";

/// Brings one user in step.
pub(super) async fn push(
    run: &Run,
    report: &mut Report,
    desired: &Desired,
    noted: bool,
) -> Result<(), Trouble> {
    let mut waits = false;
    match desired {
        Desired::Present(wanted) => {
            let (wanted, is_to_come) = with_manager(run, wanted).await?;
            let hash = plan::hash(&wanted);
            present(run, report, &wanted, &hash, noted).await?;
            // Without an update the manager would never be sent.
            waits = is_to_come && run.settings.update && report.object.remote.is_some();
        }
        Desired::Absent(absence) => absent(run, report, *absence).await?,
    }
    let object = &mut report.object;
    (object.due, object.attempts, object.error) = (None, 0, None);
    if waits {
        object.due = Some(run.wish.clock.now() + WAIT);
        object.error = Some("its manager is not in the target yet".to_owned());
        run.wait_for_manager(object.local.clone());
    }
    Ok(())
}

async fn present(
    run: &Run,
    report: &mut Report,
    wanted: &Map<String, Value>,
    hash: &[u8],
    noted: bool,
) -> Result<(), Trouble> {
    if report.object.remote.is_some() {
        if report.object.sent.as_deref() == Some(hash) {
            return Ok(());
        }
        if !run.settings.update {
            return Ok(());
        }
        if change(run, report, wanted, None).await? {
            settle(report, wanted, hash);
            return Ok(());
        }
        // Somebody deleted it in the target.
        (report.object.remote, report.object.sent) = (None, None);
        report.entries.push(entry(
            "missing",
            None,
            json!({ "reason": "the target does not have it any more; it is created again" }),
        ));
    }
    if !run.settings.create {
        return Ok(());
    }
    if obtain(run, report, Kind::User, wanted, noted)
        .await?
        .in_step
    {
        settle(report, wanted, hash);
    }
    Ok(())
}

fn settle(report: &mut Report, wanted: &Map<String, Value>, hash: &[u8]) {
    report.object.sent = Some(hash.to_vec());
    report.object.names = plan::names(wanted);
}

/// A resource that was found or created.
pub(super) struct Obtained {
    /// As the target held it at first.
    pub(super) held: Map<String, Value>,
    /// It has what it should; not so where it was linked and the settings want no updates.
    in_step: bool,
}

/// Finds or creates it, and gives the resource as the target holds it. After this it has an id in the target. `noted`:
/// that it is about to be created is written down already.
pub(super) async fn obtain(
    run: &Run,
    report: &mut Report,
    kind: Kind,
    wanted: &Map<String, Value>,
    noted: bool,
) -> Result<Obtained, Trouble> {
    let key = run.remote.key(kind, wanted).ok_or_else(|| {
        Trouble::Unclear(
            "it has no value of the attribute that the target is searched by".to_owned(),
        )
    })?;
    if let Some(held) = orphan(run, report).await?
        && let Some(found) = link(run, report, wanted, held, ORPHAN).await?
    {
        return Ok(found);
    }
    let mut why = None;
    for attempt in 0..CREATIONS {
        if let Some(found) = adopt(run, report, kind, wanted, &key, attempt > 0).await? {
            return Ok(found);
        }
        if attempt == 0 {
            note_creation(run, report, &key, wanted, noted).await?;
        }
        match run
            .remote
            .create(kind, &Value::Object(wanted.clone()))
            .await
        {
            Ok((status, held)) => {
                let id = id_of(&held).map(str::to_owned);
                // Another one of the source may have found it before the answer came, or the target gave what it had.
                if let Some(id) = &id
                    && !run.claim(&report.object, id).await?
                {
                    return Err(taken(run, kind));
                }
                (report.object.remote, report.object.sent) = (id, None);
                run.progress().created.fetch_add(1, Relaxed);
                let attributes: Vec<&String> = wanted
                    .keys()
                    .filter(|name| !["schemas", "members"].contains(&name.as_str()))
                    .collect();
                report.entries.push(entry(
                    "create",
                    Some(status),
                    json!({ "attributes": attributes, "attempts": attempt + 1 }),
                ));
                return Ok(Obtained {
                    held,
                    in_step: true,
                });
            }
            // It may be there now: the search decides.
            Err(Trouble::Lost(reason)) => {
                why = Some(Trouble::Lost(reason));
                tokio::time::sleep(Duration::from_millis(50) * 2_u32.pow(attempt)).await;
            }
            Err(conflict @ Trouble::Refused { status: 409, .. }) => {
                if let Some(found) = adopt(run, report, kind, wanted, &key, true).await? {
                    return Ok(found);
                }
                forget_creation(run, report, attempt).await?;
                return Err(conflict);
            }
            Err(trouble) => {
                forget_creation(run, report, attempt).await?;
                return Err(trouble);
            }
        }
    }
    Err(why.unwrap_or_else(|| Trouble::Lost("no answer to its creation came".to_owned())))
}

/// Links it to what the target has already, and brings that in step.
async fn adopt(
    run: &Run,
    report: &mut Report,
    kind: Kind,
    wanted: &Map<String, Value>,
    key: &str,
    fresh: bool,
) -> Result<Option<Obtained>, Trouble> {
    let mut found = run.remote.find(kind, key, fresh).await?;
    // Ours from an earlier run, if several have the name.
    if found.len() > 1 {
        let ours = |held: &Map<String, Value>| {
            super::mapping::field(held, "externalId") == wanted.get("externalId")
        };
        if let Some(at) = found.iter().position(ours) {
            found = vec![found.swap_remove(at)];
        }
    }
    let mut free = Vec::new();
    for held in found {
        if let Some(id) = id_of(&held)
            && !is_anothers(run, &report.object, wanted, &held).await?
            && run.claim(&report.object, id).await?
        {
            free.push(held);
        } else if kind == Kind::User {
            return Err(taken(run, kind));
        }
    }
    if free.len() > 1 {
        return Err(Trouble::Unclear(format!(
            "the target has {} with this name; taking one of them would be a guess. Rename or delete the others there",
            free.len()
        )));
    }
    let Some(held) = free.pop() else {
        return Ok(None);
    };
    let reason = format!("the target has one with the same {}", key_name(run, kind));
    link(run, report, wanted, held, &reason).await
}

/// Links it to this one, and brings that in step; `None` if it went meanwhile.
async fn link(
    run: &Run,
    report: &mut Report,
    wanted: &Map<String, Value>,
    held: Map<String, Value>,
    reason: &str,
) -> Result<Option<Obtained>, Trouble> {
    let kind = report.object.kind;
    let id = id_of(&held).map(str::to_owned);
    (report.object.remote, report.object.sent) = (id.clone(), None);
    report.entries.push(entry(
        "link",
        None,
        json!({ "reason": reason, "remote": id }),
    ));
    let mut plain = wanted.clone();
    plain.remove("members");
    // A team that is linked is brought in step like one that is known.
    let in_step = kind == Kind::Team || run.settings.update;
    if in_step && !change(run, report, &plain, Some(&held)).await? {
        // It went between the search and the change.
        report.object.remote = None;
        report.entries.pop();
        return Ok(None);
    }
    run.progress().linked.fetch_add(1, Relaxed);
    Ok(Some(Obtained { held, in_step }))
}

/// Whether the target holds it under the id of another one of the source, which was not linked to it yet.
async fn is_anothers(
    run: &Run,
    object: &TargetObject,
    wanted: &Map<String, Value>,
    held: &Map<String, Value>,
) -> Result<bool, Trouble> {
    let text = |resource| super::mapping::field(resource, "externalId").and_then(Value::as_str);
    // Rules may have made something else of the externalId.
    let ours = text(wanted) == Some(&object.local);
    let Some(other) = text(held).filter(|other| ours && *other != object.local) else {
        return Ok(false);
    };
    let others = run.source.load(object.kind, &[other.to_owned()]).await?;
    Ok(others.iter().any(Option::is_some))
}

fn taken(run: &Run, kind: Kind) -> Trouble {
    let what = if kind == Kind::Team { "team" } else { "user" };
    let key = key_name(run, kind);
    Trouble::Unclear(format!(
        "the target's {what} with this {key} is linked to another {what} of the source already"
    ))
}

fn key_name(run: &Run, kind: Kind) -> &'static str {
    use super::settings::MatchBy;
    match (kind, run.settings.identifier) {
        (Kind::Team, _) => "displayName",
        (_, MatchBy::UserName) => "userName",
        (_, MatchBy::Email) => "e-mail",
        (_, MatchBy::ExternalId) => "externalId",
    }
}

/// Writes down, before a creation, what it will be found by: should the run be killed before it knows the id, whoever
/// leaves or is renamed until the next run is found all the same. The place of the hash is free until there is an id.
async fn note_creation(
    run: &Run,
    report: &mut Report,
    key: &str,
    wanted: &Map<String, Value>,
    noted: bool,
) -> Result<(), Trouble> {
    let mark = creation_mark(key, wanted);
    if report.object.sent.as_ref() == Some(&mark) {
        return Ok(());
    }
    report.object.sent = Some(mark);
    if noted {
        return Ok(());
    }
    write_object(run, report).await
}

fn creation_mark(key: &str, wanted: &Map<String, Value>) -> Vec<u8> {
    let mark = json!({ "key": key, "externalId": wanted.get("externalId") });
    [UNDER, mark.to_string().as_bytes()].concat()
}

/// The note of a creation that is to come, to be written with those of others; `None` if none will come, or if that is
/// not known before the target is asked.
pub(super) fn note_ahead(
    run: &Run,
    object: &TargetObject,
    desired: &Desired,
    known: &Index,
) -> Option<Report> {
    let Desired::Present(wanted) = desired else {
        return None;
    };
    let is_new = object.remote.is_none() && object.sent.is_none();
    if !is_new || object.kind == Kind::User && !run.settings.create {
        return None;
    }
    let key = run.remote.key(object.kind, wanted)?;
    if known.contains_key(&*fold(&key)) {
        return None;
    }
    let mut object = object.clone();
    object.sent = Some(creation_mark(&key, wanted));
    Some(alone(object))
}

/// A creation was refused, so that nothing is to be found; one before it whose answer was lost may be there yet.
async fn forget_creation(run: &Run, report: &mut Report, attempt: u32) -> Result<(), Trouble> {
    if attempt > 0 {
        return Ok(());
    }
    report.object.sent = None;
    // A run that ends here writes no report.
    match run.remote.stopped() {
        Some(_) => write_object(run, report).await,
        None => Ok(()),
    }
}

async fn write_object(run: &Run, report: &Report) -> Result<(), Trouble> {
    let (id, reports) = (run.target.id, vec![alone(report.object.clone())]);
    Ok(run.write(TargetChange::Report { id, reports }).await?)
}

/// A report that says nothing but how the object is known.
fn alone(object: TargetObject) -> Report {
    Report {
        object,
        gone: false,
        members: Vec::new(),
        entries: Vec::new(),
    }
}

/// Whether it may be in the target without its id being known.
pub(super) fn is_orphan(object: &TargetObject) -> bool {
    let sent = object.sent.as_deref().unwrap_or_default();
    object.remote.is_none() && sent.starts_with(UNDER)
}

/// What an earlier creation made whose id was not written down.
async fn orphan(run: &Run, report: &Report) -> Result<Option<Map<String, Value>>, Trouble> {
    let object = &report.object;
    let mark = object
        .sent
        .as_deref()
        .filter(|_| object.remote.is_none())
        .and_then(|sent| serde_json::from_slice::<Value>(sent.strip_prefix(UNDER)?).ok());
    let Some(mark) = mark else { return Ok(None) };
    let key = mark["key"].as_str().unwrap_or_default();
    for held in run.remote.find(object.kind, key, true).await? {
        // Not every target keeps an externalId.
        let kept = super::mapping::field(&held, "externalId").filter(|kept| !kept.is_null());
        if kept.is_none_or(|kept| *kept == mark["externalId"])
            && let Some(id) = id_of(&held)
            && run.claim(object, id).await?
        {
            return Ok(Some(held));
        }
    }
    Ok(None)
}

/// Finds one who is to go and may have been created without a trace.
pub(super) async fn recall(run: &Run, report: &mut Report) -> Result<(), Trouble> {
    if let Some(held) = orphan(run, report).await? {
        let id = id_of(&held).map(str::to_owned);
        (report.object.remote, report.object.sent) = (id.clone(), None);
        run.progress().linked.fetch_add(1, Relaxed);
        let detail = json!({ "reason": ORPHAN, "remote": id });
        report.entries.push(entry("link", None, detail));
    }
    Ok(())
}

/// Sends what differs; false if the target does not have it any more.
pub(super) async fn change(
    run: &Run,
    report: &mut Report,
    wanted: &Map<String, Value>,
    held: Option<&Map<String, Value>>,
) -> Result<bool, Trouble> {
    let (kind, names) = (report.object.kind, report.object.names.clone());
    let Some(id) = report.object.remote.clone() else {
        return Ok(false);
    };
    let read;
    let held = match held {
        Some(held) => held,
        None => match run.remote.get(kind, &id, false).await? {
            Some(found) => {
                read = found;
                &read
            }
            None => return Ok(false),
        },
    };
    let difference = Difference::between(wanted, held, &names);
    if difference.is_empty() {
        return Ok(true);
    }
    let Some(status) = send(run, kind, &id, &difference).await? else {
        return Ok(false);
    };
    run.progress().updated.fetch_add(1, Relaxed);
    report.entries.push(entry(
        "update",
        Some(status),
        json!({ "attributes": difference.names() }),
    ));
    Ok(true)
}

/// A PATCH, or GET and PUT where the target has none; `None` if it is not there.
async fn send(
    run: &Run,
    kind: Kind,
    id: &str,
    difference: &Difference,
) -> Result<Option<u16>, Trouble> {
    let mut not_found = None;
    if run.remote.patches() {
        match run.remote.patch(kind, id, difference.operations()).await {
            Ok(Some(status)) => return Ok(Some(status)),
            Ok(None) => {}
            // The resource is not there, or PATCH is not: reading it tells.
            Err(refusal @ Trouble::Refused { status: 404, .. }) => not_found = Some(refusal),
            Err(trouble) => return Err(trouble),
        }
    }
    let Some(held) = run.remote.get(kind, id, true).await? else {
        return Ok(None);
    };
    if let Some(refusal) = not_found {
        run.remote.lacks_patch(refusal)?;
    }
    let merged = Value::Object(difference.merged(&held));
    run.remote.put(kind, id, &merged).await.map(Some)
}

async fn absent(run: &Run, report: &mut Report, absence: Absence) -> Result<(), Trouble> {
    recall(run, report).await?;
    let Some(id) = report.object.remote.clone() else {
        report.gone = true;
        return Ok(());
    };
    let hash = Desired::Absent(absence).hash();
    if !run.settings.deactivate || report.object.sent.as_ref() == Some(&hash) {
        return Ok(());
    }
    let reason = json!({ "reason": absence.as_str() });
    match run.settings.deprovision {
        Deprovision::Delete => {
            let status = run.remote.delete(Kind::User, &id).await?;
            run.progress().deleted.fetch_add(1, Relaxed);
            report.entries.push(entry("delete", Some(status), reason));
            (report.object.remote, report.object.sent) = (None, None);
            report.gone = true;
        }
        Deprovision::Deactivate => {
            let mut difference = Difference::default();
            difference.set.insert("active".into(), false.into());
            match send(run, Kind::User, &id, &difference).await? {
                Some(status) => {
                    run.progress().deactivated.fetch_add(1, Relaxed);
                    report
                        .entries
                        .push(entry("deactivate", Some(status), reason));
                    report.object.sent = Some(hash);
                    // It stays linked, for a return.
                }
                None => {
                    report.entries.push(entry(
                        "missing",
                        Some(404),
                        json!({ "reason": "the target does not have it any more" }),
                    ));
                    report.object.remote = None;
                    report.gone = true;
                }
            }
        }
    }
    Ok(())
}

pub(super) fn entry(action: &'static str, status: Option<u16>, detail: Value) -> NewEntry {
    NewEntry {
        action,
        ok: true,
        status,
        detail,
    }
}

/// The manager is named by an id, which is another one in the target; one who is not there is left out. True if that
/// one is still to come.
pub(super) async fn with_manager(
    run: &Run,
    wanted: &Map<String, Value>,
) -> Result<(Map<String, Value>, bool), Stopped> {
    let local = wanted
        .get(ENTERPRISE)
        .and_then(|extension| extension["manager"]["value"].as_str());
    let Some(local) = local.map(str::to_owned) else {
        return Ok((wanted.clone(), false));
    };
    let mut view = run.wish.store.read().await?;
    let known = view
        .target_by_local(run.place(), Kind::User, &[local])
        .await?;
    drop(view);
    let known = known.into_iter().flatten().next();
    let is_to_come = known.as_ref().is_some_and(TargetObject::is_to_come);
    let mut wanted = wanted.clone();
    if let Some(Value::Object(extension)) = wanted.get_mut(ENTERPRISE) {
        match known.and_then(|known| known.remote) {
            Some(remote) => extension.insert("manager".into(), json!({ "value": remote })),
            None => extension.remove("manager"),
        };
        if extension.is_empty() {
            wanted.remove(ENTERPRISE);
        }
    }
    Ok((wanted, is_to_come))
}
