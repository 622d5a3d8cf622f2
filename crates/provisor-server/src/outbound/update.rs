//! Sends what differs to the target, and says so in its log.

use std::sync::atomic::Ordering::Relaxed;

use provisor_store::target::{Kind, Report};
use scim::{Map, Value};
use serde_json::json;

use super::{plan::Difference, run::Run, trouble::Trouble};

/// Sends what differs; false if the target does not have it any more.
pub(super) async fn update(
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
    let attributes = json!({ "attributes": difference.names() });
    report.tell("update", Some(status), attributes);
    Ok(true)
}

/// A PATCH, or GET and PUT where the target has none; `None` if it is not there.
pub(super) async fn send(
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
    put(run, kind, id, difference, &held).await.map(Some)
}

/// GET and PUT; `None` if it is not there.
pub(super) async fn send_whole(
    run: &Run,
    kind: Kind,
    id: &str,
    difference: &Difference,
) -> Result<Option<u16>, Trouble> {
    match run.remote.get(kind, id, true).await? {
        Some(held) => put(run, kind, id, difference, &held).await.map(Some),
        None => Ok(None),
    }
}

async fn put(
    run: &Run,
    kind: Kind,
    id: &str,
    difference: &Difference,
    held: &Map<String, Value>,
) -> Result<u16, Trouble> {
    let merged = Value::Object(difference.merged(held));
    run.remote.put(kind, id, &merged).await
}
