//! The memory that the large bodies of requests may take together.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use provisor_store::TenantId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Settings;

/// Bodies up to this size are not counted: nearly all requests, which so pay one comparison.
pub(crate) const SMALL: usize = 64 << 10;
/// What a byte of a body is taken to cost in memory until its request ends, itself and parsed.
/// Measured with a counting allocator: 7 for 200,000 members with `$ref`, 11 for members that are a
/// `value` alone, 11 for a Bulk job of users and 17 for the moment it is taken apart. JSON that is
/// made to be costly, a list of `{"a":1}`, has 56: who may write can get five times the budget.
const FACTOR: usize = 12;
/// Memory is counted in these, so that the counts fit.
const UNIT: usize = 1 << 10;
/// When a client that found no room should come again, in seconds.
pub(crate) const RETRY_AFTER: i64 = 10;

/// A budget that large bodies take from while they are read and worked on. Cheap to clone.
///
/// One tenant has at most half of it, and waits for its own part first: so nobody who announces
/// large bodies and sends them slowly, or not at all, shuts the other tenants out.
#[derive(Debug, Clone)]
pub struct BodyMemory {
    free: Arc<Semaphore>,
    units: usize,
    patience: Duration,
    parts: Arc<Mutex<HashMap<TenantId, Weak<Semaphore>>>>,
}

/// Memory for one body, given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Room {
    /// Bytes of the body that there is room for.
    bytes: usize,
    /// Of the tenant's part.
    own: Option<OwnedSemaphorePermit>,
    /// Of the whole.
    taken: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// What every body has.
    pub(crate) fn small() -> Self {
        Self {
            bytes: SMALL,
            own: None,
            taken: None,
        }
    }

    pub(crate) fn holds(&self, bytes: usize) -> bool {
        bytes <= self.bytes
    }
}

impl BodyMemory {
    /// The budget that the settings name.
    pub fn new(settings: &Settings) -> Self {
        let units = (settings.body_memory / UNIT).clamp(1, u32::MAX as usize);
        Self {
            free: Arc::new(Semaphore::new(units)),
            units,
            patience: settings.body_timeout,
            parts: Arc::default(),
        }
    }

    /// Bytes that are taken now.
    pub(crate) fn taken(&self) -> u64 {
        let taken = self.units.saturating_sub(self.free.available_permits());
        (taken * UNIT) as u64
    }

    /// Room for a body of this size, all at once and before any of it is read: who waits holds
    /// nothing, so that those who wait cannot block each other. First come, first served.
    /// `None`: there was none in the time that a body may take.
    pub(crate) async fn reserve(&self, tenant: TenantId, bytes: usize) -> Option<Room> {
        if bytes <= SMALL {
            return Some(Room::small());
        }
        let cost = self.cost(bytes);
        let taking = async {
            let own = self.part(tenant).acquire_many_owned(cost).await.ok()?;
            let taken = self.free.clone().acquire_many_owned(cost).await.ok()?;
            Some(Room {
                bytes,
                own: Some(own),
                taken: Some(taken),
            })
        };
        tokio::time::timeout(self.patience, taking).await.ok()?
    }

    /// A tenant's part; it is forgotten when none of it is taken.
    fn part(&self, tenant: TenantId) -> Arc<Semaphore> {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(part) = parts.get(&tenant).and_then(Weak::upgrade) {
            return part;
        }
        parts.retain(|_, part| part.strong_count() > 0);
        let part = Arc::new(Semaphore::new(self.half()));
        parts.insert(tenant, Arc::downgrade(&part));
        part
    }

    fn half(&self) -> usize {
        self.units.div_ceil(2)
    }

    /// More room for a body whose size was not announced: twice as much each time, without waiting,
    /// since its first part is held already.
    pub(crate) fn grow(&self, tenant: TenantId, room: &mut Room, bytes: usize) -> bool {
        let mut wanted = room.bytes;
        while wanted < bytes {
            wanted = wanted.saturating_mul(2);
        }
        let held = room
            .taken
            .as_ref()
            .map_or(0, OwnedSemaphorePermit::num_permits);
        let more = (self.cost(wanted) as usize).saturating_sub(held);
        let (Ok(own), Ok(more)) = (
            self.part(tenant).try_acquire_many_owned(more as u32),
            self.free.clone().try_acquire_many_owned(more as u32),
        ) else {
            return false;
        };
        for (held, more) in [(&mut room.own, own), (&mut room.taken, more)] {
            match held {
                Some(held) => held.merge(more),
                None => *held = Some(more),
            }
        }
        room.bytes = wanted;
        true
    }

    /// The units that a body takes. One that costs more than its tenant's part takes all of that,
    /// and is the tenant's only one.
    fn cost(&self, bytes: usize) -> u32 {
        let units = bytes.saturating_mul(FACTOR).div_ceil(UNIT).min(self.half());
        u32::try_from(units).unwrap_or(u32::MAX)
    }
}
