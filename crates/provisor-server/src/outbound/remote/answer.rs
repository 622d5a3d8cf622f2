//! What of an answer is read and kept: the target may send anything.

use std::collections::HashSet;

use scim::Value;
use scim_client::Answer;

use super::Resource;
use crate::outbound::{mapping::field, trouble::Trouble};

/// The most values in an answer: a body of 64 MiB can say so many that they fill the memory once they are read.
const MOST_VALUES: usize = 4_000_000;

/// The longest id that is kept and put into a path, in bytes.
const LONGEST_ID: usize = 1024;

pub(in crate::outbound) fn parse<T: serde::de::DeserializeOwned>(
    answer: &Answer,
) -> Result<T, Trouble> {
    let values = answer
        .body
        .iter()
        .filter(|byte| b",[{".contains(byte))
        .count();
    if values > MOST_VALUES {
        return Err(Trouble::Unclear(format!(
            "the target answered {} with more than {MOST_VALUES} values in {} bytes, which are not read",
            answer.status,
            answer.body.len()
        )));
    }
    serde_json::from_slice(&answer.body).map_err(|error| {
        // Its words are not repeated: they may be what it was sent, secret and all.
        Trouble::Unclear(format!(
            "the target answered {} with a body of {} bytes that is no SCIM message ({:?} error in line {}, column {})",
            answer.status,
            answer.body.len(),
            error.classify(),
            error.line(),
            error.column()
        ))
    })
}

/// The id of a resource, if it can stand in a path: `.` and `..` would lead to somebody else.
pub(in crate::outbound) fn id_of(resource: &Resource) -> Option<&str> {
    let id = field(resource, "id")?.as_str()?;
    let is_one = !["", ".", ".."].contains(&id) && id.len() <= LONGEST_ID;
    is_one.then_some(id)
}

/// Ids of a team's members as the target holds it; `None` where it does not show them.
pub(in crate::outbound) fn member_ids(held: &Resource) -> Option<HashSet<String>> {
    let members = field(held, "members")?.as_array().into_iter().flatten();
    let ids = members.filter_map(|member| match field(member.as_object()?, "value")? {
        Value::String(id) => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    });
    Some(ids.collect())
}

/// One resource. Some servers send the id as a number.
pub(super) fn one(answer: &Answer) -> Result<Resource, Trouble> {
    parse(answer).map(with_text_id)
}

pub(super) fn with_text_id(mut resource: Resource) -> Resource {
    for (name, value) in &mut resource {
        if name.eq_ignore_ascii_case("id") && value.is_number() {
            *value = value.to_string().into();
        }
    }
    resource
}

pub(super) fn refused(answer: &Answer) -> Trouble {
    Trouble::Refused {
        status: answer.status,
        detail: detail(answer),
    }
}

/// So much of the target's words is kept.
pub(super) fn cut(text: &str) -> String {
    text.chars().take(300).collect()
}

/// What the answer says. It is cut when the secret is masked, which could be cut through otherwise.
pub(super) fn detail(answer: &Answer) -> String {
    let body = answer.json();
    let text = |name: &str| Some(body.as_ref()?.get(name)?.as_str()?.to_owned());
    if let (300..=399, Some(to)) = (answer.status, answer.header("location")) {
        return to.to_owned();
    }
    let start =
        || String::from_utf8_lossy(&answer.body[..answer.body.len().min(4096)]).into_owned();
    let detail = text("detail").unwrap_or_else(start);
    match text("scimType") {
        Some(kind) => format!("{kind}: {detail}"),
        None => detail,
    }
}
