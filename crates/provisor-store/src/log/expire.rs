//! What goes, and when: bodies, then entries, by age and by the size of the file.

use rusqlite::{OptionalExtension, params};

use super::{
    GapKind, LogSettings,
    file::{LogFile, STRETCH},
    retention::{Cut, Retention},
    tally::forget_tallies,
    took::forget_took,
};

/// Entries or bodies per transaction.
const CHUNK: u32 = 1000;
/// Rows of an index per transaction.
const SWEEP: i64 = 20_000;
/// Pages given back per transaction.
const PAGES: u32 = 2000;

/// Housekeeping in small steps, so that the writer can flush between them.
#[derive(Debug)]
pub(super) struct Upkeep {
    stage: Stage,
    /// Bodies from before this time go.
    bodies_end: i64,
    /// Everything before this time goes.
    horizon: i64,
    /// What connections keep for a shorter time.
    cuts: Vec<Cut>,
    removed: u64,
    /// How far the walk over an index has come.
    after: [i64; 3],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// What connections keep for a shorter time.
    Cuts,
    Bodies,
    Entries,
    /// Names of entries that are gone.
    Named,
    /// The place in [`SWEPT`].
    Sweep(usize),
    GiveBack,
}

/// Tables without an index on time (a name's may be ten minutes late, see [`super::flush`]), with the third column of their key and what is to go.
const SWEPT: [(&str, &str, &str); 2] = [
    ("name", "hash", "last_at < ?1 - 600000"),
    ("counted", "connection", "second < ?1 / 1000"),
];

impl Upkeep {
    /// Removes by age.
    pub(super) fn by_age(settings: &LogSettings, own: &[Retention], now: i64) -> Self {
        Self {
            stage: Stage::Cuts,
            cuts: own.iter().map(|own| Cut::new(own, settings, now)).collect(),
            bodies_end: now.saturating_sub(settings.body_retention_ms),
            horizon: now.saturating_sub(settings.entry_retention_ms),
            removed: 0,
            after: [i64::MIN; 3],
        }
    }

    /// Removes what belonged to entries that are gone.
    pub(super) fn sweep(horizon: i64) -> Self {
        Self {
            stage: Stage::Named,
            cuts: Vec::new(),
            bodies_end: i64::MIN,
            horizon,
            removed: 0,
            after: [i64::MIN; 3],
        }
    }

    /// True while names in counted requests are walked over: what was held back must be written
    /// before, and nothing be taken for written after.
    pub(super) fn touches_names(&self) -> bool {
        matches!(self.stage, Stage::Sweep(table) if SWEPT.get(table).is_some_and(|(name, ..)| *name == "name"))
    }
}

impl LogFile {
    /// One step; `None` when all is done.
    pub(super) fn step(&self, mut upkeep: Upkeep) -> rusqlite::Result<Option<Upkeep>> {
        match upkeep.stage {
            Stage::Cuts => match upkeep.cuts.last() {
                Some(cut) => {
                    if self.cut(cut)? {
                        upkeep.cuts.pop();
                    }
                }
                None => upkeep.stage = Stage::Bodies,
            },
            Stage::Bodies => {
                if self.remove_bodies(upkeep.bodies_end)? < CHUNK as usize {
                    upkeep.stage = Stage::Entries;
                }
            }
            Stage::Entries => match self.remove_oldest(upkeep.horizon)? {
                Some(removed) => upkeep.removed += removed.count,
                None => {
                    self.forget_before(upkeep.horizon, upkeep.removed)?;
                    upkeep.stage = Stage::Named;
                }
            },
            Stage::Named => {
                if self.remove_named()? < SWEEP as usize {
                    upkeep.stage = Stage::Sweep(0);
                }
            }
            Stage::Sweep(table) => match SWEPT.get(table) {
                Some(swept) => match self.sweep(swept, upkeep.horizon, upkeep.after)? {
                    Some(after) => upkeep.after = after,
                    None => {
                        upkeep.after = [i64::MIN; 3];
                        upkeep.stage = Stage::Sweep(table + 1);
                    }
                },
                None => {
                    forget_tallies(&self.conn, upkeep.horizon)?;
                    forget_took(&self.conn, upkeep.horizon)?;
                    upkeep.stage = Stage::GiveBack;
                }
            },
            Stage::GiveBack => {
                if !self.give_back()? {
                    return Ok(None);
                }
            }
        }
        Ok(Some(upkeep))
    }

    /// Says that everything before this time is gone, and forgets holes from before.
    fn forget_before(&self, horizon: i64, removed: u64) -> rusqlite::Result<()> {
        if self.born_at < horizon {
            self.add_gap(GapKind::Retention, 0, horizon, removed)?;
        }
        self.conn.execute(
            "DELETE FROM gap WHERE to_at < ? AND kind NOT IN (?, ?)",
            (horizon, GapKind::Retention as i64, GapKind::Size as i64),
        )?;
        self.conn.execute(
            "DELETE FROM cut WHERE entries_to < ?1 AND bodies_to < ?1",
            [horizon],
        )?;
        Ok(())
    }

    fn remove_bodies(&self, end: i64) -> rusqlite::Result<usize> {
        self.conn
            .prepare_cached(
                "DELETE FROM body WHERE entry IN
                     (SELECT entry FROM body WHERE at < ? ORDER BY at LIMIT ?)",
            )?
            .execute(params![end, CHUNK])
    }

    /// Removes the oldest entries, at most a chunk, and only those before `end`.
    fn remove_oldest(&self, end: i64) -> rusqlite::Result<Option<Removed>> {
        let transaction = self.conn.unchecked_transaction()?;
        let oldest: Vec<(i64, i64)> = self
            .conn
            .prepare_cached("SELECT id, at FROM entry WHERE at < ? ORDER BY at LIMIT ?")?
            .query_map(params![end, CHUNK], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let Some((_, last_at)) = oldest.last() else {
            return Ok(None);
        };
        let mut body = self
            .conn
            .prepare_cached("DELETE FROM body WHERE entry = ?")?;
        let mut entry = self.conn.prepare_cached("DELETE FROM entry WHERE id = ?")?;
        for (id, _) in &oldest {
            body.execute([id])?;
            entry.execute([id])?;
        }
        transaction.commit()?;
        Ok(Some(Removed {
            count: oldest.len() as u64,
            last_at: *last_at,
        }))
    }

    /// Removes names of the stretches before the oldest entry's.
    fn remove_named(&self) -> rusqlite::Result<usize> {
        self.conn
            .prepare_cached(&format!(
                "DELETE FROM entry_name WHERE (stretch, tenant, hash, entry) IN
                     (SELECT stretch, tenant, hash, entry FROM entry_name
                      WHERE stretch < coalesce((SELECT min(id) FROM entry), ?1) / {STRETCH}
                      ORDER BY stretch, tenant, hash, entry LIMIT {SWEEP})"
            ))?
            .execute([self.next_id + STRETCH])
    }

    /// If the file is nearly full, removes the oldest until there is room; what must follow.
    /// `busy`: housekeeping is under way and may make room itself.
    pub(super) fn trim(
        &self,
        settings: &LogSettings,
        now: i64,
        busy: bool,
    ) -> rusqlite::Result<Option<Trimmed>> {
        let (high, low) = (settings.max_bytes / 10 * 9, settings.max_bytes / 10 * 8);
        if self.used_bytes()? <= high {
            return Ok(None);
        }
        let mut horizon = None;
        let mut count = 0;
        while self.used_bytes()? > low {
            let Some(removed) = self.remove_oldest(i64::MAX)? else {
                break;
            };
            count += removed.count;
            horizon = Some(removed.last_at.saturating_add(1));
        }
        if horizon.is_none() && !busy {
            // Nothing but names and counts is left: a quarter of the time goes.
            let from = self.from()?;
            let quarter = now.saturating_sub(from) / 4;
            horizon = Some(from.saturating_add(quarter.max(1000)));
        }
        let Some(horizon) = horizon else {
            return Ok(None);
        };
        self.add_gap(GapKind::Size, 0, horizon, count)?;
        Ok(Some(Trimmed { horizon, count }))
    }

    /// Entries in the file, about.
    pub(super) fn entries(&self) -> rusqlite::Result<u64> {
        let oldest: Option<i64> = self
            .conn
            .prepare_cached("SELECT min(id) FROM entry")?
            .query_row((), |row| row.get(0))?;
        Ok(oldest.map_or(0, |oldest| self.next_id.abs_diff(oldest)))
    }

    /// The beginning of what the log speaks for.
    fn from(&self) -> rusqlite::Result<i64> {
        self.conn.query_row(FROM, (), |row| row.get(0))
    }

    /// One step of a walk over an index; how far it came, `None` at the end.
    fn sweep(
        &self,
        (table, third, gone): &(&str, &str, &str),
        horizon: i64,
        [a, b, c]: [i64; 3],
    ) -> rusqlite::Result<Option<[i64; 3]>> {
        let second = if *table == "counted" {
            "second"
        } else {
            "hash"
        };
        let end: Option<[i64; 3]> = self
            .conn
            .prepare_cached(&format!(
                "SELECT tenant, {second}, {third} FROM {table}
                 WHERE (tenant, {second}, {third}) > (?, ?, ?)
                 ORDER BY tenant, {second}, {third} LIMIT 1 OFFSET {SWEEP}"
            ))?
            .query_row((a, b, c), |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?]))
            .optional()?;
        let [x, y, z] = end.unwrap_or([i64::MAX; 3]);
        self.conn
            .prepare_cached(&format!(
                "DELETE FROM {table} WHERE {gone} AND ?1 IS NOT NULL
                 AND (tenant, {second}, {third}) > (?2, ?3, ?4)
                 AND (tenant, {second}, {third}) <= (?5, ?6, ?7)"
            ))?
            .execute((horizon, a, b, c, x, y, z))?;
        Ok(end)
    }

    /// Gives free pages back to the file system, so many at a time; true while there are more.
    fn give_back(&self) -> rusqlite::Result<bool> {
        let free = self.pragma("freelist_count")?;
        if free == 0 {
            return Ok(false);
        }
        self.conn
            .execute_batch(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
        Ok(self.pragma("freelist_count")? < free)
    }
}

/// The beginning of what the log speaks for: its birth, or what was cut off since.
pub(super) const FROM: &str = "SELECT max(born_at,
     coalesce((SELECT max(to_at) FROM gap WHERE kind IN (6, 7)), born_at)) FROM about";

/// What [`LogFile::trim`] removed.
#[derive(Debug)]
pub(super) struct Trimmed {
    /// Everything before this time is gone.
    pub(super) horizon: i64,
    /// Entries.
    pub(super) count: u64,
}

struct Removed {
    count: u64,
    last_at: i64,
}

#[cfg(test)]
#[test]
fn the_kinds_in_from_are_the_cuts() {
    assert_eq!([GapKind::Retention as i64, GapKind::Size as i64], [6, 7]);
}
