//! The path of the last change: how far the last request that wanted to change a user came.

use provisor_store::{Cause, Event, log::Entry};
use scim::datetime::format_millis;

use super::{Facts, who};

/// How a step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Went {
    /// Done.
    Well,
    /// Here it was refused.
    Wrong,
    /// Not reached.
    Nowhere,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What.
    pub name: &'static str,
    /// How.
    pub went: Went,
    /// More about it.
    pub text: String,
    /// When, in milliseconds since 1970, where it is known.
    pub at: Option<i64>,
}

const NAMES: [&str; 5] = ["Received", "Read", "Matched", "Stored", "Event written"];

/// The steps of the last change; empty if no change is known. `mine` is the request's, if the log has it.
pub fn last(facts: &Facts<'_>) -> Vec<Step> {
    let write = facts
        .requests
        .iter()
        .map(|logged| &logged.entry)
        .find(|entry| entry.operation.is_write());
    let event = facts.events.first();
    match (write, event) {
        (Some(entry), Some(event)) if entry.request.to_string() == event.request => {
            of_request(facts, entry, Some(event))
        }
        // What a person did after it is not in the log of requests.
        (Some(entry), Some(event)) if event.at > entry.at => by_hand(event),
        (Some(entry), _) => of_request(facts, entry, None),
        (None, Some(event)) => by_hand(event),
        (None, None) => Vec::new(),
    }
}

fn of_request(facts: &Facts<'_>, entry: &Entry, event: Option<&Event>) -> Vec<Step> {
    let refused_at = (entry.status >= 400).then(|| step_of(entry.cause));
    let took = entry.duration_us;
    let connection = facts
        .connections
        .iter()
        .find(|known| Some(known.id) == entry.connection)
        .map(|known| format!(" through connection \"{}\"", known.name))
        .unwrap_or_default();
    let forgiven: Vec<&str> = entry.fired.set.iter().map(|one| one.as_str()).collect();
    let texts = [
        format!("{}{connection}", entry.operation.as_str()),
        match forgiven.as_slice() {
            [] => "nothing had to be forgiven".to_owned(),
            names => format!("forgiven: {}", names.join(", ")),
        },
        match entry.resource {
            Some(id) => format!("user {id}"),
            None => "no user yet".to_owned(),
        },
        format!(
            "answered {} after {}.{:03} ms",
            entry.status,
            took / 1000,
            took % 1000
        ),
        match (event, entry.events) {
            (Some(event), _) => format!("{} (event {})", event.type_name(), event.seq),
            (None, Some((first, last))) if first != last => format!("events {first} to {last}"),
            (None, Some((first, _))) => format!("event {first}"),
            (None, None) => "nothing changed, so there is none".to_owned(),
        },
    ];
    let answered = entry.at.saturating_add((took / 1000).cast_signed());
    let times = [
        Some(entry.at),
        None,
        None,
        Some(answered),
        event.map(|event| event.at),
    ];
    let steps = NAMES.into_iter().zip(texts).zip(times).enumerate();
    steps
        .map(|(number, ((name, text), at))| match refused_at {
            Some(refused) if number == refused => Step {
                name,
                went: Went::Wrong,
                text: refusal(entry),
                at: Some(answered),
            },
            Some(refused) if number > refused => Step {
                name,
                went: Went::Nowhere,
                text: String::new(),
                at: None,
            },
            _ => Step {
                name,
                went: Went::Well,
                text,
                at,
            },
        })
        .collect()
}

fn refusal(entry: &Entry) -> String {
    let cause = entry.cause.map(|cause| format!(" ({cause})"));
    let cause = cause.unwrap_or_default();
    match entry.detail.as_str() {
        "" => format!("refused with {}{cause}", entry.status),
        detail => format!("refused with {}{cause}: {detail}", entry.status),
    }
}

/// The step at which a request is refused for this reason.
fn step_of(cause: Option<Cause>) -> usize {
    use Cause::*;
    match cause {
        Some(
            NoCredentials | SchemeWrong | TokenUnknown | TokenExpired | TokenRevoked
            | TokenWrongTenant | AddressNotAllowed | ScopeMissing | ConnectionPaused
            | TenantSuspended | BaseUrlWrong | MethodNotAllowed | NotAcceptable | RateLimited
            | Overloaded | PayloadTooLarge,
        ) => 0,
        Some(
            UnsupportedMediaType | InvalidSyntax | InvalidValue | MissingRequired | InvalidFilter
            | InvalidPath | InvalidCursor | NotImplemented,
        ) => 1,
        Some(
            NotFound | NoTarget | Mutability | UnknownMember | DomainNotAllowed | Uniqueness
            | ReactivationConflict | Conflict | VersionConflict | TooMany,
        ) => 2,
        Some(ResourceTooLarge | Unavailable | ServerOutdated | Internal) | None => 3,
    }
}

/// A change that came from a person or the program itself.
fn by_hand(event: &Event) -> Vec<Step> {
    let well = |name, text: String, at| Step {
        name,
        went: Went::Well,
        text,
        at,
    };
    vec![
        well("Received", format!("from {}", who(event)), None),
        well(
            "Stored",
            format!("at {}", format_millis(event.at)),
            Some(event.at),
        ),
        well(
            "Event written",
            format!("{} (event {})", event.type_name(), event.seq),
            Some(event.at),
        ),
    ]
}
