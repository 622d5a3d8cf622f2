//! `/link/{secret}`: one-time links. GET shows a button, since mail scanners follow links; its POST
//! uses the link up.

use askama::Template;
use axum::{
    http::{HeaderValue, StatusCode, header::REFERRER_POLICY},
    response::Response,
};
use provisor_store::{Link, PeopleChange, Purpose, Secret, WriteError};

use super::{Problem, answer, asked::Asked, layout::Layout, password};

#[derive(Template)]
#[template(path = "link.html")]
struct Page {
    layout: Layout,
    is_invite: bool,
    email: String,
    shortest: usize,
    error: Option<String>,
}

/// Shows what the link is for, and a button.
pub(super) async fn show(asked: Asked) -> Result<Response, Problem> {
    let (_, link) = link(&asked).await?;
    page(&asked, &link, StatusCode::OK, None).await
}

/// Uses the link up, and opens its session.
pub(super) async fn follow(asked: Asked) -> Result<Response, Problem> {
    let (secret, link) = link(&asked).await?;
    // A customer's link opens a session of another cookie, at another path.
    if matches!(link.purpose, Purpose::Setup(..)) {
        return Err(used_up());
    }
    let password = match link.purpose {
        Purpose::Invite(_) => match password::hash(asked.form.raw("password")).await? {
            Ok(hash) => Some(hash),
            Err(wrong) => {
                return page(&asked, &link, StatusCode::UNPROCESSABLE_ENTITY, Some(wrong)).await;
            }
        },
        Purpose::SignIn(_) | Purpose::Setup(..) => None,
    };
    let change = PeopleChange::UseLink {
        secret,
        password,
        session: asked.new_session(),
    };
    match asked.open_session(change).await {
        Ok(session) => Ok(no_referrer(asked.signed_in(&session, "/"))),
        // Somebody else was faster.
        Err(WriteError::Refused(_)) => Err(used_up()),
        Err(error) => Err(error.into()),
    }
}

async fn page(
    asked: &Asked,
    link: &Link,
    status: StatusCode,
    error: Option<String>,
) -> Result<Response, Problem> {
    let (Purpose::SignIn(id) | Purpose::Invite(id)) = link.purpose else {
        return Err(used_up());
    };
    let people = asked.console.store.read().await?.people().await?;
    let person = people.into_iter().find(|person| person.id == id);
    let page = Page {
        layout: asked.layout("Welcome"),
        is_invite: matches!(link.purpose, Purpose::Invite(_)),
        email: person.ok_or_else(used_up)?.email,
        shortest: password::SHORTEST,
        error,
    };
    Ok(no_referrer(answer::page(status, &page)?))
}

async fn link(asked: &Asked) -> Result<(Secret, Link), Problem> {
    presented(asked).await?.ok_or_else(used_up)
}

/// The link of the path, if it is good; a wrong secret counts like a wrong password.
pub(super) async fn presented(asked: &Asked) -> Result<Option<(Secret, Link)>, Problem> {
    let (limiter, now) = (&asked.console.limiter, asked.now());
    if let Some(seconds) = limiter.sign_in_wait(asked.address, now) {
        return Err(Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "Too many wrong links",
            "They came from your network address within a minute.",
            format!("Wait {seconds} seconds and try again."),
        ));
    }
    let found = match Secret::parse(asked.parameter("secret")) {
        Some(secret) => {
            let link = asked.console.store.read().await?.link(&secret).await?;
            link.map(|link| (secret, link))
        }
        None => None,
    };
    let Some((secret, link)) = found else {
        limiter.sign_in_failure(asked.address, now);
        return Ok(None);
    };
    Ok(link.is_good(now).then_some((secret, link)))
}

fn used_up() -> Problem {
    Problem::new(
        StatusCode::GONE,
        "This link cannot be used",
        "It was used already, was taken back, or is too old. A link works once.",
        "Ask for a new one. At the server: provisor person link EMAIL.",
    )
}

/// The address is a secret until the link is used.
pub(super) fn no_referrer(mut response: Response) -> Response {
    let value = HeaderValue::from_static("no-referrer");
    response.headers_mut().insert(REFERRER_POLICY, value);
    response
}
