//! How many per second and key are recorded in full, in bounded memory.

use std::sync::{Mutex, PoisonError};

const SHARDS: usize = 64;
const SLOTS: usize = 32;

/// Counts per key and second for at most 2,048 keys at a time; more are refused in that second.
#[derive(Debug)]
pub(super) struct Rate {
    per_second: u32,
    shards: Box<[Mutex<[Slot; SLOTS]>]>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    key: u128,
    second: i64,
    count: u32,
}

impl Slot {
    const FREE: Slot = Slot {
        key: 0,
        second: i64::MIN,
        count: 0,
    };

    /// True if the slot speaks of that second. A request that began a little earlier than others
    /// counts with them; a clock that was set back starts anew.
    fn covers(&self, second: i64) -> bool {
        (second..=second.saturating_add(5)).contains(&self.second)
    }
}

impl Rate {
    pub(super) fn new(per_second: u32) -> Self {
        Self {
            per_second,
            shards: (0..SHARDS)
                .map(|_| Mutex::new([Slot::FREE; SLOTS]))
                .collect(),
        }
    }

    /// True if the key has had fewer than its number in this second.
    pub(super) fn admit(&self, key: u128, now_ms: i64) -> bool {
        let second = now_ms.div_euclid(1000);
        // Fibonacci hashing: keys are small numbers or addresses, and the table is bounded anyway.
        let mixed = ((key >> 64) as u64 ^ key as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let shard = (mixed >> 58) as usize % SHARDS;
        let mut slots = self.shards[shard]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let mut free = None;
        for slot in slots.iter_mut() {
            if slot.covers(second) {
                if slot.key == key {
                    slot.count = slot.count.saturating_add(1);
                    return slot.count <= self.per_second;
                }
            } else if free.is_none() || slot.key == key {
                free = Some(slot);
            }
        }
        let Some(slot) = free else { return false };
        *slot = Slot {
            key,
            second,
            count: 1,
        };
        self.per_second > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_number_in_each_second() {
        let rate = Rate::new(3);
        let admitted = |key, now| (0..10).filter(|_| rate.admit(key, now)).count();
        assert_eq!(admitted(1, 5_000), 3);
        assert_eq!(admitted(2, 5_999), 3);
        assert_eq!(admitted(1, 5_999), 0);
        assert_eq!(admitted(1, 6_000), 3);
        assert_eq!(
            admitted(1, 5_999),
            0,
            "late requests do not open a second again"
        );
    }

    #[test]
    fn a_clock_set_back_does_not_block_for_long() {
        let rate = Rate::new(1);
        assert!(rate.admit(1, 1_000_000));
        assert!(rate.admit(1, 10_000));
    }

    #[test]
    fn nothing_is_admitted_at_rate_zero() {
        let rate = Rate::new(0);
        assert!(!rate.admit(1, 1));
        assert!(!rate.admit(1, 1_001));
    }

    #[test]
    fn more_keys_than_room_are_refused_not_remembered() {
        let rate = Rate::new(1);
        let admitted = (0..100_000u128).filter(|key| rate.admit(*key, 1)).count();
        assert!((SLOTS..=SHARDS * SLOTS).contains(&admitted), "{admitted}");
        assert!(rate.admit(7, 1_001), "the next second is free again");
    }
}
