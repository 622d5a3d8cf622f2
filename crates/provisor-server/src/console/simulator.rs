//! `/simulator`: a made-up company is let into a tenant of its own, as an identity provider would bring it in.

pub(super) mod show;

use askama::Template;
use axum::{http::StatusCode, response::Response};
use provisor_store::{
    Change, Outcome, PlainToken, Tenant, TenantId, TokenId, TokenKind,
    change::{ConnectionSettings, NewToken, SimulationChange},
};
use scim_client::simulator::{Pace, Plan, Provider, Scenario};
use serde_json::json;

use super::{
    Action, Problem, connections::show::SCOPES, eyes::Eyes, fields::Fields, layout::Layout,
    moment::DAY, moment::Moment, visit::Visit,
};
use crate::{
    new_connection,
    simulations::{End, NotReady, Order, Seen, Simulation},
};

/// The most that a page begins; the command does more.
const PEOPLE: u32 = 10_000;
const TEAMS: u32 = 500;

#[derive(Template)]
#[template(path = "simulator/list.html")]
struct Page {
    layout: Layout,
    rows: Vec<Row>,
    sees_all: bool,
    may_start: bool,
    asked: Asked,
    command: String,
    error: Option<String>,
}

/// What the form asks for, as it was sent or as it begins.
struct Asked {
    sent: Fields,
    first: Fields,
}

impl Asked {
    fn new(sent: &Fields) -> Self {
        Self {
            sent: sent.clone(),
            first: fields(&first()),
        }
    }

    fn value(&self, name: &str) -> &str {
        // An empty field that was sent stays empty, to be complained of.
        match self.sent.all(name).next() {
            Some(sent) => sent.trim(),
            None => self.first.get(name),
        }
    }

    fn is(&self, name: &str, value: &str) -> bool {
        self.value(name) == value
    }

    fn plan(&self) -> Result<Plan, String> {
        let provider = Provider::named(self.value("provider"))
            .ok_or("Choose one of the identity providers.")?;
        let scenario =
            Scenario::named(self.value("scenario")).ok_or("Choose one of the scenarios.")?;
        let pace = Pace::named(self.value("pace")).ok_or("Choose one of the paces.")?;
        let seed = self.value("seed");
        let seed = seed
            .parse()
            .map_err(|_| format!("“{seed}” is no seed. Write a whole number like 42."))?;
        Ok(Plan {
            scenario,
            users: self.count("people", 1, PEOPLE)?,
            teams: self.count("teams", 0, TEAMS)?,
            seed,
            pace,
            ..Plan::new(provider)
        })
    }

    fn count(&self, name: &str, least: u32, most: u32) -> Result<u32, String> {
        let text = self.value(name);
        let count = text.parse().ok();
        count
            .filter(|count| (least..=most).contains(count))
            .ok_or_else(|| {
                format!(
                    "“{text}” is no number of {name} that a page begins. Write one from {least} to {most}; the command below takes more."
                )
            })
    }
}

/// What the form begins with.
fn first() -> Plan {
    Plan {
        scenario: Scenario::JoinerMoverLeaver,
        ..Plan::new(Provider::Okta)
    }
}

/// A plan as the form sends it.
fn fields(plan: &Plan) -> Fields {
    Fields::default()
        .set("provider", plan.provider.name())
        .set("scenario", plan.scenario.name())
        .set("people", &plan.users.to_string())
        .set("teams", &plan.teams.to_string())
        .set("seed", &plan.seed.to_string())
        .set("pace", plan.pace.name())
}

/// A simulation of the list.
struct Row {
    path: String,
    title: &'static str,
    scenario: &'static str,
    tenant: String,
    people: u32,
    teams: u32,
    state: State,
    began: Moment,
    person: String,
}

/// How a simulation is, in a few words.
struct State {
    class: &'static str,
    words: String,
}

impl State {
    fn of(seen: &Seen) -> Self {
        let failed = seen.report.failed;
        let (class, words) = match &seen.end {
            None => ("tag--info", "running".to_owned()),
            Some(End::Stopped(_)) => ("", "stopped".to_owned()),
            Some(End::Unread(_)) => ("tag--err", "not read back".to_owned()),
            Some(End::Compared(found)) => match (failed, found.differences) {
                (0, 0) => ("tag--ok", "as it should be".to_owned()),
                (failed, differences) => {
                    ("tag--err", format!("{failed} failed, {differences} differ"))
                }
            },
        };
        Self { class, words }
    }
}

/// Whether the viewer sees a simulation: whoever sees its tenant does.
fn is_seen(visit: &Visit, simulation: &Simulation) -> bool {
    visit.viewer.person.covers(simulation.tenant.id)
}

/// Tenants come by who has all of them, and so do simulations.
pub(super) fn may_start(visit: &Visit) -> bool {
    visit.viewer.may_in_all_tenants(Action::Simulate)
}

/// The same simulation against any server, at a terminal.
fn command(plan: &Plan) -> String {
    let rounds = match plan.pace {
        Pace::Real => " --rounds 3",
        Pace::Fast => "",
    };
    format!(
        "provisor simulate {} --target URL --token-file FILE --users {} --teams {} --seed {} --scenario {} --pace {}{rounds} --assert",
        plan.provider.name(),
        plan.users,
        plan.teams,
        plan.seed,
        plan.scenario.name(),
        plan.pace.name(),
    )
}

/// The form, and the simulations since the server's start.
pub(super) async fn list(visit: Visit) -> Result<Response, Problem> {
    visit.page(&page(&visit, Asked::new(&visit.query), None))
}

fn page(visit: &Visit, asked: Asked, error: Option<String>) -> Page {
    let eyes = Eyes::of(&visit.viewer);
    let all = visit.console.simulations.all();
    let rows = all.iter().filter(|one| is_seen(visit, one)).map(|one| Row {
        path: path(one.number),
        title: one.plan.provider.title(),
        scenario: one.plan.scenario.name(),
        tenant: one.tenant.key.clone(),
        people: one.plan.users,
        teams: one.plan.teams,
        state: State::of(&one.now()),
        began: Moment::new(one.began, visit.now()),
        person: eyes.word(&one.person),
    });
    Page {
        layout: visit.layout("Simulator", None),
        rows: rows.collect(),
        sees_all: visit.viewer.tenants().is_none(),
        may_start: may_start(visit),
        command: command(&asked.plan().unwrap_or_else(|_| first())),
        asked,
        error,
    }
}

/// A simulation's page.
fn path(number: u64) -> String {
    format!("/simulator/{number}")
}

/// Begins one, in a tenant that is made for it.
pub(super) async fn start(visit: Visit) -> Result<Response, Problem> {
    if !may_start(&visit) {
        return Err(Problem::forbidden(visit.viewer.person.role.as_str()));
    }
    let asked = Asked::new(&visit.form);
    let begun = match asked.plan() {
        // To its end, also when the browser hangs up: a token that nobody uses would stay.
        Ok(plan) => tokio::spawn(begin(visit.clone(), plan))
            .await
            .map_err(|error| Problem::internal(&error))??,
        Err(wrong) => Err(wrong),
    };
    match begun {
        Ok(number) => Ok(visit.go(&path(number), None)),
        Err(wrong) => visit.page_again(&page(&visit, asked, Some(wrong))),
    }
}

async fn begin(visit: Visit, plan: Plan) -> Result<Result<u64, String>, Problem> {
    let simulations = &visit.console.simulations;
    // Before anything is made.
    let ready = match simulations.ready().await {
        Ok(ready) => ready,
        Err(NotReady::Busy) => return Ok(Err(
            "One simulation runs already, and a server runs one at a time. Wait for its end, or stop it."
                .to_owned(),
        )),
        Err(NotReady::Unreached(why)) => {
            return Ok(Err(format!(
                "This server cannot reach itself ({why}), and a simulation goes over HTTP as identity providers do. \
                 Nothing was made. Let connections of this machine to itself through its firewall, or run the command \
                 below where the server can be reached."
            )));
        }
    };
    let tenant = make_tenant(&visit, &plan).await?;
    let token = make_token(&visit, &plan, &tenant).await?;
    let order = Order {
        plan,
        tenant,
        token,
        person: visit.viewer.person.email.clone(),
    };
    let number = simulations.begin(ready, order).await;
    Ok(Ok(number.map_err(|error| Problem::internal(&error))?))
}

/// A tenant that is marked as made up for good.
async fn make_tenant(visit: &Visit, plan: &Plan) -> Result<Tenant, Problem> {
    let mut number = 1;
    let key = loop {
        let key = format!("simulated-{}-{number}", plan.provider.name());
        if visit.read().await?.tenant(&key).await?.is_none() {
            break key;
        }
        number += 1;
    };
    let change = SimulationChange::Begin {
        key,
        name: format!("{} (simulated {number})", plan.provider.title()),
        plan: json!({
            "provider": plan.provider.name(),
            "scenario": plan.scenario.name(),
            "people": plan.users,
            "teams": plan.teams,
            "seed": plan.seed,
            "pace": plan.pace.name(),
        }),
    };
    match visit
        .try_write(TenantId::SYSTEM, Change::Simulation(change))
        .await?
    {
        Ok(Outcome::Tenant(tenant)) => Ok(tenant),
        Ok(other) => Err(Problem::internal(&format!("{other:?} is no tenant"))),
        // Somebody made a tenant of this key in between.
        Err(wrong) => Err(Problem::new(
            StatusCode::CONFLICT,
            "The simulation has no tenant",
            wrong,
            "Nothing was made. Start it once more.",
        )),
    }
}

/// A connection as the identity provider needs it, and a token for a day.
async fn make_token(
    visit: &Visit,
    plan: &Plan,
    tenant: &Tenant,
) -> Result<(TokenId, PlainToken), Problem> {
    let provider = plan.provider;
    let settings = ConnectionSettings {
        name: Some(provider.family().to_owned()),
        idp: Some(provider.family().to_owned()),
        ..ConnectionSettings::default()
    };
    let (store, origin) = (&*visit.console.store, visit.origin(tenant.id));
    let made = new_connection::make(store, &origin, settings).await?;
    let new = NewToken {
        connection: Some(made.connection.id),
        purpose: format!("Simulator: {}", plan.scenario.name()),
        scopes: SCOPES.into_iter().collect(),
        kind: TokenKind::Scim,
        expires: Some(visit.now() + DAY),
        addresses: Vec::new(),
    };
    match visit.write(tenant.id, Change::CreateToken(new)).await? {
        Outcome::Token(record, plain) => Ok((record.id, plain)),
        other => Err(Problem::internal(&format!("{other:?} is no token"))),
    }
}
