//! `/targets`: where users and teams are pushed to, and how each target is.

pub(super) mod act;
pub(super) mod edit;
pub(super) mod object;
pub(super) mod show;
pub(super) mod state;

use std::collections::{HashMap, hash_map::Entry};

use askama::Template;
use axum::response::Response;
use provisor_store::{
    Snapshot, TargetId, Tenant, TenantId, TenantState,
    target::{Kind, Target, TargetCounts, TargetEntry},
};

use super::{
    Action, Problem,
    eyes::Eyes,
    layout::{Layout, Pager},
    moment::Moment,
    visit::Visit,
};
use crate::outbound::{TargetSettings, view};

/// Targets of a page.
const PAGE: usize = 50;

/// A target as lists show it.
struct Row {
    path: String,
    tenant: String,
    target: Target,
    counts: TargetCounts,
    state: &'static str,
    ran: Option<Moment>,
}

impl Row {
    fn url(&self) -> &str {
        self.target.settings["url"].as_str().unwrap_or_default()
    }

    fn is_troubled(&self) -> bool {
        self.counts.troubled != [0, 0] || !self.target.outcome.is_empty()
    }
}

#[derive(Template)]
#[template(path = "targets/list.html")]
struct Page {
    layout: Layout,
    rows: Vec<Row>,
    pager: Pager,
    may_change: bool,
}

/// The list.
pub(super) async fn list(visit: Visit) -> Result<Response, Problem> {
    let now = visit.now();
    let mut rows = Vec::new();
    let mut snapshot = visit.read().await?;
    let mut found = seen(&visit, snapshot.as_mut()).await?;
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let next = found.last().filter(|_| more);
    let next = next.map(|(tenant, target)| place(tenant, target));
    for (tenant, target) in found {
        rows.push(Row {
            path: path(&tenant.key, target.id),
            tenant: tenant.name.clone(),
            counts: snapshot.target_counts((tenant.id, target.id)).await?,
            state: view::state(&target),
            ran: (target.ran > 0).then(|| Moment::new(target.ran, now)),
            target,
        });
    }
    drop(snapshot);
    visit.page(&Page {
        layout: visit.layout("Targets", None),
        rows,
        pager: Pager::new("/targets", &visit.query, next.as_deref()),
        may_change: visit.viewer.may(Action::ChangeTargets),
    })
}

/// Where a target stands in the list; neither keys nor names have a slash.
fn place(tenant: &Tenant, target: &Target) -> String {
    format!("{}/{}", tenant.key, target.name)
}

/// The targets of all tenants that the viewer sees, by tenant and name, after the place that is asked for.
async fn seen(
    visit: &Visit,
    snapshot: &mut dyn Snapshot,
) -> Result<Vec<(Tenant, Target)>, Problem> {
    let targets = match visit.viewer.tenants() {
        None => snapshot.targets(None).await?,
        Some(ids) => {
            let mut own = Vec::new();
            for id in ids {
                own.extend(snapshot.targets(Some(*id)).await?);
            }
            own
        }
    };
    let mut tenants: HashMap<TenantId, Option<Tenant>> = HashMap::new();
    let mut found = Vec::new();
    for target in targets {
        let tenant = match tenants.entry(target.tenant) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                let tenant = snapshot.tenant_by_id(target.tenant).await?;
                unknown.insert(tenant.filter(|tenant| tenant.state != TenantState::Deleting))
            }
        };
        found.extend(tenant.clone().map(|tenant| (tenant, target)));
    }
    let after = visit.query.get("after").split_once('/');
    let name = |tenant: &Tenant, target: &Target| (tenant.key.clone(), target.name.clone());
    found.retain(|(tenant, target)| {
        after.is_none_or(|(key, of)| name(tenant, target) > (key.to_owned(), of.to_owned()))
    });
    found.sort_by_key(|(tenant, target)| name(tenant, target));
    Ok(found)
}

/// A target's page.
fn path(key: &str, id: TargetId) -> String {
    format!("/targets/{key}/{id}")
}

/// The tenant and the target that the path names, if the viewer may know of them.
async fn named(visit: &Visit) -> Result<(Tenant, Target), Problem> {
    let missing = || Problem::missing("target");
    let tenant = visit.tenant(visit.parameter("tenant")).await?;
    let id = visit.parameter("target").parse().map(TargetId);
    let id = id.map_err(|_| missing())?;
    let targets = visit.read().await?.targets(Some(tenant.id)).await?;
    let found = targets.into_iter().find(|known| known.id == id);
    found.map(|target| (tenant, target)).ok_or_else(missing)
}

fn settings(target: &Target) -> Result<TargetSettings, Problem> {
    TargetSettings::of(target).map_err(|error| Problem::internal(&error))
}

/// How a viewer sees whom a target's log tells of.
#[derive(Clone, Copy)]
struct Sight {
    eyes: Eyes,
    /// Users are known by what files call them, which may be a name; those of a directory by a number.
    keys_are_names: bool,
}

impl Sight {
    fn new(eyes: Eyes, target: &Target) -> Self {
        Self {
            eyes,
            keys_are_names: target.is_fed_from_files(),
        }
    }

    fn hides(self, kind: Kind) -> bool {
        self.eyes.are_masked() && kind == Kind::User
    }

    /// The target as it may be seen: how its last run ended may be told in the target's words, with names in them.
    fn target(self, target: &Target) -> Target {
        let mut target = target.clone();
        if self.eyes.are_masked() && !target.outcome.is_empty() {
            "why is hidden from your role, since the target's words may be in it"
                .clone_into(&mut target.outcome);
        }
        target
    }

    /// An id in the target, which may be a name there.
    fn remote(self, kind: Kind, remote: &str) -> String {
        match self.hides(kind) {
            true => self.eyes.word(remote),
            false => remote.to_owned(),
        }
    }

    fn hides_keys(self, kind: Kind) -> bool {
        self.hides(kind) && self.keys_are_names
    }

    /// What it is called; its id where names may not be seen.
    fn name(self, kind: Kind, local: &str, label: &str) -> String {
        match self.hides(kind) || label.is_empty() {
            true => self.key(kind, local),
            false => label.to_owned(),
        }
    }

    /// Its id in the source.
    fn key(self, kind: Kind, local: &str) -> String {
        match self.hides_keys(kind) {
            true => self.eyes.word(local),
            false => local.to_owned(),
        }
    }
}

/// A line of a target's log as pages show it.
struct Line {
    at: Moment,
    action: String,
    ok: bool,
    /// Who or what; the id where names may not be seen.
    name: String,
    /// The page about it; empty for the run itself, and where its address would say who it is.
    link: String,
    status: String,
    words: String,
}

impl Line {
    fn new(entry: &TargetEntry, path: &str, sight: Sight, now: i64) -> Self {
        let is_run = entry.kind == Kind::Run;
        Self {
            at: Moment::new(entry.at, now),
            action: entry.action.replace('_', " "),
            ok: entry.ok,
            name: match is_run {
                true => "the whole run".to_owned(),
                false => sight.name(entry.kind, &entry.local, &entry.label),
            },
            link: match is_run || sight.hides_keys(entry.kind) {
                true => String::new(),
                false => {
                    let local: String =
                        form_urlencoded::byte_serialize(entry.local.as_bytes()).collect();
                    format!("{path}/object?kind={}&id={local}", entry.kind.as_str())
                }
            },
            status: entry
                .status
                .map(|status| status.to_string())
                .unwrap_or_default(),
            // The target's own words may name people.
            words: match sight.eyes.are_masked() && !entry.ok {
                true => "hidden from your role".to_owned(),
                false => view::words(&entry.detail),
            },
        }
    }
}
