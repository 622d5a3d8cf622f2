//! `/tenants`: the customer organisations.

use askama::Template;
use axum::response::Response;
use provisor_store::{Change, Outcome, Tenant, TenantId, TenantState};

use super::{
    Action, Problem, connections,
    connections::{
        Row,
        health::{Day, Known, State},
    },
    layout::{Confirm, Flash, Layout, Pager},
    moment::Moment,
    visit::Visit,
};
use crate::removal;

/// Rows of a page.
const PAGE: usize = 50;
/// Events read at once, and in all, to see that nobody is real: as many as some thousand simulated people make.
const EVENTS: usize = 500;
const LOOKED_AT: i64 = 30_000;

#[derive(Template)]
#[template(path = "tenants/list.html")]
struct Page {
    layout: Layout,
    rows: Vec<TenantRow>,
    pager: Pager,
    may_create: bool,
    key: String,
    name: String,
    error: Option<String>,
}

/// A tenant as the list shows it.
struct TenantRow {
    tenant: Tenant,
    /// The one of its connections that tells most.
    state: State,
    connections: usize,
    users: u64,
    teams: u64,
    created: Moment,
}

impl TenantRow {
    fn is_suspended(&self) -> bool {
        self.tenant.state == TenantState::Suspended
    }
}

#[derive(Template)]
#[template(path = "tenants/show.html")]
struct Show {
    layout: Layout,
    row: TenantRow,
    rows: Vec<Row>,
    base_url: String,
    may_change: bool,
    may_delete: bool,
    may_see_tokens: bool,
    name: String,
    error: Option<String>,
}

/// A page of the tenants that the viewer sees, and the place of the next.
pub(super) async fn page(
    visit: &Visit,
    limit: usize,
) -> Result<(Vec<Tenant>, Option<String>), Problem> {
    let after = visit.query.get("after");
    let mut snapshot = visit.read().await?;
    let mut found = match visit.viewer.tenants() {
        None => snapshot.tenants(after, limit + 1).await?,
        Some(ids) => {
            let mut own = Vec::new();
            for id in ids {
                let tenant = snapshot.tenant_by_id(*id).await?;
                own.extend(tenant.filter(|tenant| {
                    tenant.state != TenantState::Deleting && tenant.key.as_str() > after
                }));
            }
            own.sort_by(|a, b| a.key.cmp(&b.key));
            own
        }
    };
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more);
    let next = next.map(|tenant| tenant.key.clone());
    Ok((found, next))
}

async fn row(visit: &Visit, tenant: Tenant, day: &Day) -> Result<TenantRow, Problem> {
    let mut snapshot = visit.read().await?;
    let registry = snapshot.registry(tenant.id).await?;
    let connections = snapshot.connections(tenant.id).await?;
    let known = Known::read(&visit.console, snapshot.as_mut(), &tenant).await?;
    let states = connections
        .iter()
        .map(|connection| known.health(connection, day, visit.now()).state);
    Ok(TenantRow {
        state: states.max().unwrap_or(State::NotSetUp),
        connections: connections.len(),
        users: snapshot.count(tenant.id, registry.user()).await?,
        teams: snapshot.count(tenant.id, registry.group()).await?,
        created: Moment::new(tenant.created, visit.now()),
        tenant,
    })
}

/// Tenants come and go by who has all of them.
pub(super) fn has_all(visit: &Visit) -> bool {
    visit.viewer.may_in_all_tenants(Action::ChangeConnections)
}

fn only_who_has_all(visit: &Visit) -> Result<(), Problem> {
    if has_all(visit) {
        return Ok(());
    }
    Err(Problem::forbidden(visit.viewer.person.role.as_str()))
}

/// The list, with a form for a new one.
pub(super) async fn list(visit: Visit) -> Result<Response, Problem> {
    let page = list_page(&visit, None).await?;
    visit.page(&page)
}

async fn list_page(visit: &Visit, error: Option<String>) -> Result<Page, Problem> {
    let (found, next) = page(visit, PAGE).await?;
    let day = connections::day(visit, &found).await?;
    let mut rows = Vec::new();
    for tenant in found {
        rows.push(row(visit, tenant, &day).await?);
    }
    Ok(Page {
        layout: visit.layout("Tenants", None),
        rows,
        pager: Pager::new("/tenants", &visit.query, next.as_deref()),
        may_create: has_all(visit),
        key: visit.form.get("key").to_owned(),
        name: visit.form.get("name").to_owned(),
        error,
    })
}

/// Makes a tenant.
pub(super) async fn create(visit: Visit) -> Result<Response, Problem> {
    only_who_has_all(&visit)?;
    let change = Change::CreateTenant {
        key: visit.form.get("key").to_owned(),
        name: visit.form.get("name").to_owned(),
    };
    match visit.try_write(TenantId::SYSTEM, change).await? {
        Ok(Outcome::Tenant(tenant)) => {
            let done = format!("“{}” is there. Now give it a connection.", tenant.name);
            let path = format!("/tenants/{}", tenant.key);
            Ok(visit.go(&path, Some(Flash::done(done))))
        }
        Ok(other) => Err(Problem::internal(&format!("{other:?} is no tenant"))),
        Err(wrong) => {
            let page = list_page(&visit, Some(wrong)).await?;
            visit.page_again(&page)
        }
    }
}

async fn named(visit: &Visit) -> Result<Tenant, Problem> {
    visit.tenant(visit.parameter("tenant")).await
}

/// One tenant with its connections.
pub(super) async fn show(visit: Visit) -> Result<Response, Problem> {
    let page = show_page(&visit, None).await?;
    visit.page(&page)
}

async fn show_page(visit: &Visit, error: Option<String>) -> Result<Show, Problem> {
    let tenant = named(visit).await?;
    let sent = visit.form.given("name").filter(|_| error.is_some());
    let day = connections::day(visit, std::slice::from_ref(&tenant)).await?;
    Ok(Show {
        layout: visit.layout(&tenant.name, Some(&tenant)),
        name: sent.unwrap_or(&tenant.name).to_owned(),
        rows: connections::rows(visit, tenant.clone(), &day).await?,
        base_url: connections::show::base_url(&visit.channel.origin, &tenant),
        may_change: visit.viewer.may(Action::ChangeConnections),
        may_delete: has_all(visit),
        may_see_tokens: visit.viewer.may(Action::SeeTokens),
        row: row(visit, tenant, &day).await?,
        error,
    })
}

/// Gives it another name.
pub(super) async fn rename(visit: Visit) -> Result<Response, Problem> {
    let tenant = named(&visit).await?;
    let change = Change::SetTenant {
        name: Some(visit.form.get("name").to_owned()),
        suspended: None,
    };
    match visit.try_write(tenant.id, change).await? {
        Ok(_) => Ok(back(&visit, &tenant, "The name is changed.")),
        Err(wrong) => {
            let page = show_page(&visit, Some(wrong)).await?;
            visit.page_again(&page)
        }
    }
}

fn back(visit: &Visit, tenant: &Tenant, done: &str) -> Response {
    let path = format!("/tenants/{}", tenant.key);
    visit.go(&path, Some(Flash::done(done)))
}

/// Says what suspending does, and asks.
pub(super) async fn ask_suspend(visit: Visit) -> Result<Response, Problem> {
    let tenant = named(&visit).await?;
    visit.confirm(Confirm {
        title: format!("Suspend {}?", tenant.name),
        consequences: vec![
            "Every request of its identity providers and of its tokens is refused from the next one on."
                .to_owned(),
            "Nothing is removed, and it can be resumed at any time.".to_owned(),
        ],
        button: "Suspend the tenant".to_owned(),
        back: format!("/tenants/{}", tenant.key),
        typed: None,
        error: None,
    })
}

/// Suspends it.
pub(super) async fn suspend(visit: Visit) -> Result<Response, Problem> {
    set(&visit, true).await
}

/// Resumes it.
pub(super) async fn resume(visit: Visit) -> Result<Response, Problem> {
    set(&visit, false).await
}

async fn set(visit: &Visit, suspended: bool) -> Result<Response, Problem> {
    let tenant = named(visit).await?;
    let change = Change::SetTenant {
        name: None,
        suspended: Some(suspended),
    };
    visit.write(tenant.id, change).await?;
    let done = match suspended {
        true => "The tenant is suspended. The next request is refused.",
        false => "The tenant is resumed. The next request is applied.",
    };
    Ok(back(visit, &tenant, done))
}

/// Says what deleting does, and asks for the key.
pub(super) async fn ask_delete(visit: Visit) -> Result<Response, Problem> {
    only_who_has_all(&visit)?;
    let tenant = named(&visit).await?;
    let is_made_up = is_made_up(&visit, &tenant).await?;
    let row = row(&visit, tenant, &Day::default()).await?;
    visit.confirm(question(&row, is_made_up, None))
}

/// Whether every user and team of a tenant came by the one token that its simulation was given and nobody has seen.
/// Where that cannot be known, they may be real.
async fn is_made_up(visit: &Visit, tenant: &Tenant) -> Result<bool, Problem> {
    if !tenant.simulated {
        return Ok(false);
    }
    let mut snapshot = visit.read().await?;
    let tokens = snapshot.tokens(tenant.id).await?;
    // Where it got none, nobody can have come by it.
    let only = match tokens.as_slice() {
        [] => None,
        [only] => Some(format!("tok_{}", only.id)),
        _ => return Ok(false),
    };
    let mut after = 0;
    loop {
        let (events, last) = snapshot.events(tenant.id, after, EVENTS).await?;
        let Some(newest) = events.last() else {
            return Ok(after == last);
        };
        // Events that were thrown away, or more than are looked at, could have told of others.
        let is_whole = newest.seq - after == events.len() as i64 && newest.seq <= LOOKED_AT;
        let mut people = events
            .iter()
            .filter(|event| matches!(&*event.resource_type, "User" | "Group"));
        if !is_whole || !people.all(|event| only.is_some() && event.token == only) {
            return Ok(false);
        }
        after = newest.seq;
    }
}

fn question(row: &TenantRow, is_made_up: bool, error: Option<String>) -> Confirm {
    let tenant = &row.tenant;
    if is_made_up {
        return Confirm {
            title: format!("Clear {}?", tenant.name),
            consequences: vec![
                format!(
                    "{} users and {} teams are removed for good. All of them are made up.",
                    row.users, row.teams
                ),
                "If the simulation still runs, it is stopped.".to_owned(),
            ],
            button: "Clear the simulated data".to_owned(),
            back: format!("/tenants/{}", tenant.key),
            typed: None,
            error,
        };
    }
    let mut consequences = vec![
        format!(
            "{} users, {} teams and {} connections with their tokens are removed for good.",
            row.users, row.teams, row.connections
        ),
        "Its identity providers are refused from the next request on.".to_owned(),
        "It cannot be taken back. To stop it for a while, suspend it instead.".to_owned(),
    ];
    if tenant.simulated {
        let warning = "It was made for a simulation, but not all of it is known to be made up.";
        consequences.insert(0, warning.to_owned());
    }
    Confirm {
        title: format!("Delete {} and everything in it?", tenant.name),
        consequences,
        button: "Delete the tenant".to_owned(),
        back: format!("/tenants/{}", row.tenant.key),
        typed: Some(row.tenant.key.clone()),
        error,
    }
}

/// Deletes it: it is gone at once, its rows within a while.
pub(super) async fn delete(visit: Visit) -> Result<Response, Problem> {
    only_who_has_all(&visit)?;
    let tenant = named(&visit).await?;
    let is_made_up = is_made_up(&visit, &tenant).await?;
    if !is_made_up && visit.form.get("typed") != tenant.key {
        let row = row(&visit, tenant, &Day::default()).await?;
        let error = format!(
            "What was typed is not {}. Nothing was deleted.",
            row.tenant.key
        );
        return visit.confirm(question(&row, false, Some(error)));
    }
    removal::begin(&visit.console.store, visit.origin(tenant.id)).await?;
    // Whoever may not delete it does not stop it either.
    if let Some(simulation) = visit.console.simulations.within(tenant.id) {
        simulation.stop();
    }
    let done = match is_made_up {
        true => format!("“{}” is cleared.", tenant.name),
        false => format!("“{}” is deleted.", tenant.name),
    };
    Ok(visit.go("/tenants", Some(Flash::done(done))))
}
