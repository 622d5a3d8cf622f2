//! `/tenants` and below.

mod connections;
mod directory;
mod events;
mod log;
mod schemas;
mod tokens;

use provisor_store::Scope;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn a_tenant_is_created_shown_renamed_suspended_and_resumed() {
    let world = World::new().await;
    let operator = world.operator.clone();
    let body = json!({ "key": "Acme_1", "name": "Acme Inc." });
    let reply = world
        .call("POST", "/tenants", Some(&operator), Some(body))
        .await;
    assert_eq!(reply.headers["location"], "/api/v1/tenants/Acme_1");
    assert_eq!(reply.headers["cache-control"], "no-store");
    let tenant = reply.expect(201);
    assert_eq!(tenant["name"], "Acme Inc.");
    assert_eq!(tenant["state"], "active");
    let slug = tenant["slug"].as_str().unwrap();
    assert_eq!(
        tenant["scim_url"],
        format!("https://scim.example.com/t/{slug}/scim/v2")
    );
    assert_eq!(
        world.get(&operator, "/tenants/Acme_1").await.expect(200),
        tenant
    );

    let id = world
        .store
        .read()
        .await
        .unwrap()
        .tenant("Acme_1")
        .await
        .unwrap()
        .unwrap()
        .id;
    let theirs = world.token(id, &[Scope::Admin]).await;
    for (body, name, state) in [
        (json!({ "name": "Acme" }), "Acme", "active"),
        (json!({ "suspended": true }), "Acme", "suspended"),
        (json!({}), "Acme", "suspended"),
        (json!({ "suspended": false }), "Acme", "active"),
    ] {
        let path = "/tenants/Acme_1";
        let changed = world
            .call("PATCH", path, Some(&operator), Some(body))
            .await
            .expect(200);
        assert_eq!(
            (&changed["name"], &changed["state"]),
            (&json!(name), &json!(state))
        );
        let reply = world.get(&theirs, path).await;
        if state == "suspended" {
            reply.refused(403, "tenant_suspended");
            world
                .get(&operator, "/tenants/Acme_1/users")
                .await
                .expect(200);
        } else {
            reply.expect(200);
        }
    }
}

#[tokio::test]
async fn a_key_can_be_used_once_and_must_be_one() {
    let world = World::new().await;
    let operator = Some(world.operator.as_str());
    world.tenant("acme").await;
    let again = json!({ "key": "acme" });
    world
        .call("POST", "/tenants", operator, Some(again))
        .await
        .refused(409, "uniqueness");
    let long = "k".repeat(129);
    for key in ["", "-acme", ".", "a/b", "a b", "é", long.as_str()] {
        let body = json!({ "key": key });
        world
            .call("POST", "/tenants", operator, Some(body))
            .await
            .refused(400, "invalid_value");
    }
}

#[tokio::test]
async fn tenants_are_listed_by_key_a_page_at_a_time() {
    let world = World::new().await;
    for key in ["e", "a", "c", "b", "d"] {
        world.tenant(key).await;
    }
    let mut keys = Vec::new();
    let mut path = "/tenants?limit=2".to_owned();
    loop {
        let page = world.get(&world.operator, &path).await.expect(200);
        let data = page["data"].as_array().unwrap();
        assert!(data.len() <= 2);
        keys.extend(
            data.iter()
                .map(|tenant| tenant["key"].as_str().unwrap().to_owned()),
        );
        match page["next"].as_str() {
            Some(next) => path = format!("/tenants?limit=2&after={next}"),
            None => break,
        }
    }
    assert_eq!(keys, ["a", "b", "c", "d", "e"]);
}

#[tokio::test]
async fn a_deleted_tenant_is_gone_at_once_and_its_key_is_free_in_the_end() {
    let world = World::new().await;
    let operator = world.operator.clone();
    let acme = world.tenant("acme").await;
    let theirs = world.token(acme, &[Scope::Admin]).await;
    for n in 0..300 {
        world.user(acme, &format!("user{n}")).await;
    }
    let answer = world
        .call("DELETE", "/tenants/acme", Some(&operator), None)
        .await
        .expect(202);
    assert_eq!(answer, json!({ "key": "acme", "state": "deleting" }));
    world
        .get(&operator, "/tenants/acme")
        .await
        .refused(404, "not_found");
    world
        .get(&theirs, "/tenants/acme")
        .await
        .refused(401, "token_unknown");
    assert_eq!(
        world.get(&operator, "/tenants").await.expect(200)["data"],
        json!([])
    );
    for attempt in 0.. {
        let body = json!({ "key": "acme" });
        let reply = world
            .call("POST", "/tenants", Some(&operator), Some(body))
            .await;
        if reply.status == 201 {
            break;
        }
        reply.refused(409, "uniqueness");
        assert!(attempt < 500, "the tenant is never gone");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let users = world
        .get(&operator, "/tenants/acme/users")
        .await
        .expect(200);
    assert_eq!(users["data"], json!([]));
    world
        .get(&theirs, "/tenants/acme")
        .await
        .refused(401, "token_unknown");
}
