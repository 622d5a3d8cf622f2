//! Which entries are asked for, as SQL, and what comes back.

use std::{
    fmt::{self, Write as _},
    num::ParseIntError,
    ops::{Range, RangeInclusive},
    str::FromStr,
};

use rusqlite::{Connection, OptionalExtension, Row, params_from_iter, types::Value};
use scim::tolerance::{Fired, Tolerance, Tolerances};

use crate::{Cause, ConnectionId, Id, RequestId, TenantId, TokenId};

use super::{
    Body, Entry, Kept, Operation, file::NAMED, name::NameKey, reader::nobody, tally::among,
};

/// Rows of an answer without a limit of its own, and at most.
const LIMIT: (usize, usize) = (100, 1000);
/// Named tenants that are walked one by one.
const FEW: usize = 8;

/// Which outcomes to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Show {
    /// Everything.
    #[default]
    All,
    /// Status 400 and above.
    Errors,
    /// What changes the directory, also when refused.
    Writes,
    /// Both: what a person usually looks for.
    ErrorsAndWrites,
}

/// A place in the log: the last entry of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Its time, in milliseconds since 1970.
    pub at: i64,
    /// Its [`Logged::id`].
    pub id: i64,
}

/// `1795430525114-42`, as pages name it.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.at, self.id)
    }
}

impl FromStr for Place {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (at, id) = text.split_once('-').unwrap_or((text, ""));
        Ok(Self {
            at: at.parse()?,
            id: id.parse()?,
        })
    }
}

/// Whose entries.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Whose {
    /// Every tenant's, and nobody's: refusals that name no tenant. For operators only.
    #[default]
    All,
    /// Every tenant's.
    Tenants,
    /// Of these tenants.
    Named(Vec<TenantId>),
}

impl Whose {
    /// The tenants, if they are named.
    pub(super) fn named(&self) -> Option<&[TenantId]> {
        match self {
            Whose::Named(tenants) => Some(tenants),
            Whose::All | Whose::Tenants => None,
        }
    }
}

/// Which entries; every condition given must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogFilter {
    /// Of this tenant.
    pub tenant: Option<TenantId>,
    /// Without a tenant: of those who may be seen.
    pub whose: Whose,
    /// Of this connection; ids of connections are unique only within a tenant.
    pub connection: Option<ConnectionId>,
    /// With this token; ids of tokens are unique only within a tenant.
    pub token: Option<TokenId>,
    /// Of this operation.
    pub operation: Option<Operation>,
    /// With a status in this range, such as `400..=499`.
    pub status: Option<RangeInclusive<u16>>,
    /// Errors, writes or all.
    pub show: Show,
    /// Refused for this reason.
    pub cause: Option<Cause>,
    /// That name this user, team or value. Needs `tenant`.
    pub name: Option<String>,
    /// About this resource.
    pub resource: Option<Id>,
    /// With this request id.
    pub request: Option<RequestId>,
    /// Not before, in milliseconds since 1970.
    pub since: Option<i64>,
    /// Not at or after, in milliseconds since 1970.
    pub until: Option<i64>,
    /// Only what is older than this place: the next page.
    pub before: Option<Place>,
    /// At most so many; 0 means 100, and never more than 1,000.
    pub limit: usize,
    /// Also read the bodies; otherwise [`Body::bytes`](super::Body::bytes) is empty.
    pub bodies: bool,
}

/// An entry as it stands in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Logged {
    /// Grows with every entry; see [`LogReader::tail`](super::LogReader::tail).
    pub id: i64,
    /// The request.
    pub entry: Entry,
}

impl Logged {
    /// Its place, for the next page.
    pub fn place(&self) -> Place {
        Place {
            at: self.entry.at,
            id: self.id,
        }
    }
}

impl LogFilter {
    /// The tenants that are walked one by one, each along its own index, so that a quiet one costs
    /// nothing. For more than a few, all entries are walked once: they would share how far a page looks.
    pub(super) fn one_by_one(&self) -> Option<&[TenantId]> {
        let tenants = self.whose.named()?;
        let is_time = Walk::of(self) == Some(Walk::All);
        (is_time && tenants.len() <= FEW).then_some(tenants)
    }

    /// True for what is found by its name: those entries are looked at by their ids, the newest first.
    pub(super) fn is_by_name(&self) -> bool {
        self.name.is_some() && self.request.is_none()
    }
}

/// How many rows are meant.
pub(super) fn limit(asked: usize) -> usize {
    match asked {
        0 => LIMIT.0,
        limit => limit.min(LIMIT.1),
    }
}

/// The index along which entries are looked at, the newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Walk {
    /// All of them.
    All,
    /// A tenant's.
    Tenant(TenantId),
    /// Those with status 400 and above.
    Refused,
    /// Those of an operation that is rare.
    Rare(Operation),
}

impl Walk {
    /// Of a filter; `None`: what is found by its name or request needs no walk along the time.
    pub(super) fn of(filter: &LogFilter) -> Option<Self> {
        let is_named = filter.name.is_some() || filter.request.is_some();
        let is_refused = filter.show == Show::Errors
            || matches!(&filter.status, Some(status) if *status.start() >= 400);
        match (filter.operation, filter.tenant) {
            _ if is_named => None,
            (Some(operation), _) if operation.is_rare() => Some(Walk::Rare(operation)),
            _ if is_refused => Some(Walk::Refused),
            (_, Some(tenant)) => Some(Walk::Tenant(tenant)),
            (_, None) => Some(Walk::All),
        }
    }

    /// Where the index has been chosen by hand, how.
    fn index(self) -> &'static str {
        match self {
            Walk::All => "INDEXED BY entry_at",
            Walk::Tenant(_) => "INDEXED BY entry_tenant_at",
            Walk::Refused => "INDEXED BY entry_refused",
            Walk::Rare(_) => "INDEXED BY entry_rare",
        }
    }

    /// What an entry of a partial index meets, beside the filter; in the text, since what is bound does
    /// not prove it.
    fn condition(self) -> String {
        match self {
            Walk::All | Walk::Tenant(_) => String::new(),
            Walk::Refused => " AND e.status >= 400".to_owned(),
            Walk::Rare(operation) => format!(" AND e.operation = {}", operation as i64),
        }
    }

    /// The time of the entry that comes after `most` others of this walk, if there are so many.
    pub(super) fn end(
        self,
        conn: &Connection,
        filter: &LogFilter,
        most: usize,
    ) -> rusqlite::Result<Option<i64>> {
        let mut query = Query {
            sql: format!(
                "SELECT e.at FROM entry e {} WHERE 1{}",
                self.index(),
                self.condition()
            ),
            values: Vec::new(),
            limit: 0,
            bodies: false,
        };
        if let Walk::Tenant(tenant) = self {
            query.and("e.tenant = ?", [tenant.0]);
        }
        if let Some(before) = filter.before {
            query.and("(e.at, e.id) < (?, ?)", [before.at, before.id]);
        }
        if let Some(until) = filter.until {
            query.and("e.at < ?", [until]);
        }
        if let Some(since) = filter.since {
            query.and("e.at >= ?", [since]);
        }
        write!(query.sql, " ORDER BY e.at DESC LIMIT 1 OFFSET {most}").ok();
        conn.prepare_cached(&query.sql)?
            .query_row(params_from_iter(&query.values), |row| row.get(0))
            .optional()
    }
}

/// A filter as SQL.
pub(super) struct Query {
    sql: String,
    values: Vec<Value>,
    limit: usize,
    bodies: bool,
}

const COLUMNS: &str = "e.id, e.request, e.at, e.duration_us, e.tenant, e.connection, e.token,
    e.client, e.address, e.method, e.path, e.query, e.operation, e.resource_type, e.resource,
    e.status, e.cause, e.detail, e.fired, e.notes, e.first_event, e.last_event, e.request_kept,
    e.request_length, e.request_sha256, e.response_kept, e.response_length, e.response_sha256,
    b.entry IS NOT NULL";

impl Query {
    /// The entries along their index, before the filter's place.
    pub(super) fn new(filter: &LogFilter, key: &NameKey) -> Self {
        let mut query = Self::walking(filter, key, Walk::of(filter), 0..i64::MAX);
        if let Some(before) = filter.before {
            query.and("(e.at, e.id) < (?, ?)", [before.at, before.id]);
        }
        query
    }

    /// The entries that have the filter's name, with ids from this one on and before the filter's place.
    pub(super) fn named(filter: &LogFilter, key: &NameKey, from: i64) -> Self {
        let before = filter.before.map_or(i64::MAX, |before| before.id);
        Self::walking(filter, key, None, from..before)
    }

    /// The entries by their ids.
    pub(super) fn tail(filter: &LogFilter, key: &NameKey) -> Self {
        Self::walking(filter, key, None, 0..i64::MAX)
    }

    fn walking(filter: &LogFilter, key: &NameKey, walk: Option<Walk>, named: Range<i64>) -> Self {
        let columns = if filter.bodies {
            format!("{COLUMNS}, b.request, b.response")
        } else {
            COLUMNS.to_owned()
        };
        let (sql, values) = Self::source(&columns, filter, key, walk, named);
        Self {
            sql,
            values,
            limit: limit(filter.limit),
            bodies: filter.bodies,
        }
    }

    /// These columns of what the filter lets through, without order and limit, with the values to bind.
    /// What has the filter's name is looked for among these ids.
    pub(super) fn source(
        columns: &str,
        filter: &LogFilter,
        key: &NameKey,
        walk: Option<Walk>,
        named: Range<i64>,
    ) -> (String, Vec<Value>) {
        let from = walk.map_or(String::new(), Walk::condition);
        let index = walk.map_or("", Walk::index);
        let mut query = Self {
            sql: format!(
                "SELECT {columns} FROM entry e {index} LEFT JOIN body b ON b.entry = e.id \
                 WHERE 1{from}"
            ),
            values: Vec::new(),
            limit: 0,
            bodies: false,
        };
        // Without a walk the index on time would only tempt SQLite to look at a whole tenant.
        let sign = if walk.is_some() { "" } else { "+" };
        query.conditions(filter, key, sign, named);
        (query.sql, query.values)
    }

    fn conditions(&mut self, filter: &LogFilter, key: &NameKey, sign: &str, named: Range<i64>) {
        if let Some(tenant) = filter.tenant {
            self.and(&format!("{sign}e.tenant = ?"), [tenant.0]);
        }
        self.sql.push(' ');
        self.sql.push_str(&among("e.tenant", &filter.whose));
        if let Some(token) = filter.token {
            self.and("e.token = ?", [token.0]);
        }
        if let Some(connection) = filter.connection {
            self.and("e.connection = ?", [connection.0]);
        }
        if let Some(operation) = filter.operation {
            self.and("e.operation = ?", [operation as i64]);
        }
        if let Some(status) = &filter.status {
            let range = [i64::from(*status.start()), i64::from(*status.end())];
            self.and("e.status BETWEEN ? AND ?", range);
        }
        let mut writes = String::new();
        for write in Operation::ALL.iter().filter(|op| op.is_write()) {
            let comma = if writes.is_empty() { "" } else { ", " };
            write!(writes, "{comma}{}", *write as i64).ok();
        }
        match filter.show {
            Show::All => {}
            Show::Errors => self.sql.push_str(" AND e.status >= 400"),
            Show::Writes => self.sql += &format!(" AND e.operation IN ({writes})"),
            Show::ErrorsAndWrites => {
                self.sql += &format!(" AND (e.status >= 400 OR e.operation IN ({writes}))");
            }
        }
        if let Some(cause) = filter.cause {
            self.and("e.cause = ?", [cause.as_str().to_owned()]);
        }
        if filter.name.is_some() {
            let (ids, values) = ids(filter, key, named);
            self.sql += &format!(" AND e.id IN ({ids})");
            self.values.extend(values);
        }
        if let Some(resource) = filter.resource {
            self.and("e.resource = ?", [resource.0.to_vec()]);
        }
        if let Some(request) = filter.request {
            self.and("e.request = ?", [request.0.to_vec()]);
        }
        if let Some(since) = filter.since {
            self.and(&format!("{sign}e.at >= ?"), [since]);
        }
        if let Some(until) = filter.until {
            self.and(&format!("{sign}e.at < ?"), [until]);
        }
    }

    pub(super) fn and<const N: usize>(&mut self, condition: &str, values: [impl Into<Value>; N]) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
        self.values.extend(values.map(Into::into));
    }

    pub(super) fn run(mut self, conn: &Connection, order: &str) -> rusqlite::Result<Vec<Logged>> {
        write!(self.sql, " ORDER BY {order} LIMIT {}", self.limit).ok();
        let bodies = self.bodies;
        conn.prepare_cached(&self.sql)?
            .query_map(params_from_iter(&self.values), |row| logged(row, bodies))?
            .collect()
    }
}

/// The ids among these whose entries have the filter's name, and what to bind.
fn ids(filter: &LogFilter, key: &NameKey, among: Range<i64>) -> (String, Vec<Value>) {
    let mut values = Vec::new();
    let named = match filter.whose.named() {
        // Hashes are the same in all tenants, so one question is enough.
        Some(tenants) if filter.tenant.is_none() => {
            let ids: Vec<String> = tenants.iter().map(TenantId::to_string).collect();
            NAMED.replace("n.tenant = ?", &format!("n.tenant IN ({})", ids.join(", ")))
        }
        _ => {
            values.push(nobody(filter.tenant).into());
            NAMED.to_owned()
        }
    };
    let name = filter.name.as_deref().unwrap_or_default();
    values.extend([key.hash(name), among.start, among.end].map(Value::from));
    (format!("{named} AND n.entry >= ? AND n.entry < ?"), values)
}

/// The place of the entry that comes after `most` others of the filter's name, if there are so many.
pub(super) fn end_of_name(
    conn: &Connection,
    key: &NameKey,
    filter: &LogFilter,
    most: usize,
) -> rusqlite::Result<Option<Place>> {
    let before = filter.before.map_or(i64::MAX, |before| before.id);
    let (ids, values) = ids(filter, key, 0..before);
    // What is sorted are numbers of one index; no entry is read but the last.
    conn.prepare_cached(&format!(
        "SELECT at, id FROM entry WHERE id =
             ({ids} ORDER BY n.entry DESC LIMIT 1 OFFSET {most})"
    ))?
    .query_row(params_from_iter(values), |row| {
        Ok(Place {
            at: row.get(0)?,
            id: row.get(1)?,
        })
    })
    .optional()
}

fn logged(row: &Row<'_>, bodies: bool) -> rusqlite::Result<Logged> {
    let cause: Option<String> = row.get(16)?;
    let address: Option<String> = row.get(8)?;
    let notes: Option<String> = row.get(19)?;
    let there = row.get(28)?;
    let body = |first: usize, bytes: usize| body(row, first, (there, bodies.then_some(bytes)));
    let entry = Entry {
        request: RequestId(row.get(1)?),
        at: row.get(2)?,
        duration_us: row.get::<_, i64>(3)?.unsigned_abs(),
        tenant: row.get::<_, Option<i64>>(4)?.map(TenantId),
        connection: row.get::<_, Option<i64>>(5)?.map(ConnectionId),
        token: row.get::<_, Option<i64>>(6)?.map(TokenId),
        client: row.get(7)?,
        address: address.and_then(|address| address.parse().ok()),
        method: row.get(9)?,
        path: row.get(10)?,
        query: row.get(11)?,
        operation: Operation::from_code(row.get(12)?),
        resource_type: row.get(13)?,
        resource: row.get::<_, Option<[u8; 16]>>(14)?.map(Id),
        status: row.get(15)?,
        cause: cause.as_deref().and_then(Cause::from_code),
        detail: row.get(17)?,
        fired: Fired {
            set: Tolerances::from_bits(row.get::<_, i64>(18)?.cast_unsigned()),
            notes: notes.as_deref().map(read_notes).unwrap_or_default(),
        },
        events: row
            .get::<_, Option<i64>>(20)?
            .zip(row.get::<_, Option<i64>>(21)?),
        request_body: body(22, 29)?,
        response_body: body(25, 30)?,
        names: Vec::new(),
    };
    Ok(Logged {
        id: row.get(0)?,
        entry,
    })
}

/// `there`: whether the row of bodies still exists, and the column if it was asked for.
fn body(
    row: &Row<'_>,
    first: usize,
    (there, column): (bool, Option<usize>),
) -> rusqlite::Result<Body> {
    let kept = match Kept::from_code(row.get(first)?) {
        Kept::Whole | Kept::Cut if !there => Kept::Expired,
        kept => kept,
    };
    let bytes: Option<Vec<u8>> = match column {
        Some(column) => row.get(column)?,
        None => None,
    };
    Ok(Body {
        bytes: bytes.unwrap_or_default(),
        kept,
        length: row.get::<_, i64>(first + 1)?.unsigned_abs(),
        sha256: row.get(first + 2)?,
    })
}

fn read_notes(notes: &str) -> Vec<(Tolerance, String)> {
    let pairs: Vec<(String, String)> = serde_json::from_str(notes).unwrap_or_default();
    let known = |name: &str| Tolerance::ALL.iter().copied().find(|t| t.as_str() == name);
    pairs
        .into_iter()
        .filter_map(|(name, note)| Some((known(&name)?, note)))
        .collect()
}
