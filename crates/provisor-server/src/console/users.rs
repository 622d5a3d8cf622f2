//! `/users`: who is in the directories.

pub(super) mod act;
pub(super) mod erase;
pub(super) mod show;

use askama::Template;
use axum::response::Response;
use provisor_store::{DeletedName, Id, Tenant};
use scim::Value;

use super::{
    Problem,
    eyes::Eyes,
    layout::{Layout, Pager},
    moment::Moment,
    visit::Visit,
    walk::{self, Wanted, quoted},
};
use crate::app_view;

/// A filter that can be switched.
pub(super) struct Chip {
    label: &'static str,
    link: String,
    is_on: bool,
}

/// A user of the list.
struct Row {
    id: String,
    link: String,
    name: String,
    user_name: String,
    email: String,
    tenant: String,
    is_active: bool,
    updated: Moment,
    deleted: Option<Moment>,
}

#[derive(Template)]
#[template(path = "users/list.html")]
struct Page {
    layout: Layout,
    query: String,
    state: String,
    tenant: Option<Tenant>,
    everywhere: String,
    chips: Vec<Chip>,
    rows: Vec<Row>,
    ended_early: bool,
    notes: Vec<String>,
    pager: Pager,
    is_masked: bool,
    is_filtered: bool,
}

/// The list.
pub(super) async fn list(visit: Visit) -> Result<Response, Problem> {
    let tenant = match visit.query.given("tenant") {
        Some(key) => Some(visit.tenant(key).await?),
        None => None,
    };
    let eyes = Eyes::of(&visit.viewer);
    let (text, state) = (visit.query.get("q"), visit.query.get("state"));
    let wanted = wanted(text, state, eyes);
    let found = walk::page(&visit, tenant.as_ref(), &wanted).await?;
    let now = visit.now();
    let rows = found.rows.iter().map(|row| Row::new(row, eyes, now));
    // A filter begins at the first page.
    let first = visit.query.set("after", "");
    let chips = [
        ("All", ""),
        ("Active", "active"),
        ("Inactive", "inactive"),
        ("Deleted", "deleted"),
    ];
    let chips = chips.map(|(label, name)| Chip {
        label,
        link: format!("/users?{}", first.with("state", name)),
        is_on: state == name,
    });
    visit.page(&Page {
        layout: visit.layout("Users", tenant.as_ref()),
        query: text.to_owned(),
        state: state.to_owned(),
        everywhere: format!("/users?{}", first.with("tenant", "")),
        is_filtered: !text.is_empty() || !state.is_empty() || tenant.is_some(),
        tenant,
        chips: chips.into(),
        rows: rows.collect(),
        ended_early: found.ended_early,
        notes: found.notes,
        pager: Pager::new("/users", &visit.query, found.next.as_deref()),
        is_masked: eyes.are_masked(),
    })
}

/// Who sees values masked finds by whole names alone: a search by parts would tell them letter by
/// letter.
fn wanted<'q>(text: &'q str, state: &str, eyes: Eyes) -> Wanted<'q> {
    if state == "deleted" {
        return Wanted::Deleted(match text {
            "" => DeletedName::Any,
            text if eyes.are_masked() => DeletedName::Is(text),
            text => DeletedName::Contains(text),
        });
    }
    let value = quoted(text);
    let state = match state {
        "active" => "not (active eq false)",
        "inactive" => "active eq false",
        _ => "",
    };
    // Only an id is compared with ids, which no document contains: the others are told by their text.
    let id = match text.parse::<Id>() {
        Ok(_) => format!(" or id eq {value}"),
        Err(_) => String::new(),
    };
    let named = match text {
        "" => vec![String::new()],
        _ if eyes.are_masked() => {
            vec![format!(
                "(userName eq {value} or emails.value eq {value}{id})"
            )]
        }
        // What an index finds comes first.
        _ => {
            let begins = format!(
                "(userName sw {value} or displayName sw {value} or emails.value sw {value} \
                 or externalId eq {value}{id})"
            );
            let contains = format!(
                "(userName co {value} or displayName co {value} or emails.value co {value} \
                 or name.formatted co {value} or name.givenName co {value} \
                 or name.familyName co {value}) and not {begins}"
            );
            vec![begins, contains]
        }
    };
    let both = |named: String| match (named.is_empty(), state.is_empty()) {
        (true, _) => state.to_owned(),
        (_, true) => named,
        _ => format!("{named} and {state}"),
    };
    Wanted::Present("User", named.into_iter().map(both).collect())
}

impl Row {
    fn new(row: &walk::Row, eyes: Eyes, now: i64) -> Self {
        let view = app_view::resource(&row.stored);
        let field = |name: &str| eyes.word(view[name].as_str().unwrap_or_default());
        Self {
            id: row.stored.id.to_string(),
            link: format!("/users/{}/{}", row.tenant.key, row.stored.id),
            name: name(&view, eyes),
            user_name: field("user_name"),
            email: field("email"),
            tenant: row.tenant.name.clone(),
            is_active: view["active"] != Value::Bool(false),
            updated: Moment::new(row.stored.modified, now),
            deleted: row.deleted.map(|at| Moment::new(at, now)),
        }
    }
}

/// What a person is called: the display name, the parts of the name, or the userName.
fn name(view: &Value, eyes: Eyes) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let formatted = text(&view["attributes"]["name"]["formatted"]);
    let parts = [text(&view["given_name"]), text(&view["family_name"])];
    let candidates = [
        text(&view["display_name"]),
        formatted,
        parts.join(" ").trim().to_owned(),
        text(&view["user_name"]),
    ];
    let known = candidates.into_iter().find(|name| !name.is_empty());
    eyes.word(&known.unwrap_or_default())
}
