//! What is noted of a creation before the id is known, so that a run that is killed in between leaves nobody behind.

use std::sync::atomic::Ordering::Relaxed;

use provisor_store::{
    TargetChange,
    target::{Kind, Report, TargetObject},
};
use scim::{Map, Value, fold::fold};
use serde_json::json;

use super::{
    mapping::field,
    plan::Desired,
    remote::{Index, id_of},
    run::{Run, lock},
    trouble::{Stopped, Trouble},
};

/// What a note begins with. It stands where the hash of what was sent is to stand, which needs an id.
const NOTE: &[u8] = b"under:";
/// So often is searched in vain for one who left and whose creation was not answered.
const LATE: u32 = 3;
pub(super) const ORPHAN: &str =
    "it was created earlier, and the run was interrupted before its id was known";

/// A note: what the creation will be found by. One that was written ahead says so: the creation may never have been sent.
fn text(key: &str, wanted: &Map<String, Value>, ahead: bool) -> Vec<u8> {
    let text = json!({ "key": key, "externalId": wanted.get("externalId"), "ahead": ahead });
    [NOTE, text.to_string().as_bytes()].concat()
}

fn read(object: &TargetObject) -> Option<Value> {
    let noted = object.sent.as_deref()?.strip_prefix(NOTE)?;
    // Whoever has an id is found by it.
    serde_json::from_slice(noted)
        .ok()
        .filter(|_| object.remote.is_none())
}

/// Whether the target has it, or may have it.
pub(super) fn may_be_there(object: &TargetObject) -> bool {
    object.remote.is_some() || is_orphan(object)
}

/// Whether it may be in the target without its id being known.
pub(super) fn is_orphan(object: &TargetObject) -> bool {
    read(object).is_some()
}

/// Notes a creation that is about to be sent: should the run be killed before it knows the id, whoever leaves or is
/// renamed until the next run is found all the same.
pub(super) async fn note(
    run: &Run,
    report: &mut Report,
    key: &str,
    wanted: &Map<String, Value>,
) -> Result<(), Trouble> {
    let object = &mut report.object;
    let text = text(key, wanted, false);
    let is_noted = object.sent.as_ref() == Some(&text);
    object.sent = Some(text);
    if is_noted
        || lock(&run.ahead)
            .remove(&(object.kind, object.local.clone()))
            .is_some()
    {
        return Ok(());
    }
    write(run, report.object.clone()).await
}

/// Notes all creations of a chunk that is about to be pushed at once, where the target was read before: one by one, each
/// would wait for the disk.
pub(super) async fn note_ahead(
    run: &Run,
    kind: Kind,
    due: &[(TargetObject, Desired)],
) -> Result<(), Stopped> {
    let Some(known) = run.remote.known(kind).await else {
        return Ok(());
    };
    let mut reports = Vec::new();
    for (object, desired) in due {
        if let Some(text) = ahead(run, object, desired, &known) {
            lock(&run.ahead).insert((kind, object.local.clone()), object.clone());
            let mut noted = object.clone();
            noted.sent = Some(text);
            reports.push(Report::of(noted));
        }
    }
    if reports.is_empty() {
        return Ok(());
    }
    let id = run.target.id;
    run.write(TargetChange::Report { id, reports }).await
}

/// The note of a creation that will come; `None` if none will, or if that is not known before the target is asked.
fn ahead(run: &Run, object: &TargetObject, desired: &Desired, known: &Index) -> Option<Vec<u8>> {
    let Desired::Present(wanted) = desired else {
        return None;
    };
    let is_new = object.remote.is_none() && object.sent.is_none();
    if !is_new || object.kind == Kind::User && !run.settings.create {
        return None;
    }
    let key = run.remote.key(object.kind, wanted)?;
    (!known.contains_key(&*fold(&key))).then(|| text(&key, wanted, true))
}

/// A report tells what became of it.
pub(super) fn is_reported(run: &Run, object: &TargetObject) {
    lock(&run.ahead).remove(&(object.kind, object.local.clone()));
}

/// Takes back the notes of creations that were not sent, since the run ended before.
pub(super) async fn take_back(run: &Run) -> Result<(), Stopped> {
    let unsent = std::mem::take(&mut *lock(&run.ahead));
    if unsent.is_empty() {
        return Ok(());
    }
    let reports = unsent.into_values().map(Report::of).collect();
    let id = run.target.id;
    run.write(TargetChange::Report { id, reports }).await
}

/// A creation was refused, so that nothing is to be found; one before it whose answer was lost may be there yet.
pub(super) async fn forget(run: &Run, report: &mut Report, attempt: u32) -> Result<(), Trouble> {
    if attempt > 0 {
        return Ok(());
    }
    report.object.sent = None;
    // A run that ends here writes no report.
    match run.remote.stopped() {
        Some(_) => write(run, report.object.clone()).await,
        None => Ok(()),
    }
}

async fn write(run: &Run, object: TargetObject) -> Result<(), Trouble> {
    let (id, reports) = (run.target.id, vec![Report::of(object)]);
    Ok(run.write(TargetChange::Report { id, reports }).await?)
}

/// What an earlier run created whose id was not written down, and whether the target says itself that it is this one.
async fn found(
    run: &Run,
    object: &TargetObject,
) -> Result<Option<(Map<String, Value>, bool)>, Trouble> {
    let Some(note) = read(object) else {
        return Ok(None);
    };
    let key = note["key"].as_str().unwrap_or_default();
    // One that was noted ahead is of an earlier run: what was read in this one shows it.
    let fresh = note["ahead"] != true;
    for held in run.remote.find(object.kind, key, fresh).await? {
        // Not every target keeps an externalId.
        let kept = field(&held, "externalId").filter(|kept| !kept.is_null());
        let is_sure = kept.is_some() || fresh;
        if kept.is_none_or(|kept| *kept == note["externalId"])
            && let Some(id) = id_of(&held)
            && run.claim(object, id).await?
        {
            return Ok(Some((held, is_sure)));
        }
    }
    Ok(None)
}

/// What an earlier run created whose id was not written down.
pub(super) async fn orphan(
    run: &Run,
    object: &TargetObject,
) -> Result<Option<Map<String, Value>>, Trouble> {
    Ok(found(run, object).await?.map(|(held, _)| held))
}

/// Finds one who is to go and may have been created without a trace.
///
/// # Errors
/// When the target has one of this name, and the creation may never have been sent: somebody else's may not go. When the
/// target has none, and may carry out late what it did not answer.
pub(super) async fn recall(run: &Run, report: &mut Report) -> Result<(), Trouble> {
    let Some((held, is_sure)) = found(run, &report.object).await? else {
        let sent = read(&report.object).filter(|note| note["ahead"] != true);
        if sent.is_some() && report.object.attempts < LATE {
            return Err(Trouble::Unclear(
                "it is to go, its creation was sent and not answered, and the target does not have it, or not yet; \
                 it is searched again"
                    .to_owned(),
            ));
        }
        return Ok(());
    };
    let id = id_of(&held).map(str::to_owned);
    if !is_sure {
        return Err(Trouble::Unclear(format!(
            "it is to go, and a run that was killed may have created {} in the target, which does not say for whom \
             (it keeps no externalId). Look at it there, and take its access if it is this one",
            id.unwrap_or_default()
        )));
    }
    (report.object.remote, report.object.sent) = (id.clone(), None);
    run.progress().linked.fetch_add(1, Relaxed);
    report.tell("link", None, json!({ "reason": ORPHAN, "remote": id }));
    Ok(())
}
