//! `/tenants/{key}/connections`.

use serde_json::json;

use crate::world::World;

const PATH: &str = "/tenants/acme/connections";

#[tokio::test]
async fn a_connection_is_created_changed_paused_and_resumed() {
    let world = World::new().await;
    world.tenant("acme").await;
    let operator = Some(world.operator.as_str());
    let body = json!({
        "name": "okta.1", "idp": "okta", "profile": "okta", "identifier": "email",
        "domains": ["acme.example"], "reactivation": true
    });
    let reply = world.call("POST", PATH, operator, Some(body)).await;
    assert_eq!(
        reply.headers["location"],
        "/api/v1/tenants/acme/connections/okta.1"
    );
    let created = reply.expect(201);
    assert_eq!(created["profile"], "okta");
    assert_eq!(created["identifier"], "email");
    assert_eq!(created["domains"], json!(["acme.example"]));
    assert_eq!(created["paused"], false);
    let one = format!("{PATH}/okta.1");
    assert_eq!(world.get(&world.operator, &one).await.expect(200), created);
    for (change, field, value) in [
        (json!({ "paused": true }), "paused", json!(true)),
        (json!({ "paused": false }), "paused", json!(false)),
        (json!({ "profile": "rfc" }), "profile", json!("rfc")),
        (json!({ "domains": [] }), "domains", json!([])),
        (
            json!({ "identifier": "userName" }),
            "identifier",
            json!("userName"),
        ),
        (json!({ "reactivation": null }), "reactivation", json!(true)),
        (json!({ "log_days": 30 }), "log_days", json!(30)),
        (json!({ "log_body_days": 3 }), "log_days", json!(30)),
        (json!({ "log_days": 0 }), "log_days", json!(null)),
        (json!({ "log_days": null }), "log_body_days", json!(3)),
    ] {
        let changed = world
            .call("PATCH", &one, operator, Some(change))
            .await
            .expect(200);
        assert_eq!(changed[field], value);
        assert_eq!(world.get(&world.operator, &one).await.expect(200), changed);
    }
}

#[tokio::test]
async fn settings_that_cannot_be_are_refused_by_name() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    world.connection(acme, "okta").await;
    let operator = Some(world.operator.as_str());
    for (body, word) in [
        (
            json!({ "profile": "oktta" }),
            "generic, okta, entra, keycloak, rfc, interop",
        ),
        (json!({ "identifier": "mail" }), "externalId"),
        (json!({ "pause": true }), "`pause`"),
        (json!({ "paused": "yes" }), "paused"),
        (json!({ "domains": ["acme.example", 7] }), "domains[1]"),
    ] {
        for (method, path) in [("POST", PATH.to_owned()), ("PATCH", format!("{PATH}/okta"))] {
            let reply = world
                .call(method, &path, operator, Some(body.clone()))
                .await;
            let message = reply.refused(400, "invalid_value");
            assert!(message.contains(word), "{message}");
        }
    }
    let taken = json!({ "name": "okta" });
    world
        .call("POST", PATH, operator, Some(taken))
        .await
        .refused(409, "uniqueness");
}

#[tokio::test]
async fn switching_to_email_with_duplicates_is_refused_naming_them() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    world.connection(acme, "okta").await;
    for name in ["a", "b"] {
        let emails = json!([{ "value": "same@acme.example", "primary": true }]);
        world
            .create(acme, "User", json!({ "userName": name, "emails": emails }))
            .await;
    }
    let body = json!({ "identifier": "email" });
    let operator = Some(world.operator.as_str());
    let reply = world
        .call("PATCH", &format!("{PATH}/okta"), operator, Some(body))
        .await;
    assert_eq!(reply.status, 409, "{}", reply.body);
    assert!(
        reply.body.to_string().contains("same@acme.example"),
        "{}",
        reply.body
    );
}

#[tokio::test]
async fn connections_are_listed_in_order_of_creation() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    for name in ["okta", "entra", "google"] {
        world.connection(acme, name).await;
    }
    let page = world
        .get(&world.operator, &format!("{PATH}?limit=2"))
        .await
        .expect(200);
    assert_eq!(page["data"][0]["name"], "okta");
    assert_eq!(page["data"][1]["name"], "entra");
    let next = page["next"].as_str().unwrap();
    let path = format!("{PATH}?limit=2&after={next}");
    let page = world.get(&world.operator, &path).await.expect(200);
    assert_eq!(page["data"][0]["name"], "google");
    assert_eq!(page["next"], json!(null));
}
