//! A resource as a client sends it becomes a resource as it is stored, or a 400.

use crate::{Error, Fired, Map, Profile, ResourceType, Value};

/// A resource read from POST or PUT: canonical names, checked types, no read-only attributes,
/// no unassigned ones, `schemas` first and exact. A team's members are apart.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Incoming {
    /// The attributes.
    pub attributes: Map<String, Value>,
    /// A team's members by id, each once, in order; `None` if the key was left out.
    pub members: Option<Vec<String>>,
}

/// Reads a resource from a POST or PUT body.
pub fn read(
    _resource_type: &ResourceType,
    _body: Map<String, Value>,
    _profile: &Profile,
    _fired: &mut Fired,
) -> Result<Incoming, Error> {
    unimplemented!()
}

/// Adds what the service provider decides for a new resource: `active` is true unless given
/// (RFC 7644 section 3.3 allows defaults).
pub fn complete_new(_resource_type: &ResourceType, _attributes: &mut Map<String, Value>) {
    unimplemented!()
}

/// What a PUT makes of the stored attributes: omitted ones are cleared, except `active` (kept in
/// every profile; noted), and immutable ones may not change (400 `mutability`). A team's omitted
/// `members` are the store's matter (tolerance `keep_omitted`).
pub fn replace(
    _resource_type: &ResourceType,
    _stored: &Map<String, Value>,
    _incoming: Map<String, Value>,
    _profile: &Profile,
    _fired: &mut Fired,
) -> Result<Map<String, Value>, Error> {
    unimplemented!()
}

/// Checks a whole resource after a PATCH: required attributes, one primary, `schemas` exact.
pub fn check(
    _resource_type: &ResourceType,
    _attributes: &mut Map<String, Value>,
) -> Result<(), Error> {
    unimplemented!()
}

/// The user's primary e-mail: the element marked primary, else the first of type work, else the first.
pub fn primary_email(_attributes: &Map<String, Value>) -> Option<&str> {
    unimplemented!()
}

/// Names of the top-level attributes (URN for a whole extension's attribute: `urn:…:User:department`) whose values differ.
pub fn changed(_before: &Map<String, Value>, _after: &Map<String, Value>) -> Vec<String> {
    unimplemented!()
}
