//! `/connections`: identity providers' links into tenants, and how each of them is.

pub(crate) mod health;

pub(super) mod edit;
pub(super) mod links;
pub(super) mod pause;
pub(super) mod show;

use askama::Template;
use axum::response::Response;
use provisor_store::{Connection, ConnectionId, Tenant, log::Whose};

use super::{
    Action, Problem,
    layout::{Layout, Pager},
    setup::guide::Guide,
    tenants,
    visit::Visit,
};
use health::{Day, Health, Known};

/// Tenants of a page.
const PAGE: usize = 25;

/// A connection as lists show it.
pub(super) struct Row {
    pub(super) id: ConnectionId,
    pub(super) name: String,
    /// The identity provider's name.
    pub(super) idp: String,
    /// The tenant's key and name.
    pub(super) key: String,
    pub(super) tenant: String,
    pub(super) health: Health,
    /// Of the tenant.
    pub(super) users: u64,
    pub(super) teams: u64,
}

impl Row {
    /// The connection's page.
    pub(super) fn path(&self) -> String {
        path(&self.key, self.id)
    }
}

/// A connection's page.
pub(super) fn path(key: &str, id: ConnectionId) -> String {
    format!("/connections/{key}/{id}")
}

#[derive(Template)]
#[template(path = "connections/list.html")]
struct Page {
    layout: Layout,
    rows: Vec<Row>,
    pager: Pager,
    may_change: bool,
    has_tenants: bool,
}

/// The list.
pub(super) async fn list(visit: Visit) -> Result<Response, Problem> {
    let (found, next) = tenants::page(&visit, PAGE).await?;
    let has_tenants = !found.is_empty();
    let day = day(&visit, &found).await?;
    let mut rows = Vec::new();
    for tenant in found {
        rows.extend(self::rows(&visit, tenant, &day).await?);
    }
    visit.page(&Page {
        layout: visit.layout("Connections", None),
        rows,
        pager: Pager::new("/connections", &visit.query, next.as_deref()),
        may_change: visit.viewer.may(Action::ChangeConnections),
        has_tenants,
    })
}

/// How the last day went in these tenants.
pub(super) async fn day(visit: &Visit, tenants: &[Tenant]) -> Result<Day, Problem> {
    let ids = tenants.iter().map(|tenant| tenant.id).collect();
    Day::read(&visit.console, Whose::Named(ids), visit.now()).await
}

/// A tenant's connections as rows.
pub(super) async fn rows(visit: &Visit, tenant: Tenant, day: &Day) -> Result<Vec<Row>, Problem> {
    let now = visit.now();
    let mut snapshot = visit.read().await?;
    let connections = snapshot.connections(tenant.id).await?;
    if connections.is_empty() {
        return Ok(Vec::new());
    }
    let known = Known::read(&visit.console, snapshot.as_mut(), &tenant).await?;
    let registry = snapshot.registry(tenant.id).await?;
    let users = snapshot.count(tenant.id, registry.user()).await?;
    let teams = snapshot.count(tenant.id, registry.group()).await?;
    let row = |connection: &Connection| Row {
        id: connection.id,
        name: connection.name.clone(),
        idp: idp_name(connection),
        key: tenant.key.clone(),
        tenant: tenant.name.clone(),
        health: known.health(connection, day, now),
        users,
        teams,
    };
    Ok(connections.iter().map(row).collect())
}

/// What the identity provider is called: its name, or for one without a guide what the connection calls it.
pub(super) fn idp_name(connection: &Connection) -> String {
    let guide = Guide::of(&connection.idp);
    match guide.idp() == "other" {
        true => connection.idp.clone(),
        false => guide.name.clone(),
    }
}

/// The tenant and the connection that the path names, if the viewer may know of them.
pub(super) async fn named(visit: &Visit) -> Result<(Tenant, Connection), Problem> {
    let missing = || Problem::missing("connection");
    let tenant = visit.tenant(visit.parameter("tenant")).await?;
    let id = visit.parameter("connection").parse().map(ConnectionId);
    let id = id.map_err(|_| missing())?;
    let connections = visit.read().await?.connections(tenant.id).await?;
    let found = connections.into_iter().find(|known| known.id == id);
    found
        .map(|connection| (tenant, connection))
        .ok_or_else(missing)
}
