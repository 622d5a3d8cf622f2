//! Sums: requests by half hour and connection, and refusals by cause, for pages that may not wait.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row, params, params_from_iter};

use crate::{Cause, ConnectionId, StoreError, TenantId};

use super::{
    LogFilter, LogReader, Show, Whose,
    file::LogFile,
    flush::Batch,
    query::{Query, Walk},
    reader::nobody,
};

/// Milliseconds of a slot.
pub const SLOT_MS: i64 = 30 * 60 * 1000;
/// Refusals that are looked at for one answer, the newest.
const MOST: usize = 20_000;

/// Requests of a time or a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    /// All, counted ones too.
    pub requests: u64,
    /// Those with status 400 and above.
    pub errors: u64,
    /// When the last one arrived, in milliseconds since 1970.
    pub last_at: i64,
}

impl Sum {
    fn at(row: &Row<'_>, first: usize) -> rusqlite::Result<Self> {
        Ok(Self {
            requests: row.get::<_, i64>(first)?.unsigned_abs(),
            errors: row.get::<_, i64>(first + 1)?.unsigned_abs(),
            last_at: row.get(first + 2)?,
        })
    }

    fn add(&mut self, at: i64, status: u16, count: u64) {
        self.requests += count;
        self.errors += if status >= 400 { count } else { 0 };
        self.last_at = self.last_at.max(at);
    }
}

/// Refusals of a tenant for one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusals {
    /// Whose; `None`: nobody's.
    pub tenant: Option<TenantId>,
    /// Why; `None`: an error without a code.
    pub cause: Option<Cause>,
    /// How many.
    pub count: u64,
    /// When the first arrived, in milliseconds since 1970.
    pub first: i64,
    /// When the last arrived, in milliseconds since 1970.
    pub last: i64,
}

/// Why requests were refused.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Causes {
    /// By tenant and cause, the most frequent first.
    pub refusals: Vec<Refusals>,
    /// Where they were too many to look at all: since when they are told, in milliseconds since 1970.
    pub since: Option<i64>,
}

impl LogReader {
    /// Requests by half hour, from `since` on: the start of each in milliseconds since 1970, oldest
    /// first, those without requests left out.
    pub fn by_half_hour(&self, whose: &Whose, since: i64) -> Result<Vec<(i64, Sum)>, StoreError> {
        let among = among("tenant", whose);
        self.ask(|conn, _| {
            conn.prepare_cached(&format!(
                "SELECT slot, sum(requests), sum(errors), max(last_at) FROM tally
                 WHERE slot >= ? {among} GROUP BY slot ORDER BY slot"
            ))?
            .query_map([since.div_euclid(SLOT_MS)], |row| {
                Ok((row.get::<_, i64>(0)? * SLOT_MS, Sum::at(row, 1)?))
            })?
            .collect()
        })
    }

    /// Requests by connection, from the half hour of `since` on.
    pub fn by_connection(
        &self,
        whose: &Whose,
        since: i64,
    ) -> Result<Vec<(TenantId, ConnectionId, Sum)>, StoreError> {
        let among = among("tenant", whose);
        self.ask(|conn, _| {
            conn.prepare_cached(&format!(
                "SELECT tenant, connection, sum(requests), sum(errors), max(last_at) FROM tally
                 WHERE slot >= ? AND connection > 0 {among} GROUP BY tenant, connection"
            ))?
            .query_map([since.div_euclid(SLOT_MS)], |row| {
                let link = ConnectionId(row.get(1)?);
                Ok((TenantId(row.get(0)?), link, Sum::at(row, 2)?))
            })?
            .collect()
        })
    }

    /// Refusals by tenant and cause: of the newest 20,000 that match. `show`, `before` and `limit` of
    /// the filter are ignored.
    pub fn by_cause(&self, filter: &LogFilter) -> Result<Causes, StoreError> {
        self.by_cause_within(filter, MOST)
    }

    pub(super) fn by_cause_within(
        &self,
        filter: &LogFilter,
        most: usize,
    ) -> Result<Causes, StoreError> {
        let filter = LogFilter {
            show: Show::Errors,
            ..filter.clone()
        };
        self.ask(|conn, key| {
            let (from, values) = Query::source(
                "e.tenant, e.cause, e.at",
                &filter,
                key,
                Walk::of(&filter),
                0..i64::MAX,
            );
            let refusals: Vec<Refusals> = conn
                .prepare_cached(&format!(
                    "SELECT tenant, cause, count(*), min(at), max(at)
                 FROM ({from} ORDER BY e.at DESC LIMIT {most})
                 GROUP BY tenant, cause ORDER BY 3 DESC, 5 DESC"
                ))?
                .query_map(params_from_iter(values), |row| {
                    let cause: Option<String> = row.get(1)?;
                    Ok(Refusals {
                        tenant: row.get::<_, Option<i64>>(0)?.map(TenantId),
                        cause: cause.as_deref().and_then(Cause::from_code),
                        count: row.get::<_, i64>(2)?.unsigned_abs(),
                        first: row.get(3)?,
                        last: row.get(4)?,
                    })
                })?
                .collect::<Result<_, _>>()?;
            let all: u64 = refusals.iter().map(|one| one.count).sum();
            let is_cut = all == most as u64;
            let first = refusals.iter().map(|one| one.first).min();
            Ok(Causes {
                since: first.filter(|_| is_cut),
                refusals,
            })
        })
    }
}

/// A condition on the tenant; numbers only, so they may stand in the text.
pub(super) fn among(column: &str, whose: &Whose) -> String {
    match whose {
        Whose::All => String::new(),
        Whose::Tenants => format!("AND coalesce({column}, 0) <> 0"),
        Whose::Named(tenants) => {
            let ids: Vec<String> = tenants.iter().map(TenantId::to_string).collect();
            // The sign keeps the index on time: what is asked for is the newest.
            format!("AND +{column} IN ({})", ids.join(", "))
        }
    }
}

impl LogFile {
    /// Adds a batch to the sums.
    pub(super) fn write_tallies(&self, batch: &Batch) -> rusqlite::Result<()> {
        let mut sums: BTreeMap<(i64, i64, i64), Sum> = BTreeMap::new();
        for queued in &batch.entries {
            let entry = &queued.entry;
            let connection = entry.connection.map_or(0, |connection| connection.0);
            let slot = entry.at.div_euclid(SLOT_MS);
            let sum = sums.entry((slot, nobody(entry.tenant), connection));
            sum.or_default().add(entry.at, entry.status, 1);
        }
        for (kind, count) in &batch.drained.kinds {
            let at = kind.second.saturating_mul(1000);
            let sum = sums.entry((at.div_euclid(SLOT_MS), kind.tenant, kind.connection));
            sum.or_default().add(at, kind.status, *count);
        }
        let mut tally = self.conn.prepare_cached(
            "INSERT INTO tally (slot, tenant, connection, requests, errors, last_at)
             VALUES (?, ?, ?, ?, ?, ?)
             ON CONFLICT DO UPDATE SET requests = requests + excluded.requests,
                 errors = errors + excluded.errors, last_at = max(last_at, excluded.last_at)",
        )?;
        for ((slot, tenant, connection), sum) in &sums {
            tally.execute(params![
                slot,
                tenant,
                connection,
                sum.requests.cast_signed(),
                sum.errors.cast_signed(),
                sum.last_at,
            ])?;
        }
        Ok(())
    }
}

/// Removes the sums of the time before.
pub(super) fn forget_tallies(conn: &Connection, horizon: i64) -> rusqlite::Result<()> {
    conn.prepare_cached("DELETE FROM tally WHERE slot < ?")?
        .execute([horizon.div_euclid(SLOT_MS)])?;
    Ok(())
}
