//! How the text of a setting becomes its value: sizes, durations, addresses, counts.

use std::{
    fmt::Display,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use provisor_server::outbound::seal::SecretKey;

use super::LogFormat;

/// True for the texts that switch an optional setting off.
fn is_off(text: &str) -> bool {
    matches!(text, "" | "off" | "none")
}

fn optional<T>(
    text: &str,
    form: impl FnOnce(&str) -> Result<T, String>,
) -> Result<Option<T>, String> {
    if is_off(text) {
        return Ok(None);
    }
    form(text).map(Some)
}

/// `127.0.0.1:7070`.
pub(crate) fn socket(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!("\"{text}\" is no address with port; write for example 127.0.0.1:7070 or [::]:7070")
    })
}

pub(super) fn optional_socket(text: &str) -> Result<Option<SocketAddr>, String> {
    optional(text, socket)
}

pub(super) fn optional_address(text: &str) -> Result<Option<IpAddr>, String> {
    optional(text, |text| {
        text.parse().map_err(|_| {
            format!("\"{text}\" is no network address; write for example 10.0.0.2, without port")
        })
    })
}

/// `sqlite:PATH`, kept as it is.
pub(super) fn database(text: &str) -> Result<String, String> {
    crate::open::sqlite_path(text).map(|_| text.to_owned())
}

/// `https://scim.example.com`, without trailing slash.
pub(crate) fn public_url(text: &str) -> Result<Option<String>, String> {
    optional(text, |text| {
        let text = text.trim_end_matches('/');
        let host = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"))
            .unwrap_or_default();
        let usable = !host.is_empty()
            && !host.starts_with([':', '/'])
            && !host.contains(['?', '#', '@', '"', '\\'])
            && !host.contains(|c: char| c.is_whitespace() || c.is_control());
        if !usable {
            return Err(format!(
                "\"{text}\" is no URL; write for example https://scim.example.com"
            ));
        }
        Ok(text.to_owned())
    })
}

/// The file with the key of targets' credentials.
pub(super) fn secret_key_file(text: &str) -> Result<SecretKey, String> {
    Ok(optional(text, |text| Ok(SecretKey::in_file(text)))?.unwrap_or_default())
}

pub(super) fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!(
            "\"{text}\" is no log format; write \"text\" or \"json\""
        )),
    }
}

/// A level, or levels by module (`info,provisor_server=debug`).
pub(super) fn log_level(text: &str) -> Result<String, String> {
    match tracing_subscriber::EnvFilter::builder().parse(text) {
        Ok(_) if !text.is_empty() => Ok(text.to_owned()),
        _ => Err(format!(
            "\"{text}\" is no level; write error, warn, info, debug or trace"
        )),
    }
}

/// A whole number, at least 1.
pub(super) fn count<N: TryFrom<u64>>(text: &str) -> Result<N, String> {
    let number: u64 = text
        .replace('_', "")
        .parse()
        .map_err(|_| format!("\"{text}\" is no whole number"))?;
    if number == 0 {
        return Err("must be at least 1".to_owned());
    }
    number
        .try_into()
        .map_err(|_| format!("{number} is too large"))
}

pub(super) fn optional_count<N: TryFrom<u64>>(text: &str) -> Result<Option<N>, String> {
    optional(text, count)
}

const SIZES: &[(&str, u64)] = &[
    ("", 1),
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
];

/// `32 MiB`, `1 GB` or plain bytes.
pub(super) fn size<N: TryFrom<u64>>(text: &str) -> Result<N, String> {
    let bytes = quantity(text, SIZES).ok_or_else(|| {
        format!("\"{text}\" is no size; write bytes, or a number with KiB, MiB, GiB, KB, MB or GB")
    })?;
    if bytes == 0 {
        return Err("must be at least 1 byte".to_owned());
    }
    bytes.try_into().map_err(|_| too_large(&text))
}

const DURATIONS: &[(&str, u64)] = &[
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("min", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// `30s`, `5m`, `12h`, `90d`; never zero. A number needs its unit.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let millis = quantity(text, DURATIONS).ok_or_else(|| {
        format!("\"{text}\" is no duration; write a number with ms, s, m, h or d, as in \"90d\"")
    })?;
    if millis == 0 {
        return Err("must be longer than nothing".to_owned());
    }
    // A hundred years: anything longer is a typing error, and sums with the clock stay in range.
    if millis > 36_525 * 86_400_000 {
        return Err(too_large(&text));
    }
    Ok(Duration::from_millis(millis))
}

/// [`duration`] in milliseconds.
pub(super) fn millis(text: &str) -> Result<i64, String> {
    let duration = duration(text)?;
    i64::try_from(duration.as_millis()).map_err(|_| too_large(&text))
}

fn too_large(text: &impl Display) -> String {
    format!("\"{text}\" is too large")
}

fn quantity(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '_')
        .unwrap_or(text.len());
    let number: u64 = text[..digits].replace('_', "").parse().ok()?;
    let unit = text[digits..].trim();
    let (_, factor) = units
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    number.checked_mul(*factor)
}
