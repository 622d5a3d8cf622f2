//! One team and its members in the target.

use std::{
    collections::{HashMap, HashSet},
    sync::atomic::Ordering::Relaxed,
};

use provisor_store::target::{Kind, KnownMembers, Report};
use scim::{Map, Value};
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;

use super::{
    creation::recall,
    mapping::field,
    obtain::obtain,
    plan::{self, Desired},
    run::{Run, WAIT},
    trouble::Trouble,
    update::{send_whole, update},
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
    wanted: &Map<String, Json>,
    hash: &[u8],
    reports: &mpsc::Sender<Report>,
) -> Result<usize, Trouble> {
    let local = report.object.local.clone();
    let members = members(run, &local).await?;
    let desired: HashSet<String> = members.wanted.keys().cloned().collect();
    let mut known = HashSet::new();
    let (mut exists, mut unkept) = (false, Vec::new());
    if let Some(id) = report.object.remote.clone() {
        known = run
            .wish
            .store
            .read()
            .await?
            .target_members(run.place(), &local)
            .await?;
        if report.object.sent.as_deref() == Some(hash) {
            exists = true;
        } else if let Some(held) = run.remote.get(Kind::Team, &id, true).await? {
            // A target that does not show members is believed to have those it was sent.
            if let Some(shown) = run.remote.members(&held, known.len()) {
                known = shown;
                report.members.push(KnownMembers::Are(sorted(&known)));
            }
            let updated = update(run, report, wanted, Some(&held)).await?;
            exists = updated.is_some();
            unkept = updated.unwrap_or_default();
        }
        if !exists {
            (report.object.remote, report.object.sent) = (None, None);
            report.tell(
                "missing",
                Some(404),
                json!({ "reason": "the target does not have it any more; it is created again" }),
            );
        }
    }
    if !exists {
        // The first members come along.
        let mut first = sorted(&desired);
        first.truncate(run.settings.batch);
        let mut with_members = wanted.clone();
        if !first.is_empty() {
            with_members.insert("members".into(), values(&first));
        }
        let created = report.entries.len();
        let obtained = obtain(run, report, &with_members).await?;
        let held = obtained.held;
        unkept = obtained.unkept;
        let is_new = report.entries[created..]
            .iter()
            .any(|entry| entry.action == "create");
        known = match field(&held, "members") {
            Some(_) => ids(&held),
            // A server need not answer with members.
            None if is_new => first.iter().cloned().collect(),
            None => match &report.object.remote {
                Some(id) => run
                    .remote
                    .get(Kind::Team, id, true)
                    .await?
                    .map(|held| ids(&held))
                    .unwrap_or_default(),
                None => HashSet::new(),
            },
        };
        if is_new {
            run.progress()
                .members_added
                .fetch_add(known.len() as u64, Relaxed);
        }
        report.members.push(KnownMembers::Are(sorted(&known)));
    }
    if report.object.sent.as_deref() != Some(hash) {
        report.object.names = plan::names(wanted, &unkept);
    }
    report.object.sent = Some(hash.to_vec());
    let (add, remove) = plan::members(&desired, &known);
    if add.is_empty() && remove.is_empty() {
        return Ok(members.missing);
    }
    if run.remote.patches(Kind::Team) {
        let mut work = Work {
            run,
            report,
            members: &members.wanted,
            reports,
            known,
            stray: 0,
            refused: Vec::new(),
            by_value: false,
            whole: None,
        };
        work.send(&remove, Step::Remove).await?;
        work.see(&remove).await?;
        // Removing may have shown who is there.
        let (add, _) = plan::members(&desired, &work.known);
        work.send(&add, Step::Add).await?;
        let (stray, refused, whole) = (work.stray, work.refused, work.whole);
        if let Some(refusal) = whole {
            run.remote.lacks_patch(Kind::Team, refusal)?;
        } else {
            return match refused.first() {
                None => Ok(members.missing + stray),
                Some(first) if refused.len() == 1 => Err(first.clone()),
                Some(first) => Err(Trouble::Unclear(format!(
                    "{} members are refused; the first: {first}",
                    refused.len()
                ))),
            };
        }
    }
    replace(run, report, &desired, (add.len(), remove.len())).await?;
    if left(run, report, &remove).await?.is_some() {
        return Err(kept());
    }
    Ok(members.missing)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Add,
    Remove,
}

/// Members on their way, batch by batch.
struct Work<'r> {
    run: &'r Run,
    report: &'r mut Report,
    members: &'r HashMap<String, (Kind, String)>,
    reports: &'r mpsc::Sender<Report>,
    /// Who is a member there, as far as known.
    known: HashSet<String>,
    /// Members that the target turned out not to have.
    stray: usize,
    /// Why single members were refused; the others go on.
    refused: Vec<Trouble>,
    /// The form in which the last members were taken out; another team may have found the other one meanwhile.
    by_value: bool,
    /// The target refuses this change in every form of PATCH: the whole team has to be sent.
    whole: Option<Trouble>,
}

impl Work<'_> {
    /// Sends members. A batch that is refused is cut in halves, down to the one that is at fault, so that neither a
    /// server's cap nor one missing member keeps the others out.
    async fn send(&mut self, ids: &[String], step: Step) -> Result<(), Trouble> {
        let mut waiting: Vec<&[String]> = ids.chunks(self.run.settings.batch).rev().collect();
        while let Some(batch) = waiting.pop() {
            if self.whole.is_some() {
                return Ok(());
            }
            let Some(team) = self.report.object.remote.clone() else {
                return Ok(());
            };
            self.by_value = self.run.remote.removes_by_value();
            match self
                .run
                .remote
                .patch(Kind::Team, &team, self.operations(batch, step))
                .await
            {
                Ok(answer) => self.done(batch, step, answer.status).await,
                Err(Trouble::Refused {
                    status: 400 | 404 | 405 | 413 | 422 | 501,
                    ..
                }) if batch.len() > 1 => {
                    let (first, second) = batch.split_at(batch.len() / 2);
                    waiting.extend([second, first]);
                }
                Err(
                    refusal @ Trouble::Refused {
                        status: 400 | 404 | 405 | 422 | 501,
                        ..
                    },
                ) => self.refused(&batch[0], step, refusal, &team).await?,
                Err(trouble) => return Err(trouble),
            }
        }
        Ok(())
    }

    /// The first removal of a run is looked at: what is answered is no proof. Whoever is there yet is removed with the
    /// whole team.
    async fn see(&mut self, removed: &[String]) -> Result<(), Trouble> {
        if removed.is_empty() || self.whole.is_some() || !self.run.remote.patches(Kind::Team) {
            return Ok(());
        }
        let Some(left) = left(self.run, self.report, removed).await? else {
            return Ok(());
        };
        self.known = left;
        self.whole = Some(kept());
        Ok(())
    }

    async fn done(&mut self, batch: &[String], step: Step, status: u16) {
        let progress = self.run.progress();
        let (action, known, count) = match step {
            Step::Add => (
                "add_members",
                KnownMembers::Added(batch.to_vec()),
                &progress.members_added,
            ),
            Step::Remove => (
                "remove_members",
                KnownMembers::Removed(batch.to_vec()),
                &progress.members_removed,
            ),
        };
        count.fetch_add(batch.len() as u64, Relaxed);
        if step == Step::Remove {
            self.known.retain(|id| !batch.contains(id));
        }
        self.report.members.push(known);
        self.report
            .tell(action, Some(status), json!({ "members": batch.len() }));
        // What is done of a large team is written down as it goes; the team stays due.
        if batch.len() == self.run.settings.batch {
            let mut so_far = self.report.clone();
            so_far.object.sent = so_far
                .object
                .sent
                .filter(|_| so_far.object.remote.is_some());
            self.report.members.clear();
            self.report.entries.clear();
            let _ = self.reports.send(so_far).await;
        }
    }

    /// One member is at fault, or the form of the change, or the team is gone.
    async fn refused(
        &mut self,
        id: &str,
        step: Step,
        refusal: Trouble,
        team: &str,
    ) -> Result<(), Trouble> {
        let removing = step == Step::Remove;
        let Some(held) = self.run.remote.get(Kind::Team, team, removing).await? else {
            self.report.object.sent = None;
            return Err(Trouble::Unclear(
                "the target does not have the team any more; it is created again with the next run"
                    .to_owned(),
            ));
        };
        if removing {
            return self.not_removed(id, refusal, team, held).await;
        }
        let Some((kind, local)) = self.members.get(id).cloned() else {
            return Ok(());
        };
        if self.run.remote.get(kind, id, false).await?.is_some() {
            match refusal {
                // Team and member are there: it is PATCH that is not.
                Trouble::Refused {
                    status: 404 | 405 | 501,
                    ..
                } if !self.run.remote.patched(Kind::Team) => {
                    self.whole = Some(refusal);
                }
                Trouble::Refused { status, detail } => self.refused.push(Trouble::Refused {
                    status,
                    detail: format!("the member {id}: {detail}"),
                }),
                other => self.refused.push(other),
            }
            return Ok(());
        }
        self.stray += 1;
        self.run.stray(kind, local);
        self.report.tell(
            "stray",
            Some(400),
            json!({ "reason": "a member is not in the target any more; it is pushed again first", "remote": id }),
        );
        Ok(())
    }

    /// A removal was refused. Whoever is no member there needs none; else it is tried in the other form.
    async fn not_removed(
        &mut self,
        id: &str,
        refusal: Trouble,
        team: &str,
        held: Map<String, Json>,
    ) -> Result<(), Trouble> {
        if self.is_out(id, &held) {
            return Ok(());
        }
        if !self.by_value {
            let one = [id.to_owned()];
            let by_value = vec![by_value(&one)];
            match self.run.remote.patch(Kind::Team, team, by_value).await {
                Ok(answer) => {
                    // A server that does not look at the value removes everybody, or nobody: the answer is no proof.
                    if let Some(held) = self.run.remote.get(Kind::Team, team, true).await? {
                        let before = self.known.clone();
                        if self.is_out(id, &held) {
                            if self.known.len() + 1 >= before.len() {
                                self.run.remote.remove_by_value();
                            }
                            self.done(&one, Step::Remove, answer.status).await;
                            return Ok(());
                        }
                    }
                }
                Err(Trouble::Refused { .. }) => {}
                Err(trouble) => return Err(trouble),
            }
        }
        self.whole = Some(refusal);
        Ok(())
    }

    /// Whether the target shows the team's members, and this is none of them. What it shows is remembered.
    fn is_out(&mut self, id: &str, held: &Map<String, Json>) -> bool {
        if field(held, "members").is_none() {
            return false;
        }
        self.known = ids(held);
        self.report
            .members
            .push(KnownMembers::Are(sorted(&self.known)));
        !self.known.contains(id)
    }

    fn operations(&self, batch: &[String], step: Step) -> Vec<Json> {
        match step {
            Step::Add => vec![json!({ "op": "add", "path": "members", "value": values(batch) })],
            Step::Remove if self.by_value => vec![by_value(batch)],
            Step::Remove => batch
                .iter()
                .map(|id| {
                    let filter = scim_client::Filter::eq("value", id.as_str());
                    json!({ "op": "remove", "path": format!("members[{filter}]") })
                })
                .collect(),
        }
    }
}

/// Members the target has, where it has one of those whose removal it answered; `None` where it has none of them, or where
/// that was looked at already in this run or cannot be seen.
async fn left(
    run: &Run,
    report: &mut Report,
    removed: &[String],
) -> Result<Option<HashSet<String>>, Trouble> {
    let Some(id) = &report.object.remote else {
        return Ok(None);
    };
    if removed.is_empty() || run.remote.removals_seen() {
        return Ok(None);
    }
    let held = run.remote.get(Kind::Team, id, true).await?;
    let held = held.unwrap_or_default();
    let members = ids(&held);
    if !removed.iter().any(|id| members.contains(id)) {
        run.remote.see_removals();
        return Ok(None);
    }
    report.members.push(KnownMembers::Are(sorted(&members)));
    Ok(Some(members))
}

fn kept() -> Trouble {
    Trouble::Unclear(
        "the target answered that members were removed, and has them as before".to_owned(),
    )
}

/// The form of Entra ID, for targets that take no filter in a path.
fn by_value(batch: &[String]) -> Json {
    json!({ "op": "remove", "path": "members", "value": values(batch) })
}

/// The whole team, for a target without PATCH.
async fn replace(
    run: &Run,
    report: &mut Report,
    desired: &HashSet<String>,
    (added, removed): (usize, usize),
) -> Result<(), Trouble> {
    let Some(id) = report.object.remote.clone() else {
        return Ok(());
    };
    let mut whole = plan::Difference::default();
    whole.set.insert("members".into(), values(&sorted(desired)));
    let Some(sent) = send_whole(run, Kind::Team, &id, &whole).await? else {
        report.object.sent = None;
        return Err(Trouble::Unclear(
            "the target does not have the team any more; it is created again with the next run"
                .to_owned(),
        ));
    };
    let status = sent.status;
    let shown = ids(&sent.shown);
    if field(&sent.shown, "members").is_some() && shown != *desired {
        report.members.push(KnownMembers::Are(sorted(&shown)));
        return Err(Trouble::Unclear(format!(
            "the target answered {status} to a PUT with the team's {} members and shows {}, {} of which are to be there: it \
             takes no members this way. If it takes PATCH, say so with `--writes patch`; else set them there by hand",
            desired.len(),
            shown.len(),
            shown.intersection(desired).count()
        )));
    }
    run.progress()
        .members_added
        .fetch_add(added as u64, Relaxed);
    run.progress()
        .members_removed
        .fetch_add(removed as u64, Relaxed);
    report.members.push(KnownMembers::Are(sorted(desired)));
    report.tell(
        "replace_members",
        Some(status),
        json!({ "added": added, "removed": removed }),
    );
    Ok(())
}

fn values(ids: &[String]) -> Json {
    ids.iter().map(|id| json!({ "value": id })).collect()
}

/// Members of a team as the target holds it.
pub(super) fn ids(held: &Map<String, Json>) -> HashSet<String> {
    let members = field(held, "members")
        .and_then(Json::as_array)
        .into_iter()
        .flatten();
    let ids = members.filter_map(|member| match field(member.as_object()?, "value")? {
        Value::String(id) => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    });
    ids.collect()
}

fn sorted(ids: &HashSet<String>) -> Vec<String> {
    let mut ids: Vec<String> = ids.iter().cloned().collect();
    ids.sort_unstable();
    ids
}
