//! Where counted requests wait for the writer: buffers of fixed size, nearly one per thread.

use std::{
    cell::Cell,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
};

/// Kinds of counted requests between two flushes, per buffer.
const KINDS: usize = 1024;
/// How far from its place a kind may stand.
const PROBES: usize = 8;
/// Names between two flushes, per buffer.
const NAMES: usize = 16_384;

/// A kind of counted request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Kind {
    pub(super) tenant: i64,
    pub(super) second: i64,
    pub(super) connection: i64,
    pub(super) operation: u8,
    pub(super) status: u16,
    /// How long it took, as a step of [`super::took`].
    pub(super) step: u8,
}

/// A name in a counted request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sighting {
    pub(super) tenant: i64,
    pub(super) hash: i64,
    pub(super) at: i64,
}

/// What found no room, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lost {
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) count: u64,
}

impl Lost {
    pub(super) fn add(lost: &mut Option<Lost>, from: i64, to: i64, count: u64) {
        let sum = lost.get_or_insert(Lost { from, to, count: 0 });
        sum.from = sum.from.min(from);
        sum.to = sum.to.max(to);
        sum.count += count;
    }

    pub(super) fn merge(lost: &mut Option<Lost>, more: Option<Lost>) {
        if let Some(more) = more {
            Self::add(lost, more.from, more.to, more.count);
        }
    }
}

/// What the writer takes away.
#[derive(Debug, Default)]
pub(super) struct Drained {
    pub(super) kinds: Vec<(Kind, u64)>,
    pub(super) names: Vec<Sighting>,
    pub(super) lost_requests: Option<Lost>,
    pub(super) lost_names: Option<Lost>,
    /// Changes places with a buffer's names, so that nobody waits for a copy.
    spare: Vec<Sighting>,
}

/// When the writer is to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wake {
    /// It knows already.
    No,
    /// Soon: there is something.
    Soon,
    /// Now: a buffer is half full.
    Now,
}

#[derive(Debug)]
pub(super) struct Counting {
    buffers: Box<[Mutex<Buffer>]>,
    /// The writer knows that something waits.
    waiting: AtomicBool,
}

#[derive(Debug)]
struct Buffer {
    /// Open addressing; a count of 0 is a free place.
    kinds: Box<[(Kind, u64)]>,
    used: usize,
    names: Vec<Sighting>,
    lost_requests: Option<Lost>,
    lost_names: Option<Lost>,
}

/// Buffers are handed out to threads in turn.
static NEXT: AtomicUsize = AtomicUsize::new(0);
thread_local! {
    static MINE: Cell<usize> = Cell::new(NEXT.fetch_add(1, Relaxed));
}

impl Counting {
    pub(super) fn new() -> Self {
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        let buffer = || Buffer {
            kinds: vec![(Kind::default(), 0); KINDS].into(),
            used: 0,
            names: Vec::with_capacity(NAMES),
            lost_requests: None,
            lost_names: None,
        };
        Self {
            buffers: (0..threads.clamp(1, 16))
                .map(|_| Mutex::new(buffer()))
                .collect(),
            waiting: AtomicBool::new(false),
        }
    }

    /// Counts one request with its hashed names.
    pub(super) fn add(&self, kind: Kind, at: i64, hashes: impl Iterator<Item = i64>) -> Wake {
        let mine = MINE.with(Cell::get) % self.buffers.len();
        let mut half = false;
        {
            let mut buffer = self.buffers[mine]
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            half |= buffer.count(kind, at);
            for hash in hashes {
                if buffer.names.len() == NAMES {
                    Lost::add(&mut buffer.lost_names, at, at, 1);
                    continue;
                }
                buffer.names.push(Sighting {
                    tenant: kind.tenant,
                    hash,
                    at,
                });
                half |= buffer.names.len() == NAMES / 2;
            }
        }
        if half {
            Wake::Now
        } else if !self.waiting.load(Relaxed) && !self.waiting.swap(true, Relaxed) {
            Wake::Soon
        } else {
            Wake::No
        }
    }

    /// Takes everything. Names go to the end of `drained.names`.
    pub(super) fn drain(&self, drained: &mut Drained) {
        self.waiting.store(false, Relaxed);
        for buffer in &self.buffers {
            drained.names.append(&mut drained.spare);
            drained.spare.reserve(NAMES);
            let mut buffer = buffer.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::swap(&mut buffer.names, &mut drained.spare);
            if buffer.used > 0 {
                buffer.used = 0;
                for place in &mut buffer.kinds {
                    if place.1 > 0 {
                        drained.kinds.push(*place);
                        place.1 = 0;
                    }
                }
            }
            Lost::merge(&mut drained.lost_requests, buffer.lost_requests.take());
            Lost::merge(&mut drained.lost_names, buffer.lost_names.take());
        }
        drained.names.append(&mut drained.spare);
    }
}

impl Buffer {
    /// True when the buffer becomes half full.
    fn count(&mut self, kind: Kind, at: i64) -> bool {
        let mixed = (kind.tenant as u64)
            .wrapping_mul(31)
            .wrapping_add(kind.connection as u64)
            .wrapping_mul(31)
            .wrapping_add(kind.second as u64)
            .wrapping_mul(31)
            .wrapping_add(
                u64::from(kind.step) << 24
                    | u64::from(kind.operation) << 16
                    | u64::from(kind.status),
            )
            .wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let start = (mixed >> 32) as usize;
        for probe in 0..PROBES {
            let place = &mut self.kinds[(start + probe) % KINDS];
            if place.1 == 0 {
                *place = (kind, 1);
                self.used += 1;
                return self.used == KINDS / 2;
            }
            if place.0 == kind {
                place.1 += 1;
                return false;
            }
        }
        Lost::add(&mut self.lost_requests, at, at, 1);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(second: i64) -> Kind {
        Kind {
            tenant: 1,
            second,
            connection: 2,
            operation: 3,
            status: 200,
            step: 20,
        }
    }

    #[test]
    fn counts_are_summed_and_taken_once() {
        let counting = Counting::new();
        assert_eq!(counting.add(kind(7), 7000, [1, 2].into_iter()), Wake::Soon);
        assert_eq!(counting.add(kind(7), 7001, [1].into_iter()), Wake::No);
        let mut drained = Drained::default();
        counting.drain(&mut drained);
        assert_eq!(drained.kinds, [(kind(7), 2)]);
        assert_eq!(drained.names.len(), 3);
        assert_eq!(counting.add(kind(7), 7002, [].into_iter()), Wake::Soon);
    }

    #[test]
    fn a_full_buffer_counts_what_it_loses() {
        let counting = Counting::new();
        let wakes: Vec<_> = (0..NAMES as i64 + 10)
            .map(|i| counting.add(kind(7), i, [i].into_iter()))
            .filter(|wake| *wake == Wake::Now)
            .collect();
        assert_eq!(wakes.len(), 1, "half full is said once");
        let mut drained = Drained::default();
        counting.drain(&mut drained);
        assert_eq!(drained.names.len(), NAMES);
        let from = NAMES as i64;
        assert_eq!(
            drained.lost_names,
            Some(Lost {
                from,
                to: from + 9,
                count: 10
            })
        );
    }

    #[test]
    fn more_kinds_than_room_are_lost_and_said() {
        let counting = Counting::new();
        for second in 0..10_000 {
            counting.add(kind(second), second * 1000, [].into_iter());
        }
        let mut drained = Drained::default();
        counting.drain(&mut drained);
        let lost = drained.lost_requests.map_or(0, |lost| lost.count);
        assert_eq!(drained.kinds.len() as u64 + lost, 10_000);
        assert!(lost > 0);
    }
}
