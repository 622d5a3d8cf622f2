//! Operations of PATCH as checks send them: each function gives the list of one.

use serde::Serialize;
use serde_json::{Value, json};

use super::probe::Made;

pub(super) fn add(path: impl Serialize, value: impl Serialize) -> Value {
    json!([{"op": "add", "path": path, "value": value}])
}

pub(super) fn replace(path: impl Serialize, value: impl Serialize) -> Value {
    json!([{"op": "replace", "path": path, "value": value}])
}

pub(super) fn remove(path: impl Serialize) -> Value {
    json!([{"op": "remove", "path": path}])
}

/// These as values of `members`.
pub(super) fn members(made: &[&Made]) -> Value {
    made.iter().map(|made| json!({"value": made.id})).collect()
}

/// The path of one member.
pub(super) fn member(made: &Made) -> String {
    format!("members[value eq \"{}\"]", made.id)
}
