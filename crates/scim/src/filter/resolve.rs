//! Names to attributes, values to literals of their types, loose forms to decisions.

use super::{
    Filter, Literal, Operator, is_case_exact,
    parser::{Form, Given, Loose, Node, quoted},
};
use crate::{
    Attribute, AttributePath, Error, Fired, Profile, ResourceType, Tolerance, datetime,
    fold::fold_unless_exact,
    schema::{Mutability, Returned, Type},
};

pub(super) fn resource(
    node: &Node,
    resource_type: &ResourceType,
    root: bool,
    profile: &Profile,
    fired: &mut Fired,
) -> Result<Filter, Error> {
    let scope = Scope::Resource {
        resource_type,
        root,
    };
    Resolver { profile, fired }.node(node, &scope)
}

pub(super) fn element(
    node: &Node,
    attribute: &AttributePath,
    profile: &Profile,
    fired: &mut Fired,
) -> Result<Filter, Error> {
    check_element(attribute)?;
    Resolver { profile, fired }.node(node, &Scope::Element(attribute))
}

/// What a name is looked up in.
enum Scope<'a> {
    Resource {
        resource_type: &'a ResourceType,
        /// An unknown attribute has no value.
        root: bool,
    },
    Element(&'a AttributePath),
}

struct Resolver<'a> {
    profile: &'a Profile,
    fired: &'a mut Fired,
}

impl Resolver<'_> {
    fn node(&mut self, node: &Node, scope: &Scope<'_>) -> Result<Filter, Error> {
        match node {
            Node::And(parts) => self.nodes(parts, scope).map(Filter::and),
            Node::Or(parts) => self.nodes(parts, scope).map(Filter::or),
            Node::Not(inner) => self.node(inner, scope).map(Filter::negated),
            Node::Compare { name, op, value } => match self.path(name, scope)? {
                Some(path) => self.compare(path, *op, value),
                None => Ok(Filter::Constant(
                    (*op == Operator::Ne) != (value.form == Form::Null),
                )),
            },
            Node::Present(name) => Ok(match self.path(name, scope)? {
                Some(path) => Filter::Present(path),
                None => Filter::Constant(false),
            }),
            Node::Element { name, filter, then } => {
                let path = self.path(name, scope)?;
                self.element(name, path, filter, then.as_deref())
            }
        }
    }

    fn nodes(&mut self, nodes: &[Node], scope: &Scope<'_>) -> Result<Vec<Filter>, Error> {
        nodes.iter().map(|node| self.node(node, scope)).collect()
    }

    /// The attribute; `None` for one of another resource type in a search at the root.
    fn path(&mut self, name: &str, scope: &Scope<'_>) -> Result<Option<AttributePath>, Error> {
        let path = match scope {
            Scope::Element(parent) => Some(sub_attribute(parent, name)?),
            Scope::Resource {
                resource_type,
                root,
            } => match self.lookup(name, resource_type) {
                None if !root => {
                    return Err(Error::invalid_filter(format!(
                        "The filter names {}, which is no attribute of {}. Check the spelling; attributes of an extension need its URN in front.",
                        quoted(name),
                        resource_type.name
                    )));
                }
                found => found,
            },
        };
        if let Some(path) = &path {
            check_readable(path)?;
        }
        Ok(path)
    }

    fn lookup(&mut self, name: &str, resource_type: &ResourceType) -> Option<AttributePath> {
        if let Some(path) = resource_type.resolve(name) {
            return Some(path);
        }
        let head = name.split('.').next().unwrap_or(name);
        let alias = head
            .eq_ignore_ascii_case("email")
            .then(|| resource_type.resolve(&format!("emails{}", &name[head.len()..])))
            .flatten();
        let (path, tolerance) = match alias {
            Some(path) => (path, Tolerance::EmailAlias),
            None => (
                AttributePath::resolve_bare_extension(resource_type, name)?,
                Tolerance::BareExtensionAttribute,
            ),
        };
        let note = || format!("read {} as \"{path}\"", quoted(name));
        self.fired
            .allows(self.profile, tolerance, note)
            .then_some(path)
    }

    /// `path[filter]`, and Entra's `path[filter].sub op value`, where the comparison is one more
    /// condition on the same element. `ne` stays `not eq` of the whole.
    fn element(
        &mut self,
        name: &str,
        path: Option<AttributePath>,
        filter: &Node,
        then: Option<&Node>,
    ) -> Result<Filter, Error> {
        if then.is_some()
            && !self
                .fired
                .allows(self.profile, Tolerance::ValuePathComparison, || {
                    format!(
                        "read the comparison behind {}[…] as a condition inside the brackets",
                        quoted(name)
                    )
                })
        {
            return Err(Error::invalid_filter(format!(
                "The filter compares what stands behind the brackets of {}. Write the comparison inside them, with and.",
                quoted(name)
            )));
        }
        let (negative, then) = match then {
            Some(Node::Compare { name, op, value }) => match (op, &value.form) {
                (Operator::Ne, Form::Null) => (false, Some(Node::Present(name.clone()))),
                (Operator::Eq, Form::Null) => (true, Some(Node::Present(name.clone()))),
                (Operator::Ne, _) => {
                    let (name, value) = (name.clone(), value.clone());
                    let op = Operator::Eq;
                    (true, Some(Node::Compare { name, op, value }))
                }
                _ => (false, then.cloned()),
            },
            _ => (false, then.cloned()),
        };
        let Some(path) = path else {
            return Ok(Filter::Constant(negative));
        };
        check_element(&path)?;
        let scope = Scope::Element(&path);
        let mut parts = vec![self.node(filter, &scope)?];
        if let Some(then) = &then {
            parts.push(self.node(then, &scope)?);
        }
        let filter = Box::new(Filter::and(parts));
        let element = Filter::Element { path, filter };
        Ok(if negative { element.negated() } else { element })
    }

    fn compare(
        &mut self,
        mut path: AttributePath,
        op: Operator,
        value: &Given,
    ) -> Result<Filter, Error> {
        let value = if value.form == Form::Null {
            if !matches!(op, Operator::Eq | Operator::Ne) {
                return Err(Error::invalid_filter(format!(
                    "The filter compares \"{path}\" with null by {}. Only eq and ne work with null.",
                    op.as_str()
                )));
            }
            Literal::Null
        } else {
            if path.sub.is_none() && path.attribute.kind == Type::Complex {
                path.sub = path.attribute.sub("value").cloned();
                check_readable(&path)?;
            }
            let leaf = path.leaf();
            check_operator(&path, leaf.kind, op)?;
            self.literal(&path, leaf, op, value)?
        };
        Ok(Filter::Compare { path, op, value })
    }

    fn literal(
        &mut self,
        path: &AttributePath,
        leaf: &Attribute,
        op: Operator,
        value: &Given,
    ) -> Result<Literal, Error> {
        if let Some(loose) = value.loose {
            self.forgive(path, value, loose)?;
        }
        match (leaf.kind, &value.form) {
            (Type::String | Type::Reference | Type::Binary, form) => {
                let text = match form {
                    Form::Text(text) => text,
                    _ => {
                        self.forgive(path, value, Loose::Unquoted)?;
                        &value.raw
                    }
                };
                let by_resource = matches!(op, Operator::Eq | Operator::Ne) && is_location(path);
                Ok(Literal::Text(if by_resource {
                    same_resource(text).to_owned()
                } else {
                    fold_unless_exact(text, is_case_exact(leaf)).into_owned()
                }))
            }
            (Type::Boolean, Form::Boolean(value)) => Ok(Literal::Boolean(*value)),
            (Type::Integer | Type::Decimal, Form::Number(number)) => {
                Ok(Literal::Number(number.clone()))
            }
            (kind, form) => self
                .text_literal(path, kind, form)
                .ok_or_else(|| unfit(path, kind, value)),
        }
    }

    /// Dates are text; booleans are forgiven to be.
    fn text_literal(&mut self, path: &AttributePath, kind: Type, form: &Form) -> Option<Literal> {
        let Form::Text(text) = form else {
            return None;
        };
        match kind {
            Type::DateTime => datetime::parse(text).map(Literal::Instant),
            Type::Boolean => {
                let value = boolean(text)?;
                let note = || format!("read \"{text}\" as a boolean for \"{path}\"");
                self.fired
                    .allows(self.profile, Tolerance::StringBoolean, note)
                    .then_some(Literal::Boolean(value))
            }
            _ => None,
        }
    }

    fn forgive(&mut self, path: &AttributePath, value: &Given, loose: Loose) -> Result<(), Error> {
        let what = match loose {
            Loose::Unquoted => "is not in double quotes",
            Loose::SingleQuoted => "is in single quotes",
            Loose::NoSpace => "follows its operator without a space",
        };
        let raw = quoted(&value.raw);
        if self
            .fired
            .allows(self.profile, Tolerance::LooseFilterValue, || {
                format!("the value {raw} for \"{path}\" {what}")
            })
        {
            return Ok(());
        }
        Err(Error::invalid_filter(format!(
            "The filter's value {raw} for \"{path}\" {what}. Write it like userName eq \"bjensen\"."
        )))
    }
}

fn unfit(path: &AttributePath, kind: Type, value: &Given) -> Error {
    let wanted = match kind {
        Type::Boolean => "true or false, without quotes",
        Type::DateTime => "a date with time such as \"2026-11-23T10:42:05Z\"",
        _ => "a number, without quotes",
    };
    Error::invalid_filter(format!(
        "The filter compares \"{path}\" with {}. It needs {wanted}.",
        quoted(&value.raw)
    ))
}

fn sub_attribute(parent: &AttributePath, name: &str) -> Result<AttributePath, Error> {
    let mut path = parent.clone();
    if parent.attribute.kind != Type::Complex && name.eq_ignore_ascii_case("value") {
        return Ok(path);
    }
    path.sub = parent.attribute.sub(name).cloned();
    if path.sub.is_some() {
        return Ok(path);
    }
    Err(Error::invalid_filter(format!(
        "The filter names {} in the brackets of \"{parent}\", which has no such sub-attribute. Use {}.",
        quoted(name),
        sub_names(&parent.attribute)
    )))
}

fn sub_names(attribute: &Attribute) -> String {
    if attribute.kind != Type::Complex {
        return "value".to_owned();
    }
    let names: Vec<&str> = attribute
        .sub_attributes
        .iter()
        .map(|sub| sub.name.as_str())
        .collect();
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => "another attribute".to_owned(),
    }
}

/// Brackets select among several values, or look into an object.
fn check_element(path: &AttributePath) -> Result<(), Error> {
    let attribute = &path.attribute;
    if path.sub.is_none() && (attribute.multi_valued || attribute.kind == Type::Complex) {
        return Ok(());
    }
    Err(Error::invalid_filter(format!(
        "The filter puts brackets behind \"{path}\", which is neither multi-valued nor complex. Compare it directly, without brackets."
    )))
}

/// What is never returned must not be guessed by filters either (RFC 7643 section 7).
fn check_readable(path: &AttributePath) -> Result<(), Error> {
    let hidden = |attribute: &Attribute| {
        attribute.returned == Returned::Never || attribute.mutability == Mutability::WriteOnly
    };
    if hidden(&path.attribute) || path.sub.as_deref().is_some_and(hidden) {
        return Err(Error::invalid_filter(format!(
            "\"{path}\" is never returned and cannot be used in a filter. Filter by another attribute."
        )));
    }
    Ok(())
}

/// RFC 7644 table 3: which operators a type has.
fn check_operator(path: &AttributePath, kind: Type, op: Operator) -> Result<(), Error> {
    use Operator::{Co, Eq, Ew, Ge, Gt, Le, Lt, Ne, Sw};
    let (fits, kind, others) = match kind {
        Type::Complex => {
            return Err(Error::invalid_filter(format!(
                "\"{path}\" is complex and cannot be compared as a whole. Name a sub-attribute behind a dot: {}.",
                sub_names(path.sub.as_ref().unwrap_or(&path.attribute))
            )));
        }
        Type::Boolean => (matches!(op, Eq | Ne), "boolean", "eq, ne or pr"),
        Type::Binary => (
            !matches!(op, Gt | Ge | Lt | Le),
            "binary",
            "eq, ne, co, sw, ew or pr",
        ),
        Type::Integer | Type::Decimal => (
            !matches!(op, Co | Sw | Ew),
            "a number",
            "eq, ne, gt, ge, lt, le or pr",
        ),
        Type::DateTime => (
            !matches!(op, Co | Sw | Ew),
            "a dateTime",
            "eq, ne, gt, ge, lt, le or pr",
        ),
        Type::String | Type::Reference => return Ok(()),
    };
    if fits {
        return Ok(());
    }
    Err(Error::invalid_filter(format!(
        "The operator {} does not work with \"{path}\", which is {kind}. Use {others}.",
        op.as_str()
    )))
}

fn boolean(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        return Some(true);
    }
    text.eq_ignore_ascii_case("false").then_some(false)
}

/// True for attributes that hold the address of a resource of this service.
pub(super) fn is_location(path: &AttributePath) -> bool {
    path.leaf().name == "$ref" || path.is_core("meta") && path.leaf().name == "location"
}

/// The part of a resource's address that tells it from others, `Users/2819`: host, base path and
/// version are insignificant (RFC 7644 section 3.13).
pub(super) fn same_resource(address: &str) -> &str {
    let address = address.trim_end_matches('/');
    let start = address.rmatch_indices('/').nth(1).map_or(0, |(at, _)| at);
    address[start..].trim_start_matches('/')
}
