//! How a connection is: a rule over a few facts, and where the facts come from.

use std::collections::HashMap;

use axum::http::StatusCode;
use provisor_store::{
    Connection, ConnectionId, LogReader, Snapshot, StoreError, Tenant, TenantId, TenantState,
    TokenRecord,
    log::{Sum, Whose},
};

use crate::console::{
    Console, Problem, log,
    moment::{DAY, Moment},
    setup::guide::Guide,
};

/// Cycles that a provider that polls may leave out.
const CYCLES: i64 = 3;
/// Without a request for so long, a provider that does not poll is idle.
const IDLE: i64 = DAY;
/// More than one refusal in so many requests is too much.
const TOLERATED: u64 = 10;

/// What the rule looks at.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Facts {
    /// The connection is paused, or its tenant suspended.
    pub(crate) is_stopped: bool,
    /// The last request with a good token, in milliseconds since 1970.
    pub(crate) last: Option<i64>,
    /// Answers of the last day.
    pub(crate) good: u64,
    pub(crate) refused: u64,
    /// Milliseconds between the cycles of a provider that polls.
    pub(crate) cycle: Option<i64>,
}

/// How a connection is; of several, the greatest is told: trouble first, then signs of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// No request with a good token ever came.
    NotSetUp,
    /// Nothing has come for a while, which is no sign of anything.
    Idle,
    /// Requests come and are answered well.
    Healthy,
    /// Paused here.
    Paused,
    /// It polls, but has not for some cycles.
    Silent,
    /// Too many requests are refused.
    Failing,
}

impl State {
    pub(crate) fn label(self) -> &'static str {
        match self {
            State::NotSetUp => "Not set up",
            State::Healthy => "Healthy",
            State::Idle => "Idle",
            State::Failing => "Failing",
            State::Silent => "Silent",
            State::Paused => "Paused",
        }
    }

    /// The class of its tag.
    pub(crate) fn class(self) -> &'static str {
        match self {
            State::NotSetUp | State::Idle => "",
            State::Healthy => "tag--ok",
            State::Failing => "tag--err",
            State::Silent | State::Paused => "tag--warn",
        }
    }
}

/// The rule.
pub(crate) fn state(facts: &Facts, now: i64) -> State {
    if facts.is_stopped {
        return State::Paused;
    }
    if facts.last.is_none() && facts.good + facts.refused == 0 {
        return State::NotSetUp;
    }
    if facts.refused * TOLERATED > facts.good + facts.refused {
        return State::Failing;
    }
    let quiet = now - facts.last.unwrap_or(now);
    match facts.cycle {
        Some(cycle) if quiet > CYCLES * cycle => State::Silent,
        None if quiet > IDLE => State::Idle,
        _ => State::Healthy,
    }
}

/// A connection's health, as pages show it.
pub(crate) struct Health {
    pub(crate) state: State,
    pub(crate) last: Option<Moment>,
    /// `99.2 %`, if anything came within the last day.
    pub(crate) rate: Option<String>,
    pub(crate) requests: u64,
}

impl Health {
    /// True if the state is told by when the last request came.
    pub(crate) fn is_idle(&self) -> bool {
        self.state == State::Idle
    }
}

/// How the last day's requests were answered, by connection.
#[derive(Default)]
pub(crate) struct Day(HashMap<(TenantId, ConnectionId), Sum>);

impl Day {
    /// Reads it, for these tenants.
    pub(crate) async fn read(console: &Console, whose: Whose, now: i64) -> Result<Self, Problem> {
        let sums = ask(console, move |log| log.by_connection(&whose, now - DAY));
        Ok(Self::new(sums.await?))
    }

    /// From sums that were read already.
    pub(crate) fn new(sums: Vec<(TenantId, ConnectionId, Sum)>) -> Self {
        let sums = sums.into_iter();
        Self(sums.map(|(tenant, id, sum)| ((tenant, id), sum)).collect())
    }

    fn of(&self, connection: &Connection) -> Sum {
        let sum = self.0.get(&(connection.tenant, connection.id));
        sum.copied().unwrap_or_default()
    }
}

/// What is known of a tenant, from which its connections' health is told on every page.
pub(crate) struct Known {
    is_suspended: bool,
    tokens: Vec<TokenRecord>,
}

impl Known {
    /// Reads it.
    pub(crate) async fn read(
        console: &Console,
        snapshot: &mut dyn Snapshot,
        tenant: &Tenant,
    ) -> Result<Self, Problem> {
        let mut tokens = snapshot.tokens(tenant.id).await?;
        for token in &mut tokens {
            // A use that is not written down yet counts too.
            if let Some(fresh) = console.token_uses.fresh(tenant.id, token.id) {
                token.last_used = Some(fresh);
            }
        }
        Ok(Self {
            is_suspended: tenant.state == TenantState::Suspended,
            tokens,
        })
    }

    /// The health of one of the tenant's connections.
    pub(crate) fn health(&self, connection: &Connection, day: &Day, now: i64) -> Health {
        let own = |token: &&TokenRecord| token.connection == Some(connection.id);
        let used = self.tokens.iter().filter(own);
        let sum = day.of(connection);
        let refused = sum.errors.min(sum.requests);
        let facts = Facts {
            is_stopped: connection.paused || self.is_suspended,
            last: used
                .filter_map(|token| Some(token.last_used.as_ref()?.at))
                .max(),
            good: sum.requests - refused,
            refused,
            cycle: Guide::of(&connection.idp).cycle_minutes.map(|m| m * 60_000),
        };
        Health {
            state: state(&facts, now),
            last: facts.last.map(|at| Moment::new(at, now)),
            rate: (sum.requests > 0).then(|| rate(facts.good, sum.requests)),
            requests: sum.requests,
        }
    }

    /// The tenant's tokens.
    pub(crate) fn tokens(&self) -> &[TokenRecord] {
        &self.tokens
    }
}

/// Per mille as per cent; not rounded up to a hundred.
fn rate(good: u64, all: u64) -> String {
    let mille = good * 1000 / all;
    format!("{}.{} %", mille / 10, mille % 10)
}

/// Asks the log. One that is off, or cannot be read now, knows nothing.
pub(crate) async fn ask<T: Default + Send + 'static>(
    console: &Console,
    question: impl FnOnce(&LogReader) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Problem> {
    match log::ask(console, question).await {
        Err(problem) if problem.status == StatusCode::SERVICE_UNAVAILABLE => Ok(T::default()),
        answer => answer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    #[test]
    fn the_state_follows_from_the_facts() {
        let now = 100 * DAY;
        let ago = |millis| Some(now - millis);
        let entra = Some(40 * MINUTE);
        for (is_stopped, last, good, refused, cycle, expected) in [
            (false, None, 0, 0, None, State::NotSetUp),
            (true, None, 0, 0, None, State::Paused),
            (true, ago(0), 0, 9, None, State::Paused),
            // Nothing but refusals: somebody tries, and it does not work.
            (false, None, 0, 3, None, State::Failing),
            (false, ago(MINUTE), 9, 0, None, State::Healthy),
            (false, ago(MINUTE), 90, 10, None, State::Healthy),
            (false, ago(MINUTE), 89, 11, None, State::Failing),
            (false, ago(DAY), 1, 0, None, State::Healthy),
            (false, ago(DAY + 1), 0, 0, None, State::Idle),
            // Only who polls can be silent.
            (false, ago(120 * MINUTE), 9, 0, entra, State::Healthy),
            (false, ago(120 * MINUTE + 1), 9, 0, entra, State::Silent),
            (false, ago(9 * DAY), 0, 0, entra, State::Silent),
            (false, ago(9 * DAY), 0, 4, entra, State::Failing),
        ] {
            let facts = Facts {
                is_stopped,
                last,
                good,
                refused,
                cycle,
            };
            assert_eq!(state(&facts, now), expected, "{facts:?}");
        }
    }

    #[test]
    fn a_rate_is_a_hundred_only_without_a_refusal() {
        assert_eq!(rate(9999, 10_000), "99.9 %");
        assert_eq!(rate(5, 5), "100.0 %");
        assert_eq!(rate(0, 5), "0.0 %");
    }
}
