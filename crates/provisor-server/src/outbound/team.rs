//! One team in the target.

mod members;

use std::{
    collections::{HashMap, HashSet},
    sync::atomic::Ordering::Relaxed,
};

use provisor_store::target::{Kind, KnownMembers, Report};
use scim::{Map, Value};
use serde_json::json;
use tokio::sync::mpsc;

use super::{
    creation::recall,
    obtain::obtain,
    plan::{self, Desired},
    remote::member_ids,
    run::{Run, WAIT},
    trouble::Trouble,
    update::{created_again, missing, update},
};

/// Brings one team in step.
pub(super) async fn push(
    run: &Run,
    report: &mut Report,
    desired: &Desired,
    reports: &mpsc::Sender<Report>,
) -> Result<(), Trouble> {
    let missing = match desired {
        Desired::Present(wanted) => present(run, report, wanted, &desired.hash(), reports).await?,
        Desired::Absent(absence) => {
            recall(run, report).await?;
            if let Some(id) = report.object.remote.take() {
                let status = match run.remote.delete(Kind::Team, &id).await {
                    Ok(status) => status,
                    Err(trouble) => {
                        report.object.remote = Some(id);
                        return Err(trouble);
                    }
                };
                run.progress().deleted.fetch_add(1, Relaxed);
                report.tell(
                    "delete",
                    Some(status),
                    json!({ "reason": absence.as_str() }),
                );
            }
            report.members.push(KnownMembers::Are(Vec::new()));
            report.gone = true;
            0
        }
    };
    let object = &mut report.object;
    (object.due, object.attempts, object.error) = (None, 0, None);
    if missing > 0 {
        run.progress().waiting.fetch_add(1, Relaxed);
        object.due = Some(run.wish.clock.now() + WAIT);
        object.error = Some(format!(
            "{missing} of its members are not in the target yet"
        ));
    }
    Ok(())
}

/// What a team's members are called in the target.
struct Members {
    /// Ids in the target, with the ids in the source.
    wanted: HashMap<String, (Kind, String)>,
    /// How many should be there and are not.
    missing: usize,
}

async fn members(run: &Run, team: &str) -> Result<Members, Trouble> {
    let mut found = Members {
        wanted: HashMap::new(),
        missing: 0,
    };
    let all = run.source.members(team).await?;
    for kind in [Kind::User, Kind::Team] {
        if kind == Kind::Team && !run.settings.nested_teams {
            continue;
        }
        let locals: Vec<String> = all
            .iter()
            .filter(|(of, _)| *of == kind)
            .map(|(_, local)| local.clone())
            .collect();
        let mut view = run.wish.store.read().await?;
        let known = view.target_by_local(run.place(), kind, &locals).await?;
        for (local, object) in locals.into_iter().zip(known) {
            // Who is outside the scope has no row; who has one without an id is still to come.
            let Some(object) = object else { continue };
            found.missing += usize::from(object.is_to_come());
            if let Some(remote) = object.remote {
                found.wanted.insert(remote, (kind, local));
            }
        }
    }
    Ok(found)
}

async fn present(
    run: &Run,
    report: &mut Report,
    wanted: &Map<String, Value>,
    hash: &[u8],
    reports: &mpsc::Sender<Report>,
) -> Result<usize, Trouble> {
    let members = members(run, &report.object.local).await?;
    let desired = members.wanted.keys().cloned().collect();
    let held = match known(run, report, wanted, hash, &desired).await? {
        Some(held) => held,
        None => obtained(run, report, wanted, &members).await?,
    };
    if report.object.sent.as_deref() != Some(hash) {
        report.object.names = plan::names(wanted, &held.unkept);
    }
    report.object.sent = Some(hash.to_vec());
    let stray = members::push(run, report, &members.wanted, held.members, reports).await?;
    Ok(members.missing + stray)
}

/// A team in the target, in step but for its members.
struct Held {
    members: HashSet<String>,
    /// Attributes that the target did not keep.
    unkept: Vec<String>,
}

/// The team under the id it is known by; `None` if the target has none, or none any more.
async fn known(
    run: &Run,
    report: &mut Report,
    wanted: &Map<String, Value>,
    hash: &[u8],
    desired: &HashSet<String>,
) -> Result<Option<Held>, Trouble> {
    let Some(id) = report.object.remote.clone() else {
        return Ok(None);
    };
    let mut view = run.wish.store.read().await?;
    let known = view
        .target_members(run.place(), &report.object.local)
        .await?;
    drop(view);
    if report.object.sent.as_deref() == Some(hash) {
        let (members, unkept) = (known, Vec::new());
        return Ok(Some(Held { members, unkept }));
    }
    if let Some(held) = run.remote.get(Kind::Team, &id, true).await? {
        let mut shown = run.remote.members(&held, known.len());
        if member_ids(&held).is_none() && shown.is_some() {
            // Nobody is shown: all are added again, and whoever is to go is removed again.
            shown = Some(known.difference(desired).cloned().collect());
        }
        if let Some(shown) = &shown {
            report.members.push(KnownMembers::Are(sorted(shown)));
        }
        if let Some(unkept) = update(run, report, wanted, Some(&held)).await? {
            // A target that does not show members is believed to have those it was sent.
            let members = shown.unwrap_or(known);
            return Ok(Some(Held { members, unkept }));
        }
    }
    (report.object.remote, report.object.sent) = (None, None);
    missing(report, created_again());
    Ok(None)
}

/// The team found or created, its first members with it.
async fn obtained(
    run: &Run,
    report: &mut Report,
    wanted: &Map<String, Value>,
    members: &Members,
) -> Result<Held, Trouble> {
    let mut first: Vec<String> = members.wanted.keys().cloned().collect();
    first.sort_unstable();
    first.truncate(run.settings.batch);
    let mut with_members = wanted.clone();
    if !first.is_empty() {
        with_members.insert("members".into(), values(&first));
    }
    let told = report.entries.len();
    let obtained = obtain(run, report, &with_members).await?;
    let mut entries = report.entries[told..].iter();
    let is_new = entries.any(|entry| entry.action == "create");
    let there = match (member_ids(&obtained.held), &report.object.remote) {
        (Some(shown), _) => shown,
        // A server need not answer with members.
        (None, _) if is_new => first.into_iter().collect(),
        (None, Some(id)) => {
            let held = run.remote.get(Kind::Team, id, true).await?;
            held.and_then(|held| member_ids(&held)).unwrap_or_default()
        }
        (None, None) => HashSet::new(),
    };
    if is_new {
        let count = &run.progress().members_added;
        count.fetch_add(there.len() as u64, Relaxed);
    }
    report.members.push(KnownMembers::Are(sorted(&there)));
    Ok(Held {
        members: there,
        unkept: obtained.unkept,
    })
}

/// Members as a resource or an operation has them.
pub(super) fn values(ids: &[String]) -> Value {
    ids.iter().map(|id| json!({ "value": id })).collect()
}

pub(super) fn sorted(ids: &HashSet<String>) -> Vec<String> {
    let mut ids: Vec<String> = ids.iter().cloned().collect();
    ids.sort_unstable();
    ids
}
