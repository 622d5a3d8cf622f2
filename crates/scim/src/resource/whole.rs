//! Rules over a whole resource: defaults, replacing, required attributes, what changed.

use super::listed;
use crate::{
    Attribute, Error, Fired, Map, Profile, ResourceType, Tolerance, Value,
    fold::fold_unless_exact,
    schema::{Mutability, Returned, Schema, Type},
    value::check_primary,
};

/// Adds what the service provider decides for a new resource: `active` is true unless given
/// (RFC 7644 section 3.3 allows defaults).
pub fn complete_new(resource_type: &ResourceType, attributes: &mut Map<String, Value>) {
    if resource_type.is_user() && !attributes.contains_key("active") {
        put(resource_type, attributes, "active", Value::Bool(true));
    }
}

/// What a PUT makes of the stored attributes: omitted ones are cleared, except `active` (kept in
/// every profile; noted), and immutable ones may not change (400 `mutability`). A team's omitted
/// `members` are the store's matter (tolerance `keep_omitted`).
///
/// What the client cannot read and so cannot send back (write-only, never returned) is kept too,
/// as are values that only the server sets.
pub fn replace(
    resource_type: &ResourceType,
    stored: &Map<String, Value>,
    incoming: Map<String, Value>,
    _profile: &Profile,
    fired: &mut Fired,
) -> Result<Map<String, Value>, Error> {
    let mut attributes = incoming;
    for attribute in &resource_type.schema.attributes {
        let Some(before) = stored.get(&attribute.name) else {
            continue;
        };
        let keeps_active = resource_type.is_user() && attribute.name == "active";
        let after = attributes.get_mut(&attribute.name);
        if let Some(kept) = kept(attribute, before, after, keeps_active, None, fired)? {
            put(resource_type, &mut attributes, &attribute.name, kept);
        }
    }
    for extension in &resource_type.extensions {
        let urn = &extension.schema.id;
        let Some(Value::Object(before)) = stored.get(urn) else {
            continue;
        };
        for attribute in &extension.schema.attributes {
            let Some(before) = before.get(&attribute.name) else {
                continue;
            };
            let after = attributes
                .get_mut(urn)
                .and_then(|object| object.get_mut(&attribute.name));
            if let Some(kept) = kept(attribute, before, after, false, Some(urn), fired)?
                && let Value::Object(object) = attributes
                    .entry(urn.clone())
                    .or_insert_with(|| Value::Object(Map::new()))
            {
                object.insert(attribute.name.clone(), kept);
            }
        }
    }
    list_schemas(resource_type, &mut attributes);
    Ok(attributes)
}

/// The stored value, if it outlives a PUT that does not send the attribute; a changed immutable
/// value is an error (RFC 7644 section 3.5.1).
fn kept(
    attribute: &Attribute,
    before: &Value,
    after: Option<&mut Value>,
    keeps_active: bool,
    urn: Option<&str>,
    fired: &mut Fired,
) -> Result<Option<Value>, Error> {
    let name = || match urn {
        Some(urn) => format!("{urn}:{}", attribute.name),
        None => attribute.name.clone(),
    };
    let hidden =
        attribute.mutability == Mutability::WriteOnly || attribute.returned == Returned::Never;
    let Some(after) = after else {
        if keeps_active || hidden {
            fired.record(Tolerance::KeepOmitted, || {
                format!("kept {}, which the PUT left out", name())
            });
            return Ok(Some(before.clone()));
        }
        let fixed = matches!(
            attribute.mutability,
            Mutability::Immutable | Mutability::ReadOnly
        );
        return Ok(fixed.then(|| before.clone()));
    };
    if attribute.mutability == Mutability::Immutable && !same(attribute, before, after) {
        return Err(cannot_change(&name()));
    }
    // One object has an identity, so its immutable parts are fixed; the elements of a list come
    // and go as wholes.
    if let (Type::Complex, Value::Object(before), Value::Object(after)) =
        (attribute.kind, before, after)
    {
        for sub in &attribute.sub_attributes {
            if sub.mutability != Mutability::Immutable {
                continue;
            }
            match (before.get(&sub.name), after.get(&sub.name)) {
                (Some(old), Some(new)) if !same(sub, old, new) => {
                    return Err(cannot_change(&format!("{}.{}", name(), sub.name)));
                }
                (Some(old), None) => {
                    after.insert(sub.name.clone(), old.clone());
                }
                _ => {}
            }
        }
    }
    Ok(None)
}

fn same(attribute: &Attribute, a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::String(a), Value::String(b)) => {
            fold_unless_exact(a, attribute.case_exact) == fold_unless_exact(b, attribute.case_exact)
        }
        _ => a == b,
    }
}

fn cannot_change(name: &str) -> Error {
    Error::mutability(format!(
        "{name} is immutable: it keeps the value it was given first. Send that value or leave {name} out."
    ))
}

/// Checks a whole resource after a PATCH: required attributes, one primary, `schemas` exact.
/// Extensions and attributes without a value are removed.
pub fn check(
    resource_type: &ResourceType,
    attributes: &mut Map<String, Value>,
) -> Result<(), Error> {
    attributes.retain(|_, value| {
        if let Value::Object(object) = value {
            object.retain(|_, value| !super::is_empty(value));
        }
        !super::is_empty(value)
    });
    for attribute in &resource_type.schema.attributes {
        if let Some(Value::Array(items)) = attributes.get(&attribute.name)
            && attribute.has_primary()
        {
            check_primary(&attribute.name, items)?;
        }
    }
    for extension in &resource_type.extensions {
        let Some(Value::Object(object)) = attributes.get(&extension.schema.id) else {
            continue;
        };
        for attribute in &extension.schema.attributes {
            if let Some(Value::Array(items)) = object.get(&attribute.name)
                && attribute.has_primary()
            {
                check_primary(&attribute.name, items)?;
            }
        }
    }
    list_schemas(resource_type, attributes);
    require(resource_type, attributes)
}

/// Refuses a resource without its required attributes and extensions.
pub(super) fn require(
    resource_type: &ResourceType,
    attributes: &Map<String, Value>,
) -> Result<(), Error> {
    if let Some(attribute) = first_missing(&resource_type.schema, attributes) {
        return Err(Error::missing_required(format!(
            "A {} needs {}, which is missing or empty. Send it with a value.",
            resource_type.name, attribute.name
        )));
    }
    for extension in &resource_type.extensions {
        let urn = &extension.schema.id;
        let Some(object) = attributes.get(urn).and_then(Value::as_object) else {
            if extension.required {
                return Err(Error::missing_required(format!(
                    "A {} needs the extension \"{urn}\". Send its attributes in an object of that name.",
                    resource_type.name
                )));
            }
            continue;
        };
        if let Some(attribute) = first_missing(&extension.schema, object) {
            return Err(Error::missing_required(format!(
                "The extension \"{urn}\" needs {}, which is missing or empty. Send it with a value.",
                attribute.name
            )));
        }
    }
    Ok(())
}

fn first_missing<'s>(schema: &'s Schema, values: &Map<String, Value>) -> Option<&'s Attribute> {
    schema
        .attributes
        .iter()
        .map(AsRef::as_ref)
        .find(|attribute| {
            attribute.required
                && attribute.mutability != Mutability::ReadOnly
                && !has_value(values, attribute)
        })
}

fn has_value(attributes: &Map<String, Value>, attribute: &Attribute) -> bool {
    match attributes.get(&attribute.name) {
        None => false,
        Some(Value::String(text)) => !text.trim().is_empty(),
        Some(value) => !super::is_empty(value),
    }
}

/// Makes `schemas` say what the resource uses.
fn list_schemas(resource_type: &ResourceType, attributes: &mut Map<String, Value>) {
    let used: Vec<bool> = resource_type
        .extensions
        .iter()
        .map(|extension| attributes.contains_key(&extension.schema.id))
        .collect();
    put(
        resource_type,
        attributes,
        "schemas",
        listed::exact(resource_type, &used),
    );
}

/// Sets an attribute at its place in the order of the schema.
fn put(
    resource_type: &ResourceType,
    attributes: &mut Map<String, Value>,
    name: &str,
    value: Value,
) {
    if let Some(slot) = attributes.get_mut(name) {
        *slot = value;
        return;
    }
    let rank = |name: &str| match name {
        "schemas" => 0,
        "id" | "externalId" | "meta" => 1,
        name => super::position(&resource_type.schema, name).map_or(usize::MAX, |i| i + 2),
    };
    let own = rank(name);
    let index = attributes
        .keys()
        .position(|key| rank(key) > own)
        .unwrap_or(attributes.len());
    attributes.shift_insert(index, name.to_owned(), value);
}

/// The user's primary e-mail: the element marked primary, else the first of type work, else the first.
pub fn primary_email(attributes: &Map<String, Value>) -> Option<&str> {
    let emails = attributes.get("emails")?.as_array()?;
    let address = |email: &'_ &Value| text(email, "value").is_some_and(|text| !text.is_empty());
    let with_value = || emails.iter().filter(address);
    with_value()
        .find(|email| email.get("primary") == Some(&Value::Bool(true)))
        .or_else(|| {
            with_value()
                .find(|email| text(email, "type").is_some_and(|t| t.eq_ignore_ascii_case("work")))
        })
        .or_else(|| with_value().next())
        .and_then(|email| text(email, "value"))
}

fn text<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key)?.as_str()
}

/// Names of the attributes whose values differ, those of `after` first; an extension's attribute
/// carries its URN (`urn:…:User:department`). `schemas` follows from the rest and is not named.
pub fn changed(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<String> {
    let mut names = Vec::new();
    let keys = after
        .keys()
        .chain(before.keys().filter(|key| !after.contains_key(*key)));
    for key in keys {
        let (old, new) = (before.get(key), after.get(key));
        if key == "schemas" || old == new {
            continue;
        }
        if !key.contains(':') {
            names.push(key.clone());
            continue;
        }
        let none = Map::new();
        let old = old.and_then(Value::as_object).unwrap_or(&none);
        let new = new.and_then(Value::as_object).unwrap_or(&none);
        let inner = changed(old, new);
        names.extend(inner.into_iter().map(|name| format!("{key}:{name}")));
    }
    names
}
