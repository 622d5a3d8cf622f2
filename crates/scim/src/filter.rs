//! The filter language, RFC 7644 section 3.4.2.2: parse, resolve, evaluate.
//!
//! Three steps, so that each can be tested alone: [`Expression::parse`] knows only the grammar;
//! [`Expression::resolve`] binds names to a resource type and literals to its types;
//! [`Filter::matches`] evaluates, without any failure left.
//!
//! Logic is two-valued: an attribute without value makes every comparison false but `ne`, which
//! is `not eq`. So `ne` matches resources without the attribute, and on a multi-valued attribute
//! it means that no value is equal.

mod display;
mod evaluate;
mod parser;
mod prefilter;
mod resolve;
#[cfg(test)]
pub(crate) mod test_user;
#[cfg(test)]
mod tests;

use crate::{Attribute, AttributePath, Error, Fired, Map, Profile, ResourceType, Value};

pub(crate) use evaluate::compare_numbers;
pub use parser::ValuePath;

/// Bounds of a filter text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes.
    pub length: usize,
    /// Nesting of parentheses, `not` and value paths; never more than 128.
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

impl Operator {
    /// All of them, in the order of RFC 7644 table 3.
    pub const ALL: &[Operator] = &[
        Operator::Eq,
        Operator::Ne,
        Operator::Co,
        Operator::Sw,
        Operator::Ew,
        Operator::Gt,
        Operator::Ge,
        Operator::Lt,
        Operator::Le,
    ];

    /// As it stands in a filter.
    pub fn as_str(self) -> &'static str {
        match self {
            Operator::Eq => "eq",
            Operator::Ne => "ne",
            Operator::Co => "co",
            Operator::Sw => "sw",
            Operator::Ew => "ew",
            Operator::Gt => "gt",
            Operator::Ge => "ge",
            Operator::Lt => "lt",
            Operator::Le => "le",
        }
    }
}

/// A parsed filter whose names are not yet resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    root: parser::Node,
}

impl Expression {
    /// Parses a filter.
    ///
    /// Errors: 400 `invalidFilter` with the position, what was expected and what to do; or
    /// naming the limit that was exceeded.
    pub fn parse(text: &str, limits: &Limits) -> Result<Expression, Error> {
        parser::expression(text, limits).map(|root| Expression { root })
    }

    /// Binds the expression to a resource type.
    ///
    /// Errors: 400 `invalidFilter` for an attribute no schema of the resource type defines, one
    /// that cannot be filtered, or a value or operator that does not fit its type.
    pub fn resolve(
        &self,
        resource_type: &ResourceType,
        profile: &Profile,
        fired: &mut Fired,
    ) -> Result<Filter, Error> {
        resolve::resource(&self.root, resource_type, false, profile, fired)
    }

    /// Binds the expression to one of the resource types of a search over all of them: an
    /// attribute it does not define has no value (RFC 7644 section 3.4.2.1).
    ///
    /// Errors: as [`Expression::resolve`], except for unknown attributes.
    pub fn resolve_at_root(
        &self,
        resource_type: &ResourceType,
        profile: &Profile,
        fired: &mut Fired,
    ) -> Result<Filter, Error> {
        resolve::resource(&self.root, resource_type, true, profile, fired)
    }

    /// Binds the expression to the elements of one attribute, as in the brackets of
    /// `emails[type eq "work"]`; for [`Filter::matches_element`].
    ///
    /// Errors: as [`Expression::resolve`].
    pub fn resolve_element(
        &self,
        attribute: &AttributePath,
        profile: &Profile,
        fired: &mut Fired,
    ) -> Result<Filter, Error> {
        resolve::element(&self.root, attribute, profile, fired)
    }

    /// Names and values, as written, of an expression that is nothing but `eq` joined by `and`.
    pub(crate) fn equalities(&self) -> Option<Vec<(&str, Value)>> {
        self.root.equalities()
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
    /// `path op literal`. A complex attribute is compared by its `value`, spelled out in the path.
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
    /// `path[filter]`: one element satisfies all of it. Paths inside are sub-attributes, given as
    /// paths with `sub`; without, they mean the element itself (`value` of a simple attribute).
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
    pub fn matches(&self, resource: &Map<String, Value>) -> bool {
        evaluate::matches(self, evaluate::Scope::Resource(resource))
    }

    /// Evaluates a filter from [`Expression::resolve_element`], or the inner one of
    /// [`Filter::Element`], against one element of the attribute.
    pub fn matches_element(&self, element: &Value) -> bool {
        evaluate::matches(self, evaluate::Scope::Element(element))
    }

    /// True if the core attribute stands anywhere in the filter.
    pub fn mentions(&self, attribute: &str) -> bool {
        match self {
            Filter::And(parts) | Filter::Or(parts) => {
                parts.iter().any(|part| part.mentions(attribute))
            }
            Filter::Not(inner) => inner.mentions(attribute),
            Filter::Compare { path, .. } | Filter::Present(path) | Filter::Element { path, .. } => {
                path.is_core(attribute)
            }
            Filter::Constant(_) => false,
        }
    }

    /// Texts one of which must occur in [`crate::fold::fold`] of the stored JSON of every resource
    /// that matches, in lower case; `None` if there are no such texts. Where there is a choice, the
    /// longest are taken.
    ///
    /// Folding matters: a document with characters beyond ASCII may match without having the
    /// text byte by byte (`ＢＪ`, or the Kelvin sign), one in ASCII needs ASCII case only.
    pub fn required_texts(&self) -> Option<Vec<String>> {
        prefilter::required_texts(self)
    }

    /// All of `parts`, flat and without constants.
    fn and(parts: Vec<Filter>) -> Filter {
        Self::join(parts, true)
    }

    fn or(parts: Vec<Filter>) -> Filter {
        Self::join(parts, false)
    }

    /// `neutral` is the constant that changes nothing: true for `and`, false for `or`.
    fn join(parts: Vec<Filter>, neutral: bool) -> Filter {
        let mut flat = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Filter::Constant(value) if value == neutral => {}
                Filter::Constant(_) => return part,
                Filter::And(inner) if neutral => flat.extend(inner),
                Filter::Or(inner) if !neutral => flat.extend(inner),
                part => flat.push(part),
            }
        }
        match flat.len() {
            0 => Filter::Constant(neutral),
            1 => flat.remove(0),
            _ if neutral => Filter::And(flat),
            _ => Filter::Or(flat),
        }
    }

    fn negated(self) -> Filter {
        match self {
            Filter::Constant(value) => Filter::Constant(!value),
            other => Filter::Not(Box::new(other)),
        }
    }
}

/// True if texts of this attribute are compared as they are: `caseExact`, and always references
/// and binary (RFC 7643 sections 2.3.6 and 2.3.7).
pub fn is_case_exact(attribute: &Attribute) -> bool {
    use crate::schema::Type;
    attribute.case_exact || matches!(attribute.kind, Type::Reference | Type::Binary)
}
