//! The answer to "why": verdict, path of the last change and timeline, as pages show them.

use provisor_store::{Cause, Tenant, TenantId, log::Window};
use scim::datetime::format_millis;

use super::{
    Console, Problem,
    called::Called,
    eyes::Eyes,
    moment::Moment,
    timeline::{self, Line},
    visit::Visit,
};
use crate::why::{Gathered, State, Step, Verdict, Went, gap_in_words, last_change};

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
    /// What can be told to the customer, to be copied.
    pub(super) reply: Option<String>,
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
    idp: &'static str,
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

/// The same, and whom the log leads to if the directory knows nobody of this name.
pub(super) async fn follow_log(
    console: &Console,
    tenant: TenantId,
    gathered: Gathered,
) -> Result<Vec<Gathered>, Problem> {
    let gathered = read_log(console, tenant, gathered).await?;
    let mut snapshot = console.store.read().await?;
    let found = gathered.follow_log(snapshot.as_mut(), tenant).await?;
    drop(snapshot);
    if found.is_empty() {
        return Ok(vec![gathered]);
    }
    let mut users = Vec::with_capacity(found.len());
    for user in found {
        users.push(read_log(console, tenant, user).await?);
    }
    Ok(users)
}

impl Explained {
    pub(super) async fn new(
        visit: &Visit,
        gathered: &Gathered,
        tenant: &Tenant,
    ) -> Result<Self, Problem> {
        let (now, eyes) = (visit.now(), Eyes::of(&visit.viewer));
        let teams = gathered.memberships.iter();
        let teams = teams.map(|event| (tenant, event.resource));
        let called = Called::read(visit.read().await?.as_mut(), eyes, teams).await?;
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
        let checks = match unsent {
            true => checks(gathered),
            false => Vec::new(),
        };
        Ok(Self {
            reply: reply(&verdict, &checks),
            tone,
            title,
            meaning: verdict.cause.map(Cause::meaning),
            since: verdict.since.map(|at| Moment::new(at, now)),
            steps: steps.collect(),
            lines: timeline::lines(gathered, tenant, &called, eyes, now),
            proof: facts.window.filter(|_| unsent).map(proof),
            checks,
            verdict,
        })
    }
}

/// The verdict for who has the customer on the phone; nothing if all is well.
fn reply(verdict: &Verdict, checks: &[Check]) -> Option<String> {
    if verdict.state == State::Active && verdict.cause.is_none() {
        return None;
    }
    let mut reply = verdict.sentence.clone();
    if let Some(cause) = verdict.cause {
        reply.push_str(&format!("\n\n{}", cause.meaning()));
    }
    if let Some(request) = verdict.refused {
        reply.push_str(&format!("\nThe request: {request}"));
    }
    for check in checks {
        reply.push_str(&format!("\n\nPlease check in {}:", check.idp));
        for item in &check.items {
            reply.push_str(&format!("\n- {item}"));
        }
    }
    Some(reply)
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
            idp: match connection.idp.as_str() {
                "okta" => "Okta",
                "entra" => "Entra ID",
                "onelogin" => "OneLogin",
                _ => "your identity provider",
            },
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
