//! The memory that the large bodies of requests may take together.

use std::{sync::Arc, time::Duration};

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
#[derive(Debug, Clone)]
pub struct BodyMemory {
    free: Arc<Semaphore>,
    units: usize,
    patience: Duration,
}

/// Memory for one body, given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Room {
    /// Bytes of the body that there is room for.
    bytes: usize,
    taken: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// What every body has.
    pub(crate) fn small() -> Self {
        Self {
            bytes: SMALL,
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
    pub(crate) async fn reserve(&self, bytes: usize) -> Option<Room> {
        if bytes <= SMALL {
            return Some(Room::small());
        }
        let taking = self.free.clone().acquire_many_owned(self.cost(bytes));
        let taken = tokio::time::timeout(self.patience, taking).await.ok()?.ok();
        taken.map(|taken| Room {
            bytes,
            taken: Some(taken),
        })
    }

    /// More room for a body whose size was not announced: twice as much each time, without waiting,
    /// since its first part is held already.
    pub(crate) fn grow(&self, room: &mut Room, bytes: usize) -> bool {
        let mut wanted = room.bytes;
        while wanted < bytes {
            wanted = wanted.saturating_mul(2);
        }
        let held = room
            .taken
            .as_ref()
            .map_or(0, OwnedSemaphorePermit::num_permits);
        let more = (self.cost(wanted) as usize).saturating_sub(held);
        let Ok(more) = self.free.clone().try_acquire_many_owned(more as u32) else {
            return false;
        };
        match &mut room.taken {
            Some(taken) => taken.merge(more),
            taken => *taken = Some(more),
        }
        room.bytes = wanted;
        true
    }

    /// The units that a body takes. One that costs more than there is takes all, and is alone.
    fn cost(&self, bytes: usize) -> u32 {
        let units = bytes.saturating_mul(FACTOR).div_ceil(UNIT).min(self.units);
        u32::try_from(units).unwrap_or(u32::MAX)
    }
}
