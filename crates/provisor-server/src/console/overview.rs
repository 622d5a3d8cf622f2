//! `/`: what there is, and what needs attention.

use askama::Template;
use axum::response::Response;
use provisor_store::{TokenQuery, people::Totals};

use super::{
    Action, Problem,
    layout::Layout,
    moment::DAY,
    tokens::{self, Row},
    visit::Visit,
};

/// Tokens are warned about so long before they expire.
const SOON: i64 = 30 * DAY;
/// How many are shown.
const SHOWN: usize = 5;

#[derive(Template)]
#[template(path = "overview.html")]
struct Page {
    layout: Layout,
    totals: Totals,
    expiring: Vec<Row>,
    may_change_tokens: bool,
    scim_url: String,
}

/// The first page.
pub(super) async fn show(visit: Visit) -> Result<Response, Problem> {
    let viewer = &visit.viewer;
    let now = visit.now();
    let mut snapshot = visit.read().await?;
    let totals = snapshot.totals(viewer.tenants()).await?;
    let query = TokenQuery {
        tenants: viewer.tenants().map(<[_]>::to_vec),
        expiring: Some((now, now + SOON)),
        limit: SHOWN,
        ..TokenQuery::default()
    };
    let expiring = if viewer.may(Action::SeeTokens) {
        let found = snapshot.find_tokens(&query).await?;
        tokens::rows(snapshot.as_mut(), &found, now).await?
    } else {
        Vec::new()
    };
    drop(snapshot);
    visit.page(&Page {
        layout: visit.layout("Overview"),
        totals,
        expiring,
        may_change_tokens: viewer.may(Action::ChangeTokens),
        scim_url: format!("{}/scim/v2", visit.channel.origin),
    })
}
