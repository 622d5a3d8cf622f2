//! Times as people read them: relative, with the exact one behind.

use std::fmt;

use askama::filters::HtmlSafe;
use scim::datetime::format_millis;

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
/// Milliseconds of a day.
pub(crate) const DAY: i64 = 24 * HOUR;

/// A time, seen from another one. Shows as a `<time>` element.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    at: i64,
    now: i64,
}

impl Moment {
    pub(crate) fn new(at: i64, now: i64) -> Self {
        Self { at, now }
    }

    /// `in 6 days`, `12 s ago`.
    pub(crate) fn relative(&self) -> String {
        let distance = self.at.abs_diff(self.now);
        let distance = i64::try_from(distance).unwrap_or(i64::MAX);
        let (count, unit) = match distance {
            0..SECOND => return "now".to_owned(),
            SECOND..MINUTE => (distance / SECOND, "s"),
            MINUTE..HOUR => (distance / MINUTE, "min"),
            HOUR..DAY => (distance / HOUR, "h"),
            DAY.. => ((distance + DAY / 2) / DAY, "day"),
            _ => return "now".to_owned(),
        };
        let plural = if unit == "day" && count != 1 { "s" } else { "" };
        if self.at > self.now {
            format!("in {count} {unit}{plural}")
        } else {
            format!("{count} {unit}{plural} ago")
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = format_millis(self.at);
        let shown = exact.get(..19).unwrap_or(&exact).replace('T', " ");
        write!(
            f,
            "<time datetime=\"{exact}\" title=\"{shown} UTC\">{}</time>",
            self.relative()
        )
    }
}

/// It is made of digits and words of ours.
impl HtmlSafe for Moment {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_from_now() {
        for (distance, said) in [
            (0, "now"),
            (12 * SECOND, "in 12 s"),
            (-59 * MINUTE, "59 min ago"),
            (-5 * HOUR, "5 h ago"),
            (DAY, "in 1 day"),
            (6 * DAY + HOUR, "in 6 days"),
            (6 * DAY - HOUR, "in 6 days"),
        ] {
            assert_eq!(Moment::new(distance, 0).relative(), said);
        }
        assert_eq!(
            Moment::new(0, 2 * DAY).to_string(),
            "<time datetime=\"1970-01-01T00:00:00.000Z\" title=\"1970-01-01 00:00:00 UTC\">2 days ago</time>"
        );
    }
}
