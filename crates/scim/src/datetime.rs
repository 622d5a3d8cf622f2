//! xsd:dateTime, RFC 7643 section 2.3.5.

use jiff::Timestamp;

const DAY: i64 = 86_400;

/// Parses an xsd:dateTime with date, time and, if missing, UTC.
///
/// Years have four digits. Fractions are cut to nanoseconds. The last hours of the year 9999,
/// which `Timestamp` cannot hold, become its maximum: `9999-12-31T23:59:59Z` means "never".
pub fn parse(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let (date, rest) = bytes.split_at_checked(19)?;
    for (i, separator) in [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')] {
        if date[i] != separator {
            return None;
        }
    }
    let year = digits(&date[0..4])?;
    let month = digits(&date[5..7])?;
    let day = digits(&date[8..10])?;
    let (hour, minute) = (digits(&date[11..13])?, digits(&date[14..16])?);
    let second = digits(&date[17..19])?;
    if !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) {
        return None;
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (nanoseconds, zone) = fraction(rest)?;
    let seconds = days_from_civil(year, month, day) * DAY + hour * 3600 + minute * 60 + second
        - offset(zone)?;
    let nanosecond = i32::try_from(nanoseconds).ok()?;
    Some(match Timestamp::new(seconds, nanosecond) {
        Ok(instant) => instant,
        Err(_) if seconds > 0 => Timestamp::MAX,
        Err(_) => Timestamp::MIN,
    })
}

/// Milliseconds since 1970 as `2026-11-23T10:42:05.114Z`.
///
/// Years outside 0000 to 9999 become the first or last moment inside.
pub fn format_millis(millis: i64) -> String {
    let millis = millis.clamp(-62_167_219_200_000, 253_402_300_799_999);
    let (days, rest) = (millis.div_euclid(DAY * 1000), millis.rem_euclid(DAY * 1000));
    let (year, month, day) = civil_from_days(days);
    let mut text = *b"0000-00-00T00:00:00.000Z";
    put(&mut text[0..4], year);
    put(&mut text[5..7], month);
    put(&mut text[8..10], day);
    put(&mut text[11..13], rest / 3_600_000);
    put(&mut text[14..16], rest / 60_000 % 60);
    put(&mut text[17..19], rest / 1000 % 60);
    put(&mut text[20..23], rest % 1000);
    std::str::from_utf8(&text)
        .expect("only ASCII digits were put in")
        .to_owned()
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0, |number, byte| {
        byte.is_ascii_digit()
            .then(|| number * 10 + i64::from(byte - b'0'))
    })
}

fn put(place: &mut [u8], mut number: i64) {
    for byte in place.iter_mut().rev() {
        *byte = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Nanoseconds, and what follows the fraction.
fn fraction(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let Some((b'.', bytes)) = bytes.split_first() else {
        return Some((0, bytes));
    };
    let length = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    let kept = length.min(9);
    let nanoseconds = digits(&bytes[..kept])? * 10_i64.pow(9 - kept as u32);
    (length > 0).then(|| (nanoseconds, &bytes[length..]))
}

/// Seconds east of UTC; xsd allows up to 14 hours.
fn offset(zone: &[u8]) -> Option<i64> {
    let sign = match zone {
        b"" | b"Z" => return Some(0),
        [b'+', _, _, b':', _, _] => 1,
        [b'-', _, _, b':', _, _] => -1,
        _ => return None,
    };
    let (hours, minutes) = (digits(&zone[1..3])?, digits(&zone[4..6])?);
    let seconds = hours * 3600 + minutes * 60;
    (minutes < 60 && seconds <= 14 * 3600).then_some(sign * seconds)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a proleptic Gregorian date. Years are counted from March, so that
/// the leap day is the last of its year, in eras of 400 years, which have 146,097 days.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`]: year, month, day.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let leaps = day_of_era / 1460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leaps) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = (shifted + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // FLT-012, FLT-041
    #[test]
    fn reads_xsd_date_times_only() {
        for (text, expected) in [
            ("2011-05-13T04:42:34Z", Some("2011-05-13T04:42:34Z")),
            ("2011-05-13T06:42:34+02:00", Some("2011-05-13T04:42:34Z")),
            ("2011-05-12T21:12:34-07:30", Some("2011-05-13T04:42:34Z")),
            ("2011-05-13T04:42:34", Some("2011-05-13T04:42:34Z")),
            ("2011-05-13T04:42:34.5Z", Some("2011-05-13T04:42:34.5Z")),
            ("1969-12-31T23:59:59.25Z", Some("1969-12-31T23:59:59.25Z")),
            (
                "2011-05-13T04:42:34.1234567891234Z",
                Some("2011-05-13T04:42:34.123456789Z"),
            ),
            ("2024-02-29T00:00:00Z", Some("2024-02-29T00:00:00Z")),
            (
                "9999-12-31T23:59:59Z",
                Some("9999-12-30T22:00:00.999999999Z"),
            ),
            ("2023-02-29T00:00:00Z", None),
            ("1900-02-29T00:00:00Z", None),
            ("2011-05-13", None),
            ("2011-05-13T04:42Z", None),
            ("2011-05-13 04:42:34Z", None),
            ("2011-05-13T04:42:34.Z", None),
            ("2011-05-13T24:00:01Z", None),
            ("2011-05-13T04:42:60Z", None),
            ("2011-13-13T04:42:34Z", None),
            ("2011-00-13T04:42:34Z", None),
            ("2011-05-13T04:42:34+15:00", None),
            ("2011-05-13T04:42:34+0200", None),
            ("2011-05-13T04:42:34Zz", None),
            ("2011-05-13T04:42:3\u{e9}Z", None),
            ("+011-05-13T04:42:34Z", None),
            ("", None),
        ] {
            let parsed = parse(text).map(|instant| instant.to_string());
            assert_eq!(parsed.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn formats_the_ends_of_the_calendar() {
        assert_eq!(format_millis(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(format_millis(-1), "1969-12-31T23:59:59.999Z");
        assert_eq!(format_millis(i64::MIN), "0000-01-01T00:00:00.000Z");
        assert_eq!(format_millis(i64::MAX), "9999-12-31T23:59:59.999Z");
    }

    proptest! {
        #[test]
        fn formats_and_parses_as_jiff_does(millis in -62_167_219_200_000_i64..253_402_207_200_000) {
            let instant = Timestamp::from_millisecond(millis).unwrap();
            let text = format_millis(millis);
            prop_assert_eq!(&text, &format!("{instant:.3}"));
            prop_assert_eq!(parse(&text), Some(instant));
        }

        #[test]
        fn never_panics(text in "[0-9TZ:.+\\-é]{0,40}|.{0,40}") {
            let _ = parse(&text);
        }
    }
}
