//! The `value` of an operation, read against the definition of what the path names.

use std::sync::Arc;

use super::read::Reader;
use crate::{
    Attribute, AttributePath, Error, Map, Tolerance, Value,
    json::is_unassigned,
    resource::members,
    schema::{Mutability, Type},
    value::{self, shown},
};

impl Reader<'_> {
    /// The value of an `add` or `replace`, read against its definition.
    pub(super) fn value(
        &mut self,
        path: &AttributePath,
        sub: Option<&Arc<Attribute>>,
        selected: bool,
        given: &Value,
    ) -> Result<Option<Value>, Error> {
        let label = match (sub, selected) {
            (Some(sub), true) => format!("{path}.{}", sub.name),
            _ => path.to_string(),
        };
        let attribute = sub.unwrap_or(&path.attribute);
        let whole = !selected || sub.is_some();
        if is_unassigned(given) {
            return Ok(None);
        }
        if whole && attribute.multi_valued {
            // RFC 7644 section 3.5.2.1 shows a single object as well as a list: both are right.
            let listed = match given {
                Value::Array(_) => given.clone(),
                Value::String(text) if text.is_empty() && attribute.kind == Type::Complex => {
                    Value::Null
                }
                one => Value::Array(vec![one.clone()]),
            };
            let read = value::read(attribute, listed, &label, self.profile, self.fired)?;
            if self.resource_type.is_group() && path.is_core("members") {
                members_have_ids(read.as_ref())?;
            }
            return Ok(read);
        }
        if attribute.kind == Type::Complex {
            return self.partial(attribute, given, &label, selected);
        }
        value::read_single(attribute, given.clone(), &label, self.profile, self.fired)
    }

    /// Sub-attributes to merge into a complex value; those to be cleared are null. `None`
    /// unassigns the whole.
    fn partial(
        &mut self,
        attribute: &Attribute,
        given: &Value,
        label: &str,
        selected: bool,
    ) -> Result<Option<Value>, Error> {
        let object = match given {
            Value::Object(object) => object,
            Value::Array(items)
                if items.len() == 1
                    && items[0].is_object()
                    && self.allows(Tolerance::UnwrapArray, || {
                        format!("took the list in {label} as one value")
                    }) =>
            {
                return self.partial(attribute, &items[0], label, selected);
            }
            // What changes selected elements is an object; what a text means would be a guess.
            _ if selected && !given.is_array() => {
                return Err(Error::invalid_value(format!(
                    "The value for elements of {label} must be an object of sub-attributes. To set one sub-attribute, name it behind the brackets."
                )));
            }
            plain => {
                return value::read_single(
                    attribute,
                    plain.clone(),
                    label,
                    self.profile,
                    self.fired,
                );
            }
        };
        let mut read = Map::with_capacity(object.len());
        for (key, value) in object {
            let Some(sub) = attribute.sub(key) else {
                if is_unassigned(value)
                    || self.allows(Tolerance::UnknownAttribute, || {
                        format!("dropped {label}.{}, which no schema defines", shown(key))
                    })
                {
                    continue;
                }
                return Err(Error::invalid_path(format!(
                    "{label} has no sub-attribute \"{}\". Remove it or correct its name.",
                    shown(key)
                )));
            };
            if sub.mutability == Mutability::ReadOnly {
                if !is_unassigned(value) {
                    self.fired.record(Tolerance::ReadOnlyIgnored, || {
                        format!("ignored {label}.{}, which only the server sets", sub.name)
                    });
                }
                continue;
            }
            let label = format!("{label}.{}", sub.name);
            let value = value::read(sub, value.clone(), &label, self.profile, self.fired)?;
            read.insert(sub.name.clone(), value.unwrap_or(Value::Null));
        }
        Ok(Some(Value::Object(read)))
    }

    /// The value list of a `remove`; `None` removes all. Values count only where a whole
    /// multi-valued attribute is named (Entra, transcript `entra-default.json`); elsewhere the path
    /// alone says what goes.
    pub(super) fn removal(
        &mut self,
        path: &AttributePath,
        sub: Option<&Arc<Attribute>>,
        selected: bool,
        given: &Value,
    ) -> Result<Option<Value>, Error> {
        let attribute = &path.attribute;
        if given.is_null()
            || selected
            || sub.is_some()
            || !attribute.multi_valued
            || !self.allows(Tolerance::RemoveByValue, || {
                format!("removed only the listed values of {path}")
            })
        {
            return Ok(None);
        }
        let items = match given {
            Value::Array(items) => items.as_slice(),
            one => std::slice::from_ref(one),
        };
        let mut read = Vec::with_capacity(items.len());
        for item in items {
            read.extend(element_to_remove(attribute, item, path)?);
        }
        let read = Value::Array(read);
        if self.resource_type.is_group() && path.is_core("members") {
            members_have_ids(Some(&read))?;
        }
        Ok(Some(read))
    }
}

/// One value to be removed: canonical names, without what is null. Unlike a value to be
/// stored it may be partial.
fn element_to_remove(
    attribute: &Attribute,
    given: &Value,
    path: &AttributePath,
) -> Result<Option<Value>, Error> {
    let wrong = || {
        Error::invalid_value(format!(
            "A value of {path} to be removed must look like one of its values."
        ))
    };
    match given {
        Value::Null => Ok(None),
        Value::Array(_) => Err(wrong()),
        Value::Object(_) if attribute.kind != Type::Complex => Err(wrong()),
        Value::Object(object) => {
            let named: Map<String, Value> = object
                .iter()
                .filter(|(_, value)| !is_unassigned(value))
                .filter_map(|(key, value)| {
                    let sub = attribute.sub(key)?;
                    Some((sub.name.clone(), value.clone()))
                })
                .collect();
            if named.is_empty() {
                return Err(wrong());
            }
            Ok(Some(Value::Object(named)))
        }
        plain if attribute.kind == Type::Complex => match attribute.sub("value") {
            Some(_) => Ok(Some(Value::Object(Map::from_iter([(
                "value".to_owned(),
                plain.clone(),
            )])))),
            None => Err(wrong()),
        },
        plain => Ok(Some(plain.clone())),
    }
}

/// A member is known by its `value`.
fn members_have_ids(members: Option<&Value>) -> Result<(), Error> {
    let all = members
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .all(|member| {
            member
                .get("value")
                .and_then(Value::as_str)
                .is_some_and(|id| !id.is_empty())
        });
    let long = |member: &Value| {
        let display = member.get("display").and_then(Value::as_str);
        display.is_some_and(|text| text.len() > members::LONGEST_DISPLAY)
    };
    if all {
        let mut listed = members.and_then(Value::as_array).into_iter().flatten();
        return match listed.any(long) {
            true => Err(members::too_long()),
            false => Ok(()),
        };
    }
    Err(Error::invalid_value(
        "Each of members needs the id of a user or team as \"value\".",
    ))
}
