//! Bytes become a JSON value, bounded and unambiguous, or a 400.
//!
//! Beyond RFC 8259 this refuses what two readers could understand differently: member names
//! that repeat (also when they differ only in case, since SCIM attribute names are
//! case-insensitive, RFC 7643 section 2.1), and strings with NUL.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::{Error, Map, Value};

/// How deep a request may nest. SCIM resources need 4; custom ones never more than 6.
pub const MAX_DEPTH: usize = 32;

/// Parses one JSON document.
///
/// Errors: 400 `invalidSyntax` naming line and column.
pub fn parse(bytes: &[u8]) -> Result<Value, Error> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Node { depth: 0 }
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value))
        .map_err(|error| {
            Error::invalid_syntax(format!(
                "The request body is not usable JSON: {error}. Send one JSON object in UTF-8."
            ))
        })?;
    Ok(value)
}

/// [`parse`], and the document must be an object.
pub fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, Error> {
    match parse(bytes)? {
        Value::Object(map) => Ok(map),
        _ => Err(Error::invalid_syntax(
            "The request body must be one JSON object.",
        )),
    }
}

/// Looks a member up by name, ignoring ASCII case.
pub fn get_ignoring_case<'v>(map: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    map.get(name).or_else(|| {
        map.iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    })
}

/// True for what RFC 7643 section 2.5 calls unassigned: `null` and `[]`.
pub fn is_unassigned(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

#[derive(Clone, Copy)]
struct Node {
    depth: usize,
}

impl Node {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth >= MAX_DEPTH {
            return Err(E::custom(format_args!("nested deeper than {MAX_DEPTH}")));
        }
        Ok(Node {
            depth: self.depth + 1,
        })
    }
}

fn text<E: serde::de::Error>(value: &str) -> Result<(), E> {
    if value.as_bytes().contains(&0) {
        return Err(E::custom("a string contains NUL"));
    }
    Ok(())
}

impl<'de> DeserializeSeed<'de> for Node {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Value, E> {
        text(value)?;
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: serde::de::Error>(self, value: String) -> Result<Value, E> {
        text(&value)?;
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut map = Map::new();
        let mut names = Names::default();
        while let Some(key) = access.next_key::<String>()? {
            text(&key)?;
            if !names.insert(&map, &key) {
                return Err(serde::de::Error::custom(format_args!(
                    "the member \"{}\" is given twice",
                    key.escape_debug()
                )));
            }
            let value = access.next_value_seed(inner)?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

/// Member names seen so far, compared without ASCII case. Small objects are scanned; large
/// ones get a set, so that hostile bodies stay linear.
#[derive(Default)]
struct Names {
    set: Option<std::collections::HashSet<String>>,
}

impl Names {
    const SCANNED: usize = 24;

    fn insert(&mut self, map: &Map<String, Value>, key: &str) -> bool {
        if map.len() < Self::SCANNED {
            return !map.keys().any(|known| known.eq_ignore_ascii_case(key));
        }
        self.set
            .get_or_insert_with(|| map.keys().map(|known| known.to_ascii_lowercase()).collect())
            .insert(key.to_ascii_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_ambiguous_or_too_deep() {
        let deep = "[".repeat(10_000);
        let many = format!(
            "{{{},\"A7\":1}}",
            (0..100)
                .map(|i| format!("\"a{i}\":1"))
                .collect::<Vec<_>>()
                .join(",")
        );
        for body in [
            r#"{"a":1,"a":2}"#,
            r#"{"userName":"x","USERNAME":"y"}"#,
            r#"{"a":"\u0000"}"#,
            r#"{"a\u0000":1}"#,
            r#"{"a":"\ud800"}"#,
            r#"{"a":1} x"#,
            r#"{"a":1e999}"#,
            "",
            deep.as_str(),
            many.as_str(),
        ] {
            assert!(
                parse(body.as_bytes()).is_err(),
                "{}",
                &body[..body.len().min(40)]
            );
        }
        assert!(parse(b"{\"a\":\"\xff\"}").is_err());
        assert!(parse_object(b"[]").is_err());
    }

    #[test]
    fn keeps_order_and_numbers() {
        let value = parse(r#"{"b":9007199254740993,"a":[true,null,"é"]}"#.as_bytes()).unwrap();
        assert_eq!(
            value.to_string(),
            r#"{"b":9007199254740993,"a":[true,null,"é"]}"#
        );
    }
}
