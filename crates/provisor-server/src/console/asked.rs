//! A request for a page: what was asked, from where, by what browser.

use std::{net::IpAddr, ops::Deref, sync::Arc};

use askama::Template;
use axum::{
    body::Body,
    extract::RawPathParams,
    http::{HeaderMap, Request, StatusCode, Uri, header::USER_AGENT},
    response::Response,
};
use http_body_util::{BodyExt, Limited};
use provisor_store::{RequestId, Secret, people::NewSession};

use super::{
    Console, Problem, answer,
    fields::Fields,
    layout::{Flash, Layout},
    session::{self, Channel},
};
use crate::ClientAddress;

/// Bytes of a form.
const MOST: usize = 64 << 10;
/// Characters of a browser's name that are kept.
const CLIENT: usize = 200;

/// A request. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Asked(Arc<Facts>);

pub(crate) struct Facts {
    pub(crate) console: Console,
    pub(crate) id: RequestId,
    pub(crate) address: Option<IpAddr>,
    pub(crate) channel: Channel,
    pub(crate) headers: HeaderMap,
    pub(crate) uri: Uri,
    pub(crate) parameters: Vec<(String, String)>,
    /// The parameters after `?`.
    pub(crate) query: Fields,
    /// The form of a POST.
    pub(crate) form: Fields,
    /// What the session's cookie proves, or the guest's; forms carry what is derived from it.
    pub(crate) secret: Secret,
    /// The secret was made for this request, and proves nothing yet.
    pub(crate) is_new_guest: bool,
}

impl Deref for Asked {
    type Target = Facts;

    fn deref(&self) -> &Facts {
        &self.0
    }
}

impl Asked {
    pub(super) async fn read(
        console: Console,
        cookies: [&str; 2],
        parameters: Option<RawPathParams>,
        request: Request<Body>,
    ) -> Result<Self, (Self, Problem)> {
        let (parts, body) = request.into_parts();
        let id = parts.extensions.get::<RequestId>().copied();
        let address = parts.extensions.get::<ClientAddress>();
        let channel = parts
            .extensions
            .get::<Channel>()
            .cloned()
            .unwrap_or_default();
        let known = session::secret(&parts.headers, &channel, cookies);
        let parameters = parameters.iter().flat_map(RawPathParams::iter);
        let mut facts = Facts {
            id: id.unwrap_or_else(RequestId::random),
            address: address.and_then(|address| address.0),
            is_new_guest: known.is_none(),
            secret: known.unwrap_or_else(Secret::generate),
            channel,
            query: Fields::parse(parts.uri.query().unwrap_or_default().as_bytes()),
            form: Fields::default(),
            parameters: parameters
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            headers: parts.headers,
            uri: parts.uri,
            console,
        };
        if parts.method != "POST" {
            return Ok(Self(Arc::new(facts)));
        }
        let read = Limited::new(body, MOST).collect();
        let patience = facts.console.settings.body_timeout;
        match tokio::time::timeout(patience, read).await {
            Ok(Ok(body)) => {
                facts.form = Fields::parse(&body.to_bytes());
                Ok(Self(Arc::new(facts)))
            }
            _ => Err((
                Self(Arc::new(facts)),
                Problem::new(
                    StatusCode::BAD_REQUEST,
                    "The form did not arrive",
                    "It was cut off on the way, or is larger than a form can be. Nothing was changed.",
                    "Go back and send it again.",
                ),
            )),
        }
    }

    /// A parameter of the path, decoded.
    pub(crate) fn parameter(&self, name: &str) -> &str {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// Milliseconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        self.console.clock.now()
    }

    /// A value of a header as text; empty if there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default()
    }

    /// A page for who is not signed in.
    pub(crate) fn layout(&self, title: &str) -> Layout {
        Layout::new(self, None, title)
    }

    /// Answers with a page.
    pub(crate) fn page(&self, page: &impl Template) -> Result<Response, Problem> {
        answer::page(StatusCode::OK, page)
    }

    /// Sends the browser to another page, which shows the message once.
    pub(crate) fn go(&self, path: &str, flash: Option<Flash>) -> Response {
        answer::go(&self.channel, path, flash)
    }

    /// This browser as a session to be.
    pub(crate) fn new_session(&self) -> NewSession {
        let millis =
            |time: std::time::Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let address = self.address.map(|address| address.to_string());
        NewSession {
            address: address.unwrap_or_default(),
            client: self
                .header(USER_AGENT.as_str())
                .chars()
                .filter(|c| !c.is_control())
                .take(CLIENT)
                .collect(),
            idle: millis(self.console.settings.session_idle),
            lifetime: millis(self.console.settings.session_lifetime),
        }
    }
}
