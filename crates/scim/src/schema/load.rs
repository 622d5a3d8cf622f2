//! Schema and resource type documents to definitions and back.

use std::sync::Arc;

use self::member::{choice, flag, is_attribute_name, is_uri, known_keys, refuse, text, texts};
use super::{Attribute, Mutability, Returned, Schema, Type, Uniqueness, builtin};
use crate::{Error, Map, Value, json::get_ignoring_case};

mod member;
mod types;
mod write;

pub(super) use types::registry;
pub(super) use write::{resource_type_to_json, schema_to_json};

/// Reads one schema document.
pub(super) fn schema(value: &Value) -> Result<Schema, Error> {
    let Value::Object(document) = value else {
        return Err(refuse("A schema document must be a JSON object.".into()));
    };
    let id = match get_ignoring_case(document, "id") {
        Some(Value::String(id)) if is_uri(id) => id.clone(),
        _ => {
            return Err(refuse(
                "A schema document needs `id`, a URN such as urn:example:scim:1.0:Device.".into(),
            ));
        }
    };
    let place = format!("The schema {id}");
    known_keys(
        document,
        &["schemas", "id", "name", "description", "attributes", "meta"],
        &place,
    )?;
    let name = match text(document, "name", &place)? {
        Some(name) if !name.is_empty() => name,
        _ => id.rsplit(':').next().unwrap_or(&id).to_owned(),
    };
    Ok(Schema {
        name,
        description: text(document, "description", &place)?.unwrap_or_default(),
        // The schema of schemas nests attribute definitions; no other may (RFC 7643 section
        // 2.3.8, erratum 8415).
        attributes: attributes(document, "attributes", &place, 0, id == builtin::SCHEMA)?,
        id,
    })
}

/// Reads the list of definitions under `key`; it must hold at least one.
fn attributes(
    document: &Map<String, Value>,
    key: &str,
    place: &str,
    depth: usize,
    recursive: bool,
) -> Result<Vec<Arc<Attribute>>, Error> {
    let Some(Value::Array(items)) = get_ignoring_case(document, key)
        .filter(|items| matches!(items, Value::Array(items) if !items.is_empty()))
    else {
        return Err(refuse(format!(
            "{place} needs `{key}`, a list with at least one attribute definition."
        )));
    };
    let mut read: Vec<Arc<Attribute>> = Vec::with_capacity(items.len());
    let mut names = std::collections::HashSet::new();
    for item in items {
        let attribute = attribute(item, place, depth, recursive)?;
        if !names.insert(attribute.name.to_ascii_lowercase()) {
            return Err(refuse(format!(
                "{place} defines `{}` twice; names are compared without case. Remove one.",
                attribute.name
            )));
        }
        read.push(Arc::new(attribute));
    }
    Ok(read)
}

fn attribute(
    value: &Value,
    parent: &str,
    depth: usize,
    recursive: bool,
) -> Result<Attribute, Error> {
    let Value::Object(definition) = value else {
        return Err(refuse(format!(
            "{parent} has an attribute definition that is not a JSON object."
        )));
    };
    let name = match get_ignoring_case(definition, "name") {
        Some(Value::String(name)) if is_attribute_name(name) => name.clone(),
        other => {
            return Err(refuse(format!(
                "{parent} has an attribute named {}: a name starts with a letter, and letters, digits, `-`, `_` and `$` may follow.",
                other.map_or("nothing".to_owned(), Value::to_string)
            )));
        }
    };
    let place = format!("{parent}, attribute `{name}`,");
    known_keys(definition, &KEYS, &place)?;
    let kind = choice(definition, "type", TYPES, &place)?.unwrap_or(Type::String);
    let multi_valued = flag(definition, "multiValued", &place)?.unwrap_or(false);
    let text_like = matches!(kind, Type::String | Type::Reference | Type::Binary);
    // References and binary values are case-exact by nature (RFC 7643 sections 2.3.6, 2.3.7).
    let case_exact = flag(definition, "caseExact", &place)?.unwrap_or(kind != Type::String);
    let uniqueness =
        choice(definition, "uniqueness", UNIQUENESS, &place)?.unwrap_or(Uniqueness::None);
    let has_subs = get_ignoring_case(definition, "subAttributes")
        .is_some_and(|subs| !crate::json::is_unassigned(subs));
    let sub_attributes = match (kind, has_subs) {
        (Type::Complex, _) if depth > 0 && !(recursive && depth == 1) => {
            return Err(refuse(format!(
                "{place} is complex inside a complex attribute; RFC 7643 section 2.3.8 allows one level. Move its parts up."
            )));
        }
        (Type::Complex, _) => {
            attributes(definition, "subAttributes", &place, depth + 1, recursive)?
        }
        (_, true) => {
            return Err(refuse(format!(
                "{place} has subAttributes, but its type is not complex. Set `type` to complex or remove them."
            )));
        }
        (_, false) => Vec::new(),
    };
    // Erratum 6004: a complex value has no uniqueness of its own.
    if kind == Type::Complex && uniqueness != Uniqueness::None {
        return Err(refuse(format!(
            "{place} is complex and cannot be unique. Put `uniqueness` on a sub-attribute."
        )));
    }
    if multi_valued
        && let Some(primary) = sub_attributes
            .iter()
            .find(|sub| sub.name.eq_ignore_ascii_case("primary"))
        && primary.kind != Type::Boolean
    {
        return Err(refuse(format!(
            "{place} has a sub-attribute `primary` that is not boolean; RFC 7643 section 2.4 fixes its meaning. Rename it or make it boolean."
        )));
    }
    let reference_types = texts(definition, "referenceTypes", &place)?;
    if kind != Type::Reference && !reference_types.is_empty() {
        return Err(refuse(format!(
            "{place} has referenceTypes, but its type is not reference. Set `type` to reference or remove them."
        )));
    }
    Ok(Attribute {
        description: text(definition, "description", &place)?.unwrap_or_default(),
        required: flag(definition, "required", &place)?.unwrap_or(false),
        canonical_values: texts(definition, "canonicalValues", &place)?,
        case_exact: text_like && case_exact,
        mutability: choice(definition, "mutability", MUTABILITY, &place)?
            .unwrap_or(Mutability::ReadWrite),
        returned: choice(definition, "returned", RETURNED, &place)?.unwrap_or(Returned::Default),
        uniqueness,
        reference_types: if kind == Type::Reference && reference_types.is_empty() {
            vec!["uri".to_owned()]
        } else {
            reference_types
        },
        sub_attributes,
        kind,
        multi_valued,
        name,
    })
}

const KEYS: [&str; 12] = [
    "name",
    "type",
    "multiValued",
    "description",
    "required",
    "canonicalValues",
    "caseExact",
    "mutability",
    "returned",
    "uniqueness",
    "referenceTypes",
    "subAttributes",
];

type Words<T> = &'static [(&'static str, T)];

const TYPES: Words<Type> = &[
    ("string", Type::String),
    ("boolean", Type::Boolean),
    ("decimal", Type::Decimal),
    ("integer", Type::Integer),
    ("dateTime", Type::DateTime),
    ("binary", Type::Binary),
    ("reference", Type::Reference),
    ("complex", Type::Complex),
];
const MUTABILITY: Words<Mutability> = &[
    ("readOnly", Mutability::ReadOnly),
    ("readWrite", Mutability::ReadWrite),
    ("immutable", Mutability::Immutable),
    ("writeOnly", Mutability::WriteOnly),
];
const RETURNED: Words<Returned> = &[
    ("always", Returned::Always),
    ("never", Returned::Never),
    ("default", Returned::Default),
    ("request", Returned::Request),
];
const UNIQUENESS: Words<Uniqueness> = &[
    ("none", Uniqueness::None),
    ("server", Uniqueness::Server),
    ("global", Uniqueness::Global),
];

#[cfg(test)]
mod tests;
