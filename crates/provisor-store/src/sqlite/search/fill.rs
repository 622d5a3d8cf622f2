//! A page as it fills: resources with what their answers carry, until it has enough of them or of
//! bytes.

use std::sync::Arc;

use scim::ResourceType;

use super::Query;
use crate::{
    StoreError, Stored,
    sqlite::{
        get::{self, Derived},
        rows::Resource,
    },
};

/// See the module.
pub(super) struct Fill<'q> {
    query: &'q Query<'q>,
    /// Bytes that may still come.
    room: usize,
    pub(super) resources: Vec<Stored>,
}

impl<'q> Fill<'q> {
    pub(super) fn new(query: &'q Query<'q>) -> Self {
        Self {
            query,
            room: query.settings.search_memory,
            resources: Vec::new(),
        }
    }

    /// True once the page has the resources that were asked for.
    pub(super) fn is_full(&self) -> bool {
        self.resources.len() >= self.query.search.count
    }

    /// Adds the next resource; false if it is too large for this page. The first is always taken,
    /// so that a walk goes on (a page may be shorter than `count`, RFC 7644 section 3.4.2.4).
    pub(super) fn add(
        &mut self,
        kind: &Arc<ResourceType>,
        row: Resource,
    ) -> Result<bool, StoreError> {
        let query = self.query;
        let derived = Derived {
            teams: query.search.teams,
            members: query.search.members,
        };
        let room = match self.resources.is_empty() {
            true => usize::MAX,
            false => self.room,
        };
        let stored = get::stored_within(query.connection, query.tenant, kind, row, derived, room)?;
        let Some((stored, size)) = stored else {
            return Ok(false);
        };
        self.room = self.room.saturating_sub(size);
        self.resources.push(stored);
        Ok(true)
    }
}
