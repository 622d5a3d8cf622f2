//! `/targets/{tenant}/{target}`: one target's settings beside its state and log; and its preview.

use askama::Template;
use axum::response::Response;
use provisor_store::{Tenant, target::Target};

use super::{Sight, act, named, path, settings, state::Look};
use crate::{
    console::{Action, Problem, eyes::Eyes, layout::Layout, moment::Moment, visit::Visit},
    outbound::{
        TargetSettings,
        preview::{Step, preview},
        settings::Deprovision,
        view,
    },
};

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
    compared: Option<Moment>,
    pushes: String,
    auth: String,
    rules: Vec<String>,
    eyes: Eyes,
    /// How it is, and its log.
    part: String,
    /// Where that is told live.
    live: Option<String>,
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

    fn text(&self, text: &str) -> String {
        self.eyes.text(text)
    }
}

/// The page.
pub(in crate::console) async fn show(visit: Visit) -> Result<Response, Problem> {
    let now = visit.now();
    let (tenant, target) = named(&visit).await?;
    let settings = settings(&target)?;
    let path = path(&tenant.key, target.id);
    let look = Look::new(&visit, (tenant.id, target.id), path.clone());
    let part = {
        let mut snapshot = visit.read().await?;
        look.part(snapshot.as_mut(), now).await?
    };
    // Older lines do not change.
    let is_first = visit.query.given("after").is_none();
    let failed = visit.query.given("failed").map(|_| "?failed=on");
    visit.page(&Page {
        layout: visit.layout(&target.name, Some(&tenant)),
        state: view::state(&target),
        compared: (target.compared > target.created).then(|| Moment::new(target.compared, now)),
        pushes: view::pushes(&settings),
        auth: view::auth(&settings.auth),
        eyes: Eyes::of(&visit.viewer),
        rules: settings
            .rules
            .iter()
            .map(crate::outbound::mapping::Rule::to_text)
            .collect(),
        live: is_first.then(|| format!("/live{path}{}", failed.unwrap_or_default())),
        part,
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
    let sight = Sight::new(Eyes::of(&visit.viewer), &target);
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
        layout: visit.layout("Preview", Some(&tenant)),
        path: path(&tenant.key, target.id),
        tenant,
        target,
        steps,
        counts,
        total,
        sight,
    })
}
