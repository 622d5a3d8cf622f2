//! `/targets`: list, form, preview, acts, log.

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use provisor_server::outbound::RunLock;
use provisor_store::{
    Change, Role, Store, TargetChange, TargetId,
    target::{Kind, NewEntry, Report, TargetObject},
};

use tokio::sync::Notify;

use crate::world::World;

const FORM: &[(&str, &str)] = &[
    ("tenant", "acme"),
    ("name", "crm"),
    ("url", "https://crm.example.com/scim/v2/"),
    ("auth", "bearer"),
    ("secret", "s3cret-of-crm"),
    ("create", "on"),
    ("update", "on"),
    ("deactivate", "on"),
    ("push_teams", "on"),
    ("users", "userName co \"@acme.com\""),
    ("team_names", "Sales\nSupport"),
    ("rules", "title=from:nickName\nlocale=value:de"),
    ("batch", "100"),
    ("parallel", "8"),
    ("compare_every", "24"),
];

fn with<'f>(changes: &[(&'f str, &'f str)]) -> Vec<(&'f str, &'f str)> {
    let kept = FORM
        .iter()
        .filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
    kept.copied().chain(changes.iter().copied()).collect()
}

#[tokio::test]
async fn a_target_is_made_looked_at_and_forgotten() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (token, _) = world.token(&acme, "Okta").await;
    let lena = serde_json::json!({ "userName": "lena@acme.com" });
    world.scim(&token, "POST", "Users", &lena).await;
    let mut owner = world.as_role(Role::Owner).await;
    let page = owner.get("/targets").await.expect(200);
    assert!(page.contains("Nothing is pushed yet"), "{page}");
    owner.get("/targets/new?tenant=acme").await.expect(200);
    let at = owner.post("/targets/new", FORM).await.location();
    assert_eq!(at, "/targets/acme/1");
    let page = owner.get(&at).await.expect(200);
    for shown in [
        "paused",
        "https://crm.example.com/scim/v2",
        "title=from:nickName",
        "Support",
        "Nothing was pushed yet",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert!(
        !page.contains("s3cret") && !page.contains("no secret"),
        "{page}"
    );
    let page = owner.get("/targets/acme/1/settings").await.expect(200);
    assert!(
        page.contains("One is set") && !page.contains("s3cret"),
        "{page}"
    );
    let page = owner.get("/targets/acme/1/preview").await.expect(200);
    assert!(
        page.contains("lena@acme.com") && page.contains("1 × create"),
        "{page}"
    );
    let page = owner.get("/targets").await.expect(200);
    assert!(
        page.contains("/targets/acme/1") && page.contains("paused"),
        "{page}"
    );

    owner.get(&at).await.expect(200);
    owner
        .post("/targets/acme/1/sync", &[("compare", "on")])
        .await
        .location();
    let target = world
        .store
        .read()
        .await
        .unwrap()
        .targets(Some(acme.id))
        .await
        .unwrap()
        .remove(0);
    assert!(target.asked > 0 && target.compared == 0);

    let lock = world.store.path().with_extension("push-1-1.lock");
    let place = (acme.id, TargetId(1));
    assert_eq!(acme.id.0, 1);
    // Another process pushes.
    let held = RunLock::take(world.store.path(), place).unwrap();
    let elsewhere = "A run of the command line is under way";
    let page = owner.get("/targets/acme/1").await.expect(200);
    assert!(page.contains(elsewhere), "{page}");
    drop(held);
    let page = owner.get("/targets/acme/1").await.expect(200);
    assert!(!page.contains(elsewhere), "{page}");
    assert!(lock.exists());
    let page = owner.get("/targets/acme/1/remove").await.expect(200);
    assert!(page.contains("stay there as they are"), "{page}");
    assert_eq!(
        owner.post("/targets/acme/1/remove", &[]).await.location(),
        "/targets"
    );
    assert!(!lock.exists());
    owner.get("/targets/acme/1").await.expect(404);
    let actions: Vec<String> = world
        .audit()
        .await
        .iter()
        .map(|entry| entry.action.clone())
        .collect();
    for action in [
        "target.create",
        "target.credentials",
        "target.sync",
        "target.remove",
    ] {
        assert!(
            actions.iter().any(|told| told == action),
            "{action}: {actions:?}"
        );
    }
    let told = format!("{:?}", world.audit().await);
    assert!(!told.contains("s3cret"), "{told}");
}

#[tokio::test]
async fn what_is_wrong_is_said_in_the_form() {
    let world = World::new().await;
    world.tenant("acme").await;
    let mut owner = world.as_role(Role::Owner).await;
    for (changes, said) in [
        (&[("tenant", "")][..], "Choose the tenant"),
        (&[("url", "https://10.0.0.7/scim")], "private address"),
        (&[("url", "http://crm.example.com")], "is not https"),
        (&[("users", "userNam eq 1")], "userNam"),
        (&[("rules", "title")], "is no rule"),
        (&[("auth", "oauth")], "needs the URL where tokens"),
        (&[("batch", "many")], "is no whole number"),
        (&[("name", "a b")], "target&#39;s name"),
    ] {
        owner.get("/targets/new").await.expect(200);
        let page = owner.post("/targets/new", &with(changes)).await.expect(422);
        assert!(page.contains(said), "{said}: {page}");
    }
}

#[tokio::test]
async fn other_tenants_targets_and_other_roles_stay_out() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    world.tenant("initech").await;
    let mut owner = world.as_role(Role::Owner).await;
    owner.get("/targets/new").await.expect(200);
    owner
        .post("/targets/new", &with(&[("tenant", "initech")]))
        .await
        .location();
    let operator = world
        .person("kim@example.com", Role::Operator, &[&acme])
        .await;
    let mut operator = world.signed_in(operator).await;
    operator.get("/targets/initech/1").await.expect(404);
    operator.get("/targets/initech/1/preview").await.expect(404);
    let page = operator.get("/targets").await.expect(200);
    assert!(!page.contains("initech"), "{page}");
    operator.get("/settings").await.expect(200);
    operator
        .post("/targets/initech/1/sync", &[])
        .await
        .expect(404);
    let mut support = world.as_role(Role::Support).await;
    let page = support.get("/targets/initech/1").await.expect(200);
    assert!(!page.contains("Activate"), "{page}");
}

#[tokio::test]
async fn another_address_gets_no_old_secret() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let mut owner = world.as_role(Role::Owner).await;
    owner.get("/targets/new").await.expect(200);
    owner.post("/targets/new", FORM).await.location();
    let at = "/targets/acme/1/settings";
    for (url, secret, kept) in [
        ("https://crm.example.com/scim/v3", "", true),
        ("https://operators-own.example.com/scim", "", false),
        ("https://operators-own.example.com/scim", "an0ther", true),
        ("https://crm.example.com/scim/v2", "again", true),
    ] {
        owner.get(at).await.expect(200);
        let form = with(&[("url", url), ("secret", secret)]);
        owner.post(at, &form).await.location();
        let mut view = world.store.read().await.unwrap();
        let target = view.targets(Some(acme.id)).await.unwrap().remove(0);
        assert_eq!(target.settings["url"], url);
        assert_eq!(target.credentials.is_some(), kept, "{url} {secret}");
    }
}

#[tokio::test]
async fn keys_of_files_are_hidden_from_who_may_not_see_names() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let create = TargetChange::Create {
        name: "hr".to_owned(),
        settings: serde_json::json!({
            "url": "https://hr.example.com",
            "source": "files",
            "users": "userName ne \"otto@acme.com\"",
            "rules": [{ "to": "title", "value": "for otto@acme.com" }],
        }),
    };
    world.write(acme.id, Change::Target(create)).await;
    let local = "lena@acme.com";
    let object = TargetObject {
        remote: Some("lena@crm.example".to_owned()),
        label: local.to_owned(),
        ..TargetObject::unknown(Kind::User, local)
    };
    let told = NewEntry {
        action: "create",
        ok: true,
        status: Some(201),
        detail: serde_json::json!({ "attributes": ["userName"] }),
    };
    let report = TargetChange::Report {
        id: TargetId(1),
        reports: vec![Report {
            object,
            gone: false,
            members: Vec::new(),
            entries: vec![told],
        }],
    };
    world.write(acme.id, Change::Target(report)).await;
    let ended = TargetChange::Ran {
        id: TargetId(1),
        began: Some(1),
        compared: false,
        entry: Some(NewEntry {
            action: "push",
            ok: false,
            status: None,
            detail: serde_json::json!({ "error": "kim@acme.com may not" }),
        }),
        outcome: "the target does not accept the credentials: kim@acme.com may not".to_owned(),
    };
    world.write(acme.id, Change::Target(ended)).await;
    let paths = [
        "/targets/acme/1",
        "/targets/acme/1/object?kind=user&id=lena%40acme.com",
    ];
    let mut owner = world.as_role(Role::Owner).await;
    let mut support = world.as_role(Role::Support).await;
    for path in paths {
        let page = owner.get(path).await.expect(200);
        assert!(page.contains("lena@acme.com"), "{path}: {page}");
        let page = support.get(path).await.expect(200);
        // Where the address is shown again, it is the one that was asked for.
        let again = path.contains("lena").then_some("lena%40acme.com");
        let page = page.replace(again.unwrap_or("-"), "");
        for key in [
            "lena@acme.com",
            "lena%40acme.com",
            "lena@crm.example",
            "otto@acme.com",
            "kim@acme.com",
        ] {
            assert!(!page.contains(key), "{path}: {page}");
        }
        assert!(page.contains("l***@acme.com"), "{path}: {page}");
    }
}

/// A SCIM server that knows nobody and waits with each creation until it may go on.
async fn slow_target(go: Arc<Notify>) -> String {
    let answer = move |method: Method, body: axum::body::Bytes| {
        let go = go.clone();
        async move {
            if method != Method::POST {
                return (
                    StatusCode::OK,
                    r#"{"totalResults":0,"Resources":[]}"#.to_owned(),
                );
            }
            go.notified().await;
            let mut made: serde_json::Value = serde_json::from_slice(&body).unwrap();
            made["id"] = made["userName"].clone();
            (StatusCode::CREATED, made.to_string())
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = axum::Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

#[tokio::test]
async fn a_run_is_watched_while_it_goes() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (token, _) = world.token(&acme, "Okta").await;
    for name in ["lena", "otto"] {
        world.user(&token, name, name).await;
    }
    let go = Arc::new(Notify::new());
    let url = slow_target(go.clone()).await;
    let create = TargetChange::Create {
        name: "crm".to_owned(),
        settings: serde_json::json!({ "url": url, "private": true, "parallel": 1, "teams": false }),
    };
    world.write(acme.id, Change::Target(create)).await;
    let mut owner = world.as_role(Role::Owner).await;
    let page = owner.get("/targets/acme/1").await.expect(200);
    let stream = "/live/targets/acme/1";
    assert!(page.contains(&format!("data-live=\"{stream}\"")), "{page}");
    let mut events = owner.follow(stream).await;
    // Until all of the first and nothing of the second is there.
    let mut until = async |texts: &[&str], not: &str| {
        loop {
            let (name, part) = events.next().await.unwrap();
            assert_eq!(name, "fragment");
            // The clock stands still here, so that nobody would try it again.
            assert!(!part.contains("ended early"), "{part}");
            if texts.iter().all(|text| part.contains(text)) && !part.contains(not) {
                return;
            }
        }
    };
    until(&["Nothing was pushed yet"], "under way").await;
    owner.post("/targets/acme/1/sync", &[]).await.location();
    until(&["0 of 2 looked at"], "created").await;
    go.notify_one();
    until(&["1 of 2 looked at; 1 created"], "the whole run").await;
    go.notify_one();
    let ended = ["the whole run", "2 created", "<dd>2<small>users, 0 teams"];
    until(&ended, "under way").await;
    // Older lines are not live.
    let page = owner.get("/targets/acme/1?after=2").await.expect(200);
    assert!(!page.contains("data-live"), "{page}");
}

fn create(name: &str, settings: serde_json::Value) -> Change {
    let name = name.to_owned();
    Change::Target(TargetChange::Create { name, settings })
}

#[tokio::test]
async fn the_list_goes_by_targets_whatever_tenants_there_are() {
    let world = World::new().await;
    // Most tenants push nothing.
    for n in 0..30 {
        world.tenant(&format!("a{n:02}")).await;
    }
    let zeta = world.tenant("zeta").await;
    let settings = serde_json::json!({ "url": "https://crm.example.com" });
    for n in 0..51 {
        world
            .write(zeta.id, create(&format!("app{n:02}"), settings.clone()))
            .await;
    }
    let mut owner = world.as_role(Role::Owner).await;
    let first = owner.get("/targets").await.expect(200);
    assert!(
        first.contains("<b>app00</b>") && first.contains("<b>app49</b>"),
        "{first}"
    );
    assert!(!first.contains("<b>app50</b>"), "{first}");
    let next = first.split("/targets?after=").nth(1);
    let next = next.and_then(|rest| rest.split('"').next()).unwrap();
    let second = owner.get(&format!("/targets?after={next}")).await;
    let second = second.expect(200);
    assert!(
        second.contains("<b>app50</b>") && !second.contains("<b>app49</b>"),
        "{second}"
    );
}

#[tokio::test]
async fn a_users_and_a_teams_page_say_why_they_are_in_each_target() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (token, _) = world.token(&acme, "Okta").await;
    let lena = world.user(&token, "lena@acme.com", "Lena").await;
    let team = serde_json::json!({ "displayName": "Sales" });
    let (_, team) = world.scim(&token, "POST", "Groups", &team).await;
    let team = team["id"].as_str().unwrap().to_owned();
    let mut owner = world.as_role(Role::Owner).await;
    let user = format!("/users/acme/{lena}");
    let page = owner.get(&user).await.expect(200);
    assert!(!page.contains("tab=targets"), "{page}");

    let url = "https://crm.example.com";
    for (name, settings) in [
        ("crm", serde_json::json!({ "url": url })),
        (
            "wiki",
            serde_json::json!({ "url": url, "users": "userName eq \"otto@acme.com\"" }),
        ),
        ("hr", serde_json::json!({ "url": url, "source": "files" })),
    ] {
        world.write(acme.id, create(name, settings)).await;
    }
    let object = TargetObject {
        label: "lena@acme.com".to_owned(),
        error: Some("the target answered 400: lena@acme.com is no colleague".to_owned()),
        ..TargetObject::unknown(Kind::User, &lena)
    };
    let report = TargetChange::Report {
        id: TargetId(1),
        reports: vec![Report {
            object,
            gone: false,
            members: Vec::new(),
            entries: Vec::new(),
        }],
    };
    world.write(acme.id, Change::Target(report)).await;
    let page = owner.get(&user).await.expect(200);
    assert!(page.contains(&format!("{user}?tab=targets")), "{page}");
    let page = owner.get(&format!("{user}?tab=targets")).await.expect(200);
    for told in [
        "is no colleague. It was given up",
        "It was never pushed: it is outside the target&#39;s scope.",
        &format!("/targets/acme/1/object?kind=user&#38;id={lena}"),
    ] {
        assert!(page.contains(told), "{told}: {page}");
    }
    // Nothing to tell more, and what files say of others is not about this user.
    assert!(!page.contains("/targets/acme/2/object") && !page.contains(">hr<"));
    let mut support = world.as_role(Role::Support).await;
    let page = support
        .get(&format!("{user}?tab=targets"))
        .await
        .expect(200);
    assert!(
        page.contains("hidden from your role") && !page.contains("colleague"),
        "{page}"
    );
    let page = owner
        .get(&format!("/teams/acme/{team}?tab=targets"))
        .await
        .expect(200);
    assert!(page.contains("was not looked at yet"), "{page}");
}

#[tokio::test]
async fn a_targets_page_says_what_to_do_next() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let (token, _) = world.token(&acme, "Okta").await;
    let lena = world.user(&token, "lena@acme.com", "Lena").await;
    let settings = serde_json::json!({ "url": "https://crm.example.com" });
    world.write(acme.id, create("crm", settings)).await;
    let mut owner = world.as_role(Role::Owner).await;
    let page = owner.get("/targets/acme/1").await.expect(200);
    for told in ["changes not looked at yet", "then <b>activate</b> it"] {
        assert!(page.contains(told), "{told}: {page}");
    }
    owner.post("/targets/acme/1/activate", &[]).await.location();
    let linked = TargetObject {
        remote: Some("77".to_owned()),
        due: Some(1),
        ..TargetObject::unknown(Kind::User, &lena)
    };
    let reports = vec![Report {
        object: linked,
        gone: false,
        members: Vec::new(),
        entries: Vec::new(),
    }];
    let id = TargetId(1);
    world
        .write(
            acme.id,
            Change::Target(TargetChange::Report { id, reports }),
        )
        .await;
    let ended = TargetChange::Ran {
        id,
        began: Some(1),
        compared: false,
        entry: None,
        outcome: "5 users would lose their access".to_owned(),
    };
    world.write(acme.id, Change::Target(ended)).await;
    let page = owner.get("/targets/acme/1").await.expect(200);
    assert!(page.contains("at once with <b>Sync now</b>"), "{page}");
    let page = owner
        .get(&format!("/targets/acme/1/object?kind=user&id={lena}"))
        .await
        .expect(200);
    assert!(
        page.contains("The last run ended early: 5 users would lose their access."),
        "{page}"
    );
}
