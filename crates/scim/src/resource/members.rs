//! A team's member list: ids, each once, fast for hundreds of thousands of them.

use std::collections::HashSet;

use crate::{
    Attribute, Error, Fired, Map, Profile, Tolerance, Value, json::get_ignoring_case, value::shown,
};

/// Reads the value of `members` into ids. `null` and `[]` are an empty list.
pub(crate) fn read(
    attribute: &Attribute,
    value: Value,
    profile: &Profile,
    fired: &mut Fired,
) -> Result<Vec<String>, Error> {
    let items = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Array(items) => items,
        one => {
            if !fired.allows(profile, Tolerance::WrapArray, || {
                "took the one value of members as a list".to_owned()
            }) {
                return Err(Error::invalid_value(
                    "members must be a list of objects such as {\"value\": \"id\"}.",
                ));
            }
            vec![one]
        }
    };
    let mut ids = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        ids.extend(member(attribute, item, index, profile, fired)?);
    }
    drop_repeated(&mut ids);
    Ok(ids)
}

/// The id of one element; `None` for `null` and `{}`.
fn member(
    attribute: &Attribute,
    item: Value,
    index: usize,
    profile: &Profile,
    fired: &mut Fired,
) -> Result<Option<String>, Error> {
    let mut item = match item {
        Value::Null => return Ok(None),
        Value::Object(item) if item.is_empty() => return Ok(None),
        Value::Object(item) => item,
        Value::String(id) => {
            let wrapped = fired.allows(profile, Tolerance::WrapComplex, || {
                "took a plain text in members as the member's value".to_owned()
            });
            return match wrapped && !id.is_empty() {
                true => Ok(Some(id)),
                false => Err(no_value(index)),
            };
        }
        _ => return Err(no_value(index)),
    };
    sub_attributes(attribute, &item, profile, fired)?;
    let id = match item.get_mut("value") {
        Some(Value::String(id)) => std::mem::take(id),
        _ => match get_ignoring_case(&item, "value") {
            Some(Value::String(id)) => id.clone(),
            _ => return Err(no_value(index)),
        },
    };
    if id.is_empty() {
        return Err(no_value(index));
    }
    Ok(Some(id))
}

/// `$ref`, `type` and `display` are the server's to fill in; they must be text or nothing.
fn sub_attributes(
    attribute: &Attribute,
    item: &Map<String, Value>,
    profile: &Profile,
    fired: &mut Fired,
) -> Result<(), Error> {
    for (key, value) in item {
        match attribute.sub(key) {
            Some(_) if value.is_string() || value.is_null() => {}
            Some(sub) => {
                return Err(Error::invalid_value(format!(
                    "members.{} must be text.",
                    sub.name
                )));
            }
            None => {
                if !fired.allows(profile, Tolerance::UnknownAttribute, || {
                    format!("dropped members.{}, which no schema defines", shown(key))
                }) {
                    return Err(Error::invalid_syntax(format!(
                        "members has no sub-attribute \"{}\". Remove it or correct its name.",
                        shown(key)
                    )));
                }
            }
        }
    }
    Ok(())
}

fn no_value(index: usize) -> Error {
    Error::invalid_value(format!(
        "Element {} of members names nobody. Send each member as {{\"value\": \"id\"}}.",
        index + 1
    ))
}

fn drop_repeated(ids: &mut Vec<String>) {
    let first: Vec<bool> = {
        let mut seen = HashSet::with_capacity(ids.len());
        ids.iter().map(|id| seen.insert(id.as_str())).collect()
    };
    if first.contains(&false) {
        let mut first = first.into_iter();
        ids.retain(|_| first.next().unwrap_or(true));
    }
}
