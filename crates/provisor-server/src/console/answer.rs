//! Answers: pages, redirects, and problems told in the console's voice.

use askama::Template;
use axum::{
    body::Body,
    http::{
        HeaderValue, StatusCode,
        header::{
            CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY,
            SET_COOKIE, VARY, X_CONTENT_TYPE_OPTIONS,
        },
    },
    response::Response,
};
use provisor_store::{Refusal, StoreError, WriteError};

use super::{
    asked::Asked,
    layout::{Flash, Layout},
    session::Channel,
};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What cannot be answered with the page that was asked for.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    /// What happened.
    title: String,
    /// Why.
    why: String,
    /// What to do.
    advice: String,
}

impl Problem {
    pub(crate) fn new(
        status: StatusCode,
        title: impl Into<String>,
        why: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            status,
            title: title.into(),
            why: why.into(),
            advice: advice.into(),
        }
    }

    /// Something that is not there, or not for this viewer, which look the same.
    pub(crate) fn missing(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            format!("There is no such {what}"),
            "It was removed, it never existed, or it belongs to a tenant that you do not see.",
            "Go back to the list, or ask an owner whether your tenants are the right ones.",
        )
    }

    pub(crate) fn forbidden(role: &str) -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "Your role does not include this",
            format!("You are signed in as {role}. Nothing was changed."),
            "Ask an owner of this installation to do it, or to change your role.",
        )
    }

    /// A mistake of ours: the reason goes to the server's log, the viewer gets the request id.
    pub(crate) fn internal(reason: &dyn std::fmt::Display) -> Self {
        tracing::error!(%reason, "a page could not be made");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "The page could not be made",
            "The server failed. Its log has the reason, with the request id below.",
            "Try again; if it stays so, give the request id to whoever runs this server.",
        )
    }

    /// The problem as a page.
    pub(crate) fn respond(self, layout: Layout, asked: &Asked) -> Response {
        #[derive(Template)]
        #[template(path = "problem.html")]
        struct Page {
            layout: Layout,
            problem: Problem,
            request: String,
        }
        let status = self.status;
        let page = Page {
            layout,
            problem: self,
            request: asked.id.to_string(),
        };
        self::page(status, &page)
            .unwrap_or_else(|problem| text(problem.status, "The server failed.\n"))
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(reason) => {
                tracing::warn!(%reason, "a page could not be made");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "The directory is busy",
                    "The database cannot be used at this moment. Nothing was changed.",
                    "Wait a few seconds and try again.",
                )
            }
            StoreError::Newer { .. } => {
                tracing::warn!(%error, "a change was refused");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "The server is older than its database",
                    "A newer version of Provisor has changed the database beside this server, which \
                     may not write to it any more. Nothing was changed.",
                    "Restart the server with the new version.",
                )
            }
            other => Self::internal(&other),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal.error.kind {
            scim::Kind::NotFound => StatusCode::NOT_FOUND,
            scim::Kind::Forbidden => StatusCode::FORBIDDEN,
            scim::Kind::Uniqueness => StatusCode::CONFLICT,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::new(
            status,
            "That could not be done",
            refusal.error.detail,
            "Nothing was changed. Go back, correct it, and send it again.",
        )
    }
}

impl From<WriteError> for Problem {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Refused(refusal) => refusal.into(),
            WriteError::Store(error) => error.into(),
        }
    }
}

/// A page.
pub(crate) fn page(status: StatusCode, page: &impl Template) -> Result<Response, Problem> {
    let html = page.render().map_err(|error| Problem::internal(&error))?;
    let mut response = Response::new(Body::from(html));
    *response.status_mut() = status;
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, html);
    Ok(response)
}

/// Plain text.
pub(crate) fn text(status: StatusCode, text: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}

/// Sends the browser to another page of ours, which shows the message once.
pub(crate) fn go(channel: &Channel, path: &str, flash: Option<Flash>) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let to = HeaderValue::try_from(path).unwrap_or(HeaderValue::from_static("/"));
    response.headers_mut().insert(LOCATION, to);
    if let Some(flash) = flash {
        let cookie = channel.cookie("flash", Some(&flash.to_cookie()), Some(60));
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

/// What every answer of the console carries.
pub(crate) fn secure(response: &mut Response) {
    let headers = response.headers_mut();
    let fixed = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(REFERRER_POLICY)
        .or_insert(HeaderValue::from_static("same-origin"));
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers.append(VARY, HeaderValue::from_static("HX-Request, Cookie"));
}
