//! One flush: everything that waits, in one transaction.

use rusqlite::params;
use scim::Tolerance;

use super::{
    Entry, GapKind,
    counting::{Drained, Lost, Sighting},
    entry::{Body, Kept},
    file::{LogFile, STRETCH},
};

/// A name that is known to be in the file is written again after this time.
const REWRITE_MS: i64 = 60_000;
/// A name of which it is not known is written again if the file's time is older than this.
const GRAIN_MS: i64 = 600_000;
/// Places for names that were written lately.
const RECENT: usize = 1 << 16;

/// An entry on its way to the writer.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) entry: Entry,
    /// Hashes of its names, each once.
    pub(super) hashes: Vec<i64>,
    pub(super) size: usize,
}

/// What one flush writes.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) entries: Vec<Queued>,
    pub(super) drained: Drained,
    pub(super) lost_entries: Option<Lost>,
    pub(super) lost_names: Option<Lost>,
}

/// Names written lately, so that a name looked up again and again is not written again and again.
#[derive(Debug, Default)]
pub(super) struct Recent {
    /// Empty until the first name.
    places: Vec<Place>,
    written_at: i64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Place {
    tenant: i64,
    hash: i64,
    last_at: i64,
    /// Sightings that are not in the file yet.
    pending: i64,
}

/// A row for the names in counted requests.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    tenant: i64,
    hash: i64,
    first_at: i64,
    last_at: i64,
    count: i64,
    /// Written even if the file's time is nearly as young.
    always: bool,
}

impl Recent {
    /// Turns sightings into the rows to write, in order of their key.
    fn rows(&mut self, sightings: &mut [Sighting], now: i64) -> Vec<Row> {
        sightings.sort_unstable();
        let mut rows = Vec::new();
        if self.places.is_empty() && !sightings.is_empty() {
            self.places = vec![Place::default(); RECENT];
        }
        for same in sightings.chunk_by(|a, b| (a.tenant, a.hash) == (b.tenant, b.hash)) {
            let (Some(first), Some(last)) = (same.first(), same.last()) else {
                continue;
            };
            let count = i64::try_from(same.len()).unwrap_or(i64::MAX);
            let place = &mut self.places[(first.hash ^ first.tenant) as usize % RECENT];
            if (place.tenant, place.hash) == (first.tenant, first.hash) {
                place.last_at = place.last_at.max(last.at);
                place.pending += count;
                continue;
            }
            let displaced = std::mem::replace(
                place,
                Place {
                    tenant: first.tenant,
                    hash: first.hash,
                    last_at: last.at,
                    pending: 0,
                },
            );
            rows.extend(displaced.row(false));
            rows.push(Row {
                tenant: first.tenant,
                hash: first.hash,
                first_at: first.at,
                last_at: last.at,
                count,
                always: false,
            });
        }
        if now >= self.written_at.saturating_add(REWRITE_MS) || now < self.written_at {
            self.written_at = now;
            rows.extend(self.pending());
        }
        rows.sort_unstable();
        rows
    }

    /// What is not in the file yet; now taken as written.
    fn pending(&mut self) -> impl Iterator<Item = Row> {
        self.places.iter_mut().filter_map(|place| {
            let row = place.row(true);
            place.pending = 0;
            row
        })
    }

    /// Knows nothing any more: after a flush that failed or a removal of names.
    pub(super) fn forget(&mut self) {
        self.places.clear();
    }
}

impl Place {
    fn row(&self, always: bool) -> Option<Row> {
        (self.pending > 0).then_some(Row {
            tenant: self.tenant,
            hash: self.hash,
            first_at: self.last_at,
            last_at: self.last_at,
            count: self.pending,
            always,
        })
    }
}

impl LogFile {
    /// Writes a batch, or nothing of it. `now` must be from before the batch was taken.
    pub(super) fn flush(
        &mut self,
        batch: &mut Batch,
        recent: &mut Recent,
        now: i64,
    ) -> rusqlite::Result<()> {
        let first_id = self.next_id;
        let written = self.write(batch, recent, now);
        if written.is_err() {
            self.next_id = first_id;
            recent.forget();
        }
        written
    }

    fn write(&mut self, batch: &mut Batch, recent: &mut Recent, now: i64) -> rusqlite::Result<()> {
        let transaction = self.conn.unchecked_transaction()?;
        let mut names = Vec::new();
        {
            let mut entry = self.conn.prepare_cached(INSERT_ENTRY)?;
            let mut body = self.conn.prepare_cached(
                "INSERT INTO body (entry, at, request, response) VALUES (?, ?, ?, ?)",
            )?;
            for queued in &batch.entries {
                let id = self.next_id;
                self.next_id += 1;
                insert_entry(&mut entry, id, &queued.entry)?;
                let (request, response) = (
                    queued.entry.request_body.bytes(),
                    queued.entry.response_body.bytes(),
                );
                if !request.is_empty() || !response.is_empty() {
                    body.execute(params![id, queued.entry.at, request, response])?;
                }
                if let Some(tenant) = queued.entry.tenant {
                    let stretch = id / STRETCH;
                    names.extend(
                        queued
                            .hashes
                            .iter()
                            .map(|hash| (stretch, tenant.0, *hash, id)),
                    );
                }
            }
            names.sort_unstable();
            let mut name = self.conn.prepare_cached(
                "INSERT OR IGNORE INTO entry_name (stretch, tenant, hash, entry) VALUES (?, ?, ?, ?)",
            )?;
            for row in &names {
                name.execute(*row)?;
            }
        }
        self.write_counted(batch, recent, now)?;
        self.write_tallies(batch)?;
        self.write_took(batch)?;
        if let Some(lost) = batch.lost_entries {
            self.add_gap(GapKind::Dropped, lost.from, lost.to, lost.count)?;
        }
        if let Some(lost) = batch.lost_names {
            self.add_gap(GapKind::NamesDropped, lost.from, lost.to, lost.count)?;
        }
        self.heartbeat(now, false)?;
        transaction.commit()
    }

    fn write_counted(
        &self,
        batch: &mut Batch,
        recent: &mut Recent,
        now: i64,
    ) -> rusqlite::Result<()> {
        batch.drained.kinds.sort_unstable();
        let mut counted = self.conn.prepare_cached(
            "INSERT INTO counted (tenant, second, connection, operation, status, count)
             VALUES (?, ?, ?, ?, ?, ?)
             ON CONFLICT DO UPDATE SET count = count + excluded.count",
        )?;
        for (kind, count) in &batch.drained.kinds {
            counted.execute(params![
                kind.tenant,
                kind.second,
                kind.connection,
                kind.operation,
                kind.status,
                i64::try_from(*count).unwrap_or(i64::MAX),
            ])?;
        }
        self.write_names(&recent.rows(&mut batch.drained.names, now))
    }

    fn write_names(&self, rows: &[Row]) -> rusqlite::Result<()> {
        let mut name = self.conn.prepare_cached(
            "INSERT INTO name (tenant, hash, first_at, last_at, count) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET first_at = min(first_at, excluded.first_at),
                 last_at = max(last_at, excluded.last_at), count = count + excluded.count
             WHERE ?6 OR excluded.last_at >= last_at + ?7 OR excluded.first_at < first_at",
        )?;
        for row in rows {
            name.execute(params![
                row.tenant,
                row.hash,
                row.first_at,
                row.last_at,
                row.count,
                row.always,
                GRAIN_MS,
            ])?;
        }
        Ok(())
    }

    /// Writes what [`Recent`] still holds back.
    pub(super) fn write_pending(&self, recent: &mut Recent) -> rusqlite::Result<()> {
        let transaction = self.conn.unchecked_transaction()?;
        let mut rows: Vec<_> = recent.pending().collect();
        rows.sort_unstable();
        self.write_names(&rows)?;
        transaction.commit()
    }
}

const INSERT_ENTRY: &str = "INSERT INTO entry (id, request, at, duration_us, tenant, connection,
    token, client, address, method, path, query, operation, resource_type, resource, status, cause,
    detail, fired, notes, first_event, last_event, request_kept, request_length, request_sha256,
    response_kept, response_length, response_sha256)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

fn insert_entry(
    statement: &mut rusqlite::Statement<'_>,
    id: i64,
    entry: &Entry,
) -> rusqlite::Result<()> {
    let (request, response) = (&entry.request_body, &entry.response_body);
    statement.execute(params![
        id,
        entry.request.0,
        entry.at,
        i64::try_from(entry.duration_us).unwrap_or(i64::MAX),
        entry.tenant.map(|tenant| tenant.0),
        entry.connection.map(|connection| connection.0),
        entry.token.map(|token| token.0),
        entry.client,
        entry.address.map(|address| address.to_string()),
        entry.method,
        entry.path,
        entry.query,
        entry.operation as i64,
        entry.resource_type,
        entry.resource.map(|resource| resource.0),
        entry.status,
        entry.cause.map(crate::Cause::as_str),
        entry.detail,
        entry.fired.set.bits().cast_signed(),
        notes(&entry.fired.notes),
        entry.events.map(|(first, _)| first),
        entry.events.map(|(_, last)| last),
        request.kept() as i64,
        length(request),
        request.sha256(),
        response.kept() as i64,
        length(response),
        response.sha256(),
    ])?;
    Ok(())
}

fn length(body: &Body) -> i64 {
    debug_assert!(body.kept() != Kept::Nothing || body.length() == 0);
    i64::try_from(body.length()).unwrap_or(i64::MAX)
}

fn notes(notes: &[(Tolerance, String)]) -> Option<String> {
    if notes.is_empty() {
        return None;
    }
    let pairs: Vec<_> = notes
        .iter()
        .map(|(tolerance, note)| (tolerance.as_str(), note))
        .collect();
    serde_json::to_string(&pairs).ok()
}
