//! One request and its answer, as they are on the wire.

use std::time::Duration;

use bytes::Bytes;
use jiff::fmt::rfc2822;
use reqwest::{
    Method,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};
use serde_json::Value;

/// The media type of SCIM (RFC 7644 section 3.1).
pub const MEDIA_TYPE: &str = "application/scim+json";

/// A request as it is to be sent: nothing is added but the credentials and what HTTP itself needs.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The path below the base URL, beginning with a slash: `/Users/2819c223`.
    pub path: String,
    /// What stands behind the question mark, percent-encoded; `Some("")` sends a bare one.
    pub query: Option<String>,
    /// Header fields beside `Authorization`.
    pub headers: HeaderMap,
    /// The body, if it has one.
    pub body: Option<Bytes>,
}

impl Request {
    /// A request without query or body that accepts SCIM.
    #[must_use]
    pub fn new(method: Method, path: impl Into<String>) -> Request {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static(MEDIA_TYPE));
        Request {
            method,
            path: path.into(),
            query: None,
            headers,
            body: None,
        }
    }

    /// A GET.
    #[must_use]
    pub fn get(path: impl Into<String>) -> Request {
        Request::new(Method::GET, path)
    }

    /// With a query string that is already percent-encoded.
    #[must_use]
    pub fn query(mut self, query: impl Into<String>) -> Request {
        self.query = Some(query.into());
        self
    }

    /// With a JSON body as `application/scim+json`.
    #[must_use]
    pub fn json(self, body: &Value) -> Request {
        self.header(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE))
            .bytes(body.to_string())
    }

    /// With a body as it is; its `Content-Type` is the caller's.
    #[must_use]
    pub fn bytes(mut self, body: impl Into<Bytes>) -> Request {
        self.body = Some(body.into());
        self
    }

    /// With a header field, in place of one of the same name.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Request {
        self.headers.insert(name, value);
        self
    }
}

/// What a server answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The header fields.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl Answer {
    /// Whether the status is 2xx.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header field as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON; `None` if it is none.
    #[must_use]
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// `Retry-After`: seconds, or a date that is compared with the answer's own `Date`
    /// (RFC 9110 section 10.2.3), so that clocks need not agree.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let value = self.header("retry-after")?.trim();
        if let Ok(seconds) = value.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let seconds = |date: &str| Some(rfc2822::parse(date).ok()?.timestamp().as_second());
        let wait = seconds(value)? - seconds(self.header("date")?)?;
        Some(Duration::from_secs(u64::try_from(wait).unwrap_or(0)))
    }

    /// Whether the server says that it did nothing and may be asked again: 429, or 503 with `Retry-After`.
    #[must_use]
    pub fn is_throttled(&self) -> bool {
        self.status == 429 || (self.status == 503 && self.retry_after().is_some())
    }

    /// What the body of an error says (RFC 7644 section 3.12): `scimType`, and `detail` or, where it is missing, the
    /// start of the body.
    #[must_use]
    pub fn said(&self) -> (Option<String>, String) {
        let body = self.json().unwrap_or_default();
        let text = |name: &str| body.get(name)?.as_str().map(str::to_owned);
        let detail = text("detail").unwrap_or_else(|| self.start().trim_end().to_owned());
        (text("scimType"), detail)
    }

    /// The first 200 characters of the body.
    #[must_use]
    pub fn start(&self) -> String {
        let text = String::from_utf8_lossy(&self.body[..self.body.len().min(800)]);
        text.chars().take(200).collect()
    }
}

/// A request with its answer and how long the answer took.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// What was sent.
    pub request: Request,
    /// What came back.
    pub answer: Answer,
    /// From the first byte sent to the last one read.
    pub took: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(fields: &[(&'static str, &'static str)]) -> Answer {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        Answer {
            status: 429,
            headers,
            body: Bytes::new(),
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let seconds = |fields: &[_]| answer(fields).retry_after().map(|wait| wait.as_secs());
        assert_eq!(seconds(&[("retry-after", "7")]), Some(7));
        let date = ("date", "Wed, 25 Nov 2026 20:00:00 GMT");
        let later = ("retry-after", "Wed, 25 Nov 2026 20:01:30 GMT");
        assert_eq!(seconds(&[date, later]), Some(90));
        let earlier = ("retry-after", "Wed, 25 Nov 2026 19:00:00 GMT");
        assert_eq!(seconds(&[date, earlier]), Some(0));
        assert_eq!(seconds(&[("retry-after", "soon"), date]), None);
    }

    #[test]
    fn an_error_without_detail_says_how_its_body_begins() {
        let said = |body: &'static str| {
            let answer = Answer {
                body: Bytes::from_static(body.as_bytes()),
                ..answer(&[])
            };
            answer.said()
        };
        let taken = r#"{"scimType": "uniqueness", "detail": "It is taken."}"#;
        let kind = Some("uniqueness".to_owned());
        assert_eq!(said(taken), (kind.clone(), "It is taken.".to_owned()));
        let bare = r#"{"scimType": "uniqueness", "detail": 7}"#;
        assert_eq!(said(bare), (kind, bare.to_owned()));
        assert_eq!(said("<html>"), (None, "<html>".to_owned()));
    }

    #[test]
    fn only_a_503_has_to_say_when() {
        let throttled = |status, fields: &[_]| {
            let answer = Answer {
                status,
                ..answer(fields)
            };
            answer.is_throttled()
        };
        let soon = ("retry-after", "1");
        assert!(throttled(429, &[]));
        assert!(throttled(503, &[soon]));
        assert!(!throttled(503, &[]));
        assert!(!throttled(500, &[soon]));
    }
}
