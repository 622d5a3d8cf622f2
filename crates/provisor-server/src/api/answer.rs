//! What a handler answers.

use axum::{
    body::Body,
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION},
    },
    response::Response,
};
use scim::Value;

/// A successful answer: status, JSON body, and where the new thing is.
#[derive(Debug)]
pub(crate) struct Answer {
    status: StatusCode,
    body: Vec<u8>,
    location: Option<String>,
}

impl Answer {
    pub(crate) fn ok(body: Value) -> Self {
        Self::bytes(body.to_string().into_bytes())
    }

    /// JSON already written.
    pub(crate) fn bytes(body: Vec<u8>) -> Self {
        Self {
            status: StatusCode::OK,
            body,
            location: None,
        }
    }

    /// 201; `location` is a path whose segments are encoded.
    pub(crate) fn created(body: Value, location: String) -> Self {
        Self {
            status: StatusCode::CREATED,
            location: Some(location),
            ..Self::ok(body)
        }
    }

    /// 202: it goes on after the answer.
    pub(crate) fn accepted(body: Value) -> Self {
        Self {
            status: StatusCode::ACCEPTED,
            ..Self::ok(body)
        }
    }

    /// 204.
    pub(crate) fn nothing() -> Self {
        Self {
            status: StatusCode::NO_CONTENT,
            body: Vec::new(),
            location: None,
        }
    }

    pub(crate) fn into_response(self) -> Response {
        let empty = self.body.is_empty();
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        if !empty {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(location) = self.location.and_then(|path| path.parse().ok()) {
            headers.insert(LOCATION, location);
        }
        response
    }
}

/// Encodes one path segment (RFC 3986 section 3.3).
pub(crate) fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
