//! One person: role and tenants, sessions, open links.

use askama::Template;
use axum::response::Response;
use provisor_store::{
    Change, LinkId, PeopleChange, Person, Purpose, Role, Session, SessionId, TenantId,
};

use super::{
    Action, change, invite, named, only_owner, path,
    tenants::{self, Choice, Names},
};
use crate::console::{
    Problem,
    layout::{Flash, Layout},
    moment::Moment,
    settings,
    visit::Visit,
};

#[derive(Template)]
#[template(path = "people/show.html")]
struct Page {
    layout: Layout,
    path: String,
    email: String,
    name: String,
    role: &'static str,
    created: Moment,
    has_password: bool,
    is_viewer: bool,
    is_only_owner: bool,
    /// Keys of the tenants, where they are named.
    tenants: Option<Vec<String>>,
    roles: Vec<invite::RoleChoice>,
    choice: Choice,
    sessions: Vec<settings::Row>,
    links: Vec<OpenLink>,
    may_change: bool,
    error: Option<String>,
}

/// A link that nobody has used.
struct OpenLink {
    id: LinkId,
    kind: &'static str,
    created: Moment,
    created_by: String,
    ends: Moment,
    has_ended: bool,
}

/// The page.
pub(in crate::console) async fn show(visit: Visit) -> Result<Response, Problem> {
    let person = named(&visit).await?;
    let page = page(&visit, &person, None).await?;
    visit.page(&page)
}

async fn page(visit: &Visit, person: &Person, error: Option<String>) -> Result<Page, Problem> {
    let now = visit.now();
    let is_only_owner = only_owner(visit, person).await?;
    let mut snapshot = visit.read().await?;
    let keys = Names::new(visit).of(snapshot.as_mut(), person).await?;
    let sessions = snapshot.sessions(person.id).await?;
    let links = snapshot.person_links().await?;
    drop(snapshot);
    let links = links.into_iter().filter_map(|link| {
        let kind = match link.purpose {
            Purpose::Invite(id) if id == person.id => "invitation",
            Purpose::SignIn(id) if id == person.id => "sign-in link",
            _ => return None,
        };
        Some(OpenLink {
            id: link.id,
            kind,
            created: Moment::new(link.created, now),
            ends: Moment::new(link.expires, now),
            has_ended: !link.is_good(now),
            created_by: link.created_by,
        })
    });
    let choice = match error {
        Some(_) => Choice::sent(visit).await?,
        None => Choice::new(visit, person.tenants.is_none(), &keys).await?,
    };
    let sent = error.as_ref().and(visit.form.get("role").parse().ok());
    Ok(Page {
        layout: visit.layout(&person.email, None),
        path: path(person.id),
        email: person.email.clone(),
        name: match error {
            Some(_) => visit.form.get("name").to_owned(),
            None => person.name.clone(),
        },
        role: person.role.as_str(),
        created: Moment::new(person.created, now),
        has_password: person.has_password,
        is_viewer: person.id == visit.viewer.person.id,
        is_only_owner,
        tenants: person.tenants.is_some().then_some(keys),
        roles: invite::roles(sent.unwrap_or(person.role)),
        choice,
        sessions: sessions
            .iter()
            .map(|session| settings::row(visit, session))
            .collect(),
        links: links.collect(),
        may_change: visit.viewer.may(Action::ChangePeople),
        error,
    })
}

/// Changes role, tenants and name; effective in open sessions at once.
pub(in crate::console) async fn set(visit: Visit) -> Result<Response, Problem> {
    let person = named(&visit).await?;
    let changed = match try_set(&visit, &person).await? {
        Ok(changed) => changed,
        Err(wrong) => {
            let page = page(&visit, &person, Some(wrong)).await?;
            return visit.page_again(&page);
        }
    };
    let done = format!("{} is {}.", changed.email, changed.role.as_str());
    // Who gave away their own role may not see this page any more.
    let own = changed.id == visit.viewer.person.id && changed.role != Role::Owner;
    let to = match own {
        true => "/settings".to_owned(),
        false => path(changed.id),
    };
    Ok(visit.go(&to, Some(Flash::done(done))))
}

async fn try_set(visit: &Visit, person: &Person) -> Result<Result<Person, String>, Problem> {
    let role: Role = match visit.form.get("role").parse() {
        Ok(role) => role,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let tenants = match tenants::chosen(visit, role).await? {
        Ok(tenants) => tenants,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let set = PeopleChange::Set {
        id: person.id,
        name: Some(visit.form.get("name").to_owned()),
        role: Some(role),
        tenants: Some(tenants),
    };
    change(visit, set).await
}

/// Takes a link back that nobody has used.
pub(in crate::console) async fn revoke_link(visit: Visit) -> Result<Response, Problem> {
    let person = named(&visit).await?;
    let id = visit.parameter("link").parse().map(LinkId).ok();
    let links = visit.read().await?.person_links().await?;
    let mut own = links.iter().filter(
        |link| matches!(link.purpose, Purpose::Invite(id) | Purpose::SignIn(id) if id == person.id),
    );
    let link = own.find(|link| Some(link.id) == id);
    let id = link.ok_or_else(|| Problem::missing("link"))?.id;
    let change = Change::People(PeopleChange::RevokeLink { id });
    visit.write(TenantId::SYSTEM, change).await?;
    let done = "The link is taken back. Nobody can use it any more.";
    Ok(visit.go(&path(person.id), Some(Flash::done(done))))
}

/// Ends one of a person's sessions, or all of them.
pub(in crate::console) async fn end_sessions(visit: Visit) -> Result<Response, Problem> {
    let person = named(&visit).await?;
    let open = visit.read().await?.sessions(person.id).await?;
    let mut ending: Vec<&Session> = match visit.parameter("session") {
        "all" => open.iter().collect(),
        number => {
            let id = number.parse().map(SessionId).ok();
            let one = open.iter().find(|session| Some(session.id) == id);
            vec![one.ok_or_else(|| Problem::missing("session"))?]
        }
    };
    // One's own is the last: it is what the others are ended with.
    ending.sort_by_key(|session| session.id == visit.viewer.session.id);
    for session in &ending {
        let change = Change::People(PeopleChange::EndSession { id: session.id });
        visit.write(TenantId::SYSTEM, change).await?;
    }
    let done = match ending.len() {
        1 => "The session is ended.".to_owned(),
        count => format!("{count} sessions are ended."),
    };
    Ok(visit.go(&path(person.id), Some(Flash::done(done))))
}
