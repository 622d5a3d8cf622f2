//! How fast the target may be asked: its rate, the pauses it asks for, and those it needs while it cannot be reached.

use std::{sync::PoisonError, time::Duration};

use tokio::time::{Instant, sleep_until};

use super::{Remote, Stopped, Trouble};

/// The longest wait between two tries to connect.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// When the next request may go.
pub(super) struct Gate {
    next: Instant,
    answered: Instant,
    failures: u32,
}

impl Gate {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            next: now,
            answered: now,
            failures: 0,
        }
    }
}

impl Remote {
    fn gate(&self) -> std::sync::MutexGuard<'_, Gate> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a request may go.
    pub(super) async fn turn(&self) -> Result<(), Trouble> {
        loop {
            if let Some(stopped) = self.stopped() {
                return Err(stopped.clone().into());
            }
            let wait = {
                let mut gate = self.gate();
                let now = Instant::now();
                if gate.next <= now {
                    if self.settings.rate > 0 {
                        gate.next = now + Duration::from_secs(1) / self.settings.rate;
                    }
                    None
                } else if self.settings.rate > 0 && gate.failures == 0 {
                    // The next place in the row.
                    let mine = gate.next;
                    gate.next += Duration::from_secs(1) / self.settings.rate;
                    Some((mine, true))
                } else {
                    Some((gate.next, false))
                }
            };
            match wait {
                None => return Ok(()),
                Some((until, mine)) => {
                    sleep_until(until).await;
                    if mine {
                        return Ok(());
                    }
                }
            }
        }
    }

    pub(super) fn answered(&self) {
        let mut gate = self.gate();
        gate.answered = Instant::now();
        gate.failures = 0;
    }

    /// Whether nothing was answered for so long that it is not about one request.
    pub(super) fn is_silent(&self) -> bool {
        let longest = Duration::from_secs(2 * self.settings.timeout).max(self.patience);
        self.gate().answered.elapsed() > longest
    }

    /// Nobody asks for a while.
    pub(super) fn hold(&self, wait: Duration) {
        let mut gate = self.gate();
        gate.next = gate.next.max(Instant::now() + wait);
    }

    /// No connection: everybody waits, longer each time, until patience ends.
    pub(super) fn pause(&self, reason: String) -> Result<(), Trouble> {
        let mut gate = self.gate();
        let now = Instant::now();
        if now.duration_since(gate.answered) > self.patience {
            drop(gate);
            let stopped = Stopped::Unreachable(reason);
            self.stop(stopped.clone());
            return Err(stopped.into());
        }
        // Those that failed together count once.
        if gate.next <= now {
            let wait = Duration::from_millis(100) * 2_u32.pow(gate.failures.min(6));
            gate.next = now + wait.min(LONGEST_PAUSE);
            gate.failures += 1;
        }
        Ok(())
    }
}
