//! `/connections/{tenant}/{connection}`: one connection's health, settings, tokens and setup links.

use askama::Template;
use axum::response::Response;
use provisor_store::{Connection, Link, LinkId, Scope, Tenant, TokenRecord};

use super::{
    day,
    health::{Health, Known},
    idp_name, named, path,
};
use crate::console::{
    Action, Problem,
    eyes::Eyes,
    layout::Layout,
    moment::Moment,
    setup::{Listener, Panel},
    tokens::{self, Row},
    visit::Visit,
};

#[derive(Template)]
#[template(path = "connections/show.html")]
struct Page {
    layout: Layout,
    tenant: Tenant,
    connection: Connection,
    idp: String,
    path: String,
    health: Health,
    /// Of the tenant.
    users: u64,
    teams: u64,
    base_url: String,
    panel: Panel,
    tokens: Vec<Row>,
    links: Vec<LinkRow>,
    may_change: bool,
    may_see_tokens: bool,
    may_change_tokens: bool,
}

/// A setup link as the page shows it.
struct LinkRow {
    id: LinkId,
    created: Moment,
    created_by: String,
    expires: Moment,
    used: Option<Moment>,
    revoked: Option<Moment>,
    has_ended: bool,
}

impl LinkRow {
    fn new(link: &Link, now: i64) -> Self {
        Self {
            id: link.id,
            created: Moment::new(link.created, now),
            created_by: link.created_by.clone(),
            expires: Moment::new(link.expires, now),
            used: link.used.map(|at| Moment::new(at, now)),
            revoked: link.revoked.map(|at| Moment::new(at, now)),
            has_ended: link.expires <= now,
        }
    }

    /// True if it, or the session it opened, can still be used.
    fn is_live(&self) -> bool {
        self.revoked.is_none() && !self.has_ended
    }
}

/// The page.
pub(in crate::console) async fn show(visit: Visit) -> Result<Response, Problem> {
    let now = visit.now();
    let (tenant, connection) = named(&visit).await?;
    let mut snapshot = visit.read().await?;
    let known = Known::read(&visit.console, snapshot.as_mut(), &tenant).await?;
    let registry = snapshot.registry(tenant.id).await?;
    let users = snapshot.count(tenant.id, registry.user()).await?;
    let teams = snapshot.count(tenant.id, registry.group()).await?;
    let may_see_tokens = visit.viewer.may(Action::SeeTokens);
    let own = |token: &&TokenRecord| {
        may_see_tokens && token.connection == Some(connection.id) && token.revoked.is_none()
    };
    let own: Vec<TokenRecord> = known.tokens().iter().filter(own).cloned().collect();
    let tokens = tokens::rows(snapshot.as_mut(), &own, now).await?;
    let links = snapshot.setup_links(tenant.id, connection.id).await?;
    drop(snapshot);
    let day = day(&visit, std::slice::from_ref(&tenant)).await?;
    let masked = Eyes::of(&visit.viewer).are_masked();
    let listener = Listener::new(&visit.console, &tenant, &connection, masked);
    let panel = listener.panel(known.tokens(), now).await?;
    visit.page(&Page {
        layout: visit.layout(&connection.name, Some(&tenant)),
        idp: idp_name(&connection),
        path: path(&tenant.key, connection.id),
        health: known.health(&connection, &day, now),
        users,
        teams,
        base_url: base_url(&visit.channel.origin, &tenant),
        panel,
        tokens,
        links: links.iter().map(|link| LinkRow::new(link, now)).collect(),
        may_change: visit.viewer.may(Action::ChangeConnections),
        may_see_tokens,
        may_change_tokens: visit.viewer.may(Action::ChangeTokens),
        tenant,
        connection,
    })
}

/// What a customer pastes: with the tenant in it, so that a wrong token is still known to be theirs.
pub(in crate::console) fn base_url(origin: &str, tenant: &Tenant) -> String {
    format!("{origin}/t/{}/scim/v2", tenant.slug)
}

/// The scopes of a token that an identity provider is given.
pub(in crate::console) const SCOPES: [Scope; 1] = [Scope::Scim];
