//! What is due, pushed by several workers at once, and what became of it, written down beside them.

use std::sync::atomic::Ordering::Relaxed;

use futures_util::future::join_all;
use provisor_store::{
    TargetChange,
    target::{DuePlace, Kind, NewEntry, Report, TargetObject},
};
use serde_json::json;
use tokio::sync::mpsc;

use super::{CHUNK, Run, Stopped, lock};
use crate::outbound::{creation, plan::Desired, team, trouble::Trouble, user};

/// Failed attempts after which something waits for the source to change, or for a person.
pub(in crate::outbound) const ATTEMPTS: u32 = 10;

/// One that is due, and what the target should hold of it.
type Due = (TargetObject, Desired);

impl Run {
    /// Pushes all of a kind that is due, and writes down what became of it while the next ones are under way.
    pub(super) async fn due(&self, kind: Kind) -> Result<(), Stopped> {
        let (objects, queue) = mpsc::channel(CHUNK);
        let (reports, written) = mpsc::channel(2 * CHUNK);
        let queue = tokio::sync::Mutex::new(queue);
        let workers = (0..self.settings.parallel).map(|_| self.work(&queue, reports.clone()));
        let workers: Vec<_> = workers.collect();
        // The writing ends with the last worker.
        drop(reports);
        let (fed, worked, written) = tokio::join!(
            self.feed(kind, objects),
            join_all(workers),
            self.write_down(written)
        );
        let worked = worked.into_iter().find(Result::is_err).unwrap_or(Ok(()));
        let taken_back = creation::take_back(self).await;
        fed.and(worked).and(written).and(taken_back)
    }

    /// Reads what is due, with what the target should hold of it.
    async fn feed(&self, kind: Kind, objects: mpsc::Sender<Due>) -> Result<(), Stopped> {
        let until = self.wish.clock.now();
        let mut after: Option<DuePlace> = None;
        loop {
            self.check_wanted().await?;
            let due = self
                .view()
                .await?
                .target_due(self.place(), kind, until, after.as_ref(), CHUNK)
                .await?;
            let Some(last) = due.last() else {
                return Ok(());
            };
            after = Some((last.due.unwrap_or(0), last.local.clone()));
            let due = self.desired(due).await?;
            creation::note_ahead(self, kind, &due).await?;
            for one in due {
                if objects.send(one).await.is_err() || self.remote.stopped().is_some() {
                    // The workers tell why.
                    return Ok(());
                }
            }
        }
    }

    /// Pushes one after the other.
    async fn work(
        &self,
        queue: &tokio::sync::Mutex<mpsc::Receiver<Due>>,
        reports: mpsc::Sender<Report>,
    ) -> Result<(), Stopped> {
        loop {
            let next = queue.lock().await.recv().await;
            let Some((object, desired)) = next else {
                return Ok(());
            };
            let done = self.one(object, desired, &reports).await;
            let is_over = self.wish.turn.as_ref().is_some_and(|turn| turn.is_over());
            match done {
                Ok(report) => {
                    creation::is_reported(self, &report.object);
                    self.progress().looked_at.fetch_add(1, Relaxed);
                    // The writer ends only when a write failed, which ends the run.
                    let _ = reports.send(report).await;
                    if is_over {
                        return self.end(queue, Stopped::Turn).await;
                    }
                }
                Err(stopped) => return self.end(queue, stopped).await,
            }
        }
    }

    /// Ends the run.
    async fn end(
        &self,
        queue: &tokio::sync::Mutex<mpsc::Receiver<Due>>,
        stopped: Stopped,
    ) -> Result<(), Stopped> {
        self.remote.stop(stopped.clone());
        // Nobody feeds a queue that nobody reads.
        queue.lock().await.close();
        Err(stopped)
    }

    async fn write_down(&self, mut reports: mpsc::Receiver<Report>) -> Result<(), Stopped> {
        let mut batch = Vec::with_capacity(CHUNK);
        while reports.recv_many(&mut batch, CHUNK).await > 0 {
            let reports = std::mem::take(&mut batch);
            let id = self.target.id;
            let written = self.write(TargetChange::Report { id, reports }).await;
            let wanted = self.check_wanted().await;
            if let Err(stopped) = written {
                let stopped = wanted.err().unwrap_or(stopped);
                self.remote.stop(stopped.clone());
                return Err(stopped);
            }
            // Where it is not wanted any more, the workers end, and what they have done is still written down.
        }
        Ok(())
    }

    /// Pushes one. It fails only if the run ended before anything was done.
    async fn one(
        &self,
        object: TargetObject,
        desired: Desired,
        reports: &mpsc::Sender<Report>,
    ) -> Result<Report, Stopped> {
        if let Some(stopped) = self.remote.stopped() {
            return Err(stopped.clone());
        }
        let kind = object.kind;
        let mut report = Report::of(object);
        let was = report.object.remote.clone();
        let done = match kind {
            Kind::Team => team::push(self, &mut report, &desired, reports).await,
            _ => user::push(self, &mut report, &desired).await,
        };
        if report.object.remote.is_some() && report.object.remote != was {
            lock(&self.newly).push((kind, report.object.local.clone()));
            let was_there = was.is_some() && kind == Kind::User;
            self.renewed.fetch_or(was_there, Relaxed);
        }
        match done {
            Ok(()) => {}
            Err(Trouble::Stop(stopped)) => {
                // What was done is written down, the rest stays due.
                return if report.object.remote != was || !report.entries.is_empty() {
                    Ok(report)
                } else {
                    Err(stopped)
                };
            }
            Err(trouble) => self.failed(&mut report, &trouble),
        }
        Ok(report)
    }

    /// Writes down why, and when it is tried again.
    fn failed(&self, report: &mut Report, trouble: &Trouble) {
        self.progress().failed.fetch_add(1, Relaxed);
        let object = &mut report.object;
        object.attempts += 1;
        let reason = trouble.to_string();
        // Who is asked to wait is not given up for it.
        let again = object.attempts < ATTEMPTS || trouble.status() == Some(429);
        object.due = again.then(|| {
            // A minute, two, four, … up to six hours.
            let wait = 60_000_i64 << (object.attempts - 1).min(9);
            self.wish.clock.now() + wait.min(6 * 3_600_000)
        });
        object.error = Some(reason.clone());
        let next = match object.due {
            Some(due) => format!("tried again from {}", scim::datetime::format_millis(due)),
            None => "given up until the source changes or `provisor push sync --retry`".to_owned(),
        };
        report.entries.push(NewEntry {
            action: "fail",
            ok: false,
            status: trouble.status(),
            detail: json!({ "reason": reason, "attempt": object.attempts, "next": next }),
        });
    }
}
