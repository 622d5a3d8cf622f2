//! Live fragments end with the session, and are few.

use provisor_server::console::ROUTES;
use provisor_store::{Change, PeopleChange, Role, SessionId, Store, TargetChange};

use crate::world::World;

const STREAM: &str = "/live/tokens/acme/tok_1/tok_1";

#[tokio::test]
async fn a_stream_ends_with_its_session_and_with_its_role() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    world.token(&acme, "Okta").await;
    world.person("root@example.com", Role::Owner, &[]).await;
    let person = world.person("anna@example.com", Role::Operator, &[]).await;
    let browser = world.signed_in(person).await;
    let mut events = browser.follow(STREAM).await;
    assert_eq!(events.next().await.unwrap().0, "fragment");
    world
        .people(PeopleChange::EndSession { id: SessionId(1) })
        .await;
    assert_eq!(events.next().await.unwrap().0, "end");
    assert_eq!(events.next().await, None);

    let browser = world.signed_in(person).await;
    let mut events = browser.follow(STREAM).await;
    assert_eq!(events.next().await.unwrap().0, "fragment");
    let set = PeopleChange::Set {
        id: person,
        name: None,
        role: Some(Role::Support),
        tenants: None,
    };
    world.people(set).await;
    assert_eq!(events.next().await.unwrap().0, "end");
}

#[tokio::test]
async fn every_live_page_ends_when_the_tenants_change() {
    let world = World::new().await;
    let (acme, beta) = (world.tenant("acme").await, world.tenant("beta").await);
    world.token(&acme, "Okta").await;
    let root = world.person("root@example.com", Role::Owner, &[]).await;
    let mut root = world.signed_in(root).await;
    root.get("/simulator").await.expect(200);
    root.post("/simulator", &[("people", "3")]).await.location();
    let mut snapshot = world.store.read().await.unwrap();
    let made_up = snapshot.tenant("simulated-okta-1").await.unwrap().unwrap();
    drop(snapshot);
    let all = [&acme, &beta, &made_up];
    let person = world.person("anna@example.com", Role::Operator, &all).await;
    let create = TargetChange::Create {
        name: "crm".to_owned(),
        settings: serde_json::json!({ "url": "https://crm.example.com" }),
    };
    world.write(acme.id, Change::Target(create)).await;
    let paths = [
        STREAM,
        "/live/log",
        "/live/setup/acme/1",
        "/live/simulator/1/progress",
        "/live/targets/acme/1",
    ];
    let known: Vec<&str> = ROUTES.iter().map(|route| route.path).collect();
    let live = known.iter().filter(|path| path.starts_with("/live/"));
    // A new live page belongs into this list; the customer's has a test of its own.
    assert_eq!(live.count(), paths.len() + 1);
    let mut open = Vec::new();
    for path in paths {
        let browser = world.signed_in(person).await;
        let mut events = browser.follow(path).await;
        assert_eq!(events.next().await.unwrap().0, "fragment", "{path}");
        open.push((path, events));
    }
    let set = PeopleChange::Set {
        id: person,
        name: None,
        role: None,
        tenants: Some(Some(vec![beta.id])),
    };
    world.people(set).await;
    for (path, mut events) in open {
        // What the simulation did meanwhile may be told before.
        let mut told = events.next().await.unwrap().0;
        while told == "fragment" {
            told = events.next().await.unwrap().0;
        }
        assert_eq!(told, "end", "{path}");
        assert_eq!(events.next().await, None, "{path}");
    }
}

#[tokio::test]
async fn a_session_has_five_streams_at_most() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    world.token(&acme, "Okta").await;
    let mut browser = world.as_role(Role::Owner).await;
    let mut open = Vec::new();
    for _ in 0..5 {
        let mut events = browser.follow(STREAM).await;
        assert_eq!(events.next().await.unwrap().0, "fragment");
        open.push(events);
    }
    browser.get(STREAM).await.expect(429);
    // Another session has its own.
    let other = world.as_role(Role::Operator).await;
    assert!(other.follow(STREAM).await.next().await.is_some());
    // When one is closed there is room again.
    open.pop();
    while browser.try_follow(STREAM).await.is_none() {
        tokio::task::yield_now().await;
    }
}
