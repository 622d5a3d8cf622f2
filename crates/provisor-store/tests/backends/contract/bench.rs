//! What the cases stand on: a store with one tenant, a connection and a token, and short words
//! for requests.

use std::{
    fmt::Debug,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
};

use provisor_store::{
    Actor, Caller, Change, Clock, ConnectionId, Event, Id, Identifier, Origin, Outcome, Page,
    PageStart, PlainToken, Precondition, RequestId, Scope, Search, Snapshot, Store, Stored,
    TenantId, TokenId, TokenKind, WriteError,
    change::{ConnectionSettings, NewToken, Written},
};
use scim::{
    Fired, Kind, Map, Profile, Registry, ResourceType, Value,
    filter::{Expression, Filter, Limits},
    patch::Patch,
    resource::Incoming,
};
use serde_json::json;

use super::Backend;

/// When every case starts.
pub(crate) const START: i64 = 1_700_000_000_000;

/// A store at work.
pub(crate) struct Bench {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Clock,
    now: Arc<AtomicI64>,
    /// The tenant most cases work in.
    pub(crate) tenant: TenantId,
    /// Its connection.
    pub(crate) connection: ConnectionId,
    /// The connection's token.
    pub(crate) token: PlainToken,
}

/// What a request came to.
pub(crate) type Answer = Result<Written, Refused>;

/// A refusal in short.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refused {
    pub(crate) kind: Kind,
    pub(crate) detail: String,
}

impl Bench {
    pub(crate) async fn new(backend: impl Backend + 'static) -> Self {
        let now = Arc::new(AtomicI64::new(START));
        let clock = {
            let now = now.clone();
            Clock::from_fn(move || now.load(Relaxed))
        };
        let store = backend.open(clock.clone());
        let mut bench = Self {
            backend: Arc::new(backend),
            store,
            clock,
            now,
            tenant: TenantId::SYSTEM,
            connection: ConnectionId(0),
            token: PlainToken::generate(TokenKind::Scim, TenantId(0), TokenId(0)),
        };
        bench.tenant = bench.new_tenant("acme").await;
        (bench.connection, bench.token) = bench
            .new_connection(bench.tenant, ConnectionSettings::default())
            .await;
        bench
    }

    /// The same store and time as another tenant sees them.
    pub(crate) fn of_tenant(&self, tenant: TenantId, token: PlainToken) -> Self {
        Self {
            backend: self.backend.clone(),
            store: self.store.clone(),
            clock: self.clock.clone(),
            now: self.now.clone(),
            tenant,
            connection: ConnectionId(1),
            token,
        }
    }

    /// The same directory where searches may keep no more than this many bytes.
    pub(crate) fn keeping(&self, bytes: usize) -> Self {
        Self {
            store: self.backend.open_keeping(bytes, self.clock.clone()),
            ..self.of_tenant(self.tenant, self.token.clone())
        }
    }

    /// Ends a case: nothing stored may contradict itself.
    pub(crate) fn finish(self) {
        assert_eq!(self.backend.check(), Vec::<String>::new());
    }

    pub(crate) fn later(&self, milliseconds: i64) {
        self.now.fetch_add(milliseconds, Relaxed);
    }

    pub(crate) fn now(&self) -> i64 {
        self.now.load(Relaxed)
    }

    // Settings.

    pub(crate) async fn new_tenant(&self, key: &str) -> TenantId {
        let change = Change::CreateTenant {
            key: key.into(),
            name: String::new(),
        };
        match self.system(TenantId::SYSTEM, change).await {
            Ok(Outcome::Tenant(tenant)) => tenant.id,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn new_connection(
        &self,
        tenant: TenantId,
        settings: ConnectionSettings,
    ) -> (ConnectionId, PlainToken) {
        let made = self
            .system(tenant, Change::CreateConnection(settings))
            .await;
        let Ok(Outcome::Connection(connection)) = made else {
            panic!("{made:?}");
        };
        let token = self.new_token(tenant, connection.id).await;
        (connection.id, token)
    }

    pub(crate) async fn new_token(&self, tenant: TenantId, connection: ConnectionId) -> PlainToken {
        let new = NewToken {
            connection: Some(connection),
            purpose: "test".into(),
            scopes: [Scope::Scim].into_iter().collect(),
            kind: TokenKind::Scim,
            expires: None,
            addresses: Vec::new(),
        };
        match self.system(tenant, Change::CreateToken(new)).await {
            Ok(Outcome::Token(_, plain)) => plain,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn set(&self, settings: ConnectionSettings) -> Result<Outcome, Refused> {
        let id = self.connection;
        self.system(self.tenant, Change::SetConnection { id, settings })
            .await
    }

    /// With e-mail as the unique identifier.
    pub(crate) async fn identify_by(&self, identifier: Identifier) {
        let settings = ConnectionSettings {
            identifier: Some(identifier),
            ..ConnectionSettings::default()
        };
        self.set(settings).await.unwrap();
    }

    // Who asks.

    pub(crate) async fn view(&self) -> Box<dyn Snapshot> {
        self.store.read().await.unwrap()
    }

    pub(crate) async fn caller(&self) -> Arc<Caller> {
        self.caller_of(&self.token).await
    }

    pub(crate) async fn caller_of(&self, token: &PlainToken) -> Arc<Caller> {
        let mut view = self.view().await;
        view.caller(token, None).await.unwrap().unwrap()
    }

    pub(crate) fn origin(&self, caller: &Arc<Caller>) -> Origin {
        Origin {
            tenant: caller.tenant_id(),
            request: RequestId::random(),
            actor: Actor::Token(caller.clone()),
            address: None,
        }
    }

    pub(crate) async fn system(
        &self,
        tenant: TenantId,
        change: Change,
    ) -> Result<Outcome, Refused> {
        let origin = Origin {
            tenant,
            request: RequestId::random(),
            actor: Actor::System,
            address: None,
        };
        short(self.store.write(origin, change).await)
    }

    pub(crate) async fn write(&self, change: Change) -> Result<Outcome, Refused> {
        let caller = self.caller().await;
        short(self.store.write(self.origin(&caller), change).await)
    }

    // Resources.

    pub(crate) async fn registry(&self) -> Arc<Registry> {
        self.view().await.registry(self.tenant).await.unwrap()
    }

    pub(crate) async fn kind(&self, name: &str) -> Arc<ResourceType> {
        let registry = self.registry().await;
        registry.by_name(name).cloned().unwrap()
    }

    pub(crate) async fn post(&self, kind: &str, body: Value) -> Answer {
        let kind = self.kind(kind).await;
        let incoming = read(&kind, body, &self.caller().await.profile())?;
        written(
            self.write(Change::Create {
                kind,
                incoming,
                half: false,
            })
            .await,
        )
    }

    pub(crate) async fn put(&self, kind: &str, id: Id, body: Value) -> Answer {
        self.put_if(kind, id, body, None).await
    }

    pub(crate) async fn put_if(
        &self,
        kind: &str,
        id: Id,
        body: Value,
        precondition: Option<Precondition>,
    ) -> Answer {
        let kind = self.kind(kind).await;
        let incoming = read(&kind, body, &self.caller().await.profile())?;
        let change = Change::Replace {
            kind,
            id,
            incoming,
            precondition,
        };
        written(self.write(change).await)
    }

    /// PATCH with these operations.
    pub(crate) async fn patch(&self, kind: &str, id: Id, operations: Value) -> Answer {
        self.patch_if(kind, id, operations, None).await
    }

    pub(crate) async fn patch_if(
        &self,
        kind: &str,
        id: Id,
        operations: Value,
        precondition: Option<Precondition>,
    ) -> Answer {
        let kind = self.kind(kind).await;
        let patch = read_patch(&kind, operations, &self.caller().await.profile())?;
        let change = Change::Patch {
            kind,
            id,
            patch,
            precondition,
        };
        written(self.write(change).await)
    }

    pub(crate) async fn delete(&self, kind: &str, id: Id) -> Result<Outcome, Refused> {
        let kind = self.kind(kind).await;
        let precondition = None;
        self.write(Change::Delete {
            kind,
            id,
            precondition,
        })
        .await
    }

    pub(crate) async fn user(&self, name: &str) -> Id {
        let body = json!({ "userName": name });
        self.post("User", body).await.unwrap().stored.id
    }

    pub(crate) async fn users(&self, count: usize) -> Vec<Id> {
        let mut ids = Vec::new();
        for number in 0..count {
            ids.push(self.user(&format!("user-{number:05}")).await);
        }
        ids
    }

    pub(crate) async fn team(&self, name: &str, members: &[Id]) -> Id {
        let body = json!({ "displayName": name, "members": refs(members) });
        self.post("Group", body).await.unwrap().stored.id
    }

    pub(crate) async fn get(&self, kind: &str, id: Id) -> Option<Stored> {
        let kind = self.kind(kind).await;
        let mut view = self.view().await;
        view.get(self.tenant, &kind, id, true, true).await.unwrap()
    }

    pub(crate) async fn attributes(&self, kind: &str, id: Id) -> Map<String, Value> {
        attributes(&self.get(kind, id).await.expect("the resource is there"))
    }

    pub(crate) async fn version(&self, kind: &str, id: Id) -> i64 {
        self.get(kind, id).await.unwrap().version
    }

    /// The members of a team, in order.
    pub(crate) async fn members(&self, team: Id) -> Vec<Id> {
        let stored = self.get("Group", team).await.unwrap();
        stored.members.unwrap().iter().map(|it| it.id).collect()
    }

    /// The teams of a user, each with whether it is direct.
    pub(crate) async fn teams(&self, user: Id) -> Vec<(Id, bool)> {
        let stored = self.get("User", user).await.unwrap();
        let teams = stored.teams.unwrap();
        teams.iter().map(|team| (team.id, team.direct)).collect()
    }

    // Events.

    pub(crate) async fn events(&self) -> Vec<Event> {
        self.events_after(0).await
    }

    /// Events after a place, which must follow each other without gaps.
    pub(crate) async fn events_after(&self, after: i64) -> Vec<Event> {
        let mut view = self.view().await;
        let (events, last) = view.events(self.tenant, after, usize::MAX).await.unwrap();
        for (event, seq) in events.iter().zip(after + 1..) {
            assert_eq!(event.seq, seq);
        }
        assert_eq!(events.last().map_or(after, |event| event.seq), last);
        events
    }

    pub(crate) async fn last_seq(&self) -> i64 {
        let mut view = self.view().await;
        view.events(self.tenant, i64::MAX, 0).await.unwrap().1
    }

    /// Types of the events after a place.
    pub(crate) async fn told(&self, after: i64) -> Vec<String> {
        let events = self.events_after(after).await;
        events.iter().map(Event::type_name).collect()
    }

    // Queries.

    pub(crate) async fn search(&self, search: &Search) -> Page {
        let mut view = self.view().await;
        view.search(self.tenant, search).await.unwrap().unwrap()
    }

    /// The ids a filter finds, in order.
    pub(crate) async fn find(&self, kind: &str, filter: &str) -> Vec<Id> {
        let search = self.query(kind, filter).await;
        ids(&self.search(&search).await)
    }

    /// A query as the server would make it.
    pub(crate) async fn query(&self, kind: &str, filter: &str) -> Search {
        let kind = self.kind(kind).await;
        let caller = self.caller().await;
        let filter = match filter {
            "" => None,
            text => Some(resolve(&kind, text)),
        };
        Search {
            types: vec![(kind, filter)],
            sort: Vec::new(),
            start: PageStart::Index(1),
            count: usize::MAX,
            teams: false,
            members: false,
            identifier: caller.connection.as_ref().unwrap().identifier,
            token: Some(caller.token.id),
            fingerprint: String::new(),
        }
    }
}

pub(crate) fn resolve(kind: &ResourceType, filter: &str) -> Filter {
    Expression::parse(filter, &Limits::default())
        .and_then(|it| it.resolve(kind, &Profile::GENERIC, &mut Fired::default()))
        .unwrap_or_else(|error| panic!("{filter}: {error:?}"))
}

pub(crate) fn read(
    kind: &ResourceType,
    body: Value,
    profile: &Profile,
) -> Result<Incoming, Refused> {
    let Value::Object(mut body) = body else {
        panic!("a resource is an object");
    };
    if !body.contains_key("schemas") {
        body.insert("schemas".into(), json!([kind.schema.id]));
    }
    let read = scim::resource::read(kind, body, profile, &mut Fired::default());
    read.map_err(refused)
}

pub(crate) fn read_patch(
    kind: &ResourceType,
    operations: Value,
    profile: &Profile,
) -> Result<Patch, Refused> {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": operations,
    });
    let body = body.as_object().expect("an object");
    Patch::read(kind, body, profile, 100_000, &mut Fired::default()).map_err(refused)
}

fn refused(error: scim::Error) -> Refused {
    Refused {
        kind: error.kind,
        detail: error.detail.to_string(),
    }
}

pub(crate) fn short(result: Result<Outcome, WriteError>) -> Result<Outcome, Refused> {
    result.map_err(|error| match error {
        WriteError::Refused(refusal) => refused(refusal.error),
        WriteError::Store(error) => panic!("{error}"),
    })
}

pub(crate) fn written(result: Result<Outcome, Refused>) -> Answer {
    match result? {
        Outcome::Resource(written) => Ok(written),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn attributes(stored: &Stored) -> Map<String, Value> {
    let parse = |bytes: &[u8]| serde_json::from_slice(bytes).expect("a document is JSON");
    scim::project::join(parse(&stored.document), stored.rest.as_deref().map(parse))
}

pub(crate) fn refs(members: &[Id]) -> Value {
    let refs = members.iter().map(|id| json!({ "value": id.to_string() }));
    refs.collect()
}

pub(crate) fn ids(page: &Page) -> Vec<Id> {
    page.resources.iter().map(|stored| stored.id).collect()
}

/// Asserts that a request is refused with this kind, and that the answer says all of this.
#[track_caller]
pub(crate) fn assert_refused<T: Debug>(
    answer: Result<T, Refused>,
    kind: Kind,
    says: &[&str],
) -> String {
    let refusal = answer.unwrap_err();
    assert_eq!(refusal.kind, kind, "{}", refusal.detail);
    for text in says {
        assert!(refusal.detail.contains(text), "{}", refusal.detail);
    }
    refusal.detail
}
