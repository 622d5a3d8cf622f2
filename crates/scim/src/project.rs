//! What goes back to the client: `returned`, `attributes`, `excludedAttributes` (RFC 7644 section 3.9).

use crate::{Error, Map, ResourceType, Value};

/// Which attributes an answer carries.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Projection {}

impl Projection {
    /// Reads the two parameters; unknown names are ignored. Both at once: 400 `invalidValue`.
    pub fn read(
        _resource_type: &ResourceType,
        _attributes: &[String],
        _excluded: &[String],
    ) -> Result<Projection, Error> {
        unimplemented!()
    }

    /// True if neither parameter was given: the stored document can be answered unparsed.
    pub fn is_default(&self) -> bool {
        unimplemented!()
    }

    /// True if the answer carries this core attribute (`groups`, `members`, `meta`), whole or in part.
    pub fn includes(&self, _attribute: &str) -> bool {
        unimplemented!()
    }

    /// Removes from a whole resource what the answer does not carry.
    /// `just_written` keeps `returned: request` attributes that the client sent (RFC 7643 section 7).
    pub fn apply(
        &self,
        _resource_type: &ResourceType,
        _resource: &mut Map<String, Value>,
        _just_written: bool,
    ) {
        unimplemented!()
    }
}

/// Splits stored attributes into the default projection and the rest (`returned: request` and
/// `never`), so that the store can keep the first as bytes that need no parsing.
pub fn split_default(
    _resource_type: &ResourceType,
    _attributes: Map<String, Value>,
) -> (Map<String, Value>, Option<Map<String, Value>>) {
    unimplemented!()
}

/// Puts the two halves together again.
pub fn join(_default: Map<String, Value>, _rest: Option<Map<String, Value>>) -> Map<String, Value> {
    unimplemented!()
}
