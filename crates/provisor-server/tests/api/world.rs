//! A server with its own database, an operator and two customers; every answer is checked
//! against the OpenAPI document.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode},
};
use http_body_util::BodyExt;
use provisor_server::{
    BodyMemory, Settings,
    api::{ApiState, router},
};
use provisor_store::{
    Actor, Change, Clock, LogSettings, Origin, Outcome, RequestId, Scope, Store, SyncLog, TenantId,
    TokenKind,
    change::{ConnectionSettings, NewToken},
    sqlite::{SqliteSettings, SqliteStore},
};
use scim::{Fired, Profile, Registry, Value};
use serde_json::json;
use tower::ServiceExt;

use crate::openapi;

/// 2026-11-23T10:42:05.114Z.
pub(crate) const NOW: i64 = 1_795_430_525_114;

pub(crate) struct World {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) operator: String,
    pub(crate) log: SyncLog,
    router: Router,
    now: Arc<AtomicI64>,
    _folder: tempfile::TempDir,
}

pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Reply {
    /// The body, if the status is this one.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self.body
    }

    /// The error's message, if status and code are these.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> String {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        assert_eq!(self.body["error"]["code"], code, "{}", self.body);
        self.body["error"]["message"].as_str().unwrap().to_owned()
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Settings {
            public_url: Some("https://scim.example.com".into()),
            ..Settings::default()
        })
        .await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now = Arc::new(AtomicI64::new(NOW));
        let shown = now.clone();
        let clock = Clock::from_fn(move || shown.load(Ordering::Relaxed));
        let path = folder.path().join("provisor.db");
        let store = SqliteStore::open(&path, SqliteSettings::default(), clock.clone()).unwrap();
        let store: Arc<dyn Store> = Arc::new(store);
        let log = SyncLog::in_memory(LogSettings::default(), clock.clone()).unwrap();
        let state = ApiState {
            bodies: BodyMemory::new(&settings),
            store: store.clone(),
            log: log.clone(),
            settings: Arc::new(settings),
            clock,
        };
        let mut world = Self {
            store,
            operator: String::new(),
            log,
            router: router(state),
            now,
            _folder: folder,
        };
        world.operator = world.token(TenantId::SYSTEM, &[Scope::Admin]).await;
        world
    }

    /// Moves the clock.
    pub(crate) fn pass(&self, millis: i64) {
        self.now.fetch_add(millis, Ordering::Relaxed);
    }

    /// Makes a change as the program itself would.
    pub(crate) async fn write(&self, tenant: TenantId, change: Change) -> Outcome {
        let origin = Origin {
            tenant,
            request: RequestId::random(),
            actor: Actor::System,
            address: None,
        };
        self.store.write(origin, change).await.unwrap()
    }

    pub(crate) async fn tenant(&self, key: &str) -> TenantId {
        let change = Change::CreateTenant {
            key: key.into(),
            name: String::new(),
        };
        match self.write(TenantId::SYSTEM, change).await {
            Outcome::Tenant(tenant) => tenant.id,
            other => panic!("{other:?}"),
        }
    }

    /// An API token's secret.
    pub(crate) async fn token(&self, tenant: TenantId, scopes: &[Scope]) -> String {
        let token = NewToken {
            connection: None,
            purpose: "test".into(),
            scopes: scopes.iter().copied().collect(),
            kind: TokenKind::Api,
            expires: None,
            addresses: Vec::new(),
        };
        match self.write(tenant, Change::CreateToken(token)).await {
            Outcome::Token(_, secret) => secret.reveal().to_owned(),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn connection(&self, tenant: TenantId, name: &str) {
        let settings = ConnectionSettings {
            name: Some(name.into()),
            ..ConnectionSettings::default()
        };
        self.write(tenant, Change::CreateConnection(settings)).await;
    }

    /// Creates a resource from its SCIM body; answers its id.
    pub(crate) async fn create(&self, tenant: TenantId, kind: &str, body: Value) -> String {
        let kind = Registry::builtin().by_name(kind).unwrap().clone();
        let Value::Object(body) = body else { panic!() };
        let fired = &mut Fired::default();
        let incoming = scim::resource::read(&kind, body, &Profile::GENERIC, fired).unwrap();
        match self
            .write(
                tenant,
                Change::Create {
                    kind,
                    incoming,
                    half: false,
                },
            )
            .await
        {
            Outcome::Resource(written) => written.stored.id.to_string(),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn user(&self, tenant: TenantId, name: &str) -> String {
        let body = json!({
            "userName": name,
            "externalId": format!("00u-{name}"),
            "displayName": format!("Person {name}"),
            "name": { "givenName": "Lena", "familyName": "Ortiz" },
            "emails": [
                { "value": format!("{name}@home.example"), "type": "home" },
                { "value": format!("{name}@acme.example"), "type": "work", "primary": true }
            ],
            "active": true
        });
        self.create(tenant, "User", body).await
    }

    pub(crate) async fn team(&self, tenant: TenantId, name: &str, members: &[String]) -> String {
        let members: Vec<_> = members.iter().map(|id| json!({ "value": id })).collect();
        let body = json!({ "displayName": name, "members": members });
        self.create(tenant, "Group", body).await
    }

    pub(crate) async fn get(&self, token: &str, path: &str) -> Reply {
        self.call("GET", path, Some(token), None).await
    }

    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> Reply {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let body = match body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        self.send(request.body(body).unwrap()).await
    }

    /// Sends a request as it is.
    pub(crate) async fn send(&self, mut request: Request<Body>) -> Reply {
        let id = RequestId::random();
        request.extensions_mut().insert(id);
        let (method, path) = (
            request.method().to_string(),
            request.uri().path().to_owned(),
        );
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            assert_eq!(headers["content-type"], "application/json");
            serde_json::from_slice(&bytes).unwrap()
        };
        assert_eq!(headers["x-request-id"], id.to_string());
        if !status.is_success() && method != "HEAD" {
            assert_eq!(body["error"]["request_id"], id.to_string());
        }
        if method != "HEAD" {
            openapi::check_answer(&method, &path, status.as_u16(), &body);
        }
        Reply {
            status,
            headers,
            body,
        }
    }
}
