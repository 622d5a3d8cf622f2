//! `/settings/people`: who may sign in, as what, where, and who was here.

pub(super) mod invite;
pub(super) mod remove;
pub(super) mod show;
mod tenants;

use std::collections::HashMap;

use askama::Template;
use axum::response::Response;
use provisor_store::{
    Change, Link, Outcome, PeopleChange, Person, PersonId, Purpose, Role, Snapshot, TenantId,
    people::Presence,
};

use super::{
    Action, Problem,
    layout::Layout,
    moment::{DAY, Moment},
    settings,
    users::show::Tab,
    visit::Visit,
};
use tenants::Names;

/// Where everybody is listed.
const PEOPLE: &str = "/settings/people";
/// How long an invitation is good for.
const INVITATION: i64 = 7 * DAY;
/// How long a sign-in link is good for.
const SIGN_IN: i64 = DAY / 24;

/// What a role is for, in the form's words.
fn meaning(role: Role) -> &'static str {
    match role {
        Role::Owner => "everything, people too; always in all tenants",
        Role::Operator => "everything but people",
        Role::Support => "finds out why; personal values masked, no tokens",
        Role::Auditor => "sees, and changes nothing",
    }
}

#[derive(Template)]
#[template(path = "people/list.html")]
struct Page {
    layout: Layout,
    tabs: Vec<Tab>,
    rows: Vec<Row>,
    may_change: bool,
}

/// A person as pages show them.
struct Row {
    id: PersonId,
    email: String,
    name: String,
    role: &'static str,
    tenants: Vec<String>,
    has_all: bool,
    seen: Option<Moment>,
    sessions: u64,
    invitation: Option<Invitation>,
}

/// An invitation that nobody has used yet.
struct Invitation {
    ends: Moment,
    has_ended: bool,
}

impl Row {
    fn path(&self) -> String {
        path(self.id)
    }
}

fn path(person: PersonId) -> String {
    format!("{PEOPLE}/{person}")
}

/// Everybody of whom the viewer may know.
pub(super) async fn list(visit: Visit) -> Result<Response, Problem> {
    let now = visit.now();
    let mut snapshot = visit.read().await?;
    let people = known(&visit, snapshot.as_mut()).await?;
    let presences = snapshot.presences().await?;
    let presences: HashMap<PersonId, Presence> = presences
        .into_iter()
        .map(|presence| (presence.person, presence))
        .collect();
    let links = snapshot.person_links().await?;
    let mut names = Names::new(&visit);
    let mut rows = Vec::with_capacity(people.len());
    for person in people {
        let presence = presences.get(&person.id);
        rows.push(Row {
            id: person.id,
            role: person.role.as_str(),
            has_all: person.tenants.is_none(),
            tenants: names.of(snapshot.as_mut(), &person).await?,
            seen: presence.map(|presence| Moment::new(presence.last_seen, now)),
            sessions: presence.map_or(0, |presence| presence.sessions),
            invitation: invitation(&person, &links, now),
            email: person.email,
            name: person.name,
        });
    }
    drop(snapshot);
    visit.page(&Page {
        layout: visit.layout("People", None),
        tabs: settings::tabs(&visit, PEOPLE),
        rows,
        may_change: visit.viewer.may(Action::ChangePeople),
    })
}

/// Everybody who may see a tenant that the viewer sees.
async fn known(visit: &Visit, snapshot: &mut dyn Snapshot) -> Result<Vec<Person>, Problem> {
    let mut people = snapshot.people().await?;
    if let Some(own) = visit.viewer.tenants() {
        people.retain(|person| own.iter().any(|tenant| person.covers(*tenant)));
    }
    Ok(people)
}

/// The latest invitation, of who has not signed in by one yet.
fn invitation(person: &Person, links: &[Link], now: i64) -> Option<Invitation> {
    let mut own = links
        .iter()
        .filter(|link| link.purpose == Purpose::Invite(person.id));
    let latest = own.next().filter(|_| !person.has_password)?;
    Some(Invitation {
        ends: Moment::new(latest.expires, now),
        has_ended: !latest.is_good(now),
    })
}

/// The person that the path names.
async fn named(visit: &Visit) -> Result<Person, Problem> {
    let id = visit.parameter("person").parse().map(PersonId).ok();
    let mut snapshot = visit.read().await?;
    let people = known(visit, snapshot.as_mut()).await?;
    let mut people = people.into_iter();
    people
        .find(|person| Some(person.id) == id)
        .ok_or_else(|| Problem::missing("person"))
}

/// True if nobody can take this person's role away.
async fn only_owner(visit: &Visit, person: &Person) -> Result<bool, Problem> {
    let mut snapshot = visit.read().await?;
    let people = snapshot.people().await?;
    let presences = snapshot.presences().await?;
    let links = snapshot.person_links().await?;
    Ok(person.is_only_owner(&people, &presences, &links, visit.now()))
}

/// Changes a person; a refusal is a sentence to show.
async fn change(visit: &Visit, change: PeopleChange) -> Result<Result<Person, String>, Problem> {
    let change = Change::People(change);
    match visit.try_write(TenantId::SYSTEM, change).await? {
        Ok(Outcome::Person(person)) => Ok(Ok(person)),
        Ok(other) => Err(Problem::internal(&format!("{other:?} is no person"))),
        Err(wrong) => Ok(Err(wrong)),
    }
}
