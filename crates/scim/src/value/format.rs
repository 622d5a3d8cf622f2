//! Formats beyond the data type: URI, language tag, time zone, country, certificate.
//!
//! Each function returns what is wanted if the text is not that.

use super::decode_base64;

/// Checks core attributes whose text has a format of its own (RFC 7643 section 4.1).
pub(super) fn problem(name: &str, text: &str) -> Option<&'static str> {
    let (fits, wanted): (fn(&str) -> bool, _) = match name {
        "locale" => (is_language_tag, "a language tag such as en-US"),
        "preferredLanguage" => (
            is_accept_language,
            "a language list such as en-US or \"da, en-GB;q=0.8\"",
        ),
        "timezone" => (is_time_zone, "an IANA time zone such as Europe/Berlin"),
        "country" => (is_country, "an ISO 3166-1 country code of two letters"),
        _ => return None,
    };
    (!text.is_empty() && !fits(text)).then_some(wanted)
}

/// RFC 3986: an absolute URI, or also a relative reference.
pub(super) fn uri_problem(text: &str, absolute: bool) -> Option<&'static str> {
    if text.is_empty() {
        return None;
    }
    let bytes = text.as_bytes();
    let legal = bytes.iter().enumerate().all(|(i, byte)| match byte {
        b'%' => bytes
            .get(i + 1..i + 3)
            .is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)),
        b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' => false,
        byte => byte.is_ascii_graphic(),
    });
    if !legal {
        return Some("a URI");
    }
    (absolute && !has_scheme(text)).then_some("a URI with its scheme, such as https://…")
}

fn has_scheme(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, rest)| {
        !rest.is_empty()
            && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    })
}

/// One DER value, a SEQUENCE that fills the bytes exactly (RFC 7643 section 4.1.2).
pub(super) fn certificate_problem(text: &str) -> Option<&'static str> {
    // What is no base64 at all is refused by its type.
    let bytes = decode_base64(text)?;
    (!is_one_sequence(&bytes)).then_some("one DER certificate in base64")
}

fn is_one_sequence(bytes: &[u8]) -> bool {
    let [0x30, first, rest @ ..] = bytes else {
        return false;
    };
    if *first < 0x80 {
        return rest.len() == usize::from(*first);
    }
    let count = usize::from(first & 0x7f);
    if count == 0 || count > 4 || rest.len() < count {
        return false;
    }
    let (length, content) = rest.split_at(count);
    let length = length
        .iter()
        .fold(0usize, |length, byte| length << 8 | usize::from(*byte));
    content.len() == length
}

/// A well-formed BCP 47 tag; `_` is taken for `-`, as `en_US` is common.
fn is_language_tag(text: &str) -> bool {
    let mut parts = text.split(['-', '_']);
    let language = parts.next().unwrap_or_default();
    (1..=8).contains(&language.len())
        && language.bytes().all(|b| b.is_ascii_alphabetic())
        && parts.all(|part| {
            (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
        })
}

/// Accept-Language, RFC 9110 section 12.5.4.
fn is_accept_language(text: &str) -> bool {
    text.split(',').all(|range| {
        let (tag, weight) = match range.split_once(';') {
            Some((tag, weight)) => (tag, Some(weight)),
            None => (range, None),
        };
        let tag = tag.trim();
        (tag == "*" || is_language_tag(tag))
            && weight.is_none_or(|weight| {
                weight
                    .trim()
                    .strip_prefix(['q', 'Q'])
                    .and_then(|rest| rest.trim_start().strip_prefix('='))
                    .and_then(|number| number.trim().parse::<f32>().ok())
                    .is_some_and(|q| (0.0..=1.0).contains(&q))
            })
    })
}

/// The shape of an IANA name; the names themselves change several times a year.
fn is_time_zone(text: &str) -> bool {
    text.split('/').count() <= 3
        && text.split('/').all(|part| {
            part.starts_with(|c: char| c.is_ascii_alphabetic())
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'+'))
        })
}

/// The shape of an ISO 3166-1 alpha-2 code.
fn is_country(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|b| b.is_ascii_alphabetic())
}
