//! Requests of the sync log about one user or team, as pages show them.

use std::collections::HashMap;

use provisor_store::{
    Connection, ConnectionId, Event, Id, RequestId, TenantId,
    log::{LogFilter, Logged},
};

use super::{Console, Problem, eyes::Eyes, moment::Moment};

/// Rows shown; the log has the rest.
const SHOWN: usize = 50;

/// One request.
pub(super) struct Row {
    pub(super) at: Moment,
    pub(super) operation: &'static str,
    pub(super) status: u16,
    pub(super) cause: &'static str,
    pub(super) detail: String,
    pub(super) connection: String,
    pub(super) client: String,
    pub(super) took: String,
    pub(super) request: String,
}

impl Row {
    pub(super) fn class(&self) -> &'static str {
        match self.status {
            0..400 => "tag--ok",
            _ => "tag--err",
        }
    }
}

/// Requests as rows.
pub(super) fn rows(
    logged: &[Logged],
    connections: &[Connection],
    eyes: Eyes,
    now: i64,
) -> Vec<Row> {
    let names: HashMap<ConnectionId, &str> = connections
        .iter()
        .map(|connection| (connection.id, connection.name.as_str()))
        .collect();
    let rows = logged.iter().take(SHOWN).map(|logged| {
        let entry = &logged.entry;
        let name = entry.connection.and_then(|id| names.get(&id));
        Row {
            at: Moment::new(entry.at, now),
            operation: entry.operation.as_str(),
            status: entry.status,
            cause: entry.cause.map_or("", |cause| cause.as_str()),
            detail: eyes.text(&entry.detail),
            connection: name.copied().unwrap_or_default().to_owned(),
            client: entry.client.clone(),
            took: format!("{:.1} ms", entry.duration_us as f64 / 1000.0),
            request: entry.request.to_string(),
        }
    });
    rows.collect()
}

/// Requests about a resource, newest first: those that name it and those that made these events.
/// Without a log there are none.
pub(super) async fn about(
    console: &Console,
    tenant: TenantId,
    id: Id,
    events: &[Event],
) -> Result<Vec<Logged>, Problem> {
    let log = console.log.clone();
    let requests = events.iter().filter_map(|event| event.request.parse().ok());
    let requests: Vec<RequestId> = requests.collect();
    let work = tokio::task::spawn_blocking(move || {
        log.flush();
        let of = |filter: LogFilter| {
            let found = log.reader().entries(&LogFilter {
                tenant: Some(tenant),
                limit: SHOWN,
                ..filter
            });
            found.unwrap_or_else(|error| {
                tracing::warn!(%error, "the sync log cannot be asked");
                Vec::new()
            })
        };
        let mut found = of(LogFilter {
            name: Some(id.to_string()),
            ..LogFilter::default()
        });
        // What made it, alone or in a bulk, did not know its id yet.
        for request in requests {
            if !found.iter().any(|logged| logged.entry.request == request) {
                found.extend(of(LogFilter {
                    request: Some(request),
                    ..LogFilter::default()
                }));
            }
        }
        found.sort_by_key(|logged| std::cmp::Reverse(logged.place()));
        found
    });
    work.await.map_err(|error| Problem::internal(&error))
}
