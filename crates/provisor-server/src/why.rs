//! Why a user is there, inactive, gone or was never there: the verdict, from directory, events and sync log.
//!
//! A pure function of what was read: whoever asks, and wherever, hears the same.

mod gather;
mod path;

use provisor_store::{
    Cause, Connection, Event, RequestId, Stored,
    event::EventKind,
    log::{Gap, GapKind, Logged, Seen, Window},
};
use scim::{Value, datetime::format_millis};
use serde_json::json;

pub use gather::{Gathered, Log, users_called};
pub use path::{Step, Went, last as last_change};

/// Everything that is known about a name.
#[derive(Debug, Clone, Default)]
pub struct Facts<'f> {
    /// As it was asked for: e-mail, userName, externalId or id.
    pub name: &'f str,
    /// What the user is called, if only the log knows the user by `name`.
    pub called: Option<&'f str>,
    /// The user with this name, if there is one.
    pub user: Option<&'f Stored>,
    /// The deleted user with this name, if it can still be restored, and when it was deleted.
    pub tombstone: Option<(&'f Stored, i64)>,
    /// Events of that user, newest first.
    pub events: &'f [Event],
    /// Requests in the log that name it, newest first.
    pub requests: &'f [Logged],
    /// When requests spoke of it, counted ones too.
    pub seen: Option<Seen>,
    /// What the log speaks for; `None` if there is no log.
    pub window: Option<&'f Window>,
    /// When the tenant's last request arrived, whatever it was about.
    pub last_request: Option<i64>,
    /// The tenant's connections.
    pub connections: &'f [Connection],
}

/// In one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// In the directory and active.
    Active,
    /// In the directory and inactive.
    Inactive,
    /// Deleted, and can be restored.
    Deleted,
    /// Not active, because the last request was refused.
    Refused,
    /// Was sent once; nobody has the name now.
    Gone,
    /// Asked for, never created.
    LookedUp,
    /// No request named it, and the log has no hole it could have slipped through.
    NeverSent,
    /// No request in the log names it, but the log does not know everything.
    NotSeen,
}

impl State {
    /// Name in API and CLI.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Active => "active",
            State::Inactive => "inactive",
            State::Deleted => "deleted",
            State::Refused => "refused",
            State::Gone => "gone",
            State::LookedUp => "looked_up",
            State::NeverSent => "never_sent",
            State::NotSeen => "not_seen",
        }
    }
}

/// The answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// In one word.
    pub state: State,
    /// In plain words, for whoever has the customer on the phone.
    pub sentence: String,
    /// Why the last request was refused, if it was.
    pub cause: Option<Cause>,
    /// The request that was refused.
    pub refused: Option<RequestId>,
    /// Since when it is so, in milliseconds since 1970.
    pub since: Option<i64>,
    /// What it rests on, newest first.
    pub evidence: Vec<Evidence>,
    /// What to do.
    pub advice: Vec<String>,
}

/// One thing the verdict rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// What.
    pub text: String,
    /// The request, to look it up in the log.
    pub request: Option<String>,
}

/// Events and requests that are told; more are in feed and log.
const TOLD: usize = 10;

impl Verdict {
    /// Decides.
    pub fn of(facts: &Facts<'_>) -> Verdict {
        let refusal = facts.standing_refusal();
        let (state, since, mut sentence) = match (facts.user, facts.tombstone) {
            (Some(user), _) => present(facts, user),
            (None, Some((_, at))) => (State::Deleted, Some(at), deleted(facts, at)),
            (None, None) => absent(facts, refusal.is_some()),
        };
        if let Some(called) = facts.called {
            let name = facts.name;
            sentence = format!("\"{name}\" was sent as a name of \"{called}\". {sentence}");
        }
        let mut advice = advice(facts, state);
        let mut state = state;
        if let Some(refusal) = refusal {
            let entry = &refusal.entry;
            let but = if sentence.is_empty() {
                format!("\"{}\" is not in the directory:", facts.name)
            } else {
                format!("{sentence} But")
            };
            sentence = format!(
                "{but} the last request about it ({}) was refused at {} with {}{}.",
                entry.operation.as_str(),
                format_millis(entry.at),
                entry.status,
                entry
                    .cause
                    .map(|cause| format!(" ({cause})"))
                    .unwrap_or_default(),
            );
            if state != State::Active {
                state = State::Refused;
            }
            advice = entry
                .cause
                .map(|cause| cause.meaning().to_owned())
                .into_iter()
                .collect();
        }
        Verdict {
            state,
            sentence,
            cause: refusal.and_then(|refusal| refusal.entry.cause),
            refused: refusal.map(|refusal| refusal.entry.request),
            since: match (state, refusal) {
                (State::Refused, Some(refusal)) => Some(refusal.entry.at),
                _ => since,
            },
            evidence: evidence(facts, state),
            advice,
        }
    }

    /// The form of API and CLI.
    pub fn to_json(&self) -> Value {
        json!({
            "state": self.state.as_str(),
            "sentence": self.sentence,
            "cause": self.cause.map(Cause::as_str),
            "since": self.since.map(format_millis),
            "evidence": self.evidence.iter().map(|evidence| json!({
                "at": format_millis(evidence.at),
                "text": evidence.text,
                "request": evidence.request,
            })).collect::<Vec<_>>(),
            "advice": self.advice,
        })
    }
}

impl Facts<'_> {
    /// The newest refusal that no later success has outlived. That a read found nothing is no
    /// refusal: an identity provider asks before it creates.
    fn standing_refusal(&self) -> Option<&Logged> {
        let changed = self.events.first().map_or(i64::MIN, |event| event.at);
        self.requests
            .iter()
            .take_while(|logged| logged.entry.at >= changed)
            .take_while(|logged| !(logged.entry.operation.is_write() && logged.entry.status < 400))
            .find(|logged| {
                let entry = &logged.entry;
                entry.status >= 400
                    && (entry.operation.is_write() || entry.cause != Some(Cause::NotFound))
            })
    }

    /// What the directory calls the user.
    fn current_name(&self) -> &str {
        self.called.unwrap_or(self.name)
    }

    fn newest(&self, kinds: &[EventKind]) -> Option<&Event> {
        self.events.iter().find(|event| kinds.contains(&event.kind))
    }
}

fn present(facts: &Facts<'_>, user: &Stored) -> (State, Option<i64>, String) {
    let document: Value = serde_json::from_slice(&user.document).unwrap_or_default();
    let name = facts.current_name();
    // `active` is true unless it says otherwise, as when the user was made.
    if document.get("active") != Some(&Value::Bool(false)) {
        let begun = facts.newest(&[
            EventKind::Created,
            EventKind::Reactivated,
            EventKind::Restored,
        ]);
        let since = begun.map_or(user.created, |event| event.at);
        let mut sentence = format!(
            "\"{name}\" is in the directory and active since {}.",
            format_millis(since)
        );
        if let Some(last) = facts.events.first() {
            sentence.push_str(&format!(
                " Last change: {} at {} by {}.",
                last.kind.as_str(),
                format_millis(last.at),
                who(last)
            ));
        }
        return (State::Active, Some(since), sentence);
    }
    match facts.newest(&[EventKind::Deactivated, EventKind::Created]) {
        Some(event) if event.kind == EventKind::Deactivated => (
            State::Inactive,
            Some(event.at),
            format!(
                "\"{name}\" is in the directory, but inactive since {}: set so by {}.",
                format_millis(event.at),
                who(event)
            ),
        ),
        event => {
            let since = event.map_or(user.created, |event| event.at);
            let by = event
                .map(|event| format!(" by {}", who(event)))
                .unwrap_or_default();
            let sentence = format!(
                "\"{name}\" is in the directory, but inactive since it was created at {}{by}.",
                format_millis(since)
            );
            (State::Inactive, Some(since), sentence)
        }
    }
}

fn deleted(facts: &Facts<'_>, at: i64) -> String {
    let by = facts
        .newest(&[EventKind::Deleted])
        .map(|event| format!(" by {}", who(event)))
        .unwrap_or_default();
    format!(
        "\"{}\" was deleted at {}{by}. It can still be restored.",
        facts.current_name(),
        format_millis(at)
    )
}

fn absent(facts: &Facts<'_>, refused: bool) -> (State, Option<i64>, String) {
    let name = facts.name;
    if refused {
        return (State::Refused, None, String::new());
    }
    let sent = facts
        .requests
        .iter()
        .find(|logged| logged.entry.operation.is_write() && logged.entry.status < 400);
    if let Some(sent) = sent {
        let entry = &sent.entry;
        let sentence = format!(
            "\"{name}\" was sent, last at {} ({}, answered {}), but nobody has this name now: the user was renamed, erased, or deleted longer ago than can be restored.",
            format_millis(entry.at),
            entry.operation.as_str(),
            entry.status
        );
        return (State::Gone, Some(entry.at), sentence);
    }
    let oldest = facts.requests.last().map(|logged| logged.entry.at);
    let newest = facts.requests.first().map(|logged| logged.entry.at);
    let first = facts.seen.map(|seen| seen.first).or(oldest);
    let last = facts.seen.map(|seen| seen.last).max(newest);
    if let (Some(first), Some(last)) = (first, last) {
        let count = facts.seen.map_or(0, |seen| seen.count);
        let count = count.max(facts.requests.len() as u64);
        let times = match count {
            1 => "once".to_owned(),
            count => format!("{count} times"),
        };
        let sentence = format!(
            "\"{name}\" was asked for {times}, last at {}, and never created: the identity provider looked and then did not create the user.",
            format_millis(last)
        );
        return (State::LookedUp, Some(first.min(last)), sentence);
    }
    let Some(window) = facts.window else {
        let sentence = format!(
            "\"{name}\" is not in the directory, and there is no sync log that could say whether it was ever sent."
        );
        return (State::NotSeen, None, sentence);
    };
    let last = match facts.last_request {
        Some(at) => format!("The tenant's last request came at {}.", format_millis(at)),
        None => "The tenant has had no request at all in this time.".to_owned(),
    };
    let (from, to) = (format_millis(window.from), format_millis(window.to));
    if window.is_proof() {
        let sentence = format!(
            "\"{name}\" was never sent from {from} to {to}: no request of that time named it, and the log of it is complete. {last}"
        );
        return (State::NeverSent, None, sentence);
    }
    let holes = window.gaps.iter().filter(|gap| window.is_hole(gap)).count();
    let holes = match holes {
        1 => "one gap".to_owned(),
        holes => format!("{holes} gaps"),
    };
    let sentence = format!(
        "\"{name}\" was not seen: no request in the log names it from {from} to {to}, but the log has {holes} in which it could have been sent. {last}"
    );
    (State::NotSeen, None, sentence)
}

/// Who made an event, in words.
pub(crate) fn who(event: &Event) -> String {
    match (&event.connection, &event.token, &event.actor) {
        (Some(connection), Some(token), _) => format!("connection \"{connection}\" ({token})"),
        (Some(connection), None, _) => format!("connection \"{connection}\""),
        (None, Some(token), _) => format!("token {token}"),
        (None, None, Some(actor)) => actor.clone(),
        (None, None, None) => "the server".to_owned(),
    }
}

fn evidence(facts: &Facts<'_>, state: State) -> Vec<Evidence> {
    let events = facts.events.iter().take(TOLD).map(|event| Evidence {
        at: event.at,
        text: format!(
            "{} (event {}) by {}",
            event.type_name(),
            event.seq,
            who(event)
        ),
        request: Some(event.request.clone()),
    });
    // A successful write stands among the events already.
    let told = |logged: &&Logged| {
        let entry = &logged.entry;
        facts.events.is_empty() || !(entry.operation.is_write() && entry.status < 400)
    };
    let requests = facts.requests.iter().filter(told).take(TOLD).map(|logged| {
        let entry = &logged.entry;
        let mut text = format!("{} answered {}", entry.operation.as_str(), entry.status);
        if let Some(cause) = entry.cause {
            text.push_str(&format!(" ({cause})"));
        }
        if !entry.detail.is_empty() {
            text.push_str(&format!(": {}", entry.detail));
        }
        Evidence {
            at: entry.at,
            text,
            request: Some(entry.request.to_string()),
        }
    });
    let mut evidence: Vec<Evidence> = events.chain(requests).collect();
    evidence.sort_by_key(|evidence| std::cmp::Reverse(evidence.at));
    if matches!(state, State::NeverSent | State::NotSeen | State::LookedUp)
        && let Some(window) = facts.window
    {
        evidence.extend(window.gaps.iter().map(|gap| Evidence {
            at: gap.from,
            text: gap_in_words(gap),
            request: None,
        }));
    }
    evidence
}

pub(crate) fn gap_in_words(gap: &Gap) -> String {
    let what = match gap.kind {
        GapKind::Stopped => "the server was stopped and received nothing",
        GapKind::Crashed => "the server ended without notice; the last entries before may be lost",
        GapKind::Dropped => "entries were dropped: more came than could be written",
        GapKind::NamesDropped => {
            "names in counted reads were dropped: more came than could be written"
        }
        GapKind::Counted => "reads were counted without their bodies; their names are known",
        GapKind::Retention => "entries were removed: their time was over",
        GapKind::Size => "entries were removed: the log had reached its size",
        GapKind::Replaced => "the log's file was damaged and a new one begun",
    };
    let count = gap
        .count
        .map(|count| format!(" ({count})"))
        .unwrap_or_default();
    format!("until {}: {what}{count}", format_millis(gap.to))
}

fn advice(facts: &Facts<'_>, state: State) -> Vec<String> {
    let texts: &[&str] = match state {
        State::Active | State::Refused => &[],
        State::Inactive => &[
            "To let the person in again, assign them again in the identity provider. `provisor user activate` does it here, until the identity provider says otherwise.",
        ],
        State::Deleted => &[
            "`provisor user restore` brings the user back with its teams, while its userName is free.",
        ],
        State::Gone => &["`provisor log list --name` shows what was sent under this name."],
        State::LookedUp | State::NeverSent | State::NotSeen => return unsent(facts),
    };
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// What to look at in the identity provider when a user did not come.
fn unsent(facts: &Facts<'_>) -> Vec<String> {
    let mut advice = Vec::new();
    if facts.connections.is_empty() {
        advice.push(
            "The tenant has no connection yet. Make one with `provisor connection create`."
                .to_owned(),
        );
    }
    for connection in facts.connections.iter().filter(|one| one.paused) {
        advice.push(format!(
            "The connection \"{}\" is paused: resume it with `provisor connection resume`.",
            connection.name
        ));
    }
    let mut idps: Vec<&str> = facts.connections.iter().map(|one| &*one.idp).collect();
    idps.sort_unstable();
    idps.dedup();
    for idp in idps {
        advice.push(match idp {
            "okta" => "In Okta: is the person assigned to the app (Assignments)? Is Create Users on (Provisioning, To App)? Who was assigned before provisioning was switched on needs Provision User. Does the Application username format (Sign On) give the name you asked for? Dashboard, Tasks shows what failed.",
            "entra" => "In Entra ID: is the person in scope (Users and groups, scoping filters)? Try Provision on demand; Provisioning logs say why somebody was skipped. A cycle takes up to 40 minutes.",
            "onelogin" => "In OneLogin: does the person have the app, and does an action wait for approval (Users, Provisioning)?",
            _ => "In the identity provider: is the person assigned to the app, and is creating users switched on?",
        }.to_owned());
    }
    advice
}

#[cfg(test)]
mod tests;
