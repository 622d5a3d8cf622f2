//! `/tenants/{key}/events`.

use std::sync::Arc;

use provisor_store::{Change, Id, Scope, TenantId};
use scim::Registry;
use serde_json::{Value, json};

use crate::world::World;

async fn delete(world: &World, tenant: TenantId, kind: &str, id: &str) {
    let change = Change::Delete {
        kind: Arc::clone(Registry::builtin().by_name(kind).unwrap()),
        id: id.parse::<Id>().unwrap(),
        precondition: None,
    };
    world.write(tenant, change).await;
}

async fn last_seq(world: &World) -> i64 {
    let feed = world
        .get(&world.operator, "/tenants/acme/events")
        .await
        .expect(200);
    feed["last_seq"].as_i64().unwrap()
}

#[tokio::test]
async fn the_feed_tells_what_happened_in_order() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let token = world.token(acme, &[Scope::EventsRead]).await;
    let start = last_seq(&world).await;
    let path = format!("/tenants/acme/events?after={start}");
    let empty = world.get(&token, &path).await.expect(200);
    assert_eq!(
        empty,
        json!({ "data": [], "last_seq": start, "next_after": start })
    );

    let lena = world.user(acme, "lena").await;
    let team = world
        .team(acme, "Support", std::slice::from_ref(&lena))
        .await;
    delete(&world, acme, "User", &lena).await;

    let feed = world.get(&token, &path).await.expect(200);
    let events = feed["data"].as_array().unwrap();
    let types: Vec<_> = events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        types,
        [
            "user.created",
            "team.created",
            "team.members_changed",
            "user.deleted"
        ]
    );
    assert_eq!(feed["last_seq"], start + 4);
    assert_eq!(feed["next_after"], start + 4);
    for (event, seq) in events.iter().zip(start + 1..) {
        assert_eq!(event["seq"], seq);
        assert_eq!(event["tenant"], "acme");
        let at = event["timestamp"].as_str().unwrap();
        assert!(at.starts_with("2026-11-23T10:42:05.1"), "{at}");
        assert_eq!(event["connection"], Value::Null);
        assert!(
            event["cause"]["request"]
                .as_str()
                .unwrap()
                .starts_with("req_")
        );
    }
    let created = &events[0]["data"];
    assert_eq!(created["id"], json!(lena));
    assert_eq!(created["email"], "lena@acme.example");
    assert_eq!(created["attributes"]["userName"], "lena");
    assert_eq!(events[2]["data"]["id"], json!(team));
    assert_eq!(events[2]["added"], json!([lena]));
    assert_eq!(events[2]["removed"], json!([]));
    assert_eq!(events[3]["memberships"], json!([team]));
}

#[tokio::test]
async fn every_place_in_the_feed_continues_without_gap_or_repetition() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    for n in 0..230 {
        world.user(acme, &format!("user{n}")).await;
    }
    let last = last_seq(&world).await;
    for limit in [1, 7, 100, 150, 1000] {
        let mut after = 0;
        let mut seen = Vec::new();
        loop {
            let path = format!("/tenants/acme/events?after={after}&limit={limit}");
            let feed = world.get(&world.operator, &path).await.expect(200);
            assert_eq!(feed["last_seq"], last);
            let data = feed["data"].as_array().unwrap();
            assert!(data.len() <= limit);
            seen.extend(data.iter().map(|event| event["seq"].as_i64().unwrap()));
            after = feed["next_after"].as_i64().unwrap();
            if data.is_empty() {
                break;
            }
        }
        assert_eq!(seen, (1..=last).collect::<Vec<_>>(), "limit {limit}");
    }
}

#[tokio::test]
async fn a_place_beyond_the_end_shows_that_the_server_went_back() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    world.user(acme, "lena").await;
    let last = last_seq(&world).await;
    let path = format!("/tenants/acme/events?after={}", last + 9);
    let feed = world.get(&world.operator, &path).await.expect(200);
    assert_eq!(
        feed,
        json!({ "data": [], "last_seq": last, "next_after": last + 9 })
    );
}

#[tokio::test]
async fn an_answer_stays_bounded_however_large_the_events_are() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let title = "x".repeat(900 << 10);
    let start = last_seq(&world).await;
    for n in 0..12 {
        let body = json!({ "userName": format!("user{n}"), "title": title });
        world.create(acme, "User", body).await;
    }
    let path = format!("/tenants/acme/events?after={start}");
    let feed = world.get(&world.operator, &path).await.expect(200);
    let count = feed["data"].as_array().unwrap().len();
    assert!((4..12).contains(&count), "{count}");
    let after = feed["next_after"].as_i64().unwrap();
    let path = format!("/tenants/acme/events?after={after}&limit=3");
    let feed = world.get(&world.operator, &path).await.expect(200);
    assert_eq!(feed["data"][0]["seq"], after + 1);
}

#[tokio::test]
async fn an_erased_person_is_only_an_id() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let lena = world.user(acme, "lena").await;
    let id = lena.parse::<Id>().unwrap();
    world.write(acme, Change::Erase { id }).await;
    let feed = world
        .get(&world.operator, "/tenants/acme/events")
        .await
        .expect(200);
    let last = feed["data"].as_array().unwrap().last().unwrap();
    assert_eq!(last["type"], "user.erased");
    assert_eq!(last["data"]["id"], json!(lena));
    assert!(!feed.to_string().contains("lena@acme.example"), "{feed:#}");
}
