//! A store with one tenant, a target with habits, and pushes from one to the other.

use std::{
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
    time::Duration,
};

use axum::Router;
use provisor_server::outbound::{
    Pushed, RunLock, Stopped, TargetSettings, Wish, files, run, seal::SecretKey,
    settings::SourceKind,
};
use provisor_store::{
    Actor, Change, Clock, Id, Origin, Outcome, RequestId, Store, TargetChange, TenantId,
    sqlite::{SqliteSettings, SqliteStore},
    target::{EntryQuery, Kind, Target, TargetEntry, TargetObject},
};
use scim::{Fired, Profile, Registry, ResourceType, Value, resource::Incoming};
use serde_json::json;

use crate::server::{Habits, Shared, Theirs, serve};

pub(crate) struct World {
    pub(crate) store: SqliteStore,
    pub(crate) clock: Clock,
    /// How far the clock is ahead (milliseconds).
    ahead: Arc<AtomicI64>,
    pub(crate) tenant: TenantId,
    pub(crate) theirs: Shared,
    pub(crate) url: String,
    _folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn new(habits: Habits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ahead = Arc::<AtomicI64>::default();
        let clock = {
            let (system, ahead) = (Clock::system(), ahead.clone());
            Clock::from_fn(move || system.now() + ahead.load(Relaxed))
        };
        let store = SqliteStore::open(
            &folder.path().join("p.db"),
            SqliteSettings::default(),
            clock.clone(),
        )
        .unwrap();
        let theirs: Shared = Arc::new(Mutex::new(Theirs {
            habits,
            ..Theirs::default()
        }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(serve).with_state(theirs.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let world = Self {
            store,
            clock,
            ahead,
            tenant: TenantId::SYSTEM,
            theirs,
            url,
            _folder: folder,
        };
        let create = Change::CreateTenant {
            key: "acme".to_owned(),
            name: String::new(),
        };
        match world.write(create).await {
            Outcome::Tenant(tenant) => World {
                tenant: tenant.id,
                ..world
            },
            other => panic!("{other:?}"),
        }
    }

    /// A day goes by.
    pub(crate) fn sleep(&self) {
        self.ahead.fetch_add(86_400_000, Relaxed);
    }

    pub(crate) async fn write(&self, change: Change) -> Outcome {
        let origin = Origin {
            tenant: self.tenant,
            request: RequestId::random(),
            actor: Actor::System,
            address: None,
        };
        self.store.write(origin, change).await.unwrap()
    }

    fn incoming(body: Value) -> (Arc<ResourceType>, Incoming) {
        let kind = Registry::builtin().by_name("User").unwrap().clone();
        let Value::Object(body) = body else { panic!() };
        let fired = &mut Fired::default();
        let incoming = scim::resource::read(&kind, body, &Profile::GENERIC, fired).unwrap();
        (kind, incoming)
    }

    /// A user of the tenant's directory.
    pub(crate) async fn create_user(&self, name: &str) -> Id {
        self.create_user_with(json!({ "userName": name })).await
    }

    pub(crate) async fn create_user_with(&self, body: Value) -> Id {
        let (kind, incoming) = Self::incoming(body);
        let create = Change::Create {
            kind,
            incoming,
            half: false,
        };
        match self.write(create).await {
            Outcome::Resource(written) => written.stored.id,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn rename_user(&self, id: Id, name: &str) {
        let (kind, incoming) = Self::incoming(json!({ "userName": name }));
        let replace = Change::Replace {
            kind,
            id,
            incoming,
            precondition: None,
        };
        self.write(replace).await;
    }

    /// All users that are known of a target.
    pub(crate) async fn known(&self, target: &Target) -> Vec<TargetObject> {
        let mut view = self.store.read().await.unwrap();
        let place = (self.tenant, target.id);
        let known = view.target_objects(place, Kind::User, false, "", 1000);
        known.await.unwrap()
    }

    /// No user counts as failed.
    pub(crate) async fn assert_nobody_is_marked(&self, target: &Target) {
        let known = self.known(target).await;
        assert!(known.iter().all(|one| one.attempts == 0), "{known:?}");
    }

    pub(crate) fn settings(&self) -> TargetSettings {
        TargetSettings {
            url: self.url.clone(),
            private: true,
            source: SourceKind::Files,
            parallel: 4,
            ..TargetSettings::default()
        }
    }

    pub(crate) async fn target(&self, settings: &TargetSettings) -> Target {
        let create = TargetChange::Create {
            name: "crm".to_owned(),
            settings: settings.to_json(),
        };
        match self.write(Change::Target(create)).await {
            Outcome::Target(target) => target,
            other => panic!("{other:?}"),
        }
    }

    /// Pushes users `u0 … `, and a team of all of them.
    pub(crate) async fn push(&self, target: &Target, users: usize) -> Result<Pushed, Stopped> {
        let lines: String = (0..users).map(|n| format!("u{n},title {n}\n")).collect();
        let members: String = (0..users).map(|n| format!("Sales,u{n}\n")).collect();
        self.push_files(
            target,
            &format!("userName,title\n{lines}"),
            &format!("team,member\n{members}"),
        )
        .await
    }

    pub(crate) async fn push_files(
        &self,
        target: &Target,
        users: &str,
        teams: &str,
    ) -> Result<Pushed, Stopped> {
        self.push_as(target, users, teams, |_| {}).await
    }

    pub(crate) async fn push_as(
        &self,
        target: &Target,
        users: &str,
        teams: &str,
        asked: impl FnOnce(&mut Wish),
    ) -> Result<Pushed, Stopped> {
        let target = self.current(target).await;
        let _lock = RunLock::take(self.store.path(), (self.tenant, target.id))
            .unwrap()
            .expect("nobody else pushes");
        let mut wish = self.wish(users, teams);
        asked(&mut wish);
        run(&target, wish).await
    }

    pub(crate) fn wish(&self, users: &str, teams: &str) -> Wish {
        let database = self.store.path().to_owned();
        Wish {
            files: Some(Arc::new(files::read(users, Some(teams)).unwrap())),
            patience: Duration::from_secs(1),
            ..Wish::new(
                Arc::new(self.store.clone()),
                self.clock.clone(),
                SecretKey::default().for_database(&database),
                database,
                Actor::System,
            )
        }
    }

    pub(crate) async fn current(&self, target: &Target) -> Target {
        let targets = self
            .store
            .read()
            .await
            .unwrap()
            .targets(Some(self.tenant))
            .await
            .unwrap();
        targets.into_iter().find(|one| one.id == target.id).unwrap()
    }

    pub(crate) async fn log(&self, target: &Target) -> Vec<TargetEntry> {
        let query = EntryQuery {
            limit: 1000,
            ..EntryQuery::default()
        };
        self.store
            .read()
            .await
            .unwrap()
            .target_log((self.tenant, target.id), &query)
            .await
            .unwrap()
    }

    pub(crate) fn theirs(&self) -> MutexGuard<'_, Theirs> {
        self.theirs.lock().unwrap()
    }

    pub(crate) async fn object(&self, target: &Target, local: &str) -> TargetObject {
        let mut view = self.store.read().await.unwrap();
        let place = (self.tenant, target.id);
        let found = view
            .target_by_local(place, Kind::User, &[local.to_owned()])
            .await
            .unwrap();
        found.into_iter().flatten().next().unwrap()
    }

    pub(crate) async fn only_target(&self) -> Target {
        let mut view = self.store.read().await.unwrap();
        let mut targets = view.targets(Some(self.tenant)).await.unwrap();
        targets.pop().unwrap()
    }

    pub(crate) async fn ask_to_compare(&self, target: &Target) {
        let ask = TargetChange::Ask {
            id: target.id,
            compare: true,
        };
        self.write(Change::Target(ask)).await;
    }

    pub(crate) async fn set(&self, target: &Target, settings: &TargetSettings) {
        self.write(Change::Target(TargetChange::Set {
            id: target.id,
            name: None,
            settings: Some(settings.to_json()),
            active: None,
            credentials: None,
        }))
        .await;
    }

    /// One of their users.
    pub(crate) fn user(&self, name: &str) -> Value {
        let theirs = self.theirs();
        let mut users = theirs.resources.values();
        let found = users.find(|one| one["userName"] == name);
        found.cloned().unwrap_or_default()
    }

    /// Users by userName, and how many members the only team has.
    pub(crate) fn there(&self) -> (Vec<String>, usize) {
        let theirs = self.theirs();
        let mut users: Vec<String> = theirs
            .resources
            .values()
            .filter_map(|one| Some(one["userName"].as_str()?.to_owned()))
            .collect();
        users.sort();
        let teams: Vec<&Value> = theirs
            .resources
            .values()
            .filter(|one| one["displayName"] == "Sales")
            .collect();
        assert!(teams.len() <= 1, "{teams:?}");
        let members = teams
            .first()
            .and_then(|team| team["members"].as_array())
            .map_or(0, Vec::len);
        (users, members)
    }
}
