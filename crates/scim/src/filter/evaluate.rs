//! A resolved filter against one resource.

use std::cmp::Ordering;

use serde_json::Number;

use super::{
    Filter, Literal, Operator, is_case_exact,
    resolve::{is_location, same_resource},
};
use crate::{AttributePath, Map, Value, datetime, fold::fold, json::get_ignoring_case};

/// What paths are looked up in.
#[derive(Clone, Copy)]
pub(super) enum Scope<'v> {
    Resource(&'v Map<String, Value>),
    /// One element of a multi-valued attribute.
    Element(&'v Value),
}

pub(super) fn matches(filter: &Filter, scope: Scope<'_>) -> bool {
    match filter {
        Filter::And(parts) => parts.iter().all(|part| matches(part, scope)),
        Filter::Or(parts) => parts.iter().any(|part| matches(part, scope)),
        Filter::Not(inner) => !matches(inner, scope),
        Filter::Constant(value) => *value,
        Filter::Present(path) => any(path, scope, is_present),
        Filter::Element { path, filter } => match scope {
            Scope::Resource(resource) => path.lookup(resource).is_some_and(|value| {
                elements(value)
                    .iter()
                    .any(|element| matches(filter, Scope::Element(element)))
            }),
            Scope::Element(_) => false,
        },
        Filter::Compare { path, op, value } => match (op, value) {
            (Operator::Ne, Literal::Null) => any(path, scope, is_present),
            (_, Literal::Null) => !any(path, scope, is_present),
            (Operator::Ne, value) => !any(path, scope, |v| holds(path, Operator::Eq, value, v)),
            (op, value) => any(path, scope, |v| holds(path, *op, value, v)),
        },
    }
}

/// True if one of the values at the path passes the test.
fn any(path: &AttributePath, scope: Scope<'_>, test: impl Fn(&Value) -> bool) -> bool {
    let of_element = |element: &Value| match &path.sub {
        None => test(element),
        Some(sub) => element
            .as_object()
            .and_then(|object| get_ignoring_case(object, &sub.name))
            .is_some_and(|value| elements(value).iter().any(&test)),
    };
    match scope {
        Scope::Resource(resource) => path
            .lookup(resource)
            .is_some_and(|value| elements(value).iter().any(of_element)),
        Scope::Element(element) => of_element(element),
    }
}

/// The values of a multi-valued attribute, or the one of a singular.
fn elements(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        other => std::slice::from_ref(other),
    }
}

/// `pr`: a value that is not empty, in a complex one a member that is not.
fn is_present(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => items.iter().any(is_present),
        Value::Object(members) => members.values().any(is_present),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

fn holds(path: &AttributePath, op: Operator, literal: &Literal, value: &Value) -> bool {
    match (literal, value) {
        (Literal::Text(literal), Value::String(text)) => text_holds(path, op, literal, text),
        (Literal::Boolean(literal), Value::Bool(value)) => literal == value,
        (Literal::Number(literal), Value::Number(value)) => {
            order_holds(op, compare_numbers(value, literal))
        }
        (Literal::Instant(literal), Value::String(text)) => {
            datetime::parse(text).is_some_and(|value| order_holds(op, value.cmp(literal)))
        }
        _ => false,
    }
}

fn text_holds(path: &AttributePath, op: Operator, literal: &str, text: &str) -> bool {
    if op == Operator::Eq && is_location(path) {
        return same_resource(text) == literal;
    }
    let exact = is_case_exact(path.leaf());
    if op == Operator::Eq && text.is_ascii() {
        return if exact {
            text == literal
        } else {
            text.eq_ignore_ascii_case(literal)
        };
    }
    let folded;
    let text = if exact {
        text
    } else {
        folded = fold(text);
        &folded
    };
    match op {
        Operator::Co => text.contains(literal),
        Operator::Sw => text.starts_with(literal),
        Operator::Ew => text.ends_with(literal),
        op => order_holds(op, text.cmp(literal)),
    }
}

fn order_holds(op: Operator, order: Ordering) -> bool {
    match op {
        Operator::Eq => order.is_eq(),
        Operator::Ne => order.is_ne(),
        Operator::Gt => order.is_gt(),
        Operator::Ge => order.is_ge(),
        Operator::Lt => order.is_lt(),
        Operator::Le => order.is_le(),
        Operator::Co | Operator::Sw | Operator::Ew => false,
    }
}

/// Compares exactly, also integers that a float cannot hold.
pub(crate) fn compare_numbers(a: &Number, b: &Number) -> Ordering {
    let float = |number: &Number| number.as_f64().unwrap_or_default();
    match (integer(a), integer(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        (Some(a), None) => compare_with_float(a, float(b)),
        (None, Some(b)) => compare_with_float(b, float(a)).reverse(),
        (None, None) => compare_floats(float(a), float(b)),
    }
}

fn integer(number: &Number) -> Option<i128> {
    let unsigned = number.as_u64().map(i128::from);
    number.as_i64().map(i128::from).or(unsigned)
}

fn compare_with_float(integer: i128, float: f64) -> Ordering {
    // Casts saturate, and what saturates lies beyond every 64-bit integer.
    match integer.cmp(&(float.trunc() as i128)) {
        Ordering::Equal => compare_floats(0.0, float.fract()),
        order => order,
    }
}

/// JSON numbers are finite, so there is always an order; 0 and -0 are equal.
fn compare_floats(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or(Ordering::Equal)
}
