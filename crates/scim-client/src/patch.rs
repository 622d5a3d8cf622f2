//! PATCH messages (RFC 7644 section 3.5.2).

use scim::message::PATCH_OP;
use serde_json::{Value, json};

/// Operations that are carried out in order, all or none.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Patch {
    operations: Vec<Value>,
}

impl Patch {
    /// No operation yet.
    #[must_use]
    pub fn new() -> Patch {
        Patch::default()
    }

    /// Adds a value, or values to a multi-valued attribute.
    #[must_use]
    pub fn add(self, path: &str, value: impl Into<Value>) -> Patch {
        self.operation(json!({ "op": "add", "path": path, "value": value.into() }))
    }

    /// Replaces what the path names.
    #[must_use]
    pub fn replace(self, path: &str, value: impl Into<Value>) -> Patch {
        self.operation(json!({ "op": "replace", "path": path, "value": value.into() }))
    }

    /// Replaces the attributes an object names.
    #[must_use]
    pub fn replace_all(self, attributes: Value) -> Patch {
        self.operation(json!({ "op": "replace", "value": attributes }))
    }

    /// Removes what the path names; with a filter in the path, the values it matches.
    #[must_use]
    pub fn remove(self, path: &str) -> Patch {
        self.operation(json!({ "op": "remove", "path": path }))
    }

    /// An operation as it is, for dialects.
    #[must_use]
    pub fn operation(mut self, operation: Value) -> Patch {
        self.operations.push(operation);
        self
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// The message.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({ "schemas": [PATCH_OP], "Operations": self.operations })
    }
}
