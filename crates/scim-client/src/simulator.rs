//! Simulated identity providers: a company that lives, told to a service provider as Okta, Entra and others tell it.
//!
//! ```no_run
//! use scim_client::{Auth, Client, simulator::{Plan, Provider, Scenario, Unwatched}};
//!
//! # async fn run() -> Result<(), scim_client::Error> {
//! let target = Client::new("https://scim.example.com/scim/v2", Auth::bearer("the token"))?;
//! let plan = Plan {
//!     scenario: Scenario::JoinerMoverLeaver,
//!     ..Plan::new(Provider::Entra)
//! };
//! let simulated = plan.run(&target, &Unwatched).await;
//! let comparison = simulated.compare(&target, &Unwatched).await?;
//! assert_eq!(comparison.differences, 0, "{:?}", comparison.kept);
//! # Ok(())
//! # }
//! ```

mod change;
mod company;
mod compare;
mod dialect;
mod fault;
mod grant;
mod id;
mod look_up;
mod message;
mod names;
mod person;
mod report;
mod run;
mod scenario;
#[cfg(test)]
mod tests;
mod wire;

use std::time::Duration;

pub use compare::Comparison;
pub use dialect::Provider;
pub use grant::Grants;
pub use look_up::LookUp;
pub use message::{Grade, Kind};
pub use report::{Failure, Report, StepDone};
pub use run::Simulated;
pub use scenario::Scenario;

/// What is to be simulated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Who speaks.
    pub provider: Provider,
    /// What happens.
    pub scenario: Scenario,
    /// How many people are assigned at first.
    pub users: u32,
    /// How many teams are pushed at first.
    pub teams: u32,
    /// How many members each of them has; so many that everybody is in two, unless told.
    pub members: Option<u32>,
    /// What people and events follow from.
    pub seed: u64,
    /// How fast it goes.
    pub pace: Pace,
    /// How many changes are told at once.
    pub lanes: usize,
    /// How many rounds life goes on after the first sync; `None` until it is stopped.
    pub rounds: Option<u32>,
    /// What people are looked up by; see [`Provider::identifiers`].
    pub identifier: LookUp,
    /// What they are given besides teams; see [`Provider::grants`].
    pub grants: Grants,
}

impl Plan {
    /// The first sync of 120 people and 9 teams.
    #[must_use]
    pub fn new(provider: Provider) -> Plan {
        Plan {
            provider,
            scenario: Scenario::FirstSync,
            users: 120,
            teams: 9,
            members: None,
            seed: 42,
            pace: Pace::Fast,
            lanes: 8,
            rounds: Some(3),
            identifier: LookUp::UserName,
            grants: Grants::None,
        }
    }

    pub(crate) fn members(&self) -> u32 {
        let each_in_two = u64::from(self.users) * 2 / u64::from(self.teams.max(1));
        let each_in_two = u32::try_from(each_in_two).unwrap_or(u32::MAX).max(1);
        self.members.unwrap_or(each_in_two).min(self.users)
    }
}

/// How fast a simulation goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// With time to think between changes, and waits of minutes made into seconds.
    Real,
    /// As fast as answers come; only `Retry-After` is waited for.
    Fast,
}

impl Pace {
    /// All of them.
    pub const ALL: [Pace; 2] = [Pace::Fast, Pace::Real];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Pace::Real => "real",
            Pace::Fast => "fast",
        }
    }

    /// What it means, in a line.
    #[must_use]
    pub fn says(self) -> &'static str {
        match self {
            Pace::Real => {
                "with seconds to think between changes; Entra’s cycle of 40 minutes takes 40 seconds"
            }
            Pace::Fast => "as fast as answers come",
        }
    }

    /// The pace of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Pace> {
        Pace::ALL.into_iter().find(|one| one.name() == name)
    }

    /// A wait of the identity provider's own: Entra's cycle of 40 minutes, Okta's five minutes.
    pub(crate) fn compress(self, wait: Duration) -> Duration {
        wait / match self {
            Pace::Real => 60,
            Pace::Fast => 100_000,
        }
    }
}

/// Who looks on while a simulation runs.
pub trait Watch: std::fmt::Debug + Sync {
    /// A step of so many changes begins.
    fn begin(&self, says: &str, changes: u64) {
        let _ = (says, changes);
    }

    /// One change is told.
    fn told(&self) {}

    /// A step is done.
    fn end(&self, step: &StepDone) {
        let _ = step;
    }

    /// What was done so far, after each change and each step. Nothing goes on meanwhile.
    fn look(&self, report: &Report) {
        let _ = report;
    }

    /// Whether to stop after the changes that are under way.
    fn is_stopped(&self) -> bool {
        false
    }
}

/// Nobody looks on.
#[derive(Debug, Clone, Copy)]
pub struct Unwatched;

impl Watch for Unwatched {}
