//! `provisor user why`: what directory, events and sync log say about a name.

use std::time::Duration;

use provisor_server::why::{Facts, Verdict};
use provisor_store::{
    Id, Stored, Tenant,
    log::{LogFilter, LogReader, Logged, Seen, Window},
};
use scim::datetime::format_millis;

use super::Context;
use crate::{directory::Directory, failure::Failure, terminal, views};

/// Requests and events that are looked at.
const LOOKED_AT: usize = 100;
/// How often the log is asked whether it has caught up: together twice the time it gathers.
const GATHERED: u32 = 10;
const PAUSE: Duration = Duration::from_millis(50);

pub(super) async fn run(
    context: &Context,
    directory: &Directory,
    tenant: &Tenant,
    name: &str,
    user: Option<&Stored>,
) -> Result<(), Failure> {
    let mut snapshot = directory.read().await?;
    let tombstone = match (user, name.parse::<Id>()) {
        (Some(_), _) => None,
        (None, Ok(id)) => snapshot.tombstone(tenant.id, Some(id), None).await?,
        (None, Err(_)) => snapshot.tombstone(tenant.id, None, Some(name)).await?,
    };
    let known = user.or(tombstone.as_ref().map(|(stored, _)| stored));
    let events = match known {
        Some(stored) => snapshot.events_of(tenant.id, stored.id, LOOKED_AT).await?,
        None => Vec::new(),
    };
    let connections = snapshot.connections(tenant.id).await?;
    drop(snapshot);
    let log = match context.log() {
        Ok(log) => {
            settle(context, &log, tenant).await?;
            Some(Log::read(&log, tenant, &names(name, known))?)
        }
        Err(missing) => {
            terminal::note(&format!("warning: {missing}"));
            None
        }
    };
    let verdict = Verdict::of(&Facts {
        name,
        user,
        tombstone: tombstone.as_ref().map(|(stored, at)| (stored, *at)),
        events: &events,
        requests: log.as_ref().map_or(&[], |log| &log.requests),
        seen: log.as_ref().and_then(|log| log.seen),
        window: log.as_ref().map(|log| &log.window),
        last_request: log.as_ref().and_then(|log| log.last_request),
        connections: &connections,
    });
    print(context, &verdict)
}

/// Waits until what has just arrived is in the log, which gathers entries for a moment. A log that
/// stands still has nothing to wait for.
async fn settle(context: &Context, log: &LogReader, tenant: &Tenant) -> Result<(), Failure> {
    let asked = context.clock.now();
    for _ in 0..GATHERED {
        if log.window(tenant.id)?.to >= asked {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// Everything a request may have called the user.
fn names(name: &str, known: Option<&Stored>) -> Vec<String> {
    let mut names = vec![name.to_owned()];
    if let Some(stored) = known {
        let view = views::resource(stored);
        let fields = views::row(&view, &["id", "user_name", "email", "external_id"]);
        names.extend(fields.into_iter().filter(|field| !field.is_empty()));
    }
    names.sort_unstable();
    names.dedup();
    names
}

struct Log {
    /// Newest first.
    requests: Vec<Logged>,
    seen: Option<Seen>,
    window: Window,
    last_request: Option<i64>,
}

impl Log {
    fn read(log: &LogReader, tenant: &Tenant, names: &[String]) -> Result<Self, Failure> {
        let mut requests = Vec::new();
        let mut seen: Option<Seen> = None;
        for name in names {
            requests.extend(log.by_name(tenant.id, name, LOOKED_AT)?);
            let found = log.seen(tenant.id, name)?;
            seen = match (seen, found) {
                (Some(a), Some(b)) => Some(Seen {
                    first: a.first.min(b.first),
                    last: a.last.max(b.last),
                    // One request may carry several of the names.
                    count: a.count.max(b.count),
                }),
                (a, b) => a.or(b),
            };
        }
        requests.sort_by_key(|logged| std::cmp::Reverse(logged.place()));
        requests.dedup_by_key(|logged| logged.id);
        let last = log.entries(&LogFilter {
            tenant: Some(tenant.id),
            limit: 1,
            ..LogFilter::default()
        })?;
        Ok(Self {
            requests,
            seen,
            window: log.window(tenant.id)?,
            last_request: last.first().map(|logged| logged.entry.at),
        })
    }
}

fn print(context: &Context, verdict: &Verdict) -> Result<(), Failure> {
    if context.json {
        return terminal::json(&verdict.to_json());
    }
    terminal::line(&verdict.sentence)?;
    if !verdict.evidence.is_empty() {
        terminal::line("")?;
    }
    for evidence in &verdict.evidence {
        let request = evidence
            .request
            .as_deref()
            .map(|request| format!("  [{request}]"))
            .unwrap_or_default();
        terminal::line(&format!(
            "  {}  {}{request}",
            format_millis(evidence.at),
            evidence.text
        ))?;
    }
    if !verdict.advice.is_empty() {
        terminal::line("")?;
    }
    verdict
        .advice
        .iter()
        .try_for_each(|advice| terminal::line(advice))
}
