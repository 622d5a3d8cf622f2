//! Schema and resource type documents to definitions and back.

use std::sync::Arc;

use super::{
    Attribute, Extension, Mutability, Registry, ResourceType, Returned, Schema, Type, Uniqueness,
    builtin,
};
use crate::{Error, Map, Value, json::get_ignoring_case};

mod write;

pub(super) use write::{resource_type_to_json, schema_to_json};

/// Endpoints that belong to the protocol or to built-in types.
const RESERVED: [&str; 10] = [
    "Users",
    "Groups",
    "Roles",
    "Entitlements",
    "Schemas",
    "ResourceTypes",
    "ServiceProviderConfig",
    "Bulk",
    "Me",
    ".search",
];

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

/// The built-in registry with custom documents.
pub(super) fn registry(schemas: &[Value], types: &[Value]) -> Result<Registry, Error> {
    let builtin = builtin::registry();
    let mut registry = Registry::clone(&builtin);
    for document in schemas {
        let schema = schema(document)?;
        if builtin.schema(&schema.id).is_some() {
            return Err(refuse(format!(
                "The schema {} is built in and cannot be changed. Define an extension with a URN of your own.",
                schema.id
            )));
        }
        if registry.schema(&schema.id).is_some() {
            return Err(refuse(format!(
                "The schema {} is defined twice. Remove one document.",
                schema.id
            )));
        }
        registry.schemas.push(Arc::new(schema));
    }
    for document in types {
        add_type(&builtin, &mut registry, document)?;
    }
    Ok(registry)
}

fn add_type(builtin: &Registry, registry: &mut Registry, value: &Value) -> Result<(), Error> {
    let Value::Object(document) = value else {
        return Err(refuse(
            "A resource type document must be a JSON object.".into(),
        ));
    };
    let name = match get_ignoring_case(document, "name")
        .or_else(|| get_ignoring_case(document, "id"))
    {
        Some(Value::String(name)) if is_attribute_name(name) => name.clone(),
        _ => {
            return Err(refuse(
                "A resource type document needs `name`: a letter, then letters, digits, `-` and `_`.".into(),
            ));
        }
    };
    let place = format!("The resource type {name}");
    known_keys(
        document,
        &[
            "schemas",
            "id",
            "name",
            "description",
            "endpoint",
            "schema",
            "schemaExtensions",
            "meta",
        ],
        &place,
    )?;
    if text(document, "id", &place)?.is_some_and(|id| id != name) {
        return Err(refuse(format!(
            "{place} has another `id` than `name`; they are the same thing here. Leave `id` out."
        )));
    }
    let endpoint = text(document, "endpoint", &place)?;
    let schema = text(document, "schema", &place)?;
    let position = registry
        .types
        .iter()
        .position(|known| known.name.eq_ignore_ascii_case(&name));
    let mut resource_type = match position {
        Some(position) => {
            let known = &registry.types[position];
            if builtin.by_name(&known.name).is_none() {
                return Err(refuse(format!(
                    "{place} is defined twice. Remove one document."
                )));
            }
            let same = endpoint.as_ref().is_none_or(|it| *it == known.endpoint)
                && schema
                    .as_ref()
                    .is_none_or(|it| known.schema.id.eq_ignore_ascii_case(it));
            if !same {
                return Err(refuse(format!(
                    "{place} is built in: its endpoint is {} and its schema {}. Only schemaExtensions can be added.",
                    known.endpoint, known.schema.id
                )));
            }
            ResourceType::clone(known)
        }
        None => new_type(registry, name, endpoint, schema, document, &place)?,
    };
    add_extensions(registry, &mut resource_type, document, &place)?;
    match position {
        Some(position) => registry.types[position] = Arc::new(resource_type),
        None => registry.types.push(Arc::new(resource_type)),
    }
    Ok(())
}

fn new_type(
    registry: &Registry,
    name: String,
    endpoint: Option<String>,
    schema: Option<String>,
    document: &Map<String, Value>,
    place: &str,
) -> Result<ResourceType, Error> {
    let endpoint = endpoint.unwrap_or_default();
    let segment = endpoint.strip_prefix('/').unwrap_or_default();
    if !is_attribute_name(segment) || segment.contains('$') {
        return Err(refuse(format!(
            "{place} needs `endpoint`: a slash and one name, such as /Devices."
        )));
    }
    if RESERVED
        .iter()
        .any(|taken| taken.eq_ignore_ascii_case(segment))
        || registry
            .types
            .iter()
            .any(|known| known.endpoint.eq_ignore_ascii_case(&endpoint))
    {
        return Err(refuse(format!(
            "{place} asks for the endpoint {endpoint}, which is taken. Choose another."
        )));
    }
    let schema = known_schema(registry, schema.as_deref(), "schema", place)?;
    for common in &builtin::common().attributes {
        if schema.attribute(&common.name).is_some() {
            return Err(refuse(format!(
                "{place} uses the schema {} that defines `{}`, which every resource has already. Remove it from the schema.",
                schema.id, common.name
            )));
        }
    }
    Ok(ResourceType {
        name,
        endpoint,
        description: text(document, "description", place)?.unwrap_or_default(),
        schema,
        extensions: Vec::new(),
    })
}

fn add_extensions(
    registry: &Registry,
    resource_type: &mut ResourceType,
    document: &Map<String, Value>,
    place: &str,
) -> Result<(), Error> {
    let items = match get_ignoring_case(document, "schemaExtensions") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Array(items)) => items,
        Some(_) => {
            return Err(refuse(format!(
                "{place} has schemaExtensions that are not a list. Send a list of {{\"schema\": URN, \"required\": false}}."
            )));
        }
    };
    for item in items {
        let Value::Object(item) = item else {
            return Err(refuse(format!(
                "{place} has an entry in schemaExtensions that is not an object with `schema` and `required`."
            )));
        };
        known_keys(item, &["schema", "required"], place)?;
        let urn = text(item, "schema", place)?;
        let schema = known_schema(registry, urn.as_deref(), "schemaExtensions.schema", place)?;
        let required = flag(item, "required", place)?.unwrap_or(false);
        if let Some(known) = resource_type.extension(&schema.id) {
            // A built-in type may be sent back as it is published.
            if known.required == required && builtin::registry().schema(&schema.id).is_some() {
                continue;
            }
            return Err(refuse(format!(
                "{place} names the extension {} twice. Remove one.",
                schema.id
            )));
        }
        if schema.id == resource_type.schema.id {
            return Err(refuse(format!(
                "{place} names its base schema {} as an extension. Remove it.",
                schema.id
            )));
        }
        resource_type
            .extensions
            .push(Extension { schema, required });
    }
    Ok(())
}

fn known_schema(
    registry: &Registry,
    urn: Option<&str>,
    key: &str,
    place: &str,
) -> Result<Arc<Schema>, Error> {
    let Some(urn) = urn else {
        return Err(refuse(format!(
            "{place} needs `{key}`, the URN of a schema."
        )));
    };
    registry.schema(urn).cloned().ok_or_else(|| {
        refuse(format!(
            "{place} names the schema {urn}, which is not defined. Define the schema first."
        ))
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

fn refuse(detail: String) -> Error {
    Error::invalid_value(detail)
}

/// `ALPHA *(ALPHA / DIGIT / "-" / "_" / "$")` of RFC 7643 section 2.1, and a leading `$`
/// (`$ref`, erratum 8924).
fn is_attribute_name(name: &str) -> bool {
    let bytes = name.strip_prefix('$').unwrap_or(name).as_bytes();
    bytes.first().is_some_and(u8::is_ascii_alphabetic)
        && bytes
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'$'))
}

fn is_uri(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, rest)| {
        is_attribute_name(scheme) && !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_graphic())
    })
}

fn known_keys(document: &Map<String, Value>, known: &[&str], place: &str) -> Result<(), Error> {
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

fn text(document: &Map<String, Value>, key: &str, place: &str) -> Result<Option<String>, Error> {
    match get_ignoring_case(document, key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(refuse(format!("{place} needs text in `{key}`."))),
    }
}

fn flag(document: &Map<String, Value>, key: &str, place: &str) -> Result<Option<bool>, Error> {
    match get_ignoring_case(document, key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(_) => Err(refuse(format!("{place} needs true or false in `{key}`."))),
    }
}

fn texts(document: &Map<String, Value>, key: &str, place: &str) -> Result<Vec<String>, Error> {
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

fn choice<T: Copy>(
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

#[cfg(test)]
mod tests;
