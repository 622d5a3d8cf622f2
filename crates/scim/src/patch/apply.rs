//! Operations on a whole resource: the definition of what a PATCH does.

use super::{Action, Operation, Patch, Target, numbered, read::read_only};
use crate::{
    Attribute, AttributePath, Error, Fired, Map, Profile, ResourceType, Tolerance, Value,
    json::{get_ignoring_case, is_unassigned},
    resource,
    schema::{Mutability, Type},
    value::drop_duplicates,
};

pub(super) fn all(
    patch: &Patch,
    resource_type: &ResourceType,
    resource: &mut Map<String, Value>,
    profile: &Profile,
    fired: &mut Fired,
) -> Result<(), Error> {
    let mut changed = resource.clone();
    for operation in &patch.operations {
        one(operation, resource_type, &mut changed, profile, fired)
            .map_err(|error| numbered(error, operation.number))?;
    }
    let asked = |operation: &Operation| {
        operation.action == Action::Remove
            && matches!(&operation.target, Target::Attribute(path) if path.is_core("active"))
    };
    if !patch.operations.iter().any(asked) {
        keep_active(resource_type, resource, &mut changed, fired);
    }
    resource::check(resource_type, &mut changed)?;
    *resource = changed;
    Ok(())
}

/// A user without `active` counts as active, so that a null for it would bring a leaver back: it
/// keeps its value, as in a PUT that leaves it out. Only `remove` takes it away.
fn keep_active(
    resource_type: &ResourceType,
    before: &Map<String, Value>,
    after: &mut Map<String, Value>,
    fired: &mut Fired,
) {
    if let Some(active) = before.get("active")
        && resource_type.is_user()
        && !after.contains_key("active")
    {
        after.insert("active".into(), active.clone());
        fired.record(Tolerance::KeepOmitted, || {
            "kept active, which the request would have cleared".into()
        });
    }
}

fn one(
    operation: &Operation,
    resource_type: &ResourceType,
    resource: &mut Map<String, Value>,
    profile: &Profile,
    fired: &mut Fired,
) -> Result<(), Error> {
    let path = match &operation.target {
        Target::Attribute(path) | Target::Elements { path, .. } => path,
        Target::Extension(schema) => {
            return remove_extension(resource_type, &schema.id, resource);
        }
    };
    if operation.target.is_read_only() {
        return if echoes(operation, path, resource) {
            Ok(())
        } else {
            Err(read_only(&operation.target))
        };
    }
    let before = take(path, resource);
    let immutable = path.attribute.mutability == Mutability::Immutable;
    let kept = if immutable { before.clone() } else { None };
    let mut edit = Edit {
        path,
        fired,
        profile,
    };
    let after = edit.change(operation, before)?;
    if immutable && kept.is_some() && kept != after {
        return Err(Error::mutability(format!(
            "{path} has a value already and cannot be changed."
        )));
    }
    put(path, resource, after);
    Ok(())
}

/// Removes an extension's attributes, unless one of them has to stay.
fn remove_extension(
    resource_type: &ResourceType,
    urn: &str,
    resource: &mut Map<String, Value>,
) -> Result<(), Error> {
    let (Some(extension), Some(Value::Object(values))) =
        (resource_type.extension(urn), resource.get(urn))
    else {
        return Ok(());
    };
    let stays = extension.schema.attributes.iter().find(|attribute| {
        values.contains_key(&attribute.name)
            && (attribute.required
                || matches!(
                    attribute.mutability,
                    Mutability::ReadOnly | Mutability::Immutable
                ))
    });
    if let Some(attribute) = stays {
        return Err(Error::mutability(format!(
            "{urn} cannot be removed, because its {} has to stay.",
            attribute.name
        )));
    }
    if extension.required {
        return Err(Error::mutability(format!(
            "{urn} cannot be removed: every {} carries it.",
            resource_type.name
        )));
    }
    resource.shift_remove(urn);
    Ok(())
}

/// True if the value given for a read-only attribute is the one it has: Okta sends the `id` along
/// when it renames a team (transcript `okta-catalog-app.json`).
fn echoes(operation: &Operation, path: &AttributePath, resource: &Map<String, Value>) -> bool {
    let Some(given) = &operation.value else {
        return false;
    };
    let sub = match &operation.target {
        Target::Elements { .. } => return false,
        Target::Attribute(path) => path.sub.as_ref(),
        Target::Extension(_) => None,
    };
    let stored = path.lookup(resource);
    let stored = match sub {
        Some(sub) => stored
            .and_then(Value::as_object)
            .and_then(|object| get_ignoring_case(object, &sub.name)),
        None => stored,
    };
    same(given, stored)
}

fn same(given: &Value, stored: Option<&Value>) -> bool {
    match (given, stored) {
        (given, None) => matches!(given, Value::Array(items) if items.is_empty()),
        (Value::Object(given), Some(Value::Object(stored))) => given
            .iter()
            .all(|(key, value)| value.is_null() || same(value, get_ignoring_case(stored, key))),
        (Value::Array(given), Some(Value::Array(stored))) => {
            given.len() == stored.len()
                && given
                    .iter()
                    .all(|one| stored.iter().any(|other| same(one, Some(other))))
        }
        (given, Some(stored)) => given == stored,
    }
}

/// Takes an attribute's value out of the resource; its place is kept for [`put`].
fn take(path: &AttributePath, resource: &mut Map<String, Value>) -> Option<Value> {
    let container = match &path.extension {
        Some(schema) => resource.get_mut(&schema.id)?.as_object_mut()?,
        None => resource,
    };
    container
        .get_mut(&path.attribute.name)
        .map(Value::take)
        .filter(|value| !is_unassigned(value))
}

fn put(path: &AttributePath, resource: &mut Map<String, Value>, value: Option<Value>) {
    let name = &path.attribute.name;
    let Some(schema) = &path.extension else {
        match value {
            Some(value) => resource.insert(name.clone(), value),
            None => resource.shift_remove(name),
        };
        return;
    };
    match (value, resource.get_mut(&schema.id)) {
        (Some(value), Some(Value::Object(container))) => {
            container.insert(name.clone(), value);
        }
        (Some(value), _) => {
            let container = Map::from_iter([(name.clone(), value)]);
            resource.insert(schema.id.clone(), Value::Object(container));
        }
        (None, Some(Value::Object(container))) => {
            container.shift_remove(name);
            if container.is_empty() {
                resource.shift_remove(&schema.id);
            }
        }
        (None, _) => {}
    }
}

/// One attribute, its value taken out of the resource.
pub(super) struct Edit<'o> {
    pub(super) path: &'o AttributePath,
    pub(super) profile: &'o Profile,
    pub(super) fired: &'o mut Fired,
}

impl Edit<'_> {
    fn change(
        &mut self,
        operation: &Operation,
        before: Option<Value>,
    ) -> Result<Option<Value>, Error> {
        let attribute = &self.path.attribute;
        let action = operation.action;
        match &operation.target {
            Target::Elements {
                filter,
                sub,
                template,
                ..
            } => {
                let items = items(before);
                let items = match action {
                    Action::Remove if sub.is_none() => self.remove_matching(filter, items)?,
                    _ => self.update(operation, items, Some((filter, template.as_ref())))?,
                };
                Ok(list(items))
            }
            Target::Attribute(path) if attribute.multi_valued => {
                let items = match (&path.sub, action) {
                    (Some(_), _) => self.update(operation, items(before), None)?,
                    (None, Action::Add) => self.append(items(before), given(operation))?,
                    (None, Action::Replace) => {
                        let after = given(operation);
                        self.may_clear(action, after.is_empty())?;
                        after
                    }
                    (None, Action::Remove) => match &operation.value {
                        None => {
                            self.may_clear(action, true)?;
                            Vec::new()
                        }
                        Some(_) => self.remove_listed(items(before), &given(operation))?,
                    },
                };
                Ok(list(items))
            }
            Target::Attribute(path) => match &path.sub {
                Some(sub) => {
                    let mut object = object(before);
                    let value = match action {
                        Action::Remove => None,
                        _ => operation.value.clone(),
                    };
                    if !(action == Action::Add && value.is_none()) {
                        self.set(&mut object, sub, value, action)?;
                    }
                    self.complete(&object)?;
                    Ok((!object.is_empty()).then_some(Value::Object(object)))
                }
                None => self.singular(operation, before),
            },
            Target::Extension(_) => Ok(before),
        }
    }

    fn singular(
        &mut self,
        operation: &Operation,
        before: Option<Value>,
    ) -> Result<Option<Value>, Error> {
        let attribute = &self.path.attribute;
        match (operation.action, &operation.value) {
            // Nothing to add; but an empty text for a complex value was sent to clear it.
            (Action::Add, None) if attribute.kind != Type::Complex => Ok(before),
            (action, None) => {
                self.may_clear(action, true)?;
                Ok(None)
            }
            (Action::Remove, Some(_)) => Ok(None),
            (action, Some(Value::Object(given))) if attribute.kind == Type::Complex => {
                let mut object = object(before);
                if action == Action::Replace && self.profile.narrow_patch {
                    self.keep_fixed(&mut object);
                }
                self.merge(&mut object, given, action)?;
                self.complete(&object)?;
                Ok((!object.is_empty()).then_some(Value::Object(object)))
            }
            (_, Some(value)) => Ok(Some(value.clone())),
        }
    }

    /// What is left of a complex value that is replaced as a whole: what the client cannot set.
    fn keep_fixed(&self, object: &mut Map<String, Value>) {
        object.retain(|name, _| {
            self.path.attribute.sub(name).is_some_and(|sub| {
                matches!(sub.mutability, Mutability::ReadOnly | Mutability::Immutable)
            })
        });
    }

    /// Refuses to leave a required attribute without value (RFC 7644 section 3.5.2.2).
    pub(super) fn may_clear(&self, action: Action, cleared: bool) -> Result<(), Error> {
        if !cleared || !self.path.attribute.required {
            return Ok(());
        }
        let path = self.path;
        Err(match action {
            Action::Remove => Error::mutability(format!(
                "{path} is required and cannot be removed. Replace it with another value."
            )),
            _ => Error::missing_required(format!("{path} is required. Give it a value.")),
        })
    }

    /// Sets or clears one sub-attribute of a complex value.
    pub(super) fn set(
        &self,
        object: &mut Map<String, Value>,
        sub: &Attribute,
        value: Option<Value>,
        action: Action,
    ) -> Result<(), Error> {
        let path = self.path;
        let old = object.get(&sub.name);
        if sub.mutability == Mutability::Immutable && old.is_some() && old != value.as_ref() {
            return Err(Error::mutability(format!(
                "{path}.{} has a value already and cannot be changed.",
                sub.name
            )));
        }
        match value {
            Some(Value::Array(new)) if action == Action::Add && sub.multi_valued => {
                let mut all = items(object.get_mut(&sub.name).map(Value::take));
                all.extend(new);
                drop_duplicates(&mut all);
                object.insert(sub.name.clone(), Value::Array(all));
            }
            Some(value) => {
                object.insert(sub.name.clone(), value);
            }
            None if sub.required && old.is_some() => {
                return Err(Error::mutability(format!(
                    "{path}.{} is required and cannot be removed. Remove {path} as a whole, or replace it.",
                    sub.name
                )));
            }
            None => {
                object.shift_remove(&sub.name);
            }
        }
        Ok(())
    }

    /// A complex value that the operation made or changed needs its required sub-attributes.
    pub(super) fn complete(&mut self, object: &Map<String, Value>) -> Result<(), Error> {
        let path = self.path;
        for sub in &path.attribute.sub_attributes {
            if sub.required
                && !object.is_empty()
                && !object.contains_key(&sub.name)
                && !self
                    .fired
                    .allows(self.profile, Tolerance::MissingSubAttribute, || {
                        format!("accepted {path} without {}", sub.name)
                    })
            {
                return Err(Error::missing_required(format!(
                    "{path} lacks the required sub-attribute \"{}\". Add it.",
                    sub.name
                )));
            }
        }
        Ok(())
    }

    /// Named sub-attributes are set, null ones cleared (not by `add`), the others stay.
    pub(super) fn merge(
        &self,
        object: &mut Map<String, Value>,
        given: &Map<String, Value>,
        action: Action,
    ) -> Result<(), Error> {
        for (name, value) in given {
            let Some(sub) = self.path.attribute.sub(name) else {
                continue;
            };
            match value {
                Value::Null if action == Action::Add => {}
                Value::Null => self.set(object, sub, None, action)?,
                value => self.set(object, sub, Some(value.clone()), action)?,
            }
        }
        Ok(())
    }
}

fn items(value: Option<Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(items)) => items,
        Some(Value::Null) | None => Vec::new(),
        Some(one) => vec![one],
    }
}

fn list(items: Vec<Value>) -> Option<Value> {
    (!items.is_empty()).then_some(Value::Array(items))
}

fn object(value: Option<Value>) -> Map<String, Value> {
    match value {
        Some(Value::Object(object)) => object,
        _ => Map::new(),
    }
}

fn given(operation: &Operation) -> Vec<Value> {
    items(operation.value.clone())
}
