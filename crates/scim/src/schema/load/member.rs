//! Members of a schema or resource type document, each with its type checked.

use super::Words;
use crate::{Error, Map, Value, json::get_ignoring_case};

pub(super) fn refuse(detail: String) -> Error {
    Error::invalid_value(detail)
}

/// `ALPHA *(ALPHA / DIGIT / "-" / "_" / "$")` of RFC 7643 section 2.1, and a leading `$`
/// (`$ref`, erratum 8924).
pub(super) fn is_attribute_name(name: &str) -> bool {
    let bytes = name.strip_prefix('$').unwrap_or(name).as_bytes();
    bytes.first().is_some_and(u8::is_ascii_alphabetic)
        && bytes
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'$'))
}

pub(super) fn is_uri(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, rest)| {
        is_attribute_name(scheme) && !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_graphic())
    })
}

pub(super) fn known_keys(
    document: &Map<String, Value>,
    known: &[&str],
    place: &str,
) -> Result<(), Error> {
    for key in document.keys() {
        if !known.iter().any(|name| name.eq_ignore_ascii_case(key)) {
            return Err(refuse(format!(
                "{place} has the unknown member \"{}\". Known are {}.",
                key.escape_debug(),
                known.join(", ")
            )));
        }
    }
    Ok(())
}

pub(super) fn text(
    document: &Map<String, Value>,
    key: &str,
    place: &str,
) -> Result<Option<String>, Error> {
    match get_ignoring_case(document, key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(refuse(format!("{place} needs text in `{key}`."))),
    }
}

pub(super) fn flag(
    document: &Map<String, Value>,
    key: &str,
    place: &str,
) -> Result<Option<bool>, Error> {
    match get_ignoring_case(document, key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(_) => Err(refuse(format!("{place} needs true or false in `{key}`."))),
    }
}

pub(super) fn texts(
    document: &Map<String, Value>,
    key: &str,
    place: &str,
) -> Result<Vec<String>, Error> {
    let wrong = || refuse(format!("{place} needs a list of texts in `{key}`."));
    match get_ignoring_case(document, key) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong))
            .collect(),
        Some(_) => Err(wrong()),
    }
}

pub(super) fn choice<T: Copy>(
    document: &Map<String, Value>,
    key: &str,
    words: Words<T>,
    place: &str,
) -> Result<Option<T>, Error> {
    let Some(chosen) = text(document, key, place)? else {
        return Ok(None);
    };
    match words.iter().find(|(word, _)| *word == chosen) {
        Some((_, value)) => Ok(Some(*value)),
        None => Err(refuse(format!(
            "{place} has \"{}\" in `{key}`. Choose one of {}.",
            chosen.escape_debug(),
            words
                .iter()
                .map(|(word, _)| *word)
                .collect::<Vec<_>>()
                .join(", ")
        ))),
    }
}
