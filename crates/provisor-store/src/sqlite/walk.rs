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
use scim::sort::Key;

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

/// The last resource of a page, as its list orders it; it may be gone by now.
#[derive(Debug, Clone)]
pub(super) struct Boundary {
    pub(super) id: Id,
    pub(super) key: Option<Key>,
}

/// The boundaries of all walks.
pub(super) struct Boundaries(Mutex<LruCache<Step, (Boundary, i64)>>);

impl Default for Boundaries {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(MOST)))
    }
}

impl Boundaries {
    /// The end of the page before this step. It is kept, since a client may ask again.
    pub(super) fn get(&self, step: &Step, now: i64) -> Option<Boundary> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (end, at) = known.get(step)?;
        (now - at < LIFETIME).then(|| end.clone())
    }

    /// Remembers where a page ended.
    pub(super) fn note(&self, step: Step, end: Boundary, now: i64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.put(step, (end, now));
    }
}
