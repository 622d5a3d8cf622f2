//! The body of a refusal: RFC 7644 section 3.12.

use serde_json::json;

use crate::Value;

/// URN of the Error message, RFC 7644 section 3.12.
pub const ERROR_URN: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// A SCIM error as the client sees it. `detail` is shown to the customer's admin by Okta and
/// Entra: one plain sentence that says what happened and what to do, without secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Error {
    /// What went wrong; decides status and `scimType`.
    pub kind: Kind,
    /// Human-readable explanation.
    pub detail: String,
}

/// What went wrong, finer than `scimType`, so that each kind maps to one cause code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The body or a message is not what its schema says (400 `invalidSyntax`).
    InvalidSyntax,
    /// A filter cannot be parsed or resolved (400 `invalidFilter`).
    InvalidFilter,
    /// A PATCH or sort path cannot be parsed or resolved (400 `invalidPath`).
    InvalidPath,
    /// A value does not fit its attribute (400 `invalidValue`).
    InvalidValue,
    /// A required attribute is missing (400 `invalidValue`).
    MissingRequired,
    /// A member names no resource of the tenant (400 `invalidValue`).
    UnknownMember,
    /// A user lies outside the connection's domains (400 `invalidValue`).
    DomainNotAllowed,
    /// A PATCH path selects nothing (400 `noTarget`).
    NoTarget,
    /// A read-only or immutable attribute would change (400 `mutability`).
    Mutability,
    /// The query asks for more than the server is willing to do (400 `tooMany`).
    TooMany,
    /// The URL names an unknown protocol version (400 `invalidVers`).
    InvalidVersion,
    /// A cursor is forged, foreign or for another query (400 `invalidCursor`, RFC 9865).
    InvalidCursor,
    /// A cursor is too old (400 `expiredCursor`, RFC 9865).
    ExpiredCursor,
    /// `count` is not usable with this cursor (400 `invalidCount`, RFC 9865).
    InvalidCount,
    /// Credentials are missing or wrong (401).
    Unauthorized,
    /// The credentials do not allow this (403).
    Forbidden,
    /// No such resource or endpoint (404).
    NotFound,
    /// The endpoint does not know this method (405).
    MethodNotAllowed,
    /// No representation the client accepts (406).
    NotAcceptable,
    /// A unique value is taken (409 `uniqueness`).
    Uniqueness,
    /// A new user meets an inactive one that holds its name (409 `uniqueness`).
    ReactivationConflict,
    /// References of a bulk job cannot be resolved (409).
    Conflict,
    /// `If-Match` or a bulk `version` does not match (412).
    PreconditionFailed,
    /// Body or operation count beyond the limit (413).
    PayloadTooLarge,
    /// The body's media type is not SCIM or JSON (415).
    UnsupportedMediaType,
    /// Too many requests (429).
    TooManyRequests,
    /// The server failed (500).
    Internal,
    /// The operation is not supported (501).
    NotImplemented,
    /// Paused, full or shutting down: try again (503).
    Unavailable,
}

impl Kind {
    /// HTTP status code.
    pub fn status(self) -> u16 {
        match self {
            Kind::InvalidSyntax
            | Kind::InvalidFilter
            | Kind::InvalidPath
            | Kind::InvalidValue
            | Kind::MissingRequired
            | Kind::UnknownMember
            | Kind::DomainNotAllowed
            | Kind::NoTarget
            | Kind::Mutability
            | Kind::TooMany
            | Kind::InvalidVersion
            | Kind::InvalidCursor
            | Kind::ExpiredCursor
            | Kind::InvalidCount => 400,
            Kind::Unauthorized => 401,
            Kind::Forbidden => 403,
            Kind::NotFound => 404,
            Kind::MethodNotAllowed => 405,
            Kind::NotAcceptable => 406,
            Kind::Uniqueness | Kind::ReactivationConflict | Kind::Conflict => 409,
            Kind::PreconditionFailed => 412,
            Kind::PayloadTooLarge => 413,
            Kind::UnsupportedMediaType => 415,
            Kind::TooManyRequests => 429,
            Kind::Internal => 500,
            Kind::NotImplemented => 501,
            Kind::Unavailable => 503,
        }
    }

    /// `scimType` of RFC 7644 table 9 and RFC 9865 section 2.1, where one is defined.
    pub fn scim_type(self) -> Option<&'static str> {
        Some(match self {
            Kind::InvalidSyntax => "invalidSyntax",
            Kind::InvalidFilter => "invalidFilter",
            Kind::InvalidPath => "invalidPath",
            Kind::InvalidValue
            | Kind::MissingRequired
            | Kind::UnknownMember
            | Kind::DomainNotAllowed => "invalidValue",
            Kind::NoTarget => "noTarget",
            Kind::Mutability => "mutability",
            Kind::TooMany => "tooMany",
            Kind::InvalidVersion => "invalidVers",
            Kind::InvalidCursor => "invalidCursor",
            Kind::ExpiredCursor => "expiredCursor",
            Kind::InvalidCount => "invalidCount",
            Kind::Uniqueness | Kind::ReactivationConflict => "uniqueness",
            _ => return None,
        })
    }
}

impl Error {
    /// An error of this kind with its explanation.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
        }
    }

    /// The Error message, RFC 7644 section 3.12; `status` is a string there.
    pub fn to_json(&self) -> Value {
        let mut body = json!({ "schemas": [ERROR_URN], "status": self.kind.status().to_string() });
        if let Some(scim_type) = self.kind.scim_type() {
            body["scimType"] = scim_type.into();
        }
        body["detail"] = self.detail.as_str().into();
        body
    }
}

macro_rules! constructors {
    ($($name:ident => $kind:ident),* $(,)?) => {
        impl Error {
            $(#[doc = concat!("Shorthand for [`Kind::", stringify!($kind), "`].")]
            pub fn $name(detail: impl Into<String>) -> Self {
                Self::new(Kind::$kind, detail)
            })*
        }
    };
}

constructors! {
    invalid_syntax => InvalidSyntax,
    invalid_filter => InvalidFilter,
    invalid_path => InvalidPath,
    invalid_value => InvalidValue,
    missing_required => MissingRequired,
    no_target => NoTarget,
    mutability => Mutability,
    not_found => NotFound,
}
