//! `/simulator/{number}`: one simulation, while it runs and after.

use std::sync::Arc;

use askama::Template;
use axum::response::Response;
use provisor_store::{Change, Tenant, TenantState, change::SimulationChange};
use scim_client::simulator::{Comparison, Failure};

use super::{command, fields, is_seen, may_start, path};
use crate::{
    console::{
        Problem,
        eyes::Eyes,
        layout::{Flash, Layout},
        moment::Moment,
        visit::Visit,
    },
    simulations::{End, Seen, Simulation},
};

#[derive(Template)]
#[template(path = "simulator/show.html")]
struct Page {
    layout: Layout,
    simulation: Arc<Simulation>,
    path: String,
    again: String,
    command: String,
    person: String,
    began: Moment,
    is_running: bool,
    /// The tenant, unless it was cleared.
    tenant: Option<Tenant>,
    may_start: bool,
    is_masked: bool,
    progress: Progress,
    found: Found,
}

/// What was done, and what is.
#[derive(Template)]
#[template(path = "simulator/progress.html")]
struct Progress {
    seen: Seen,
    left_out: Vec<(String, u64)>,
}

impl Progress {
    fn new(simulation: &Simulation, seen: Seen) -> Self {
        let provider = simulation.plan.provider;
        let never = provider.left_out().into_iter();
        let mut left_out: Vec<(String, u64)> = never.map(|says| (says.to_owned(), 0)).collect();
        for (says, count) in &seen.report.skipped {
            match left_out.iter_mut().find(|(known, _)| known == says) {
                Some((_, known)) => *known = *count,
                None => left_out.push(((*says).to_owned(), *count)),
            }
        }
        Self { seen, left_out }
    }

    fn comparison(&self) -> Option<&Comparison> {
        match &self.seen.end {
            Some(End::Compared(comparison)) => Some(comparison),
            _ => None,
        }
    }

    fn differences(&self) -> u64 {
        self.comparison().map_or(0, |found| found.differences)
    }

    fn is_good(&self) -> bool {
        self.comparison().is_some() && self.differences() == 0 && self.seen.report.failed == 0
    }

    fn unread(&self) -> Option<&str> {
        match &self.seen.end {
            Some(End::Unread(why)) => Some(why),
            _ => None,
        }
    }

    /// Why it was stopped, unless somebody did.
    fn lost(&self) -> Option<&str> {
        match self.seen.end {
            Some(End::Stopped(why)) => why,
            _ => None,
        }
    }

    /// `201 × 120, no answer × 3`
    fn statuses(&self) -> String {
        let statuses = self.seen.report.statuses.iter();
        let statuses = statuses.map(|(status, count)| match status {
            0 => format!("no answer × {count}"),
            status => format!("{status} × {count}"),
        });
        statuses.collect::<Vec<_>>().join(", ")
    }

    /// What went wrong on purpose, with how often.
    fn troubles(&self) -> Vec<(String, u64)> {
        let report = &self.seen.report;
        let faults = report.faults.iter().map(|(says, count)| {
            let is_status = says.starts_with(|c: char| c.is_ascii_digit());
            let begin = if is_status { "answered " } else { "" };
            (format!("{begin}{says}"), *count)
        });
        let mut troubles: Vec<_> = faults.collect();
        if report.refused_twins > 0 {
            troubles.push((
                "somebody created twice: refused with 409, as it must be".to_owned(),
                report.refused_twins,
            ));
        }
        troubles
    }
}

/// What failed, and what the comparison found.
#[derive(Template)]
#[template(path = "simulator/found.html")]
struct Found {
    failures: Vec<Failed>,
    more_failures: u64,
    differences: Vec<String>,
    more_differences: u64,
    is_masked: bool,
}

/// A change that did not arrive, as the page tells it.
struct Failed {
    what: String,
    request: String,
    status: String,
    detail: String,
    /// In the sync log.
    link: Option<String>,
}

impl Failed {
    /// Names are hidden as everywhere, although they are made up: nobody is to learn which pages show them.
    fn new(failure: &Failure, is_masked: bool) -> Self {
        let status = match (failure.status, &failure.scim_type) {
            (Some(status), Some(kind)) => format!("{status} {kind}"),
            (Some(status), None) => status.to_string(),
            (None, _) => "no answer".to_owned(),
        };
        let (what, request, detail) = match is_masked {
            true => (
                failure.kind.says.to_owned(),
                failure.kind.sends.to_owned(),
                "hidden from your role".to_owned(),
            ),
            false => (
                failure.what.clone(),
                failure.request.clone(),
                failure.detail.clone(),
            ),
        };
        Self {
            what,
            request,
            status,
            detail,
            link: failure.request_id.as_ref().map(|id| format!("/log/{id}")),
        }
    }
}

impl Found {
    fn new(seen: &Seen, is_masked: bool) -> Self {
        let report = &seen.report;
        let failures = report.failures.iter();
        let (kept, differences) = match &seen.end {
            Some(End::Compared(found)) => (found.kept.as_slice(), found.differences),
            _ => (&[][..], 0),
        };
        let shown = if is_masked { &[][..] } else { kept };
        Self {
            failures: failures
                .map(|failure| Failed::new(failure, is_masked))
                .collect(),
            more_failures: report.failed - report.failures.len() as u64,
            differences: shown.to_vec(),
            more_differences: differences - shown.len() as u64,
            is_masked,
        }
    }
}

/// The simulation that the path names, if the viewer sees its tenant.
fn named(visit: &Visit) -> Result<Arc<Simulation>, Problem> {
    let number = visit.parameter("simulation").parse().ok();
    let found = number.and_then(|number| visit.console.simulations.find(number));
    found
        .filter(|simulation| is_seen(visit, simulation))
        .ok_or_else(|| {
            Problem::new(
                axum::http::StatusCode::NOT_FOUND,
                "There is no such simulation",
                "The last ten since the server's start are kept, for who sees their tenants.",
                "Start it again: the same seed is the same company. What it did is in the sync log.",
            )
        })
}

/// The page.
pub(in crate::console) async fn show(visit: Visit) -> Result<Response, Problem> {
    let simulation = named(&visit)?;
    let tenant = visit
        .read()
        .await?
        .tenant_by_id(simulation.tenant.id)
        .await?;
    let tenant = tenant.filter(|tenant| tenant.state != TenantState::Deleting);
    let eyes = Eyes::of(&visit.viewer);
    let is_masked = eyes.are_masked();
    let plan = &simulation.plan;
    let again = fields(plan).with("pace", plan.pace.name());
    let seen = simulation.now();
    visit.page(&Page {
        layout: visit.layout(
            &format!("Simulation {}", simulation.number),
            tenant.as_ref(),
        ),
        path: path(simulation.number),
        again: format!("/simulator?{again}"),
        command: command(plan),
        person: eyes.word(&simulation.person),
        began: Moment::new(simulation.began, visit.now()),
        is_running: seen.end.is_none(),
        tenant,
        may_start: may_start(&visit),
        is_masked,
        found: Found::new(&seen, is_masked),
        progress: Progress::new(&simulation, seen),
        simulation,
    })
}

/// A part of the page again and again.
pub(in crate::console) async fn live(visit: Visit) -> Result<Response, Problem> {
    let simulation = named(&visit)?;
    let is_masked = Eyes::of(&visit.viewer).are_masked();
    let is_progress = match visit.parameter("part") {
        "progress" => true,
        "found" => false,
        _ => return Err(Problem::missing("part of the page")),
    };
    visit.live(move |_, _| {
        let seen = simulation.now();
        let html = match is_progress {
            true => Progress::new(&simulation, seen).render(),
            false => Found::new(&seen, is_masked).render(),
        };
        std::future::ready(html.map_err(|error| Problem::internal(&error)))
    })
}

/// Stops it.
pub(in crate::console) async fn stop(visit: Visit) -> Result<Response, Problem> {
    let simulation = named(&visit)?;
    if !may_start(&visit) {
        return Err(Problem::forbidden(visit.viewer.person.role.as_str()));
    }
    let done = match simulation.is_running() {
        true => {
            let change = Change::Simulation(SimulationChange::Stop);
            visit.write(simulation.tenant.id, change).await?;
            simulation.stop();
            "It is stopped, after the changes that are under way."
        }
        false => "It had ended already.",
    };
    Ok(visit.go(&path(simulation.number), Some(Flash::done(done))))
}
