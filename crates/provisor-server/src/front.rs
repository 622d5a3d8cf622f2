//! The front: every request comes by here, gets its id and goes to SCIM, the API, the console or
//! the health endpoints.

use std::{
    borrow::Cow,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Either, Full};
use hyper::{
    HeaderMap, Request, Response, StatusCode, Uri,
    body::Incoming,
    header::{CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT},
};
use provisor_store::{Caller, RequestId};
use tower::ServiceExt;

use crate::{
    App, ClientAddress,
    api::ServerUrl,
    console::Channel,
    http::{Answer, Door},
    operations, scim,
};

/// The header that names a request, in answers.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Where a request comes from and how the client sees this server.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    pub(crate) id: RequestId,
    pub(crate) address: Option<IpAddr>,
    /// `https://scim.example.com`: what `Location` starts with.
    pub(crate) origin: String,
    /// True if the request came straight from this machine, not through a proxy.
    pub(crate) is_local: bool,
    /// True if a trusted proxy says that the client speaks TLS.
    pub(crate) is_https: bool,
}

/// Answers one request.
pub(crate) async fn answer(
    app: &Arc<App>,
    request: Request<Incoming>,
    peer: SocketAddr,
    door: Door,
) -> Answer {
    let arrival = arrival(app, &request, peer);
    let path = folded(request.uri().path());
    let open = |asked: Door| door == Door::All || door == asked;
    let id = arrival.id;
    let mut answer = if let Some(target) = scim::target(&path) {
        if open(Door::ScimOnly) {
            scim::answer(app, target, request, arrival).await
        } else {
            plain(
                StatusCode::NOT_FOUND,
                "SCIM is served on the public address.\n",
            )
        }
    } else {
        match path.as_ref() {
            "/healthz" => plain(StatusCode::OK, "ok\n"),
            "/readyz" => operations::ready(app).await,
            "/metrics" if open(Door::AdminOnly) => {
                operations::metrics(app, request.headers(), &arrival, door).await
            }
            // `/api` and its nouns are pages of the console.
            path if path.starts_with("/api/v") && open(Door::AdminOnly) => {
                let path = path.to_owned();
                api(app, request, &path, &arrival).await
            }
            path if open(Door::AdminOnly) => {
                let path = path.to_owned();
                page(app, request, &path, &arrival, door).await
            }
            _ => plain(
                StatusCode::NOT_FOUND,
                "There is nothing here. SCIM clients use a base URL that ends with /scim/v2.\n",
            ),
        }
    };
    let mut text = [0u8; RequestId::LENGTH];
    id.write(&mut text);
    if let Ok(value) = HeaderValue::from_bytes(&text) {
        answer.headers_mut().insert(REQUEST_ID, value);
    }
    answer
}

/// A short answer in plain text, for people and probes.
pub(crate) fn plain(status: StatusCode, text: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Either::Left(Full::new(text.into())));
    *answer.status_mut() = status;
    answer.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    answer
}

/// The request as axum takes it, with what is known of it.
fn within(
    app: &App,
    request: Request<Incoming>,
    path: &str,
    arrival: &Arrival,
) -> Request<axum::body::Body> {
    let (mut parts, body) = request.into_parts();
    if parts.uri.path() != path {
        let with_query = match parts.uri.query() {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        };
        if let Ok(uri) = with_query.parse::<Uri>() {
            parts.uri = uri;
        }
    }
    parts.extensions.insert(arrival.id);
    parts.extensions.insert(ClientAddress(arrival.address));
    let limit = app.settings.max_body;
    let body =
        axum::body::Body::new(http_body_util::Limited::new(body, limit).map_err(axum::Error::new));
    Request::from_parts(parts, body)
}

async fn page(
    app: &Arc<App>,
    request: Request<Incoming>,
    path: &str,
    arrival: &Arrival,
    door: Door,
) -> Answer {
    let mut request = within(app, request, path, arrival);
    // The admin listener is not what the world calls this server.
    let public = app.settings.public_url.as_deref();
    let is_public =
        public.is_some_and(|url| url.starts_with("https://")) && door != Door::AdminOnly;
    request.extensions_mut().insert(Channel {
        origin: arrival.origin.clone(),
        secure: is_public || arrival.is_https,
    });
    let answered = app.pages.clone().oneshot(request).await;
    answered
        .unwrap_or_else(|never| match never {})
        .map(Either::Right)
}

async fn api(app: &Arc<App>, request: Request<Incoming>, path: &str, arrival: &Arrival) -> Answer {
    let client = request.headers().get(USER_AGENT).cloned();
    let mut request = within(app, request, path, arrival);
    let url = ServerUrl(arrival.origin.clone());
    request.extensions_mut().insert(url);
    let answered = app
        .api
        .clone()
        .oneshot(request)
        .await
        .unwrap_or_else(|never| match never {});
    let now = app.clock.now();
    if let Some(caller) = answered.extensions().get::<Arc<Caller>>() {
        let uses = &app.token_uses;
        uses.note(caller, client.as_ref(), arrival.address, now);
    }
    if answered.status() == StatusCode::UNAUTHORIZED {
        app.limiter.failure(arrival.address, now);
    }
    answered.map(Either::Right)
}

/// The path with doubled and trailing slashes folded.
fn folded(path: &str) -> Cow<'_, str> {
    let trailing = path.len() > 1 && path.ends_with('/');
    if !trailing && !path.contains("//") {
        return Cow::Borrowed(path);
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    Cow::Owned(format!("/{}", parts.join("/")))
}

/// Who asks, through which proxy, and under which name the client knows this server.
fn arrival(app: &App, request: &Request<Incoming>, peer: SocketAddr) -> Arrival {
    let headers = request.headers();
    let peer = peer.ip().to_canonical();
    let proxied = app.settings.trusted_proxy == Some(peer);
    let forwarded = |name: &str| proxied.then(|| last(headers, name)).flatten();
    let address = match proxied {
        // The proxy appends the address it saw: the last one is its word, the others are the client's.
        true => forwarded("x-forwarded-for").and_then(address_of),
        false => Some(peer),
    };
    let is_https = forwarded("x-forwarded-proto") == Some("https");
    let origin = match &app.settings.public_url {
        Some(url) => url.clone(),
        None => {
            let host = forwarded("x-forwarded-host")
                .or_else(|| headers.get(HOST)?.to_str().ok())
                .filter(|host| is_host(host))
                .unwrap_or("localhost");
            let scheme = if is_https { "https" } else { "http" };
            format!("{scheme}://{host}")
        }
    };
    let through_proxy = ["x-forwarded-for", "forwarded", "x-real-ip"]
        .iter()
        .any(|name| headers.contains_key(*name));
    Arrival {
        id: RequestId::random(),
        address,
        origin,
        is_local: peer.is_loopback() && !through_proxy,
        is_https,
    }
}

/// An address, also as some proxies write it: with a port, in brackets.
fn address_of(text: &str) -> Option<IpAddr> {
    let with_port = || Some(text.parse::<SocketAddr>().ok()?.ip());
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse().ok().or_else(with_port)?;
    Some(address.to_canonical())
}

/// The last element of a comma-separated header that may be repeated.
fn last<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let value = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    value.rsplit(',').next().map(str::trim)
}

/// True for what may stand in a URL as host and port, and so cannot break out of a link.
fn is_host(host: &str) -> bool {
    !host.is_empty()
        && host.len() <= 255
        && host.bytes().all(|b| {
            b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']' | b'_')
        })
}
