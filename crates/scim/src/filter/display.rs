//! A resolved filter in canonical notation: equal filters, equal text.

use std::fmt::{self, Display, Formatter};

use super::{Filter, Literal};
use crate::{AttributePath, Value};

impl Display for Filter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write(self, false, f)
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Literal::Null => f.write_str("null"),
            Literal::Boolean(value) => write!(f, "{value}"),
            Literal::Number(value) => write!(f, "{value}"),
            Literal::Text(text) => write!(f, "{}", Value::from(text.as_str())),
            Literal::Instant(instant) => write!(f, "\"{instant}\""),
        }
    }
}

/// `inside`: the filter stands in brackets, where paths are bare sub-attributes.
fn write(filter: &Filter, inside: bool, f: &mut Formatter<'_>) -> fmt::Result {
    match filter {
        Filter::And(parts) => write_joined(parts, " and ", inside, f),
        Filter::Or(parts) => write_joined(parts, " or ", inside, f),
        Filter::Not(inner) => {
            f.write_str("not (")?;
            write(inner, inside, f)?;
            f.write_str(")")
        }
        Filter::Compare { path, op, value } => {
            write_path(path, inside, f)?;
            write!(f, " {} {value}", op.as_str())
        }
        Filter::Present(path) => {
            write_path(path, inside, f)?;
            f.write_str(" pr")
        }
        Filter::Element { path, filter } => {
            write!(f, "{path}[")?;
            write(filter, true, f)?;
            f.write_str("]")
        }
        Filter::Constant(value) => write!(f, "{value}"),
    }
}

fn write_joined(parts: &[Filter], joint: &str, inside: bool, f: &mut Formatter<'_>) -> fmt::Result {
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            f.write_str(joint)?;
        }
        let grouped = matches!(part, Filter::And(_) | Filter::Or(_));
        f.write_str(if grouped { "(" } else { "" })?;
        write(part, inside, f)?;
        f.write_str(if grouped { ")" } else { "" })?;
    }
    Ok(())
}

fn write_path(path: &AttributePath, inside: bool, f: &mut Formatter<'_>) -> fmt::Result {
    match &path.sub {
        Some(sub) if inside => f.write_str(&sub.name),
        None if inside => f.write_str("value"),
        _ => write!(f, "{path}"),
    }
}
