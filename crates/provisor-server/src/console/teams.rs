//! `/teams`: the groups that identity providers push.

pub(super) mod show;

use askama::Template;
use axum::response::Response;
use provisor_store::Tenant;

use super::{
    Problem,
    called::Called,
    eyes::Eyes,
    layout::{Layout, Pager},
    moment::Moment,
    visit::Visit,
    walk::{self, Wanted, quoted},
};
use crate::app_view;

/// A team of the list.
struct Row {
    id: String,
    link: String,
    name: String,
    external_id: String,
    tenant: String,
    members: u64,
    created: Moment,
    updated: Moment,
}

#[derive(Template)]
#[template(path = "teams/list.html")]
struct Page {
    layout: Layout,
    query: String,
    tenant: Option<Tenant>,
    everywhere: String,
    rows: Vec<Row>,
    ended_early: bool,
    notes: Vec<String>,
    pager: Pager,
    is_filtered: bool,
}

/// The list. What a team is called is not personal, so everybody may search in it.
pub(super) async fn list(visit: Visit) -> Result<Response, Problem> {
    let tenant = match visit.query.given("tenant") {
        Some(key) => Some(visit.tenant(key).await?),
        None => None,
    };
    let text = visit.query.get("q");
    let value = quoted(text);
    let filters = match text {
        "" => vec![String::new()],
        _ => {
            // What an index finds comes first.
            let begins =
                format!("(displayName sw {value} or externalId eq {value} or id eq {value})");
            let contains = format!("displayName co {value} and not {begins}");
            vec![begins, contains]
        }
    };
    let wanted = Wanted::Present("Group", filters);
    let found = walk::page(&visit, tenant.as_ref(), &wanted).await?;
    let now = visit.now();
    let mut snapshot = visit.read().await?;
    let ids = found.rows.iter().map(|row| (&row.tenant, row.stored.id));
    let called = Called::read(snapshot.as_mut(), Eyes::of(&visit.viewer), ids).await?;
    drop(snapshot);
    let rows = found.rows.iter().map(|row| {
        let view = app_view::resource(&row.stored);
        let field = |name: &str| view[name].as_str().unwrap_or_default().to_owned();
        Row {
            id: row.stored.id.to_string(),
            link: format!("/teams/{}/{}", row.tenant.key, row.stored.id),
            name: field("display_name"),
            external_id: field("external_id"),
            tenant: row.tenant.name.clone(),
            members: called
                .get(row.tenant.id, row.stored.id)
                .map_or(0, |team| team.members),
            created: Moment::new(row.stored.created, now),
            updated: Moment::new(row.stored.modified, now),
        }
    });
    let first = visit.query.set("after", "");
    visit.page(&Page {
        layout: visit.layout("Teams", tenant.as_ref()),
        query: text.to_owned(),
        everywhere: format!("/teams?{}", first.with("tenant", "")),
        is_filtered: !text.is_empty() || tenant.is_some(),
        tenant,
        rows: rows.collect(),
        ended_early: found.ended_early,
        notes: found.notes,
        pager: Pager::new("/teams", &visit.query, found.next.as_deref()),
    })
}
