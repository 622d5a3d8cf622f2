//! `/settings`: the viewer's own sessions and password.

use askama::Template;
use axum::response::Response;
use provisor_store::{Change, PeopleChange, SessionId, TenantId};

use super::{
    Problem,
    layout::{Flash, Layout},
    moment::Moment,
    password,
    visit::Visit,
};

#[derive(Template)]
#[template(path = "settings.html")]
struct Page {
    layout: Layout,
    sessions: Vec<Row>,
    has_password: bool,
    shortest: usize,
    error: Option<String>,
}

struct Row {
    id: SessionId,
    client: String,
    address: String,
    opened: Moment,
    seen: Moment,
    ends: Moment,
    is_this: bool,
}

/// Sessions and password.
pub(super) async fn show(visit: Visit) -> Result<Response, Problem> {
    let page = page(&visit, None).await?;
    visit.page(&page)
}

async fn page(visit: &Visit, error: Option<String>) -> Result<Page, Problem> {
    let now = visit.now();
    let person = &visit.viewer.person;
    let sessions = visit.read().await?.sessions(person.id).await?;
    let row = |session: &provisor_store::Session| Row {
        id: session.id,
        client: session.client.clone(),
        address: session.address.clone(),
        opened: Moment::new(session.created, now),
        seen: Moment::new(session.last_seen, now),
        ends: Moment::new(session.expires, now),
        is_this: session.id == visit.viewer.session.id,
    };
    Ok(Page {
        layout: visit.layout("Settings"),
        sessions: sessions.iter().map(row).collect(),
        has_password: person.has_password,
        shortest: password::SHORTEST,
        error,
    })
}

/// Ends one of the viewer's own sessions.
pub(super) async fn end_session(visit: Visit) -> Result<Response, Problem> {
    let missing = || Problem::missing("session");
    let id = visit.parameter("session").parse().map_err(|_| missing())?;
    let own = visit.read().await?.sessions(visit.viewer.person.id).await?;
    let id = SessionId(id);
    if !own.iter().any(|session| session.id == id) {
        return Err(missing());
    }
    let change = Change::People(PeopleChange::EndSession { id });
    visit.write(TenantId::SYSTEM, change).await?;
    Ok(visit.go("/settings", Some(Flash::done("The session is ended."))))
}

/// Sets the viewer's password; ends their other sessions.
pub(super) async fn set_password(visit: Visit) -> Result<Response, Problem> {
    let person = &visit.viewer.person;
    let limiter = &visit.console.limiter;
    let known = visit.read().await?.person(&person.email).await?;
    let old = known.and_then(|(_, hash)| hash);
    let waits = limiter.sign_in_wait(visit.address, visit.now()).is_some();
    if old.is_some() && (waits || !password::is_right(visit.form.raw("old"), old).await?) {
        limiter.sign_in_failure(visit.address, visit.now());
        let wrong = "That is not your password. Nothing was changed.".to_owned();
        let page = page(&visit, Some(wrong)).await?;
        return visit.page_again(&page);
    }
    let hash = match password::hash(visit.form.raw("password")).await? {
        Ok(hash) => hash,
        Err(wrong) => {
            let page = page(&visit, Some(wrong)).await?;
            return visit.page_again(&page);
        }
    };
    let change = Change::People(PeopleChange::SetPassword {
        id: person.id,
        hash,
        keep: Some(visit.viewer.session.id),
    });
    visit.write(TenantId::SYSTEM, change).await?;
    let done = "The password is set. Your other sessions are ended.";
    Ok(visit.go("/settings", Some(Flash::done(done))))
}
