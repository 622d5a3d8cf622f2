//! `/sign-in` and `/sign-out`.

use askama::Template;
use axum::{
    http::{StatusCode, header::SET_COOKIE},
    response::Response,
};
use provisor_store::{Actor, Change, Origin, Outcome, PeopleChange, Secret, TenantId, WriteError};

use super::{
    Problem, answer,
    asked::Asked,
    layout::{Flash, Layout},
    password,
    visit::Visit,
};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct Page {
    layout: Layout,
    email: String,
    to: String,
    error: Option<String>,
}

/// A path of ours; else the first page. Never another site.
pub(super) fn local(path: &str) -> &str {
    let ours = path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains(['\\', '\n', '\r', '\t']);
    if ours { path } else { "/" }
}

/// Asks for e-mail and password.
pub(super) async fn form(asked: Asked) -> Result<Response, Problem> {
    asked.page(&Page {
        layout: asked.layout("Sign in"),
        email: String::new(),
        to: local(asked.query.get("to")).to_owned(),
        error: None,
    })
}

/// Opens a session for the right password.
pub(super) async fn sign_in(asked: Asked) -> Result<Response, Problem> {
    let limiter = &asked.console.limiter;
    if let Some(seconds) = limiter.sign_in_wait(asked.address, asked.now()) {
        return Err(Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "Too many wrong passwords",
            "They came from your network address within a minute.",
            format!(
                "Wait {seconds} seconds and try again, or use a one-time link: provisor person link EMAIL."
            ),
        ));
    }
    let email = asked.form.get("email").to_owned();
    let found = asked.console.store.read().await?.person(&email).await?;
    let (person, hash) = found.map_or((None, None), |(person, hash)| (Some(person), hash));
    let right = password::is_right(asked.form.raw("password"), hash.clone()).await?;
    let (Some(person), true) = (person, right) else {
        limiter.sign_in_failure(asked.address, asked.now());
        tracing::info!(request = %asked.id, "a sign-in was refused");
        let page = Page {
            layout: asked.layout("Sign in"),
            email,
            to: local(asked.form.get("to")).to_owned(),
            error: Some(
                "E-mail and password do not fit together. Nobody is told which of them is wrong."
                    .to_owned(),
            ),
        };
        return answer::page(StatusCode::UNAUTHORIZED, &page);
    };
    let change = PeopleChange::SignIn {
        id: person.id,
        password: hash,
        session: asked.new_session(),
    };
    let secret = asked.open_session(change).await?;
    Ok(asked.signed_in(&secret, local(asked.form.get("to"))))
}

impl Asked {
    /// Opens a session; gives its secret.
    pub(super) async fn open_session(&self, change: PeopleChange) -> Result<Secret, WriteError> {
        let origin = Origin {
            tenant: TenantId::SYSTEM,
            request: self.id,
            // The entry of the audit names the person whose session it becomes.
            actor: Actor::System,
            address: self.address,
        };
        match self
            .console
            .store
            .write(origin, Change::People(change))
            .await?
        {
            Outcome::Session(_, secret) => Ok(secret),
            other => Err(provisor_store::StoreError::Failed(format!(
                "opening a session ended with {other:?}"
            ))
            .into()),
        }
    }

    /// Gives the browser its cookie, and sends it on.
    pub(super) fn signed_in(&self, secret: &Secret, to: &str) -> Response {
        let mut response = self.go(to, None);
        let age = i64::try_from(self.console.settings.session_lifetime.as_secs()).ok();
        let headers = response.headers_mut();
        let cookie = self.channel.cookie("session", Some(secret.reveal()), age);
        headers.append(SET_COOKIE, cookie);
        headers.append(SET_COOKIE, self.channel.cookie("guest", None, None));
        response
    }
}

/// Ends the session.
pub(super) async fn sign_out(visit: Visit) -> Result<Response, Problem> {
    let change = PeopleChange::EndSession {
        id: visit.viewer.session.id,
    };
    visit
        .write(TenantId::SYSTEM, Change::People(change))
        .await?;
    let mut response = visit.go("/sign-in", Some(Flash::done("You are signed out.")));
    let cookie = visit.channel.cookie("session", None, None);
    response.headers_mut().append(SET_COOKIE, cookie);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn signing_in_leads_to_no_other_site() {
        for (path, expected) in [
            ("/tokens?tenant=acme", "/tokens?tenant=acme"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("", "/"),
        ] {
            assert_eq!(local(path), expected);
        }
    }
}
