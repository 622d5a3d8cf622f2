//! How long requests took: a coarse histogram by half hour and connection, written with each flush, so
//! that it covers counted requests too and survives a restart. Durations that find no room while they are
//! counted are left out of it, and nothing else is.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use crate::StoreError;

use super::{LogReader, SLOT_MS, Whose, file::LogFile, flush::Batch, reader::nobody, tally::among};

/// Steps of the histogram; the last one has no end.
const STEPS: u8 = 64;

/// What durations of counted requests are summed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) slot: i64,
    pub(super) tenant: i64,
    pub(super) connection: i64,
}

/// Counted requests by step, of fixed size.
#[derive(Debug, Clone)]
pub(super) struct Steps([u32; STEPS as usize]);

impl Default for Steps {
    fn default() -> Self {
        Self([0; STEPS as usize])
    }
}

impl Steps {
    pub(super) fn add(&mut self, step: u8) {
        let count = &mut self.0[usize::from(step.min(STEPS - 1))];
        *count = count.saturating_add(1);
    }

    /// The steps that have some.
    pub(super) fn told(&self) -> impl Iterator<Item = (u8, u64)> {
        let all = (0..).zip(self.0).filter(|(_, count)| *count > 0);
        all.map(|(step, count)| (step, u64::from(count)))
    }
}

/// The step of a duration in microseconds: two for each doubling, so that a step's end is at most 1.5
/// times its beginning.
pub(super) fn step(micros: u64) -> u8 {
    let micros = micros.max(1);
    let doublings = micros.ilog2();
    let half = u32::from(doublings > 0 && micros >> (doublings - 1) & 1 == 1);
    u8::try_from(doublings * 2 + half)
        .unwrap_or(STEPS)
        .min(STEPS - 1)
}

/// The microseconds where a step ends.
fn end(step: u8) -> u64 {
    let doubled = 1u64 << (step / 2);
    match step % 2 {
        0 => doubled + doubled.div_ceil(2),
        _ => doubled * 2,
    }
}

/// How long requests took.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Took {
    /// Requests by step.
    steps: BTreeMap<u8, u64>,
}

impl Took {
    /// How many requests this is about.
    pub fn requests(&self) -> u64 {
        self.steps.values().sum()
    }

    /// Microseconds within which so many of a thousand requests were answered: the end of a step, never
    /// less than the truth and at most one and a half times it. `None` without requests.
    pub fn within(&self, permille: u64) -> Option<u64> {
        let all = self.requests();
        let mut left = (all * permille).div_ceil(1000);
        for (step, count) in &self.steps {
            left = left.saturating_sub(*count);
            if left == 0 && all > 0 {
                return Some(end(*step));
            }
        }
        None
    }
}

impl LogReader {
    /// How long requests took, from the half hour of `since` (milliseconds since 1970) on.
    pub fn took(&self, whose: &Whose, since: i64) -> Result<Took, StoreError> {
        let tenants = among("tenant", whose);
        self.ask(|conn, _| {
            let steps = conn
                .prepare_cached(&format!(
                    "SELECT step, sum(requests) FROM took WHERE slot >= ? {tenants} GROUP BY step"
                ))?
                .query_map([since.div_euclid(SLOT_MS)], |row| {
                    Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs()))
                })?
                .collect::<Result<_, _>>()?;
            Ok(Took { steps })
        })
    }
}

impl LogFile {
    /// Adds a batch to the histogram.
    pub(super) fn write_took(&self, batch: &Batch) -> rusqlite::Result<()> {
        let mut sums: BTreeMap<(i64, i64, i64, u8), u64> = BTreeMap::new();
        for queued in &batch.entries {
            let entry = &queued.entry;
            let connection = entry.connection.map_or(0, |connection| connection.0);
            let slot = entry.at.div_euclid(SLOT_MS);
            let key = (
                slot,
                nobody(entry.tenant),
                connection,
                step(entry.duration_us),
            );
            *sums.entry(key).or_default() += 1;
        }
        for (span, steps) in &batch.drained.took {
            for (step, count) in steps.told() {
                let key = (span.slot, span.tenant, span.connection, step);
                *sums.entry(key).or_default() += count;
            }
        }
        let mut took = self.conn.prepare_cached(
            "INSERT INTO took (slot, tenant, connection, step, requests) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT DO UPDATE SET requests = requests + excluded.requests",
        )?;
        for ((slot, tenant, connection, step), requests) in &sums {
            let requests = requests.cast_signed();
            took.execute(params![slot, tenant, connection, step, requests])?;
        }
        Ok(())
    }
}

/// Removes what is about the time before.
pub(super) fn forget_took(conn: &Connection, horizon: i64) -> rusqlite::Result<()> {
    conn.prepare_cached("DELETE FROM took WHERE slot < ?")?
        .execute([horizon.div_euclid(SLOT_MS)])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_ends_where_the_next_begins_at_most_one_and_a_half_times_later() {
        for micros in (0..100_000).chain([u64::from(u32::MAX) - 1, 1 << 31]) {
            let step = step(micros);
            assert!(micros < end(step), "{micros} in {step}");
            assert!(end(step) <= micros.max(2) * 2, "{micros} in {step}");
            if step > 1 {
                assert!(end(step - 1) <= micros.max(1), "{micros} in {step}");
                assert!(end(step) * 2 <= end(step - 1) * 3 + 2, "{step}");
            }
        }
        assert_eq!(step(u64::MAX), STEPS - 1);
    }

    #[test]
    fn what_so_many_took_is_never_told_too_short() {
        let of = |durations: &[u64]| {
            let mut took = Took::default();
            for micros in durations {
                *took.steps.entry(step(*micros)).or_default() += 1;
            }
            took
        };
        assert_eq!(Took::default().within(500), None);
        let mut durations: Vec<u64> = (1..=1000).map(|n| n * 10).collect();
        let took = of(&durations);
        assert_eq!(took.requests(), 1000);
        durations.sort_unstable();
        for permille in [1, 10, 500, 990, 1000] {
            let truth = durations[permille as usize - 1];
            let told = took.within(permille).unwrap();
            assert!(
                told > truth && told <= truth * 2,
                "{permille}: {told} for {truth}"
            );
        }
        assert_eq!(of(&[700]).within(990), Some(768));
    }
}
