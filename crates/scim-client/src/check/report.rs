//! What was found: one finding for each check, and the exchanges that show a failure.

use std::time::Duration;

use super::{Level, Outcome, Profile, catalog::Check};
use crate::exchange::Exchange;

/// Bytes of a body that a report shows.
const BODY: usize = 4096;

/// One check's result.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The check.
    pub name: &'static str,
    /// What it is about: `PAT`, `FLT`, …
    pub area: &'static str,
    /// How much a failure weighs.
    pub level: Level,
    /// Where it is written.
    pub clause: String,
    /// The ids of the requirements it proves.
    pub proves: Vec<&'static str>,
    /// What the first of them asks.
    pub statement: &'static str,
    /// What to do about a failure.
    pub hint: &'static str,
    /// How it ended.
    pub outcome: Outcome,
}

impl Finding {
    pub(super) fn new(check: &Check, outcome: Outcome) -> Finding {
        let requirement = check.requirement();
        let clause = || requirement.clause();
        Finding {
            name: check.name,
            area: check.area.unwrap_or(&requirement.area),
            level: check.level(),
            clause: check.source.map_or_else(clause, str::to_owned),
            proves: check.proves.clone(),
            statement: &requirement.statement,
            hint: check.hint,
            outcome,
        }
    }

    /// Whether it failed.
    #[must_use]
    pub fn failed(&self) -> bool {
        matches!(self.outcome, Outcome::Failed { .. })
    }
}

/// All findings of a run.
#[derive(Debug, Clone)]
pub struct Report {
    /// The server's base URL.
    pub base: String,
    /// What was asked of it.
    pub profile: Profile,
    /// One for each check that ran, in order.
    pub findings: Vec<Finding>,
    /// Whether the run was ended early.
    pub stopped: bool,
    /// The paths of what could not be deleted again; those of the second tenant say so.
    pub left_over: Vec<String>,
    /// The lists that may hold something of the run beside that: a create had no answer, and the list could not
    /// be read to its end.
    pub may_be_left_over: Vec<String>,
    /// What the names of all that the run created begin with.
    pub mark: String,
}

impl Report {
    pub(super) fn new(base: &str, profile: Profile) -> Report {
        Report {
            base: base.to_owned(),
            profile,
            findings: Vec::new(),
            stopped: false,
            left_over: Vec::new(),
            may_be_left_over: Vec::new(),
            mark: String::new(),
        }
    }

    /// How many checks of a level ended with an outcome of this word.
    #[must_use]
    pub fn count(&self, level: Option<Level>, word: &str) -> usize {
        let counts = |finding: &&Finding| {
            level.is_none_or(|level| finding.level == level) && finding.outcome.word() == word
        };
        self.findings.iter().filter(counts).count()
    }

    /// The checks that failed, the gravest first.
    #[must_use]
    pub fn failures(&self) -> Vec<&Finding> {
        let mut failures: Vec<_> = self
            .findings
            .iter()
            .filter(|finding| finding.failed())
            .collect();
        failures.sort_by_key(|finding| finding.level);
        failures
    }

    /// Whether something that must be is not so.
    #[must_use]
    pub fn breaks_a_must(&self) -> bool {
        self.count(Some(Level::Must), "failed") > 0
    }

    /// The areas in the order of the checks.
    #[must_use]
    pub fn areas(&self) -> Vec<&'static str> {
        let mut areas = Vec::new();
        for finding in &self.findings {
            if !areas.contains(&finding.area) {
                areas.push(finding.area);
            }
        }
        areas
    }
}

/// A request and its answer as a report shows them: without credentials, and cut where they are long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Method, path and query.
    pub request: String,
    /// Header fields of the request.
    pub request_headers: Vec<(String, String)>,
    /// Body of the request.
    pub request_body: String,
    /// The status of the answer.
    pub status: u16,
    /// Header fields of the answer.
    pub answer_headers: Vec<(String, String)>,
    /// Body of the answer.
    pub answer_body: String,
    /// How long it took.
    pub took: Duration,
}

impl Shown {
    pub(super) fn new(exchange: &Exchange, secrets: &[String]) -> Shown {
        let Exchange {
            request,
            answer,
            took,
        } = exchange;
        let query = request
            .query
            .as_deref()
            .map(|query| format!("?{query}"))
            .unwrap_or_default();
        let masked = |text: &str| Shown::masked(text, secrets);
        let headers = |fields: &reqwest::header::HeaderMap| {
            let hidden = ["authorization", "cookie", "set-cookie"];
            let shown = fields
                .iter()
                .filter(|(name, _)| !hidden.contains(&name.as_str()));
            let text = |value: &reqwest::header::HeaderValue| {
                masked(&String::from_utf8_lossy(value.as_bytes()))
            };
            shown
                .map(|(name, value)| (name.to_string(), text(value)))
                .collect()
        };
        let body = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(&bytes[..bytes.len().min(BODY)]).into_owned();
            let more = if bytes.len() > BODY { "…" } else { "" };
            masked(&text) + more
        };
        Shown {
            request: masked(&format!("{} {}{query}", request.method, request.path)),
            request_headers: headers(&request.headers),
            request_body: body(request.body.as_deref().unwrap_or_default()),
            status: answer.status,
            answer_headers: headers(&answer.headers),
            answer_body: body(&answer.body),
            took: *took,
        }
    }

    /// A text without secrets.
    pub(super) fn masked(text: &str, secrets: &[String]) -> String {
        secrets
            .iter()
            .fold(text.to_owned(), |text, secret| text.replace(secret, "…"))
    }
}
