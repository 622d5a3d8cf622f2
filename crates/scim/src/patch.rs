//! PATCH, RFC 7644 section 3.5.2: read, resolve, apply.
//!
//! Everything that needs no resource is decided by [`Patch::read`]: names, types, what may never
//! change. A path-less operation becomes one operation per attribute there. [`Patch::apply`] on a
//! whole resource is the definition; for a team, [`Patch::split_members`] turns what concerns
//! `members` into [`MemberStep`]s, so that adding one member never loads the others.

mod apply;
mod elements;
mod members;
mod read;
mod target;
#[cfg(test)]
mod tests;
mod values;

use std::sync::Arc;

use crate::{
    Attribute, AttributePath, Error, Fired, Map, Profile, ResourceType, Schema, Value,
    filter::Filter, schema::Mutability,
};

pub use members::{MemberStep, apply_steps, refuse_several};

/// A PATCH request resolved against a resource type, ready to be applied any number of times.
#[derive(Debug, Clone, PartialEq)]
pub struct Patch {
    /// In order.
    pub operations: Vec<Operation>,
}

/// One change of one attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// Which operation of the request it comes from, from 1; a path-less one becomes several.
    /// `None` if the request has only one.
    pub number: Option<usize>,
    /// What is done.
    pub action: Action,
    /// To what.
    pub target: Target,
    /// With which value, already read against the schema; `None` is "unassigned" for `add` and
    /// `replace`, "all of it" for `remove`. Raw where the target is read-only.
    pub value: Option<Value>,
}

/// `op`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as in RFC 7644 section 3.5.2")]
pub enum Action {
    Add,
    Replace,
    Remove,
}

/// `path`, resolved.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// An attribute or sub-attribute. A sub-attribute of a multi-valued attribute is that of all its elements.
    Attribute(AttributePath),
    /// `attribute[filter]` or `attribute[filter].sub`.
    Elements {
        /// The multi-valued attribute, without sub-attribute.
        path: AttributePath,
        /// The condition on one element, for [`Filter::matches_element`].
        filter: Filter,
        /// The sub-attribute behind the brackets.
        sub: Option<Arc<Attribute>>,
        /// The element that the filter describes, if it is nothing but `eq` joined by `and` and
        /// the profile creates it when no element matches.
        template: Option<Map<String, Value>>,
    },
    /// A whole extension; only ever removed.
    Extension(Arc<Schema>),
}

impl Patch {
    /// Reads a PatchOp message.
    ///
    /// `max_operations` bounds the list. Errors: 400 with `invalidSyntax`, `invalidPath`,
    /// `invalidFilter`, `invalidValue`, `noTarget`, `mutability`; 413 for too many operations.
    pub fn read(
        resource_type: &ResourceType,
        body: &Map<String, Value>,
        profile: &Profile,
        max_operations: usize,
        fired: &mut Fired,
    ) -> Result<Patch, Error> {
        read::message(resource_type, body, profile, max_operations, fired)
    }

    /// Applies all operations to a resource, or none of them: on error `resource` is unchanged.
    ///
    /// Errors: 400 with `invalidValue`, `noTarget`, `mutability`.
    pub fn apply(
        &self,
        resource_type: &ResourceType,
        resource: &mut Map<String, Value>,
        profile: &Profile,
        fired: &mut Fired,
    ) -> Result<(), Error> {
        apply::all(self, resource_type, resource, profile, fired)
    }

    /// True if every operation is on this core attribute.
    pub fn names_only(&self, attribute: &str) -> bool {
        let only = self.operations.iter().all(|operation| {
            matches!(&operation.target, Target::Attribute(path) if path.is_core(attribute))
        });
        only && !self.operations.is_empty()
    }

    /// True if an operation names a read-only attribute, so that [`Patch::apply`] needs `id`, `meta` and `groups` in the resource to compare.
    pub fn names_read_only(&self) -> bool {
        self.operations
            .iter()
            .any(|operation| operation.target.is_read_only())
    }

    /// Splits a team's patch into what concerns the member rows, in order, and the rest.
    ///
    /// For every patch that [`Patch::read`] accepts, the steps and the rest together do what
    /// [`Patch::apply`] does on the whole team.
    pub fn split_members(
        self,
        resource_type: &ResourceType,
        profile: &Profile,
        _fired: &mut Fired,
    ) -> Result<(Vec<MemberStep>, Patch), Error> {
        Ok(members::split(self, resource_type, profile))
    }
}

impl Target {
    fn is_read_only(&self) -> bool {
        let read_only = |attribute: &Attribute| attribute.mutability == Mutability::ReadOnly;
        match self {
            Target::Attribute(path) => {
                read_only(&path.attribute) || path.sub.as_deref().is_some_and(read_only)
            }
            Target::Elements { path, sub, .. } => {
                read_only(&path.attribute) || sub.as_deref().is_some_and(read_only)
            }
            Target::Extension(_) => false,
        }
    }
}

/// Adds which operation of several is meant.
fn numbered(error: Error, number: Option<usize>) -> Error {
    match number {
        Some(number) => Error::new(error.kind, format!("Operation {number}: {}", error.detail)),
        None => error,
    }
}
