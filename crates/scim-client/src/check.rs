//! The conformance checker: asks any SCIM server what RFC 7643, RFC 7644 and RFC 9865 ask of it.
//!
//! A check is one rule in use: requests, and what their answers must be. Its grade and clause are those of the
//! first requirement it proves, its verdict is an [`Outcome`]. Checks make what they need, under names that begin with
//! [`MARK`], and delete it again.
//!
//! ```no_run
//! use scim_client::{Auth, Client, check::{Checker, Profile}};
//!
//! # async fn run() -> Result<(), scim_client::Error> {
//! let client = Client::new("https://scim.example.com/scim/v2", Auth::bearer("the token"))?;
//! let checker = Checker::new(client, Profile::Generic).secrets(["the token".to_owned()]);
//! // The first future ends the run early; the closure is told of each check that has ended.
//! let report = checker.run(std::future::pending(), &|_, _, _| ()).await?;
//! assert!(!report.breaks_a_must(), "{}", report.to_markdown());
//! # Ok(())
//! # }
//! ```

mod assertion;
mod catalog;
mod cleanup;
mod offered;
mod operation;
mod probe;
mod profile;
mod render;
mod report;
mod requirement;
mod unchecked;

mod areas;

use std::{future::Future, sync::atomic::Ordering};

use futures_util::future::BoxFuture;
use scim::Tolerance;

use crate::{client::Client, error::Error};

pub use profile::Profile;
pub use report::{Finding, Report, Shown};
pub use requirement::Requirement;
pub use unchecked::UNCHECKED;

use catalog::Check;
use probe::{Probe, World};

/// What the names of everything that a check creates begin with.
pub const MARK: &str = "provisor-check-";

/// How much it weighs that a server fails a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The standard leaves no choice, or data is lost or shown to others.
    Must,
    /// The standard recommends it, or clients in use rely on it.
    Should,
    /// Left to the server, but what it announces has to work.
    May,
}

impl Level {
    /// All, from the gravest.
    pub const ALL: [Level; 3] = [Level::Must, Level::Should, Level::May];

    /// As the standard writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Level::Must => "MUST",
            Level::Should => "SHOULD",
            Level::May => "MAY",
        }
    }
}

/// How a check ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// As the rule asks.
    Passed,
    /// The server forgives what the rule forbids, in published ways.
    Lenient(Vec<Tolerance>),
    /// Not as the rule asks.
    Failed {
        /// What was expected and what came instead.
        why: String,
        /// The exchanges that show it, the deciding one last.
        exchanges: Vec<Shown>,
    },
    /// The server does not claim to support this.
    Skipped(String),
    /// Something is missing on the side of the checker.
    NotRun(String),
}

impl Outcome {
    /// Every word that [`Outcome::word`] gives.
    pub const WORDS: [&str; 5] = ["passed", "lenient", "failed", "skipped", "not run"];

    /// The outcome in one word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Outcome::Passed => "passed",
            Outcome::Lenient(_) => "lenient",
            Outcome::Failed { .. } => "failed",
            Outcome::Skipped(_) => "skipped",
            Outcome::NotRun(_) => "not run",
        }
    }
}

/// What is asked of which server.
#[derive(Debug)]
pub struct Checker {
    client: Client,
    second: Option<Client>,
    profile: Profile,
    only: Vec<String>,
    secrets: Vec<String>,
}

/// A call for each check that has ended: how many have, how many there are, what was found.
pub type Progress<'a> = &'a (dyn Fn(usize, usize, &Finding) + Sync);

impl Checker {
    /// A checker of the server that `client` talks to.
    #[must_use]
    pub fn new(client: Client, profile: Profile) -> Checker {
        Checker {
            client,
            second: None,
            profile,
            only: Vec::new(),
            secrets: Vec::new(),
        }
    }

    /// With the credentials of another tenant, which must see nothing of the first.
    #[must_use]
    pub fn second(mut self, client: Client) -> Checker {
        self.second = Some(client);
        self
    }

    /// Only the checks of these names; all if there are none.
    #[must_use]
    pub fn only(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Checker {
        self.only = names.into_iter().map(Into::into).collect();
        self
    }

    /// Texts that are never shown, wherever a server should repeat them; the first is the client's own bearer token.
    #[must_use]
    pub fn secrets(mut self, secrets: impl IntoIterator<Item = String>) -> Checker {
        self.secrets = secrets
            .into_iter()
            .filter(|text| !text.is_empty())
            .collect();
        self
    }

    /// Runs the checks one after the other, until they are done or `stop` is, and removes what they created.
    ///
    /// # Errors
    /// When the server cannot be reached at all.
    pub async fn run(
        &self,
        stop: impl Future<Output = ()> + Send,
        progress: Progress<'_>,
    ) -> Result<Report, Error> {
        let world = World::discover(self).await?;
        let checks: Vec<Check> = catalog::all()
            .into_iter()
            .filter(|check| check.belongs_to(self.profile) && self.wants(check.name))
            .collect();
        let mut report = Report::new(self.client.base(), self.profile);
        let mut stop = std::pin::pin!(stop);
        for (done, check) in checks.iter().enumerate() {
            let probe = Probe::new(&world);
            let mut run = std::pin::pin!(judge(check, &probe));
            let finding = tokio::select! {
                biased;
                () = stop.as_mut() => {
                    // What was sent may still be stored, so it is waited for, at most for the client's timeout.
                    world.stopping.store(true, Ordering::Relaxed);
                    run.await;
                    report.stopped = true;
                    break;
                }
                outcome = run.as_mut() => Finding::new(check, outcome),
            };
            world.clean().await;
            progress(done + 1, checks.len(), &finding);
            report.findings.push(finding);
        }
        let left = world.clean_all().await;
        report.left_over = left.paths;
        report.may_be_left_over = left.may_be_left_over;
        report.mark.clone_from(&world.mark);
        Ok(report)
    }

    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|wanted| wanted == name)
    }
}

/// Runs one check to its verdict.
async fn judge(check: &Check, probe: &Probe<'_>) -> Outcome {
    let ended = (check.run)(probe).await;
    probe.outcome(ended)
}

/// The names of the checks of a profile, in order.
#[must_use]
pub fn names(profile: Profile) -> Vec<&'static str> {
    let checks = catalog::all().into_iter();
    checks
        .filter(|check| check.belongs_to(profile))
        .map(|check| check.name)
        .collect()
}

/// The ids of the requirements that some check proves.
#[must_use]
pub fn proved() -> Vec<&'static str> {
    let checks = catalog::all().into_iter();
    checks.flat_map(|check| check.proves).collect()
}

/// What a check is once it runs.
type Run = for<'a> fn(&'a Probe<'a>) -> BoxFuture<'a, Result<(), assertion::Stop>>;
