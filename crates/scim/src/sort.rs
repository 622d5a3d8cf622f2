//! `sortBy` and `sortOrder`, RFC 7644 section 3.4.2.3.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::Number;

use crate::{
    AttributePath, Error, Fired, Map, Profile, ResourceType, Tolerance, Value, datetime,
    filter::{compare_numbers, is_case_exact},
    fold::fold_unless_exact,
    json::get_ignoring_case,
    schema::{Mutability, Returned, Type},
};

/// A resolved sort order.
#[derive(Debug, Clone, PartialEq)]
pub struct Sort {
    /// What to sort by; a complex attribute by its `value`, spelled out.
    pub path: AttributePath,
    /// True for `descending`.
    pub descending: bool,
}

/// What one resource is sorted by; ordered ascending, absent last (RFC 7644 section 3.4.2.3).
#[derive(Debug, Clone)]
pub struct Key(Option<Scalar>);

#[derive(Debug, Clone)]
enum Scalar {
    Boolean(bool),
    Number(Number),
    Instant(Timestamp),
    /// Folded unless `caseExact`.
    Text(String),
}

impl Sort {
    /// Reads the two parameters.
    ///
    /// Errors: 400 `invalidPath` for an attribute that does not exist, is complex without
    /// `value`, or is never returned; 400 `invalidValue` for another order than the two.
    pub fn read(
        resource_type: &ResourceType,
        by: &str,
        order: Option<&str>,
        profile: &Profile,
        fired: &mut Fired,
    ) -> Result<Sort, Error> {
        let descending = match order {
            None => false,
            Some(order) if order.eq_ignore_ascii_case("ascending") => false,
            Some(order) if order.eq_ignore_ascii_case("descending") => true,
            Some(_) => {
                return Err(Error::invalid_value(
                    "sortOrder must be ascending or descending. Leave it out for ascending.",
                ));
            }
        };
        let mut path = resource_type
            .resolve(by)
            .or_else(|| bare_extension(resource_type, by, profile, fired))
            .ok_or_else(|| {
                Error::invalid_path(format!(
                    "sortBy names no attribute of {}. Check the spelling; attributes of an extension need its URN in front.",
                    resource_type.name
                ))
            })?;
        if path.sub.is_none() && path.attribute.kind == Type::Complex {
            path.sub = path.attribute.sub("value").cloned();
        }
        let leaf = path.leaf();
        if leaf.kind == Type::Complex {
            return Err(Error::invalid_path(format!(
                "sortBy \"{path}\" is complex and has no order. Name a sub-attribute, as in name.familyName."
            )));
        }
        if [&path.attribute, leaf].iter().any(|attribute| {
            attribute.returned == Returned::Never || attribute.mutability == Mutability::WriteOnly
        }) {
            return Err(Error::invalid_path(format!(
                "\"{path}\" is never returned and cannot be sorted by. Sort by another attribute."
            )));
        }
        Ok(Sort { path, descending })
    }

    /// The key of one resource: the primary value of a multi-valued attribute, else the first.
    pub fn key(&self, resource: &Map<String, Value>) -> Key {
        let value = self.path.lookup(resource).and_then(chosen);
        let value = match &self.path.sub {
            None => value,
            Some(sub) => value
                .and_then(Value::as_object)
                .and_then(|object| get_ignoring_case(object, &sub.name))
                .and_then(chosen),
        };
        Key(value.and_then(|value| self.scalar(value)))
    }

    /// Compares two keys in this order; the caller breaks ties by id.
    pub fn compare(&self, a: &Key, b: &Key) -> Ordering {
        if self.descending { b.cmp(a) } else { a.cmp(b) }
    }

    fn scalar(&self, value: &Value) -> Option<Scalar> {
        let leaf = self.path.leaf();
        match value {
            Value::Bool(value) => Some(Scalar::Boolean(*value)),
            Value::Number(value) => Some(Scalar::Number(value.clone())),
            Value::String(text) if text.is_empty() => None,
            Value::String(text) if leaf.kind == Type::DateTime => {
                datetime::parse(text).map(Scalar::Instant)
            }
            Value::String(text) => Some(Scalar::Text(
                fold_unless_exact(text, is_case_exact(leaf)).into_owned(),
            )),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

fn bare_extension(
    resource_type: &ResourceType,
    by: &str,
    profile: &Profile,
    fired: &mut Fired,
) -> Option<AttributePath> {
    let path = AttributePath::resolve_bare_extension(resource_type, by)?;
    let note = || format!("sorted by \"{path}\"");
    fired
        .allows(profile, Tolerance::BareExtensionAttribute, note)
        .then_some(path)
}

/// The primary element of a list, else the first; a value that is no list is its own.
fn chosen(value: &Value) -> Option<&Value> {
    let Value::Array(items) = value else {
        return Some(value);
    };
    items
        .iter()
        .find(|item| {
            item.as_object()
                .and_then(|object| get_ignoring_case(object, "primary"))
                == Some(&Value::Bool(true))
        })
        .or_else(|| items.first())
}

impl Key {
    /// Bytes it keeps beside itself, for whoever keeps many and has to bound them.
    pub fn heap_size(&self) -> usize {
        match &self.0 {
            Some(Scalar::Text(text)) => text.capacity(),
            _ => 0,
        }
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Some(a), Some(b)) => a.compare(b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        }
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Key {}

impl Scalar {
    /// Values of one attribute have one type; should they not, types are ordered as declared.
    fn compare(&self, other: &Scalar) -> Ordering {
        match (self, other) {
            (Scalar::Boolean(a), Scalar::Boolean(b)) => a.cmp(b),
            (Scalar::Number(a), Scalar::Number(b)) => compare_numbers(a, b),
            (Scalar::Instant(a), Scalar::Instant(b)) => a.cmp(b),
            (Scalar::Text(a), Scalar::Text(b)) => a.cmp(b),
            (a, b) => a.rank().cmp(&b.rank()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Scalar::Boolean(_) => 0,
            Scalar::Number(_) => 1,
            Scalar::Instant(_) => 2,
            Scalar::Text(_) => 3,
        }
    }
}

#[cfg(test)]
mod tests;
