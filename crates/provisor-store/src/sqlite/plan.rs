//! How a filter is answered: by an index exactly, by an index and the evaluator, or by a scan.

use std::borrow::Cow;

use scim::{
    AttributePath, ResourceType,
    filter::{Filter, Literal, Operator, is_case_exact},
};

use super::keys;

/// Where candidates come from.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Source {
    /// Nothing can match.
    Nothing,
    /// The resource with this id.
    Id(String),
    /// The user with this folded userName.
    UserName(String),
    /// Users whose folded userName begins with this.
    UserNameFrom(String),
    /// Resources with this search key.
    Key(Cow<'static, str>, String),
    /// Resources with a search key that begins with this.
    KeyFrom(Cow<'static, str>, String),
    /// Teams with this member.
    TeamsOf(String),
    /// Users directly or indirectly in this team.
    MembersOf(String),
    /// Any of these.
    Any(Vec<Source>),
}

/// A plan.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    /// `None`: every resource of the type is a candidate.
    pub(super) source: Option<Source>,
    /// True if every candidate matches, so that the evaluator need not run.
    pub(super) exact: bool,
}

/// Plans a filter for a resource type.
pub(super) fn plan(kind: &ResourceType, filter: &Filter) -> Plan {
    match filter {
        Filter::Constant(false) => exact(Source::Nothing),
        Filter::Compare {
            path,
            op: Operator::Eq,
            value: Literal::Text(text),
        } => match equality(kind, path, text) {
            Some(source) => exact(source),
            None => scan(),
        },
        Filter::Compare {
            path,
            op: Operator::Sw,
            value: Literal::Text(text),
        } => match beginning(kind, path, text) {
            Some(source) => exact(source),
            None => scan(),
        },
        // All of them: any one that has candidates narrows; the evaluator decides the rest.
        Filter::And(all) => {
            let narrowest = all
                .iter()
                .filter_map(|part| plan(kind, part).source)
                .min_by_key(cost);
            Plan {
                source: narrowest,
                exact: false,
            }
        }
        Filter::Or(any) => {
            let plans: Vec<Plan> = any.iter().map(|part| plan(kind, part)).collect();
            let exact = plans.iter().all(|plan| plan.exact);
            let sources: Option<Vec<Source>> = plans.into_iter().map(|plan| plan.source).collect();
            Plan {
                exact: exact && sources.is_some(),
                source: sources.map(Source::Any),
            }
        }
        // One element satisfies all: whoever has the element has the key, not the reverse.
        Filter::Element { filter, .. } => Plan {
            exact: false,
            ..plan(kind, filter)
        },
        _ => scan(),
    }
}

fn exact(source: Source) -> Plan {
    Plan {
        source: Some(source),
        exact: true,
    }
}

fn scan() -> Plan {
    Plan {
        source: None,
        exact: false,
    }
}

/// The index that answers `path eq text`; `text` is folded as the attribute asks.
fn equality(kind: &ResourceType, path: &AttributePath, text: &str) -> Option<Source> {
    let sub = path.sub.as_ref().map(|sub| sub.name.as_str());
    if path.extension.is_none() {
        match (path.attribute.name.as_str(), sub) {
            ("id", None) => return Some(Source::Id(text.into())),
            ("userName", None) if kind.is_user() => return Some(Source::UserName(text.into())),
            ("members", Some("value")) if kind.is_group() => {
                return Some(Source::TeamsOf(text.into()));
            }
            ("groups", Some("value")) if kind.is_user() => {
                return Some(Source::MembersOf(text.into()));
            }
            _ => {}
        }
    }
    let (attribute, value) = keys::lookup(kind, path, text)?;
    Some(Source::Key(attribute, value.into_owned()))
}

/// The index that answers `path sw text`; `text` is folded as the attribute asks.
fn beginning(kind: &ResourceType, path: &AttributePath, text: &str) -> Option<Source> {
    // Longer keys are kept as a beginning and a hash, and caseExact texts as they were written.
    if text.is_empty() || text.len() > keys::WHOLE || is_case_exact(path.leaf()) {
        return None;
    }
    match equality(kind, path, text)? {
        Source::UserName(text) => Some(Source::UserNameFrom(text)),
        Source::Key(attribute, text) => Some(Source::KeyFrom(attribute, text)),
        _ => None,
    }
}

/// A rough order of how few candidates a source has.
fn cost(source: &Source) -> u8 {
    match source {
        Source::Nothing => 0,
        Source::Id(_) | Source::UserName(_) => 1,
        Source::Key(..) => 2,
        Source::UserNameFrom(_) | Source::KeyFrom(..) => 3,
        Source::TeamsOf(_) => 4,
        Source::MembersOf(_) => 5,
        Source::Any(_) => 6,
    }
}
