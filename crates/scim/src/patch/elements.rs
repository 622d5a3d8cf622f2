//! Operations on the elements of a multi-valued attribute.

use std::{collections::HashMap, fmt::Display};

use super::{Action, Operation, Target, apply::Edit, target::creates};
use crate::{
    Error, Map, Tolerance, Value,
    filter::{Filter, is_case_exact},
    fold::fold_unless_exact,
    schema::{Mutability, Type},
    value::{check_primary, drop_duplicates},
};

impl Edit<'_> {
    /// Adds elements that are not there yet; one of the same `value` and `type` is the same and
    /// takes over what is new.
    pub(super) fn append(
        &mut self,
        mut items: Vec<Value>,
        new: Vec<Value>,
    ) -> Result<Vec<Value>, Error> {
        let mut index: HashMap<String, usize> = items
            .iter()
            .enumerate()
            .map(|(at, item)| (self.identity(item), at))
            .collect();
        let mut primary = Vec::new();
        for element in new {
            let identity = self.identity(&element);
            let marks = element.get("primary") == Some(&Value::Bool(true));
            let known = index.get(&identity).copied();
            let at = match known.or_else(|| self.role_without_type(&items, &element)) {
                None => {
                    index.insert(identity, items.len());
                    items.push(element);
                    items.len() - 1
                }
                Some(at) => {
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

    /// Where the role of this value stands: Entra creates roles with a type and names them without one in the text it
    /// adds later ([`Tolerance::RoleInText`], transcript `entra-app-roles.json`).
    fn role_without_type(&self, items: &[Value], role: &Value) -> Option<usize> {
        let untyped = self.path.is_core("roles") && role.get("type").is_none();
        if !untyped || !self.profile.allows(Tolerance::RoleInText) {
            return None;
        }
        let value = self.part("value", role.get("value")?);
        items.iter().position(|item| {
            let own = item.get("value");
            own.is_some_and(|own| self.part("value", own) == value)
        })
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

    pub(super) fn remove_matching(
        &self,
        filter: &Filter,
        mut items: Vec<Value>,
    ) -> Result<Vec<Value>, Error> {
        let before = items.len();
        items.retain(|item| !filter.matches_element(item));
        self.refuse_several(before - items.len())?;
        let some = before > 0;
        self.may_clear(Action::Remove, some && items.is_empty())?;
        Ok(items)
    }

    /// The interoperability profile lets a filter in a path select one value.
    fn refuse_several(&self, matching: usize) -> Result<(), Error> {
        if !self.profile.narrow_patch {
            return Ok(());
        }
        one_at_most(self.path, matching)
    }

    /// Removes the listed values: those of the same `value` (and `type`, where both have one), or
    /// all that agree with what is given.
    pub(super) fn remove_listed(
        &self,
        mut items: Vec<Value>,
        listed: &[Value],
    ) -> Result<Vec<Value>, Error> {
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
    pub(super) fn update(
        &mut self,
        operation: &Operation,
        mut items: Vec<Value>,
        selection: Option<(&Filter, Option<&Map<String, Value>>)>,
    ) -> Result<Vec<Value>, Error> {
        let matches =
            |item: &Value| selection.is_none_or(|(filter, _)| filter.matches_element(item));
        let matching: Vec<usize> = (0..items.len()).filter(|at| matches(&items[*at])).collect();
        if selection.is_some() {
            self.refuse_several(matching.len())?;
        }
        let mut primary = Vec::new();
        for at in &matching {
            let changed = self.changed(operation, items[*at].take())?;
            if let Some(Value::Object(object)) = &changed {
                self.complete(object)?;
            }
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
            if let Some(Value::Object(object)) = &created {
                self.complete(object)?;
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

/// Errors: 400 `invalidFilter` if more than one value matches.
pub(super) fn one_at_most(list: impl Display, matching: usize) -> Result<(), Error> {
    if matching <= 1 {
        return Ok(());
    }
    Err(Error::invalid_filter(format!(
        "The filter on {list} matches {matching} values, and this connection's profile allows one. Narrow it."
    )))
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
