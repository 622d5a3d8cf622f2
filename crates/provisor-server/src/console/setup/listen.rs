//! The live listener: what an identity provider has managed so far, read from the sync log, and
//! for what went wrong the cause and the fix in the provider's own words.

use provisor_store::{
    Cause,
    log::{Body, Entry, Operation},
};
use serde_json::Value;

use super::guide::Words;

/// Something that is ticked off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) title: String,
    pub(crate) state: State,
}

/// How far a step is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// It happened first at this time, by this client.
    Done { at: i64, client: String },
    /// It was tried and refused.
    Failed(Trouble),
    /// It is next, and this brings it about.
    Waiting(String),
    /// Its turn has not come.
    Later,
}

impl State {
    /// The class of the list's item.
    pub(crate) fn class(&self) -> &'static str {
        match self {
            State::Done { .. } => "ok",
            State::Failed(_) => "err",
            State::Waiting(_) => "wait",
            State::Later => "",
        }
    }

    /// What stands in its circle, and the same in a word.
    pub(crate) fn sign(&self) -> (&'static str, &'static str) {
        match self {
            State::Done { .. } => ("✓", "done"),
            State::Failed(_) => ("!", "failed"),
            State::Waiting(_) => ("…", "waiting"),
            State::Later => ("–", "later"),
        }
    }
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) cause: &'static str,
    /// What happened, in the words of the answer.
    pub(crate) what: String,
    /// What to do.
    pub(crate) fix: String,
    pub(crate) at: i64,
    /// How often, among the entries that were read.
    pub(crate) count: usize,
    pub(crate) request: String,
}

/// What is ticked off, and what went wrong, the latest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listening {
    pub(crate) steps: Vec<Step>,
    pub(crate) troubles: Vec<Trouble>,
}

/// Reads what happened from a connection's entries, oldest first.
pub(crate) fn listen(entries: &[Entry], words: &Words) -> Listening {
    let steps = [
        (
            "Reached this server",
            format!("Paste the values, then {}.", words.test),
        ),
        (
            "Token accepted",
            format!("Paste a token at {}.", words.token),
        ),
        ("Test call answered", format!("Start {}.", words.test)),
        ("First user", words.assign.clone()),
        ("First deactivation", words.leave.clone()),
        ("First team", words.push.clone()),
    ];
    let mut next = true;
    let steps = steps.into_iter().zip(CHECKS).map(|((title, hint), check)| {
        let state = match state(entries, *check, words) {
            Some(state) => state,
            None if next => State::Waiting(hint),
            None => State::Later,
        };
        next &= matches!(state, State::Done { .. });
        Step {
            title: title.to_owned(),
            state,
        }
    });
    Listening {
        steps: steps.collect(),
        troubles: troubles(entries, words),
    }
}

/// What an entry says about a step: nothing, that it was done, or that it failed.
type Check = fn(&Entry) -> Option<bool>;

const CHECKS: &[Check] = &[
    |_| Some(true),
    |entry| match cause(entry) {
        Some(cause) if is_about_the_token(cause) => Some(false),
        _ => entry.connection.map(|_| true),
    },
    |entry| reads(entry).then_some(entry.status < 400),
    |entry| is(entry, Operation::Create, "User").then_some(entry.status < 400),
    |entry| deactivates(entry).then_some(true),
    |entry| is(entry, Operation::Create, "Group").then_some(entry.status < 400),
];

/// The first time it was done; if the token has stopped working since, or it was never done, the
/// last time it failed.
fn state(entries: &[Entry], check: Check, words: &Words) -> Option<State> {
    let told: Vec<(&Entry, bool)> = entries
        .iter()
        .filter_map(|entry| Some((entry, check(entry)?)))
        .collect();
    let (last, last_is_good) = *told.last()?;
    // A stranger's wrong token says nothing about one that was good.
    let stopped = !last_is_good && cause(last).is_some_and(is_about_a_known_token);
    match told.iter().find(|(_, good)| *good) {
        Some((first, _)) if !stopped => Some(State::Done {
            at: first.at,
            client: first.client.clone(),
        }),
        _ => Some(State::Failed(trouble(last, words))),
    }
}

/// Why it was refused. A base URL that ends with `/Users` makes a look for a user of that name, or a
/// POST to one, which the answer cannot know to be meant otherwise.
fn cause(entry: &Entry) -> Option<Cause> {
    let mut ends = entry.path.rsplit('/');
    let is_type = |part: Option<&str>| matches!(part, Some("Users" | "Groups"));
    let doubled = is_type(ends.next()) && is_type(ends.next());
    entry.cause.map(|cause| match doubled {
        true if matches!(cause, Cause::NotFound | Cause::MethodNotAllowed) => Cause::BaseUrlWrong,
        _ => cause,
    })
}

fn is_about_the_token(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::NoCredentials | Cause::SchemeWrong | Cause::TokenUnknown | Cause::TokenWrongTenant
    ) || is_about_a_known_token(cause)
}

fn is_about_a_known_token(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::TokenExpired
            | Cause::TokenRevoked
            | Cause::AddressNotAllowed
            | Cause::ScopeMissing
            | Cause::ConnectionPaused
            | Cause::TenantSuspended
    )
}

/// A call as tests of a connection make it: a read with a good token.
fn reads(entry: &Entry) -> bool {
    let wrong_url = cause(entry) == Some(Cause::BaseUrlWrong);
    // Asking for one that is not there is no test, and no mistake.
    let is_read = !entry.operation.is_write() && entry.operation != Operation::Get;
    entry.connection.is_some()
        && !cause(entry).is_some_and(is_about_the_token)
        && (is_read || wrong_url)
}

fn is(entry: &Entry, operation: Operation, kind: &str) -> bool {
    entry.operation == operation && entry.resource_type.as_deref() == Some(kind)
}

/// True for a change after which a user was inactive or gone.
fn deactivates(entry: &Entry) -> bool {
    if entry.status >= 400 || entry.resource_type.as_deref() != Some("User") {
        return false;
    }
    let read = |body: &Body| serde_json::from_slice::<Value>(body.bytes());
    match entry.operation {
        Operation::Delete => true,
        // Without a body only a PATCH of nothing but `active` is answered, so what it says is about that.
        Operation::Patch if entry.status == 204 => {
            read(&entry.request_body).is_ok_and(|body| says_false(&body))
        }
        Operation::Replace | Operation::Patch => {
            read(&entry.response_body).is_ok_and(|body| body["active"] == false)
        }
        _ => false,
    }
}

/// True if there is a `false` in it; Entra sends `"False"`.
fn says_false(value: &Value) -> bool {
    match value {
        Value::Bool(value) => !value,
        Value::String(text) => text.eq_ignore_ascii_case("false"),
        Value::Array(values) => values.iter().any(says_false),
        Value::Object(members) => members.values().any(says_false),
        Value::Null | Value::Number(_) => false,
    }
}

/// What went wrong, once for each cause, the latest first.
fn troubles(entries: &[Entry], words: &Words) -> Vec<Trouble> {
    let mut found: Vec<Trouble> = Vec::new();
    for entry in entries.iter().rev().filter(|entry| entry.cause.is_some()) {
        let code = cause(entry).map_or("", Cause::as_str);
        match found.iter_mut().find(|known| known.cause == code) {
            Some(known) => known.count += 1,
            None => found.push(trouble(entry, words)),
        }
    }
    found
}

fn trouble(entry: &Entry, words: &Words) -> Trouble {
    let cause = cause(entry).unwrap_or(Cause::Internal);
    Trouble {
        cause: cause.as_str(),
        what: what(entry, cause),
        fix: fix(cause, words),
        at: entry.at,
        count: 1,
        request: entry.request.to_string(),
    }
}

/// The answer's words may name somebody, and are masked where the viewer may not see that.
fn what(entry: &Entry, cause: Cause) -> String {
    match cause {
        Cause::BaseUrlWrong if entry.path.contains(['@', '%']) => {
            "It asked for a path that is no endpoint.".to_owned()
        }
        Cause::BaseUrlWrong => format!("It asked for {}, which is no endpoint.", entry.path),
        Cause::TokenUnknown | Cause::TokenWrongTenant => {
            "The token is not one of this connection.".to_owned()
        }
        Cause::TokenExpired => "The token has expired.".to_owned(),
        Cause::TokenRevoked => "The token was revoked.".to_owned(),
        Cause::NoCredentials => "The request carried no token.".to_owned(),
        Cause::SchemeWrong => "The token came with another word than Bearer.".to_owned(),
        Cause::AddressNotAllowed => "The token may not be used from there.".to_owned(),
        Cause::ConnectionPaused => "The connection is paused: nothing is applied.".to_owned(),
        Cause::TenantSuspended => "The customer is suspended: nothing is applied.".to_owned(),
        _ if entry.detail.is_empty() => format!("It was answered with {}.", entry.status),
        _ => entry.detail.clone(),
    }
}

fn fix(cause: Cause, words: &Words) -> String {
    let Words {
        url,
        token,
        test,
        identifier,
        ..
    } = words;
    match cause {
        Cause::BaseUrlWrong => format!(
            "End {url} at /scim/v2, without /Users or /Groups: they are added by themselves."
        ),
        Cause::NoCredentials => {
            format!("Paste the token at {token}, with bearer (HTTP header) authentication.")
        }
        Cause::SchemeWrong => {
            format!("Choose bearer (HTTP header) authentication, and paste the token alone at {token}.")
        }
        Cause::TokenUnknown | Cause::TokenWrongTenant => format!(
            "Paste a token of this connection at {token}, whole, with the values of this page."
        ),
        Cause::TokenExpired | Cause::TokenRevoked => {
            format!("Make a new token on this page, paste it at {token}, then {test}.")
        }
        Cause::AddressNotAllowed => {
            "Whoever runs this server allows the address at the token, or makes another one.".to_owned()
        }
        Cause::ScopeMissing => format!("Paste a token with scope scim at {token}."),
        Cause::ConnectionPaused => {
            "Resume the connection; the identity provider then tries again.".to_owned()
        }
        Cause::TenantSuspended => "Whoever runs this server resumes the customer.".to_owned(),
        Cause::DomainNotAllowed => {
            "Correct the person's address, or have its domain added to the connection.".to_owned()
        }
        Cause::InvalidFilter => format!(
            "Look at {identifier}: it holds a word that no attribute has. Write it as this page says."
        ),
        Cause::Uniqueness => {
            "Another one has this name or address. Rename one of them in the identity provider.".to_owned()
        }
        Cause::ReactivationConflict => {
            "An inactive user holds this name. The same person: reactivate that user. Another one: rename it."
                .to_owned()
        }
        Cause::UnknownMember => "Assign the members to the app first, then send the group again.".to_owned(),
        other => other.meaning().to_owned(),
    }
}

#[cfg(test)]
mod tests;
