//! xsd:dateTime, RFC 7643 section 2.3.5.

use jiff::Timestamp;

/// Parses an xsd:dateTime with date, time and, if missing, UTC.
pub fn parse(_text: &str) -> Option<Timestamp> {
    unimplemented!()
}

/// Milliseconds since 1970 as `2026-11-23T10:42:05.114Z`.
pub fn format_millis(_millis: i64) -> String {
    unimplemented!()
}
