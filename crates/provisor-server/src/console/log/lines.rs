//! Entries as lines; many alike in a row become one.

use std::collections::HashMap;

use provisor_store::{
    Connection, LogReader, Snapshot, StoreError, Tenant, TenantId,
    log::{Entry, LogFilter, Logged, Operation, Place},
};
use scim::{Value, datetime::format_millis};

use super::{
    super::{Console, Problem, called::Called, eyes::Eyes, fields::Fields},
    ask, verb,
};

/// Lines of a page.
const PAGE: usize = 50;
/// Entries that are read for it.
const READ: usize = 400;
/// So many alike in a row become one line.
const ALIKE: usize = 5;

/// A line.
pub(super) struct Line {
    pub(super) link: String,
    /// Exact time.
    pub(super) iso: String,
    /// As shown.
    pub(super) clock: String,
    /// For many: the time of the oldest.
    pub(super) from: Option<String>,
    pub(super) count: usize,
    pub(super) verb: &'static str,
    pub(super) noun: &'static str,
    /// Whom or what it is about: as the request calls it, else as the directory does.
    pub(super) who: String,
    /// Its page.
    pub(super) page: Option<String>,
    pub(super) request: String,
    pub(super) method: String,
    pub(super) target: String,
    pub(super) status: u16,
    pub(super) cause: Option<&'static str>,
    pub(super) detail: String,
    pub(super) tolerances: u32,
    pub(super) took: String,
    pub(super) tenant: String,
    pub(super) connection: String,
}

/// Names of tenants and connections, which the log knows by number only.
pub(super) struct Names<'s> {
    snapshot: &'s mut dyn Snapshot,
    tenants: HashMap<TenantId, Option<Tenant>>,
    connections: HashMap<TenantId, Vec<Connection>>,
}

impl<'s> Names<'s> {
    pub(super) fn new(snapshot: &'s mut dyn Snapshot) -> Self {
        Self {
            snapshot,
            tenants: HashMap::new(),
            connections: HashMap::new(),
        }
    }

    pub(super) async fn tenant(&mut self, id: Option<TenantId>) -> Result<Option<Tenant>, Problem> {
        let Some(id) = id else { return Ok(None) };
        if let Some(known) = self.tenants.get(&id) {
            return Ok(known.clone());
        }
        let found = self.snapshot.tenant_by_id(id).await?;
        self.tenants.insert(id, found.clone());
        Ok(found)
    }

    /// What the resources of these entries are called.
    async fn called(&mut self, eyes: Eyes, runs: &[Run]) -> Result<Called, Problem> {
        let mut wanted = Vec::new();
        for entry in runs.iter().map(|run| &run.newest.entry) {
            if let (Some(tenant), Some(id)) = (self.tenant(entry.tenant).await?, entry.resource) {
                wanted.push((tenant, id));
            }
        }
        let wanted = wanted.iter().map(|(tenant, id)| (tenant, *id));
        Called::read(self.snapshot, eyes, wanted).await
    }

    pub(super) async fn connection(
        &mut self,
        entry: &Entry,
    ) -> Result<Option<&Connection>, Problem> {
        let Some(tenant) = entry.tenant else {
            return Ok(None);
        };
        if !self.connections.contains_key(&tenant) {
            let found = self.snapshot.connections(tenant).await?;
            self.connections.insert(tenant, found);
        }
        let mut known = self.connections.get(&tenant).into_iter().flatten();
        Ok(known.find(|one| Some(one.id) == entry.connection))
    }
}

/// Entries alike in a row.
struct Run {
    newest: Logged,
    oldest: Place,
    count: usize,
}

/// A page of lines.
pub(super) struct Lines {
    pub(super) lines: Vec<Line>,
    /// Where the next page begins, if there is more.
    pub(super) next: Option<Place>,
    /// How far back it looked, where it ended before it was full.
    pub(super) back_to: Option<i64>,
}

/// A page of lines.
pub(super) async fn page(
    console: &Console,
    filter: LogFilter,
    folds: bool,
    eyes: Eyes,
    names: &mut Names<'_>,
    query: &Fields,
) -> Result<Lines, Problem> {
    let now = console.clock.now();
    let filter = LogFilter {
        limit: READ,
        ..filter
    };
    let (runs, next, back_to) = ask(console, move |reader| {
        let page = reader.page(&filter)?;
        let is_full = page.entries.len() == READ;
        let alike = if folds { ALIKE } else { usize::MAX };
        let (mut runs, mut next) = fold(page.entries, alike, is_full);
        for run in &mut runs {
            fill(reader, run)?;
        }
        // Unless the lines already end before what was looked at.
        let ended = page.ended.filter(|_| next.is_none());
        next = next.or(ended);
        Ok((runs, next, ended.map(|place| place.at)))
    })
    .await?;
    let mut lines = Vec::new();
    let called = names.called(eyes, &runs).await?;
    for run in runs {
        let tenant = names.tenant(run.newest.entry.tenant).await?;
        let connection = names.connection(&run.newest.entry).await?;
        let connection = connection.map(|connection| connection.name.clone());
        lines.push(line(
            run,
            tenant,
            connection.unwrap_or_default(),
            &called,
            eyes,
            now,
            query,
        ));
    }
    Ok(Lines {
        lines,
        next,
        back_to,
    })
}

/// What makes two entries alike.
fn kind(entry: &Entry) -> impl PartialEq + use<'_> {
    let who = (entry.tenant, entry.connection, entry.token, &entry.method);
    let what = (entry.operation, &entry.resource_type, entry.status);
    (who, what, entry.cause)
}

/// Runs for a page, and where it ends if more follows.
fn fold(entries: Vec<Logged>, alike: usize, is_full: bool) -> (Vec<Run>, Option<Place>) {
    let mut runs: Vec<Run> = Vec::new();
    let mut more = is_full;
    for same in entries.chunk_by(|a, b| kind(&a.entry) == kind(&b.entry)) {
        let size = if same.len() >= alike { same.len() } else { 1 };
        for run in same.chunks(size) {
            if runs.len() == PAGE {
                more = true;
                break;
            }
            if let (Some(newest), Some(oldest)) = (run.first(), run.last()) {
                runs.push(Run {
                    newest: newest.clone(),
                    oldest: oldest.place(),
                    count: run.len(),
                });
            }
        }
    }
    let next = runs.last().map(|run| run.oldest).filter(|_| more);
    (runs, next)
}

/// Reads the body of a line that tells of somebody new.
fn fill(reader: &LogReader, run: &mut Run) -> Result<(), StoreError> {
    let entry = &run.newest.entry;
    let tells = matches!(entry.operation, Operation::Create | Operation::Replace);
    if run.count == 1
        && tells
        && let Some(whole) = reader.entry(entry.request)?
    {
        run.newest = whole;
    }
    Ok(())
}

fn line(
    run: Run,
    tenant: Option<Tenant>,
    connection: String,
    called: &Called,
    eyes: Eyes,
    now: i64,
    query: &Fields,
) -> Line {
    let mut entry = run.newest.entry;
    let is_many = run.count > 1;
    let named = match (entry.tenant, entry.resource) {
        (Some(tenant), Some(id)) if !is_many => called.get(tenant, id),
        _ => None,
    };
    if eyes.are_masked() {
        entry = entry.masked();
    }
    let link = if is_many {
        // The last moment is part of the burst.
        let mut burst = query.clone();
        for (name, value) in [
            ("since", format_millis(run.oldest.at)),
            ("until", format_millis(entry.at + 1)),
            ("operation", entry.operation.as_str().to_owned()),
            ("status", entry.status.to_string()),
            ("fold", "off".to_owned()),
            ("after", String::new()),
            ("live", "off".to_owned()),
        ] {
            burst = burst.set(name, &value);
        }
        if let Some(tenant) = &tenant {
            burst = burst.set("tenant", &tenant.key);
        }
        format!("/log?{}", burst.with("group", ""))
    } else {
        format!("/log/{}", entry.request)
    };
    Line {
        link,
        iso: format_millis(entry.at),
        clock: clock(entry.at, now),
        from: is_many.then(|| clock(run.oldest.at, now)),
        count: run.count,
        verb: verb(entry.operation),
        noun: noun(&entry),
        who: who(&entry)
            .or(named.map(|named| named.name.clone()))
            .unwrap_or_default(),
        page: named.and_then(|named| named.link.clone()),
        request: entry.request.to_string(),
        target: if is_many {
            String::new()
        } else {
            readable(&entry)
        },
        status: entry.status,
        cause: entry.cause.map(|cause| cause.as_str()),
        tolerances: entry.fired.set.bits().count_ones(),
        took: took(entry.duration_us),
        tenant: tenant.map(|tenant| tenant.name).unwrap_or_default(),
        connection,
        detail: entry.detail,
        method: entry.method,
    }
}

/// `10:42:07`, with the day if it is another one.
pub(super) fn clock(at: i64, now: i64) -> String {
    let (exact, today) = (format_millis(at), format_millis(now));
    let time = exact.get(11..19).unwrap_or_default();
    match (exact.get(..10), today.get(..10)) {
        (Some(day), Some(today)) if day != today => format!("{day} {time}"),
        _ => time.to_owned(),
    }
}

/// `3 ms`
pub(super) fn took(micros: u64) -> String {
    match micros {
        0..10_000 => format!("{}.{} ms", micros / 1000, micros % 1000 / 100),
        _ => format!("{} ms", micros / 1000),
    }
}

/// Path and query.
pub(super) fn target(entry: &Entry) -> String {
    match entry.query.as_str() {
        "" => entry.path.clone(),
        query => format!("{}?{query}", entry.path),
    }
}

/// What it is about, in a word.
pub(super) fn noun(entry: &Entry) -> &'static str {
    match entry.resource_type.as_deref() {
        Some("User") => "user",
        Some("Group") => "team",
        Some(_) => "resource",
        None => "",
    }
}

/// Path and query as people read them.
pub(super) fn readable(entry: &Entry) -> String {
    let pairs = form_urlencoded::parse(entry.query.as_bytes());
    let pairs: Vec<String> = pairs
        .map(|(name, value)| match value.is_empty() {
            true => name.into_owned(),
            false => format!("{name}={value}"),
        })
        .collect();
    match pairs.as_slice() {
        [] => entry.path.clone(),
        pairs => format!("{}?{}", entry.path, pairs.join("&")),
    }
}

/// Whom the request names.
pub(super) fn who(entry: &Entry) -> Option<String> {
    if entry.operation == Operation::Lookup {
        let readable = readable(entry);
        return Some(readable.split('"').nth(1)?.to_owned());
    }
    name_in(&serde_json::from_slice(entry.request_body.bytes()).ok()?)
}

/// The name of a user or team.
pub(super) fn name_in(resource: &Value) -> Option<String> {
    let object = resource.as_object()?;
    let named = |name: &str| {
        let mut members = object.iter();
        let found = members.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.and_then(|(_, value)| value.as_str())
    };
    named("userName")
        .or(named("displayName"))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use provisor_store::RequestId;

    use super::*;

    fn logged(id: i64, status: u16) -> Logged {
        Logged {
            id,
            entry: Entry::new(RequestId::random(), id, Operation::Patch, status),
        }
    }

    fn counts(runs: &[Run]) -> Vec<(u16, usize)> {
        let pairs = runs.iter().map(|run| (run.newest.entry.status, run.count));
        pairs.collect()
    }

    #[test]
    fn many_alike_become_one_and_few_stay() {
        let entries = (0..20).rev().map(|id| {
            let status = if (4..8).contains(&id) { 409 } else { 200 };
            logged(id, status)
        });
        let (runs, next) = fold(entries.collect(), ALIKE, false);
        let few = [(409, 1); 4].into_iter().chain([(200, 1); 4]);
        let expected: Vec<_> = [(200, 12)].into_iter().chain(few).collect();
        assert_eq!(counts(&runs), expected);
        assert_eq!(runs[0].oldest.id, 8);
        assert_eq!(next, None);
    }

    #[test]
    fn a_page_ends_where_the_next_begins() {
        let entries: Vec<_> = (0..120).rev().map(|id| logged(id, 200)).collect();
        let (runs, next) = fold(entries.clone(), usize::MAX, false);
        assert_eq!(runs.len(), PAGE);
        assert_eq!(next, Some(entries[PAGE - 1].place()));
        let (runs, next) = fold(entries.clone(), ALIKE, true);
        assert_eq!((runs.len(), next), (1, Some(entries[119].place())));
        let (_, next) = fold(entries, ALIKE, false);
        assert_eq!(next, None);
    }
}
