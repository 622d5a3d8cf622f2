//! Writes of an import, some at a time: together they share a commit, and others come between.

use std::time::Duration;

use provisor_store::{Change, Outcome, Tenant, WriteError};
use serde_json::json;
use tokio::task::JoinSet;

use crate::{directory::Directory, failure::Failure, terminal};

/// Writes that wait for each other. More would keep a server beside us waiting too long.
const SIZE: usize = 100;
/// What others get between two batches to begin a transaction of their own.
const PAUSE: Duration = Duration::from_millis(3);
/// Refusals that are told one by one.
const TOLD: usize = 100;

/// Writes that have not been made yet, each with its line.
pub(super) struct Batch<'d> {
    directory: &'d Directory,
    tenant: &'d Tenant,
    waiting: Vec<(u64, Change)>,
    pub(super) tally: Tally,
}

/// What became of the lines.
#[derive(Debug, Default)]
pub(super) struct Tally {
    created: u64,
    changed: u64,
    unchanged: u64,
    refused: Vec<(u64, String)>,
}

impl<'d> Batch<'d> {
    pub(super) fn new(directory: &'d Directory, tenant: &'d Tenant) -> Self {
        Self {
            directory,
            tenant,
            waiting: Vec::with_capacity(SIZE),
            tally: Tally::default(),
        }
    }

    /// Adds a write; makes all of them when there are enough.
    pub(super) async fn push(&mut self, line: u64, change: Change) -> Result<(), Failure> {
        self.waiting.push((line, change));
        if self.waiting.len() < SIZE {
            return Ok(());
        }
        self.flush().await
    }

    /// Makes the writes that wait. Refusals are counted; that the database failed ends the import.
    pub(super) async fn flush(&mut self) -> Result<(), Failure> {
        let mut writes = JoinSet::new();
        for (line, change) in self.waiting.drain(..) {
            let (directory, tenant) = (self.directory.clone(), self.tenant.id);
            writes.spawn(async move { (line, directory.try_write(tenant, change).await) });
        }
        let mut results = writes.join_all().await;
        results.sort_by_key(|(line, _)| *line);
        for (line, result) in results {
            match result {
                Ok(outcome) => self.tally.count(&outcome),
                Err(WriteError::Refused(refusal)) => {
                    self.tally.refuse(line, Failure::from(refusal).message);
                }
                Err(WriteError::Store(error)) => {
                    let failure = Failure::from(error);
                    return Err(Failure::unavailable(format!(
                        "line {line}: {failure}. Run the same command again: what is there already is left as it is.",
                    )));
                }
            }
        }
        tokio::time::sleep(PAUSE).await;
        Ok(())
    }
}

impl Tally {
    fn count(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Resource(written) if written.created => self.created += 1,
            Outcome::Resource(written) if !written.changed => self.unchanged += 1,
            _ => self.changed += 1,
        }
    }

    /// Notes a line that could not be used.
    pub(super) fn refuse(&mut self, line: u64, reason: String) {
        if self.refused.len() < TOLD {
            terminal::note(&format!("line {line}: {reason}"));
        }
        self.refused.push((line, reason));
    }

    /// Prints the sum. Lines that were refused make the command fail.
    pub(super) fn report(self, as_json: bool) -> Result<(), Failure> {
        let refused = self.refused.len();
        let object = json!({
            "created": self.created,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "refused": refused,
            "errors": self
                .refused
                .iter()
                .map(|(line, reason)| json!({ "line": line, "reason": reason }))
                .collect::<Vec<_>>(),
        });
        terminal::show(
            as_json,
            &object,
            &[
                ("created", self.created.to_string()),
                ("changed", self.changed.to_string()),
                ("unchanged", self.unchanged.to_string()),
                ("refused", refused.to_string()),
            ],
        )?;
        match refused {
            0 => Ok(()),
            1 => Err(Failure::failed(
                "One line was refused; its reason is above.",
            )),
            many if many > TOLD => Err(Failure::failed(format!(
                "{many} lines were refused; the first {TOLD} reasons are above, all with --json."
            ))),
            many => Err(Failure::failed(format!(
                "{many} lines were refused; their reasons are above."
            ))),
        }
    }
}
