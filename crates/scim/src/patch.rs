//! PATCH, RFC 7644 section 3.5.2: read, resolve, apply.

use crate::{Error, Fired, Map, Profile, ResourceType, Value, filter::Filter};

/// A PATCH request resolved against a resource type, ready to be applied any number of times.
#[derive(Debug, Clone, PartialEq)]
pub struct Patch {
    /// In order.
    pub operations: Vec<Operation>,
}

/// One operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {}

/// One step of a team's membership change: what the store applies to member rows instead of a list.
#[derive(Debug, Clone, PartialEq)]
pub enum MemberStep {
    /// These become members.
    Add(Vec<String>),
    /// These are members no more; who is none is no error.
    Remove(Vec<String>),
    /// Nobody is a member any more.
    Clear,
    /// Exactly these are members.
    Replace(Vec<String>),
    /// Whoever matches is a member no more. The filter is on one element (`value`, `type`, `display`, `$ref`).
    RemoveMatching(Filter),
}

impl Patch {
    /// Reads a PatchOp message.
    ///
    /// `max_operations` bounds the list. Errors: 400 with `invalidSyntax`, `invalidPath`,
    /// `invalidFilter`, `invalidValue`, `noTarget`, `mutability`; 413 for too many operations.
    pub fn read(
        _resource_type: &ResourceType,
        _body: &Map<String, Value>,
        _profile: &Profile,
        _max_operations: usize,
        _fired: &mut Fired,
    ) -> Result<Patch, Error> {
        unimplemented!()
    }

    /// Applies all operations to a resource, or none of them: on error `resource` is unchanged.
    pub fn apply(
        &self,
        _resource_type: &ResourceType,
        _resource: &mut Map<String, Value>,
        _profile: &Profile,
        _fired: &mut Fired,
    ) -> Result<(), Error> {
        unimplemented!()
    }

    /// True if an operation names a read-only attribute, so that [`Patch::apply`] needs `id`, `meta` and `groups` in the resource to compare.
    pub fn names_read_only(&self) -> bool {
        unimplemented!()
    }

    /// Splits a team's patch into what concerns the member rows, in order, and the rest.
    pub fn split_members(
        self,
        _resource_type: &ResourceType,
        _profile: &Profile,
        _fired: &mut Fired,
    ) -> Result<(Vec<MemberStep>, Patch), Error> {
        unimplemented!()
    }
}
