//! What a check expects of an answer, and how it stops when that is not what came.

use scim::{Tolerance, error::ERROR_URN, message::LIST_RESPONSE};
use serde_json::Value;

use super::probe::Made;
use crate::exchange::{Answer, Exchange};

/// Why a check ends before its end.
#[derive(Debug)]
pub(super) enum Stop {
    /// The server is wrong; what was expected and what came.
    Failed(String),
    /// The server does not claim to support this.
    Skipped(String),
    /// The checker cannot ask.
    NotRun(String),
}

/// What a step of a check gives.
pub(super) type Step<T = ()> = Result<T, Stop>;

/// Ends the check as failed.
pub(super) fn fail<T>(why: impl Into<String>) -> Step<T> {
    Err(Stop::Failed(why.into()))
}

/// Fails unless it holds.
pub(super) fn expect(holds: bool, why: impl FnOnce() -> String) -> Step {
    if holds { Ok(()) } else { fail(why()) }
}

/// An answer with its body read.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) answer: Answer,
    pub(super) body: Value,
    what: String,
}

impl Reply {
    pub(super) fn new(exchange: &Exchange) -> Reply {
        let Exchange {
            request, answer, ..
        } = exchange;
        Reply {
            body: answer.json().unwrap_or(Value::Null),
            answer: answer.clone(),
            what: format!("{} {}", request.method, request.path),
        }
    }

    pub(super) fn status_code(&self) -> u16 {
        self.answer.status
    }

    pub(super) fn is_success(&self) -> bool {
        self.answer.is_success()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.answer.header(name)
    }

    /// One of these status codes.
    pub(super) fn status(&self, expected: &[u16]) -> Step<&Reply> {
        if expected.contains(&self.answer.status) {
            return Ok(self);
        }
        let expected: Vec<_> = expected.iter().map(u16::to_string).collect();
        let (what, expected) = (&self.what, expected.join(" or "));
        fail(format!(
            "{what}: expected {expected}, got {}",
            self.answer.status
        ))
    }

    /// Any 2xx.
    pub(super) fn ok(&self) -> Step<&Reply> {
        if self.is_success() {
            return Ok(self);
        }
        fail(format!(
            "{}: expected success, got {}",
            self.what, self.answer.status
        ))
    }

    /// A refusal with one of these status codes, told in a SCIM error body.
    pub(super) fn refused(&self, expected: &[u16]) -> Step<&Reply> {
        self.status(expected)?.says_error()
    }

    /// A SCIM error body of the status of the answer.
    pub(super) fn says_error(&self) -> Step<&Reply> {
        let what = &self.what;
        if !self.names_schema(ERROR_URN) {
            return fail(format!(
                "{what}: the body of {} is no SCIM error",
                self.answer.status
            ));
        }
        Ok(self)
    }

    /// `scimType` is one of these.
    pub(super) fn kind(&self, kinds: &[&str]) -> Step<&Reply> {
        let kind = self.at("/scimType").as_str().unwrap_or("none");
        if kinds.contains(&kind) {
            return Ok(self);
        }
        let (what, kinds) = (&self.what, kinds.join(" or "));
        fail(format!("{what}: expected scimType {kinds}, got {kind}"))
    }

    /// Whether a filter is refused as one that the server does not support.
    pub(super) fn refuses_filter(&self) -> bool {
        self.refused(&[400]).is_ok() && self.kind(&["invalidFilter"]).is_ok()
    }

    /// Whether the body is of this schema.
    pub(super) fn names_schema(&self, urn: &str) -> bool {
        let schemas = self.at("/schemas").as_array();
        schemas.is_some_and(|schemas| schemas.iter().any(|schema| same(schema.as_str(), urn)))
    }

    /// The value at a JSON pointer; null if there is none.
    pub(super) fn at(&self, pointer: &str) -> &Value {
        at(&self.body, pointer)
    }

    pub(super) fn text(&self, pointer: &str) -> &str {
        self.at(pointer).as_str().unwrap_or_default()
    }

    /// The value at a pointer is this.
    pub(super) fn is(&self, pointer: &str, expected: impl Into<Value>) -> Step<&Reply> {
        let (expected, found) = (expected.into(), self.at(pointer));
        if *found == expected {
            return Ok(self);
        }
        let what = &self.what;
        fail(format!("{what}: {pointer} is {found}, expected {expected}"))
    }

    /// There is something at a pointer.
    pub(super) fn has(&self, pointer: &str) -> Step<&Reply> {
        if unassigned(self.at(pointer)) {
            return fail(format!("{}: {pointer} is missing", self.what));
        }
        Ok(self)
    }

    /// There is nothing at a pointer: no member, null, or an empty list (RFC 7643 section 2.5).
    pub(super) fn lacks(&self, pointer: &str) -> Step<&Reply> {
        let found = self.at(pointer);
        if unassigned(found) {
            return Ok(self);
        }
        fail(format!(
            "{}: {pointer} should not be there, it is {found}",
            self.what
        ))
    }

    /// The resources of a list.
    pub(super) fn list(&self) -> Step<&[Value]> {
        self.status(&[200])?;
        if !self.names_schema(LIST_RESPONSE) {
            return fail(format!("{}: the body is no ListResponse", self.what));
        }
        Ok(self.at("/Resources").as_array().map_or(&[], Vec::as_slice))
    }

    /// How many resources a list says there are.
    pub(super) fn total(&self) -> Step<u64> {
        self.list()?;
        let total = self.at("/totalResults");
        match total.as_u64() {
            Some(total) => Ok(total),
            None => fail(format!(
                "{}: totalResults is {total}, no integer",
                self.what
            )),
        }
    }

    /// The ids in a list, in its order.
    pub(super) fn ids(&self) -> Step<Vec<&str>> {
        let ids = self.list()?.iter();
        Ok(ids.filter_map(|found| found["id"].as_str()).collect())
    }

    /// A list of exactly these resources, in any order.
    pub(super) fn finds(&self, ids: &[&str]) -> Step<&Reply> {
        let (mut found, mut expected) = (self.ids()?, ids.to_vec());
        found.sort_unstable();
        expected.sort_unstable();
        if found == expected {
            return Ok(self);
        }
        let (what, found, expected) = (&self.what, found.len(), expected.len());
        fail(format!(
            "{what}: the list has {found} other resources than the {expected} that match"
        ))
    }

    /// A list of these resources in this order.
    pub(super) fn in_order(&self, expected: &[&Made]) -> Step {
        let expected: Vec<_> = expected.iter().map(|made| made.id.as_str()).collect();
        let found = self.ids()?;
        expect(found == expected, || {
            format!("the order is {found:?}, expected {expected:?}")
        })
    }

    /// The values of the elements of a multi-valued attribute.
    pub(super) fn values(&self, pointer: &str) -> Vec<&str> {
        let elements = self.at(pointer).as_array().into_iter().flatten();
        elements
            .filter_map(|element| element["value"].as_str())
            .collect()
    }
}

/// The value at a JSON pointer; null if there is none.
pub(super) fn at<'v>(value: &'v Value, pointer: &str) -> &'v Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

/// Absent, null and empty mean the same (RFC 7643 section 2.5).
pub(super) fn unassigned(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(elements) => elements.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

/// URNs and names of attributes are compared without regard to case (RFC 8141 section 3.1, RFC 7643 section 2.1).
pub(super) fn same(a: Option<&str>, b: &str) -> bool {
    a.is_some_and(|a| a.eq_ignore_ascii_case(b))
}

/// A leniency that a check met.
pub(super) fn forgives(tolerance: Tolerance) -> String {
    format!("the server forgives what the rule forbids ({tolerance})")
}
