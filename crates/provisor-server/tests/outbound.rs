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
    http::{Method, StatusCode, Uri},
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
    target::{EntryQuery, Target, TargetEntry},
};
use serde_json::{Value, json};

/// What a target cannot do.
#[derive(Debug, Clone, Copy, Default)]
struct Habits {
    no_patch: bool,
    no_config: bool,
    ignores_filters: bool,
    refuses_filters: bool,
    /// Every page is the first one, of this size.
    first_page_for_ever: Option<usize>,
    most_members: Option<usize>,
    /// Every third request is answered 429.
    busy: bool,
    /// Every third POST is carried out and answered 502.
    loses_answers: bool,
    answers_401: bool,
}

/// A SCIM server that keeps resources and has habits.
#[derive(Default)]
struct Theirs {
    habits: Habits,
    resources: BTreeMap<String, Value>,
    requests: Vec<String>,
    last: usize,
}

type Shared = Arc<Mutex<Theirs>>;

fn answer(status: u16, body: &Value) -> Response {
    (StatusCode::from_u16(status).unwrap(), body.to_string()).into_response()
}

async fn serve(State(theirs): State<Shared>, method: Method, uri: Uri, body: Bytes) -> Response {
    let mut theirs = theirs.lock().unwrap();
    theirs.requests.push(format!("{method} {uri}"));
    let (habits, n) = (theirs.habits, theirs.requests.len());
    if habits.answers_401 {
        return answer(401, &json!({ "detail": "who are you?" }));
    }
    if habits.busy && n.is_multiple_of(3) {
        return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "0")], "").into_response();
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
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
        ("GET", [_, _]) => match theirs.resources.get(&path) {
            Some(found) => answer(200, found),
            None => answer(404, &json!({})),
        },
        ("PUT", [_, _]) => {
            theirs.resources.insert(path, body.clone());
            answer(200, &body)
        }
        ("PATCH", _) if habits.no_patch => answer(501, &json!({ "detail": "no PATCH" })),
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
        answer(200, &json!({ "totalResults": total, "Resources": page }))
    }

    fn create(&mut self, kind: &str, mut body: Value) -> Response {
        let unique = if kind == "Users" {
            "userName"
        } else {
            "externalId"
        };
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
                    if !self.resources.contains_key(&user) {
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
            } else if op == "remove" && path.starts_with("members[") {
                let id = path.split('"').nth(1).unwrap();
                let members = held["members"].as_array_mut().unwrap();
                members.retain(|one| one["value"] != id);
            } else if op == "remove" {
                held.as_object_mut().unwrap().remove(path);
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
        let target = self.again(target).await;
        let database = self.store.path();
        let _lock = RunLock::take(database, (self.tenant, target.id))
            .unwrap()
            .expect("nobody else pushes");
        run(&target, self.wish(users, teams)).await
    }

    /// The target as it is now.
    async fn again(&self, target: &Target) -> Target {
        let mut view = self.store.read().await.unwrap();
        let targets = view.targets(Some(self.tenant)).await.unwrap();
        targets.into_iter().find(|one| one.id == target.id).unwrap()
    }

    fn wish(&self, users: &str, teams: &str) -> Wish {
        let database = self.store.path().to_owned();
        Wish {
            store: Arc::new(self.store.clone()),
            clock: self.clock.clone(),
            key: SecretKey::default().for_database(&database),
            database,
            actor: Actor::System,
            files: Some(Arc::new(files::read(users, Some(teams)).unwrap())),
            compare: false,
            allow_removals: false,
            retry: false,
            patience: Duration::from_secs(1),
            progress: Arc::default(),
        }
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
        let target = world.again(&target).await;
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
