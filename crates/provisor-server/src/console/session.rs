//! Cookies, and the two proofs that a form is ours: the token in it and where it comes from.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use axum::http::{
    HeaderMap, HeaderValue,
    header::{COOKIE, HOST, ORIGIN},
};
use provisor_store::{Secret, Session, SessionId};
use sha2::{Digest, Sha256};

/// A use is noted at most once in this time per session, in milliseconds.
const EVERY: i64 = 60_000;

/// How the browser reaches us.
#[derive(Debug, Clone, Default)]
pub(crate) struct Channel {
    /// What links begin with: `https://scim.example.com`.
    pub(crate) origin: String,
    /// Cookies go over TLS only.
    pub(crate) secure: bool,
}

impl Channel {
    /// The name of a cookie; with `__Host-` the browser keeps other hosts from setting it.
    fn name(&self, name: &str) -> String {
        let prefix = if self.secure { "__Host-" } else { "" };
        format!("{prefix}provisor-{name}")
    }

    /// A cookie for the whole console. `None` removes it; without an age it ends with the browser.
    pub(crate) fn cookie(&self, name: &str, value: Option<&str>, age: Option<i64>) -> HeaderValue {
        let name = self.name(name);
        let secure = if self.secure { "; Secure" } else { "" };
        let age = match (value, age) {
            (None, _) => "; Max-Age=0".to_owned(),
            (_, Some(seconds)) => format!("; Max-Age={seconds}"),
            _ => String::new(),
        };
        let value = value.unwrap_or_default();
        let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{age}{secure}");
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("provisor-none=; Max-Age=0"))
    }
}

/// The value of a cookie.
pub(crate) fn cookie<'h>(headers: &'h HeaderMap, channel: &Channel, name: &str) -> Option<&'h str> {
    let name = channel.name(name);
    let cookies = headers.get_all(COOKIE).iter();
    let mut pairs = cookies
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value)
}

/// What the session's cookie proves; else what the guest's does, which only protects its forms.
pub(crate) fn secret(headers: &HeaderMap, channel: &Channel, cookies: [&str; 2]) -> Option<Secret> {
    cookies
        .iter()
        .find_map(|name| Secret::parse(cookie(headers, channel, name)?))
}

/// What forms carry: derived from the cookie, so that no other site can know it.
pub(crate) fn csrf(secret: &Secret) -> String {
    let mut hash = Sha256::new();
    hash.update(b"provisor form ");
    hash.update(secret.reveal().as_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    digest[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// True if the browser says that the request comes from a page of ours.
pub(crate) fn is_from_us(headers: &HeaderMap, channel: &Channel) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match text(ORIGIN.as_str()) {
        // A page with `no-referrer` sends `null`; then the browser's own word counts.
        None | Some("null") => text("sec-fetch-site") == Some("same-origin"),
        Some(origin) => {
            let host = origin.split_once("://").map(|(_, host)| host);
            origin.eq_ignore_ascii_case(&channel.origin)
                || (host.is_some() && host == text(HOST.as_str()))
        }
    }
}

/// When sessions were used, gathered here and written down now and then.
#[derive(Default)]
pub(crate) struct Uses(Mutex<HashMap<SessionId, (i64, String)>>);

impl Uses {
    pub(crate) fn note(&self, session: &Session, address: Option<std::net::IpAddr>, now: i64) {
        if now - session.last_seen < EVERY {
            return;
        }
        let mut fresh = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let address = address.map(|address| address.to_string());
        fresh.insert(session.id, (now, address.unwrap_or_default()));
    }

    pub(crate) fn take(&self) -> Vec<(SessionId, i64, String)> {
        let mut fresh = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *fresh)
            .into_iter()
            .map(|(session, (at, address))| (session, at, address))
            .collect()
    }
}
