//! The client: a base URL, credentials, and the sending of requests.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use reqwest::{Method, header, redirect};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep};
use url::Url;

use crate::{
    address::{PublicOnly, Reach},
    auth::Auth,
    error::Error,
    exchange::{Answer, Exchange, Request},
    resource::{Group, User},
    resources::Resources,
    retry::Retry,
};

/// A provisioning client of one service provider. Cheap to share by reference among many tasks; connections
/// are kept open and reused.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    auth: Auth,
    retry: Retry,
    longest_answer: usize,
}

/// How a client is put together.
#[derive(Debug)]
pub struct Builder {
    base: String,
    auth: Auth,
    timeout: Duration,
    retry: Retry,
    reach: Reach,
    user_agent: String,
    longest_answer: usize,
    idle: Duration,
    direct: bool,
}

impl Builder {
    /// How long a request may take, from connecting to the last byte of its answer; 60 s unless told, as Okta waits.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Builder {
        self.timeout = timeout;
        self
    }

    /// How often typed calls are repeated.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Builder {
        self.retry = retry;
        self
    }

    /// Where the client may connect to; anywhere unless told.
    #[must_use]
    pub fn reach(mut self, reach: Reach) -> Builder {
        self.reach = reach;
        self
    }

    /// `User-Agent`; a request with its own keeps that.
    #[must_use]
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Builder {
        self.user_agent = user_agent.into();
        self
    }

    /// The most bytes of an answer that are read; 256 MiB unless told.
    #[must_use]
    pub fn longest_answer(mut self, bytes: usize) -> Builder {
        self.longest_answer = bytes;
        self
    }

    /// How long a connection is kept open unused; 90 s unless told. A server that closes idle connections earlier can
    /// lose a request that is sent into one at that moment.
    #[must_use]
    pub fn idle(mut self, idle: Duration) -> Builder {
        self.idle = idle;
        self
    }

    /// Asks no proxy, whatever the environment says: for what is on this machine.
    #[must_use]
    pub fn direct(mut self) -> Builder {
        self.direct = true;
        self
    }

    /// The client.
    ///
    /// # Errors
    /// `Settings` when the base URL is none, `PrivateAddress` when it may not be reached.
    pub fn build(self) -> Result<Client, Error> {
        let base = base_url(&self.base)?;
        self.reach.check(&base)?;
        // Fails when the process has chosen a provider already, which is then used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut http = reqwest::Client::builder()
            .timeout(self.timeout)
            .user_agent(self.user_agent)
            .pool_idle_timeout(self.idle)
            // A redirect would carry the credentials to an address nobody configured.
            .redirect(redirect::Policy::none());
        if self.reach == Reach::Public {
            http = http.dns_resolver(Arc::new(PublicOnly)).no_proxy();
        }
        if self.direct {
            http = http.no_proxy();
        }
        let http = http
            .build()
            .map_err(|error| Error::Settings(format!("no HTTP client: {error}")))?;
        Ok(Client {
            http,
            base,
            auth: self.auth,
            retry: self.retry,
            longest_answer: self.longest_answer,
        })
    }
}

/// Scheme, host and port of a URL, as browsers compare them; `None` if it is none.
#[must_use]
pub fn origin(url: &str) -> Option<String> {
    Some(Url::parse(url.trim()).ok()?.origin().ascii_serialization())
}

/// A base URL: http or https, without query, credentials or trailing slash.
fn base_url(text: &str) -> Result<Url, Error> {
    let wrong = |why: &str| {
        Error::Settings(format!(
            "{text:?} is no base URL: {why}; it looks like https://host/scim/v2"
        ))
    };
    let mut url = Url::parse(text.trim()).map_err(|error| wrong(&error.to_string()))?;
    if !["http", "https"].contains(&url.scheme()) {
        return Err(wrong("it begins with neither http:// nor https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("credentials do not belong in it"));
    }
    url.set_query(None);
    url.set_fragment(None);
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

impl Client {
    /// A client with default settings.
    ///
    /// # Errors
    /// As [`Builder::build`].
    pub fn new(base: &str, auth: Auth) -> Result<Client, Error> {
        Client::builder(base, auth).build()
    }

    /// A client to be set up; `base` is what stands before `/Users`.
    #[must_use]
    pub fn builder(base: &str, auth: Auth) -> Builder {
        Builder {
            base: base.to_owned(),
            auth,
            timeout: Duration::from_mins(1),
            retry: Retry::default(),
            reach: Reach::default(),
            user_agent: concat!("scim-client/", env!("CARGO_PKG_VERSION")).to_owned(),
            longest_answer: 256 << 20,
            idle: Duration::from_secs(90),
            direct: false,
        }
    }

    /// A text of the server's with the client's secrets masked, before it is shown or kept: some servers repeat what they
    /// were sent.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        self.auth.redact(text)
    }

    /// What stands before `/Users`, without a trailing slash.
    #[must_use]
    pub fn base(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// The users of the service provider.
    #[must_use]
    pub fn users(&self) -> Resources<'_, User> {
        Resources::new(self, "/Users")
    }

    /// The groups of the service provider.
    #[must_use]
    pub fn groups(&self) -> Resources<'_, Group> {
        Resources::new(self, "/Groups")
    }

    /// The resources of another endpoint, e.g. `/Devices`, as any type of serde's.
    #[must_use]
    pub fn resources<T>(&self, endpoint: &str) -> Resources<'_, T> {
        Resources::new(self, endpoint)
    }

    /// Sends a request once and gives the answer as it is, whatever its status. Where the credentials are fetched ones
    /// and no longer taken, it is sent again with new ones.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn send(&self, request: &Request) -> Result<Exchange, Error> {
        let credentials = self.auth.header(&self.http).await?;
        let exchange = self.send_as(request, credentials.as_ref()).await?;
        if exchange.answer.status == 401 && self.auth.forget(credentials.as_ref()).await {
            let credentials = self.auth.header(&self.http).await?;
            return self.send_as(request, credentials.as_ref()).await;
        }
        Ok(exchange)
    }

    /// Sends a request with this `Authorization` header in place of the client's own; `None` sends none.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn send_as(
        &self,
        request: &Request,
        authorization: Option<&header::HeaderValue>,
    ) -> Result<Exchange, Error> {
        let url = self.url(request)?;
        let mut http = self
            .http
            .request(request.method.clone(), url.clone())
            .headers(request.headers.clone());
        if let Some(authorization) = authorization {
            http = http.header(header::AUTHORIZATION, authorization);
        }
        if let Some(body) = &request.body {
            http = http.body(body.clone());
        }
        let started = Instant::now();
        let method = &request.method;
        let response = http
            .send()
            .await
            .map_err(|error| failed(method, url.as_str(), error))?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = self.body(response, method, &url).await?;
        Ok(Exchange {
            request: request.clone(),
            answer: Answer {
                status,
                headers,
                body,
            },
            took: started.elapsed(),
        })
    }

    async fn body(
        &self,
        mut response: reqwest::Response,
        method: &Method,
        url: &Url,
    ) -> Result<Bytes, Error> {
        let mut body = BytesMut::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| failed(method, url.as_str(), error))?
        {
            if body.len() + chunk.len() > self.longest_answer {
                return Err(Error::Unreadable {
                    method: method.clone(),
                    url: url.to_string(),
                    status: response.status().as_u16(),
                    reason: format!("it is longer than {} bytes", self.longest_answer),
                    start: String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned(),
                });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }

    /// Sends a request, repeats it as [`Retry`] says, and gives an answer of status 2xx (or 304).
    ///
    /// # Errors
    /// `Refused` for another status; when there is no answer.
    pub async fn call(&self, request: &Request) -> Result<Answer, Error> {
        let mut attempt = 1;
        loop {
            let outcome = self.send(request).await.map(|exchange| exchange.answer);
            if let Ok(answer) = &outcome
                && (answer.is_success() || answer.status == 304)
            {
                return outcome;
            }
            let Some(wait) = self.retry.wait(attempt, &request.method, outcome.as_ref()) else {
                let answer = outcome?;
                let url = self.url(request)?;
                return Err(Error::refused(&request.method, url.as_str(), &answer));
            };
            sleep(wait).await;
            attempt += 1;
        }
    }

    /// Calls, and reads the answer's body.
    pub(crate) async fn read<T: DeserializeOwned>(&self, request: &Request) -> Result<T, Error> {
        let answer = self.call(request).await?;
        self.parse(request, &answer)
    }

    /// The body of an answer as a type.
    pub(crate) fn parse<T: DeserializeOwned>(
        &self,
        request: &Request,
        answer: &Answer,
    ) -> Result<T, Error> {
        serde_json::from_slice(&answer.body)
            .map_err(|error| self.unreadable(request, answer, error))
    }

    pub(crate) fn unreadable(
        &self,
        request: &Request,
        answer: &Answer,
        reason: impl ToString,
    ) -> Error {
        Error::Unreadable {
            method: request.method.clone(),
            url: self.url(request).map(String::from).unwrap_or_default(),
            status: answer.status,
            reason: reason.to_string(),
            start: answer.start(),
        }
    }

    fn url(&self, request: &Request) -> Result<Url, Error> {
        let text = format!("{}{}", self.base(), request.path);
        let mut url =
            Url::parse(&text).map_err(|error| Error::Settings(format!("{text}: {error}")))?;
        if let Some(query) = &request.query {
            url.set_query(Some(query));
        }
        Ok(url)
    }
}

/// What the network said, by whether the server can have seen the request.
pub(crate) fn failed(method: &Method, url: &str, error: reqwest::Error) -> Error {
    let refused_address = || {
        let mut source = std::error::Error::source(&error);
        while let Some(inner) = source {
            let io = inner
                .downcast_ref::<std::io::Error>()
                .and_then(|io| io.get_ref());
            let found = inner.downcast_ref().or_else(|| io?.downcast_ref::<Error>());
            if let Some(Error::PrivateAddress { host, address }) = found {
                return Some((host.clone(), *address));
            }
            source = inner.source();
        }
        None
    };
    if let Some((host, address)) = refused_address() {
        return Error::PrivateAddress { host, address };
    }
    let (method, url) = (method.clone(), url.to_owned());
    let (connect, timeout) = (error.is_connect(), error.is_timeout());
    let error = error.without_url();
    let mut reason = if timeout {
        "timed out".to_owned()
    } else {
        error.to_string()
    };
    let mut source = std::error::Error::source(&error);
    while let Some(inner) = source {
        reason = format!("{reason}: {inner}");
        source = inner.source();
    }
    if connect {
        // What the layers of the HTTP client say is that there is no connection, which is said already.
        let layers = "error sending request: client error (Connect): ";
        let reason = reason.strip_prefix(layers).unwrap_or(&reason);
        Error::Connect {
            method,
            url,
            reason: format!("{reason}{}", advice(reason)),
        }
    } else {
        Error::NoAnswer {
            method,
            url,
            reason,
        }
    }
}

/// What to look at when no connection comes about; nothing where the network's words do not tell.
fn advice(reason: &str) -> &'static str {
    let known = [
        (
            "Connection refused",
            "; look whether the server runs, and host and port are right",
        ),
        ("dns error", "; look whether the host's name is right"),
        (
            "InvalidContentType",
            "; what answers there does not speak TLS, so that it may be http rather than https",
        ),
        (
            "invalid peer certificate",
            "; the certificate has to be valid, for this host, and of an authority that this machine trusts",
        ),
        (
            "timed out",
            "; look whether host and port are right, and a firewall stands between",
        ),
    ];
    let found = known.iter().find(|(words, _)| reason.contains(words));
    found.map_or("", |(_, advice)| advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_connection_comes_with_what_to_look_at() {
        for (reason, asked) in [
            (
                "tcp connect error: Connection refused (os error 111)",
                "the server runs",
            ),
            (
                "dns error: failed to lookup address information",
                "host's name",
            ),
            (
                "received corrupt message of type InvalidContentType",
                "http rather than https",
            ),
            (
                "invalid peer certificate: UnknownIssuer",
                "authority that this machine trusts",
            ),
        ] {
            assert!(advice(reason).contains(asked), "{reason}");
        }
        assert_eq!(advice("something else"), "");
    }

    #[test]
    fn a_base_url_has_no_trailing_slash_and_no_credentials() {
        let base =
            |text: &str| Client::new(text, Auth::None).map(|client| client.base().to_owned());
        assert_eq!(
            base("https://a.example/scim/v2/").unwrap(),
            "https://a.example/scim/v2"
        );
        assert_eq!(
            base("https://a.example/scim?aadOptscim062020#x").unwrap(),
            "https://a.example/scim"
        );
        assert_eq!(base("http://a.example").unwrap(), "http://a.example");
        for wrong in [
            "a.example/scim",
            "ftp://a.example",
            "https://u:p@a.example/scim",
        ] {
            assert!(base(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_bare_question_mark_stays() {
        let client = Client::new("http://a.example/scim/v2", Auth::None).unwrap();
        let url = |request: Request| client.url(&request).unwrap().to_string();
        assert_eq!(
            url(Request::get("/Users/7").query("")),
            "http://a.example/scim/v2/Users/7?"
        );
        assert_eq!(
            url(Request::get("/Users").query("filter=userName+eq+%22x%22&")),
            "http://a.example/scim/v2/Users?filter=userName+eq+%22x%22&"
        );
    }
}
