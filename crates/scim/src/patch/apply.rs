//! Operations on a whole resource: the definition of what a PATCH does.

use std::collections::HashMap;

use super::{Action, Operation, Patch, Target, numbered, read::read_only, target::creates};
use crate::{
    Attribute, AttributePath, Error, Fired, Map, Profile, ResourceType, Value,
    filter::{Filter, is_case_exact},
    fold::fold_unless_exact,
    json::{get_ignoring_case, is_unassigned},
    resource,
    schema::{Mutability, Type},
    value::{check_primary, drop_duplicates},
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
    resource::check(resource_type, &mut changed)?;
    *resource = changed;
    Ok(())
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
    let mut list = List {
        path,
        fired,
        profile,
    };
    let after = list.change(operation, before)?;
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
/// when it renames a team (fixture `okta_oin_patch`).
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
struct List<'o> {
    path: &'o AttributePath,
    profile: &'o Profile,
    fired: &'o mut Fired,
}

impl List<'_> {
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
                self.merge(&mut object, given, action)?;
                Ok((!object.is_empty()).then_some(Value::Object(object)))
            }
            (_, Some(value)) => Ok(Some(value.clone())),
        }
    }

    /// Refuses to leave a required attribute without value (RFC 7644 section 3.5.2.2).
    fn may_clear(&self, action: Action, cleared: bool) -> Result<(), Error> {
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
    fn set(
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

    /// Named sub-attributes are set, null ones cleared (not by `add`), the others stay.
    fn merge(
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

    /// Adds elements that are not there yet; one of the same `value` and `type` is the same and
    /// takes over what is new.
    fn append(&mut self, mut items: Vec<Value>, new: Vec<Value>) -> Result<Vec<Value>, Error> {
        let mut index: HashMap<String, usize> = items
            .iter()
            .enumerate()
            .map(|(at, item)| (self.identity(item), at))
            .collect();
        let mut primary = Vec::new();
        for element in new {
            let identity = self.identity(&element);
            let marks = element.get("primary") == Some(&Value::Bool(true));
            let at = match index.get(&identity) {
                None => {
                    index.insert(identity, items.len());
                    items.push(element);
                    items.len() - 1
                }
                Some(&at) => {
                    // Who is a member already stays as it is.
                    if let (Value::Object(old), Value::Object(new)) = (&mut items[at], &element) {
                        for (name, value) in new {
                            let fixed = self
                                .path
                                .attribute
                                .sub(name)
                                .is_none_or(|sub| sub.mutability == Mutability::Immutable);
                            if !fixed {
                                old.insert(name.clone(), value.clone());
                            }
                        }
                    }
                    at
                }
            };
            if marks && !primary.contains(&at) {
                primary.push(at);
            }
        }
        self.one_primary(&mut items, &primary)?;
        Ok(items)
    }

    /// What makes an element the same as another: `value` and `type` where it has a `value`
    /// (for members `value` alone), else all of it.
    fn identity(&self, element: &Value) -> String {
        match element {
            Value::Object(object) => match object.get("value") {
                Some(value) if self.path.is_core("members") => self.part("value", value),
                Some(value) => {
                    let kind = object.get("type").map(|kind| self.part("type", kind));
                    format!(
                        "{}\n{}",
                        kind.unwrap_or_default(),
                        self.part("value", value)
                    )
                }
                None => {
                    let mut parts: Vec<String> = object
                        .iter()
                        .map(|(name, value)| format!("{name}={}", self.part(name, value)))
                        .collect();
                    parts.sort_unstable();
                    parts.join("\n")
                }
            },
            plain => self.part("value", plain),
        }
    }

    /// A sub-attribute's value (or a plain element), as text that is equal where values are.
    fn part(&self, name: &str, value: &Value) -> String {
        let attribute = &self.path.attribute;
        let definition = match attribute.kind {
            Type::Complex => attribute.sub(name),
            _ => Some(attribute),
        };
        match value {
            Value::String(text) => {
                let exact = definition.is_some_and(|definition| is_case_exact(definition));
                fold_unless_exact(text, exact).into_owned()
            }
            other => other.to_string(),
        }
    }

    /// `primary` given to one value is taken from all others (RFC 7644 section 3.5.2).
    fn one_primary(&self, items: &mut [Value], marked: &[usize]) -> Result<(), Error> {
        if marked.is_empty() || !self.path.attribute.has_primary() {
            return Ok(());
        }
        if marked.len() > 1 {
            let marked: Vec<Value> = marked.iter().map(|at| items[*at].clone()).collect();
            return check_primary(self.path, &marked);
        }
        for (at, item) in items.iter_mut().enumerate() {
            if at != marked[0]
                && let Some(primary) = item.get_mut("primary")
                && *primary == Value::Bool(true)
            {
                *primary = Value::Bool(false);
            }
        }
        Ok(())
    }

    fn remove_matching(&self, filter: &Filter, mut items: Vec<Value>) -> Result<Vec<Value>, Error> {
        let some = !items.is_empty();
        items.retain(|item| !filter.matches_element(item));
        self.may_clear(Action::Remove, some && items.is_empty())?;
        Ok(items)
    }

    /// Removes the listed values: those of the same `value` (and `type`, where both have one), or
    /// all that agree with what is given.
    fn remove_listed(&self, mut items: Vec<Value>, listed: &[Value]) -> Result<Vec<Value>, Error> {
        let some = !items.is_empty();
        let key = |element: &Value| match element {
            Value::Object(object) => object.get("value").map(|value| self.part("value", value)),
            plain => Some(self.part("value", plain)),
        };
        let mut by_value: HashMap<String, Vec<&Value>> = HashMap::new();
        let mut others = Vec::new();
        for one in listed {
            match key(one) {
                Some(key) => by_value.entry(key).or_default().push(one),
                None => others.push(one),
            }
        }
        items.retain(|item| {
            let candidates = key(item).and_then(|key| by_value.get(&key));
            let by_value = candidates
                .into_iter()
                .flatten()
                .any(|one| self.path.is_core("members") || self.same_type(item, one));
            !by_value && !others.iter().any(|one| self.has_all(item, one))
        });
        self.may_clear(Action::Remove, some && items.is_empty())?;
        Ok(items)
    }

    /// True if the element does not contradict the given one's `type`.
    fn same_type(&self, item: &Value, given: &Value) -> bool {
        match (item.get("type"), given.get("type")) {
            (Some(own), Some(given)) => self.part("type", own) == self.part("type", given),
            _ => true,
        }
    }

    /// True if the element has all sub-attributes given.
    fn has_all(&self, item: &Value, given: &Value) -> bool {
        given.as_object().is_some_and(|given| {
            given.iter().all(|(name, value)| {
                item.get(name)
                    .is_some_and(|own| self.part(name, own) == self.part(name, value))
            })
        })
    }

    /// Changes sub-attributes of the elements that match, or of all.
    fn update(
        &mut self,
        operation: &Operation,
        mut items: Vec<Value>,
        selection: Option<(&Filter, Option<&Map<String, Value>>)>,
    ) -> Result<Vec<Value>, Error> {
        let matches =
            |item: &Value| selection.is_none_or(|(filter, _)| filter.matches_element(item));
        let matching: Vec<usize> = (0..items.len()).filter(|at| matches(&items[*at])).collect();
        let mut primary = Vec::new();
        for at in &matching {
            let changed = self.changed(operation, items[*at].take())?;
            if marks_primary(operation) {
                primary.push(*at);
            }
            items[*at] = changed.unwrap_or(Value::Null);
        }
        if matching.is_empty() && operation.action != Action::Remove {
            let template = selection.map(|(_, template)| template);
            let created = self.created(operation, template)?;
            if let (Some(created), Some((filter, _))) = (&created, selection) {
                if !filter.matches_element(created) {
                    return Err(self.no_target());
                }
                if let Some(tolerance) = creates(operation.action) {
                    let path = self.path;
                    self.fired.allows(self.profile, tolerance, || {
                        format!("created the value of {path} that the filter describes, since none matched")
                    });
                }
            }
            if let Some(created) = created {
                if created.get("primary") == Some(&Value::Bool(true)) {
                    primary.push(items.len());
                }
                items.push(created);
            }
        }
        self.one_primary(&mut items, &primary)?;
        let some = !items.is_empty();
        items.retain(|item| !item.is_null());
        drop_duplicates(&mut items);
        self.may_clear(operation.action, some && items.is_empty())?;
        Ok(items)
    }

    /// One element after the operation; `None` if nothing is left of it.
    fn changed(&self, operation: &Operation, item: Value) -> Result<Option<Value>, Error> {
        let action = operation.action;
        let value = operation.value.clone();
        let sub = match &operation.target {
            Target::Attribute(path) => path.sub.as_ref(),
            Target::Elements { sub, .. } => sub.as_ref(),
            Target::Extension(_) => None,
        };
        let Value::Object(mut object) = item else {
            // An element without sub-attributes is its own value.
            return Ok(match action {
                Action::Add if value.is_none() => Some(item),
                Action::Remove => None,
                _ => value,
            });
        };
        match (sub, value) {
            (Some(_), None) if action == Action::Add => {}
            (Some(sub), value) => {
                let value = value.filter(|_| action != Action::Remove);
                self.set(&mut object, sub, value, action)?;
            }
            (None, Some(Value::Object(given))) => self.merge(&mut object, &given, action)?,
            (None, None) if action == Action::Replace => return Ok(None),
            (None, _) => {}
        }
        Ok((!object.is_empty()).then_some(Value::Object(object)))
    }

    /// The element to be made where none matches. `template` is `None` without a filter: then an
    /// empty list gets its first element, as for any attribute that is not there yet.
    fn created(
        &self,
        operation: &Operation,
        template: Option<Option<&Map<String, Value>>>,
    ) -> Result<Option<Value>, Error> {
        let base = match template {
            None => Map::new(),
            Some(Some(template)) => template.clone(),
            Some(None) => return Err(self.no_target()),
        };
        if operation.value.is_none() {
            return Ok(None);
        }
        self.changed(operation, Value::Object(base))
    }

    fn no_target(&self) -> Error {
        Error::no_target(format!(
            "No value of {} matches the filter of the path. Add the value first, or correct the filter.",
            self.path
        ))
    }
}

/// True if the operation's own value makes its element the primary one.
fn marks_primary(operation: &Operation) -> bool {
    let yes = Some(&Value::Bool(true));
    let sub = match &operation.target {
        Target::Attribute(path) => path.sub.as_ref(),
        Target::Elements { sub, .. } => sub.as_ref(),
        Target::Extension(_) => None,
    };
    match (sub, &operation.value) {
        _ if operation.action == Action::Remove => false,
        (Some(sub), value) => sub.name == "primary" && value.as_ref() == yes,
        (None, Some(Value::Object(object))) => object.get("primary") == yes,
        _ => false,
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
