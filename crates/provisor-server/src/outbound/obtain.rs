//! Finds a user or team in the target, or creates it there.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use provisor_store::target::{Kind, Report, TargetObject};
use scim::{Map, Value};
use serde_json::json;

use super::{
    creation::{self, ORPHAN},
    mapping::field,
    plan::Difference,
    remote::id_of,
    run::{Inheritance, Run},
    settings::MatchBy,
    trouble::Trouble,
    update::{look, tell_unkept, update},
};

/// How often a POST is made whose answer is lost each time, with a search in between.
const CREATIONS: u32 = 5;

/// A resource that was found or created.
pub(super) struct Obtained {
    /// As the target held it at first.
    pub(super) held: Map<String, Value>,
    /// It has what it should; not so where it was linked and the settings want no updates, or where it will be looked at
    /// once more.
    pub(super) in_step: bool,
    /// Attributes that the target did not keep.
    pub(super) unkept: Vec<String>,
}

/// Finds or creates it, and gives the resource as the target holds it. After this it has an id in the target.
pub(super) async fn obtain(
    run: &Run,
    report: &mut Report,
    wanted: &Map<String, Value>,
) -> Result<Obtained, Trouble> {
    let kind = report.object.kind;
    let key = run.remote.key(kind, wanted).ok_or_else(|| {
        Trouble::Unclear(
            "it has no value of the attribute that the target is searched by".to_owned(),
        )
    })?;
    if let Some(held) = creation::orphan(run, &report.object).await?
        && let Some(found) = link(run, report, wanted, held, ORPHAN).await?
    {
        return Ok(found);
    }
    let mut why = None;
    for attempt in 0..CREATIONS {
        if let Some(found) = adopt(run, report, wanted, &key, attempt > 0).await? {
            return Ok(found);
        }
        if attempt == 0 {
            creation::note(run, report, &key, wanted).await?;
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
                    let key = run.remote.key_name(kind);
                    let inherited = inherit(run, report, wanted, held, key).await?;
                    return inherited.ok_or_else(|| taken(run, kind));
                }
                (report.object.remote, report.object.sent) = (id, None);
                run.progress().created.fetch_add(1, Relaxed);
                let attributes: Vec<&String> = wanted
                    .keys()
                    .filter(|name| !["schemas", "members"].contains(&name.as_str()))
                    .collect();
                report.tell(
                    "create",
                    Some(status),
                    json!({ "attributes": attributes, "attempts": attempt + 1 }),
                );
                let mut difference = Difference::between(wanted, &held, "");
                difference.set.remove("members");
                let mut unkept = difference.unkept(&held);
                if let Some(id) = &report.object.remote {
                    unkept = look(run, kind, id, &difference, unkept).await?;
                }
                tell_unkept(report, status, &unkept);
                return Ok(Obtained {
                    held,
                    in_step: true,
                    unkept,
                });
            }
            // It may be there now: the search decides.
            Err(Trouble::Lost(reason)) => {
                why = Some(Trouble::Lost(reason));
                tokio::time::sleep(Duration::from_millis(50) * 2_u32.pow(attempt)).await;
            }
            Err(conflict @ Trouble::Refused { status: 409, .. }) => {
                if let Some(found) = adopt(run, report, wanted, &key, true).await? {
                    return Ok(found);
                }
                creation::forget(run, report, attempt).await?;
                return by_name(run, report, wanted, conflict).await;
            }
            Err(trouble) => {
                creation::forget(run, report, attempt).await?;
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
    wanted: &Map<String, Value>,
    key: &str,
    fresh: bool,
) -> Result<Option<Obtained>, Trouble> {
    let kind = report.object.kind;
    let mut found = run.remote.find(kind, key, fresh).await?;
    // Ours from an earlier run, if several have the name.
    if found.len() > 1 {
        let ours = |held: &Map<String, Value>| {
            wanted.contains_key("externalId")
                && field(held, "externalId") == wanted.get("externalId")
        };
        if let Some(at) = found.iter().position(ours) {
            found = vec![found.swap_remove(at)];
        }
    }
    let (mut free, is_alone) = (Vec::new(), found.len() == 1);
    for held in found {
        let Some(id) = id_of(&held) else {
            return Err(Trouble::Unclear(
                "the target has it without an id that can stand in a path: none, \"..\", or a very long one"
                    .to_owned(),
            ));
        };
        let is_ours = !is_anothers(run, &report.object, wanted, &held).await?;
        if is_ours && run.claim(&report.object, id).await? {
            free.push(held);
        } else if kind == Kind::User && is_ours && is_alone {
            let inherited = inherit(run, report, wanted, held, run.remote.key_name(kind)).await?;
            return inherited.map_or_else(|| Err(taken(run, kind)), |found| Ok(Some(found)));
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
    let reason = format!(
        "the target has one with the same {}",
        run.remote.key_name(kind)
    );
    link(run, report, wanted, held, &reason).await
}

/// After the target refused a user whom it does not find: a userName is unique (RFC 7643 section 4.1.1), whatever the
/// settings look users up by. Who left the source leaves it to this one; else the refusal says whose it is.
async fn by_name(
    run: &Run,
    report: &mut Report,
    wanted: &Map<String, Value>,
    refusal: Trouble,
) -> Result<Obtained, Trouble> {
    let kind = report.object.kind;
    let is_known = kind != Kind::User || run.settings.identifier == MatchBy::UserName;
    let name = field(wanted, "userName").and_then(Value::as_str);
    let Some(name) = name.filter(|_| !is_known) else {
        return Err(refusal);
    };
    let Some(held) = run.remote.named(name).await?.pop() else {
        return Err(refusal);
    };
    let id = id_of(&held).unwrap_or_default().to_owned();
    let key = run.remote.key_name(kind);
    let whose = if run.is_linked(&report.object, &id).await? {
        if let Some(found) = inherit(run, report, wanted, held, "userName").await? {
            return Ok(found);
        }
        "is linked to another user of the source already: rename one of the two".to_owned()
    } else {
        format!(
            "is linked to nobody of the source: give it this {key} there if it is the same person, else rename one of the two"
        )
    };
    Err(match refusal {
        Trouble::Refused { status, detail } => Trouble::Refused {
            status,
            detail: format!("{detail}; the target's user with this userName {whose}"),
        },
        other => other,
    })
}

/// Links it to this one if whoever has it left the source; `None` where they did not. `same` is what both have.
async fn inherit(
    run: &Run,
    report: &mut Report,
    wanted: &Map<String, Value>,
    held: Map<String, Value>,
    same: &str,
) -> Result<Option<Obtained>, Trouble> {
    let id = id_of(&held).unwrap_or_default();
    match run.inherit(&report.object, id).await? {
        Inheritance::Refused => Ok(None),
        Inheritance::Later => Ok(Some(Obtained {
            held,
            in_step: false,
            unkept: Vec::new(),
        })),
        Inheritance::Given { names } => {
            report.object.names = names;
            let reason = format!(
                "the target has one with the same {same}, of one who is not in the source any more"
            );
            let linked = link(run, report, wanted, held, &reason).await?;
            linked
                .map(Some)
                .ok_or_else(|| Trouble::Lost("the target had it, and lost it just now".to_owned()))
        }
    }
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
    report.tell("link", None, json!({ "reason": reason, "remote": id }));
    let mut plain = wanted.clone();
    plain.remove("members");
    // A team that is linked is brought in step like one that is known.
    let in_step = kind == Kind::Team || run.settings.update;
    let mut unkept = Vec::new();
    if in_step {
        let Some(found) = update(run, report, &plain, Some(&held)).await? else {
            // It went between the search and the change.
            report.object.remote = None;
            report.entries.pop();
            return Ok(None);
        };
        unkept = found;
    }
    run.progress().linked.fetch_add(1, Relaxed);
    Ok(Some(Obtained {
        held,
        in_step,
        unkept,
    }))
}

/// Whether the target holds it under the id of another one of the source, which was not linked to it yet.
async fn is_anothers(
    run: &Run,
    object: &TargetObject,
    wanted: &Map<String, Value>,
    held: &Map<String, Value>,
) -> Result<bool, Trouble> {
    let text = |resource| field(resource, "externalId").and_then(Value::as_str);
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
    let key = run.remote.key_name(kind);
    Trouble::Unclear(format!(
        "the target's {what} with this {key} is linked to another {what} of the source already"
    ))
}
