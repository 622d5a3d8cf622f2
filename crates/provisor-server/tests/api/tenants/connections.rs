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

#[tokio::test]
async fn who_creates_teams_unseen_has_unique_team_names_where_there_are_no_doubles() {
    let world = World::new().await;
    world.tenant("acme").await;
    let operator = Some(world.operator.as_str());
    let create = async |body| {
        world
            .call("POST", PATH, operator, Some(body))
            .await
            .expect(201)
    };
    for (body, unique) in [
        (json!({ "name": "a", "idp": "keycloak" }), true),
        (json!({ "name": "b", "idp": "authentik" }), true),
        (json!({ "name": "c", "idp": "okta" }), false),
        (
            json!({ "name": "d", "idp": "keycloak", "unique_team_names": false }),
            false,
        ),
    ] {
        let created = create(body).await;
        assert_eq!(created["unique_team_names"], unique, "{created}");
        assert!(created["lacks"].is_null(), "{created}");
    }
    // Whoever has that name already is refused in the words for it.
    let twin = json!({ "name": "a", "idp": "keycloak" });
    let refused = world.call("POST", PATH, operator, Some(twin)).await;
    let said = refused.refused(409, "uniqueness");
    assert!(said.contains("named \"a\""), "{said}");
    for name in ["a", "b"] {
        let off = json!({ "unique_team_names": false });
        let path = format!("{PATH}/{name}");
        let changed = world.call("PATCH", &path, operator, Some(off)).await;
        changed.expect(200);
    }
    // The rule would hold for the others, too.
    let created = create(json!({ "name": "e", "idp": "keycloak" })).await;
    assert_eq!(created["unique_team_names"], false);
    let lacks = created["lacks"].as_str().unwrap();
    assert!(lacks.contains("other connections"), "{lacks}");
    let initech = world.tenant("initech").await;
    for name in ["Sales", "sales", "Support"] {
        world.team(initech, name, &[]).await;
    }
    let body = json!({ "name": "e", "idp": "keycloak" });
    let path = PATH.replace("acme", "initech");
    let created = world.call("POST", &path, operator, Some(body)).await;
    let created = created.expect(201);
    assert_eq!(created["unique_team_names"], false);
    let lacks = created["lacks"].as_str().unwrap();
    assert!(
        lacks.contains("Keycloak") && lacks.contains("more than once: sales."),
        "{lacks}"
    );
    assert!(!lacks.contains("upport"), "{lacks}");
}
