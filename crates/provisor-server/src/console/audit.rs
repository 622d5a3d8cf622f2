//! `/audit`: who did what in console, API and command line.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use provisor_store::{AuditQuery, TenantId};
use scim::Value;

use super::{
    Problem,
    download::{self, Form},
    exported::Exported,
    layout::{Layout, Pager},
    moment::{DAY, Moment},
    visit::Visit,
};
use crate::app_view;

/// Rows of a page.
const PAGE: usize = 50;
/// Entries of a file that are read at a time.
const PART: usize = 1_000;
/// Kinds of actions: what they begin with, and what they are about.
const KINDS: [(&str, &str); 11] = [
    ("tenant.", "Tenants"),
    ("connection.", "Connections"),
    ("token.", "Tokens"),
    ("user.", "Users"),
    ("resource.", "Users and teams by hand"),
    ("schema.", "Schemas"),
    ("person.", "People"),
    ("link.", "One-time links"),
    ("session.", "Sign-ins"),
    ("export.", "Exports"),
    ("simulation.", "Simulations"),
];
const TIMES: [(&str, &str, i64); 3] = [
    ("24h", "Last 24 hours", DAY),
    ("7d", "Last 7 days", 7 * DAY),
    ("30d", "Last 30 days", 30 * DAY),
];
const COLUMNS: [&str; 10] = [
    "number", "at", "actor", "action", "object", "tenant", "before", "after", "address", "request",
];

#[derive(Template)]
#[template(path = "audit.html")]
struct Page {
    layout: Layout,
    rows: Vec<Row>,
    actor: String,
    tenant: String,
    object: String,
    kinds: Vec<(&'static str, &'static str, bool)>,
    times: Vec<(&'static str, &'static str, bool)>,
    pager: Pager,
    is_filtered: bool,
    ndjson: String,
    csv: String,
}

/// An entry as the list shows it.
struct Row {
    at: Moment,
    actor: String,
    actor_link: String,
    action: String,
    object: String,
    tenant: String,
    before: Option<String>,
    after: Option<String>,
    address: String,
    request: String,
}

/// The list.
pub(super) async fn list(visit: Visit) -> Result<Response, Problem> {
    let query = &visit.query;
    let wanted = asked(&visit, PAGE + 1).await?;
    let mut found = visit.read().await?.audit(&wanted).await?;
    let more = found.len() > PAGE;
    found.truncate(PAGE);
    let next = found
        .last()
        .filter(|_| more)
        .map(|last| last.id.to_string());
    let rows = found.into_iter().map(|entry| Row {
        at: Moment::new(entry.at, visit.now()),
        actor_link: format!("/audit?{}", query.with("actor", &entry.actor)),
        before: state(&entry.before),
        after: state(&entry.after),
        actor: entry.actor,
        action: entry.action,
        object: entry.object,
        tenant: entry.tenant_key.unwrap_or_default(),
        address: entry.address.unwrap_or_default(),
        request: entry.request.to_string(),
    });
    let asks = [
        "actor", "action", "tenant", "object", "last", "since", "until",
    ];
    let file = |format: &str| format!("/audit/export?{}", query.with("format", format));
    visit.page(&Page {
        layout: visit.layout("Audit", None),
        rows: rows.collect(),
        actor: query.get("actor").to_owned(),
        tenant: query.get("tenant").to_owned(),
        object: query.get("object").to_owned(),
        kinds: KINDS
            .map(|(value, label)| (value, label, value == query.get("action")))
            .into(),
        times: TIMES
            .map(|(value, label, _)| (value, label, value == query.get("last")))
            .into(),
        pager: Pager::new("/audit", query, next.as_deref()),
        is_filtered: asks.iter().any(|name| query.given(name).is_some()),
        ndjson: file("ndjson"),
        csv: file("csv"),
    })
}

/// `/audit/export`: what the filter lets through, as a file.
pub(super) async fn export(visit: Visit) -> Result<Response, Problem> {
    // What is in the list is in the file; who may take files along may not always see the audit.
    visit.demand(super::Action::SeeAudit)?;
    let form = Form::read(&visit)?;
    // A filter that cannot be used begins nothing.
    let entries = Entries(Some(asked(&visit, PART).await?));
    let told = Exported::begin(&visit, "audit").await?;
    download::file(visit, "audit", form, &COLUMNS, entries, told).await
}

/// What is left of an export, the newest first; `None`: nothing.
struct Entries(Option<AuditQuery>);

impl download::Rows for Entries {
    async fn more(&mut self, visit: &Visit) -> Result<Option<Vec<Value>>, Problem> {
        let Some(query) = self.0.take() else {
            return Ok(None);
        };
        let found = visit.read().await?.audit(&query).await?;
        self.0 = found
            .last()
            .filter(|_| found.len() == PART)
            .map(|last| AuditQuery {
                before: Some(last.id),
                ..query
            });
        Ok(Some(found.iter().map(app_view::audit_entry).collect()))
    }
}

/// The entries that the page's address asks for.
async fn asked(visit: &Visit, limit: usize) -> Result<AuditQuery, Problem> {
    let query = &visit.query;
    let text = |name: &str| query.given(name).map(str::to_owned);
    let wrong = |name: &str| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "The filter cannot be used",
            format!("The address has a value for “{name}” that there is not."),
            "Open the audit anew and choose from its lists.",
        )
    };
    let tenants = match query.given("tenant") {
        Some(key) => Some(vec![visit.tenant(key).await?.id]),
        None => visit.viewer.tenants().map(<[TenantId]>::to_vec),
    };
    let time = |name: &str| {
        let text = query.given(name);
        let read = |text| scim::datetime::parse(text).map(|at| at.as_millisecond());
        text.map(|text| read(text).ok_or_else(|| wrong(name)))
            .transpose()
    };
    let last = match query.given("last") {
        Some(last) => {
            let known = TIMES.iter().find(|(known, ..)| *known == last);
            let (.., length) = known.ok_or_else(|| wrong("last"))?;
            Some(visit.now() - length)
        }
        None => None,
    };
    let before = match query.given("after") {
        Some(after) => Some(after.parse().map_err(|_| wrong("after"))?),
        None => None,
    };
    Ok(AuditQuery {
        tenants,
        actor: text("actor"),
        action: text("action"),
        object: text("object"),
        since: time("since")?.max(last),
        until: time("until")?,
        before,
        limit,
    })
}

/// A state, if there is one to show.
fn state(value: &Value) -> Option<String> {
    let shown = || serde_json::to_string_pretty(value).unwrap_or_default();
    (!value.is_null()).then(shown)
}
