//! The app of `docs/integrate.md`, run against a real server: it ends up with what the directory holds.

use std::{process::Stdio, time::Duration};

use provisor_server::{Listeners, Server, Settings};
use provisor_store::{
    Actor, Change, Clock, Id, Origin, Outcome, RequestId, Scope, Store, SyncLog, TenantId,
    TokenKind,
    change::NewToken,
    sqlite::{SqliteSettings, SqliteStore},
};
use scim::{Fired, Profile, Registry, Value};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};

async fn write(store: &SqliteStore, tenant: TenantId, change: Change) -> Outcome {
    let origin = Origin {
        tenant,
        request: RequestId::random(),
        actor: Actor::System,
        address: None,
    };
    store.write(origin, change).await.unwrap()
}

async fn create(store: &SqliteStore, tenant: TenantId, kind: &str, body: Value) -> Id {
    let kind = Registry::builtin().by_name(kind).unwrap().clone();
    let Value::Object(body) = body else { panic!() };
    let fired = &mut Fired::default();
    let incoming = scim::resource::read(&kind, body, &Profile::GENERIC, fired).unwrap();
    match write(
        store,
        tenant,
        Change::Create {
            kind,
            incoming,
            half: false,
        },
    )
    .await
    {
        Outcome::Resource(written) => written.stored.id,
        other => panic!("{other:?}"),
    }
}

async fn user(store: &SqliteStore, tenant: TenantId, name: &str) -> Id {
    let email = format!("{name}@acme.example");
    let body = json!({ "userName": name, "displayName": name, "emails": [{ "value": email }] });
    create(store, tenant, "User", body).await
}

#[tokio::test]
async fn the_documented_app_starts_from_the_state_and_follows_the_feed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("provisor.db");
    let clock = Clock::system();
    let store = SqliteStore::open(&path, SqliteSettings::default(), clock.clone()).unwrap();
    let new = Change::CreateTenant {
        key: "acme".into(),
        name: String::new(),
    };
    let Outcome::Tenant(acme) = write(&store, TenantId::SYSTEM, new).await else {
        panic!()
    };
    let token = NewToken {
        connection: None,
        purpose: "our app".into(),
        scopes: [Scope::EventsRead, Scope::DirectoryRead]
            .into_iter()
            .collect(),
        kind: TokenKind::Api,
        expires: None,
        addresses: Vec::new(),
    };
    let Outcome::Token(_, token) = write(&store, acme.id, Change::CreateToken(token)).await else {
        panic!()
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = Server {
        store: store.clone(),
        log: SyncLog::disabled(),
        settings: Settings::default(),
        clock,
    };
    let listeners = Listeners {
        public: listener,
        admin: None,
    };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(server.run(listeners, async {
        stopped.await.ok();
    }));

    // Before the app starts: found by reading the state.
    let lena = user(&store, acme.id, "lena").await;
    let max = user(&store, acme.id, "max").await;
    let members = json!([{ "value": lena.to_string() }, { "value": max.to_string() }]);
    let body = json!({ "displayName": "Support", "members": members });
    let support = create(&store, acme.id, "Group", body).await;

    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/examples/follow.py");
    let database = folder.path().join("app.db");
    let mut app = tokio::process::Command::new("python3")
        .args([program, "acme"])
        .arg(&database)
        .env("PROVISOR_URL", &url)
        .env("PROVISOR_TOKEN", token.reveal())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the documented app needs python3");
    // One change after another until the app tells of one: then it has started and follows.
    let mut told = BufReader::new(app.stdout.take().unwrap()).lines();
    let first = loop {
        user(&store, acme.id, &format!("joiner{}", RequestId::random())).await;
        let line = tokio::time::timeout(Duration::from_millis(200), told.next_line());
        if let Ok(line) = line.await {
            break line.unwrap().unwrap();
        }
    };
    assert!(first.contains("user.created"), "{first}");

    let kind = Registry::builtin().by_name("User").unwrap().clone();
    let leave = Change::Delete {
        kind,
        id: lena,
        precondition: None,
    };
    write(&store, acme.id, leave).await;
    let left = format!("user.deleted {lena}");
    let wait = async {
        while let Some(line) = told.next_line().await.unwrap() {
            if line.ends_with(&left) {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait)
        .await
        .unwrap();
    // Told is not yet committed: one more change is told only after that.
    let last = user(&store, acme.id, "last").await;
    let wait = async {
        while let Some(line) = told.next_line().await.unwrap() {
            if line.ends_with(&last.to_string()) {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait)
        .await
        .unwrap();

    let question = "import sqlite3,sys,json; db=sqlite3.connect(sys.argv[1]); \
        print(json.dumps([db.execute('SELECT email, may_sign_in FROM account JOIN link ON \
        link.account = account.id WHERE user IN (?,?) ORDER BY email', sys.argv[2:4]).fetchall(), \
        db.execute('SELECT team, member FROM member').fetchall()]))";
    let (lena, max) = (lena.to_string(), max.to_string());
    let answer = tokio::process::Command::new("python3")
        .args(["-c", question])
        .arg(&database)
        .args([&lena, &max])
        .output()
        .await
        .unwrap();
    let answer: Value = serde_json::from_slice(&answer.stdout).unwrap();
    let accounts = json!([["lena@acme.example", 0], ["max@acme.example", 1]]);
    assert_eq!(answer, json!([accounts, [[support.to_string(), max]]]));

    app.kill().await.unwrap();
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
}
