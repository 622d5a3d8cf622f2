//! The answer to "why": verdict, path of the last change and timeline, as pages show them.

use provisor_store::{
    Cause, Event, RequestId, TenantId,
    event::EventKind,
    log::{Entry, Window},
};
use scim::{Map, Value, datetime::format_millis};

use super::{Console, Problem, ROUTES, eyes::Eyes, moment::Moment};
use crate::why::{Gathered, State, Step, Verdict, Went, gap_in_words, last_change, who};

/// Lines of the timeline.
const TOLD: usize = 30;
/// Members told of one change of a team.
const MEMBERS: usize = 5;
/// Characters of a value in the timeline.
const SHOWN: usize = 200;

/// All about a name.
pub(super) struct Explained {
    pub(super) verdict: Verdict,
    /// `ok`, `warn`, `err` or nothing.
    pub(super) tone: &'static str,
    pub(super) title: &'static str,
    pub(super) meaning: Option<&'static str>,
    pub(super) since: Option<Moment>,
    pub(super) steps: Vec<StepShown>,
    pub(super) lines: Vec<Line>,
    /// Where the log is asked for a name that nobody sent.
    pub(super) proof: Option<Proof>,
    /// Things to look at in each identity provider.
    pub(super) checks: Vec<Check>,
}

pub(super) struct StepShown {
    pub(super) step: Step,
    /// The whole time.
    pub(super) at: Option<String>,
}

impl StepShown {
    /// The time of day, to the millisecond: steps lie close together.
    pub(super) fn clock(&self) -> &str {
        self.at
            .as_deref()
            .and_then(|at| at.get(11..23))
            .unwrap_or_default()
    }

    pub(super) fn class(&self) -> &'static str {
        match self.step.went {
            Went::Well => "ok",
            Went::Wrong => "err",
            Went::Nowhere => "none",
        }
    }

    pub(super) fn mark(&self) -> &'static str {
        match self.step.went {
            Went::Well => "✓",
            Went::Wrong => "!",
            Went::Nowhere => "–",
        }
    }

    /// For who does not see the mark.
    pub(super) fn said(&self) -> &'static str {
        match self.step.went {
            Went::Well => "done",
            Went::Wrong => "refused here",
            Went::Nowhere => "not reached",
        }
    }
}

/// An event or a request in the timeline.
pub(super) struct Line {
    pub(super) at: Moment,
    order: i64,
    pub(super) tone: &'static str,
    pub(super) title: String,
    pub(super) tag: String,
    pub(super) text: String,
    pub(super) before: Vec<String>,
    pub(super) after: Vec<String>,
    pub(super) link: Option<String>,
}

/// What the log can vouch for.
pub(super) struct Proof {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) is_whole: bool,
    pub(super) gaps: Vec<Gap>,
}

pub(super) struct Gap {
    pub(super) from: String,
    pub(super) text: String,
    pub(super) hides: bool,
}

/// What to check at one identity provider.
pub(super) struct Check {
    pub(super) title: String,
    pub(super) items: Vec<&'static str>,
}

/// Reads the log's part without holding up other requests.
pub(super) async fn read_log(
    console: &Console,
    tenant: TenantId,
    mut gathered: Gathered,
) -> Result<Gathered, Problem> {
    let log = console.log.clone();
    let work = tokio::task::spawn_blocking(move || {
        // What has just arrived counts too.
        log.flush();
        let read = gathered.read_log(log.reader(), tenant);
        // Without a log the verdict says that there is none.
        if let Err(error) = read {
            tracing::warn!(%error, "the sync log cannot be asked");
        }
        gathered
    });
    work.await.map_err(|error| Problem::internal(&error))
}

/// Where the log shows a request, once there is such a page.
pub(super) fn log_link(request: &str) -> Option<String> {
    let known = ROUTES.iter().any(|route| route.path == "/log");
    known.then(|| format!("/log?q={request}"))
}

impl Explained {
    pub(super) fn new(gathered: &Gathered, eyes: Eyes, now: i64) -> Self {
        let verdict = gathered.verdict();
        let facts = gathered.facts();
        let steps = last_change(&facts).into_iter().map(|step| StepShown {
            at: step.at.map(format_millis),
            step,
        });
        let unsent = matches!(
            verdict.state,
            State::NeverSent | State::NotSeen | State::LookedUp
        );
        let (tone, title) = title(&verdict);
        Self {
            tone,
            title,
            meaning: verdict.cause.map(Cause::meaning),
            since: verdict.since.map(|at| Moment::new(at, now)),
            steps: steps.collect(),
            lines: lines(gathered, eyes, now),
            proof: facts.window.filter(|_| unsent).map(proof),
            checks: match unsent {
                true => checks(gathered),
                false => Vec::new(),
            },
            verdict,
        }
    }
}

fn title(verdict: &Verdict) -> (&'static str, &'static str) {
    match verdict.state {
        State::Active if verdict.cause.is_some() => {
            ("warn", "Active, but the last request was refused")
        }
        State::Active => ("ok", "Active"),
        State::Inactive => ("warn", "Inactive"),
        State::Deleted => ("err", "Deleted"),
        State::Refused => ("err", "The last request was refused"),
        State::Gone => ("err", "Was sent, and is gone"),
        State::LookedUp => ("warn", "Looked for, never created"),
        State::NeverSent => ("err", "Never sent"),
        State::NotSeen => ("warn", "Not seen, but the log has gaps"),
    }
}

fn lines(gathered: &Gathered, eyes: Eyes, now: i64) -> Vec<Line> {
    let events = gathered
        .events
        .iter()
        .map(|event| of_event(event, eyes, now));
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

pub(super) fn of_event(event: &Event, eyes: Eyes, now: i64) -> Line {
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
        EventKind::MembersChanged => (members(event, "removed"), members(event, "added")),
        _ => difference(event, eyes),
    };
    Line {
        at: Moment::new(event.at, now),
        order: event.at,
        tone,
        title: title.to_owned(),
        tag: format!("event {}", event.seq),
        text: format!("By {}.", who(event)),
        before,
        after,
        // The sync log has what came through connections, nothing that people or services did.
        link: event.connection.as_ref().and_then(|_| log_link(&event.request)),
    }
}

/// Members that came or went, by their ids.
fn members(event: &Event, list: &str) -> Vec<String> {
    let ids = event.detail.get(list).and_then(Value::as_array);
    let ids: Vec<&str> = ids
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let told = ids.iter().take(MEMBERS).map(|id| format!("member {id}"));
    let more = ids.len().saturating_sub(MEMBERS);
    let more = (more > 0).then(|| format!("and {more} more"));
    told.chain(more).collect()
}

/// What an update took and gave, one line for each attribute.
fn difference(event: &Event, eyes: Eyes) -> (Vec<String>, Vec<String>) {
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
            .map(|(name, value)| format!("{name}: {}", short(&value.to_string())))
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
    let request: RequestId = entry.request;
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
        before: Vec::new(),
        after: Vec::new(),
        link: log_link(&request.to_string()),
    }
}

fn proof(window: &Window) -> Proof {
    Proof {
        from: format_millis(window.from),
        to: format_millis(window.to),
        is_whole: window.is_proof(),
        gaps: window
            .gaps
            .iter()
            .map(|gap| Gap {
                from: format_millis(gap.from),
                text: gap_in_words(gap),
                hides: window.is_hole(gap),
            })
            .collect(),
    }
}

/// What to look at in the identity provider, in its own words.
fn checks(gathered: &Gathered) -> Vec<Check> {
    let connections = gathered.connections.iter();
    connections
        .map(|connection| Check {
            title: format!("{} ({})", connection.name, connection.idp),
            items: match connection.idp.as_str() {
                "okta" => vec![
                    "Assignments: is the person, or a group of theirs, assigned to the app?",
                    "Provisioning → To App: is Create Users on?",
                    "Assigned before provisioning was switched on? Then nothing is sent by itself: Assignments → Provision User.",
                    "Sign On → Application username format: does it give the name you asked for here?",
                    "Dashboard → Tasks: a failed task waits there until it is retried.",
                ],
                "entra" => vec![
                    "Users and groups: is the person assigned? With “Sync only assigned users and groups” nobody else is sent. Nested groups are not followed.",
                    "Provisioning → Mappings → Source object scope: does a scoping filter leave the person out?",
                    "Provisioning logs: search the name; “Skipped” comes with a reason.",
                    "A cycle takes up to 40 minutes; Provision on demand sends one person at once.",
                    "Is the job in quarantine? It then runs once a day.",
                ],
                "onelogin" => vec![
                    "Does the person have the app (Users → Applications)?",
                    "Users → Provisioning: does an action wait for approval?",
                    "Configuration: is the API connection enabled, and are rules and entitlements refreshed?",
                ],
                _ => vec![
                    "Is the person, or a group of theirs, assigned to the app?",
                    "Is creating users switched on?",
                    "Does the identity provider's own log of provisioning show an attempt or an error?",
                ],
            },
        })
        .collect()
}
