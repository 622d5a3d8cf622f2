//! What a person sees while a simulation runs: a bar, and a line for each step that is done.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use indicatif::ProgressBar;
use scim_client::simulator::{StepDone, Watch};

use crate::{progress, terminal};

/// The terminal of the person at the command line.
#[derive(Debug)]
pub(super) struct Terminal {
    bar: Mutex<ProgressBar>,
    stopped: Arc<AtomicBool>,
    /// Whether the company lives until it is stopped.
    endless: bool,
    lives: AtomicBool,
}

impl Terminal {
    /// Ctrl-C once ends what is under way in good order, twice ends the program.
    pub(super) fn new(endless: bool) -> Terminal {
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopped);
        tokio::spawn(async move {
            while tokio::signal::ctrl_c().await.is_ok() {
                if stop.swap(true, Ordering::Relaxed) {
                    std::process::exit(130);
                }
            }
        });
        Terminal {
            bar: Mutex::new(ProgressBar::hidden()),
            stopped,
            endless,
            lives: AtomicBool::new(false),
        }
    }

    /// Takes the bar away.
    pub(super) fn clear(&self) {
        self.bar
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .finish_and_clear();
    }
}

impl Watch for Terminal {
    fn begin(&self, says: &str, changes: u64) {
        self.clear();
        if self.endless && says == "Joiners" && !self.lives.swap(true, Ordering::Relaxed) {
            terminal::note("· Now living: people come, move and leave. Ctrl-C to stop.");
        }
        let bar = progress::steps(changes, says);
        *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = bar;
    }

    fn told(&self) {
        self.bar
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .inc(1);
    }

    fn end(&self, step: &StepDone) {
        self.clear();
        if step.changes == 0 && step.requests == 0 {
            return;
        }
        let mark = if step.failed == 0 { '✓' } else { '✗' };
        let changes = match step.changes {
            0 => String::new(),
            changes => format!("{changes} changes, "),
        };
        let failed = match step.failed {
            0 => String::new(),
            failed => format!(" · failed {failed}"),
        };
        let note = match step.note.as_str() {
            "" => String::new(),
            note => format!(" · {note}"),
        };
        terminal::note(&format!(
            "{mark} {:<28} {changes}{} messages in {:.2} s{note}{failed}",
            step.says,
            step.requests,
            step.took.as_secs_f64()
        ));
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}
