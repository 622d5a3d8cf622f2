//! `/settings`: the viewer's own sessions and password.

use askama::Template;
use axum::{http::header::SET_COOKIE, response::Response};
use provisor_store::{Change, PeopleChange, Session, SessionId, TenantId};

use super::{
    Action, Problem,
    layout::{Flash, Layout},
    moment::Moment,
    password,
    theme::YEAR,
    users::show::Tab,
    visit::Visit,
};

#[derive(Template)]
#[template(path = "settings.html")]
struct Page {
    layout: Layout,
    tabs: Vec<Tab>,
    sessions: Vec<Row>,
    email: String,
    has_password: bool,
    shortest: usize,
    error: Option<String>,
}

/// A session as lists show it.
pub(super) struct Row {
    pub(super) id: SessionId,
    pub(super) client: String,
    pub(super) browser: String,
    pub(super) address: String,
    pub(super) opened: Moment,
    pub(super) seen: Moment,
    pub(super) ends: Moment,
    pub(super) is_this: bool,
}

pub(super) fn row(visit: &Visit, session: &Session) -> Row {
    let now = visit.now();
    Row {
        id: session.id,
        client: session.client.clone(),
        browser: browser(&session.client),
        address: session.address.clone(),
        opened: Moment::new(session.created, now),
        seen: Moment::new(session.last_seen, now),
        ends: Moment::new(session.expires, now),
        is_this: session.id == visit.viewer.session.id,
    }
}

/// The parts of the settings that the viewer may see; none if it is one only.
pub(super) fn tabs(visit: &Visit, on: &str) -> Vec<Tab> {
    let mut tabs = Vec::new();
    if visit.viewer.may(Action::SeePeople) {
        let all = [
            ("Your sign-in", "/settings"),
            ("People", "/settings/people"),
        ];
        tabs.extend(all.map(|(label, link)| Tab {
            label,
            link: link.to_owned(),
            is_on: link == on,
        }));
    }
    tabs
}

/// Sessions and password.
pub(super) async fn show(visit: Visit) -> Result<Response, Problem> {
    let page = page(&visit, None).await?;
    visit.page(&page)
}

async fn page(visit: &Visit, error: Option<String>) -> Result<Page, Problem> {
    let person = &visit.viewer.person;
    let sessions = visit.read().await?.sessions(person.id).await?;
    Ok(Page {
        layout: visit.layout("Settings", None),
        tabs: tabs(visit, "/settings"),
        sessions: sessions.iter().map(|session| row(visit, session)).collect(),
        email: person.email.clone(),
        has_password: person.has_password,
        shortest: password::SHORTEST,
        error,
    })
}

/// A browser's name as people say it: "Firefox on Linux".
fn browser(agent: &str) -> String {
    // Later ones also call themselves by earlier names.
    let known = [
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ];
    let systems = [
        ("Windows", "Windows"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ];
    let find = |names: &[(&str, &'static str)]| {
        let mut names = names.iter();
        names
            .find(|(mark, _)| agent.contains(mark))
            .map(|(_, name)| *name)
    };
    match (find(&known), find(&systems)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(browser), None) => browser.to_owned(),
        _ if agent.is_empty() => "unknown".to_owned(),
        _ => agent.to_owned(),
    }
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

/// Switches keys without Ctrl or ⌘ on or off, for this browser (WCAG 2.1.4).
pub(super) async fn set_keys(visit: Visit) -> Result<Response, Problem> {
    let (value, done) = match visit.form.get("keys") {
        "off" => (Some("off"), "Single keys are off in this browser."),
        _ => (None, "Single keys are on in this browser."),
    };
    let mut response = visit.go("/settings", Some(Flash::done(done)));
    let cookie = visit.channel.cookie("keys", value, Some(YEAR));
    response.headers_mut().append(SET_COOKIE, cookie);
    Ok(response)
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

#[cfg(test)]
mod tests {
    use super::browser;

    #[test]
    fn browsers_are_named_as_people_say() {
        for (agent, said) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0",
                "Firefox on Linux",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/130 Safari/537.36 Edg/130",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) AppleWebKit/605 Version/17 Safari/605",
                "Safari on macOS",
            ),
            ("something", "something"),
            ("", "unknown"),
        ] {
            assert_eq!(browser(agent), said);
        }
    }
}
