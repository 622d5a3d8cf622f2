//! `/setup/{secret}`: the way in for a customer's administrator. GET shows a button, since mail
//! scanners follow links; its POST exchanges the link for a session of its own cookie.

use askama::Template;
use axum::{
    http::{StatusCode, header::SET_COOKIE},
    response::Response,
};
use provisor_store::{Link, PeopleChange, Purpose, Secret, WriteError, people::NewSession};

use super::{guide::Guide, session::COOKIE};
use crate::console::{
    Problem,
    asked::Asked,
    layout::Layout,
    link::{no_referrer, presented},
    moment::Moment,
};

#[derive(Template)]
#[template(path = "setup/link.html")]
struct Page {
    layout: Layout,
    idp: &'static str,
    tenant: String,
    expires: Moment,
}

/// Shows what the link is for, and a button.
pub(in crate::console) async fn show(asked: Asked) -> Result<Response, Problem> {
    let (_, link) = setup_link(&asked).await?;
    let Purpose::Setup(tenant, connection) = link.purpose else {
        return Err(used_up());
    };
    let mut snapshot = asked.console.store.read().await?;
    let tenant = snapshot.tenant_by_id(tenant).await?.ok_or_else(used_up)?;
    let connections = snapshot.connections(tenant.id).await?;
    drop(snapshot);
    let mut known = connections.iter();
    let connection = known
        .find(|known| known.id == connection)
        .ok_or_else(used_up)?;
    let page = asked.page(&Page {
        layout: asked.layout("Setup"),
        idp: &Guide::of(&connection.idp).name,
        tenant: tenant.name,
        expires: Moment::new(link.expires, asked.now()),
    })?;
    Ok(no_referrer(page))
}

/// Exchanges the link for a session that lasts as long as the link would have.
pub(in crate::console) async fn follow(asked: Asked) -> Result<Response, Problem> {
    let (secret, link) = setup_link(&asked).await?;
    let left = link.expires - asked.now();
    let change = PeopleChange::UseLink {
        secret,
        password: None,
        session: NewSession {
            idle: left,
            lifetime: left,
            ..asked.new_session()
        },
    };
    let session = match asked.open_session(change).await {
        Ok(session) => session,
        // Somebody else was faster.
        Err(WriteError::Refused(_)) => return Err(used_up()),
        Err(error) => return Err(error.into()),
    };
    let mut response = asked.go("/setup", None);
    let cookie = asked
        .channel
        .cookie(COOKIE, Some(session.reveal()), Some(left / 1000));
    response.headers_mut().append(SET_COOKIE, cookie);
    Ok(no_referrer(response))
}

async fn setup_link(asked: &Asked) -> Result<(Secret, Link), Problem> {
    let found = presented(asked).await?.ok_or_else(used_up)?;
    match found.1.purpose {
        Purpose::Setup(..) => Ok(found),
        Purpose::SignIn(_) | Purpose::Invite(_) => Err(used_up()),
    }
}

fn used_up() -> Problem {
    Problem::new(
        StatusCode::GONE,
        "This setup link cannot be used",
        "It was opened already, was taken back, or is older than seven days. It opens one browser.",
        "Go on in the browser in which it was opened, or ask whoever sent it for a new one.",
    )
}
