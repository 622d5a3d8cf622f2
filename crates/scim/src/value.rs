//! One JSON value as a client sends it becomes a value as it is stored, or a 400.

use std::{collections::HashSet, fmt};

use base64::{
    Engine,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use crate::{
    Attribute, Error, Fired, Map, Profile, Tolerance, Value,
    json::is_unassigned,
    schema::{Mutability, Returned, Type},
};

mod format;

/// From how many elements on duplicates are found with a set instead of by comparing.
const COMPARED: usize = 32;

/// Reads the value of one whole attribute: a list for a multi-valued one, an object for a
/// complex one. `label` is how the attribute is called in messages.
///
/// `None` is unassigned: `null`, `[]`, an object without anything in it (RFC 7643 section 2.5).
pub(crate) fn read(
    attribute: &Attribute,
    value: Value,
    label: &str,
    profile: &Profile,
    fired: &mut Fired,
) -> Result<Option<Value>, Error> {
    Reader { profile, fired }.whole(attribute, value, Place::new(label))
}

/// [`read`] for an attribute of the extension `urn`.
pub(crate) fn read_in_extension(
    attribute: &Attribute,
    value: Value,
    urn: &str,
    profile: &Profile,
    fired: &mut Fired,
) -> Result<Option<Value>, Error> {
    let place = Place {
        urn: Some(urn),
        ..Place::new(&attribute.name)
    };
    Reader { profile, fired }.whole(attribute, value, place)
}

/// Reads one element of a multi-valued attribute, or the value of a singular (sub-)attribute.
pub(crate) fn read_single(
    attribute: &Attribute,
    value: Value,
    label: &str,
    profile: &Profile,
    fired: &mut Fired,
) -> Result<Option<Value>, Error> {
    Reader { profile, fired }.single(attribute, value, Place::new(label))
}

/// Refuses a second `primary: true` in a list (RFC 7643 section 2.4).
pub(crate) fn check_primary(label: &dyn fmt::Display, items: &[Value]) -> Result<(), Error> {
    let marked = items
        .iter()
        .filter(|item| item.get("primary") == Some(&Value::Bool(true)))
        .count();
    if marked > 1 {
        return Err(Error::invalid_value(format!(
            "{label} has {marked} values marked as primary, and at most one may be. Set \"primary\": true on one of them."
        )));
    }
    Ok(())
}

/// Drops elements that repeat an earlier one. Linear in their number.
pub(crate) fn drop_duplicates(items: &mut Vec<Value>) {
    if items.len() < 2 {
        return;
    }
    let first: Vec<bool> = if items.len() <= COMPARED {
        (0..items.len())
            .map(|i| !items[..i].contains(&items[i]))
            .collect()
    } else {
        let mut seen = HashSet::with_capacity(items.len());
        items.iter().map(|item| seen.insert(item)).collect()
    };
    let mut keep = first.into_iter();
    items.retain(|_| keep.next().unwrap_or(true));
}

/// Where a value stands, for messages; formatted only when one is written.
#[derive(Clone, Copy)]
struct Place<'a> {
    urn: Option<&'a str>,
    label: &'a str,
    sub: Option<&'a str>,
}

impl<'a> Place<'a> {
    fn new(label: &'a str) -> Self {
        Place {
            urn: None,
            label,
            sub: None,
        }
    }

    /// False for attributes of extensions, whose label carries a URN.
    fn is_core(self) -> bool {
        self.urn.is_none() && !self.label.contains(':')
    }

    fn sub(self, name: &'a str) -> Self {
        Place {
            sub: Some(name),
            ..self
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(urn) = self.urn {
            write!(f, "{urn}:")?;
        }
        f.write_str(self.label)?;
        match self.sub {
            Some(sub) => write!(f, ".{sub}"),
            None => Ok(()),
        }
    }
}

struct Reader<'r> {
    profile: &'r Profile,
    fired: &'r mut Fired,
}

impl Reader<'_> {
    fn allows(&mut self, tolerance: Tolerance, note: impl FnOnce() -> String) -> bool {
        self.fired.allows(self.profile, tolerance, note)
    }

    fn whole(
        &mut self,
        attribute: &Attribute,
        value: Value,
        place: Place<'_>,
    ) -> Result<Option<Value>, Error> {
        if !attribute.multi_valued {
            return self.single(attribute, value, place);
        }
        let mut items = match value {
            Value::Null => return Ok(None),
            Value::Array(items) => items,
            one => {
                if !self.allows(Tolerance::WrapArray, || {
                    format!("took the one value of {place} as a list")
                }) {
                    return Err(wrong(attribute, &one, place, "a list of values"));
                }
                vec![one]
            }
        };
        for item in &mut items {
            *item = self
                .single(attribute, item.take(), place)?
                .unwrap_or_default();
        }
        items.retain(|item| !item.is_null());
        drop_duplicates(&mut items);
        if attribute.kind == Type::Complex {
            self.one_primary(place, &mut items)?;
        }
        Ok((!items.is_empty()).then_some(Value::Array(items)))
    }

    /// Of several values marked as primary the first stays it: PingOne sends one address at two places
    /// (transcript `ping.json`).
    fn one_primary(&mut self, place: Place<'_>, items: &mut [Value]) -> Result<(), Error> {
        let refused = match check_primary(&place, items) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        if !self.allows(Tolerance::ExtraPrimary, || {
            format!("left the first of {place} primary, and no other")
        }) {
            return Err(refused);
        }
        let marked = items
            .iter_mut()
            .filter_map(|item| item.get_mut("primary"))
            .filter(|primary| **primary == Value::Bool(true));
        for primary in marked.skip(1) {
            *primary = Value::Bool(false);
        }
        Ok(())
    }

    fn single(
        &mut self,
        attribute: &Attribute,
        value: Value,
        place: Place<'_>,
    ) -> Result<Option<Value>, Error> {
        let value = match value {
            Value::Null => return Ok(None),
            Value::Array(items) if !attribute.multi_valued => {
                match self.unwrap(attribute, items, place)? {
                    Some(value) => value,
                    None => return Ok(None),
                }
            }
            value => value,
        };
        if attribute.kind == Type::Complex {
            self.complex(attribute, value, place)
        } else {
            self.simple(attribute, value, place).map(Some)
        }
    }

    /// A list where one value belongs: Entra sends `manager` like this (transcript `entra-default.json`).
    fn unwrap(
        &mut self,
        attribute: &Attribute,
        mut items: Vec<Value>,
        place: Place<'_>,
    ) -> Result<Option<Value>, Error> {
        if items.len() > 1
            || !self.allows(Tolerance::UnwrapArray, || {
                format!("took the list in {place} as one value")
            })
        {
            return Err(wrong(
                attribute,
                &Value::Array(items),
                place,
                wanted(attribute),
            ));
        }
        Ok(items.pop().filter(|item| !item.is_null()))
    }

    fn complex(
        &mut self,
        attribute: &Attribute,
        value: Value,
        place: Place<'_>,
    ) -> Result<Option<Value>, Error> {
        let mut map = match value {
            Value::Object(map) => map,
            Value::Array(_) => return Err(wrong(attribute, &value, place, wanted(attribute))),
            plain => match self.wrap(attribute, plain, place)? {
                Some(map) => map,
                None => return Ok(None),
            },
        };
        if attribute.name == "roles" {
            self.role_in_text(&mut map, place);
        }
        // In place: a map costs more to build than its values cost to read.
        let (mut dropped, mut renamed) = (false, false);
        for (key, value) in &mut map {
            let read = match attribute.sub(key) {
                Some(sub) => {
                    renamed |= sub.name != *key;
                    self.sub_attribute(sub, value.take(), place)?
                }
                None => self.unknown(attribute, key, place)?,
            };
            dropped |= read.is_none();
            *value = read.unwrap_or_default();
        }
        if dropped {
            map.retain(|_, value| !value.is_null());
        }
        if renamed {
            let canonical = |key: String| attribute.sub(&key).map_or(key, |sub| sub.name.clone());
            map = map
                .into_iter()
                .map(|(key, value)| (canonical(key), value))
                .collect();
        }
        if map.is_empty() {
            return Ok(None);
        }
        for sub in &attribute.sub_attributes {
            if sub.required
                && !map.contains_key(&sub.name)
                && !self.allows(Tolerance::MissingSubAttribute, || {
                    format!("accepted {place} without {}", sub.name)
                })
            {
                return Err(Error::missing_required(format!(
                    "{place} lacks the required sub-attribute \"{}\". Add it.",
                    sub.name
                )));
            }
        }
        Ok(Some(Value::Object(map)))
    }

    /// Entra's `AppRoleAssignmentsComplex` writes id, value and name of a role as JSON into the text of its value
    /// (transcript `entra-app-roles.json`).
    fn role_in_text(&mut self, map: &mut Map<String, Value>, place: Place<'_>) {
        let Some(Value::String(text)) = map.get("value") else {
            return;
        };
        if !text.starts_with('{') {
            return;
        }
        let Ok(Value::Object(mut role)) = serde_json::from_str(text) else {
            return;
        };
        let Some(value @ Value::String(_)) = role.remove("value") else {
            return;
        };
        if !self.allows(Tolerance::RoleInText, || {
            format!("read the JSON within {place}.value as a role")
        }) {
            return;
        }
        map.insert("value".to_owned(), value);
        if let Some(name @ Value::String(_)) = role.remove("displayName") {
            map.entry("display").or_insert(name);
        }
    }

    fn sub_attribute(
        &mut self,
        sub: &Attribute,
        value: Value,
        place: Place<'_>,
    ) -> Result<Option<Value>, Error> {
        if sub.mutability == Mutability::ReadOnly {
            if !is_unassigned(&value) {
                self.fired.record(Tolerance::ReadOnlyIgnored, || {
                    format!("ignored {place}.{}, which only the server sets", sub.name)
                });
            }
            return Ok(None);
        }
        self.whole(sub, value, place.sub(&sub.name))
    }

    fn unknown(
        &mut self,
        attribute: &Attribute,
        key: &str,
        place: Place<'_>,
    ) -> Result<Option<Value>, Error> {
        if self.allows(Tolerance::UnknownAttribute, || {
            format!("dropped {place}.{}, which no schema defines", shown(key))
        }) {
            return Ok(None);
        }
        Err(Error::invalid_syntax(format!(
            "{place} has no sub-attribute \"{}\". Remove it or correct its name; known are {}.",
            shown(key),
            names(attribute)
        )))
    }

    /// A plain value where an object belongs: Entra sends `manager` like this (transcript
    /// `entra-default.json`). An empty text is nothing.
    fn wrap(
        &mut self,
        attribute: &Attribute,
        plain: Value,
        place: Place<'_>,
    ) -> Result<Option<Map<String, Value>>, Error> {
        let fits = attribute
            .sub("value")
            .is_some_and(|sub| sub.mutability != Mutability::ReadOnly);
        let empty = plain == Value::String(String::new());
        if !(fits || empty)
            || !self.allows(Tolerance::WrapComplex, || {
                if empty {
                    format!("took the empty text in {place} as no value")
                } else {
                    format!("took the plain value of {place} as {place}.value")
                }
            })
        {
            return Err(wrong(attribute, &plain, place, wanted(attribute)));
        }
        Ok((!empty).then(|| Map::from_iter([("value".to_owned(), plain)])))
    }

    fn simple(
        &mut self,
        attribute: &Attribute,
        value: Value,
        place: Place<'_>,
    ) -> Result<Value, Error> {
        let fits = match (attribute.kind, &value) {
            (Type::String, Value::String(text)) => {
                if place.is_core()
                    && let Some(wanted) = format::problem(&attribute.name, text)
                {
                    return self.loose(attribute, value, place, wanted);
                }
                true
            }
            (Type::Boolean, Value::Bool(_)) | (Type::Decimal, Value::Number(_)) => true,
            (Type::Boolean, Value::String(text)) => {
                let coerced = if text.eq_ignore_ascii_case("true") {
                    Some(true)
                } else if text.eq_ignore_ascii_case("false") {
                    Some(false)
                } else {
                    None
                };
                if let Some(coerced) = coerced
                    && self.allows(Tolerance::StringBoolean, || {
                        format!("took the text \"{text}\" in {place} as {coerced}")
                    })
                {
                    return Ok(Value::Bool(coerced));
                }
                false
            }
            // A number with fraction or exponent, or beyond 64 bits, is not an i64 to serde_json
            // (RFC 7643 section 2.3.4).
            (Type::Integer, Value::Number(number)) => number.is_i64(),
            (Type::DateTime, Value::String(text)) => crate::datetime::parse(text).is_some(),
            (Type::Binary, Value::String(text)) => {
                if place.label.starts_with("x509Certificates")
                    && let Some(wanted) = format::certificate_problem(text)
                {
                    return self.loose(attribute, value, place, wanted);
                }
                is_base64(text)
            }
            (Type::Reference, Value::String(text)) => {
                let absolute = attribute
                    .reference_types
                    .iter()
                    .all(|kind| kind == "external");
                if let Some(wanted) = format::uri_problem(text, absolute) {
                    return self.loose(attribute, value, place, wanted);
                }
                true
            }
            _ => false,
        };
        if fits {
            Ok(value)
        } else {
            Err(wrong(attribute, &value, place, wanted(attribute)))
        }
    }

    /// Keeps a value outside its format where the profile stores values as sent.
    fn loose(
        &mut self,
        attribute: &Attribute,
        value: Value,
        place: Place<'_>,
        wanted: &str,
    ) -> Result<Value, Error> {
        if self.allows(Tolerance::LooseFormat, || {
            format!("kept {place} as sent, though it is not {wanted}")
        }) {
            Ok(value)
        } else {
            Err(wrong(attribute, &value, place, wanted))
        }
    }
}

/// "emails.primary must be true or false, not the text "maybe"."
fn wrong(attribute: &Attribute, value: &Value, place: Place<'_>, wanted: &str) -> Error {
    let secret =
        attribute.returned == Returned::Never || attribute.mutability == Mutability::WriteOnly;
    let came = match value {
        Value::Null => "null".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::String(_) if secret => "this text".to_owned(),
        _ if secret => "this value".to_owned(),
        Value::String(text) => format!("the text \"{}\"", shown(text)),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => format!("the number {number}"),
    };
    Error::invalid_value(format!("{place} must be {wanted}, not {came}."))
}

fn wanted(attribute: &Attribute) -> &'static str {
    match attribute.kind {
        Type::String => "text",
        Type::Boolean => "true or false",
        Type::Decimal => "a number",
        Type::Integer => "a whole number of at most 64 bits, without fraction or exponent",
        Type::DateTime => "a date and time such as 2026-11-23T10:42:05Z",
        Type::Binary => "base64",
        Type::Reference => "a URI",
        Type::Complex => "an object of sub-attributes",
    }
}

fn names(attribute: &Attribute) -> String {
    let names: Vec<&str> = attribute
        .sub_attributes
        .iter()
        .map(|sub| sub.name.as_str())
        .collect();
    names.join(", ")
}

/// Foreign text, short and without control characters, for a message.
pub(crate) fn shown(text: &str) -> String {
    const SHOWN: usize = 120;
    let mut out: String = text
        .chars()
        .take(SHOWN)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(SHOWN).is_some() {
        out.push('…');
    }
    out
}

/// Padding is optional and both alphabets are taken (RFC 7643 section 2.3.6).
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    const LOOSE: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    const PLAIN: GeneralPurpose = GeneralPurpose::new(&STANDARD, LOOSE);
    const URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LOOSE);
    PLAIN.decode(text).or_else(|_| URL.decode(text)).ok()
}

fn is_base64(text: &str) -> bool {
    decode_base64(text).is_some()
}

#[cfg(test)]
mod tests;
