//! Page boundaries: where the last page ended, so that the next one starts there by key.
//!
//! A walk with `startIndex` 1, 101, 201, … continues by key and stays complete while rows are
//! deleted under it. A boundary is used only for the page right after it; a miss is computed by
//! offset.

use std::{
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
};

use lru::LruCache;

use crate::{Id, TenantId, TokenId};

/// How long a boundary is good for, in milliseconds.
const LIFETIME: i64 = 10 * 60 * 1000;
/// How many are remembered.
const MOST: NonZeroUsize = NonZeroUsize::new(10_000).expect("not zero");

/// Whose walk, over what, and which page comes next.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Step {
    pub(super) tenant: TenantId,
    pub(super) token: TokenId,
    pub(super) fingerprint: String,
    pub(super) start: u64,
}

/// The boundaries of all walks.
pub(super) struct Boundaries(Mutex<LruCache<Step, (Id, i64)>>);

impl Default for Boundaries {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(MOST)))
    }
}

impl Boundaries {
    /// The last resource of the page before this step.
    pub(super) fn take(&self, step: &Step, now: i64) -> Option<Id> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Kept, since a client may ask for the same page again.
        let (id, at) = *known.get(step)?;
        (now - at < LIFETIME).then_some(id)
    }

    /// Remembers where a page ended.
    pub(super) fn note(&self, step: Step, last: Id, now: i64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.put(step, (last, now));
    }
}
