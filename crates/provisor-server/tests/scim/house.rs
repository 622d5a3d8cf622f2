//! A server on a free port with its own database, log and clock, and tenants to ask it about.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use provisor_server::{Listeners, Server, Settings};
use provisor_store::{
    Actor, Change, Clock, ConnectionId, LogSettings, Origin, Outcome, RequestId, Scope, Store,
    StoreError, SyncLog, TenantId, TokenId, TokenKind,
    change::{ConnectionSettings, NewToken},
    log::Logged,
    sqlite::{SqliteSettings, SqliteStore},
};
use scim::Value;
use serde_json::json;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use crate::wire::{Reply, SCIM, Wire};

/// 2026-11-23T10:42:05.114Z.
pub(crate) const NOW: i64 = 1_795_430_525_114;

pub(crate) struct House {
    pub(crate) address: SocketAddr,
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) store: SqliteStore,
    pub(crate) log: SyncLog,
    pub(crate) folder: tempfile::TempDir,
    now: Arc<AtomicI64>,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<Result<(), StoreError>>,
}

/// A tenant with one connection.
#[derive(Debug, Clone)]
pub(crate) struct Tenant {
    pub(crate) id: TenantId,
    pub(crate) slug: String,
    pub(crate) connection: ConnectionId,
}

/// How a house differs from the usual one.
pub(crate) struct Plan {
    pub(crate) settings: Settings,
    pub(crate) log: LogSettings,
    pub(crate) sqlite: SqliteSettings,
    pub(crate) admin: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            log: LogSettings {
                reads_per_second: 100_000,
                refusals_per_address: 100_000,
                refusals_per_second: 100_000,
                ..LogSettings::default()
            },
            sqlite: SqliteSettings::default(),
            admin: false,
        }
    }
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::build(Plan::default()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        Self::build(Plan {
            settings,
            ..Plan::default()
        })
        .await
    }

    pub(crate) async fn build(plan: Plan) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now = Arc::new(AtomicI64::new(NOW));
        let shown = now.clone();
        // Each look at the clock is a millisecond later.
        let clock = Clock::from_fn(move || shown.fetch_add(1, Ordering::Relaxed));
        let path = folder.path().join("provisor.db");
        let store = SqliteStore::open(&path, plan.sqlite, clock.clone()).unwrap();
        let log = SyncLog::open(&folder.path().join("log.db"), plan.log, clock.clone()).unwrap();
        let public = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = public.local_addr().unwrap();
        let admin = match plan.admin {
            true => Some(TcpListener::bind("127.0.0.1:0").await.unwrap()),
            false => None,
        };
        let admin_address = admin
            .as_ref()
            .map(|listener| listener.local_addr().unwrap());
        let server = Server {
            store: store.clone(),
            log: log.clone(),
            settings: plan.settings,
            clock,
        };
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(server.run(Listeners { public, admin }, async {
            stopped.await.ok();
        }));
        Self {
            address,
            admin: admin_address,
            store,
            log,
            folder,
            now,
            stop: Some(stop),
            running,
        }
    }

    /// Moves the clock.
    pub(crate) fn pass(&self, millis: i64) {
        self.now.fetch_add(millis, Ordering::Relaxed);
    }

    /// Begins the shutdown.
    pub(crate) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Waits until the server has stopped.
    pub(crate) async fn stopped(&mut self) {
        (&mut self.running).await.unwrap().unwrap();
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

    /// A tenant with a connection of the default profile, and a client of it.
    pub(crate) async fn tenant(&self, key: &str) -> (Tenant, Client) {
        self.tenant_with(key, ConnectionSettings::default()).await
    }

    pub(crate) async fn tenant_with(
        &self,
        key: &str,
        settings: ConnectionSettings,
    ) -> (Tenant, Client) {
        let new = Change::CreateTenant {
            key: key.into(),
            name: String::new(),
        };
        let Outcome::Tenant(tenant) = self.write(TenantId::SYSTEM, new).await else {
            panic!()
        };
        let connection = self.connection(tenant.id, settings).await;
        let tenant = Tenant {
            id: tenant.id,
            slug: tenant.slug,
            connection,
        };
        let (token, _) = self.token(&tenant, &[Scope::Scim]).await;
        let client = self.client(token);
        (tenant, client)
    }

    /// A tenant whose connection has this profile, and a client of it.
    pub(crate) async fn profile(&self, key: &str, profile: &str) -> (Tenant, Client) {
        let settings = ConnectionSettings {
            profile: Some(profile.into()),
            ..ConnectionSettings::default()
        };
        self.tenant_with(key, settings).await
    }

    async fn connection(&self, tenant: TenantId, settings: ConnectionSettings) -> ConnectionId {
        match self.write(tenant, Change::CreateConnection(settings)).await {
            Outcome::Connection(connection) => connection.id,
            other => panic!("{other:?}"),
        }
    }

    /// Changes a tenant's connection.
    pub(crate) async fn set(&self, tenant: &Tenant, settings: ConnectionSettings) {
        let id = tenant.connection;
        self.write(tenant.id, Change::SetConnection { id, settings })
            .await;
    }

    /// A SCIM token of the tenant's connection.
    pub(crate) async fn token(&self, tenant: &Tenant, scopes: &[Scope]) -> (String, TokenId) {
        self.token_like(tenant.id, Some(tenant.connection), scopes, |_| {})
            .await
    }

    /// An API token, of an operator with [`TenantId::SYSTEM`].
    pub(crate) async fn api_token(&self, tenant: TenantId, scopes: &[Scope]) -> String {
        self.token_like(tenant, None, scopes, |_| {}).await.0
    }

    pub(crate) async fn token_like(
        &self,
        tenant: TenantId,
        connection: Option<ConnectionId>,
        scopes: &[Scope],
        change: impl FnOnce(&mut NewToken),
    ) -> (String, TokenId) {
        let mut token = NewToken {
            connection,
            purpose: "test".into(),
            scopes: scopes.iter().copied().collect(),
            kind: match connection {
                Some(_) => TokenKind::Scim,
                None => TokenKind::Api,
            },
            expires: None,
            addresses: Vec::new(),
        };
        change(&mut token);
        match self.write(tenant, Change::CreateToken(token)).await {
            Outcome::Token(record, secret) => (secret.reveal().to_owned(), record.id),
            other => panic!("{other:?}"),
        }
    }

    /// Adds a custom schema or resource type.
    pub(crate) async fn schema(&self, tenant: &Tenant, document: Value) {
        self.write(tenant.id, Change::PutSchema { document }).await;
    }

    /// A client with this token.
    pub(crate) fn client(&self, token: impl Into<String>) -> Client {
        Client {
            address: self.address,
            base: "/scim/v2".into(),
            token: token.into(),
        }
    }

    /// The log's entry of an answer.
    pub(crate) fn logged(&self, reply: &Reply) -> Logged {
        self.log.flush();
        let id = reply.request_id().parse().unwrap();
        let found = self.log.reader().entry(id).unwrap();
        found.expect("the request is in the log")
    }

    /// The cause the log keeps for an answer.
    pub(crate) fn cause(&self, reply: &Reply) -> String {
        let cause = self.logged(reply).entry.cause;
        cause.map(|cause| cause.to_string()).unwrap_or_default()
    }
}

/// A client with a token and a base URL.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    pub(crate) base: String,
    pub(crate) token: String,
}

impl Client {
    /// The same client at another base URL.
    pub(crate) fn at(&self, base: impl Into<String>) -> Self {
        Self {
            base: base.into(),
            ..self.clone()
        }
    }

    /// The same client with another token.
    pub(crate) fn with_token(&self, token: impl Into<String>) -> Self {
        Self {
            token: token.into(),
            ..self.clone()
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], b"").await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.send("DELETE", path, &[], b"").await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.json("POST", path, &[], &body).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Reply {
        self.json("PUT", path, &[], &body).await
    }

    /// PATCH with these operations.
    pub(crate) async fn patch(&self, path: &str, operations: Value) -> Reply {
        self.json("PATCH", path, &[], &patch(operations)).await
    }

    pub(crate) async fn json(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Reply {
        let mut headers = headers.to_vec();
        headers.push(("Content-Type", SCIM));
        self.send(method, path, &headers, body.to_string().as_bytes())
            .await
    }

    /// Sends a request on a connection of its own; what holds for every answer is checked.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        let mut wire = Wire::open(self.address).await;
        wire.send(self.bytes(method, path, headers, body)).await;
        let reply = wire.answer(method == "HEAD").await;
        let reply = reply.unwrap_or_else(|| panic!("{method} {path}: closed without an answer"));
        reply.check();
        reply
    }

    /// The text at a path outside of SCIM.
    pub(crate) async fn send_plain(&self, path: &str) -> String {
        let mut wire = Wire::open(self.address).await;
        wire.send(self.bytes("GET", path, &[], b"")).await;
        let reply = wire.answer(false).await.expect("an answer");
        String::from_utf8(reply.bytes).unwrap()
    }

    /// A request as bytes. A header that is given replaces the usual one; an empty one leaves it out.
    pub(crate) fn bytes(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Vec<u8> {
        let mut text = format!("{method} {}{path} HTTP/1.1\r\n", self.base);
        let usual = [
            ("Host", "scim.test".to_owned()),
            ("Authorization", format!("Bearer {}", self.token)),
            ("Content-Length", body.len().to_string()),
        ];
        for (name, value) in usual {
            if !headers
                .iter()
                .any(|(given, _)| given.eq_ignore_ascii_case(name))
            {
                text += &format!("{name}: {value}\r\n");
            }
        }
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            text += &format!("{name}: {value}\r\n");
        }
        text += "\r\n";
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(body);
        bytes
    }

    /// Creates a user; answers its id.
    pub(crate) async fn user(&self, name: &str) -> String {
        let body = self.post("/Users", user(name)).await.expect(201);
        body["id"].as_str().unwrap().to_owned()
    }

    /// Creates a team with members; answers its id.
    pub(crate) async fn team(&self, name: &str, members: &[&str]) -> String {
        let body = self.post("/Groups", team(name, members)).await.expect(201);
        body["id"].as_str().unwrap().to_owned()
    }

    /// The ids that a list has, in its order.
    pub(crate) async fn ids(&self, path: &str) -> Vec<String> {
        let body = self.get(path).await.expect(200);
        ids(&body)
    }
}

/// The ids in a ListResponse.
pub(crate) fn ids(list: &Value) -> Vec<String> {
    let resources = list["Resources"].as_array().unwrap().iter();
    resources
        .map(|resource| resource["id"].as_str().unwrap().to_owned())
        .collect()
}

/// A user as Okta would send one.
pub(crate) fn user(name: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": name,
        "externalId": format!("00u-{name}"),
        "name": { "givenName": "Lena", "familyName": "Ortiz" },
        "displayName": format!("Person {name}"),
        "emails": [{ "value": format!("{name}@acme.example"), "type": "work", "primary": true }],
        "active": true,
    })
}

pub(crate) fn team(name: &str, members: &[&str]) -> Value {
    let members: Vec<_> = members.iter().map(|id| json!({ "value": id })).collect();
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "displayName": name,
        "members": members,
    })
}

/// A PATCH message with these operations.
pub(crate) fn patch(operations: Value) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": operations,
    })
}
