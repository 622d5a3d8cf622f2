//! `/tokens`.

use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn an_operators_token_reaches_every_tenant_as_far_as_its_scopes_go() {
    let world = World::new().await;
    world.tenant("acme").await;
    world.tenant("globex").await;
    let operator = world.operator.clone();
    let body = json!({ "purpose": "Billing", "scopes": ["events:read"] });
    let reply = world
        .call("POST", "/tokens", Some(&operator), Some(body))
        .await;
    let location = reply.headers["location"].to_str().unwrap().to_owned();
    let issued = reply.expect(201);
    let secret = issued["secret"].as_str().unwrap();
    for key in ["acme", "globex"] {
        world
            .get(secret, &format!("/tenants/{key}/events"))
            .await
            .expect(200);
        world
            .get(secret, &format!("/tenants/{key}/users"))
            .await
            .refused(403, "scope_missing");
    }
    world
        .get(secret, "/tenants/nobody/events")
        .await
        .refused(404, "not_found");
    let listed = world.get(&operator, "/tokens").await.expect(200);
    assert_eq!(listed["data"].as_array().unwrap().len(), 2);
    assert_eq!(listed["data"][1]["purpose"], "Billing");
    let path = location.strip_prefix("/api/v1").unwrap();
    world
        .call("DELETE", path, Some(&operator), None)
        .await
        .expect(200);
    world
        .get(secret, "/tenants/acme/events")
        .await
        .refused(401, "token_unknown");
}

#[tokio::test]
async fn an_operators_token_is_never_for_scim() {
    let world = World::new().await;
    for scope in ["scim", "scim:read"] {
        let body = json!({ "purpose": "x", "scopes": [scope] });
        let reply = world
            .call("POST", "/tokens", Some(&world.operator), Some(body))
            .await;
        assert!(
            reply
                .refused(400, "invalid_value")
                .contains("/tenants/{key}/tokens")
        );
    }
    let body = json!({ "purpose": "x", "scopes": ["admin"], "connection": "okta" });
    let reply = world
        .call("POST", "/tokens", Some(&world.operator), Some(body))
        .await;
    assert!(reply.refused(400, "invalid_value").contains("`connection`"));
}
