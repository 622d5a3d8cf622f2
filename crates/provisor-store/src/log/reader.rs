//! Questions to the log, on connections of their own: they never wait for the writer, nor it for them.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use rusqlite::{Connection, OptionalExtension, Row};

use crate::{ConnectionId, RequestId, StoreError, TenantId, migration};

use super::{
    Gap, GapKind, LogFilter, Logged, Operation, Whose, Window,
    expire::FROM,
    file::{Location, MIGRATIONS, NAMED},
    name::NameKey,
    query::{Query, Walk, limit},
};

/// A question that takes longer than this is given up.
const PATIENCE: Duration = Duration::from_secs(30);
/// Connections kept for the next question.
const IDLE: usize = 4;

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
    pub(super) fn ask<T>(
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

    /// Entries, newest first: by their time, those of a name by their id.
    pub fn entries(&self, filter: &LogFilter) -> Result<Vec<Logged>, StoreError> {
        let Some(tenants) = filter.one_by_one() else {
            return self.along(filter);
        };
        let mut found = Vec::new();
        for tenant in tenants {
            let of_one = LogFilter {
                tenant: Some(*tenant),
                whose: Whose::All,
                ..filter.clone()
            };
            found.extend(self.along(&of_one)?);
        }
        found.sort_unstable_by_key(|logged| std::cmp::Reverse(logged.place()));
        found.truncate(limit(filter.limit));
        Ok(found)
    }

    fn along(&self, filter: &LogFilter) -> Result<Vec<Logged>, StoreError> {
        self.ask(|conn, key| {
            if filter.is_by_name() {
                return Query::named(filter, key, 0).run(conn, "+e.id DESC");
            }
            let query = Query::new(filter, key);
            match Walk::of(filter) {
                Some(_) => query.run(conn, "e.at DESC, e.id DESC"),
                // As with the conditions on time: no index is to be walked for its order.
                None => query.run(conn, "+e.at DESC, +e.id DESC"),
            }
        })
    }

    /// Entries after this id, oldest first, to follow the log; start with [`LogReader::last_id`].
    /// `before` of the filter is ignored.
    pub fn tail(&self, after: i64, filter: &LogFilter) -> Result<Vec<Logged>, StoreError> {
        self.ask(|conn, key| {
            let mut query = Query::tail(filter, key);
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

    /// When requests that were only counted spoke of this name.
    pub fn counted_name(&self, tenant: TenantId, name: &str) -> Result<Option<Seen>, StoreError> {
        self.ask(|conn, key| counted_name(conn, tenant, key.hash(name)))
    }

    /// When requests spoke of this name; `None`: not in the log, see [`LogReader::window`].
    pub fn seen(&self, tenant: TenantId, name: &str) -> Result<Option<Seen>, StoreError> {
        self.ask(|conn, key| {
            let found = (tenant.0, key.hash(name));
            let mut seen = counted_name(conn, tenant, found.1)?;
            let in_full: (Option<i64>, Option<i64>, i64) = conn
                .prepare_cached(&format!(
                    "SELECT min(at), max(at), count(*) FROM entry WHERE id IN ({NAMED})"
                ))?
                .query_row(found, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
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
            // A connection that keeps less hides what came through it before.
            let cut: Option<i64> = snapshot
                .prepare_cached("SELECT max(entries_to) FROM cut WHERE tenant = ?")?
                .query_row([tenant.0], |row| row.get(0))?;
            let cut = cut.filter(|cut| *cut > from);
            let from = cut.unwrap_or(from);
            let to = snapshot.query_row("SELECT at FROM heartbeat", (), |row| row.get(0))?;
            let mut gaps: Vec<Gap> = snapshot
                .prepare_cached("SELECT kind, from_at, to_at, count FROM gap WHERE to_at >= ?")?
                .query_map([from], gap)?
                .filter_map(Result::transpose)
                .collect::<Result<_, _>>()?;
            gaps.extend(cut.map(|to| Gap {
                kind: GapKind::Retention,
                from: 0,
                to,
                count: None,
            }));
            counted_gaps(&snapshot, tenant, from, &mut gaps)?;
            gaps.sort_by_key(|gap| (gap.from, gap.to));
            Ok(Window { from, to, gaps })
        })
    }
}

fn counted_name(conn: &Connection, tenant: TenantId, hash: i64) -> rusqlite::Result<Option<Seen>> {
    conn.prepare_cached("SELECT first_at, last_at, count FROM name WHERE tenant = ? AND hash = ?")?
        .query_row((tenant.0, hash), |row| {
            Ok(Seen {
                first: row.get(0)?,
                last: row.get(1)?,
                count: row.get::<_, i64>(2)?.unsigned_abs(),
            })
        })
        .optional()
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
