//! What can go wrong between a client and a service provider, with what to do about it.

use std::time::Duration;

use reqwest::Method;

use crate::exchange::Answer;

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The client's own settings do not fit together; nothing was sent.
    #[error("{0}")]
    Settings(String),
    /// The token endpoint gave no access token, so the request was not sent. Says which endpoint, and what it answered.
    #[error("{0}")]
    Token(String),
    /// The address is private and the client was built for public ones only; nothing was sent.
    #[error(
        "{host} is at the private address {address}; private networks have to be allowed first"
    )]
    PrivateAddress {
        /// The host as the base URL names it.
        host: String,
        /// The first address that is not public.
        address: std::net::IpAddr,
    },
    /// No connection came about, to the server or to where its access tokens come from, so that the server has seen nothing of
    /// the request.
    #[error("{method} {url}: no connection: {reason}")]
    Connect {
        /// The method that was to be sent.
        method: Method,
        /// The whole URL.
        url: String,
        /// What the network said.
        reason: String,
    },
    /// The request may have arrived, but no whole answer came back.
    #[error("{method} {url}: no answer: {reason}; it may have been carried out all the same")]
    NoAnswer {
        /// The method that was sent.
        method: Method,
        /// The whole URL.
        url: String,
        /// What the network said.
        reason: String,
    },
    /// The server answered with another status than 2xx.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// The server answered 2xx with a body that is not what RFC 7644 asks for.
    #[error(
        "{method} {url} answered {status} with a body that cannot be read: {reason}; it begins with: {start}"
    )]
    Unreadable {
        /// The method that was sent.
        method: Method,
        /// The whole URL.
        url: String,
        /// The status of the answer.
        status: u16,
        /// What is wrong with it.
        reason: String,
        /// The first bytes of the body.
        start: String,
    },
}

/// An answer that says no (RFC 7644 section 3.12).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The method that was sent.
    pub method: Method,
    /// The whole URL.
    pub url: String,
    /// The HTTP status.
    pub status: u16,
    /// `scimType` of the error body, e.g. `uniqueness`.
    pub scim_type: Option<String>,
    /// `detail` of the error body, or the start of a body that is none.
    pub detail: String,
    /// How long the server asks to be left alone (`Retry-After`).
    pub retry_after: Option<Duration>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} {} was answered {}",
            self.method, self.url, self.status
        )?;
        if let Some(scim_type) = &self.scim_type {
            write!(f, " {scim_type}")?;
        }
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        Ok(())
    }
}

impl Error {
    /// What an answer other than 2xx means.
    pub(crate) fn refused(method: &Method, url: &str, answer: &Answer) -> Error {
        let (scim_type, detail) = answer.said();
        Error::Refused(Box::new(Refusal {
            method: method.clone(),
            url: url.to_owned(),
            status: answer.status,
            scim_type,
            detail,
            retry_after: answer.retry_after(),
        }))
    }

    /// The status of a refusal.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Error::Refused(refusal) => Some(refusal.status),
            _ => None,
        }
    }
}
