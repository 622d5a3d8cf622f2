//! How far a run is, and what it came to.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use provisor_store::{TargetId, TenantId};
use serde::Deserialize;

type Under = HashMap<(TenantId, TargetId), Arc<Progress>>;

/// The runs of this process that are under way, for whoever watches them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Runs(Arc<Mutex<Under>>);

impl Runs {
    /// A run begins; it is told of until the guard goes.
    pub(super) fn begin(&self, place: (TenantId, TargetId), progress: Arc<Progress>) -> Running {
        self.lock().insert(place, progress);
        Running(self.clone(), place)
    }

    /// How far the run of a target is; `None` while none is under way here.
    pub(crate) fn of(&self, place: (TenantId, TargetId)) -> Option<Pushed> {
        Some(self.lock().get(&place)?.now())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Under> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A run that is under way.
#[derive(Debug)]
pub(super) struct Running(Runs, (TenantId, TargetId));

impl Drop for Running {
    fn drop(&mut self) {
        self.0.lock().remove(&self.1);
    }
}

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// How far a run is, while it runs.
        #[derive(Debug, Default)]
        pub struct Progress { $($(#[$doc])* pub $name: AtomicU64),* }

        /// What a run came to.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
        #[serde(default)]
        pub struct Pushed { $($(#[$doc])* pub $name: u64),* }

        impl Progress {
            /// As it is now.
            pub fn now(&self) -> Pushed {
                Pushed { $($name: self.$name.load(Relaxed)),* }
            }
        }

        impl Pushed {
            /// Every count with its name.
            pub fn fields(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name)),*]
            }
        }
    };
}

counts! {
    /// Users and teams that were looked at.
    looked_at,
    /// Of so many.
    to_look_at,
    /// Users and teams created in the target.
    created,
    /// Found in the target and linked.
    linked,
    /// Changed in the target.
    updated,
    /// Users made inactive.
    deactivated,
    /// Users and teams deleted in the target.
    deleted,
    /// Memberships added.
    members_added,
    /// Memberships removed.
    members_removed,
    /// Differences that a comparison found in the target.
    drifted,
    /// What the target refused; it is tried again later.
    failed,
    /// Teams that wait for members.
    waiting,
    /// Requests sent.
    requests,
}

impl Pushed {
    /// What is worth telling, with its name: not how much was looked at and asked for it.
    pub fn news(&self) -> Vec<(&'static str, u64)> {
        let quiet = ["looked_at", "to_look_at", "requests"];
        let mut fields = self.fields();
        fields.retain(|(name, count)| *count > 0 && !quiet.contains(name));
        fields
    }
}
