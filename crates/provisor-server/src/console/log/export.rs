//! `/log/export`: what the filter lets through, as a file.

use axum::response::Response;
use provisor_store::log::{LogFilter, Logged};
use scim::Value;

use super::{
    super::{
        Action, Problem,
        download::{self, Form},
        exported::Exported,
        visit::Visit,
    },
    ask,
    choice::Choice,
    lines::Names,
};
use crate::app_view;

/// Entries read at a time.
const PAGE: usize = 1000;
/// Entries of a file, the newest.
const MOST: usize = 20_000;
const COLUMNS: [&str; 18] = [
    "at",
    "request",
    "tenant",
    "connection",
    "token",
    "client",
    "address",
    "method",
    "path",
    "query",
    "operation",
    "resource_type",
    "resource",
    "status",
    "cause",
    "detail",
    "duration_us",
    "tolerances",
];

/// The file. Personal values are masked unless they are asked for by who may see them.
pub(in crate::console) async fn file(visit: Visit) -> Result<Response, Problem> {
    let form = Form::read(&visit)?;
    let choice = Choice::read(&visit).await?;
    let told = Exported::begin(&visit, "log").await?;
    let is_whole = visit.query.get("personal") == "yes" && visit.viewer.may(Action::SeePersonal);
    let filter = choice.filter;
    let entries = ask(&visit.console, move |reader| {
        let mut all: Vec<Logged> = Vec::new();
        let mut filter = LogFilter {
            limit: PAGE,
            ..filter
        };
        loop {
            let page = reader.entries(&filter)?;
            filter.before = page.last().map(Logged::place);
            let is_last = page.len() < PAGE;
            all.extend(page);
            if is_last || all.len() >= MOST {
                return Ok(all);
            }
        }
    })
    .await?;
    let mut snapshot = visit.read().await?;
    let mut names = Names::new(snapshot.as_mut());
    let mut views = Vec::with_capacity(entries.len());
    for logged in entries {
        let entry = if is_whole {
            logged.entry
        } else {
            logged.entry.masked()
        };
        let tenant = names.tenant(entry.tenant).await?.map(|tenant| tenant.key);
        let connection = names.connection(&entry).await?;
        let connection = connection.map(|connection| connection.name.as_str());
        let mut view = app_view::log_entry(&entry, connection);
        if let Value::Object(view) = &mut view {
            // Bodies are for looking at one by one.
            view.remove("request_body");
            view.remove("response_body");
            view.insert("tenant".to_owned(), tenant.into());
            if !visit.viewer.may(Action::SeeTokens) {
                view.remove("token");
            }
        }
        views.push(view);
    }
    drop(snapshot);
    told.end(views.len()).await;
    download::file("sync-log", form, &COLUMNS, &views)
}
