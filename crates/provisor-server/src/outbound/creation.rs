//! What is written down about a creation before the id is known, so that a run that is killed in between leaves nobody behind.

use std::sync::atomic::Ordering::Relaxed;

use provisor_store::{
    TargetChange,
    target::{Kind, Report, TargetObject},
};
use scim::{Map, Value, fold::fold};
use serde_json::json;

use super::{
    change::entry,
    mapping::field,
    plan::Desired,
    remote::{Index, id_of},
    run::Run,
    trouble::Trouble,
};

/// What stands before the mark of a creation whose id is not known yet.
const UNDER: &[u8] = b"under:";
pub(super) const ORPHAN: &str =
    "it was created earlier, and the run was interrupted before its id was known";

/// Writes down, before a creation, what it will be found by: should the run be killed before it knows the id, whoever
/// leaves or is renamed until the next run is found all the same. The place of the hash is free until there is an id.
pub(super) async fn note(
    run: &Run,
    report: &mut Report,
    key: &str,
    wanted: &Map<String, Value>,
    noted: bool,
) -> Result<(), Trouble> {
    let mark = mark(key, wanted);
    if report.object.sent.as_ref() == Some(&mark) {
        return Ok(());
    }
    report.object.sent = Some(mark);
    if noted {
        return Ok(());
    }
    write_object(run, report).await
}

fn mark(key: &str, wanted: &Map<String, Value>) -> Vec<u8> {
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
    object.sent = Some(mark(&key, wanted));
    Some(alone(object))
}

/// A creation was refused, so that nothing is to be found; one before it whose answer was lost may be there yet.
pub(super) async fn forget(run: &Run, report: &mut Report, attempt: u32) -> Result<(), Trouble> {
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
pub(super) async fn orphan(
    run: &Run,
    report: &Report,
) -> Result<Option<Map<String, Value>>, Trouble> {
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
        let kept = field(&held, "externalId").filter(|kept| !kept.is_null());
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
