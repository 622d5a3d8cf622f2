//! What the target turned out to do, and not to do, in this run.

use std::{
    collections::HashSet,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
};

use provisor_store::target::Kind;
use scim_client::ServiceProviderConfig;

use super::{Remote, Resource, answer::member_ids};
use crate::outbound::{settings::Writes, trouble::Trouble};

/// What is known of the target's abilities; it is believed until it shows otherwise.
pub(super) struct Learned {
    /// Whether users, and teams, are changed by PATCH.
    patches: [AtomicBool; 2],
    /// A PATCH of one was carried out: what is answered to another one says nothing of PATCH itself.
    patched: [AtomicBool; 2],
    /// Attributes that neither PATCH nor PUT made the target keep in this run.
    unkept: Mutex<HashSet<(Kind, String)>>,
    /// What a change is answered with showed as much as a GET.
    answers_whole: AtomicBool,
    /// So many members the target showed of one team, at most: one as large that shows none has none.
    shown: AtomicUsize,
    /// Members are removed by `value`, not by a filter in the path.
    removes_by_value: AtomicBool,
    /// A removal of members was looked at, and done.
    removes: AtomicBool,
    /// One was answered with success, and not done.
    keeps_removed: AtomicBool,
    /// Lists are asked with filters.
    filters: AtomicBool,
}

impl Learned {
    pub(super) fn new(writes: Writes) -> Learned {
        Learned {
            patches: [(); 2].map(|()| AtomicBool::new(writes != Writes::Put)),
            patched: Default::default(),
            unkept: Mutex::default(),
            answers_whole: AtomicBool::new(false),
            shown: AtomicUsize::new(0),
            removes_by_value: AtomicBool::new(false),
            removes: AtomicBool::new(false),
            keeps_removed: AtomicBool::new(false),
            filters: AtomicBool::new(true),
        }
    }

    /// What the target says of itself.
    pub(super) fn announced(&self, config: &ServiceProviderConfig, writes: Writes) {
        if writes == Writes::Auto {
            for patches in &self.patches {
                patches.store(config.patch(), Relaxed);
            }
        }
        self.filters.store(config.filter(), Relaxed);
    }

    /// A PATCH of a kind was carried out.
    pub(super) fn has_patched(&self, kind: Kind) {
        self.patched[place_of(kind)].store(true, Relaxed);
    }

    /// The target refuses filters, or ignores them.
    pub(super) fn has_no_filters(&self) {
        self.filters.store(false, Relaxed);
    }

    fn unkept(&self) -> MutexGuard<'_, HashSet<(Kind, String)>> {
        self.unkept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Remote {
    /// Whether lists are asked with filters.
    pub(in crate::outbound) fn filters(&self) -> bool {
        self.learned.filters.load(Relaxed)
    }

    /// Whether resources of a kind are changed by PATCH.
    pub(in crate::outbound) fn patches(&self, kind: Kind) -> bool {
        self.learned.patches[place_of(kind)].load(Relaxed)
    }

    /// Whether a PATCH of a kind was carried out in this run.
    pub(in crate::outbound) fn patched(&self, kind: Kind) -> bool {
        self.learned.patched[place_of(kind)].load(Relaxed)
    }

    /// Whether whole resources may be sent.
    pub(in crate::outbound) fn may_put(&self) -> bool {
        self.settings.writes != Writes::Patch
    }

    /// Whether it is known of all these attributes that the target does not keep them.
    pub(in crate::outbound) fn is_known_not_to_keep(&self, kind: Kind, names: &[String]) -> bool {
        let unkept = self.learned.unkept();
        names
            .iter()
            .all(|name| unkept.contains(&(kind, name.clone())))
    }

    /// Neither PATCH nor PUT made the target keep these attributes. Whether one is let in is tried each time.
    pub(in crate::outbound) fn does_not_keep(&self, kind: Kind, names: &[String]) {
        let names = names.iter().filter(|name| *name != "active");
        let names = names.map(|name| (kind, name.clone()));
        self.learned.unkept().extend(names);
    }

    /// Whether the answer to a change is known to show as much as a GET.
    pub(in crate::outbound) fn answers_whole(&self) -> bool {
        self.learned.answers_whole.load(Relaxed)
    }

    /// The answer to a change showed as much as a GET.
    pub(in crate::outbound) fn answered_whole(&self) {
        self.learned.answers_whole.store(true, Relaxed);
    }

    /// Whether the target is known to show the members of a team of which so many are known: it showed those of one as
    /// large.
    pub(in crate::outbound) fn shows_members(&self, known: usize) -> bool {
        known > 0 && known <= self.learned.shown.load(Relaxed)
    }

    /// The members that the target shows of a team of which so many are known; `None` where it does not show them. Who
    /// has none may go without the attribute (RFC 7643 section 2.5), which says something only where the target is known
    /// to show them.
    pub(in crate::outbound) fn members(
        &self,
        held: &Resource,
        known: usize,
    ) -> Option<HashSet<String>> {
        let Some(ids) = member_ids(held) else {
            return self.shows_members(known).then(HashSet::new);
        };
        self.learned.shown.fetch_max(ids.len(), Relaxed);
        Some(ids)
    }

    pub(in crate::outbound) fn removes_by_value(&self) -> bool {
        self.learned.removes_by_value.load(Relaxed)
    }

    /// Whether a removal of members is believed: one was looked at, and done, and none was found undone.
    pub(in crate::outbound) fn trusts_removals(&self) -> bool {
        self.learned.removes.load(Relaxed) && !self.keeps_removed()
    }

    /// Whether a removal of members was answered with success, and not done.
    pub(in crate::outbound) fn keeps_removed(&self) -> bool {
        self.learned.keeps_removed.load(Relaxed)
    }

    /// A removal of members by PATCH was looked at.
    pub(in crate::outbound) fn looked_at_removal(&self, is_done: bool) {
        let learned = match is_done {
            true => &self.learned.removes,
            false => &self.learned.keeps_removed,
        };
        learned.store(true, Relaxed);
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
            self.learned.patches[place_of(kind)].store(false, Relaxed);
        }
        Ok(())
    }
}

/// Where something is kept of a kind.
pub(super) fn place_of(kind: Kind) -> usize {
    usize::from(kind == Kind::Team)
}
