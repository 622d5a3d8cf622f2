//! `/connections`: identity providers' links into tenants, and how each of them is.

pub(crate) mod health;

pub(super) mod edit;
pub(super) mod links;
pub(super) mod pause;
pub(super) mod show;

use askama::Template;
use axum::response::Response;
use provisor_store::{Connection, ConnectionId, Tenant};

use super::{
    Action, Problem,
    layout::{Layout, Pager},
    setup::guide::Guide,
    tenants,
    visit::Visit,
};
use health::{Health, Known};

/// Tenants of a page.
const PAGE: usize = 25;
/// How many of a tenant's requests a list looks at.
const LOOKED_AT: usize = 2_000;

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
    let mut rows = Vec::new();
    for tenant in found {
        rows.extend(self::rows(&visit, tenant, LOOKED_AT).await?);
    }
    visit.page(&Page {
        layout: visit.layout("Connections"),
        rows,
        pager: Pager::new("/connections", &visit.query, next.as_deref()),
        may_change: visit.viewer.may(Action::ChangeConnections),
        has_tenants,
    })
}

/// A tenant's connections as rows.
pub(super) async fn rows(visit: &Visit, tenant: Tenant, most: usize) -> Result<Vec<Row>, Problem> {
    let now = visit.now();
    let mut snapshot = visit.read().await?;
    let connections = snapshot.connections(tenant.id).await?;
    if connections.is_empty() {
        return Ok(Vec::new());
    }
    let (key, name) = (tenant.key.clone(), tenant.name.clone());
    let known = Known::read(&visit.console, snapshot.as_mut(), tenant, most, now).await?;
    let row = |connection: &Connection| Row {
        id: connection.id,
        name: connection.name.clone(),
        idp: idp_name(connection),
        key: key.clone(),
        tenant: name.clone(),
        health: known.health(connection, now),
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
