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
    let entries = Entries {
        filter: Some(LogFilter {
            limit: PAGE,
            ..choice.filter
        }),
        is_whole,
    };
    download::file(visit, "sync-log", form, &COLUMNS, entries, told).await
}

/// All that a filter lets through, the newest first.
struct Entries {
    /// Of the next page; `None`: that was the last.
    filter: Option<LogFilter>,
    is_whole: bool,
}

impl download::Rows for Entries {
    async fn more(&mut self, visit: &Visit) -> Result<Option<Vec<Value>>, Problem> {
        let Some(filter) = self.filter.take() else {
            return Ok(None);
        };
        let asked = filter.clone();
        let page = ask(&visit.console, move |reader| reader.page(&asked)).await?;
        let is_full = page.entries.len() == PAGE;
        let last = page.entries.last().map(Logged::place);
        let next = page.ended.or(last.filter(|_| is_full));
        self.filter = next.map(|next| LogFilter {
            before: Some(next),
            ..filter
        });
        let mut snapshot = visit.read().await?;
        let mut names = Names::new(snapshot.as_mut());
        let mut views = Vec::with_capacity(page.entries.len());
        for logged in page.entries {
            let entry = match self.is_whole {
                true => logged.entry,
                false => logged.entry.masked(),
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
        Ok(Some(views))
    }
}
