//! Answers, and the one place that turns what went wrong into them.

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::{
    Method, Response, StatusCode,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};
use provisor_store::{Cause, Refusal, RequestId, StoreError, WriteError};
use scim::{Error, Kind};

use crate::http::Answer;

/// The media type of every SCIM answer (RFC 7644 section 3.1); Microsoft's validator refuses others.
pub(crate) const MEDIA_TYPE: HeaderValue =
    HeaderValue::from_static("application/scim+json; charset=utf-8");

/// Seconds after which a client should try again what could not be done for want of time or space.
const UNAVAILABLE_RETRY: i64 = 30;

/// An answer before it goes out, with its bytes at hand for the log.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    head: bool,
}

impl Reply {
    /// An answer with a SCIM body.
    pub(crate) fn json(status: StatusCode, body: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::with_capacity(6);
        headers.insert(header::CONTENT_TYPE, MEDIA_TYPE);
        // Answers are personal data that no cache should keep.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Self {
            status,
            headers,
            body: body.into(),
            head: false,
        }
    }

    /// An answer without a body.
    pub(crate) fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            head: false,
        }
    }

    /// What OPTIONS answers.
    pub(crate) fn allow(methods: &'static str) -> Self {
        Self::empty(StatusCode::NO_CONTENT).with(header::ALLOW, HeaderValue::from_static(methods))
    }

    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Adds a header whose text is ours and so always valid.
    pub(crate) fn with_text(self, name: HeaderName, text: impl Into<Bytes>) -> Self {
        match HeaderValue::from_maybe_shared(text.into()) {
            Ok(value) => self.with(name, value),
            Err(_) => self,
        }
    }

    /// HEAD gets the headers of GET without its body (RFC 9110 section 9.3.2).
    pub(crate) fn finish(mut self, head: bool) -> Self {
        self.head = head;
        if head && !self.body.is_empty() {
            let length = HeaderValue::from(self.body.len());
            self.headers.insert(header::CONTENT_LENGTH, length);
        }
        self
    }

    pub(crate) fn into_http(self) -> Answer {
        let body = if self.head { Bytes::new() } else { self.body };
        let mut answer = Response::new(Either::Left(Full::new(body)));
        *answer.status_mut() = self.status;
        *answer.headers_mut() = self.headers;
        answer
    }
}

/// Why a request failed: what the client reads, what the log keeps, and the headers that go with it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) cause: Cause,
    pub(crate) error: Error,
    retry_after: Option<i64>,
    allow: Option<&'static str>,
    /// What the operator's log tells of a failing store.
    source: Option<StoreError>,
}

impl Failure {
    pub(crate) fn new(cause: Cause, kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            cause,
            error: Error::new(kind, detail),
            retry_after: None,
            allow: None,
            source: None,
        }
    }

    /// The same for one more operation that it kept from being done.
    pub(crate) fn again(&self) -> Self {
        Self::new(self.cause, self.error.kind, self.error.detail.clone())
    }

    /// Tells the operator why the server failed, under the id that the client was told.
    pub(crate) fn trace(&self, request: RequestId) {
        if let Some(error) = &self.source {
            tracing::error!(%request, %error, "the store failed");
        }
    }

    /// The one answer to every request without good credentials; only the log tells why.
    pub(crate) fn unauthorized(cause: Cause) -> Self {
        let detail = match cause {
            Cause::NoCredentials => {
                "The request has no bearer token. Paste the connection's token into the identity \
                 provider (Okta: HTTP Header; Entra: Secret Token)."
            }
            Cause::SchemeWrong => {
                "The Authorization header must be \"Bearer <token>\". Choose HTTP Header or bearer \
                 token authentication in the identity provider."
            }
            _ => {
                "The bearer token is not valid here. Paste the token again, or create a new one for \
                 this connection and paste that into the identity provider."
            }
        };
        Self::new(cause, Kind::Unauthorized, detail)
    }

    pub(crate) fn method_not_allowed(method: &Method, allow: &'static str) -> Self {
        let detail = format!("This endpoint does not know {method}; it knows {allow}.");
        let failure = Self::new(Cause::MethodNotAllowed, Kind::MethodNotAllowed, detail);
        Self {
            allow: Some(allow),
            ..failure
        }
    }

    /// Whole seconds: Okta takes a date for five minutes.
    pub(crate) fn retry_after(self, seconds: i64) -> Self {
        Self {
            retry_after: Some(seconds),
            ..self
        }
    }

    /// The Error message with the request id at the end of its detail, where identity providers
    /// show it to the customer's admin.
    pub(crate) fn body(&self, request: RequestId) -> scim::Value {
        let mut body = self.error.to_json();
        body["detail"] = format!("{} [{request}]", self.error.detail).into();
        body
    }

    pub(crate) fn reply(&self, request: RequestId) -> Reply {
        let status = StatusCode::from_u16(self.error.kind.status())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut reply = Reply::json(status, self.body(request).to_string());
        if status == StatusCode::UNAUTHORIZED {
            let challenge = match self.cause {
                Cause::NoCredentials => r#"Bearer realm="scim""#,
                _ => r#"Bearer realm="scim", error="invalid_token""#,
            };
            reply = reply.with(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static(challenge),
            );
        }
        if let Some(seconds) = self.retry_after {
            reply = reply.with(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(allow) = self.allow {
            reply = reply.with(header::ALLOW, HeaderValue::from_static(allow));
        }
        reply
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let unavailable = refusal.error.kind == Kind::Unavailable;
        Self {
            cause: refusal.cause,
            error: refusal.error,
            retry_after: unavailable.then_some(UNAVAILABLE_RETRY),
            allow: None,
            source: None,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Refusal::from(error).into()
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let failure = match error {
            StoreError::Unavailable(_) => Self::new(
                Cause::Unavailable,
                Kind::Unavailable,
                "The directory cannot be reached or written now. Nothing was changed; try again \
                 in a moment.",
            )
            .retry_after(UNAVAILABLE_RETRY),
            StoreError::Newer { .. } => Self::new(
                Cause::ServerOutdated,
                Kind::Unavailable,
                "The server is older than its database and has to be restarted with the new \
                 version by its operator. Nothing was changed; try again later.",
            )
            .retry_after(UNAVAILABLE_RETRY),
            _ => Self::new(
                Cause::Internal,
                Kind::Internal,
                "The server failed. Nothing was changed; give the request id to its operator.",
            ),
        };
        Self {
            source: Some(error),
            ..failure
        }
    }
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Refused(refusal) => refusal.into(),
            WriteError::Store(error) => error.into(),
        }
    }
}
