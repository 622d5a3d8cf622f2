//! The members of one team in the target, batch by batch, or with the whole team.

use std::{
    collections::{HashMap, HashSet},
    sync::atomic::Ordering::Relaxed,
};

use provisor_store::target::{Kind, KnownMembers, Report};
use scim::{Map, Value};
use serde_json::json;
use tokio::sync::mpsc;

use super::{sorted, values};
use crate::outbound::{
    plan::{self, Difference},
    remote::member_ids,
    run::Run,
    trouble::Trouble,
    update::send_whole,
};

/// Brings the members in step, and gives how many of them the target turned out not to have.
pub(super) async fn push(
    run: &Run,
    report: &mut Report,
    members: &HashMap<String, (Kind, String)>,
    known: HashSet<String>,
    reports: &mpsc::Sender<Report>,
) -> Result<usize, Trouble> {
    let desired: HashSet<String> = members.keys().cloned().collect();
    let (mut add, remove) = plan::members(&desired, &known);
    if add.is_empty() && remove.is_empty() {
        return Ok(0);
    }
    // Who keeps members that were removed by PATCH is not asked that way again, where there is another one.
    let is_in_vain = !remove.is_empty() && run.remote.keeps_removed() && run.remote.may_put();
    if run.remote.patches(Kind::Team) && !is_in_vain {
        let mut work = Work {
            run,
            report,
            members,
            reports,
            known,
            added: false,
            stray: 0,
            refused: Vec::new(),
            by_value: false,
            whole: None,
        };
        work.send(&remove, Step::Remove).await?;
        work.look(&remove).await?;
        // Removing may have shown who is there.
        add = plan::members(&desired, &work.known).0;
        work.send(&add, Step::Add).await?;
        let (stray, refused, whole) = (work.stray, work.refused, work.whole);
        if let Some(refusal) = whole {
            run.remote.lacks_patch(Kind::Team, refusal)?;
        } else {
            return match refused.first() {
                None => Ok(stray),
                Some(first) if refused.len() == 1 => Err(first.clone()),
                Some(first) => Err(Trouble::Unclear(format!(
                    "{} members are refused; the first: {first}",
                    refused.len()
                ))),
            };
        }
    }
    replace(run, report, &desired, (add.len(), remove.len())).await?;
    match left(run, report, &remove).await? {
        Some(_) => Err(members_stayed()),
        None => Ok(0),
    }
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
    /// Members were added: what is refused then is of one of them.
    added: bool,
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
    async fn look(&mut self, removed: &[String]) -> Result<(), Trouble> {
        if removed.is_empty() || self.whole.is_some() || !self.run.remote.patches(Kind::Team) {
            return Ok(());
        }
        if self.run.remote.trusts_removals() {
            return Ok(());
        }
        let left = left(self.run, self.report, removed).await?;
        self.run.remote.looked_at_removal(left.is_none());
        let Some(left) = left else {
            return Ok(());
        };
        self.known = left;
        self.whole = Some(members_stayed());
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
        self.added |= step == Step::Add;
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
            return Err(team_gone(self.report));
        };
        if removing {
            return self.not_removed(id, refusal, team, held).await;
        }
        let Some((kind, local)) = self.members.get(id).cloned() else {
            return Ok(());
        };
        if self.run.remote.get(kind, id, false).await?.is_some() {
            match refusal {
                // Team and member are there: it is PATCH that is not, or not for members.
                Trouble::Refused {
                    status: 405 | 501, ..
                } if !self.added => self.whole = Some(refusal),
                Trouble::Refused { status: 404, .. } if !self.run.remote.patched(Kind::Team) => {
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
        held: Map<String, Value>,
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
    fn is_out(&mut self, id: &str, held: &Map<String, Value>) -> bool {
        let known = self.known.len().max(1);
        let Some(shown) = self.run.remote.members(held, known) else {
            return false;
        };
        self.report.members.push(KnownMembers::Are(sorted(&shown)));
        self.known = shown;
        !self.known.contains(id)
    }

    fn operations(&self, batch: &[String], step: Step) -> Vec<Value> {
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
/// that cannot be seen.
async fn left(
    run: &Run,
    report: &mut Report,
    removed: &[String],
) -> Result<Option<HashSet<String>>, Trouble> {
    let Some(id) = &report.object.remote else {
        return Ok(None);
    };
    if removed.is_empty() {
        return Ok(None);
    }
    let held = run.remote.get(Kind::Team, id, true).await?;
    let members = held.and_then(|held| member_ids(&held)).unwrap_or_default();
    if !removed.iter().any(|id| members.contains(id)) {
        return Ok(None);
    }
    report.members.push(KnownMembers::Are(sorted(&members)));
    Ok(Some(members))
}

fn team_gone(report: &mut Report) -> Trouble {
    report.object.sent = None;
    Trouble::Unclear(
        "the target does not have the team any more; it is created again with the next run"
            .to_owned(),
    )
}

fn members_stayed() -> Trouble {
    Trouble::Unclear(
        "the target answered that members were removed, and has them as before".to_owned(),
    )
}

/// The form of Entra ID, for targets that take no filter in a path.
fn by_value(batch: &[String]) -> Value {
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
    let mut whole = Difference::default();
    whole.set.insert("members".into(), values(&sorted(desired)));
    let Some(sent) = send_whole(run, Kind::Team, &id, &whole).await? else {
        return Err(team_gone(report));
    };
    let status = sent.status;
    let mut shown = member_ids(&sent.shown).filter(|shown| shown != desired);
    if shown.is_some() {
        // The answer may show fewer than there are.
        let held = run.remote.get(Kind::Team, &id, true).await?;
        shown = held
            .and_then(|held| member_ids(&held))
            .filter(|shown| shown != desired);
    }
    if let Some(shown) = shown {
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
