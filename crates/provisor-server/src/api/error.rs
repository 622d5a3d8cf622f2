//! The one place that turns refusals and failures into the API's error answer.

use axum::{
    http::{HeaderValue, StatusCode},
    response::Response,
};
use provisor_store::{Cause, Refusal, RequestId, StoreError, WriteError};
use scim::Kind;
use serde_json::json;

use super::answer::Answer;
use crate::body_memory::RETRY_AFTER;

/// Seconds after which a client should try again what could not be done now.
const RETRY: &str = "5";

/// A refusal or failure: status, code, and a sentence on what happened, why and what to do.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    /// For the operator's log; the client sees `token_unknown` for every token that is not accepted.
    cause: Cause,
    message: String,
    header: Option<(&'static str, String)>,
    /// What went wrong inside; for the server's log only, where the request id finds it.
    reason: Option<String>,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, cause: Cause, message: impl Into<String>) -> Self {
        Self {
            status,
            cause,
            message: message.into(),
            header: None,
            reason: None,
        }
    }

    /// 400: a parameter or member of the body has a value that cannot be.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Cause::InvalidValue, message)
    }

    /// 404, the same for what never existed, what is gone and what is another tenant's.
    pub(crate) fn not_found(what: &str, name: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            Cause::NotFound,
            format!("There is no {what} \"{name}\" here. It was removed or never existed."),
        )
    }

    /// 404 for a path that is no route.
    pub(crate) fn no_route(path: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            Cause::NotFound,
            format!("\"{path}\" is no route of the API. /api/v1/openapi.json lists them."),
        )
    }

    /// 405 naming the methods there are.
    pub(crate) fn method(method: &str, allowed: &str) -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            Cause::MethodNotAllowed,
            format!("This route does not know {method}. Use {allowed}."),
        )
        .with("allow", allowed)
    }

    /// 401, the same whatever is wrong with the token.
    pub(crate) fn token_not_accepted(cause: Cause) -> Self {
        Self::unauthorized(
            cause,
            "The token is not valid: it is mistyped, expired, revoked or not of this server. \
             Send \"Authorization: Bearer pvr_api_…\" with a current API token.",
        )
    }

    /// 401 for a request whose `Authorization` cannot hold a token at all.
    pub(crate) fn unauthorized(cause: Cause, message: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, cause, message)
            .with("www-authenticate", "Bearer realm=\"provisor\"")
    }

    /// 403 naming what the token needs.
    pub(crate) fn scope(message: String) -> Self {
        Self::new(StatusCode::FORBIDDEN, Cause::ScopeMissing, message)
    }

    /// 503: other bodies take all the memory there is for them.
    pub(crate) fn overloaded() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            Cause::Overloaded,
            "The server is at work on as many large requests as it has memory for. Nothing was \
             applied; try again in a moment.",
        )
        .with("retry-after", &RETRY_AFTER.to_string())
    }

    /// 500; the reason goes to the server's log only.
    pub(crate) fn internal(reason: &dyn std::fmt::Display) -> Self {
        let mut error = Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            Cause::Internal,
            "The server failed. Tell its operator the request id; the server's log has the reason.",
        );
        error.reason = Some(reason.to_string());
        error
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.header = Some((name, value.to_owned()));
        self
    }

    fn code(&self) -> &'static str {
        match (self.status, self.cause) {
            (StatusCode::UNAUTHORIZED, Cause::NoCredentials | Cause::SchemeWrong) => {
                self.cause.as_str()
            }
            (StatusCode::UNAUTHORIZED, _) => Cause::TokenUnknown.as_str(),
            _ => self.cause.as_str(),
        }
    }

    pub(crate) fn into_response(self, request: RequestId) -> Response {
        if let Some(reason) = &self.reason {
            tracing::error!(%request, cause = %self.cause, %reason, "an API request failed");
        }
        let body = json!({ "error": {
            "code": self.code(),
            "message": self.message,
            "request_id": request.to_string(),
        }});
        let mut response = Answer::ok(body).into_response();
        *response.status_mut() = self.status;
        if let Some((name, value)) = self.header
            && let Ok(value) = HeaderValue::from_str(&value)
        {
            response.headers_mut().insert(name, value);
        }
        response.extensions_mut().insert(self.cause);
        response
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        if refusal.error.kind == Kind::Unauthorized {
            return Self::token_not_accepted(refusal.cause);
        }
        let status = StatusCode::from_u16(refusal.error.kind.status())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let error = Self::new(status, refusal.cause, refusal.error.detail);
        match status {
            StatusCode::SERVICE_UNAVAILABLE => error.with("retry-after", RETRY),
            _ => error,
        }
    }
}

impl From<scim::Error> for ApiError {
    fn from(error: scim::Error) -> Self {
        Refusal::from(error).into()
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(reason) => {
                let mut error = Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    Cause::Unavailable,
                    "The server cannot reach its database now. Nothing was applied; try again in \
                     a few seconds.",
                )
                .with("retry-after", RETRY);
                error.reason = Some(reason);
                error
            }
            StoreError::Newer { .. } => {
                let mut outdated = Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    Cause::ServerOutdated,
                    "The server is older than its database and has to be restarted with the new \
                     version. Nothing was applied.",
                )
                .with("retry-after", RETRY);
                outdated.reason = Some(error.to_string());
                outdated
            }
            other => Self::internal(&other),
        }
    }
}

impl From<WriteError> for ApiError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Refused(refusal) => refusal.into(),
            WriteError::Store(error) => error.into(),
        }
    }
}
