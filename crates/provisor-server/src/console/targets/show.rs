//! `/targets/{tenant}/{target}`: one target's state, settings and log; and its preview.

use askama::Template;
use axum::response::Response;
use provisor_store::{
    Tenant,
    target::{EntryQuery, Target, TargetCounts},
};

use super::{Line, Sight, act, named, path};
use crate::{
    console::{
        Action, Problem,
        layout::{Layout, Pager},
        moment::Moment,
        visit::Visit,
    },
    outbound::{
        TargetSettings,
        preview::{Step, preview},
        settings::{Deprovision, SourceKind},
        view,
    },
};

/// Lines of a page of the log.
const LINES: usize = 50;
/// Steps that a preview shows.
const STEPS: usize = 200;

#[derive(Template)]
#[template(path = "targets/show.html")]
struct Page {
    layout: Layout,
    tenant: Tenant,
    target: Target,
    settings: TargetSettings,
    path: String,
    state: &'static str,
    outcome: String,
    ran: Option<Moment>,
    compared: Option<Moment>,
    counts: TargetCounts,
    pushes: String,
    auth: String,
    rules: Vec<String>,
    lines: Vec<Line>,
    only_failed: bool,
    pager: Pager,
    may_change: bool,
}

impl Page {
    fn leavers(&self) -> &'static str {
        match (self.settings.deactivate, self.settings.deprovision) {
            (false, _) => "stay as they are",
            (true, Deprovision::Deactivate) => "are made inactive",
            (true, Deprovision::Delete) => "are deleted",
        }
    }

    fn is_fed_from_files(&self) -> bool {
        self.settings.source == SourceKind::Files
    }
}

fn settings(target: &Target) -> Result<TargetSettings, Problem> {
    TargetSettings::of(target).map_err(|error| Problem::internal(&error))
}

/// The page.
pub(in crate::console) async fn show(visit: Visit) -> Result<Response, Problem> {
    let now = visit.now();
    let (tenant, target) = named(&visit).await?;
    let settings = settings(&target)?;
    let place = (tenant.id, target.id);
    let only_failed = visit.query.given("failed").is_some();
    let query = EntryQuery {
        failed: only_failed,
        before: visit.query.get("after").parse().ok(),
        limit: LINES + 1,
        ..EntryQuery::default()
    };
    let mut snapshot = visit.read().await?;
    let mut entries = snapshot.target_log(place, &query).await?;
    let counts = snapshot.target_counts(place).await?;
    drop(snapshot);
    let more = entries.len() > LINES;
    entries.truncate(LINES);
    let next = entries
        .last()
        .filter(|_| more)
        .map(|entry| entry.n.to_string());
    let sight = Sight::new(&visit, &settings);
    let path = path(&tenant.key, target.id);
    let lines = entries
        .iter()
        .map(|entry| Line::new(entry, &path, sight, now));
    visit.page(&Page {
        layout: visit.layout(&target.name),
        state: view::state(&target),
        outcome: view::outcome(&target).to_owned(),
        ran: (target.ran > 0).then(|| Moment::new(target.ran, now)),
        compared: (target.compared > target.created).then(|| Moment::new(target.compared, now)),
        counts,
        pushes: view::pushes(&settings),
        auth: view::auth(&settings.auth),
        rules: settings
            .rules
            .iter()
            .map(crate::outbound::mapping::Rule::to_text)
            .collect(),
        lines: lines.collect(),
        only_failed,
        pager: Pager::new(&path, &visit.query, next.as_deref()),
        may_change: visit.viewer.may(Action::ChangeTargets),
        tenant,
        target,
        settings,
        path,
    })
}

#[derive(Template)]
#[template(path = "targets/preview.html")]
struct PreviewPage {
    layout: Layout,
    tenant: Tenant,
    target: Target,
    path: String,
    steps: Vec<Step>,
    counts: Vec<(&'static str, usize)>,
    total: usize,
    sight: Sight,
}

impl PreviewPage {
    fn name(&self, step: &Step) -> String {
        self.sight.name(step.kind, &step.local, &step.label)
    }
}

/// What a run would do; nothing is sent.
pub(in crate::console) async fn show_preview(visit: Visit) -> Result<Response, Problem> {
    let (tenant, target) = named(&visit).await?;
    let sight = Sight::new(&visit, &settings(&target)?);
    let wish = act::wish(&visit);
    let mut steps = preview(&target, &wish)
        .await
        .map_err(|stopped| act::problem(&stopped))?;
    let mut counts: Vec<(&'static str, usize)> = Vec::new();
    for step in &steps {
        match counts.iter_mut().find(|(action, _)| *action == step.action) {
            Some((_, count)) => *count += 1,
            None => counts.push((step.action, 1)),
        }
    }
    let total = steps.len();
    steps.truncate(STEPS);
    visit.page(&PreviewPage {
        layout: visit.layout("Preview"),
        path: path(&tenant.key, target.id),
        tenant,
        target,
        steps,
        counts,
        total,
        sight,
    })
}
