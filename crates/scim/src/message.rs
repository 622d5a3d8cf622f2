//! Messages of the protocol: their URNs, and the query of a GET or a SearchRequest.

use crate::{
    Error, Fired, Kind, Map, Profile, Tolerance, Value, json::is_unassigned, value::shown,
};

/// URN of ListResponse.
pub const LIST_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
/// URN of SearchRequest.
pub const SEARCH_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";
/// URN of PatchOp.
pub const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
/// URN of BulkRequest.
pub const BULK_REQUEST: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
/// URN of BulkResponse.
pub const BULK_RESPONSE: &str = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";

/// The query of a GET or of a SearchRequest (RFC 7644 sections 3.4.2 and 3.4.3), as sent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Query {
    /// `attributes`, split at commas.
    pub attributes: Vec<String>,
    /// `excludedAttributes`, split at commas.
    pub excluded_attributes: Vec<String>,
    /// `filter`.
    pub filter: Option<String>,
    /// `sortBy`.
    pub sort_by: Option<String>,
    /// `sortOrder`.
    pub sort_order: Option<String>,
    /// `startIndex`, at least 1.
    pub start_index: Option<u64>,
    /// `count`, negative values are 0.
    pub count: Option<u64>,
    /// `cursor`; empty for the first page (RFC 9865 section 2).
    pub cursor: Option<String>,
}

impl Query {
    /// Reads a query string (without `?`), percent-decoded once, `+` as space; unknown parameters are ignored,
    /// parameter names are compared without case, empty pairs (a trailing `&`) are skipped.
    /// A list that is given twice is merged; of anything else the last one counts.
    ///
    /// Errors: 400 `invalidValue` (`invalidCount` with a cursor) for numbers that are none, 400
    /// `invalidSyntax` for broken percent-encoding.
    pub fn from_query_string(query: &str) -> Result<Query, Error> {
        let mut read = Query::default();
        let mut numbers = Numbers::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name)?;
            let Some(parameter) = Parameter::named(&name) else {
                continue;
            };
            let value = decode(value)?;
            match parameter {
                Parameter::Attributes => split_list(&value, &mut read.attributes),
                Parameter::ExcludedAttributes => {
                    split_list(&value, &mut read.excluded_attributes);
                }
                Parameter::Filter => read.filter = Some(value),
                Parameter::SortBy => read.sort_by = Some(value).filter(|it| !it.is_empty()),
                Parameter::SortOrder => read.sort_order = Some(value).filter(|it| !it.is_empty()),
                Parameter::Cursor => read.cursor = Some(value),
                Parameter::StartIndex => numbers.start_index = Some(value),
                Parameter::Count => numbers.count = Some(value),
            }
        }
        read.with_numbers(&numbers)
    }

    /// Reads a SearchRequest body.
    ///
    /// Errors: 400 `invalidSyntax` for a body that is no SearchRequest, otherwise as
    /// [`Query::from_query_string`].
    pub fn from_search_request(
        body: &Map<String, Value>,
        profile: &Profile,
        fired: &mut Fired,
    ) -> Result<Query, Error> {
        check_schemas(body, SEARCH_REQUEST, profile, fired)?;
        let mut read = Query::default();
        let mut numbers = Numbers::default();
        for (name, value) in body {
            if name.eq_ignore_ascii_case("schemas") || value.is_null() {
                continue;
            }
            let Some(parameter) = Parameter::named(name) else {
                if fired.allows(profile, Tolerance::UnknownAttribute, || {
                    format!("dropped \"{}\" from the search", shown(name))
                }) {
                    continue;
                }
                return Err(Error::invalid_syntax(format!(
                    "A SearchRequest has no member \"{}\". Remove it or correct its name.",
                    shown(name)
                )));
            };
            match parameter {
                Parameter::Attributes => list(name, value, &mut read.attributes, profile, fired)?,
                Parameter::ExcludedAttributes => {
                    list(name, value, &mut read.excluded_attributes, profile, fired)?;
                }
                Parameter::Filter => read.filter = Some(text(name, value)?),
                Parameter::SortBy => {
                    read.sort_by = Some(text(name, value)?).filter(|it| !it.is_empty());
                }
                Parameter::SortOrder => {
                    read.sort_order = Some(text(name, value)?).filter(|it| !it.is_empty());
                }
                Parameter::Cursor => read.cursor = Some(text(name, value)?),
                // A text with a number in it is no number in JSON.
                Parameter::StartIndex => numbers.start_index = Some(value.to_string()),
                Parameter::Count => numbers.count = Some(value.to_string()),
            }
        }
        read.with_numbers(&numbers)
    }

    fn with_numbers(mut self, numbers: &Numbers) -> Result<Query, Error> {
        if let Some(text) = &numbers.count {
            // RFC 9865 section 2.1 has a keyword of its own for this.
            let kind = match self.cursor {
                Some(_) => Kind::InvalidCount,
                None => Kind::InvalidValue,
            };
            self.count = Some(number("count", text, 0, kind)?);
        }
        if let Some(text) = &numbers.start_index {
            self.start_index = Some(number("startIndex", text, 1, Kind::InvalidValue)?);
            if self.cursor.is_some() {
                return Err(Error::invalid_value(
                    "`cursor` and `startIndex` are two ways to page (RFC 9865 section 2). Send one of them.",
                ));
            }
        }
        Ok(self)
    }
}

/// Numbers as sent; what is wrong with them depends on the other parameters.
#[derive(Default)]
struct Numbers {
    start_index: Option<String>,
    count: Option<String>,
}

#[derive(Clone, Copy)]
enum Parameter {
    Attributes,
    ExcludedAttributes,
    Filter,
    SortBy,
    SortOrder,
    StartIndex,
    Count,
    Cursor,
}

impl Parameter {
    fn named(name: &str) -> Option<Parameter> {
        const NAMES: [(&str, Parameter); 8] = [
            ("attributes", Parameter::Attributes),
            ("excludedAttributes", Parameter::ExcludedAttributes),
            ("filter", Parameter::Filter),
            ("sortBy", Parameter::SortBy),
            ("sortOrder", Parameter::SortOrder),
            ("startIndex", Parameter::StartIndex),
            ("count", Parameter::Count),
            ("cursor", Parameter::Cursor),
        ];
        NAMES
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, parameter)| *parameter)
    }
}

/// Checks that a message lists its own URN in `schemas`; a missing list is forgiven by
/// [`Tolerance::InferSchemas`], a wrong one never.
pub(crate) fn check_schemas(
    body: &Map<String, Value>,
    urn: &str,
    profile: &Profile,
    fired: &mut Fired,
) -> Result<(), Error> {
    let fits = match crate::json::get_ignoring_case(body, "schemas") {
        Some(Value::Array(listed)) if !listed.is_empty() => listed.iter().any(|listed| {
            listed
                .as_str()
                .is_some_and(|it| it.eq_ignore_ascii_case(urn))
        }),
        Some(value) if !is_unassigned(value) => false,
        _ => fired.allows(profile, Tolerance::InferSchemas, || {
            format!("added \"{urn}\" to schemas, which was missing")
        }),
    };
    if fits {
        return Ok(());
    }
    Err(Error::invalid_syntax(format!(
        "`schemas` of this message must list \"{urn}\". Add it."
    )))
}

fn text(name: &str, value: &Value) -> Result<String, Error> {
    value
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| Error::invalid_value(format!("`{name}` must be text.")))
}

fn list(
    name: &str,
    value: &Value,
    out: &mut Vec<String>,
    profile: &Profile,
    fired: &mut Fired,
) -> Result<(), Error> {
    let wrong = || {
        Error::invalid_syntax(format!(
            "`{name}` must be a list of attribute names as text."
        ))
    };
    let mut commas = |text: &str, out: &mut Vec<String>| {
        let allowed = fired.allows(profile, Tolerance::CommaAttributes, || {
            format!("split the text in {name} at its commas")
        });
        if allowed {
            split_list(text, out);
        }
        allowed
    };
    match value {
        Value::Array(items) => {
            for item in items {
                match item.as_str() {
                    Some(text) if !text.contains(',') => split_list(text, out),
                    Some(text) if commas(text, out) => {}
                    _ => return Err(wrong()),
                }
            }
            Ok(())
        }
        Value::String(text) if commas(text, out) => Ok(()),
        _ => Err(wrong()),
    }
}

fn split_list(text: &str, out: &mut Vec<String>) {
    out.extend(
        text.split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(str::to_owned),
    );
}

/// A whole number; what is below `least` is `least` (RFC 7644 section 3.4.2.4), what is beyond
/// 64 bits is the largest.
fn number(name: &str, text: &str, least: u64, kind: Kind) -> Result<u64, Error> {
    let text = text.trim();
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Error::new(
            kind,
            format!("`{name}` must be a whole number, not {}.", shown(text)),
        ));
    }
    if digits.len() < text.len() {
        return Ok(least);
    }
    Ok(digits.parse().unwrap_or(u64::MAX).max(least))
}

/// Percent-decodes one name or value, once.
fn decode(text: &str) -> Result<String, Error> {
    if !text.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Ok(text.to_owned());
    }
    let broken = || {
        Error::invalid_syntax(format!(
            "The query has \"{}\", which is no percent-encoded UTF-8. Encode a percent sign as %25.",
            shown(text)
        ))
    };
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let high = bytes.next().and_then(hex).ok_or_else(broken)?;
                let low = bytes.next().and_then(hex).ok_or_else(broken)?;
                high << 4 | low
            }
            byte => byte,
        });
    }
    if decoded.contains(&0) {
        return Err(Error::invalid_syntax(
            "The query contains NUL (%00), which no text may. Remove it.",
        ));
    }
    String::from_utf8(decoded).map_err(|_| broken())
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests;
