//! What the target turned out to do, and not to do, in this run.

use std::{
    collections::HashSet,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
};

use provisor_store::target::Kind;

use super::{Remote, Resource};
use crate::outbound::{mapping::field, settings::Writes, team, trouble::Trouble};

/// What is known of the target's abilities; it is believed until it shows otherwise.
pub(super) struct Learned {
    /// Whether users, and teams, are changed by PATCH.
    pub(super) patches: [AtomicBool; 2],
    /// A PATCH of one was carried out: what is answered to another one says nothing of PATCH itself.
    pub(super) patched: [AtomicBool; 2],
    /// Attributes that neither PATCH nor PUT made the target keep in this run.
    pub(super) unkept: Mutex<HashSet<String>>,
    /// So many members the target showed of one team, at most: one as large that shows none has none.
    pub(super) shown: AtomicUsize,
    /// Members are removed by `value`, not by a filter in the path.
    pub(super) removes_by_value: AtomicBool,
    /// It was looked whether a removal of members is done.
    pub(super) removals_seen: AtomicBool,
    /// Lists are asked with filters.
    pub(super) filters: AtomicBool,
}

impl Learned {
    pub(super) fn new(writes: Writes) -> Learned {
        Learned {
            patches: [(); 2].map(|()| AtomicBool::new(writes != Writes::Put)),
            patched: Default::default(),
            unkept: Mutex::default(),
            shown: AtomicUsize::new(0),
            removes_by_value: AtomicBool::new(false),
            removals_seen: AtomicBool::new(false),
            filters: AtomicBool::new(true),
        }
    }
}

impl Remote {
    /// Whether lists are asked with filters.
    pub(in crate::outbound) fn filters(&self) -> bool {
        self.learned.filters.load(Relaxed)
    }

    /// Whether resources of a kind are changed by PATCH.
    pub(in crate::outbound) fn patches(&self, kind: Kind) -> bool {
        self.learned.patches[of(kind)].load(Relaxed)
    }

    /// Whether a PATCH of a kind was carried out in this run.
    pub(in crate::outbound) fn patched(&self, kind: Kind) -> bool {
        self.learned.patched[of(kind)].load(Relaxed)
    }

    /// Whether whole resources may be sent.
    pub(in crate::outbound) fn may_put(&self) -> bool {
        self.settings.writes != Writes::Patch
    }

    /// Whether it is known of all these attributes that the target does not keep them.
    pub(in crate::outbound) fn is_unkept(&self, names: &[String]) -> bool {
        let unkept = self
            .learned
            .unkept
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        names.iter().all(|name| unkept.contains(name))
    }

    /// Neither PATCH nor PUT made the target keep these attributes.
    pub(in crate::outbound) fn does_not_keep(&self, names: &[String]) {
        let mut unkept = self
            .learned
            .unkept
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        unkept.extend(names.iter().cloned());
    }

    /// The members that the target shows of a team of which so many are known; `None` where it does not show them. Who
    /// has none may go without the attribute (RFC 7643 section 2.5), which says something only where the target shows
    /// those of a team as large.
    pub(in crate::outbound) fn members(
        &self,
        held: &Resource,
        known: usize,
    ) -> Option<HashSet<String>> {
        if field(held, "members").is_none() {
            let shows = known > 0 && known <= self.learned.shown.load(Relaxed);
            return shows.then(HashSet::new);
        }
        let ids = team::ids(held);
        self.learned.shown.fetch_max(ids.len(), Relaxed);
        Some(ids)
    }

    pub(in crate::outbound) fn removes_by_value(&self) -> bool {
        self.learned.removes_by_value.load(Relaxed)
    }

    /// Whether it was looked in this run whether a removal of members is done.
    pub(in crate::outbound) fn removals_seen(&self) -> bool {
        self.learned.removals_seen.load(Relaxed)
    }

    /// A removal of members was done, or the target does not show.
    pub(in crate::outbound) fn see_removals(&self) {
        self.learned.removals_seen.store(true, Relaxed);
    }

    /// The target turned out to remove members by `value` alone.
    pub(in crate::outbound) fn remove_by_value(&self) {
        self.learned.removes_by_value.store(true, Relaxed);
    }

    /// A PATCH was refused that should be possible; 404 though the resource is there, 405 or 501: the target has no PATCH
    /// of this kind at all, unless it carried one out. Some refuse single attributes so. The caller may PUT, unless the
    /// settings want PATCH alone.
    pub(in crate::outbound) fn lacks_patch(
        &self,
        kind: Kind,
        refusal: Trouble,
    ) -> Result<(), Trouble> {
        if !self.may_put() {
            return Err(refusal);
        }
        if matches!(refusal.status(), Some(404 | 405 | 501)) && !self.patched(kind) {
            self.learned.patches[of(kind)].store(false, Relaxed);
        }
        Ok(())
    }
}

/// Where something is kept of a kind.
pub(super) fn of(kind: Kind) -> usize {
    usize::from(kind == Kind::Team)
}
