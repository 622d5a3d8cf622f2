//! `/tenants/{key}/log`: the sync log, newest first, and one request with its bodies.

use provisor_store::{
    Cause, Connection, LogReader, RequestId, Scope, StoreError,
    log::{LogFilter, Logged, Operation, Show, Whose},
};
use scim::Value;
use serde::Deserialize;

use super::{Answer, ApiError, Call, page};
use crate::app_view;

#[derive(Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Shown {
    #[default]
    All,
    Errors,
    Writes,
    ErrorsAndWrites,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogQuery {
    limit: Option<usize>,
    after: Option<String>,
    #[serde(default)]
    show: Shown,
    connection: Option<String>,
    operation: Option<String>,
    status: Option<u16>,
    cause: Option<String>,
    name: Option<String>,
    resource: Option<String>,
    since: Option<String>,
    until: Option<String>,
}

pub(super) async fn list(mut call: Call) -> Result<Answer, ApiError> {
    let query: LogQuery = call.query()?;
    let size = page::size(query.limit, &call.state.settings)?;
    let connections = connections(&mut call).await?;
    let filter = LogFilter {
        limit: size,
        ..filter(&call, query, &connections)?
    };
    let entries = ask(&mut call, move |reader| reader.entries(&filter)).await?;
    let last = entries.last().filter(|_| entries.len() == size);
    let next = last.map(|last| last.place().to_string());
    let data = entries
        .into_iter()
        .map(|logged| view(&call, logged, &connections));
    Ok(page::answer(data.collect(), next))
}

pub(super) async fn show(mut call: Call) -> Result<Answer, ApiError> {
    let shown = call.parameter("request").to_owned();
    let connections = connections(&mut call).await?;
    let found = match shown.parse::<RequestId>() {
        Ok(request) => ask(&mut call, move |reader| reader.entry(request)).await?,
        Err(_) => None,
    };
    let tenant = call.tenant_id();
    match found.filter(|logged| logged.entry.tenant == Some(tenant)) {
        Some(logged) => Ok(Answer::ok(view(&call, logged, &connections))),
        None => Err(ApiError::not_found("request in the log", &shown)),
    }
}

/// Entries know connections by number only.
async fn connections(call: &mut Call) -> Result<Vec<Connection>, ApiError> {
    let tenant = call.tenant_id();
    Ok(call.snapshot().await?.connections(tenant).await?)
}

/// Asks the log on a thread that may wait for the disk; the view of the directory ends before.
async fn ask<T: Send + 'static>(
    call: &mut Call,
    question: impl FnOnce(&LogReader) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, ApiError> {
    call.close_snapshot();
    let reader = call.state.log.reader().clone();
    match tokio::task::spawn_blocking(move || question(&reader)).await {
        Ok(answer) => Ok(answer?),
        Err(failure) => Err(ApiError::internal(&failure)),
    }
}

/// Personal values are masked unless the token may administer the tenant.
fn view(call: &Call, mut logged: Logged, connections: &[Connection]) -> Value {
    if !call.caller.token.scopes.has(Scope::Admin) {
        logged.entry = logged.entry.masked();
    }
    let link = logged.entry.connection;
    let name = connections
        .iter()
        .find(|connection| Some(connection.id) == link)
        .map(|connection| connection.name.as_str());
    app_view::log_entry(&logged.entry, name)
}

fn filter(call: &Call, query: LogQuery, connections: &[Connection]) -> Result<LogFilter, ApiError> {
    let connection = match query.connection {
        Some(name) => {
            let found = connections.iter().find(|known| known.name == name);
            let unknown = || {
                ApiError::invalid(format!(
                    "\"connection\" is \"{name}\", which the tenant does not have."
                ))
            };
            Some(found.ok_or_else(unknown)?.id)
        }
        None => None,
    };
    let operation = known("operation", query.operation, Operation::named, || {
        names(Operation::ALL.iter().map(|operation| operation.as_str()))
    })?;
    let cause = known("cause", query.cause, Cause::from_code, || {
        names(Cause::ALL.iter().map(|cause| cause.as_str()))
    })?;
    let resource = known(
        "resource",
        query.resource,
        |id| id.parse().ok(),
        || "the id of a user or team".into(),
    )?;
    let time = |name, text| {
        known(
            name,
            text,
            |text| scim::datetime::parse(text).map(|at| at.as_millisecond()),
            || "a time of the form 2027-01-31T00:00:00Z".into(),
        )
    };
    let before = match &query.after {
        Some(after) => Some(after.parse().map_err(|_| page::bad_after(after))?),
        None => None,
    };
    Ok(LogFilter {
        tenant: Some(call.tenant_id()),
        whose: Whose::All,
        connection,
        token: None,
        operation,
        status: query.status.map(|status| status..=status),
        show: match query.show {
            Shown::All => Show::All,
            Shown::Errors => Show::Errors,
            Shown::Writes => Show::Writes,
            Shown::ErrorsAndWrites => Show::ErrorsAndWrites,
        },
        cause,
        name: query.name,
        resource,
        request: None,
        since: time("since", query.since)?,
        until: time("until", query.until)?,
        before,
        limit: 0,
        bodies: false,
    })
}

fn known<T>(
    parameter: &str,
    text: Option<String>,
    read: impl Fn(&str) -> Option<T>,
    expected: impl Fn() -> String,
) -> Result<Option<T>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    read(&text).map(Some).ok_or_else(|| {
        ApiError::invalid(format!(
            "\"{parameter}\" is \"{text}\"; it must be {}.",
            expected()
        ))
    })
}

fn names<'n>(names: impl Iterator<Item = &'n str>) -> String {
    format!("one of {}", names.collect::<Vec<_>>().join(", "))
}
