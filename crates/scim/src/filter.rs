//! The filter language, RFC 7644 section 3.4.2.2: parse, resolve, evaluate.
//!
//! Three steps, so that each can be tested alone: [`Expression::parse`] knows only the grammar;
//! [`Expression::resolve`] binds names to a resource type and literals to its types;
//! [`Filter::matches`] evaluates, without any failure left.

use crate::{AttributePath, Error, Fired, Map, Profile, ResourceType, Value};

/// Bounds of a filter text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes.
    pub length: usize,
    /// Nesting of parentheses, `not` and value paths.
    pub depth: usize,
    /// Comparisons.
    pub terms: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            length: 16 * 1024,
            depth: 32,
            terms: 500,
        }
    }
}

/// A comparison operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "named as in RFC 7644 table 3")]
pub enum Operator {
    Eq,
    Ne,
    Co,
    Sw,
    Ew,
    Gt,
    Ge,
    Lt,
    Le,
}

/// A parsed filter whose names are not yet resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {}

impl Expression {
    /// Parses a filter.
    pub fn parse(_text: &str, _limits: &Limits) -> Result<Expression, Error> {
        unimplemented!()
    }

    /// Binds the expression to a resource type.
    pub fn resolve(
        &self,
        _resource_type: &ResourceType,
        _profile: &Profile,
        _fired: &mut Fired,
    ) -> Result<Filter, Error> {
        unimplemented!()
    }
}

/// A literal, prepared for comparison with the attribute it stands beside.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// `null`: `eq null` is "not present".
    Null,
    /// A boolean.
    Boolean(bool),
    /// A number.
    Number(serde_json::Number),
    /// Text, already folded unless the attribute is `caseExact`; also references and binary.
    Text(String),
    /// A point in time.
    Instant(jiff::Timestamp),
}

/// A resolved filter: what the store plans and what [`Filter::matches`] evaluates.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All of them.
    And(Vec<Filter>),
    /// Any of them.
    Or(Vec<Filter>),
    /// Not this.
    Not(Box<Filter>),
    /// `path op literal`.
    Compare {
        /// Left side.
        path: AttributePath,
        /// Operator.
        op: Operator,
        /// Right side.
        value: Literal,
    },
    /// `path pr`.
    Present(AttributePath),
    /// `path[filter]`: one element satisfies all of it. Paths inside are sub-attributes, given as paths with `sub`.
    Element {
        /// The multi-valued complex attribute.
        path: AttributePath,
        /// The condition on one element.
        filter: Box<Filter>,
    },
    /// The same answer for every resource (an attribute of another resource type at the root, RFC 7644 section 3.4.2.1).
    Constant(bool),
}

impl Filter {
    /// Evaluates against a whole resource (canonical names, with `id`, `meta` and whatever derived attributes the filter mentions).
    pub fn matches(&self, _resource: &Map<String, Value>) -> bool {
        unimplemented!()
    }
}
