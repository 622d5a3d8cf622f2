//! A tenant's own schemas and resource types join the built-in ones.

use std::sync::Arc;

use super::{
    member::{flag, is_attribute_name, known_keys, refuse, text},
    schema,
};
use crate::{
    Error, Map, Value,
    json::get_ignoring_case,
    schema::{Extension, Registry, ResourceType, Schema, builtin},
};

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

/// The built-in registry with custom documents.
pub(in crate::schema) fn registry(schemas: &[Value], types: &[Value]) -> Result<Registry, Error> {
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
