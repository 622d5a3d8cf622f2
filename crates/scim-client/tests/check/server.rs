//! A small SCIM server in memory, on a real socket; the engine is the `scim` crate. A defect is a name: where it is
//! switched on, the server does the wrong thing instead.

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use futures_util::TryStreamExt;
use scim::{Error, Profile, Registry, Value, error::Kind};
use scim_client::{Auth, Client};
use serde_json::json;
use tokio::sync::Notify;

use crate::directory::{Directory, Stored, id};

/// The tokens of the two tenants.
pub(crate) const TOKENS: [&str; 2] = ["first-token", "second-token"];

/// The server: two tenants, one profile, at most one defect, or some with `+` between them.
pub(crate) struct Server {
    pub(crate) registry: Arc<Registry>,
    pub(crate) profile: Profile,
    pub(crate) base: String,
    defect: Option<&'static str>,
    pub(crate) tenants: [Mutex<Directory>; 2],
    /// For `slow_to_create`: a create has arrived, it may be stored, it is.
    pub(crate) arrived: Notify,
    pub(crate) released: Notify,
    pub(crate) stored: Notify,
}

/// An answer before it is HTTP.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Option<Value>,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Answer {
    pub(crate) fn new(status: u16, body: impl Into<Option<Value>>) -> Answer {
        Answer {
            status,
            body: body.into(),
            headers: Vec::new(),
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Answer {
        self.headers.push((name, value.into()));
        self
    }
}

impl From<Error> for Answer {
    fn from(error: Error) -> Answer {
        Answer::new(error.kind.status(), error.to_json())
    }
}

/// One request.
pub(crate) struct Call<'c> {
    pub(crate) method: &'c Method,
    pub(crate) path: Vec<String>,
    pub(crate) query: &'c str,
    pub(crate) headers: &'c HeaderMap,
    pub(crate) body: &'c [u8],
    pub(crate) tenant: usize,
}

impl Call<'_> {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Server {
    /// Starts one in which each tenant has a user and a group already.
    pub(crate) async fn start(profile: Profile, defect: Option<&'static str>) -> Arc<Server> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/scim/v2", listener.local_addr().unwrap());
        let tenant = || {
            let mut tenant = Directory::default();
            tenant.resources.extend(before());
            Mutex::new(tenant)
        };
        let server = Arc::new(Server {
            registry: registry(),
            profile,
            base,
            defect,
            tenants: [tenant(), tenant()],
            arrived: Notify::new(),
            released: Notify::new(),
            stored: Notify::new(),
        });
        let router = Router::new()
            .fallback(handle)
            .with_state(Arc::clone(&server));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        server
    }

    /// What each tenant has lost or got changed of what it had before, and how much it has beside it.
    pub(crate) fn changes(&self) -> (Vec<String>, usize) {
        let (mut changed, mut more) = (Vec::new(), 0);
        for tenant in &self.tenants {
            let tenant = tenant.lock().unwrap();
            more += tenant.resources.len();
            for (id, before) in before() {
                let now = tenant.resources.get(&id);
                more -= usize::from(now.is_some());
                if now.is_none_or(|now| now.attributes != before.attributes) {
                    changed.push(id);
                }
            }
        }
        (changed, more)
    }

    /// Puts so many others into the first tenant, who stand before everybody else in a list.
    pub(crate) fn crowd(&self, count: usize) {
        let [(_, user), _] = before();
        let mut tenant = self.tenants[0].lock().unwrap();
        for number in 0..count {
            let mut other = user.clone();
            let name = json!(format!("other{number}@example.com"));
            other.attributes.insert("userName".to_owned(), name);
            tenant.resources.insert(format!("a{number:05}"), other);
        }
    }

    /// Puts others into the second tenant, under the ids that the first is about to give.
    pub(crate) fn settle(&self, count: u64) {
        let [(_, user), _] = before();
        let mut tenant = self.tenants[1].lock().unwrap();
        for number in 1..=count {
            tenant.resources.insert(id(number), user.clone());
        }
        tenant.next = count;
    }

    /// How many of these are as they were.
    pub(crate) fn settled(&self, count: u64) -> usize {
        let [(_, user), _] = before();
        let tenant = self.tenants[1].lock().unwrap();
        let same = |number: &u64| {
            let now = tenant.resources.get(&id(*number));
            now.is_some_and(|now| now.attributes == user.attributes)
        };
        (1..=count).filter(same).count()
    }

    /// Whether this defect is switched on.
    pub(crate) fn is(&self, defect: &str) -> bool {
        let on = self.defect.unwrap_or_default();
        on.split('+').any(|one| one == defect)
    }
}

/// The standard schemas, and an extension of users with what they lack.
fn registry() -> Arc<Registry> {
    let own = include_str!("../../../../tests/data/check-schema.json");
    let own: Vec<Value> = serde_json::from_str(own).unwrap();
    let (schemas, types) = own.split_at(1);
    Arc::new(Registry::with_custom(schemas, types).unwrap())
}

/// What was there before a check came; the ids stand before all others.
fn before() -> [(String, Stored); 2] {
    let stored = |endpoint: &str, attributes: Value| Stored {
        endpoint: endpoint.to_owned(),
        attributes: attributes.as_object().unwrap().clone(),
        created: 1_795_500_000_000,
        modified: 1_795_500_000_000,
        version: 1,
    };
    let user =
        json!({"schemas": [scim_client::USER], "userName": "ada@example.com", "active": true});
    let group = json!({"schemas": [scim_client::GROUP], "displayName": "Engineers"});
    [
        ("before-user".to_owned(), stored("Users", user)),
        ("before-group".to_owned(), stored("Groups", group)),
    ]
}

/// A client of a tenant.
pub(crate) fn client(base: &str, tenant: usize) -> Client {
    Client::new(base, Auth::bearer(TOKENS[tenant])).unwrap()
}

async fn handle(
    State(server): State<Arc<Server>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if server.is("yes_to_everything") {
        return (StatusCode::OK, "{}").into_response();
    }
    if server.is("no_to_everything") {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let answer = match tenant(&server, &headers) {
        None => unauthorized(&server),
        Some(tenant) => {
            let path = uri.path().strip_prefix("/scim/v2").unwrap_or(uri.path());
            let decode = |part: &str| {
                let part = part.replace('+', "%2B");
                let whole = url::form_urlencoded::parse(part.as_bytes()).next();
                whole.map(|(text, _)| text.into_owned()).unwrap_or_default()
            };
            let parts = path.split('/').filter(|part| !part.is_empty());
            let call = Call {
                method: &method,
                path: parts.map(decode).collect(),
                query: uri.query().unwrap_or_default(),
                headers: &headers,
                body: &body,
                tenant,
            };
            let strict = server.is("no_trailing_slash") && path.len() > 1 && path.ends_with('/');
            if let Some(refusal) = crate::defects::refused(&server, &call) {
                refusal
            } else if strict {
                Error::new(Kind::NotFound, "There is no such endpoint.").into()
            } else if server.is("slow_to_create") && method == Method::POST {
                // Stored in any case, whether or not somebody waits for the answer.
                let server = Arc::clone(&server);
                let (method, headers, body, path) =
                    (method.clone(), headers.clone(), body.clone(), call.path);
                let late = tokio::spawn(async move {
                    server.arrived.notify_one();
                    server.released.notified().await;
                    let call = Call {
                        method: &method,
                        path,
                        query: "",
                        headers: &headers,
                        body: &body,
                        tenant,
                    };
                    let answer = server.answer(&call).unwrap_or_else(Answer::from);
                    server.stored.notify_one();
                    answer
                });
                late.await.unwrap()
            } else if server.is("lost_members") || server.is("lost_updates") {
                crate::defects::racing(&server, &call).await
            } else {
                server.answer(&call).unwrap_or_else(Answer::from)
            }
        }
    };
    if server.is("second_tenant_stumbles")
        && method == Method::GET
        && tenant(&server, &headers) == Some(1)
        && uri.path().contains("/Users/")
    {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let loses =
        server.is("loses_creates_without_filters") || server.is("loses_creates_and_finds_nobody");
    if loses && method == Method::POST && answer.status == 201 {
        // The headers arrive, and then the connection ends.
        let broken =
            futures_util::stream::once(async { Err::<Bytes, _>(std::io::ErrorKind::Other) });
        let broken = axum::body::Body::from_stream(broken.map_err(std::io::Error::from));
        return (StatusCode::CREATED, broken).into_response();
    }
    if server.is("deletes_and_answers_500") && method == Method::DELETE {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    respond(&server, &method, answer)
}

/// The tenant of the token; `None` for a wrong one.
fn tenant(server: &Server, headers: &HeaderMap) -> Option<usize> {
    let text = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    if server.is("open_door") {
        let known = text.and_then(|text| TOKENS.iter().position(|token| text.ends_with(token)));
        return Some(known.unwrap_or(0));
    }
    let text = text?;
    let token = match text.split_once(' ') {
        Some((scheme, token)) if server.is("case_in_scheme") => {
            (scheme == "Bearer").then_some(token)?
        }
        Some((scheme, token)) => scheme.eq_ignore_ascii_case("bearer").then_some(token)?,
        None if server.is("no_bare_token") => return None,
        None => text,
    };
    let tenant = TOKENS.iter().position(|known| *known == token.trim())?;
    Some(if server.is("one_tenant") { 0 } else { tenant })
}

fn unauthorized(server: &Server) -> Answer {
    if server.is("forbidden_for_401") {
        return Error::new(Kind::Forbidden, "No.").into();
    }
    let answer = Answer::from(Error::new(
        Kind::Unauthorized,
        "The token is missing or wrong.",
    ));
    if server.is("no_challenge") {
        return answer;
    }
    answer.with("www-authenticate", "Bearer")
}

fn respond(server: &Server, method: &Method, answer: Answer) -> Response {
    let Answer {
        status,
        mut body,
        headers,
    } = answer;
    let mut status = status;
    if let Some(found) = &mut body {
        crate::defects::spoil(server, method, &mut status, found);
    }
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        let left_out = match name {
            "location" => server.is("no_location"),
            "etag" => server.is("no_etag"),
            _ => false,
        };
        if !left_out {
            response = response.header(name, value);
        }
    }
    let text = match body {
        Some(body) if method != Method::HEAD => body.to_string(),
        _ => String::new(),
    };
    if !text.is_empty() {
        let kind = match status {
            _ if server.is("plain_json") => "application/json",
            400.. if server.is("errors_as_text") => "text/plain",
            _ => "application/scim+json",
        };
        response = response.header(header::CONTENT_TYPE, kind);
    }
    if status == 204 && server.is("body_with_204") {
        return (StatusCode::OK, "{}").into_response();
    }
    response.body(text.into()).unwrap()
}

/// A JSON object; 400 for anything else.
pub(crate) fn object(bytes: &[u8]) -> Result<scim::Map<String, Value>, Error> {
    scim::json::parse_object(bytes)
}

/// What a list answers.
pub(crate) fn list(total: usize, start: usize, resources: Vec<Value>) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": total,
        "startIndex": start,
        "itemsPerPage": resources.len(),
        "Resources": resources,
    })
}
