//! The stored document in two halves: what is answered by default, and what is not.

use super::trim;
use crate::{
    Attribute, Map, ResourceType, Value,
    schema::{Returned, Schema},
};

/// Splits stored attributes into the default projection and the rest (`returned: request` and
/// `never`), so that the store can keep the first as bytes that need no parsing.
///
/// An attribute of which only some sub-attributes are hidden stands in the first half without
/// them and whole in the second.
pub fn split_default(
    resource_type: &ResourceType,
    attributes: Map<String, Value>,
) -> (Map<String, Value>, Option<Map<String, Value>>) {
    let mut default = attributes;
    let mut rest = take_hidden(&resource_type.schema, &mut default);
    for extension in &resource_type.extensions {
        let urn = &extension.schema.id;
        let Some(Value::Object(object)) = default.get_mut(urn) else {
            continue;
        };
        let hidden = take_hidden(&extension.schema, object);
        if object.is_empty() {
            default.shift_remove(urn);
        }
        if !hidden.is_empty() {
            rest.insert(urn.clone(), Value::Object(hidden));
        }
    }
    (default, (!rest.is_empty()).then_some(rest))
}

/// Puts the two halves together again.
pub fn join(default: Map<String, Value>, rest: Option<Map<String, Value>>) -> Map<String, Value> {
    let mut attributes = default;
    for (key, value) in rest.into_iter().flatten() {
        match (attributes.get_mut(&key), value) {
            // A key with a colon is an extension; its hidden attributes join the others.
            (Some(Value::Object(object)), Value::Object(hidden)) if key.contains(':') => {
                object.extend(hidden);
            }
            (_, value) => {
                attributes.insert(key, value);
            }
        }
    }
    attributes
}

fn is_hidden(attribute: &Attribute) -> bool {
    matches!(attribute.returned, Returned::Request | Returned::Never)
}

fn take_hidden(schema: &Schema, object: &mut Map<String, Value>) -> Map<String, Value> {
    let mut hidden = Map::new();
    for attribute in &schema.attributes {
        let name = &attribute.name;
        if is_hidden(attribute) {
            hidden.extend(object.shift_remove_entry(name));
        } else if attribute.sub_attributes.iter().any(|sub| is_hidden(sub))
            && let Some(value) = object.get_mut(name)
        {
            let whole = value.clone();
            let left = trim(attribute, value, |sub| !is_hidden(sub));
            if *value != whole {
                hidden.insert(name.clone(), whole);
            }
            if !left {
                object.shift_remove(name);
            }
        }
    }
    hidden
}
