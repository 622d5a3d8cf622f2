//! Requests per half hour as bars, drawn here so that no script has to.

use provisor_store::log::{SLOT_MS, Sum};
use scim::datetime::format_millis;

/// Half hours of a day.
const BARS: i64 = 48;
/// Of the drawing, in its own units.
const HEIGHT: u64 = 100;
const STEP: i64 = 15;

/// The drawing and the table that says the same.
pub(super) struct Chart {
    pub(super) bars: Vec<Bar>,
    pub(super) most: u64,
}

/// A half hour.
pub(super) struct Bar {
    /// `10:30`
    pub(super) start: String,
    pub(super) x: i64,
    pub(super) ok: u64,
    pub(super) ok_y: u64,
    pub(super) ok_height: u64,
    pub(super) errors: u64,
    pub(super) errors_y: u64,
    pub(super) errors_height: u64,
}

impl Chart {
    /// Where the first bar begins.
    pub(super) fn since(now: i64) -> i64 {
        (now.div_euclid(SLOT_MS) - BARS + 1) * SLOT_MS
    }

    pub(super) fn new(sums: &[(i64, Sum)], now: i64) -> Self {
        let most = sums.iter().map(|(_, sum)| sum.requests).max().unwrap_or(0);
        let bars = (0..BARS).map(|number| {
            let start = Self::since(now) + number * SLOT_MS;
            let known = sums.iter().find(|(at, _)| *at == start);
            let sum = known.map(|(_, sum)| *sum).unwrap_or_default();
            let ok = sum.requests - sum.errors.min(sum.requests);
            // What happened can be seen, however little it was.
            let height = |count: u64| (count * (HEIGHT - 4)).div_ceil(most.max(1));
            let (ok_height, errors_height) = (height(ok), height(sum.errors));
            Bar {
                start: format_millis(start)
                    .get(11..16)
                    .unwrap_or_default()
                    .to_owned(),
                x: number * STEP,
                ok,
                ok_y: HEIGHT - ok_height,
                ok_height,
                errors: sum.errors,
                errors_y: (HEIGHT - ok_height).saturating_sub(errors_height),
                errors_height,
            }
        });
        Self {
            bars: bars.collect(),
            most,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_high_as_their_share_and_little_is_seen() {
        let now = 100 * SLOT_MS + 7;
        let sum = |requests, errors| Sum {
            requests,
            errors,
            last_at: 0,
        };
        let sums = [(99 * SLOT_MS, sum(1000, 1)), (100 * SLOT_MS, sum(0, 0))];
        let chart = Chart::new(&sums, now);
        assert_eq!((chart.bars.len(), chart.most), (48, 1000));
        let bar = &chart.bars[46];
        assert_eq!((bar.ok, bar.ok_height, bar.errors_height), (999, 96, 1));
        assert_eq!(bar.errors_y + bar.errors_height + bar.ok_height, HEIGHT);
        assert_eq!(chart.bars[0].ok_height, 0);
        assert_eq!(Chart::since(now), 53 * SLOT_MS);
    }
}
