//! How a client shows who it is.

use std::{
    collections::VecDeque,
    sync::{Mutex as StdMutex, PoisonError},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::{Method, header::HeaderValue};
use serde::Deserialize;
use serde_json::Value;
use tokio::{sync::Mutex, time::Instant};

use crate::{client::failed, error::Error};

/// The credentials of a client. `Debug` never shows a secret.
pub enum Auth {
    /// None are sent.
    None,
    /// A fixed `Authorization` header.
    Header(HeaderValue),
    /// OAuth 2.0 client credentials (RFC 6749 section 4.4): a token is fetched, kept until it expires, and fetched
    /// anew when the server no longer takes it.
    ClientCredentials(Box<ClientCredentials>),
}

/// What OAuth 2.0 client credentials need.
pub struct ClientCredentials {
    token_url: String,
    client_id: String,
    client_secret: String,
    scope: Option<String>,
    token: Mutex<Option<(HeaderValue, Instant)>>,
    /// The last tokens that were fetched, so that they can be masked.
    fetched: StdMutex<VecDeque<String>>,
}

/// What a secret looks like where it was masked.
const MASK: &str = "[secret]";
/// Fetched tokens that are remembered to be masked.
const FETCHED: usize = 8;
/// The most bytes of a token endpoint's answer that are read.
const LONGEST_GRANT: usize = 256 << 10;
/// So many characters of what it says are told.
const LONGEST_WORDS: usize = 200;
/// A token is fetched anew after a day at the latest.
const LONGEST_LIFE: Duration = Duration::from_hours(24);

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Auth::None => "Auth::None",
            Auth::Header(_) => "Auth::Header(…)",
            Auth::ClientCredentials(_) => "Auth::ClientCredentials(…)",
        })
    }
}

impl std::fmt::Debug for ClientCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClientCredentials(…)")
    }
}

impl Auth {
    /// `Authorization: Bearer TOKEN`.
    #[must_use]
    pub fn bearer(token: &str) -> Auth {
        Auth::raw(&format!("Bearer {}", token.trim()))
    }

    /// `Authorization: VALUE`, as Okta's header mode sends it. Characters that no header may carry are left out.
    #[must_use]
    pub fn raw(value: &str) -> Auth {
        let plain: String = value.chars().filter(|c| (' '..='~').contains(c)).collect();
        let mut value = HeaderValue::from_str(&plain).expect("only printable ASCII is left");
        value.set_sensitive(true);
        Auth::Header(value)
    }

    /// `Authorization: Basic …` (RFC 7617).
    #[must_use]
    pub fn basic(user: &str, password: &str) -> Auth {
        Auth::raw(&format!(
            "Basic {}",
            BASE64_STANDARD.encode(format!("{user}:{password}"))
        ))
    }

    /// OAuth 2.0 client credentials.
    #[must_use]
    pub fn client_credentials(
        token_url: impl Into<String>,
        client_id: impl Into<String>,
        client_secret: impl Into<String>,
        scope: Option<String>,
    ) -> Auth {
        Auth::ClientCredentials(Box::new(ClientCredentials {
            token_url: token_url.into(),
            client_id: client_id.into(),
            client_secret: client_secret.into(),
            scope,
            token: Mutex::new(None),
            fetched: StdMutex::default(),
        }))
    }

    /// The `Authorization` header to send now.
    pub(crate) async fn header(
        &self,
        http: &reqwest::Client,
    ) -> Result<Option<HeaderValue>, Error> {
        match self {
            Auth::None => Ok(None),
            Auth::Header(value) => Ok(Some(value.clone())),
            Auth::ClientCredentials(credentials) => credentials.header(http).await.map(Some),
        }
    }

    /// A text of the server's with every secret of ours masked: some servers repeat what they were sent.
    pub(crate) fn redact(&self, text: &str) -> String {
        let secrets = match self {
            Auth::None => Vec::new(),
            Auth::Header(value) => {
                let whole = value.to_str().unwrap_or_default();
                let (mode, token) = whole.split_once(' ').unwrap_or(("", whole));
                let mut secrets = vec![whole.to_owned(), token.trim().to_owned()];
                if mode == "Basic"
                    && let Some(pair) = BASE64_STANDARD
                        .decode(token)
                        .ok()
                        .and_then(|pair| String::from_utf8(pair).ok())
                {
                    let password = pair.split_once(':').map(|(_, password)| password);
                    secrets.extend(password.map(str::to_owned));
                }
                secrets
            }
            Auth::ClientCredentials(credentials) => credentials.secrets(),
        };
        mask(secrets, text)
    }

    /// Forgets a fetched token the server refused; false if there is nothing newer to try.
    pub(crate) async fn forget(&self, refused: Option<&HeaderValue>) -> bool {
        let Auth::ClientCredentials(credentials) = self else {
            return false;
        };
        let mut token = credentials.token.lock().await;
        if token.as_ref().map(|(value, _)| value) == refused {
            *token = None;
        }
        true
    }
}

fn mask(mut secrets: Vec<String>, text: &str) -> String {
    // The longest first, for one may be within another.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    let secrets = secrets.iter().filter(|secret| !secret.is_empty());
    secrets.fold(text.to_owned(), |text, secret| text.replace(secret, MASK))
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    /// Seconds; servers may leave it out.
    #[serde(default)]
    expires_in: Value,
}

impl Granted {
    /// As far as it can be read: some servers write it as a text. One that has expired already serves for one request.
    fn lives(&self) -> Duration {
        let text = || self.expires_in.as_str()?.trim().parse().ok();
        let seconds = self.expires_in.as_f64().or_else(text).unwrap_or(300.0);
        Duration::try_from_secs_f64(seconds.max(0.0))
            .map_or(LONGEST_LIFE, |it| it.min(LONGEST_LIFE))
    }
}

/// RFC 6749 section 2.3.1: id and secret are form-encoded before they go into Basic.
fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

impl ClientCredentials {
    async fn header(&self, http: &reqwest::Client) -> Result<HeaderValue, Error> {
        let mut token = self.token.lock().await;
        if let Some((value, expires)) = &*token
            && Instant::now() < *expires
        {
            return Ok(value.clone());
        }
        let granted = self.fetch(http).await?;
        {
            let mut fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
            fetched.push_front(granted.access_token.clone());
            fetched.truncate(FETCHED);
        }
        let mut value = HeaderValue::from_str(&format!("Bearer {}", granted.access_token))
            .map_err(|_| self.refused("the access token has characters no header may carry"))?;
        value.set_sensitive(true);
        // A little early, so that a token does not run out on its way.
        *token = Some((value.clone(), Instant::now() + granted.lives().mul_f64(0.9)));
        Ok(value)
    }

    fn secrets(&self) -> Vec<String> {
        let (id, secret) = (encoded(&self.client_id), encoded(&self.client_secret));
        let basic = BASE64_STANDARD.encode(format!("{id}:{secret}"));
        let mut secrets = vec![self.client_secret.clone(), secret, basic];
        let fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
        secrets.extend(fetched.iter().cloned());
        secrets
    }

    fn form(&self) -> String {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if let Some(scope) = &self.scope {
            form.append_pair("scope", scope);
        }
        form.finish()
    }

    async fn fetch(&self, http: &reqwest::Client) -> Result<Granted, Error> {
        let mut answer = http
            .post(&self.token_url)
            .basic_auth(encoded(&self.client_id), Some(encoded(&self.client_secret)))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .body(self.form())
            .send()
            .await
            .map_err(|error| self.lost(error))?;
        let status = answer.status();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| self.lost(error))? {
            if body.len() + chunk.len() > LONGEST_GRANT {
                return Err(
                    self.refused(format!("its answer is longer than {LONGEST_GRANT} bytes"))
                );
            }
            body.extend_from_slice(&chunk);
        }
        if !status.is_success() {
            let said: Option<Value> = serde_json::from_slice(&body).ok();
            let said = said.as_ref().and_then(|said| said.get("error")?.as_str());
            // Masked before it is cut, which could cut through a secret.
            let said = mask(self.secrets(), said.unwrap_or_default());
            let said: String = said.chars().take(LONGEST_WORDS).collect();
            return Err(self.refused(format!("it answered {status} {said}")));
        }
        serde_json::from_slice(&body)
            .map_err(|_| self.refused("its answer has no access_token (RFC 6749 section 5.1)"))
    }

    /// Nothing was answered. Whatever became of this request, the service provider has seen nothing of the one it was for.
    fn lost(&self, error: reqwest::Error) -> Error {
        match failed(&Method::POST, &self.token_url, error) {
            Error::Connect {
                method,
                url,
                reason,
            }
            | Error::NoAnswer {
                method,
                url,
                reason,
            } => Error::Connect {
                reason: format!("no access token from {url}: {reason}"),
                method,
                url,
            },
            other => other,
        }
    }

    fn refused(&self, why: impl std::fmt::Display) -> Error {
        Error::Token(format!("no access token from {}: {why}", self.token_url))
    }
}
