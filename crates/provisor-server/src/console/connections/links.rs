//! Setup links of a connection: made, shown once, revoked.

use askama::Template;
use axum::response::Response;
use provisor_store::{Change, LinkId, Outcome, PeopleChange, Purpose, TenantId};

use super::{named, path};
use crate::console::{
    Problem,
    layout::{Flash, Layout},
    moment::{DAY, Moment},
    visit::Visit,
};

/// A link can be used for so long.
const LIFE: i64 = 7 * DAY;

#[derive(Template)]
#[template(path = "connections/link.html")]
struct Created {
    layout: Layout,
    name: String,
    tenant: String,
    back: String,
    url: String,
    expires: Moment,
}

/// Makes a link and shows it, this once.
pub(in crate::console) async fn create(visit: Visit) -> Result<Response, Problem> {
    let (tenant, connection) = named(&visit).await?;
    let expires = visit.now().saturating_add(LIFE);
    let change = PeopleChange::CreateLink {
        purpose: Purpose::Setup(tenant.id, connection.id),
        expires,
    };
    let outcome = visit
        .write(TenantId::SYSTEM, Change::People(change))
        .await?;
    let Outcome::Link(_, secret) = outcome else {
        return Err(Problem::internal(&"a link was to be made, and was not"));
    };
    visit.page(&Created {
        layout: visit.layout("Setup link", Some(&tenant)),
        back: path(&tenant.key, connection.id),
        name: connection.name,
        tenant: tenant.name,
        url: format!("{}/setup/{}", visit.channel.origin, secret.reveal()),
        expires: Moment::new(expires, visit.now()),
    })
}

/// Takes a link back, and ends the session that came from it.
pub(in crate::console) async fn revoke(visit: Visit) -> Result<Response, Problem> {
    let (tenant, connection) = named(&visit).await?;
    let id = visit.parameter("link").parse().map(LinkId).ok();
    let links = visit
        .read()
        .await?
        .setup_links(tenant.id, connection.id)
        .await?;
    let found = links.iter().find(|link| Some(link.id) == id);
    let id = found.ok_or_else(|| Problem::missing("setup link"))?.id;
    let change = Change::People(PeopleChange::RevokeLink { id });
    visit.write(TenantId::SYSTEM, change).await?;
    let done = "The setup link is revoked, and whoever came in by it is out.";
    let back = path(&tenant.key, connection.id);
    Ok(visit.go(&back, Some(Flash::done(done))))
}
