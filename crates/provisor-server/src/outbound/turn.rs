//! Whose turn it is: a bounded number of targets is pushed at once, and whoever was long at it lets those that wait go first.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

/// The turns there are.
#[derive(Debug, Clone)]
pub struct Turns {
    free: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    long: Duration,
}

/// A turn, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    _permit: OwnedSemaphorePermit,
    waiting: Arc<AtomicUsize>,
    long: Duration,
    began: OnceLock<Instant>,
}

/// Counts while it waits, whatever ends that.
struct Waiting(Arc<AtomicUsize>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Turns {
    /// So many at once, each so long while others wait.
    #[must_use]
    pub fn new(at_once: usize, long: Duration) -> Self {
        Self {
            free: Arc::new(Semaphore::new(at_once)),
            waiting: Arc::default(),
            long,
        }
    }

    /// Waits for a turn, first come, first served; `None` if there are no more.
    pub async fn take(&self) -> Option<Turn> {
        self.waiting.fetch_add(1, Relaxed);
        let waiting = Waiting(self.waiting.clone());
        let permit = self.free.clone().acquire_owned().await.ok()?;
        drop(waiting);
        Some(Turn {
            _permit: permit,
            waiting: self.waiting.clone(),
            long: self.long,
            began: OnceLock::new(),
        })
    }

    /// How many wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.load(Relaxed)
    }
}

impl Turn {
    /// Told when one user or team is done: whether it was long enough since the first one, and others wait.
    pub(super) fn is_over(&self) -> bool {
        let began = self.began.get_or_init(Instant::now);
        self.waiting.load(Relaxed) > 0 && began.elapsed() >= self.long
    }
}
