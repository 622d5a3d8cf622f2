//! What a matching document must contain, for a search over stored bytes.

use super::{Filter, Literal, Operator, is_case_exact};
use crate::AttributePath;

/// Core attributes that are not part of the stored document.
const NOT_STORED: [&str; 5] = ["id", "meta", "groups", "members", "schemas"];
/// Looking for more texts than this costs more than it saves.
const MOST: usize = 4;

pub(super) fn required_texts(filter: &Filter) -> Option<Vec<String>> {
    match filter {
        Filter::And(parts) => parts
            .iter()
            .filter_map(required_texts)
            .max_by_key(|texts| texts.iter().map(String::len).min()),
        Filter::Or(parts) => {
            let mut all: Vec<String> = Vec::new();
            for part in parts {
                for text in required_texts(part)? {
                    if !all.contains(&text) {
                        all.push(text);
                    }
                }
            }
            (all.len() <= MOST).then_some(all)
        }
        Filter::Element { filter, .. } => required_texts(filter),
        Filter::Compare {
            path,
            op,
            value: Literal::Text(text),
        } => of_comparison(path, *op, text).map(|text| vec![text]),
        Filter::Compare {
            path,
            op: Operator::Eq,
            value: Literal::Boolean(value),
        } if is_stored(path) => Some(vec![value.to_string()]),
        _ => None,
    }
}

fn is_stored(path: &AttributePath) -> bool {
    path.extension.is_some() || !NOT_STORED.contains(&path.attribute.name.as_str())
}

fn of_comparison(path: &AttributePath, op: Operator, text: &str) -> Option<String> {
    if !is_stored(path) {
        return None;
    }
    // A JSON writer leaves these bytes as they are.
    let plain = |b: u8| (b' '..=b'~').contains(&b) && !matches!(b, b'"' | b'\\' | b'/');
    if !text.bytes().all(plain) {
        return None;
    }
    let text = match op {
        Operator::Eq | Operator::Ew => text,
        // Where the value goes on unfolded, a combining mark may merge with the last character.
        Operator::Co | Operator::Sw if is_case_exact(path.leaf()) => {
            &text[..text.len().saturating_sub(1)]
        }
        Operator::Co | Operator::Sw => text,
        _ => return None,
    };
    (!text.is_empty()).then(|| text.to_ascii_lowercase())
}
