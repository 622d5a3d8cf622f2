//! A server on a free port with its own database and clock, people who sign in, and two tenants.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use provisor_server::{Listeners, Server, Settings};
use provisor_store::{
    Actor, AuditEntry, AuditQuery, Change, Clock, LogSettings, Origin, Outcome, PeopleChange,
    PersonId, Purpose, RequestId, Role, Scope, Store, StoreError, SyncLog, Tenant, TenantId,
    TokenId, TokenKind,
    change::{ConnectionSettings, NewToken},
    sqlite::{SqliteSettings, SqliteStore},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

use crate::browser::Browser;

/// 2026-11-23T10:42:05.114Z.
pub(crate) const NOW: i64 = 1_795_430_525_114;
/// Milliseconds of a day.
pub(crate) const DAY: i64 = 86_400_000;

pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) store: SqliteStore,
    pub(crate) log: SyncLog,
    now: Arc<AtomicI64>,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Result<(), StoreError>>,
    folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now = Arc::new(AtomicI64::new(NOW));
        let shown = now.clone();
        let clock = Clock::from_fn(move || shown.load(Ordering::Relaxed));
        let path = folder.path().join("provisor.db");
        let store = SqliteStore::open(&path, SqliteSettings::default(), clock.clone()).unwrap();
        let log = SyncLog::in_memory(LogSettings::default(), clock.clone()).unwrap();
        let public = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = public.local_addr().unwrap();
        let server = Server {
            store: store.clone(),
            log: log.clone(),
            settings,
            clock,
        };
        let (stop, stopped) = oneshot::channel();
        let listeners = Listeners {
            public,
            admin: None,
        };
        let running = tokio::spawn(server.run(listeners, async {
            stopped.await.ok();
        }));
        Self {
            address,
            store,
            log,
            now,
            stop,
            running,
            folder,
        }
    }

    /// Stops the server, and waits until it has: the store that it leaves, in its folder.
    pub(crate) async fn stop(self) -> (SqliteStore, tempfile::TempDir) {
        self.stop.send(()).unwrap();
        self.running.await.unwrap().unwrap();
        (self.store, self.folder)
    }

    /// Moves the clock.
    pub(crate) fn pass(&self, millis: i64) {
        self.now.fetch_add(millis, Ordering::Relaxed);
    }

    /// A request of an identity provider: status and answer.
    pub(crate) async fn scim(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: &Value,
    ) -> (u16, Value) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let request = format!(
            "{method} /scim/v2/{path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\
             Authorization: Bearer {token}\r\nContent-Type: application/scim+json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or_default())
    }

    /// A user as an identity provider makes it: its id.
    pub(crate) async fn user(&self, token: &str, user_name: &str, display: &str) -> String {
        let body = json!({
            "userName": user_name,
            "displayName": display,
            "externalId": format!("ext-{user_name}"),
            "emails": [{ "value": user_name, "type": "work", "primary": true }],
        });
        let (status, user) = self.scim(token, "POST", "Users", &body).await;
        assert_eq!(status, 201, "{user}");
        user["id"].as_str().unwrap().to_owned()
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

    pub(crate) async fn people(&self, change: PeopleChange) -> Outcome {
        self.write(TenantId::SYSTEM, Change::People(change)).await
    }

    /// A tenant with one connection, named `okta`.
    pub(crate) async fn tenant(&self, key: &str) -> Tenant {
        let new = Change::CreateTenant {
            key: key.into(),
            name: String::new(),
        };
        let Outcome::Tenant(tenant) = self.write(TenantId::SYSTEM, new).await else {
            panic!()
        };
        let settings = ConnectionSettings {
            name: Some("okta".into()),
            ..ConnectionSettings::default()
        };
        self.write(tenant.id, Change::CreateConnection(settings))
            .await;
        tenant
    }

    /// A SCIM token of the tenant's only connection: its secret and number.
    pub(crate) async fn token(&self, tenant: &Tenant, purpose: &str) -> (String, TokenId) {
        self.token_until(tenant, purpose, None).await
    }

    pub(crate) async fn token_until(
        &self,
        tenant: &Tenant,
        purpose: &str,
        expires: Option<i64>,
    ) -> (String, TokenId) {
        let mut snapshot = self.store.read().await.unwrap();
        let connections = snapshot.connections(tenant.id).await.unwrap();
        let token = NewToken {
            connection: connections.first().map(|connection| connection.id),
            purpose: purpose.into(),
            scopes: [Scope::Scim].into_iter().collect(),
            kind: TokenKind::Scim,
            expires,
            addresses: Vec::new(),
        };
        drop(snapshot);
        match self.write(tenant.id, Change::CreateToken(token)).await {
            Outcome::Token(record, secret) => (secret.reveal().to_owned(), record.id),
            other => panic!("{other:?}"),
        }
    }

    /// Somebody who may sign in; without tenants, in all of them.
    pub(crate) async fn person(&self, email: &str, role: Role, tenants: &[&Tenant]) -> PersonId {
        let ids = tenants.iter().map(|tenant| tenant.id).collect();
        let change = PeopleChange::Add {
            email: email.into(),
            name: String::new(),
            role,
            tenants: (!tenants.is_empty()).then_some(ids),
        };
        match self.people(change).await {
            Outcome::Person(person) => person.id,
            other => panic!("{other:?}"),
        }
    }

    /// What an identity provider sends, once the log has it: the status.
    pub(crate) async fn logged(&self, method: &str, path: &str, token: &str, body: &str) -> u16 {
        let bearer = format!("Bearer {token}");
        let headers = [
            ("Authorization", bearer.as_str()),
            ("Content-Type", "application/scim+json"),
        ];
        let status = self.browser().tell(method, path, &headers, body).await;
        self.log.flush();
        status
    }

    /// The path of a new one-time link.
    pub(crate) async fn link(&self, purpose: Purpose) -> String {
        let change = PeopleChange::CreateLink {
            purpose,
            expires: self.now.load(Ordering::Relaxed) + DAY,
        };
        match self.people(change).await {
            Outcome::Link(_, secret) => format!("/link/{}", secret.reveal()),
            other => panic!("{other:?}"),
        }
    }

    /// A browser that nobody has signed in with.
    pub(crate) fn browser(&self) -> Browser {
        Browser::new(self.address)
    }

    /// A browser in which this person is signed in.
    pub(crate) async fn signed_in(&self, person: PersonId) -> Browser {
        let mut browser = self.browser();
        let link = self.link(Purpose::SignIn(person)).await;
        browser.get(&link).await.expect(200);
        let answer = browser.post(&link, &[]).await;
        assert_eq!(answer.location(), "/", "{}", answer.body);
        browser
    }

    /// A browser of a new person with this role, in all tenants.
    pub(crate) async fn as_role(&self, role: Role) -> Browser {
        let email = format!("{}@example.com", role.as_str());
        let person = self.person(&email, role, &[]).await;
        self.signed_in(person).await
    }

    /// The audit, newest first.
    pub(crate) async fn audit(&self) -> Vec<AuditEntry> {
        let query = AuditQuery {
            limit: 1000,
            ..AuditQuery::default()
        };
        let mut snapshot = self.store.read().await.unwrap();
        snapshot.audit(&query).await.unwrap()
    }
}
