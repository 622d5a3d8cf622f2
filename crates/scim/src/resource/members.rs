//! A team's member list: each member once, fast for hundreds of thousands of them.

use std::collections::HashSet;

use crate::{
    Attribute, Error, Fired, Map, Profile, Tolerance, Value, json::get_ignoring_case, value::shown,
};

/// One member of a team as a client names it. `$ref` and `type` follow from the id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The member's id: `members.value`.
    pub id: String,
    /// What the client calls the member, if it says so: `members.display`. Immutable, as all of an
    /// element is: a member that is there already keeps the one it came with.
    pub display: Option<Box<str>>,
}

impl From<String> for Member {
    fn from(id: String) -> Self {
        Self { id, display: None }
    }
}

/// Bytes of a member's `display`: a team's labels are held together when it is read or filtered.
pub(crate) const LONGEST_DISPLAY: usize = 1_024;

/// Reads the value of `members`. `null` and `[]` are an empty list.
pub(crate) fn read(
    attribute: &Attribute,
    value: Value,
    profile: &Profile,
    fired: &mut Fired,
) -> Result<Vec<Member>, Error> {
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
    let mut members = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        members.extend(member(attribute, item, index, profile, fired)?);
    }
    drop_repeated(&mut members);
    Ok(members)
}

/// One element; `None` for `null` and `{}`.
fn member(
    attribute: &Attribute,
    item: Value,
    index: usize,
    profile: &Profile,
    fired: &mut Fired,
) -> Result<Option<Member>, Error> {
    let mut item = match item {
        Value::Null => return Ok(None),
        Value::Object(item) if item.is_empty() => return Ok(None),
        Value::Object(item) => item,
        Value::String(id) => {
            let wrapped = fired.allows(profile, Tolerance::WrapComplex, || {
                "took a plain text in members as the member's value".to_owned()
            });
            return match wrapped && !id.is_empty() {
                true => Ok(Some(id.into())),
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
    let display = get_ignoring_case(&item, "display").and_then(Value::as_str);
    Ok(Some(Member {
        id,
        display: display.filter(|text| !text.is_empty()).map(Box::from),
    }))
}

/// `$ref` and `type` are the server's to fill in; they and `display` must be text or nothing.
fn sub_attributes(
    attribute: &Attribute,
    item: &Map<String, Value>,
    profile: &Profile,
    fired: &mut Fired,
) -> Result<(), Error> {
    for (key, value) in item {
        match attribute.sub(key) {
            Some(sub)
                if sub.name == "display"
                    && value
                        .as_str()
                        .is_some_and(|text| text.len() > LONGEST_DISPLAY) =>
            {
                return Err(too_long());
            }
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

/// 400 for a label that is no label.
pub(crate) fn too_long() -> Error {
    Error::invalid_value(format!(
        "A display in members is longer than {LONGEST_DISPLAY} bytes. Shorten it or leave it out."
    ))
}

fn no_value(index: usize) -> Error {
    Error::invalid_value(format!(
        "Element {} of members names nobody. Send each member as {{\"value\": \"id\"}}.",
        index + 1
    ))
}

fn drop_repeated(members: &mut Vec<Member>) {
    let first: Vec<bool> = {
        let mut seen = HashSet::with_capacity(members.len());
        members
            .iter()
            .map(|member| seen.insert(member.id.as_str()))
            .collect()
    };
    if first.contains(&false) {
        let mut first = first.into_iter();
        members.retain(|_| first.next().unwrap_or(true));
    }
}
