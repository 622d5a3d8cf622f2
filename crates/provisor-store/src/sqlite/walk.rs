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
/// How many bytes of queries and sort keys: what 10,000 walks usually have, since a client
/// chooses how long its filters and values are.
const MOST_BYTES: usize = 16 * 1024 * 1024;

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
pub(super) struct Boundaries(Mutex<Known>);

struct Known {
    ends: LruCache<Step, (Boundary, i64)>,
    bytes: usize,
}

impl Default for Boundaries {
    fn default() -> Self {
        Self(Mutex::new(Known {
            ends: LruCache::new(MOST),
            bytes: 0,
        }))
    }
}

impl Boundaries {
    /// The end of the page before this step. It is kept, since a client may ask again.
    pub(super) fn get(&self, step: &Step, now: i64) -> Option<Boundary> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (end, at) = known.ends.get(step)?;
        (now - at < LIFETIME).then(|| end.clone())
    }

    /// Remembers where a page ended.
    pub(super) fn note(&self, step: Step, end: Boundary, now: i64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.bytes += size(&step, &end);
        if let Some((step, (end, _))) = known.ends.push(step, (end, now)) {
            known.bytes -= size(&step, &end);
        }
        while known.bytes > MOST_BYTES
            && let Some((step, (end, _))) = known.ends.pop_lru()
        {
            known.bytes -= size(&step, &end);
        }
    }
}

fn size(step: &Step, end: &Boundary) -> usize {
    step.fingerprint.len() + end.key.as_ref().map_or(0, Key::heap_size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_the_oldest_goes_first() {
        let boundaries = Boundaries::default();
        let step = |start| Step {
            tenant: TenantId(1),
            token: TokenId(1),
            fingerprint: "f".repeat(MOST_BYTES / 4),
            start,
        };
        let end = Boundary {
            id: Id([1; 16]),
            key: None,
        };
        for start in [1, 2, 3, 4, 4, 4, 1, 5] {
            boundaries.note(step(start), end.clone(), 0);
        }
        let known = [1, 2, 3, 4, 5].map(|start| boundaries.get(&step(start), 0).is_some());
        assert_eq!(known, [true, false, true, true, true]);
        assert!(boundaries.get(&step(5), LIFETIME).is_none());
    }
}
