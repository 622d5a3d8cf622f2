//! Definitions as they are published at `/Schemas` and `/ResourceTypes`.

use serde_json::json;

use super::{MUTABILITY, RETURNED, TYPES, UNIQUENESS, Words};
use crate::{
    Map, Value,
    schema::{Attribute, RESOURCE_TYPE, ResourceType, SCHEMA, Schema, Type, builtin},
};

/// The published form of a schema, without `meta`.
pub(in crate::schema) fn schema_to_json(schema: &Schema) -> Value {
    let attributes: Vec<Value> = schema
        .attributes
        .iter()
        .filter(|attribute| !builtin::is_discarded(schema, attribute))
        .map(|attribute| attribute_to_json(attribute))
        .collect();
    json!({
        "schemas": [SCHEMA],
        "id": schema.id,
        "name": schema.name,
        "description": schema.description,
        "attributes": attributes,
    })
}

/// The published form of a resource type, without `meta`.
pub(in crate::schema) fn resource_type_to_json(resource_type: &ResourceType) -> Value {
    let extensions: Vec<Value> = resource_type
        .extensions
        .iter()
        .map(|extension| json!({ "schema": extension.schema.id, "required": extension.required }))
        .collect();
    json!({
        "schemas": [RESOURCE_TYPE],
        "id": resource_type.name,
        "name": resource_type.name,
        "description": resource_type.description,
        "endpoint": resource_type.endpoint,
        "schema": resource_type.schema.id,
        "schemaExtensions": extensions,
    })
}

fn attribute_to_json(attribute: &Attribute) -> Value {
    let mut out = Map::new();
    let mut put = |key: &str, value: Value| out.insert(key.to_owned(), value);
    put("name", attribute.name.as_str().into());
    put("type", word(TYPES, attribute.kind).into());
    put("multiValued", attribute.multi_valued.into());
    put("description", attribute.description.as_str().into());
    put("required", attribute.required.into());
    if !attribute.canonical_values.is_empty() {
        put("canonicalValues", attribute.canonical_values.clone().into());
    }
    if matches!(
        attribute.kind,
        Type::String | Type::Reference | Type::Binary
    ) {
        put("caseExact", attribute.case_exact.into());
    }
    put("mutability", word(MUTABILITY, attribute.mutability).into());
    put("returned", word(RETURNED, attribute.returned).into());
    // Erratum 6004: nothing to say about a complex value.
    if attribute.kind != Type::Complex {
        put("uniqueness", word(UNIQUENESS, attribute.uniqueness).into());
    }
    if attribute.kind == Type::Reference {
        put("referenceTypes", attribute.reference_types.clone().into());
    }
    if attribute.kind == Type::Complex {
        let subs: Vec<Value> = attribute
            .sub_attributes
            .iter()
            .map(|sub| attribute_to_json(sub))
            .collect();
        put("subAttributes", subs.into());
    }
    Value::Object(out)
}

fn word<T: Copy + PartialEq>(words: Words<T>, value: T) -> &'static str {
    words
        .iter()
        .find(|(_, known)| *known == value)
        .map_or("", |(word, _)| word)
}
