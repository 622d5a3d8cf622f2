//! What happened to a user or team, line by line, as pages show it.

use provisor_store::{Cause, Event, Id, Tenant, event::EventKind, log::Entry};
use scim::{Map, Value};

use super::{called::Called, eyes::Eyes, moment::Moment};
use crate::why::{Gathered, who};

/// Lines of the timeline.
const TOLD: usize = 30;
/// Members told of one change of a team.
const MEMBERS: usize = 5;
/// Characters of a value in the timeline.
const SHOWN: usize = 200;

/// An event or a request in the timeline.
pub(super) struct Line {
    pub(super) at: Moment,
    order: i64,
    pub(super) tone: &'static str,
    pub(super) title: String,
    pub(super) tag: String,
    pub(super) text: String,
    /// Whom it is about, beside the title.
    pub(super) about: Option<Piece>,
    pub(super) before: Vec<Piece>,
    pub(super) after: Vec<Piece>,
    pub(super) link: Option<String>,
}

/// A piece of a line, which may lead to a page.
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) link: Option<String>,
}

impl Piece {
    fn plain(text: String) -> Self {
        Self { text, link: None }
    }
}

/// Events and requests about the user, and its teams, newest first.
pub(super) fn lines(
    gathered: &Gathered,
    tenant: &Tenant,
    called: &Called,
    eyes: Eyes,
    now: i64,
) -> Vec<Line> {
    let events = gathered
        .events
        .iter()
        .map(|event| of_event(event, tenant, called, eyes, now));
    let id = gathered.known().map(|user| user.id.to_string());
    let memberships = gathered.memberships.iter();
    let memberships =
        memberships.map(|event| of_membership(event, tenant, called, id.as_deref(), now));
    let events = events.chain(memberships);
    let made = |entry: &Entry| {
        let request = entry.request.to_string();
        gathered.events.iter().any(|event| event.request == request)
    };
    let requests = gathered.log.iter().flat_map(|log| &log.requests);
    let requests = requests
        .filter(|logged| !made(&logged.entry))
        .map(|logged| of_request(&logged.entry, now));
    let mut lines: Vec<Line> = events.chain(requests).collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.order));
    lines.truncate(TOLD);
    lines
}

pub(super) fn of_event(
    event: &Event,
    tenant: &Tenant,
    called: &Called,
    eyes: Eyes,
    now: i64,
) -> Line {
    let (tone, title) = match event.kind {
        EventKind::Created => ("ok", "Created"),
        EventKind::Updated => ("ok", "Changed"),
        EventKind::Deactivated => ("warn", "Deactivated"),
        EventKind::Reactivated => ("ok", "Reactivated"),
        EventKind::Deleted => ("err", "Deleted"),
        EventKind::Restored => ("ok", "Restored"),
        EventKind::Erased => ("err", "Erased"),
        EventKind::MembersChanged => ("ok", "Members changed"),
    };
    let (before, after) = match event.kind {
        EventKind::MembersChanged => {
            let told = |list| members(event, list, tenant, called);
            (told("removed"), told("added"))
        }
        _ => difference(event, eyes),
    };
    Line {
        at: Moment::new(event.at, now),
        order: event.at,
        tone,
        title: title.to_owned(),
        tag: format!("event {}", event.seq),
        text: format!("By {}.", who(event)),
        about: None,
        before,
        after,
        link: log_link(event),
    }
}

/// A team took the user in, or let the user go.
fn of_membership(
    event: &Event,
    tenant: &Tenant,
    called: &Called,
    user: Option<&str>,
    now: i64,
) -> Line {
    let came = listed(event, "added").any(|id| Some(id) == user);
    let name = event
        .document
        .as_ref()
        .and_then(|team| team["displayName"].as_str());
    Line {
        at: Moment::new(event.at, now),
        order: event.at,
        tone: if came { "ok" } else { "warn" },
        title: match came {
            true => "Added to team",
            false => "Removed from team",
        }
        .to_owned(),
        tag: format!("event {}", event.seq),
        text: format!("By {}.", who(event)),
        about: Some(Piece {
            text: name.map_or_else(|| event.resource.to_string(), str::to_owned),
            // A team that is gone has no page.
            link: called
                .get(tenant.id, event.resource)
                .and_then(|team| team.link.clone()),
        }),
        before: Vec::new(),
        after: Vec::new(),
        link: log_link(event),
    }
}

/// The ids that an event lists.
fn listed<'e>(event: &'e Event, list: &str) -> impl Iterator<Item = &'e str> {
    let ids = event.detail.get(list).and_then(Value::as_array);
    ids.into_iter().flatten().filter_map(Value::as_str)
}

/// The members that [`of_event`] tells of by their names.
pub(super) fn told_members(event: &Event) -> impl Iterator<Item = Id> {
    let told = |list| listed(event, list).take(MEMBERS);
    told("removed")
        .chain(told("added"))
        .filter_map(|id| id.parse().ok())
}

/// Members that came or went, by their names.
fn members(event: &Event, list: &str, tenant: &Tenant, called: &Called) -> Vec<Piece> {
    let told = listed(event, list).take(MEMBERS).map(|id| {
        let known = id.parse().ok().and_then(|id| called.get(tenant.id, id));
        match known {
            Some(named) => Piece {
                text: named.name.clone(),
                link: named.link.clone(),
            },
            None => Piece::plain(format!("{id}, who is gone")),
        }
    });
    let more = listed(event, list).count().saturating_sub(MEMBERS);
    let more = (more > 0).then(|| Piece::plain(format!("and {more} more")));
    told.chain(more).collect()
}

/// What an update took and gave, one line for each attribute.
fn difference(event: &Event, eyes: Eyes) -> (Vec<Piece>, Vec<Piece>) {
    let changed = event.detail.get("changed").and_then(Value::as_array);
    let names: Vec<&str> = changed
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let object = |value: Option<&Value>| value.and_then(Value::as_object).cloned();
    let previous = object(event.detail.get("previous")).unwrap_or_default();
    let current = object(event.document.as_ref()).unwrap_or_default();
    let now: Map<String, Value> = names
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), value_at(&current, name)?.clone())))
        .collect();
    let (previous, now) = (eyes.attributes(previous), eyes.attributes(now));
    let lines = |values: &Map<String, Value>| {
        let known = names
            .iter()
            .filter_map(|name| Some((*name, values.get(*name)?)));
        known
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| Piece::plain(format!("{name}: {}", short(&value.to_string()))))
            .collect()
    };
    (lines(&previous), lines(&now))
}

fn value_at<'v>(attributes: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    attributes.get(name).or_else(|| {
        let (urn, attribute) = name.rsplit_once(':')?;
        attributes.get(urn)?.get(attribute)
    })
}

/// At most so much of a text that a line stays a line.
pub(super) fn short(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn of_request(entry: &Entry, now: i64) -> Line {
    let cause = entry.cause.map(|cause| format!(" {cause}"));
    let tone = match entry.status {
        0..400 => "",
        _ if entry.cause == Some(Cause::NotFound) => "",
        _ => "err",
    };
    Line {
        at: Moment::new(entry.at, now),
        order: entry.at,
        tone,
        title: match entry.status {
            0..400 => format!("Request: {}", entry.operation.as_str()),
            _ => format!("Refused: {}", entry.operation.as_str()),
        },
        tag: format!("{}{}", entry.status, cause.unwrap_or_default()),
        text: match entry.detail.as_str() {
            // The path of a refused request may hold anything, a name too.
            "" if entry.status >= 400 => entry.method.clone(),
            "" => format!("{} {}", entry.method, entry.path),
            detail => detail.to_owned(),
        },
        about: None,
        before: Vec::new(),
        after: Vec::new(),
        link: Some(format!("/log/{}", entry.request)),
    }
}

/// Where the log shows the request that made an event. What people and the API did is not in it.
fn log_link(event: &Event) -> Option<String> {
    let is_logged = event.connection.is_some();
    is_logged.then(|| format!("/log/{}", event.request))
}
