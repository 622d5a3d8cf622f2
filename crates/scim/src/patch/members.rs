//! A team's members as steps on rows: the same as a PATCH of the list, without the list.

use std::collections::HashSet;

use super::{Action, Operation, Patch, Target, elements::one_at_most};
use crate::{
    Error, Map, Profile, ResourceType, Value,
    filter::{Filter, Literal, Operator},
    resource::Member,
};

/// One step of a team's membership change: what the store applies to member rows instead of a list.
#[derive(Debug, Clone, PartialEq)]
pub enum MemberStep {
    /// These become members.
    Add(Vec<Member>),
    /// These are members no more; who is none is no error.
    Remove(Vec<String>),
    /// Nobody is a member any more.
    Clear,
    /// Exactly these are members.
    Replace(Vec<Member>),
    /// Whoever matches is a member no more. The filter is on one element (`value`, `type`,
    /// `display`, `$ref`), for [`Filter::matches_element`].
    RemoveMatching(Filter),
    /// The same, of one member at most: [`refuse_several`] if more match.
    RemoveOne(Filter),
}

pub(super) fn split(
    patch: Patch,
    resource_type: &ResourceType,
    profile: &Profile,
) -> (Vec<MemberStep>, Patch) {
    let mut steps = Vec::new();
    let mut rest = Vec::new();
    for operation in patch.operations {
        match &operation.target {
            Target::Attribute(path) | Target::Elements { path, .. }
                if resource_type.is_group() && path.is_core("members") =>
            {
                steps.extend(step(operation, profile));
            }
            _ => rest.push(operation),
        }
    }
    (steps, Patch { operations: rest })
}

fn step(operation: Operation, profile: &Profile) -> Option<MemberStep> {
    if let Target::Elements { filter, .. } = operation.target {
        return Some(match ids_of(&filter) {
            Some(ids) if ids.len() == 1 || !profile.narrow_patch => MemberStep::Remove(ids),
            _ if profile.narrow_patch => MemberStep::RemoveOne(filter),
            _ => MemberStep::RemoveMatching(filter),
        });
    }
    Some(match (operation.action, operation.value) {
        (Action::Add, None) => return None,
        (Action::Add, Some(value)) => MemberStep::Add(named(&value)),
        (Action::Replace | Action::Remove, None) => MemberStep::Clear,
        (Action::Replace, Some(value)) => MemberStep::Replace(named(&value)),
        (Action::Remove, Some(value)) => match named(&value) {
            members if members.is_empty() => return None,
            members => MemberStep::Remove(members.into_iter().map(|member| member.id).collect()),
        },
    })
}

/// Refuses a filter that matches so many members where it may match one. Errors: 400 `invalidFilter`.
pub fn refuse_several(matching: usize) -> Result<(), Error> {
    one_at_most("members", matching)
}

/// The members that a list names, each once, in order.
fn named(members: &Value) -> Vec<Member> {
    let mut seen = HashSet::new();
    members
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|member| {
            let text = |name: &str| member.get(name).and_then(Value::as_str);
            Some(Member {
                id: text("value").filter(|id| seen.insert(*id))?.to_owned(),
                display: text("display")
                    .filter(|display| !display.is_empty())
                    .map(Box::from),
            })
        })
        .collect()
}

/// The ids that a filter of nothing but `value eq "…"` joined by `or` names.
fn ids_of(filter: &Filter) -> Option<Vec<String>> {
    match filter {
        Filter::Compare {
            path,
            op: Operator::Eq,
            value: Literal::Text(id),
        } if path.leaf().name == "value" && path.leaf().case_exact => Some(vec![id.clone()]),
        Filter::Or(parts) => {
            let mut ids = Vec::new();
            for part in parts {
                ids.extend(ids_of(part)?);
            }
            Some(ids)
        }
        _ => None,
    }
}

/// What the steps do to a list of member ids: the reference for the store's rows.
///
/// `describe` gives the other sub-attributes of a member (`type`, `display`, `$ref`) for filters
/// on them; `value` is added. Errors: 400 `invalidFilter`, with the members as they were then.
pub fn apply_steps(
    members: &mut Vec<String>,
    steps: &[MemberStep],
    describe: impl Fn(&str) -> Map<String, Value>,
) -> Result<(), Error> {
    let matches = |filter: &Filter, id: &String| {
        let mut element = describe(id);
        element.insert("value".to_owned(), Value::String(id.clone()));
        filter.matches_element(&Value::Object(element))
    };
    for step in steps {
        match step {
            MemberStep::Add(added) => {
                let mut known: HashSet<String> = members.iter().cloned().collect();
                let ids = added.iter().map(|member| member.id.clone());
                members.extend(ids.filter(|id| known.insert(id.clone())));
            }
            MemberStep::Remove(ids) => {
                let gone: HashSet<&String> = ids.iter().collect();
                members.retain(|id| !gone.contains(id));
            }
            MemberStep::Clear => members.clear(),
            MemberStep::Replace(listed) => {
                *members = listed.iter().map(|member| member.id.clone()).collect();
            }
            MemberStep::RemoveMatching(filter) => members.retain(|id| !matches(filter, id)),
            MemberStep::RemoveOne(filter) => {
                let found = members.iter().filter(|id| matches(filter, id)).count();
                refuse_several(found)?;
                members.retain(|id| !matches(filter, id));
            }
        }
    }
    Ok(())
}
