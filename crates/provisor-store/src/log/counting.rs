//! Where counted requests wait for the writer: buffers of fixed size, nearly one per thread.

use std::{
    cell::Cell,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
};

use super::{
    SLOT_MS,
    took::{Span, Steps},
};

/// Kinds of counted requests between two flushes, per buffer.
const KINDS: usize = 1024;
/// Connections whose durations are counted between two flushes, per buffer.
const SPANS: usize = 256;
/// How far from its place a key may stand.
const PROBES: usize = 8;
/// Names between two flushes, per buffer.
const NAMES: usize = 16_384;

/// A kind of counted request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    pub(super) tenant: i64,
    pub(super) second: i64,
    pub(super) connection: i64,
    pub(super) operation: u8,
    pub(super) status: u16,
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
    /// How long they took, as far as there was room.
    pub(super) took: Vec<(Span, Steps)>,
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
    kinds: Table<Kind, u64>,
    /// Apart from the kinds: one kind of request takes many times, and would fill many places.
    took: Table<Span, Steps>,
    names: Vec<Sighting>,
    lost_requests: Option<Lost>,
    lost_names: Option<Lost>,
}

/// A map of fixed size by open addressing, so that nothing is allocated while requests wait.
#[derive(Debug)]
struct Table<K, V> {
    places: Box<[Option<(K, V)>]>,
    used: usize,
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
            kinds: Table::new(KINDS),
            took: Table::new(SPANS),
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

    /// Counts one request with its hashed names. `step`: how long it took, see [`super::took`].
    pub(super) fn add(
        &self,
        kind: Kind,
        step: u8,
        at: i64,
        hashes: impl Iterator<Item = i64>,
    ) -> Wake {
        let mine = MINE.with(Cell::get) % self.buffers.len();
        let mut half = false;
        {
            let mut buffer = self.buffers[mine]
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            half |= buffer.count(kind, step, at);
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
            buffer.kinds.drain(&mut drained.kinds);
            buffer.took.drain(&mut drained.took);
            Lost::merge(&mut drained.lost_requests, buffer.lost_requests.take());
            Lost::merge(&mut drained.lost_names, buffer.lost_names.take());
        }
        drained.names.append(&mut drained.spare);
    }
}

impl Buffer {
    /// True when the buffer becomes half full.
    fn count(&mut self, kind: Kind, step: u8, at: i64) -> bool {
        let used = (self.kinds.used, self.took.used);
        let span = Span {
            slot: kind.second.saturating_mul(1000).div_euclid(SLOT_MS),
            tenant: kind.tenant,
            connection: kind.connection,
        };
        let who = (kind.tenant as u64)
            .wrapping_mul(31)
            .wrapping_add(kind.connection as u64)
            .wrapping_mul(31);
        // A duration without room is not told; the request itself is still counted, so no gap is.
        if let Some(steps) = self.took.at(who.wrapping_add(span.slot as u64), span) {
            steps.add(step);
        }
        let mixed = who
            .wrapping_add(kind.second as u64)
            .wrapping_mul(31)
            .wrapping_add(u64::from(kind.operation) << 16 | u64::from(kind.status));
        let Some(count) = self.kinds.at(mixed, kind) else {
            Lost::add(&mut self.lost_requests, at, at, 1);
            return true;
        };
        *count += 1;
        (used.0 < self.kinds.used && self.kinds.used == KINDS / 2)
            || (used.1 < self.took.used && self.took.used == SPANS / 2)
    }
}

impl<K: Copy + PartialEq, V: Clone + Default> Table<K, V> {
    fn new(places: usize) -> Self {
        Self {
            places: vec![None; places].into(),
            used: 0,
        }
    }

    /// What stands under a key, or a new place for it; `None`: there is no room near its own.
    fn at(&mut self, mixed: u64, key: K) -> Option<&mut V> {
        let start = (mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize;
        let all = self.places.len();
        let index = (start..start + PROBES)
            .map(|index| index % all)
            .find(|index| {
                let place = &self.places[*index];
                place.as_ref().is_none_or(|(there, _)| *there == key)
            })?;
        let place = &mut self.places[index];
        self.used += usize::from(place.is_none());
        Some(&mut place.get_or_insert_with(|| (key, V::default())).1)
    }

    /// Moves everything to the end of `into`.
    fn drain(&mut self, into: &mut Vec<(K, V)>) {
        if self.used > 0 {
            self.used = 0;
            into.extend(self.places.iter_mut().filter_map(Option::take));
        }
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
        }
    }

    #[test]
    fn counts_are_summed_and_taken_once() {
        let counting = Counting::new();
        assert_eq!(
            counting.add(kind(7), 20, 7000, [1, 2].into_iter()),
            Wake::Soon
        );
        assert_eq!(counting.add(kind(7), 20, 7001, [1].into_iter()), Wake::No);
        let mut drained = Drained::default();
        counting.drain(&mut drained);
        assert_eq!(drained.kinds, [(kind(7), 2)]);
        assert_eq!(drained.names.len(), 3);
        assert_eq!(counting.add(kind(7), 20, 7002, [].into_iter()), Wake::Soon);
    }

    #[test]
    fn many_durations_lose_no_request() {
        let counting = Counting::new();
        for i in 0..60_000 {
            let kind = Kind {
                connection: i64::from(i % 300),
                ..kind(7)
            };
            counting.add(kind, (i / 300 % 60) as u8, 7000, [].into_iter());
        }
        let mut drained = Drained::default();
        counting.drain(&mut drained);
        assert_eq!(drained.lost_requests, None, "no gap is told");
        assert_eq!(
            drained.kinds.iter().map(|(_, count)| count).sum::<u64>(),
            60_000
        );
        let took = drained.took.len();
        assert!(
            (SPANS / 2..=SPANS).contains(&took),
            "{took} of 300 connections"
        );
        let of_one = drained.took[0].1.told().map(|(_, count)| count);
        assert_eq!(of_one.sum::<u64>(), 200, "a connection is told whole");
    }

    #[test]
    fn a_full_buffer_counts_what_it_loses() {
        let counting = Counting::new();
        let wakes: Vec<_> = (0..NAMES as i64 + 10)
            .map(|i| counting.add(kind(7), 20, i, [i].into_iter()))
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
            counting.add(kind(second), 20, second * 1000, [].into_iter());
        }
        let mut drained = Drained::default();
        counting.drain(&mut drained);
        let lost = drained.lost_requests.map_or(0, |lost| lost.count);
        assert_eq!(drained.kinds.len() as u64 + lost, 10_000);
        assert!(lost > 0);
    }
}
