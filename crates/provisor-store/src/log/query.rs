//! Questions to the log, on connections of their own: they never wait for the writer, nor it for them.

use std::{
    fmt::Write as _,
    ops::RangeInclusive,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use rusqlite::{Connection, OptionalExtension, Row, params_from_iter, types::Value};
use scim::tolerance::{Fired, Tolerance, Tolerances};

use crate::{Cause, ConnectionId, Id, RequestId, StoreError, TenantId, TokenId, migration};

use super::{
    Body, Entry, Gap, GapKind, Kept, Operation, Window,
    expire::FROM,
    file::{Location, MIGRATIONS},
    name::NameKey,
};

/// A question that takes longer than this is given up.
const PATIENCE: Duration = Duration::from_secs(30);
/// Rows of an answer without a limit of its own, and at most.
const LIMIT: (usize, usize) = (100, 1000);
/// Connections kept for the next question.
const IDLE: usize = 4;

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

/// Which entries; every condition given must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogFilter {
    /// Of this tenant. `None` lists every tenant's and nobody's: for operators only.
    pub tenant: Option<TenantId>,
    /// Of this connection; ids of connections are unique only within a tenant.
    pub connection: Option<ConnectionId>,
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
    /// Grows with every entry; see [`LogReader::tail`].
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

/// When requests spoke of a name, counted ones too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// First, in milliseconds since 1970.
    pub first: i64,
    /// Last, in milliseconds since 1970; of counted requests under heavy load up to ten minutes late.
    pub last: i64,
    /// How often, at least.
    pub count: u64,
}

/// Counted requests of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// The second they arrived in, in milliseconds since 1970.
    pub at: i64,
    /// Through which connection.
    pub connection: Option<ConnectionId>,
    /// What they asked for.
    pub operation: Operation,
    /// HTTP status of the answers.
    pub status: u16,
    /// How many.
    pub count: u64,
}

/// Connections for questions.
#[derive(Debug)]
pub(super) struct Pool {
    location: Location,
    key: Option<NameKey>,
    idle: Mutex<Vec<Connection>>,
    /// Raised when the file is another one.
    generation: AtomicU64,
}

impl Pool {
    pub(super) fn new(location: Location, key: Option<NameKey>) -> Self {
        Self {
            location,
            key,
            idle: Mutex::default(),
            generation: AtomicU64::new(0),
        }
    }

    pub(super) fn location(&self) -> Location {
        self.location.clone()
    }

    pub(super) fn key(&self) -> Option<NameKey> {
        self.key
    }

    /// Closes every connection that is not in use.
    pub(super) fn renew(&self) {
        self.generation.fetch_add(1, Relaxed);
        self.idle().clear();
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Questions to the log. They block on the disk: call from a thread that may. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LogReader {
    /// `None`: the log is off.
    pub(super) pool: Option<Arc<Pool>>,
}

impl LogReader {
    /// Opens the file for reading, also beside a running server.
    ///
    /// # Errors
    /// [`StoreError::Open`] if there is no such file or it may not be read, [`StoreError::Newer`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let location = Location::File(path.to_owned());
        if !path.exists() {
            return Err(StoreError::Open(format!(
                "there is no sync log at {}; a server makes it at its first start",
                path.display()
            )));
        }
        let conn = location.reader()?;
        migration::verify(&conn, MIGRATIONS)?;
        let key = conn
            .query_row("SELECT name_key FROM about", (), |row| row.get(0))
            .map_err(StoreError::sqlite)?;
        let pool = Pool::new(location, Some(NameKey(key)));
        pool.idle().push(conn);
        Ok(Self {
            pool: Some(Arc::new(pool)),
        })
    }

    /// Asks on a connection of the pool, with patience.
    fn ask<T>(
        &self,
        question: impl FnOnce(&Connection, &NameKey) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let off = || StoreError::Unavailable("the sync log is switched off".to_owned());
        let pool = self.pool.as_deref().ok_or_else(off)?;
        let key = pool.key.as_ref().ok_or_else(off)?;
        let generation = pool.generation.load(Relaxed);
        let idle = pool.idle().pop();
        let mut conn = match idle {
            Some(conn) => conn,
            None => pool.location.reader()?,
        };
        let end = Instant::now() + PATIENCE;
        conn.progress_handler(10_000, Some(move || Instant::now() > end))
            .map_err(StoreError::sqlite)?;
        let answer = question(&conn, key).map_err(|error| {
            if error.sqlite_error_code() == Some(rusqlite::ErrorCode::OperationInterrupted) {
                StoreError::Unavailable(
                    "the question to the sync log took too long; narrow its time or filter"
                        .to_owned(),
                )
            } else {
                StoreError::sqlite(error)
            }
        });
        let mut idle = pool.idle();
        if idle.len() < IDLE && generation == pool.generation.load(Relaxed) {
            idle.push(conn);
        }
        answer
    }

    /// Entries, newest first.
    pub fn entries(&self, filter: &LogFilter) -> Result<Vec<Logged>, StoreError> {
        self.ask(|conn, key| {
            let mut query = Query::new(filter, key);
            if let Some(before) = filter.before {
                query.and("(e.at, e.id) < (?, ?)", [before.at, before.id]);
            }
            query.run(conn, "e.at DESC, e.id DESC")
        })
    }

    /// Entries after this id, oldest first, to follow the log; start with [`LogReader::last_id`].
    /// `before` of the filter is ignored.
    pub fn tail(&self, after: i64, filter: &LogFilter) -> Result<Vec<Logged>, StoreError> {
        self.ask(|conn, key| {
            let mut query = Query::new(filter, key);
            query.and("e.id > ?", [after]);
            query.run(conn, "e.id")
        })
    }

    /// Id of the newest entry, 0 if there is none.
    pub fn last_id(&self) -> Result<i64, StoreError> {
        self.ask(|conn, _| {
            conn.prepare_cached("SELECT coalesce(max(id), 0) FROM entry")?
                .query_row((), |row| row.get(0))
        })
    }

    /// One entry with its bodies, by the id of its request.
    pub fn entry(&self, request: RequestId) -> Result<Option<Logged>, StoreError> {
        let filter = LogFilter {
            request: Some(request),
            limit: 1,
            bodies: true,
            ..LogFilter::default()
        };
        Ok(self.entries(&filter)?.pop())
    }

    /// Entries that name this, newest first, without bodies.
    pub fn by_name(
        &self,
        tenant: TenantId,
        name: &str,
        limit: usize,
    ) -> Result<Vec<Logged>, StoreError> {
        self.entries(&LogFilter {
            tenant: Some(tenant),
            name: Some(name.to_owned()),
            limit,
            ..LogFilter::default()
        })
    }

    /// When requests spoke of this name; `None`: not in the log, see [`LogReader::window`].
    pub fn seen(&self, tenant: TenantId, name: &str) -> Result<Option<Seen>, StoreError> {
        self.ask(|conn, key| {
            let found = (tenant.0, key.hash(name));
            let counted: Option<(i64, i64, i64)> = conn
                .prepare_cached(
                    "SELECT first_at, last_at, count FROM name WHERE tenant = ? AND hash = ?",
                )?
                .query_row(found, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .optional()?;
            let in_full: (Option<i64>, Option<i64>, i64) = conn
                .prepare_cached(
                    "SELECT min(e.at), max(e.at), count(*)
                     FROM entry_name n JOIN entry e ON e.id = n.entry
                     WHERE n.tenant = ? AND n.hash = ?",
                )?
                .query_row(found, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            let mut seen = counted.map(|(first, last, count)| Seen {
                first,
                last,
                count: count.unsigned_abs(),
            });
            if let (Some(first), Some(last), count) = in_full {
                let sum = seen.get_or_insert(Seen {
                    first,
                    last,
                    count: 0,
                });
                sum.first = sum.first.min(first);
                sum.last = sum.last.max(last);
                sum.count += count.unsigned_abs();
            }
            Ok(seen)
        })
    }

    /// Counted requests from `since` (milliseconds since 1970) on, by second; of one tenant, or
    /// for operators those that are nobody's.
    pub fn counts(&self, tenant: Option<TenantId>, since: i64) -> Result<Vec<Count>, StoreError> {
        self.ask(|conn, _| {
            conn.prepare_cached(
                "SELECT second, connection, operation, status, count FROM counted
                 WHERE tenant = ? AND second >= ? ORDER BY second, connection, operation, status",
            )?
            .query_map((nobody(tenant), since.div_euclid(1000)), |row| {
                let connection: i64 = row.get(1)?;
                Ok(Count {
                    at: row.get::<_, i64>(0)?.saturating_mul(1000),
                    connection: (connection != 0).then_some(ConnectionId(connection)),
                    operation: Operation::from_code(row.get(2)?),
                    status: row.get(3)?,
                    count: row.get::<_, i64>(4)?.unsigned_abs(),
                })
            })?
            .collect()
        })
    }

    /// The time the log speaks for, with its gaps: what "not seen" means.
    pub fn window(&self, tenant: TenantId) -> Result<Window, StoreError> {
        self.ask(|conn, _| {
            let snapshot = conn.unchecked_transaction()?;
            let from: i64 = snapshot.query_row(FROM, (), |row| row.get(0))?;
            let to = snapshot.query_row("SELECT at FROM heartbeat", (), |row| row.get(0))?;
            let mut gaps: Vec<Gap> = snapshot
                .prepare_cached("SELECT kind, from_at, to_at, count FROM gap WHERE to_at >= ?")?
                .query_map([from], gap)?
                .filter_map(Result::transpose)
                .collect::<Result<_, _>>()?;
            counted_gaps(&snapshot, tenant, from, &mut gaps)?;
            gaps.sort_by_key(|gap| (gap.from, gap.to));
            Ok(Window { from, to, gaps })
        })
    }
}

/// The number in a column that has no NULL.
pub(super) fn nobody(tenant: Option<TenantId>) -> i64 {
    tenant.map_or(0, |tenant| tenant.0)
}

fn gap(row: &Row<'_>) -> rusqlite::Result<Option<Gap>> {
    let count = row.get::<_, i64>(3)?.unsigned_abs();
    let (from, to) = (row.get(1)?, row.get(2)?);
    Ok(GapKind::from_code(row.get(0)?).map(|kind| Gap {
        kind,
        from,
        to,
        count: (count > 0).then_some(count),
    }))
}

/// Counted reads leave no bodies: minutes with some, joined where they touch.
fn counted_gaps(
    conn: &Connection,
    tenant: TenantId,
    from: i64,
    gaps: &mut Vec<Gap>,
) -> rusqlite::Result<()> {
    let mut statement = conn.prepare_cached(
        "SELECT min(second) * 1000, max(second) * 1000 + 999, sum(count) FROM counted
         WHERE tenant = ? AND second >= ? GROUP BY second / 60 ORDER BY 1",
    )?;
    let mut rows = statement.query((tenant.0, from.div_euclid(1000)))?;
    let mut last: Option<Gap> = None;
    while let Some(row) = rows.next()? {
        let (start, end) = (row.get(0)?, row.get(1)?);
        let count = row.get::<_, i64>(2)?.unsigned_abs();
        match &mut last {
            Some(gap) if start <= gap.to + 60_000 => {
                gap.to = end;
                gap.count = gap.count.map(|sum| sum + count);
            }
            _ => gaps.extend(last.replace(Gap {
                kind: GapKind::Counted,
                from: start,
                to: end,
                count: Some(count),
            })),
        }
    }
    gaps.extend(last);
    Ok(())
}

/// A filter as SQL.
struct Query {
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
    fn new(filter: &LogFilter, key: &NameKey) -> Self {
        let mut query = Self {
            sql: format!("SELECT {COLUMNS}"),
            values: Vec::new(),
            limit: match filter.limit {
                0 => LIMIT.0,
                limit => limit.min(LIMIT.1),
            },
            bodies: filter.bodies,
        };
        if filter.bodies {
            query.sql.push_str(", b.request, b.response");
        }
        query
            .sql
            .push_str(" FROM entry e LEFT JOIN body b ON b.entry = e.id WHERE 1");
        query.conditions(filter, key);
        query
    }

    fn conditions(&mut self, filter: &LogFilter, key: &NameKey) {
        if let Some(tenant) = filter.tenant {
            self.and("e.tenant = ?", [tenant.0]);
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
        if let Some(name) = &filter.name {
            self.and(
                "e.id IN (SELECT entry FROM entry_name WHERE tenant = ? AND hash = ?)",
                [nobody(filter.tenant), key.hash(name)],
            );
        }
        if let Some(resource) = filter.resource {
            self.and("e.resource = ?", [resource.0.to_vec()]);
        }
        if let Some(request) = filter.request {
            self.and("e.request = ?", [request.0.to_vec()]);
        }
        if let Some(since) = filter.since {
            self.and("e.at >= ?", [since]);
        }
        if let Some(until) = filter.until {
            self.and("e.at < ?", [until]);
        }
    }

    fn and<const N: usize>(&mut self, condition: &str, values: [impl Into<Value>; N]) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
        self.values.extend(values.map(Into::into));
    }

    fn run(mut self, conn: &Connection, order: &str) -> rusqlite::Result<Vec<Logged>> {
        write!(self.sql, " ORDER BY {order} LIMIT {}", self.limit).ok();
        let bodies = self.bodies;
        conn.prepare_cached(&self.sql)?
            .query_map(params_from_iter(&self.values), |row| logged(row, bodies))?
            .collect()
    }
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
