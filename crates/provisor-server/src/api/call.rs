//! One request on its way to its handler: who asks, for which tenant, with what body.

use std::sync::Arc;

use axum::{
    extract::{Query, RawPathParams, Request},
    http::{
        HeaderMap, HeaderValue, StatusCode, Uri,
        header::{AUTHORIZATION, CONTENT_TYPE, HOST},
        request::Parts,
    },
    response::Response,
};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body;
use provisor_store::{
    Actor, Caller, Cause, Change, Denied, Origin, Outcome, PlainToken, RequestId, Scope, Snapshot,
    Tenant, TenantId, TenantState, TokenKind,
};
use serde::de::DeserializeOwned;

use super::{Access, Answer, ApiError, ApiState, By, Route, ServerUrl, methods};
use crate::{ClientAddress, body_memory::Room};

/// An authenticated request whose token may do what the route demands.
pub(crate) struct Call {
    pub(crate) state: ApiState,
    pub(crate) caller: Arc<Caller>,
    request: RequestId,
    address: Option<std::net::IpAddr>,
    tenant: Option<Tenant>,
    snapshot: Option<Box<dyn Snapshot>>,
    parameters: Vec<(String, String)>,
    uri: Uri,
    base_url: String,
    body: Bytes,
    /// For the body, until the request ends.
    _room: Room,
}

/// Serves a request whose path is a route's.
pub(super) async fn dispatch(
    state: ApiState,
    path: &'static str,
    parameters: Option<RawPathParams>,
    request: Request,
) -> Response {
    let id = request_id(&request);
    let mut accepted = None;
    let result = match parameters {
        Some(parameters) => serve(state, path, parameters, request, id, &mut accepted).await,
        // Percent-encoded bytes that are no UTF-8 name nothing.
        None => Err(ApiError::no_route(request.uri().path())),
    };
    let mut response = respond(result, id);
    if let Some(caller) = accepted {
        response.extensions_mut().insert(caller);
    }
    response
}

/// Serves a request whose path is no route's.
pub(super) async fn unknown_route(request: Request) -> Response {
    let id = request_id(&request);
    respond(Err(ApiError::no_route(request.uri().path())), id)
}

fn request_id(request: &Request) -> RequestId {
    let given = request.extensions().get::<RequestId>().copied();
    given.unwrap_or_else(RequestId::random)
}

fn respond(result: Result<Answer, ApiError>, id: RequestId) -> Response {
    let mut response = match result {
        Ok(answer) => answer.into_response(),
        Err(error) => error.into_response(id),
    };
    if let Ok(value) = HeaderValue::try_from(id.to_string()) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}

async fn serve(
    state: ApiState,
    path: &'static str,
    parameters: RawPathParams,
    request: Request,
    id: RequestId,
    accepted: &mut Option<Arc<Caller>>,
) -> Result<Answer, ApiError> {
    let route = route(path, request.method().as_str())?;
    let handler = match route.serve.0 {
        By::Document(document) => return Ok(Answer::bytes(document.into())),
        By::Handler(handler) => handler,
    };
    let parameters: Vec<_> = parameters
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let (parts, body) = request.into_parts();
    let mut snapshot = state.store.read().await?;
    let caller = authenticate(snapshot.as_mut(), &parts).await?;
    *accepted = Some(caller.clone());
    authorize(route, &caller)?;
    let key = parameters.iter().find(|(name, _)| name == "key");
    let tenant = match key {
        Some((_, key)) => Some(tenant(snapshot.as_mut(), &caller, key).await?),
        None => None,
    };
    let with_body = matches!(route.method, "POST" | "PUT" | "PATCH");
    let (snapshot, (body, room)) = if with_body {
        // No view of the store waits for a slow client.
        drop(snapshot);
        media_type(&parts.headers)?;
        (None, read_body(&state, body).await?)
    } else {
        (Some(snapshot), (Bytes::new(), Room::small()))
    };
    handler(Call {
        base_url: base_url(&state, &parts),
        state,
        caller,
        request: id,
        address: parts
            .extensions
            .get::<ClientAddress>()
            .and_then(|address| address.0),
        tenant,
        snapshot,
        parameters,
        uri: parts.uri,
        body,
        _room: room,
    })
    .await
}

fn route(path: &'static str, method: &str) -> Result<&'static Route, ApiError> {
    let wanted = if method == "HEAD" { "GET" } else { method };
    methods(path)
        .find(|route| route.method == wanted)
        .ok_or_else(|| {
            let mut allowed: Vec<_> = methods(path).map(|route| route.method).collect();
            if allowed.contains(&"GET") {
                allowed.push("HEAD");
            }
            ApiError::method(method, &allowed.join(", "))
        })
}

async fn authenticate(snapshot: &mut dyn Snapshot, parts: &Parts) -> Result<Arc<Caller>, ApiError> {
    let mut headers = parts.headers.get_all(AUTHORIZATION).iter();
    let (Some(header), None) = (headers.next(), headers.next()) else {
        return Err(ApiError::unauthorized(
            Cause::NoCredentials,
            "The request carries no Authorization header, or several. Send one: \
             \"Authorization: Bearer pvr_api_…\".",
        ));
    };
    let text = header.to_str().unwrap_or_default().trim();
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("Bearer") {
        return Err(ApiError::unauthorized(
            Cause::SchemeWrong,
            "The Authorization header does not begin with \"Bearer \". Send \
             \"Authorization: Bearer pvr_api_…\".",
        ));
    }
    let token = PlainToken::parse(token.trim())
        .ok_or_else(|| ApiError::token_not_accepted(Cause::TokenUnknown))?;
    let address = parts.extensions.get::<ClientAddress>();
    let caller = match snapshot
        .caller(&token, address.and_then(|address| address.0))
        .await?
    {
        Ok(caller) => caller,
        // A SCIM token is not let in anyway; that its connection is paused is not the reason.
        Err(Denied {
            refusal,
            caller: Some(caller),
        }) if refusal.cause == Cause::ConnectionPaused => caller,
        Err(denied) => return Err(denied.refusal.into()),
    };
    if caller.token.kind != TokenKind::Api {
        return Err(ApiError::scope(
            "This is a SCIM token (pvr_scim_…); it works under /scim/v2 only. The API needs an \
             API token (pvr_api_…): create one with POST /api/v1/tokens, or with POST \
             /api/v1/tenants/{key}/tokens for one tenant."
                .to_owned(),
        ));
    }
    Ok(caller)
}

fn authorize(route: &Route, caller: &Caller) -> Result<(), ApiError> {
    let scopes = caller.token.scopes;
    let operator = caller.tenant_id() == TenantId::SYSTEM;
    let (allowed, needed) = match route.access {
        Access::Anyone => (true, String::new()),
        Access::Operator => (
            operator && scopes.has(Scope::Admin),
            "an operator's token with the scope admin".to_owned(),
        ),
        Access::Tenant(scope) => (
            scopes.has(scope) || scopes.has(Scope::Admin),
            format!(
                "a token with the scope {scope} (admin includes it)",
                scope = scope.as_str()
            ),
        ),
    };
    if allowed {
        return Ok(());
    }
    let whose = if operator {
        "an operator's"
    } else {
        "a tenant's"
    };
    Err(ApiError::scope(format!(
        "{} {} needs {needed}; this is {whose} token with: {scopes}. Create a token that fits.",
        route.method, route.path
    )))
}

/// The tenant that the path names, as far as the caller may know of it.
async fn tenant(
    snapshot: &mut dyn Snapshot,
    caller: &Caller,
    key: &str,
) -> Result<Tenant, ApiError> {
    let found = match &caller.tenant {
        Some(own) => (own.key == key).then(|| Tenant::clone(own)),
        None => snapshot.tenant(key).await?,
    };
    match found {
        Some(tenant) if tenant.state != TenantState::Deleting => Ok(tenant),
        _ => Err(ApiError::not_found("tenant", key)),
    }
}

fn media_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let declared = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = declared.split(';').next().unwrap_or_default().trim();
    let json = ["application/json", "application/scim+json"]
        .iter()
        .any(|known| essence.eq_ignore_ascii_case(known));
    if json {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Cause::UnsupportedMediaType,
        "The body must be declared as JSON. Send the header \"Content-Type: application/json\".",
    ))
}

async fn read_body(state: &ApiState, body: axum::body::Body) -> Result<(Bytes, Room), ApiError> {
    let limit = state.settings.max_body;
    let body = Limited::new(body, limit);
    // A body that announces no size may have the largest.
    let most = body
        .size_hint()
        .upper()
        .and_then(|most| most.try_into().ok());
    // Whose tokens reach here are the operator's own apps, with bodies of 1 MiB at most.
    let room = state
        .bodies
        .reserve(TenantId::SYSTEM, most.unwrap_or(limit))
        .await;
    let room = room.ok_or_else(ApiError::overloaded)?;
    match tokio::time::timeout(state.settings.body_timeout, body.collect()).await {
        Ok(Ok(collected)) => Ok((collected.to_bytes(), room)),
        Ok(Err(error)) if is_too_long(error.as_ref()) => Err(ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            Cause::PayloadTooLarge,
            format!(
                "The body is longer than {limit} bytes. Send less, or raise the server's limit."
            ),
        )),
        Ok(Err(_)) => Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            Cause::InvalidSyntax,
            "The body ended before it was complete. Send it again.",
        )),
        Err(_) => Err(ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            Cause::InvalidSyntax,
            format!(
                "The body did not arrive within {} seconds. Send it again.",
                state.settings.body_timeout.as_secs()
            ),
        )),
    }
}

/// What URLs for people start with: the setting, else how the client sees the server.
fn base_url(state: &ApiState, parts: &Parts) -> String {
    if let Some(url) = &state.settings.public_url {
        return url.clone();
    }
    if let Some(ServerUrl(url)) = parts.extensions.get() {
        return url.clone();
    }
    let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
    format!("http://{}", host.unwrap_or("localhost"))
}

/// True if a limit on the body was reached, by whatever layer.
fn is_too_long(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source())
        .any(|error| error.is::<LengthLimitError>())
}

impl Call {
    /// A parameter of the path, decoded.
    pub(crate) fn parameter(&self, name: &str) -> &str {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    /// The parameters after `?`. Errors: 400 naming the parameter that is unknown or unusable.
    pub(crate) fn query<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        match Query::<T>::try_from_uri(&self.uri) {
            Ok(Query(query)) => Ok(query),
            Err(rejection) => {
                let text = rejection.body_text();
                let reason = text
                    .split_once(": ")
                    .map_or(text.as_str(), |(_, rest)| rest);
                Err(ApiError::invalid(format!(
                    "The query parameters cannot be used: {reason}."
                )))
            }
        }
    }

    /// The body. Errors: 400 naming the member that is unknown, missing or of a wrong type.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        let object = self.object()?;
        serde_path_to_error::deserialize(scim::Value::Object(object)).map_err(|error| {
            let path = error.path().to_string();
            let reason = error.into_inner().to_string();
            let cause = if reason.starts_with("missing field") {
                Cause::MissingRequired
            } else {
                Cause::InvalidValue
            };
            let place = if path == "." || reason.contains(" field `") {
                String::new()
            } else {
                format!(" at \"{path}\"")
            };
            ApiError::new(
                StatusCode::BAD_REQUEST,
                cause,
                format!("The body cannot be used{place}: {reason}."),
            )
        })
    }

    /// The body as a JSON object of any shape.
    pub(crate) fn object(&self) -> Result<scim::Map<String, scim::Value>, ApiError> {
        Ok(scim::json::parse_object(&self.body)?)
    }

    /// The tenant of the path; for routes without one, nobody's.
    pub(crate) fn tenant_id(&self) -> TenantId {
        self.tenant.as_ref().map_or(TenantId::SYSTEM, |t| t.id)
    }

    /// The tenant of the path.
    pub(crate) fn tenant(&self) -> Result<&Tenant, ApiError> {
        self.tenant
            .as_ref()
            .ok_or_else(|| ApiError::internal(&"a route without tenant asked for one"))
    }

    /// The view of the store that the caller was checked in; a new one after a write.
    pub(crate) async fn snapshot(&mut self) -> Result<&mut dyn Snapshot, ApiError> {
        if self.snapshot.is_none() {
            self.snapshot = Some(self.state.store.read().await?);
        }
        match &mut self.snapshot {
            Some(snapshot) => Ok(snapshot.as_mut()),
            None => Err(ApiError::internal(&"a view of the store was lost")),
        }
    }

    /// Ends the view of the store, before something that takes its time.
    pub(crate) fn close_snapshot(&mut self) {
        self.snapshot = None;
    }

    /// Who asks for a change of the path's tenant.
    pub(crate) fn origin(&self) -> Origin {
        Origin {
            tenant: self.tenant_id(),
            request: self.request,
            actor: Actor::Token(self.caller.clone()),
            address: self.address,
        }
    }

    /// Makes a change.
    pub(crate) async fn write(&mut self, change: Change) -> Result<Outcome, ApiError> {
        self.close_snapshot();
        let origin = self.origin();
        Ok(self.state.store.write(origin, change).await?)
    }

    /// What a customer pastes as base URL into the identity provider.
    pub(crate) fn scim_url(&self, tenant: &Tenant) -> String {
        format!("{}/t/{}/scim/v2", self.base_url, tenant.slug)
    }
}
