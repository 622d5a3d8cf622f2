//! Sends what differs to the target, and says so in its log.

use std::sync::atomic::Ordering::Relaxed;

use provisor_store::target::{Kind, NewEntry, Report};
use scim::{Map, Value};
use scim_client::Answer;
use serde_json::json;

use super::{
    mapping::field,
    plan::Difference,
    remote::parse,
    run::Run,
    team::{sorted, values},
    trouble::Trouble,
};

/// A change that the target answered with success.
pub(super) struct Sent {
    pub(super) status: u16,
    /// The resource as its answer shows it, if it does.
    pub(super) shown: Map<String, Value>,
    /// Attributes that it shows otherwise.
    pub(super) unkept: Vec<String>,
    /// It went by PUT.
    pub(super) is_whole: bool,
}

impl Sent {
    fn new(answer: &Answer, difference: &Difference, is_whole: bool) -> Sent {
        let shown = parse(answer).unwrap_or_default();
        let unkept = difference.unkept(&shown);
        Sent {
            status: answer.status,
            shown,
            unkept,
            is_whole,
        }
    }
}

/// What became of a PATCH after which a PUT is tried.
enum First {
    NotTried,
    Refused(Trouble),
    NotKept(Sent),
}

/// Sends what differs, and gives the attributes that the target did not keep; `None` if it does not have it any more.
pub(super) async fn update(
    run: &Run,
    report: &mut Report,
    wanted: &Map<String, Value>,
    held: Option<&Map<String, Value>>,
) -> Result<Option<Vec<String>>, Trouble> {
    let (kind, names) = (report.object.kind, report.object.names.clone());
    let Some(id) = report.object.remote.clone() else {
        return Ok(None);
    };
    let read;
    let held = match held {
        Some(held) => held,
        None => match run.remote.get(kind, &id, false).await? {
            Some(found) => {
                read = found;
                &read
            }
            None => return Ok(None),
        },
    };
    let difference = Difference::between(wanted, held, &names);
    if difference.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let Some(sent) = send(run, kind, &id, &difference).await? else {
        return Ok(None);
    };
    let status = sent.status;
    run.progress().updated.fetch_add(1, Relaxed);
    let attributes = json!({ "attributes": difference.names() });
    report.tell("update", Some(status), attributes);
    tell_unkept(report, status, &sent.unkept);
    Ok(Some(sent.unkept))
}

/// Why one is told as missing that is to be there.
pub(super) fn created_again() -> Value {
    json!({ "reason": "the target does not have it any more; it is created again" })
}

/// Says that the target answers 404 to the id it is known by.
pub(super) fn missing(report: &mut Report, detail: Value) {
    report.tell("missing", Some(404), detail);
}

/// Says which attributes were answered with success and are not there.
pub(super) fn tell_unkept(report: &mut Report, status: u16, unkept: &[String]) {
    if unkept.is_empty() {
        return;
    }
    report.entries.push(NewEntry {
        action: "not_kept",
        ok: false,
        status: Some(status),
        detail: json!({
            "attributes": unkept,
            "reason": format!(
                "the target answered {status} and shows other values of these, or none: it does not keep what it was sent. \
                 Leave them out with a rule (NAME=drop), or have the target mended"
            ),
        }),
    });
}

/// A PATCH, or GET and PUT where the target has none, refuses this one, or does not do what it says; `None` if it is not
/// there.
pub(super) async fn send(
    run: &Run,
    kind: Kind,
    id: &str,
    difference: &Difference,
) -> Result<Option<Sent>, Trouble> {
    let mut first = First::NotTried;
    if run.remote.patches(kind) {
        match run.remote.patch(kind, id, difference.operations()).await {
            Ok(answer) => {
                let mut sent = Sent::new(&answer, difference, false);
                if run.remote.is_known_not_to_keep(kind, &sent.unkept) {
                    return Ok(Some(sent));
                }
                if !run.remote.may_put() {
                    sent.unkept = look(run, kind, id, difference, sent.unkept).await?;
                    return Ok(Some(sent));
                }
                first = First::NotKept(sent);
            }
            // The resource is not there, or PATCH is not, or not for this: reading and replacing it tells.
            Err(
                refusal @ Trouble::Refused {
                    status: 400 | 404 | 405 | 422 | 500 | 501,
                    ..
                },
            ) => first = First::Refused(refusal),
            Err(trouble) => return Err(trouble),
        }
    }
    let held = match (run.remote.get(kind, id, true).await, first) {
        (Ok(Some(held)), tried) => {
            first = tried;
            held
        }
        (Ok(None), _) => return Ok(None),
        // Where none is shown, what an answer does not show is believed; that somebody may come in or not is never.
        (Err(Trouble::Refused { .. }), First::NotKept(mut sent))
            if sent.unkept.iter().all(|name| name != "active") =>
        {
            let Sent { shown, unkept, .. } = &mut sent;
            unkept.retain(|name| field(shown, name).is_some());
            return Ok(Some(sent));
        }
        (Err(trouble), _) => return Err(trouble),
    };
    if let First::NotKept(mut sent) = first {
        // An answer may show less than there is.
        sent.unkept = difference.unkept(&held);
        if sent.unkept.is_empty() {
            return Ok(Some(sent));
        }
        first = First::NotKept(sent);
    }
    if let First::Refused(refusal) = &first {
        run.remote.lacks_patch(kind, refusal.clone())?;
    }
    let mut sent = match (put(run, kind, id, difference, &held).await, first) {
        (Ok(sent), _) => sent,
        (Err(stop @ Trouble::Stop(_)), _) => return Err(stop),
        (Err(_), First::NotKept(sent)) => sent,
        // What PATCH was refused for is said of one attribute, and fits better.
        (Err(_), First::Refused(refusal)) if !matches!(refusal.status(), Some(404 | 405 | 501)) => {
            return Err(refusal);
        }
        (Err(trouble), _) => return Err(trouble),
    };
    sent.unkept = look(run, kind, id, difference, sent.unkept).await?;
    run.remote.does_not_keep(kind, &sent.unkept);
    Ok(Some(sent))
}

/// The attributes that the target does not keep, of those that the answer to a change shows otherwise or not at all: an
/// answer may show less than there is.
pub(super) async fn look(
    run: &Run,
    kind: Kind,
    id: &str,
    difference: &Difference,
    unkept: Vec<String>,
) -> Result<Vec<String>, Trouble> {
    if unkept.is_empty() || run.remote.answers_whole() {
        return Ok(unkept);
    }
    let held = match run.remote.get(kind, id, true).await {
        Ok(Some(held)) => held,
        Err(stop @ Trouble::Stop(_)) => return Err(stop),
        Ok(None) | Err(_) => return Ok(unkept),
    };
    let looked = difference.unkept(&held);
    if looked == unkept {
        run.remote.answered_whole();
    }
    Ok(looked)
}

/// GET and PUT; `None` if it is not there.
pub(super) async fn send_whole(
    run: &Run,
    kind: Kind,
    id: &str,
    difference: &Difference,
) -> Result<Option<Sent>, Trouble> {
    let Some(held) = run.remote.get(kind, id, true).await? else {
        return Ok(None);
    };
    put(run, kind, id, difference, &held).await.map(Some)
}

async fn put(
    run: &Run,
    kind: Kind,
    id: &str,
    difference: &Difference,
    held: &Map<String, Value>,
) -> Result<Sent, Trouble> {
    let mut merged = difference.merged(held);
    if kind == Kind::Team && !difference.set.contains_key("members") {
        show_members(run, id, held, &mut merged).await?;
    }
    let answer = run.remote.put(kind, id, &Value::Object(merged)).await?;
    Ok(Sent::new(&answer, difference, true))
}

/// A target that does not show the members of a team would lose them with a PUT of what it shows: it is sent those it is
/// known to have.
async fn show_members(
    run: &Run,
    id: &str,
    held: &Map<String, Value>,
    merged: &mut Map<String, Value>,
) -> Result<(), Trouble> {
    let ids = [id.to_owned()];
    let mut view = run.wish.store.read().await?;
    let linked = view.target_by_remote(run.place(), Kind::Team, &ids).await?;
    let Some(team) = linked.into_iter().flatten().next() else {
        return Ok(());
    };
    let known = view.target_members(run.place(), &team.local).await?;
    drop(view);
    if run.remote.members(held, known.len()).is_none() {
        merged.insert("members".into(), values(&sorted(&known)));
    }
    Ok(())
}
