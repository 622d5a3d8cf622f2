//! `provisor log`: what identity providers asked, and what was answered.

use std::{collections::HashMap, ops::RangeInclusive, time::Duration};

use clap::{Args, Subcommand};
use provisor_store::{
    Cause, Connection, RequestId, TenantId, TokenId,
    log::{Body, LogFilter, LogReader, Logged, Operation, Place, Show},
};
use scim::Value;

use super::{Context, argument};
use crate::{
    directory::{self, Directory},
    failure::Failure,
    terminal, views,
};

/// How often a follower looks for news.
const PAUSE: Duration = Duration::from_millis(250);
/// Entries read at a time.
const PAGE: usize = 200;
/// Tenants read at a time.
const TENANTS: usize = 1000;
/// Entries of the past that `tail` begins with.
const RECENT: usize = 10;

#[derive(Debug, Subcommand)]
pub(crate) enum Log {
    /// Print requests as they come, oldest first
    #[command(after_help = "\
Examples:
  provisor log tail --tenant acme --errors
  provisor log tail --json | jq .cause")]
    Tail {
        #[command(flatten)]
        filter: Filter,
        /// Print the last ten and end
        #[arg(long)]
        no_follow: bool,
    },
    /// List requests, newest first
    #[command(after_help = "\
Examples:
  provisor log list --tenant acme --name lena@acme.com
  provisor log list --errors --since 2h
  provisor log list --tenant acme --status 409 --cause uniqueness --json")]
    List {
        #[command(flatten)]
        filter: Filter,
        /// Not after: a time, or how long ago
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        /// Only what is older than this entry, as the page before ended
        #[arg(long, value_name = "PLACE", value_parser = place)]
        before: Option<Place>,
        /// At most this many
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Show one request with its bodies, secrets blotted out
    #[command(after_help = "Example:\n  provisor log show req_0h5k3v9x2c7m4n8p1q6r0s5t2w")]
    Show {
        /// The request id, as in the answer's X-Request-Id
        #[arg(value_name = "REQUEST")]
        request: RequestId,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Filter {
    /// Only this tenant's
    #[arg(long, value_name = "KEY")]
    tenant: Option<String>,
    /// Only this connection's
    #[arg(long, value_name = "NAME", requires = "tenant")]
    connection: Option<String>,
    /// Only what came with this token: tok_3
    #[arg(long, value_name = "ID", requires = "tenant", value_parser = argument::token)]
    token: Option<TokenId>,
    /// Only refusals and failures; with --writes: and all writes
    #[arg(long)]
    errors: bool,
    /// Only what changes the directory, also when refused
    #[arg(long)]
    writes: bool,
    /// Only this operation: lookup, list, get, create, replace, patch, delete, bulk, search, discovery
    #[arg(long, value_name = "NAME", value_parser = operation)]
    operation: Option<Operation>,
    /// Only this status, or a range: 409, 4xx, 400-499
    #[arg(long, value_parser = status)]
    status: Option<RangeInclusive<u16>>,
    /// Only refusals with this cause: uniqueness, invalid_filter, …
    #[arg(long, value_parser = cause)]
    cause: Option<Cause>,
    /// Only what names this user, team or value
    #[arg(long, value_name = "TEXT", requires = "tenant")]
    name: Option<String>,
    /// Not before: a time (2026-11-23T10:00:00Z), or how long ago (2h)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
}

impl Filter {
    async fn resolve(self, context: &Context) -> Result<LogFilter, Failure> {
        let (mut tenant, mut connection) = (None, None);
        if let Some(key) = &self.tenant {
            let directory = context.directory()?;
            let found = directory.tenant(key).await?;
            if let Some(name) = &self.connection {
                let connections: Vec<Connection> =
                    directory.read().await?.connections(found.id).await?;
                let named = directory::connection(&connections, key, Some(name))?;
                connection = Some(named.id);
            }
            tenant = Some(found.id);
        }
        Ok(LogFilter {
            tenant,
            connection,
            token: self.token,
            operation: self.operation,
            status: self.status,
            show: match (self.errors, self.writes) {
                (true, true) => Show::ErrorsAndWrites,
                (true, false) => Show::Errors,
                (false, true) => Show::Writes,
                (false, false) => Show::All,
            },
            cause: self.cause,
            name: self.name,
            since: moment(context, self.since.as_deref())?,
            ..LogFilter::default()
        })
    }
}

impl Log {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let log = context.log()?;
        match self {
            Log::Tail { filter, no_follow } => {
                let filter = filter.resolve(context).await?;
                tail(context, &log, filter, !no_follow).await
            }
            Log::List {
                filter,
                until,
                before,
                limit,
            } => {
                let filter = LogFilter {
                    until: moment(context, until.as_deref())?,
                    before,
                    limit: limit as usize,
                    ..filter.resolve(context).await?
                };
                let entries = log.entries(&filter)?;
                Names::new(context)?.print(&entries).await?;
                if let Some(last) = entries.last().filter(|_| entries.len() == filter.limit) {
                    let Place { at, id } = last.place();
                    terminal::note(&format!("There may be more: --before {at}-{id}"));
                }
                Ok(())
            }
            Log::Show { request } => {
                let Some(logged) = log.entry(request)? else {
                    return Err(Failure::not_found(format!(
                        "The log has no request {request}: it is too old, was a read that was only counted, or came to another server."
                    )));
                };
                let names = Names::new(context)?;
                names.show(&logged).await
            }
        }
    }
}

async fn tail(
    context: &Context,
    log: &LogReader,
    mut filter: LogFilter,
    follow: bool,
) -> Result<(), Failure> {
    // Read before the past is printed, so that nothing slips in between.
    let mut after = log.last_id()?;
    filter.limit = RECENT;
    let mut names = Names::new(context)?;
    let mut recent = log.entries(&filter)?;
    recent.retain(|logged| logged.id <= after);
    recent.reverse();
    names.print(&recent).await?;
    filter.limit = PAGE;
    if !follow {
        return Ok(());
    }
    loop {
        // What does not match is passed over for good, not read again with every look.
        let newest = log.last_id()?;
        let entries = log.tail(after, &filter)?;
        names.print(&entries).await?;
        after = entries.last().map_or(after, |logged| logged.id);
        if entries.len() < PAGE {
            after = after.max(newest);
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Prints entries with the names of tenants and connections, which the log knows by number only.
struct Names<'c> {
    context: &'c Context,
    directory: Directory,
    tenants: HashMap<TenantId, String>,
    connections: HashMap<TenantId, Vec<Connection>>,
}

impl<'c> Names<'c> {
    fn new(context: &'c Context) -> Result<Self, Failure> {
        Ok(Self {
            context,
            directory: context.directory()?,
            tenants: HashMap::new(),
            connections: HashMap::new(),
        })
    }

    async fn print(&mut self, entries: &[Logged]) -> Result<(), Failure> {
        for logged in entries {
            let view = self.view(logged).await?;
            if self.context.json {
                terminal::json(&view)?;
            } else {
                terminal::line(&summary(&view))?;
            }
        }
        Ok(())
    }

    async fn show(mut self, logged: &Logged) -> Result<(), Failure> {
        let mut view = self.view(logged).await?;
        let entry = &logged.entry;
        view["why"] = entry.cause.map(Cause::meaning).into();
        if self.context.json {
            return terminal::json(&view);
        }
        let notes = entry.fired.notes.iter();
        let notes = notes.map(|(tolerance, note)| format!("{tolerance}: {note}"));
        view["tolerances"] = notes.collect::<Vec<_>>().join("; ").into();
        let fields = FIELDS.map(|field| (field, views::text(&view, field)));
        terminal::show(false, &view, &fields)?;
        body("sent", &entry.request_body)?;
        body("answered", &entry.response_body)
    }

    async fn view(&mut self, logged: &Logged) -> Result<Value, Failure> {
        let entry = &logged.entry;
        let (mut tenant, mut connection) = (None, None);
        if let Some(id) = entry.tenant {
            if !self.connections.contains_key(&id) {
                self.learn(id).await?;
            }
            tenant = self.tenants.get(&id).cloned();
            connection = self.connections.get(&id).and_then(|known| {
                let found = known.iter().find(|one| Some(one.id) == entry.connection)?;
                Some(found.name.clone())
            });
        }
        let mut view = views::log_entry(entry, connection.as_deref());
        view["tenant"] = tenant.into();
        Ok(view)
    }

    /// Reads a tenant's connections, and the keys of all tenants if this one's is not known.
    /// Connections made while a follower runs are learned at its next start.
    async fn learn(&mut self, tenant: TenantId) -> Result<(), Failure> {
        let mut snapshot = self.directory.read().await?;
        let connections = snapshot.connections(tenant).await?;
        self.connections.insert(tenant, connections);
        let mut after = String::new();
        while !self.tenants.contains_key(&tenant) {
            let page = snapshot.tenants(&after, TENANTS).await?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.key);
            self.tenants
                .extend(page.into_iter().map(|tenant| (tenant.id, tenant.key)));
        }
        Ok(())
    }
}

/// What `log show` prints, in this order.
const FIELDS: [&str; 20] = [
    "request",
    "at",
    "duration_us",
    "tenant",
    "connection",
    "token",
    "client",
    "address",
    "method",
    "path",
    "query",
    "operation",
    "status",
    "cause",
    "detail",
    "why",
    "tolerances",
    "resource_type",
    "resource",
    "events",
];

/// One line for people.
fn summary(view: &Value) -> String {
    let text = |field: &str| views::text(view, field);
    let mut line = format!(
        "{}  {}  {:<9}  {}  {} {}",
        text("at"),
        text("status"),
        text("operation"),
        text("request"),
        text("method"),
        text("path"),
    );
    if !text("query").is_empty() {
        line.push_str(&format!("?{}", text("query")));
    }
    if !text("cause").is_empty() {
        line.push_str(&format!("  {}: {}", text("cause"), text("detail")));
    }
    line
}

fn body(title: &str, body: &Body) -> Result<(), Failure> {
    if body.length() == 0 {
        return Ok(());
    }
    terminal::line("")?;
    terminal::line(&format!(
        "{title} ({} bytes, {})",
        body.length(),
        body.kept().as_str()
    ))?;
    if body.bytes().is_empty() {
        return Ok(());
    }
    let text = match serde_json::from_slice::<Value>(body.bytes()) {
        Ok(value) => serde_json::to_string_pretty(&value).unwrap_or_default(),
        Err(_) => String::from_utf8_lossy(body.bytes()).into_owned(),
    };
    text.lines().try_for_each(terminal::line)
}

/// A time as people say it: a date-time, or a duration ago.
fn moment(context: &Context, text: Option<&str>) -> Result<Option<i64>, Failure> {
    let Some(text) = text else {
        return Ok(None);
    };
    if let Some(instant) = scim::datetime::parse(text) {
        return Ok(Some(instant.as_millisecond()));
    }
    match argument::duration(text) {
        Ok(ago) => Ok(Some(context.clock.now() - argument::millis(ago))),
        Err(_) => Err(Failure::usage(format!(
            "\"{text}\" is no time; write 2026-11-23T10:00:00Z, or how long ago: 2h."
        ))),
    }
}

fn operation(name: &str) -> Result<Operation, String> {
    Operation::named(name).ok_or_else(|| {
        let known: Vec<_> = Operation::ALL.iter().map(|one| one.as_str()).collect();
        format!("use one of {}", known.join(", "))
    })
}

fn cause(code: &str) -> Result<Cause, String> {
    Cause::from_code(code).ok_or_else(|| {
        let known = Cause::ALL.iter().map(|cause| cause.as_str());
        match crate::config::closest(code, known.clone()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("use one of {}", known.collect::<Vec<_>>().join(", ")),
        }
    })
}

fn status(text: &str) -> Result<RangeInclusive<u16>, String> {
    let wrong = || "write 409, 4xx or 400-499".to_owned();
    let code = |text: &str| {
        let code = text.parse::<u16>().ok();
        code.filter(|code| (100..600).contains(code))
            .ok_or_else(wrong)
    };
    if let Some(class) = text.strip_suffix("xx") {
        let first = code(&format!("{class}00"))?;
        return Ok(first..=first + 99);
    }
    match text.split_once('-') {
        Some((first, last)) => Ok(code(first)?..=code(last)?),
        None => {
            let code = code(text)?;
            Ok(code..=code)
        }
    }
}

fn place(text: &str) -> Result<Place, String> {
    let place = text.split_once('-').and_then(|(at, id)| {
        Some(Place {
            at: at.parse().ok()?,
            id: id.parse().ok()?,
        })
    });
    place.ok_or_else(|| "a place is what the page before printed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_codes_classes_and_ranges() {
        for (text, expected) in [
            ("409", Some(409..=409)),
            ("4xx", Some(400..=499)),
            ("400-404", Some(400..=404)),
            ("99", None),
            ("6xx", None),
            ("xx", None),
            ("4-5", None),
        ] {
            assert_eq!(status(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn causes_and_operations_are_known_by_name() {
        assert_eq!(cause("uniqueness"), Ok(Cause::Uniqueness));
        assert_eq!(cause("uniquness").unwrap_err(), "did you mean uniqueness?");
        assert!(operation("create").is_ok());
        assert!(operation("destroy").is_err());
    }

    #[test]
    fn places_round_trip() {
        assert_eq!(place("12-3"), Ok(Place { at: 12, id: 3 }));
        assert!(place("12").is_err());
    }
}
