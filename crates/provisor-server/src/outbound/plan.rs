//! What is to be done so that the target holds what it should: pure comparisons.

use std::collections::HashSet;

use scim::{Map, Value};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::mapping::field;

/// Why a user or team should not be (active) in the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// It is not in the source any more.
    Deleted,
    /// The user is inactive in the source.
    Inactive,
    /// The target's scope does not cover it.
    OutOfScope,
}

impl Absence {
    /// In words, for the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Absence::Deleted => "not in the source any more",
            Absence::Inactive => "inactive in the source",
            Absence::OutOfScope => "outside the target's scope",
        }
    }
}

/// What the target should hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Desired {
    /// This resource.
    Present(Map<String, Value>),
    /// Nothing, or an inactive user.
    Absent(Absence),
}

impl Desired {
    /// A hash, to see whether it differs from what was sent.
    pub fn hash(&self) -> Vec<u8> {
        match self {
            Desired::Present(wanted) => hash(wanted),
            Desired::Absent(_) => Sha256::digest(b"absent").to_vec(),
        }
    }
}

/// A hash of what the target should hold.
pub fn hash(wanted: &Map<String, Value>) -> Vec<u8> {
    let text = serde_json::to_vec(wanted).expect("names and values of JSON can be written");
    Sha256::digest(text).to_vec()
}

/// What stands before the name of an attribute that was sent and not kept.
const UNKEPT: char = '!';

/// Names of its attributes, with commas between; those that the target did not keep are marked, and those that it did not
/// let go of are among them.
pub fn names(wanted: &Map<String, Value>, unkept: &[String]) -> String {
    let names = wanted.keys().filter(|name| *name != "schemas");
    let kept = names.filter(|name| !unkept.contains(name)).cloned();
    let unkept = unkept.iter().map(|name| format!("{UNKEPT}{name}"));
    kept.chain(unkept).collect::<Vec<_>>().join(",")
}

/// The names as [`names`] wrote them, and whether each is marked.
fn marked(names: &str) -> impl Iterator<Item = (&str, bool)> {
    let names = names.split(',').filter(|name| !name.is_empty());
    names.map(|name| match name.strip_prefix(UNKEPT) {
        Some(name) => (name, true),
        None => (name, false),
    })
}

/// Whether the target did not keep an attribute. That somebody is let in is asked for each time.
pub fn was_unkept(names: &str, name: &str) -> bool {
    name != "active" && marked(names).any(|marked| marked == (name, true))
}

/// What differs between what the target should hold of a resource and what it does.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Difference {
    /// Attributes to be set, with their values.
    pub set: Map<String, Value>,
    /// Attributes to be removed: sent earlier, not wanted any more.
    pub clear: Vec<String>,
}

impl Difference {
    /// Compares. `earlier` names what was sent before, so that what others set in the target is left alone.
    pub fn between(wanted: &Map<String, Value>, held: &Map<String, Value>, earlier: &str) -> Self {
        let mut difference = Difference::default();
        for (name, value) in wanted {
            if name == "schemas" {
                continue;
            }
            if !field(held, name).is_some_and(|held| covers(value, held)) {
                difference.set.insert(name.clone(), value.clone());
            }
        }
        for (name, _) in marked(earlier) {
            if !wanted.contains_key(name) && field(held, name).is_some_and(|held| !is_empty(held)) {
                difference.clear.push(name.to_owned());
            }
        }
        difference
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.clear.is_empty()
    }

    /// Names of the attributes that differ.
    pub fn names(&self) -> Vec<&str> {
        let set = self.set.keys().map(String::as_str);
        set.chain(self.clear.iter().map(String::as_str)).collect()
    }

    /// The attributes that the target holds otherwise after it carried the change out. An answer that does not show the
    /// resource, by its name, says nothing.
    pub fn unkept(&self, held: &Map<String, Value>) -> Vec<String> {
        let shows = |name: &&str| field(held, name).is_some();
        if !["userName", "displayName"].iter().any(shows) {
            return Vec::new();
        }
        let set = self.set.iter().filter(|(name, value)| {
            // Nobody is shown a password.
            !name.eq_ignore_ascii_case("password")
                && !field(held, name).is_some_and(|held| covers(value, held))
        });
        let kept = |name: &&String| field(held, name).is_some_and(|held| !is_empty(held));
        let cleared = self.clear.iter().filter(kept);
        set.map(|(name, _)| name).chain(cleared).cloned().collect()
    }

    /// The operations of a PATCH.
    pub fn operations(&self) -> Vec<Value> {
        let mut operations = Vec::new();
        for (name, value) in &self.set {
            match value {
                // The attributes of an extension are set one by one: not every server takes a URN as a path.
                Value::Object(fields) if name.contains(':') => {
                    for (field, value) in fields {
                        let path = format!("{name}:{field}");
                        operations.push(json!({ "op": "replace", "path": path, "value": value }));
                    }
                }
                value => operations.push(json!({ "op": "replace", "path": name, "value": value })),
            }
        }
        for name in &self.clear {
            operations.push(json!({ "op": "remove", "path": name }));
        }
        operations
    }

    /// The resource as it should be, for a PUT: what the target holds, with the difference put in.
    pub fn merged(&self, held: &Map<String, Value>) -> Map<String, Value> {
        let mut merged = held.clone();
        for name in ["meta", "groups"] {
            merged.retain(|known, _| !known.eq_ignore_ascii_case(name));
        }
        put_in(&mut merged, &self.set);
        for name in &self.clear {
            merged.retain(|known, _| !known.eq_ignore_ascii_case(name));
        }
        merged
    }
}

/// Sets values; of an object, those of its fields, so that what others set beside them stays.
fn put_in(held: &mut Map<String, Value>, set: &Map<String, Value>) {
    for (name, value) in set {
        let known = held.keys().find(|known| known.eq_ignore_ascii_case(name));
        let name = known.unwrap_or(name).clone();
        match (held.get_mut(&name), value) {
            // What else is held of a reference is of the one it was to.
            (Some(Value::Object(held)), Value::Object(set)) if !set.contains_key("value") => {
                put_in(held, set);
            }
            _ => drop(held.insert(name, value.clone())),
        }
    }
}

/// Whether a user the target holds is active, however it writes that; `None` where it does not say.
pub fn is_active(held: &Map<String, Value>) -> Option<bool> {
    truth(field(held, "active")?)
}

/// A boolean as servers write it: as such, as a text at times, or as a number; `None` where it is none.
fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::Number(number) => Some(number.as_f64() != Some(0.0)),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// Whether what is held says all that is wanted. A server may add what it derives (`$ref`, `display`, `formatted`), and
/// write booleans otherwise.
fn covers(wanted: &Value, held: &Value) -> bool {
    match (wanted, held) {
        (Value::Object(wanted), Value::Object(held)) => wanted
            .iter()
            .all(|(name, value)| field(held, name).is_some_and(|held| covers(value, held))),
        (Value::Array(wanted), Value::Array(held)) => {
            wanted.len() == held.len()
                && wanted
                    .iter()
                    .all(|value| held.iter().any(|held| covers(value, held)))
        }
        (Value::Bool(wanted), held) => truth(held) == Some(*wanted),
        (wanted, held) => wanted == held,
    }
}

/// Empty and absent mean the same (RFC 7643 section 2.5).
fn is_empty(held: &Value) -> bool {
    match held {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(elements) => elements.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Members to add and to remove, each in an order that does not change.
pub fn members(wanted: &HashSet<String>, known: &HashSet<String>) -> (Vec<String>, Vec<String>) {
    let sorted = |a: &HashSet<String>, b: &HashSet<String>| {
        let mut difference: Vec<String> = a.difference(b).cloned().collect();
        difference.sort_unstable();
        difference
    };
    (sorted(wanted, known), sorted(known, wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn what_a_server_adds_is_no_difference() {
        let wanted = map(
            json!({ "userName": "lena", "active": true, "emails": [{ "value": "l@x.io", "type": "work" }] }),
        );
        let held = map(json!({
            "id": "7", "username": "lena", "active": "True", "title": "theirs",
            "emails": [{ "value": "l@x.io", "type": "work", "primary": false, "display": "l@x.io" }],
        }));
        assert!(Difference::between(&wanted, &held, "").is_empty());
    }

    #[test]
    fn only_what_was_sent_before_is_cleared() {
        let wanted = map(json!({ "userName": "lena", "nickName": "L" }));
        let held = map(
            json!({ "userName": "Lena", "title": "CEO", "locale": "de", "meta": {}, "groups": [] }),
        );
        let difference = Difference::between(&wanted, &held, "userName,title,externalId");
        assert_eq!(difference.names(), ["userName", "nickName", "title"]);
        assert_eq!(
            Value::from(difference.operations()),
            json!([
                { "op": "replace", "path": "userName", "value": "lena" },
                { "op": "replace", "path": "nickName", "value": "L" },
                { "op": "remove", "path": "title" },
            ])
        );
        let merged = Value::Object(difference.merged(&held));
        assert_eq!(
            merged,
            json!({ "locale": "de", "userName": "lena", "nickName": "L" })
        );
    }

    #[test]
    fn what_others_set_beside_a_field_stays() {
        let held = map(json!({ "Name": { "familyName": "Ruiz", "middleName": "M" } }));
        let wanted = map(json!({ "name": { "familyName": "Cruz" } }));
        let merged = Difference::between(&wanted, &held, "").merged(&held);
        let expected = json!({ "Name": { "familyName": "Cruz", "middleName": "M" } });
        assert_eq!(Value::Object(merged), expected);
    }

    #[test]
    fn a_new_manager_comes_without_what_is_of_the_former() {
        let held = json!({ "urn:x": { "manager": { "value": "1", "$ref": "/Users/1" }, "division": "D" } });
        let wanted = map(json!({ "urn:x": { "manager": { "value": "2" } } }));
        let held = map(held);
        let merged = Difference::between(&wanted, &held, "").merged(&held);
        let expected = json!({ "urn:x": { "manager": { "value": "2" }, "division": "D" } });
        assert_eq!(Value::Object(merged), expected);
    }

    #[test]
    fn a_boolean_in_any_writing_is_no_difference() {
        let wanted = map(json!({ "active": true }));
        for held in [json!(true), json!("True"), json!(1)] {
            let held = map(json!({ "active": held }));
            assert!(Difference::between(&wanted, &held, "").is_empty());
        }
    }

    #[test]
    fn what_a_target_does_not_let_go_of_is_removed_with_the_next_change() {
        let wanted = map(json!({ "userName": "lena", "locale": "de" }));
        let names = names(&wanted, &["locale".to_owned(), "title".to_owned()]);
        assert_eq!(names, "userName,!locale,!title");
        assert!(was_unkept(&names, "title"));
        let held = map(json!({ "userName": "lena", "title": "CEO", "locale": "de" }));
        let difference = Difference::between(&wanted, &held, &names);
        assert_eq!(difference.names(), ["title"]);
    }

    #[test]
    fn a_value_less_is_a_difference() {
        let wanted = map(json!({ "emails": [{ "value": "a" }] }));
        let held = map(json!({ "emails": [{ "value": "a" }, { "value": "b" }] }));
        assert_eq!(Difference::between(&wanted, &held, "").names(), ["emails"]);
    }

    #[test]
    fn members_are_compared_as_sets() {
        let set = |ids: &[&str]| {
            ids.iter()
                .map(|id| (*id).to_owned())
                .collect::<HashSet<_>>()
        };
        let (add, remove) = members(&set(&["c", "a", "b"]), &set(&["b", "d"]));
        assert_eq!(
            (add, remove),
            (vec!["a".to_owned(), "c".to_owned()], vec!["d".to_owned()])
        );
    }
}
