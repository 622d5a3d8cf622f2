//! What a simulation did: what was sent, what was refused, what went wrong on purpose.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use super::message::Kind;

/// So many failures and differences are kept in full; the others are counted.
pub(crate) const KEPT: usize = 50;

/// A change that did not arrive.
#[derive(Debug, Clone)]
pub struct Failure {
    /// What was to be told: `assign lena.ortiz@northwind.example`.
    pub what: String,
    /// The message that failed.
    pub kind: &'static Kind,
    /// Method and request target.
    pub request: String,
    /// The body that was sent.
    pub body: Option<String>,
    /// The status; `None` when no answer came.
    pub status: Option<u16>,
    /// The error's `scimType`.
    pub scim_type: Option<String>,
    /// The error's `detail`, or what the network said.
    pub detail: String,
    /// The `X-Request-Id` of the answer, which finds the request in the service provider's log.
    pub request_id: Option<String>,
}

impl Failure {
    /// Whether the next cycle may well succeed.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self.status, None | Some(401 | 429 | 500..))
    }

    /// In one line.
    #[must_use]
    pub fn line(&self) -> String {
        let status = match (self.status, &self.scim_type) {
            (Some(status), Some(kind)) => format!("{status} {kind}"),
            (Some(status), None) => status.to_string(),
            (None, _) => "no answer".to_owned(),
        };
        // Provisor says it at the end of its own words, too.
        let id = self.request_id.as_deref();
        let id = id.filter(|id| !self.detail.contains(id));
        let id = id.map(|id| format!(" [{id}]")).unwrap_or_default();
        format!(
            "{}: {} → {status}: {}{id}",
            self.what, self.request, self.detail
        )
    }

    /// All that is known of it, as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "what": self.what,
            "message": self.kind.to_json(),
            "request": self.request,
            "body": self.body,
            "status": self.status,
            "scim_type": self.scim_type,
            "detail": self.detail,
            "request_id": self.request_id,
        })
    }
}

/// One step that was done.
#[derive(Debug, Clone)]
pub struct StepDone {
    /// Its name.
    pub says: &'static str,
    /// How many changes it told.
    pub changes: u64,
    /// How many of them failed for good.
    pub failed: u64,
    /// How many messages it took.
    pub requests: u64,
    /// What else is worth saying: `created 118, matched 2`.
    pub note: String,
    /// How long it took.
    pub took: Duration,
}

/// What a simulation did.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The steps in order.
    pub steps: Vec<StepDone>,
    /// How often each kind of message was sent.
    pub messages: BTreeMap<(&'static str, &'static str), (&'static Kind, u64)>,
    /// How often each status came back; 0 stands for no answer.
    pub statuses: BTreeMap<u16, u64>,
    /// What went wrong on purpose.
    pub faults: BTreeMap<String, u64>,
    /// What the identity provider does not do, with how often it was left out.
    pub skipped: BTreeMap<&'static str, u64>,
    /// Messages that were sent again at once, as the identity provider does.
    pub retried: u64,
    /// Changes that failed and were told again in a later cycle.
    pub repeated: u64,
    /// People who were created.
    pub created: u64,
    /// People who were found and linked.
    pub matched: u64,
    /// Memberships left out of a first push, because the member did not exist yet.
    pub waited: u64,
    /// Creations of somebody who was there already that were refused with 409, as they must be.
    pub refused_twins: u64,
    /// Changes that failed for good.
    pub failed: u64,
    /// The first of them.
    pub failures: Vec<Failure>,
}

impl Report {
    /// How many messages were sent.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.messages.values().map(|(_, count)| count).sum()
    }

    pub(crate) fn fail(&mut self, failure: Failure) {
        self.failed += 1;
        if self.failures.len() < KEPT {
            self.failures.push(failure);
        }
    }

    pub(crate) fn sent(&mut self, kind: &'static Kind, status: u16) {
        let entry = self.messages.entry((kind.says, kind.sends));
        entry.or_insert((kind, 0)).1 += 1;
        *self.statuses.entry(status).or_default() += 1;
    }

    pub(crate) fn skip(&mut self, what: &'static str) {
        *self.skipped.entry(what).or_default() += 1;
    }

    /// All of it, as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let messages = self.messages.values().map(|(kind, count)| {
            let mut message = kind.to_json();
            message["count"] = (*count).into();
            message
        });
        let steps = self.steps.iter().map(|step| {
            json!({
                "says": step.says,
                "changes": step.changes,
                "failed": step.failed,
                "requests": step.requests,
                "note": step.note,
                "seconds": step.took.as_secs_f64(),
            })
        });
        let statuses = self.statuses.iter();
        let statuses = statuses.map(|(status, count)| match status {
            0 => ("none".to_owned(), *count),
            status => (status.to_string(), *count),
        });
        json!({
            "requests": self.requests(),
            "messages": messages.collect::<Vec<_>>(),
            "steps": steps.collect::<Vec<_>>(),
            "statuses": statuses.collect::<BTreeMap<_, _>>(),
            "created": self.created,
            "matched": self.matched,
            "waited": self.waited,
            "refused_twins": self.refused_twins,
            "faults": self.faults,
            "skipped": self.skipped,
            "retried": self.retried,
            "repeated": self.repeated,
            "failed": self.failed,
            "failures": self.failures.iter().map(Failure::to_json).collect::<Vec<_>>(),
        })
    }
}
