//! `/setup`: what a customer's administrator sees of their connection, and nothing else.

use askama::Template;
use axum::{http::header::SET_COOKIE, response::Response};
use provisor_store::{Change, PeopleChange, log::Whose};

use super::{
    Listener, Panel,
    guide::{Guide, Shown},
    session::{COOKIE, SetupVisit},
    tokens::{Own, own},
    values,
};
use crate::console::{
    Problem,
    connections::{
        health::{Day, Health, Known},
        show::base_url,
    },
    layout::{Flash, Layout},
    link::no_referrer,
    live,
};

#[derive(Template)]
#[template(path = "setup/portal.html")]
struct Page {
    layout: Layout,
    tenant: String,
    guide: &'static Guide,
    shown: Shown,
    panel: Panel,
    health: Health,
    tokens: Vec<Own>,
    /// Where a token is made.
    new_token: Option<&'static str>,
}

fn listener(visit: &SetupVisit) -> Listener {
    Listener::new(&visit.console, &visit.tenant, &visit.connection, true)
}

/// Guide, health, errors, and the tokens made here.
pub(in crate::console) async fn show(visit: SetupVisit) -> Result<Response, Problem> {
    let now = visit.now();
    let guide = Guide::of(&visit.connection.idp);
    let mut snapshot = visit.console.store.read().await?;
    let known = Known::read(&visit.console, snapshot.as_mut(), &visit.tenant).await?;
    drop(snapshot);
    let whose = Whose::Named(vec![visit.tenant.id]);
    let day = Day::read(&visit.console, whose, now).await?;
    let url = base_url(&visit.channel.origin, &visit.tenant);
    let page = Page {
        layout: visit.layout(&format!("Connect {}", guide.name)),
        tenant: visit.tenant.name.clone(),
        shown: guide.show(&values(&url, &visit.connection)),
        guide,
        panel: listener(&visit).panel(known.tokens(), now).await?,
        health: known.health(&visit.connection, &day, now),
        tokens: own(&visit, known.tokens()),
        new_token: Some("#tokens"),
    };
    Ok(no_referrer(visit.page(&page)?))
}

/// What the listener hears, as a stream.
pub(in crate::console) async fn live(visit: SetupVisit) -> Result<Response, Problem> {
    let listener = listener(&visit);
    live::stream(&visit.asked, &visit.session, move |mut snapshot, now| {
        let listener = listener.clone();
        async move {
            let tokens = snapshot.tokens(listener.tenant).await?;
            drop(snapshot);
            listener.fragment(&tokens, now).await
        }
    })
}

/// Ends the session.
pub(in crate::console) async fn leave(visit: SetupVisit) -> Result<Response, Problem> {
    let end = PeopleChange::EndSession {
        id: visit.session.id,
    };
    // If it has ended meanwhile, that is what was wanted.
    let _ended = visit.try_write(Change::People(end)).await?;
    let done = Flash::done("You have left the setup page. A new link opens it again.");
    let mut response = visit.go("/sign-in", Some(done));
    let cookie = visit.channel.cookie(COOKIE, None, None);
    response.headers_mut().append(SET_COOKIE, cookie);
    Ok(no_referrer(response))
}
