//! One user who is to lose the access in the target: what is answered is looked at, since the answer alone is no proof.

use std::sync::atomic::Ordering::Relaxed;

use provisor_store::target::{Kind, Report};
use scim::{Map, Value};
use serde_json::json;

use super::{
    creation::recall,
    mapping::{Rule, field},
    plan::{Absence, Desired, Difference, is_active},
    remote::id_of,
    run::{ATTEMPTS, Run},
    settings::{Deprovision, MatchBy},
    trouble::Trouble,
    update::{Sent, missing, send, send_whole},
};

/// How the access was taken.
struct Taken {
    status: u16,
    seen: Seen,
}

/// What the target shows of a user after it was told to take the access.
#[derive(Clone, Copy)]
enum Seen {
    Active,
    /// Inactive, or not there any more.
    Inactive,
    /// It is there, and whether it is active is not told.
    NotTold,
    /// No single user is shown.
    NotShown,
}

impl Seen {
    /// Why nobody can tell whether the access is gone; `None` where it was seen.
    fn unseen(self) -> Option<&'static str> {
        match self {
            Seen::Active | Seen::Inactive => None,
            Seen::NotTold => Some("the target does not show whether its users are active"),
            Seen::NotShown => Some("the target shows no single users"),
        }
    }
}

/// Takes the access of one who left.
pub(super) async fn absent(
    run: &Run,
    report: &mut Report,
    absence: Absence,
) -> Result<(), Trouble> {
    recall(run, report).await?;
    let hash = Desired::Absent(absence).hash();
    let is_settled = !run.settings.deactivate || report.object.sent.as_ref() == Some(&hash);
    if report.object.remote.is_some() && is_settled {
        return Ok(());
    }
    let mut is_found = false;
    while let Some(id) = report.object.remote.clone() {
        let deletes = run.settings.deprovision == Deprovision::Delete;
        let is_last = report.object.attempts + 1 >= ATTEMPTS;
        let taken = match deletes {
            true => delete(run, report, absence, &id, is_last).await?,
            false => deactivate(run, &id, is_last).await?,
        };
        let Some(Taken { status, seen }) = taken else {
            let found = search(run, report).await?;
            let mut detail = json!({ "reason": "the target does not have it any more" });
            if found.is_none() {
                detail["unseen"] = "the target cannot be searched for it".into();
            }
            let other = elsewhere(run, report, &id, found.unwrap_or_default()).await?;
            if let Some(other) = &other {
                if is_found {
                    return Err(Trouble::Unclear(
                        "it is to go, and the target names another id of it each time it is searched, and knows none of them"
                            .to_owned(),
                    ));
                }
                detail = json!({ "reason": "the target has it under another id by now", "remote": other });
            }
            missing(report, detail);
            (report.object.remote, report.object.sent) = (other, None);
            is_found = true;
            continue;
        };
        let mut detail = json!({ "reason": absence.as_str() });
        if let Some(unseen) = seen.unseen() {
            detail["unseen"] = unseen.into();
        }
        if deletes {
            run.progress().deleted.fetch_add(1, Relaxed);
            report.tell("delete", Some(status), detail);
            (report.object.remote, report.object.sent) = (None, None);
        } else {
            run.progress().deactivated.fetch_add(1, Relaxed);
            report.tell("deactivate", Some(status), detail);
            // It stays linked, for a return.
            report.object.sent = Some(hash);
            return Ok(());
        }
    }
    report.gone = true;
    Ok(())
}

/// Makes it inactive, by PATCH, else as a whole user; `None` if it is not there.
async fn deactivate(run: &Run, id: &str, is_last: bool) -> Result<Option<Taken>, Trouble> {
    let mut difference = Difference::default();
    difference.set.insert("active".into(), false.into());
    let Some(sent) = send(run, Kind::User, id, &difference).await? else {
        return Ok(None);
    };
    let first = is_inactive(run, id, &sent, is_last).await;
    if sent.is_whole || !run.remote.may_put() || !matches!(first, Err(Trouble::Unclear(_))) {
        return first.map(Some);
    }
    let second = match send_whole(run, Kind::User, id, &difference).await {
        Ok(Some(sent)) => is_inactive(run, id, &sent, is_last).await.map(Some),
        Ok(None) => Ok(None),
        Err(trouble) => Err(trouble),
    };
    match second {
        // What was said first says more of what the target does not like.
        Err(Trouble::Refused { .. } | Trouble::Unclear(_)) => first.map(Some),
        second => second,
    }
}

/// Looks whether a deactivation that was answered with success was carried out.
async fn is_inactive(run: &Run, id: &str, sent: &Sent, is_last: bool) -> Result<Taken, Trouble> {
    let status = sent.status;
    match look(run, id, is_last).await? {
        Seen::Active => Err(Trouble::Unclear(format!(
            "the target answered {status} to the deactivation, and the user is active there as before"
        ))),
        seen => Ok(Taken { status, seen }),
    }
}

/// Deletes it; `None` if it was not there.
async fn delete(
    run: &Run,
    report: &mut Report,
    absence: Absence,
    id: &str,
    is_last: bool,
) -> Result<Option<Taken>, Trouble> {
    let status = run.remote.delete(Kind::User, id).await?;
    if status == 404 {
        return Ok(None);
    }
    let seen = look(run, id, is_last).await;
    if let Err(Trouble::Stop(_)) = &seen {
        // What was answered is said all the same; it is looked at with the next run.
        let unseen = "the run ended before it was looked at";
        let detail = json!({ "reason": absence.as_str(), "unseen": unseen });
        report.tell("delete", Some(status), detail);
    }
    match seen? {
        Seen::Active | Seen::NotTold => Err(Trouble::Unclear(format!(
            "the target answered {status} to the deletion, and has the user as before"
        ))),
        seen => Ok(Some(Taken { status, seen })),
    }
}

/// Looks whether one has the access yet. The last time it is tried it is enough that nobody can tell.
async fn look(run: &Run, id: &str, is_last: bool) -> Result<Seen, Trouble> {
    match run.remote.get(Kind::User, id, false).await {
        Ok(None) => Ok(Seen::Inactive),
        Ok(Some(held)) => Ok(match is_active(&held) {
            Some(true) => Seen::Active,
            Some(false) => Seen::Inactive,
            None => Seen::NotTold,
        }),
        // What is said of the moment says nothing of the user.
        Err(
            trouble @ Trouble::Refused {
                status: 401 | 429, ..
            },
        ) if !is_last => Err(trouble),
        Err(Trouble::Refused {
            status: 400..=499 | 501,
            ..
        }) => Ok(Seen::NotShown),
        Err(Trouble::Refused { .. } | Trouble::Lost(_)) if is_last => Ok(Seen::NotShown),
        Err(trouble) => Err(trouble),
    }
}

/// Who has the name of one who left, or their id; `None` where nobody can be searched by either. Nothing of who left is
/// kept but the name.
async fn search(run: &Run, report: &Report) -> Result<Option<Vec<Map<String, Value>>>, Trouble> {
    let is_ruled = |name: &str| run.settings.rules.iter().any(|rule| rule.is_for(name));
    let (id, name) = (&report.object.local, &report.object.label);
    let found = match run.settings.identifier {
        MatchBy::ExternalId if !is_ruled("externalId") => {
            run.remote.find(Kind::User, id, true).await
        }
        _ if !is_ruled("userName") && !name.is_empty() => run.remote.named(name).await,
        _ => return Ok(None),
    };
    match found {
        Ok(found) => Ok(Some(found)),
        // It has no list.
        Err(Trouble::Refused {
            status: 400 | 403 | 404 | 405 | 501,
            ..
        }) => Ok(None),
        Err(trouble) => Err(trouble),
    }
}

/// The id that one who left has in the target by now, of those that were found.
///
/// # Errors
/// When somebody active has the name, and the target does not say whether it is this one.
async fn elsewhere(
    run: &Run,
    report: &Report,
    id: &str,
    found: Vec<Map<String, Value>>,
) -> Result<Option<String>, Trouble> {
    for held in found {
        let Some(other) = id_of(&held) else { continue };
        if run.holder(&report.object, other).await?.is_some() {
            continue;
        }
        if other != id && is_its_own(run, report, &held) && run.claim(&report.object, other).await?
        {
            return Ok(Some(other.to_owned()));
        }
        if is_active(&held) != Some(false) {
            return Err(Trouble::Unclear(format!(
                "it is to go, and the target answers 404 to its id; {other} has its name there, which does not say for whom. \
                 Look at it there, and take its access if it is this one"
            )));
        }
    }
    Ok(None)
}

fn is_its_own(run: &Run, report: &Report, held: &Map<String, Value>) -> bool {
    let is_ruled = |rule: &Rule| rule.is_for("externalId");
    !run.settings.rules.iter().any(is_ruled)
        && field(held, "externalId").and_then(Value::as_str) == Some(&report.object.local)
}
