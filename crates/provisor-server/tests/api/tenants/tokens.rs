//! `/tenants/{key}/tokens`.

use provisor_store::{PlainToken, TokenKind};
use serde_json::{Value, json};

use crate::world::{NOW, Reply, World};

const PATH: &str = "/tenants/acme/tokens";

async fn create(world: &World, body: Value) -> Reply {
    world
        .call("POST", PATH, Some(&world.operator), Some(body))
        .await
}

fn scim(more: Value) -> Value {
    let mut body = json!({ "purpose": "Acme's Okta", "scopes": ["scim"] });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

#[tokio::test]
async fn the_secret_is_shown_once_and_ends_with_revocation() {
    let world = World::new().await;
    world.tenant("acme").await;
    let body = json!({
        "purpose": "our app", "scopes": ["directory:read", "events:read"],
        "expires": "2027-01-31T00:00:00Z"
    });
    let issued = create(&world, body).await.expect(201);
    let secret = issued["secret"].as_str().unwrap().to_owned();
    assert_eq!(PlainToken::parse(&secret).unwrap().kind(), TokenKind::Api);
    assert_eq!(issued["kind"], "api");
    assert_eq!(issued["expires"], "2027-01-31T00:00:00.000Z");
    assert_eq!(issued["state"], "active");
    assert!(issued.get("scim_url").is_none());
    assert!(secret.ends_with(issued["last4"].as_str().unwrap()));
    world.get(&secret, "/tenants/acme/users").await.expect(200);

    let listed = world.get(&world.operator, PATH).await.expect(200);
    assert!(!listed.to_string().contains(&secret));
    let one = format!("{PATH}/{}", issued["id"].as_str().unwrap());
    for _ in 0..2 {
        let revoked = world
            .call("DELETE", &one, Some(&world.operator), None)
            .await
            .expect(200);
        assert_eq!(revoked["state"], "revoked");
        assert_eq!(revoked["purpose"], "our app");
    }
    world
        .get(&secret, "/tenants/acme/users")
        .await
        .refused(401, "token_unknown");
    let listed = world.get(&world.operator, PATH).await.expect(200);
    assert_eq!(listed["data"][0]["state"], "revoked");
}

#[tokio::test]
async fn an_expired_token_answers_like_an_unknown_one() {
    let world = World::new().await;
    world.tenant("acme").await;
    let expires = scim::datetime::format_millis(NOW + 60_000);
    let body = json!({ "purpose": "x", "scopes": ["directory:read"], "expires": expires });
    let issued = create(&world, body).await.expect(201);
    let secret = issued["secret"].as_str().unwrap();
    world.get(secret, "/tenants/acme/users").await.expect(200);
    world.pass(60_000);
    let expired = world
        .get(secret, "/tenants/acme/users")
        .await
        .refused(401, "token_unknown");
    let listed = world.get(&world.operator, PATH).await.expect(200);
    assert_eq!(listed["data"][0]["state"], "expired");
    let forged = format!("{}A", &secret[..secret.len() - 1]);
    let unknown = world.get(&forged, "/tenants/acme/users").await;
    assert_eq!(unknown.refused(401, "token_unknown"), expired);
}

#[tokio::test]
async fn a_scim_token_takes_the_only_connection_or_makes_it_or_must_be_told() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    // None yet: one is made with the profile.
    let issued = create(&world, scim(json!({ "profile": "okta" })))
        .await
        .expect(201);
    let secret = issued["secret"].as_str().unwrap();
    assert_eq!(PlainToken::parse(secret).unwrap().kind(), TokenKind::Scim);
    assert_eq!(
        issued["scim_url"],
        "https://scim.example.com/t/acme/scim/v2"
    );
    let made = issued["connection"].as_str().unwrap().to_owned();
    let path = format!("/tenants/acme/connections/{made}");
    let connection = world.get(&world.operator, &path).await.expect(200);
    assert_eq!(connection["profile"], "okta");
    // One: it is taken, unless another profile is asked for.
    assert_eq!(
        create(&world, scim(json!({}))).await.expect(201)["connection"],
        made
    );
    let other = scim(json!({ "profile": "rfc" }));
    assert!(
        create(&world, other)
            .await
            .refused(400, "invalid_value")
            .contains("\"okta\"")
    );
    // Several: one must be named.
    world.connection(acme, "entra").await;
    let message = create(&world, scim(json!({})))
        .await
        .refused(400, "invalid_value");
    assert!(
        message.contains(&made) && message.contains("entra"),
        "{message}"
    );
    let named = scim(json!({ "connection": "entra" }));
    assert_eq!(
        create(&world, named).await.expect(201)["connection"],
        "entra"
    );
    let unknown = scim(json!({ "connection": "okkta" }));
    assert!(
        create(&world, unknown)
            .await
            .refused(404, "not_found")
            .contains("entra")
    );
    let listed = world.get(&world.operator, PATH).await.expect(200);
    assert_eq!(listed["data"].as_array().unwrap().len(), 3);
    assert_eq!(listed["data"][2]["connection"], "entra");
}

#[tokio::test]
async fn what_cannot_be_a_token_is_refused_by_name() {
    let world = World::new().await;
    world.tenant("acme").await;
    for (body, code, word) in [
        (
            json!({ "scopes": ["scim"] }),
            "missing_required",
            "`purpose`",
        ),
        (json!({ "purpose": "x" }), "missing_required", "`scopes`"),
        (
            json!({ "purpose": "x", "scopes": [] }),
            "invalid_value",
            "scopes",
        ),
        (
            json!({ "purpose": "x", "scopes": ["scim:write"] }),
            "invalid_value",
            "scim:write",
        ),
        (
            json!({ "purpose": "x", "scopes": ["scim", "admin"] }),
            "invalid_value",
            "mixes",
        ),
        (
            json!({ "purpose": "x", "scopes": ["admin"], "connection": "okta" }),
            "invalid_value",
            "connection",
        ),
        (
            json!({ "purpose": "x", "scopes": ["admin"], "expires": "tomorrow" }),
            "invalid_value",
            "expires",
        ),
        (
            json!({ "purpose": "x", "scopes": ["admin"], "expires": "2020-01-01T00:00:00Z" }),
            "invalid_value",
            "past",
        ),
        (
            json!({ "purpose": "x", "scopes": ["admin"], "addresses": ["10.0.0.0/33"] }),
            "invalid_value",
            "10.0.0.0/33",
        ),
        (
            json!({ "purpose": 7, "scopes": ["admin"] }),
            "invalid_value",
            "purpose",
        ),
        (
            json!({ "purpose": "x", "scopes": ["scim"], "profile": "oktta" }),
            "invalid_value",
            "oktta",
        ),
        (
            json!({ "purpose": "x", "scopes": ["scim"], "tenant": "globex" }),
            "invalid_value",
            "`tenant`",
        ),
    ] {
        let message = create(&world, body).await.refused(400, code);
        assert!(message.contains(word), "{message}");
    }
    // Nothing was made on the way.
    let listed = world
        .get(&world.operator, "/tenants/acme/connections")
        .await
        .expect(200);
    assert_eq!(listed["data"], json!([]));
}

#[tokio::test]
async fn only_ids_of_tokens_are_ids_of_tokens() {
    let world = World::new().await;
    world.tenant("acme").await;
    create(&world, scim(json!({}))).await.expect(201);
    for id in [
        "1",
        "tok_",
        "tok_01",
        "tok_-1",
        "tok_+1",
        "tok_1x",
        "tok_99999999999999999999",
        "TOK_1",
    ] {
        let path = format!("{PATH}/{id}");
        world
            .call("DELETE", &path, Some(&world.operator), None)
            .await
            .refused(404, "not_found");
    }
}
