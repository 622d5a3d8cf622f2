//! `sortBy` and `sortOrder`, RFC 7644 section 3.4.2.3.

use std::cmp::Ordering;

use crate::{AttributePath, Error, Fired, Map, Profile, ResourceType, Value};

/// A resolved sort order.
#[derive(Debug, Clone, PartialEq)]
pub struct Sort {
    /// What to sort by.
    pub path: AttributePath,
    /// True for `descending`.
    pub descending: bool,
}

/// What one resource is sorted by; ordered ascending, absent last (RFC 7644 section 3.4.2.3).
#[derive(Debug, Clone, PartialEq)]
pub struct Key {}

impl Sort {
    /// Reads the two parameters.
    pub fn read(
        _resource_type: &ResourceType,
        _by: &str,
        _order: Option<&str>,
        _profile: &Profile,
        _fired: &mut Fired,
    ) -> Result<Sort, Error> {
        unimplemented!()
    }

    /// The key of one resource: the primary value of a multi-valued attribute, else the first.
    pub fn key(&self, _resource: &Map<String, Value>) -> Key {
        unimplemented!()
    }

    /// Compares two keys in this order; the caller breaks ties by id.
    pub fn compare(&self, _a: &Key, _b: &Key) -> Ordering {
        unimplemented!()
    }
}
