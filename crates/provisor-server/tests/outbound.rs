//! Outbound provisioning against targets with habits: no PATCH, no filter, no paging, few members at a time, 429.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use provisor_server::outbound::{
    Pushed, RunLock, Stopped, TargetSettings, Wish, files,
    preview::preview,
    probe, run,
    seal::SecretKey,
    settings::{AuthMode, Deprovision, SourceKind},
};
use provisor_store::{
    Actor, Change, Clock, Origin, Outcome, RequestId, Store, TargetChange, TenantId,
    sqlite::{SqliteSettings, SqliteStore},
    target::{EntryQuery, Kind, Report, Target, TargetEntry, TargetObject},
};
use serde_json::{Value, json};
use tokio::sync::Notify;

/// What a target cannot do.
#[derive(Debug, Clone, Copy, Default)]
struct Habits {
    no_patch: bool,
    /// PATCH has no route, which the configuration does not tell.
    no_patch_route: bool,
    no_config: bool,
    ignores_filters: bool,
    refuses_filters: bool,
    /// Every page is the first one, of this size.
    first_page_for_ever: Option<usize>,
    most_members: Option<usize>,
    /// Members cannot be removed by a filter in the path.
    no_member_filter: bool,
    /// A removal with a value empties the team, or is refused.
    removal_by_value: Removal,
    hides_members: bool,
    /// A creation of what is there is answered with it.
    creates_the_same: bool,
    /// Creates and never answers.
    hangs: bool,
    /// Never takes this one as a member, though the user is there.
    refuses_member: Option<&'static str>,
    /// Every third request is answered 429.
    busy: bool,
    /// Every third POST is carried out and answered 502.
    loses_answers: bool,
    answers_401: bool,
    /// Lists of whole resources are refused.
    no_lists: bool,
    /// The address leads to something else: everything is answered 404.
    is_elsewhere: bool,
    /// What is configured is told, and everything under `/Users` is answered 404.
    lost_its_users: bool,
    /// Everything is refused with this status, and with the credentials it came with.
    echoes: Option<u16>,
}

/// What becomes of `remove members` with a value.
#[derive(Debug, Clone, Copy, Default)]
enum Removal {
    #[default]
    Works,
    EmptiesTheTeam,
    IsRefused,
}

/// A SCIM server that keeps resources and has habits.
#[derive(Default)]
struct Theirs {
    habits: Habits,
    /// The next POST tells that it is there, and waits until it may go on.
    hold: Option<(Arc<Notify>, Arc<Notify>)>,
    resources: BTreeMap<String, Value>,
    requests: Vec<String>,
    last: usize,
    created: Arc<Notify>,
}

type Shared = Arc<Mutex<Theirs>>;

fn answer(status: u16, body: &Value) -> Response {
    (StatusCode::from_u16(status).unwrap(), body.to_string()).into_response()
}

async fn serve(
    State(theirs): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let is_creation = method == Method::POST;
    let hold = match is_creation {
        true => theirs.lock().unwrap().hold.take(),
        false => None,
    };
    if let Some((there, go)) = hold {
        there.notify_one();
        go.notified().await;
    }
    let (response, hangs) = {
        let mut theirs = theirs.lock().unwrap();
        let response = respond(&mut theirs, method, &uri, &headers, &body);
        if is_creation {
            theirs.created.notify_one();
        }
        (response, is_creation && theirs.habits.hangs)
    };
    if hangs {
        std::future::pending::<()>().await;
    }
    response
}

fn respond(
    theirs: &mut Theirs,
    method: Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Response {
    theirs.requests.push(format!("{method} {uri}"));
    let (habits, n) = (theirs.habits, theirs.requests.len());
    if habits.answers_401 {
        return answer(401, &json!({ "detail": "who are you?" }));
    }
    if let Some(status) = habits.echoes {
        let sent = headers["authorization"].to_str().unwrap();
        return match uri.path() {
            "/Groups" => (StatusCode::from_u16(status).unwrap(), sent.to_owned()).into_response(),
            _ => answer(status, &json!({ "detail": format!("what is {sent}?") })),
        };
    }
    if habits.is_elsewhere || habits.lost_its_users && uri.path().starts_with("/Users") {
        return answer(404, &json!({ "detail": "nothing here" }));
    }
    if habits.busy && n.is_multiple_of(3) {
        return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "0")], "").into_response();
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let path = uri.path().to_owned();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match (method.as_str(), parts.as_slice()) {
        ("GET", ["ServiceProviderConfig"]) if habits.no_config => answer(404, &json!({})),
        ("GET", ["ServiceProviderConfig"]) => answer(
            200,
            &json!({ "patch": { "supported": !habits.no_patch }, "filter": { "supported": !habits.refuses_filters } }),
        ),
        ("GET", [kind]) => theirs.list(kind, uri.query().unwrap_or_default()),
        ("POST", [kind]) => theirs.create(kind, body),
        ("GET", [_, _]) => match theirs.resources.get(&path).cloned() {
            Some(mut found) => {
                if habits.hides_members {
                    found.as_object_mut().unwrap().remove("members");
                }
                answer(200, &found)
            }
            None => answer(404, &json!({})),
        },
        ("PUT", [_, _]) => {
            theirs.resources.insert(path, body.clone());
            answer(200, &body)
        }
        ("PATCH", _) if habits.no_patch => answer(501, &json!({ "detail": "no PATCH" })),
        ("PATCH", _) if habits.no_patch_route => answer(404, &json!({ "detail": "no route" })),
        ("PATCH", [_, _]) => theirs.patch(&path, &body),
        ("DELETE", [_, _]) => match theirs.resources.remove(&path) {
            Some(_) => StatusCode::NO_CONTENT.into_response(),
            None => answer(404, &json!({})),
        },
        _ => answer(404, &json!({})),
    }
}

impl Theirs {
    fn list(&self, kind: &str, query: &str) -> Response {
        let pairs: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        let filter = pairs.get("filter");
        if self.habits.no_lists && filter.is_none() && !pairs.contains_key("attributes") {
            return answer(403, &json!({ "detail": "no lists" }));
        }
        if filter.is_some() && self.habits.refuses_filters {
            return answer(
                400,
                &json!({ "scimType": "invalidFilter", "detail": "no filters" }),
            );
        }
        let of_kind = |(path, _): &(&String, &Value)| path.starts_with(&format!("/{kind}/"));
        let mut found: Vec<&Value> = self
            .resources
            .iter()
            .filter(of_kind)
            .map(|(_, value)| value)
            .collect();
        if let Some(filter) = filter.filter(|_| !self.habits.ignores_filters) {
            let (attribute, value) = filter.split_once(" eq ").unwrap();
            let value: String = serde_json::from_str(value).unwrap();
            found.retain(|one| {
                one[attribute]
                    .as_str()
                    .is_some_and(|held| held.eq_ignore_ascii_case(&value))
            });
        }
        let total = found.len();
        let start = pairs
            .get("startIndex")
            .map_or(1, |start| start.parse::<usize>().unwrap());
        let page: Vec<&Value> = match self.habits.first_page_for_ever {
            Some(size) => found.into_iter().take(size).collect(),
            None => found.into_iter().skip(start - 1).take(7).collect(),
        };
        let mut page = json!(page);
        if self.habits.hides_members {
            for one in page.as_array_mut().unwrap() {
                one.as_object_mut().unwrap().remove("members");
            }
        }
        answer(200, &json!({ "totalResults": total, "Resources": page }))
    }

    fn create(&mut self, kind: &str, mut body: Value) -> Response {
        let unique = if kind == "Users" {
            "userName"
        } else {
            "externalId"
        };
        if self.habits.creates_the_same {
            let name = body[unique].as_str().unwrap_or_default();
            let mut all = self.resources.values();
            if let Some(held) = all.find(|held| {
                held[unique]
                    .as_str()
                    .is_some_and(|held| held.eq_ignore_ascii_case(name))
            }) {
                return answer(200, held);
            }
        }
        let twin = |held: &&Value| held[unique] == body[unique];
        let at = format!("/{kind}/");
        let mut same = self
            .resources
            .iter()
            .filter(|(path, _)| path.starts_with(&at))
            .map(|(_, held)| held);
        if same.any(|held| twin(&held)) {
            return answer(
                409,
                &json!({ "scimType": "uniqueness", "detail": "it is taken" }),
            );
        }
        if let Some(most) = self.habits.most_members
            && body["members"].as_array().map_or(0, Vec::len) > most
        {
            return answer(413, &json!({ "detail": "too many members" }));
        }
        self.last += 1;
        let id = format!("{kind}-{}", self.last);
        body["id"] = id.clone().into();
        self.resources.insert(format!("{at}{id}"), body.clone());
        if self.habits.loses_answers && self.last.is_multiple_of(3) {
            return answer(502, &json!({}));
        }
        answer(201, &body)
    }

    fn patch(&mut self, path: &str, body: &Value) -> Response {
        let Some(mut held) = self.resources.get(path).cloned() else {
            return answer(404, &json!({}));
        };
        for operation in body["Operations"].as_array().unwrap() {
            let (op, path) = (
                operation["op"].as_str().unwrap(),
                operation["path"].as_str().unwrap(),
            );
            if op == "add" && path == "members" {
                let more = operation["value"].as_array().unwrap();
                if self
                    .habits
                    .most_members
                    .is_some_and(|most| more.len() > most)
                {
                    return answer(413, &json!({ "detail": "too many members" }));
                }
                let mut members = held["members"].as_array().cloned().unwrap_or_default();
                for member in more {
                    let user = format!("/Users/{}", member["value"].as_str().unwrap());
                    let held = self.resources.get(&user);
                    let name = held.and_then(|held| held["userName"].as_str());
                    if name.is_none() || name == self.habits.refuses_member {
                        return answer(
                            400,
                            &json!({ "scimType": "invalidValue", "detail": "no such member" }),
                        );
                    }
                    if !members.iter().any(|one| one["value"] == member["value"]) {
                        members.push(member.clone());
                    }
                }
                held["members"] = members.into();
            } else if op == "remove" && path == "members" {
                let gone = operation["value"].as_array().unwrap();
                let members = held["members"].as_array_mut().unwrap();
                match self.habits.removal_by_value {
                    Removal::Works => {
                        members.retain(|one| !gone.iter().any(|gone| gone["value"] == one["value"]))
                    }
                    Removal::EmptiesTheTeam => members.clear(),
                    Removal::IsRefused => return answer(400, &json!({ "detail": "no value" })),
                }
            } else if op == "remove" && path.starts_with("members[") && self.habits.no_member_filter
            {
                return answer(400, &json!({ "scimType": "invalidPath" }));
            } else if op == "remove" && path.starts_with("members[") {
                let id = path.split('"').nth(1).unwrap();
                let members = held["members"].as_array_mut().unwrap();
                members.retain(|one| one["value"] != id);
            } else if op == "remove" {
                held.as_object_mut().unwrap().remove(path);
            } else if let Some((urn, name)) = path.rsplit_once(':') {
                held[urn][name] = operation["value"].clone();
            } else {
                held[path] = operation["value"].clone();
            }
        }
        self.resources.insert(path.to_owned(), held.clone());
        answer(200, &held)
    }
}

struct World {
    store: SqliteStore,
    clock: Clock,
    tenant: TenantId,
    theirs: Shared,
    url: String,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new(habits: Habits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::system();
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

    async fn write(&self, change: Change) -> Outcome {
        let origin = Origin {
            tenant: self.tenant,
            request: RequestId::random(),
            actor: Actor::System,
            address: None,
        };
        self.store.write(origin, change).await.unwrap()
    }

    fn settings(&self) -> TargetSettings {
        TargetSettings {
            url: self.url.clone(),
            private: true,
            source: SourceKind::Files,
            parallel: 4,
            ..TargetSettings::default()
        }
    }

    async fn target(&self, settings: &TargetSettings) -> Target {
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
    async fn push(&self, target: &Target, users: usize) -> Result<Pushed, Stopped> {
        let lines: String = (0..users).map(|n| format!("u{n},title {n}\n")).collect();
        let members: String = (0..users).map(|n| format!("Sales,u{n}\n")).collect();
        self.push_files(
            target,
            &format!("userName,title\n{lines}"),
            &format!("team,member\n{members}"),
        )
        .await
    }

    async fn push_files(
        &self,
        target: &Target,
        users: &str,
        teams: &str,
    ) -> Result<Pushed, Stopped> {
        self.push_as(target, users, teams, |_| {}).await
    }

    async fn push_as(
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

    fn wish(&self, users: &str, teams: &str) -> Wish {
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

    async fn current(&self, target: &Target) -> Target {
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

    async fn log(&self, target: &Target) -> Vec<TargetEntry> {
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

    fn theirs(&self) -> MutexGuard<'_, Theirs> {
        self.theirs.lock().unwrap()
    }

    async fn object(&self, target: &Target, local: &str) -> TargetObject {
        let mut view = self.store.read().await.unwrap();
        let place = (self.tenant, target.id);
        let found = view
            .target_by_local(place, Kind::User, &[local.to_owned()])
            .await
            .unwrap();
        found.into_iter().flatten().next().unwrap()
    }

    async fn only_target(&self) -> Target {
        let mut view = self.store.read().await.unwrap();
        let mut targets = view.targets(Some(self.tenant)).await.unwrap();
        targets.pop().unwrap()
    }

    async fn ask_to_compare(&self, target: &Target) {
        let ask = TargetChange::Ask {
            id: target.id,
            compare: true,
        };
        self.write(Change::Target(ask)).await;
    }

    async fn set(&self, target: &Target, settings: &TargetSettings) {
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
    fn user(&self, name: &str) -> Value {
        let theirs = self.theirs();
        let mut users = theirs.resources.values();
        let found = users.find(|one| one["userName"] == name);
        found.cloned().unwrap_or_default()
    }

    /// Users by userName, and how many members the only team has.
    fn there(&self) -> (Vec<String>, usize) {
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

/// Pushes twenty users and their team, then one less, to a server with this habit.
async fn copes_with(habits: Habits) -> World {
    let world = World::new(habits).await;
    let target = world.target(&world.settings()).await;
    let first = world.push(&target, 20).await.unwrap();
    assert_eq!(first.failed, 0, "{:?}", world.log(&target).await);
    let (users, members) = world.there();
    assert_eq!((users.len(), members), (20, 20), "{habits:?}");
    let before = world.theirs().requests.len();
    world.push(&target, 20).await.unwrap();
    let sent = world.theirs().requests[before..].to_vec();
    assert!(
        sent.iter().all(|request| request.starts_with("GET")),
        "{habits:?}: {sent:?}"
    );
    let second = world.push(&target, 19).await.unwrap();
    assert_eq!((second.deactivated, second.failed), (1, 0), "{habits:?}");
    let (users, members) = world.there();
    assert_eq!((users.len(), members), (20, 19), "{habits:?}");
    world
}

#[tokio::test]
async fn a_target_without_habits() {
    copes_with(Habits::default()).await;
}

#[tokio::test]
async fn a_target_without_patch_gets_whole_resources() {
    for no_config in [false, true] {
        let world = copes_with(Habits {
            no_patch: true,
            no_config,
            ..Habits::default()
        })
        .await;
        assert!(
            world
                .theirs()
                .requests
                .iter()
                .any(|request| request.starts_with("PUT /Groups/"))
        );
    }
}

#[tokio::test]
async fn a_target_that_answers_404_to_patch_is_not_taken_for_empty() {
    let world = World::new(Habits {
        no_patch_route: true,
        ..Habits::default()
    })
    .await;
    let target = world.target(&world.settings()).await;
    world.push(&target, 3).await.unwrap();
    let pushed = world.push(&target, 2).await.unwrap();
    assert_eq!(
        (pushed.deactivated, pushed.failed),
        (1, 0),
        "{:?}",
        world.log(&target).await
    );
    assert_eq!(world.user("u2")["active"], false);
    assert_eq!(world.there().1, 2);
    let changed = "userName,title\nu0,Chief\nu1,title 1\n";
    world
        .push_files(&target, changed, "team,member\nSales,u0\nSales,u1\n")
        .await
        .unwrap();
    assert_eq!(world.user("u0")["title"], "Chief");
    assert!(
        !world
            .log(&target)
            .await
            .iter()
            .any(|entry| entry.action == "missing")
    );
}

#[tokio::test]
async fn what_was_linked_without_updates_is_sent_once_updates_are_wanted() {
    let world = World::new(Habits::default()).await;
    let settings = TargetSettings {
        update: false,
        ..world.settings()
    };
    let target = world.target(&settings).await;
    world.theirs().resources.insert(
        "/Users/x".to_owned(),
        json!({ "id": "x", "userName": "u0", "title": "theirs" }),
    );
    world.push(&target, 1).await.unwrap();
    assert_eq!(world.user("u0")["title"], "theirs");
    world.set(&target, &world.settings()).await;
    world.push(&target, 1).await.unwrap();
    assert_eq!(world.user("u0")["title"], "title 0");
}

#[tokio::test]
async fn a_target_without_filters_or_paging_is_read_whole() {
    copes_with(Habits {
        refuses_filters: true,
        ..Habits::default()
    })
    .await;
    copes_with(Habits {
        ignores_filters: true,
        no_config: true,
        ..Habits::default()
    })
    .await;
    // Those it never shows are found by the conflict alone, and nobody is made twice.
    copes_with(Habits {
        first_page_for_ever: Some(5),
        ..Habits::default()
    })
    .await;
}

#[tokio::test]
async fn a_cap_on_members_is_found_by_halving() {
    let world = World::new(Habits {
        most_members: Some(3),
        ..Habits::default()
    })
    .await;
    let target = world
        .target(&TargetSettings {
            batch: 3,
            ..world.settings()
        })
        .await;
    assert_eq!(world.push(&target, 20).await.unwrap().failed, 0);
    assert_eq!(world.there().1, 20);
    // The settings say more than the server takes.
    let world = World::new(Habits {
        most_members: Some(3),
        ..Habits::default()
    })
    .await;
    let target = world.target(&world.settings()).await;
    assert_eq!(world.push(&target, 3).await.unwrap().failed, 0);
    assert_eq!(world.push(&target, 20).await.unwrap().failed, 0);
    assert_eq!(world.there().1, 20);
}

#[tokio::test]
async fn members_leave_a_target_that_takes_no_filter_in_a_path() {
    for removal_by_value in [Removal::Works, Removal::EmptiesTheTeam, Removal::IsRefused] {
        let world = copes_with(Habits {
            no_member_filter: true,
            removal_by_value,
            ..Habits::default()
        })
        .await;
        let put = world
            .theirs()
            .requests
            .iter()
            .any(|request| request.starts_with("PUT /Groups/"));
        assert_eq!(put, matches!(removal_by_value, Removal::IsRefused));
    }
}

#[tokio::test]
async fn a_target_that_hides_members_loses_nobody_and_keeps_nobody() {
    let world = copes_with(Habits {
        hides_members: true,
        ..Habits::default()
    })
    .await;
    // A team that differs is read again.
    let target = world.only_target().await;
    for one in world.theirs().resources.values_mut() {
        if one["displayName"] == "Sales" {
            one["externalId"] = "theirs".into();
        }
    }
    world.ask_to_compare(&target).await;
    let teams = "team,member\nSales,u0\n";
    world
        .push_files(&target, "userName\nu0\nu1\n", teams)
        .await
        .unwrap();
    assert_eq!(world.there().1, 1);
}

#[tokio::test]
async fn one_refused_member_keeps_no_other_out() {
    let world = World::new(Habits {
        refuses_member: Some("u2"),
        ..Habits::default()
    })
    .await;
    let settings = TargetSettings {
        batch: 2,
        ..world.settings()
    };
    let target = world.target(&settings).await;
    // The first batch comes with the creation, which this target does not look at.
    world.push(&target, 2).await.unwrap();
    let pushed = world.push(&target, 9).await.unwrap();
    assert_eq!((pushed.failed, world.there().1), (1, 8));
    let log = world.log(&target).await;
    let line = log.iter().find(|entry| !entry.ok).unwrap();
    assert!(
        line.detail["reason"]
            .as_str()
            .unwrap()
            .contains("no such member"),
        "{line:?}"
    );
}

#[tokio::test]
async fn nobody_takes_the_resource_of_another_one() {
    // Two names that are one for the target, whose second creation is answered with the first one's resource.
    let world = World::new(Habits {
        creates_the_same: true,
        first_page_for_ever: Some(0),
        ..Habits::default()
    })
    .await;
    let target = world.target(&world.settings()).await;
    let users = "id,userName\n1,lena@x\n2,Lena@x\n";
    let pushed = world
        .push_files(&target, users, "team,member\n")
        .await
        .unwrap();
    assert_eq!((pushed.created, pushed.failed), (1, 1));
    // The name of one, under the id of another who was not pushed yet.
    let world = World::new(Habits::default()).await;
    let target = world.target(&world.settings()).await;
    let held = json!({ "id": "x", "userName": "lena", "externalId": "2" });
    world
        .theirs()
        .resources
        .insert("/Users/x".to_owned(), held.clone());
    let users = "id,userName\n1,lena\n2,otto\n";
    let pushed = world
        .push_files(&target, users, "team,member\n")
        .await
        .unwrap();
    assert_eq!((pushed.linked, pushed.failed), (0, 1));
    assert_eq!(world.user("lena"), held);
}

#[tokio::test]
async fn who_was_created_in_a_killed_run_is_found_though_renamed_or_gone() {
    let hangs = Habits {
        hangs: true,
        ..Habits::default()
    };
    for next in ["1,lena.new", "2,otto"] {
        let world = World::new(hangs).await;
        let settings = TargetSettings {
            deprovision: Deprovision::Delete,
            ..world.settings()
        };
        let target = world.target(&settings).await;
        let created = world.theirs().created.clone();
        tokio::select! {
            ended = world.push_files(&target, "id,userName\n1,lena\n", "team,member\n") => panic!("{ended:?}"),
            () = created.notified() => {}
        }
        assert_eq!(world.there().0, ["lena"]);
        world.theirs().habits.hangs = false;
        let pushed = world
            .push_files(&target, &format!("id,userName\n{next}\n"), "team,member\n")
            .await
            .unwrap();
        assert_eq!(pushed.failed, 0);
        assert_eq!(
            world.there().0,
            [&next[2..]],
            "{:?}",
            world.log(&target).await
        );
    }
}

#[tokio::test]
async fn many_who_are_created_at_once_are_found_after_a_kill_too() {
    let world = World::new(Habits {
        hangs: true,
        ..Habits::default()
    })
    .await;
    let target = world.target(&world.settings()).await;
    let users = |name: &str| -> String {
        let lines: String = (0..150).map(|n| format!("{n},{name}{n:03}\n")).collect();
        format!("id,userName\n{lines}")
    };
    let created = world.theirs().created.clone();
    let old = users("old");
    tokio::select! {
        ended = world.push_files(&target, &old, "team,member\n") => panic!("{ended:?}"),
        () = created.notified() => {}
    }
    let found = world.there().0.len() as u64;
    assert!(found > 0);
    world.theirs().habits.hangs = false;
    let pushed = world
        .push_files(&target, &users("new"), "team,member\n")
        .await
        .unwrap();
    assert_eq!(
        (pushed.linked, pushed.created, pushed.failed),
        (found, 150 - found, 0)
    );
    let new: Vec<String> = (0..150).map(|n| format!("new{n:03}")).collect();
    assert_eq!(world.there().0, new);
}

#[tokio::test]
async fn who_was_created_in_a_killed_run_counts_as_one_who_leaves() {
    let world = World::new(Habits {
        hangs: true,
        ..Habits::default()
    })
    .await;
    let settings = TargetSettings {
        deprovision: Deprovision::Delete,
        most_removals: 1,
        ..world.settings()
    };
    let target = world.target(&settings).await;
    let created = world.theirs().created.clone();
    let both = async {
        while world.there().0.len() < 2 {
            created.notified().await;
        }
    };
    let (users, teams) = ("id,userName\n1,lena\n2,otto\n", "team,member\n");
    tokio::select! {
        ended = world.push_files(&target, users, teams) => panic!("{ended:?}"),
        () = both => {}
    }
    world.theirs().habits.hangs = false;
    let next = "id,userName\n1,lena\n3,anna\n";
    let planned = async |users: &str| {
        let target = world.current(&target).await;
        let steps = preview(&target, &world.wish(users, teams)).await.unwrap();
        let steps = steps.into_iter();
        steps
            .map(|step| (step.action, step.local, step.reason))
            .collect::<Vec<_>>()
    };
    let interrupted = "it was created earlier, and the run was interrupted before its id was known";
    let may_be_there = "or linked, if the target has one like it".to_owned();
    assert_eq!(
        planned(next).await,
        [
            (
                "create",
                "1".to_owned(),
                format!("or linked, if it is there: {interrupted}")
            ),
            ("create", "3".to_owned(), may_be_there),
            (
                "delete",
                "2".to_owned(),
                format!("not in the source any more, if it is there: {interrupted}")
            ),
        ]
    );
    let stopped = world
        .push_files(&target, "id,userName\n3,anna\n", teams)
        .await;
    let (removals, before, most) = (2, 0, 1);
    let too_many = Stopped::TooManyRemovals {
        removals,
        before,
        most,
    };
    assert_eq!(stopped, Err(too_many));
    assert_eq!(world.there().0, ["lena", "otto"]);
    let pushed = world.push_files(&target, next, teams).await.unwrap();
    assert_eq!((pushed.created, pushed.deleted, pushed.failed), (1, 1, 0));
    assert_eq!(world.there().0, ["anna", "lena"]);
}

#[tokio::test]
async fn a_refused_creation_makes_nobody_elses_user_ours() {
    let world = World::new(Habits {
        most_members: Some(0),
        ..Habits::default()
    })
    .await;
    let target = world.target(&world.settings()).await;
    let teams = "team,member\nSales,u0\n";
    let pushed = world
        .push_files(&target, "userName\nu0\n", teams)
        .await
        .unwrap();
    assert_eq!(pushed.failed, 1, "the team is refused");
    let theirs = json!({ "id": "x", "displayName": "Sales" });
    world
        .theirs()
        .resources
        .insert("/Groups/x".to_owned(), theirs);
    world
        .push_files(&target, "userName\nu0\n", "team,member\n")
        .await
        .unwrap();
    assert!(world.theirs().resources.contains_key("/Groups/x"));
}

const MANAGER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value";

#[tokio::test]
async fn managers_come_along_whoever_is_created_first() {
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let world = World::new(Habits::default()).await;
    let settings = TargetSettings {
        parallel: 1,
        ..world.settings()
    };
    let target = world.target(&settings).await;
    let users = format!("id,userName,{MANAGER}\n1,lena,3\n2,otto,3\n3,boss,\n");
    let teams = "team,member\n";
    world.push_files(&target, &users, teams).await.unwrap();
    let boss = world.user("boss")["id"].clone();
    assert_eq!(world.user("lena")[enterprise]["manager"]["value"], boss);
    assert_eq!(world.user("otto")[enterprise]["manager"]["value"], boss);
    // All of it is settled.
    let before = world.theirs().requests.len();
    world.push_files(&target, &users, teams).await.unwrap();
    let sent = world.theirs().requests[before..].to_vec();
    assert!(
        sent.iter().all(|request| !request.contains("/Users/")),
        "{sent:?}"
    );
    // A comparison sees one who is missing.
    let otto = format!("/Users/{}", world.user("otto")["id"].as_str().unwrap());
    let mut held = world.user("otto");
    held.as_object_mut().unwrap().remove(enterprise);
    world.theirs().resources.insert(otto, held);
    world.ask_to_compare(&target).await;
    let pushed = world.push_files(&target, &users, teams).await.unwrap();
    assert_eq!((pushed.drifted, pushed.updated), (1, 1));
    assert_eq!(world.user("otto")[enterprise]["manager"]["value"], boss);
    // One who is refused is waited for.
    let world = World::new(Habits::default()).await;
    let settings = TargetSettings {
        identifier: provisor_server::outbound::settings::MatchBy::ExternalId,
        ..world.settings()
    };
    let target = world.target(&settings).await;
    world.theirs().resources.insert(
        "/Users/x".to_owned(),
        json!({ "id": "x", "userName": "boss" }),
    );
    let pushed = world.push_files(&target, &users, teams).await.unwrap();
    assert_eq!((pushed.created, pushed.failed), (2, 1));
    let object = world.object(&target, "1").await;
    assert_eq!(
        (object.state(), object.error.as_deref()),
        ("waiting", Some("its manager is not in the target yet"))
    );
}

#[tokio::test]
async fn a_busy_target_and_one_that_loses_answers_are_asked_again() {
    copes_with(Habits {
        busy: true,
        ..Habits::default()
    })
    .await;
    let world = copes_with(Habits {
        loses_answers: true,
        ..Habits::default()
    })
    .await;
    let posts = world
        .theirs()
        .requests
        .iter()
        .filter(|request| request.starts_with("POST /Users"))
        .count();
    assert_eq!(posts, 20, "what was created is found, not created again");
}

#[tokio::test]
async fn a_member_who_was_deleted_there_is_made_again() {
    let world = World::new(Habits::default()).await;
    let target = world.target(&world.settings()).await;
    world.push(&target, 4).await.unwrap();
    {
        let mut theirs = world.theirs();
        let gone = theirs
            .resources
            .iter()
            .find(|(_, one)| one["userName"] == "u3")
            .map(|(path, _)| path.clone())
            .unwrap();
        theirs.resources.remove(&gone);
        let team = theirs
            .resources
            .values_mut()
            .find(|one| one["displayName"] == "Sales")
            .unwrap();
        team["members"] = json!([]);
    }
    // The team is renamed in no way; a comparison would find it too, but the user's change does.
    let users = "userName,title\nu0,a\nu1,a\nu2,a\nu3,a\n";
    world
        .push_files(&target, users, "team,member\nSales,u3\n")
        .await
        .unwrap();
    let (there, _) = world.there();
    assert_eq!(there, ["u0", "u1", "u2", "u3"]);
    let log = world.log(&target).await;
    assert!(
        log.iter()
            .any(|entry| entry.action == "missing" && entry.label == "u3"),
        "{log:?}"
    );
}

#[tokio::test]
async fn a_preview_counts_the_members_who_will_be_there() {
    let world = World::new(Habits::default()).await;
    let settings = TargetSettings {
        users: Some("title ne \"guest\"".to_owned()),
        ..world.settings()
    };
    let target = world.target(&settings).await;
    let users = "userName,title,active\nu0,a,true\nu1,a,false\nu2,guest,true\nu3,a,true\n";
    let teams = "team,member\nSales,u0\nSales,u1\nSales,u2\nSales,u3\n";
    let planned = async || {
        let target = world.current(&target).await;
        let steps = preview(&target, &world.wish(users, teams)).await.unwrap();
        let steps = steps.into_iter().map(|step| (step.action, step.members));
        steps.collect::<Vec<_>>()
    };
    let before = planned().await;
    assert_eq!(
        before,
        [
            ("create", 0),
            ("create", 0),
            ("create", 0),
            ("add_members", 2)
        ]
    );
    world.push_files(&target, users, teams).await.unwrap();
    assert_eq!(world.there().1, 2);
    assert_eq!(planned().await, []);
}

#[tokio::test]
async fn what_the_target_refuses_is_told_and_the_rest_goes_on() {
    let world = World::new(Habits::default()).await;
    // A user of theirs has the name under another key, so that neither lookup nor creation works.
    let settings = TargetSettings {
        identifier: provisor_server::outbound::settings::MatchBy::ExternalId,
        deprovision: Deprovision::Delete,
        ..world.settings()
    };
    let target = world.target(&settings).await;
    world.theirs().resources.insert(
        "/Users/x".to_owned(),
        json!({ "id": "x", "userName": "u1" }),
    );
    let pushed = world.push(&target, 3).await.unwrap();
    assert_eq!((pushed.created, pushed.failed, pushed.waiting), (3, 1, 1));
    let log = world.log(&target).await;
    let line = log.iter().find(|entry| !entry.ok).unwrap();
    assert_eq!((line.label.as_str(), line.status), ("u1", Some(409)));
    assert!(
        line.detail["reason"]
            .as_str()
            .unwrap()
            .contains("it is taken"),
        "{line:?}"
    );
    assert_eq!(world.there().1, 2, "the team has those who are there");
    // Once it can be, it is, and the team gets its member.
    world.theirs().resources.remove("/Users/x");
    let pushed = world.push(&target, 3).await.unwrap();
    assert_eq!((pushed.created, pushed.failed, pushed.waiting), (1, 0, 0));
    assert_eq!(world.there().1, 3);
}

#[tokio::test]
async fn refused_credentials_end_the_run_and_mark_nobody() {
    let world = World::new(Habits {
        answers_401: true,
        ..Habits::default()
    })
    .await;
    let target = world.target(&world.settings()).await;
    let stopped = world.push(&target, 3).await.unwrap_err();
    assert!(matches!(stopped, Stopped::Unauthorized(_)), "{stopped:?}");
    assert_eq!(world.theirs().requests.len(), 1);
    assert!(
        probe(&world.settings(), None)
            .await
            .unwrap_err()
            .to_string()
            .contains("who are you?")
    );
    world.theirs().habits.answers_401 = false;
    assert_eq!(world.push(&target, 3).await.unwrap().created, 4);
    let log = world.log(&target).await;
    let outcomes: Vec<bool> = log
        .iter()
        .filter(|entry| entry.action == "run")
        .map(|entry| entry.ok)
        .collect();
    assert_eq!(outcomes, [true, false]);
}

#[tokio::test]
async fn an_address_that_knows_nothing_is_not_taken_for_an_empty_target() {
    let elsewhere = Habits {
        is_elsewhere: true,
        ..Habits::default()
    };
    let lost = Habits {
        lost_its_users: true,
        ..Habits::default()
    };
    for (habits, deprovision) in [
        (elsewhere, Deprovision::Deactivate),
        (lost, Deprovision::Deactivate),
        (lost, Deprovision::Delete),
    ] {
        let world = World::new(Habits::default()).await;
        let settings = TargetSettings {
            deprovision,
            ..world.settings()
        };
        let target = world.target(&settings).await;
        world.push(&target, 3).await.unwrap();
        let remote = world.object(&target, "u2").await.remote;
        assert!(remote.is_some());
        world.theirs().habits = habits;
        // One is changed, one leaves, one is new.
        let users = "userName,title\nu0,Chief\nu1,title 1\nu3,new\n";
        let stopped = world.push_files(&target, users, "team,member\n").await;
        let stopped = stopped.unwrap_err().to_string();
        assert!(
            stopped.contains("answers 404") && stopped.contains("--url"),
            "{stopped}"
        );
        assert_eq!(world.object(&target, "u2").await.remote, remote);
        assert!(world.object(&target, "u0").await.remote.is_some());
        let log = world.log(&target).await;
        assert!(log.iter().all(|entry| entry.action != "missing"), "{log:?}");
        // Once the address is right again, nobody is created anew, and whoever left loses the access.
        world.theirs().habits = Habits::default();
        let pushed = world.push_files(&target, users, "team,member\n").await;
        let pushed = pushed.unwrap();
        assert_eq!((pushed.created, pushed.failed), (1, 0), "{pushed:?}");
        assert_eq!(pushed.deactivated + pushed.deleted, 2, "the user, the team");
    }
    let world = World::new(elsewhere).await;
    let said = probe(&world.settings(), None).await.unwrap_err();
    assert!(said.to_string().contains("answers 404"), "{said}");
    let target = world.target(&world.settings()).await;
    let stopped = world.push(&target, 3).await.unwrap_err();
    assert!(stopped.to_string().contains("answers 404"), "{stopped}");
    let requests = world.theirs().requests.clone();
    assert!(requests.len() <= 4, "{requests:?}");
}

#[tokio::test]
async fn a_secret_that_the_target_repeats_is_masked() {
    let basic = AuthMode::Basic {
        user: "anna".to_owned(),
    };
    for auth in [AuthMode::Header, basic] {
        for status in [401, 403] {
            let world = World::new(Habits {
                echoes: Some(status),
                ..Habits::default()
            })
            .await;
            let settings = TargetSettings {
                auth: auth.clone(),
                ..world.settings()
            };
            let said = probe(&settings, Some("pa55w0rd")).await.unwrap_err();
            let said = said.to_string();
            assert!(
                said.contains("what is") && said.contains("[secret]"),
                "{said}"
            );
            // The last in Base64, as Basic has it.
            for secret in ["pa55w0rd", "YW5uYTpwYTU1dzByZA"] {
                assert!(!said.contains(secret), "{said}");
            }
        }
    }
}

#[tokio::test]
async fn a_secret_is_sent_to_no_address_it_was_not_given_for() {
    let world = World::new(Habits::default()).await;
    let old = world.settings();
    let target = world.target(&old).await;
    let key = world.wish("userName\n", "team,member\n").key;
    // One gives the secret for the address that was, while another one sets the new one.
    let elsewhere = TargetSettings {
        url: world.url.replace("127.0.0.1", "localhost"),
        ..old.clone()
    };
    world.set(&target, &elsewhere).await;
    let given = key.seal_of(&target, "s3cret").unwrap();
    world.write(Change::Target(given)).await;
    let stopped = world.push(&target, 1).await.unwrap_err();
    assert!(stopped.to_string().contains("another address"), "{stopped}");
    assert_eq!(world.theirs().requests, Vec::<String>::new());
    // Once it is as it was, so is the secret.
    world.set(&target, &old).await;
    assert_eq!(world.push(&target, 1).await.unwrap().failed, 0);
}

#[tokio::test]
async fn a_run_ends_when_its_target_is_paused_set_anew_or_removed() {
    let set = |id, active, settings| TargetChange::Set {
        id,
        name: None,
        settings,
        active,
        credentials: None,
    };
    for case in ["paused", "set anew", "removed"] {
        let world = World::new(Habits::default()).await;
        let target = world.target(&world.settings()).await;
        let id = target.id;
        let activate = set(id, Some(true), None);
        world.write(Change::Target(activate)).await;
        let (there, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        world.theirs().hold = Some((there.clone(), go.clone()));
        let interrupt = async {
            there.notified().await;
            let change = match case {
                "paused" => set(id, Some(false), None),
                "set anew" => {
                    let other = TargetSettings {
                        update: false,
                        ..world.settings()
                    };
                    set(id, None, Some(other.to_json()))
                }
                _ => TargetChange::Remove { id, chunk: 10 },
            };
            world.write(Change::Target(change)).await;
            go.notify_one();
        };
        // More than are read ahead.
        let (pushed, ()) = tokio::join!(world.push(&target, 900), interrupt);
        assert_eq!(pushed, Err(Stopped::Asked), "{case}");
        let (users, _) = world.there();
        assert!(users.len() < 900, "{case}: {}", users.len());
        if case != "removed" {
            let log = world.log(&target).await;
            let told = log.iter().filter(|entry| entry.action == "create").count();
            assert_eq!(told, users.len(), "{case}: what was done is written down");
            let outcome = world.current(&target).await.outcome;
            assert!(outcome.contains("it was stopped"), "{outcome}");
        }
    }
}

#[tokio::test]
async fn a_comparison_that_fails_keeps_nobody_from_being_pushed() {
    let world = World::new(Habits {
        no_lists: true,
        ..Habits::default()
    })
    .await;
    let target = world.target(&world.settings()).await;
    let ask = TargetChange::Ask {
        id: target.id,
        compare: true,
    };
    world.write(Change::Target(ask)).await;
    assert_eq!(world.push(&target, 3).await.unwrap().created, 4);
    let told = world.log(&target).await.remove(0);
    assert_eq!((told.action.as_str(), told.ok), ("run", false));
    let after = world.current(&target).await;
    assert!(after.outcome.contains("no lists"), "{}", after.outcome);
    assert!(after.compared > 0, "the next one is not tried at once");
    // Whoever asks for it is told, after the rest is done.
    let asked = |wish: &mut Wish| wish.compare = true;
    let users = "userName\nu0\nu1\n";
    let stopped = world.push_as(&target, users, "team,member\n", asked).await;
    assert!(stopped.unwrap_err().to_string().contains("no lists"));
    let gone = &world.theirs().resources["/Users/Users-3"];
    assert_eq!(gone["active"], false, "{gone}");
}

#[tokio::test]
async fn a_comparison_takes_up_what_was_given_up_and_who_should_be_gone() {
    for deprovision in [Deprovision::Delete, Deprovision::Deactivate] {
        for error in [None, Some("the target answered 403".to_owned())] {
            let world = World::new(Habits::default()).await;
            let settings = TargetSettings {
                deprovision,
                source: SourceKind::Tenant,
                ..world.settings()
            };
            let target = world.target(&settings).await;
            let push = async |compare: bool| {
                let asked = |wish: &mut Wish| (wish.files, wish.compare) = (None, compare);
                let pushed = world.push_as(&target, "userName\n", "team,member\n", asked);
                pushed.await.unwrap()
            };
            push(false).await;
            // One who left here, and is there all the same.
            let object = TargetObject {
                kind: Kind::User,
                local: "7".to_owned(),
                remote: Some("x".to_owned()),
                label: "lena".to_owned(),
                sent: Some(vec![1]),
                names: "userName".to_owned(),
                mark: 0,
                due: None,
                attempts: 10,
                error: error.clone(),
            };
            let report = Report {
                object,
                gone: false,
                members: Vec::new(),
                entries: Vec::new(),
            };
            let (id, reports) = (target.id, vec![report]);
            let known = TargetChange::Report { id, reports };
            world.write(Change::Target(known)).await;
            let lena = json!({ "id": "x", "userName": "lena", "active": true });
            let path = "/Users/x".to_owned();
            world.theirs().resources.insert(path.clone(), lena);
            let pushed = push(false).await;
            assert_eq!(pushed.deleted + pushed.deactivated, 0);
            let pushed = push(true).await;
            assert_eq!(
                pushed.deleted + pushed.deactivated,
                1,
                "{deprovision:?}, {error:?}"
            );
            let held = world.theirs().resources.get(&path).cloned();
            assert_ne!(held.unwrap_or_default()["active"], true);
        }
    }
}

#[tokio::test]
async fn many_small_runs_count_as_a_large_one() {
    let world = World::new(Habits::default()).await;
    let settings = TargetSettings {
        most_removals: 3,
        ..world.settings()
    };
    let target = world.target(&settings).await;
    world.push(&target, 9).await.unwrap();
    for left in [8, 7, 6] {
        assert_eq!(world.push(&target, left).await.unwrap().deactivated, 1);
    }
    let stopped = world.push(&target, 5).await.unwrap_err();
    let (removals, before, most) = (1, 3, 3);
    assert_eq!(
        stopped,
        Stopped::TooManyRemovals {
            removals,
            before,
            most
        }
    );
    // Nobody leaves: nothing is stopped.
    world.push(&target, 6).await.unwrap();
    let users = "userName\nu0\nu1\nu2\nu3\nu4\n";
    let asked = |wish: &mut Wish| wish.allow_removals = true;
    let allowed = world.push_as(&target, users, "team,member\n", asked).await;
    assert_eq!(allowed.unwrap().deactivated, 1);
    assert_eq!(world.push(&target, 4).await.unwrap().deactivated, 1);
}

#[tokio::test]
async fn a_token_endpoint_that_is_away_is_no_refusal() {
    let world = World::new(Habits {
        answers_401: true,
        ..Habits::default()
    })
    .await;
    let settings = |token_url: String| TargetSettings {
        auth: AuthMode::Oauth {
            token_url,
            client_id: "provisor".to_owned(),
            scope: None,
        },
        ..world.settings()
    };
    let refusing = settings(format!("{}/token", world.url));
    let stopped = probe(&refusing, Some("s3cret")).await.unwrap_err();
    assert!(
        matches!(&stopped, Stopped::Unauthorized(why) if why.contains("/token")),
        "{stopped:?}"
    );
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let away = format!("http://{}/token", free.local_addr().unwrap());
    drop(free);
    let target = world.target(&settings(away.clone())).await;
    let stopped = world.push(&target, 1).await.unwrap_err();
    assert!(
        matches!(&stopped, Stopped::Unreachable(why) if why.contains(&away)),
        "{stopped:?}"
    );
}
