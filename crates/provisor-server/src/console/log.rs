//! `/log`: what identity providers asked and were answered, newest first, as it arrives.

mod choice;
pub(super) mod export;
mod lines;
pub(super) mod request;

use std::sync::{Arc, Mutex, PoisonError};

use askama::Template;
use axum::response::Response;
use provisor_store::{Cause, LogReader, RequestId, StoreError, log::Operation};

use super::{
    Action, Console, Problem,
    eyes::Eyes,
    fields::Fields,
    layout::{Layout, Pager},
    moment::Moment,
    visit::Visit,
};
use axum::http::StatusCode;
use choice::{Choice, Select};
use lines::{Line, Names};

#[derive(Template)]
#[template(path = "log/list.html")]
struct Page {
    layout: Layout,
    selects: Vec<Select>,
    choice: Choice,
    /// The lines, or the causes, as HTML.
    part: String,
    /// Where the lines come from as they arrive.
    live: Option<String>,
    /// Values of the URL that the form has no field for.
    kept: Vec<(&'static str, String)>,
    text: String,
    grouped: bool,
    group_link: String,
    live_link: String,
    ndjson: String,
    csv: String,
    may_export: bool,
    may_see_personal: bool,
    pager: Pager,
}

/// The list.
pub(super) async fn list(visit: Visit) -> Result<Response, Problem> {
    let query = &visit.query;
    let text = query.get("q");
    if let Ok(request) = text.parse::<RequestId>() {
        return Ok(visit.go(&format!("/log/{request}"), None));
    }
    let choice = Choice::read(&visit).await?;
    let grouped = query.get("group") == "cause";
    let follows = !grouped && query.get("live") != "off" && choice.filter.before.is_none();
    let (part, next) = if grouped {
        (causes(&visit, &choice).await?, None)
    } else {
        let filter = choice.filter.clone();
        let mut snapshot = visit.read().await?;
        let mut names = Names::new(snapshot.as_mut());
        let lines = lines::page(
            &visit.console,
            filter,
            choice.folds,
            Eyes::of(&visit.viewer),
            &mut names,
            query,
        )
        .await?;
        let next = lines.next.map(|place| place.to_string());
        (render(lines, &choice, query, visit.now())?, next)
    };
    let address = |path: &str, query: String| match query.as_str() {
        "" => path.to_owned(),
        query => format!("{path}?{query}"),
    };
    let export = |format: &str| format!("/log/export?{}", query.with("format", format));
    let kept = ["token", "since", "until", "status", "group", "live"];
    visit.page(&Page {
        layout: visit.layout("Sync log", choice.tenant.as_ref()),
        selects: choice.selects(&visit).await?,
        part,
        live: follows.then(|| address("/live/log", query.with("live", ""))),
        kept: kept
            .into_iter()
            .filter_map(|name| Some((name, query.given(name)?.to_owned())))
            .collect(),
        text: text.to_owned(),
        grouped,
        group_link: address(
            "/log",
            query.with("group", if grouped { "" } else { "cause" }),
        ),
        live_link: address("/log", query.with("live", if follows { "off" } else { "" })),
        ndjson: export("ndjson"),
        csv: export("csv"),
        may_export: visit.viewer.may(Action::Export),
        may_see_personal: visit.viewer.may(Action::SeePersonal),
        pager: Pager::new("/log", query, next.as_deref()),
        choice,
    })
}

/// The first page again and again, for as long as it is looked at.
pub(super) async fn live(visit: Visit) -> Result<Response, Problem> {
    let choice = Arc::new(Choice::read(&visit).await?);
    let eyes = Eyes::of(&visit.viewer);
    let (console, query) = (visit.console.clone(), visit.query.clone());
    // The newest entry that was looked at: while the log is quiet, nothing is read again.
    let seen: Arc<Mutex<Option<(i64, String)>>> = Arc::default();
    visit.live(move |mut snapshot, _| {
        let (console, query) = (console.clone(), query.clone());
        let (choice, seen) = (choice.clone(), seen.clone());
        async move {
            let newest = ask(&console, LogReader::last_id).await?;
            let known = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some((_, part)) = known.filter(|(last, _)| *last == newest) {
                return Ok(part);
            }
            let filter = choice.filter.clone();
            let mut names = Names::new(snapshot.as_mut());
            let lines =
                lines::page(&console, filter, choice.folds, eyes, &mut names, &query).await?;
            let part = render(lines, &choice, &query, console.clock.now())?;
            *seen.lock().unwrap_or_else(PoisonError::into_inner) = Some((newest, part.clone()));
            Ok(part)
        }
    })
}

/// Asks the log on a thread that may wait for the disk.
pub(super) async fn ask<T: Send + 'static>(
    console: &Console,
    question: impl FnOnce(&LogReader) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Problem> {
    let reader = console.log.reader().clone();
    match tokio::task::spawn_blocking(move || question(&reader)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(StoreError::Unavailable(reason))) => Err(Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "The sync log cannot be read now",
            format!("The reason: {reason}."),
            "Choose a shorter time or fewer conditions, or try again in a moment.",
        )),
        Ok(Err(error)) => Err(error.into()),
        Err(failure) => Err(Problem::internal(&failure)),
    }
}

fn render(
    found: lines::Lines,
    choice: &Choice,
    query: &Fields,
    now: i64,
) -> Result<String, Problem> {
    #[derive(Template)]
    #[template(path = "log/lines.html")]
    struct Part {
        lines: Vec<Line>,
        /// How far back was looked, and the link that looks further.
        ended: Option<(Moment, String)>,
        one_tenant: bool,
        is_filtered: bool,
    }
    let further = found
        .next
        .map(|place| place.to_string())
        .unwrap_or_default();
    let further = format!("/log?{}", query.with("after", &further));
    let part = Part {
        lines: found.lines,
        ended: found
            .back_to
            .map(|back_to| (Moment::new(back_to, now), further)),
        one_tenant: choice.tenant.is_some(),
        is_filtered: choice.is_filtered,
    };
    part.render().map_err(|error| Problem::internal(&error))
}

/// The refusals by cause instead of one by one.
async fn causes(visit: &Visit, choice: &Choice) -> Result<String, Problem> {
    struct Row {
        code: &'static str,
        meaning: &'static str,
        tenant: String,
        count: u64,
        first: Moment,
        last: Moment,
        link: String,
    }
    #[derive(Template)]
    #[template(path = "log/causes.html")]
    struct Part {
        rows: Vec<Row>,
        /// Where they are too many to count all.
        since: Option<Moment>,
    }
    let filter = choice.filter.clone();
    let found = ask(&visit.console, move |reader| reader.by_cause(&filter)).await?;
    let mut snapshot = visit.read().await?;
    let mut names = Names::new(snapshot.as_mut());
    let mut rows = Vec::new();
    for one in found.refusals {
        let mut link = visit.query.set("group", "");
        link = match one.cause {
            Some(cause) => link.set("cause", cause.as_str()),
            None => link.set("show", "errors"),
        };
        let tenant = names.tenant(one.tenant).await?;
        if let Some(tenant) = &tenant {
            link = link.set("tenant", &tenant.key);
        }
        rows.push(Row {
            code: one.cause.map_or("no code", Cause::as_str),
            meaning: one.cause.map_or("", Cause::meaning),
            tenant: tenant.map_or_else(|| "nobody’s".to_owned(), |tenant| tenant.name.clone()),
            count: one.count,
            first: Moment::new(one.first, visit.now()),
            last: Moment::new(one.last, visit.now()),
            link: format!("/log?{}", link.with("after", "")),
        });
    }
    let part = Part {
        rows,
        since: found.since.map(|at| Moment::new(at, visit.now())),
    };
    part.render().map_err(|error| Problem::internal(&error))
}

/// What was asked, in a word.
pub(super) fn verb(operation: Operation) -> &'static str {
    match operation {
        Operation::Lookup => "Look up",
        Operation::List => "List",
        Operation::Get => "Read",
        Operation::Create => "Create",
        Operation::Replace => "Replace",
        Operation::Patch => "Change",
        Operation::Delete => "Delete",
        Operation::Bulk => "Bulk",
        Operation::Search => "Search",
        Operation::Discovery => "Discover",
        Operation::Other => "Other",
    }
}
