//! `/tenants/{key}/schemas`.

use serde_json::{Value, json};

use crate::world::World;

const PATH: &str = "/tenants/acme/schemas";
const URN: &str = "urn:example:params:scim:schemas:Badge";

fn badge(attributes: &[&str]) -> Value {
    let attributes: Vec<_> = attributes
        .iter()
        .map(|name| json!({ "name": name, "type": "string", "multiValued": false }))
        .collect();
    json!({ "id": URN, "name": "Badge", "attributes": attributes })
}

#[tokio::test]
async fn a_schema_and_a_resource_type_are_added_shown_replaced_and_removed() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let operator = Some(world.operator.as_str());
    let reply = world
        .call("POST", PATH, operator, Some(badge(&["number"])))
        .await;
    assert_eq!(
        reply.headers["location"],
        format!("/api/v1/tenants/acme/schemas/{URN}")
    );
    assert_eq!(reply.expect(201), badge(&["number"]));
    world
        .call("POST", PATH, operator, Some(badge(&["x"])))
        .await
        .refused(409, "uniqueness");
    let device = json!({
        "id": "Device", "name": "Device", "endpoint": "/Devices", "schema": URN
    });
    world
        .call("POST", PATH, operator, Some(device.clone()))
        .await
        .expect(201);
    assert_eq!(
        world
            .get(&world.operator, &format!("{PATH}/Device"))
            .await
            .expect(200),
        device
    );
    let shown = world
        .get(&world.operator, &format!("{PATH}/{}", URN.to_lowercase()))
        .await;
    assert_eq!(shown.expect(200), badge(&["number"]));
    let replaced = world
        .call(
            "PUT",
            &format!("{PATH}/{URN}"),
            operator,
            Some(badge(&["number", "code"])),
        )
        .await;
    assert_eq!(replaced.expect(200), badge(&["number", "code"]));
    let registry = world
        .store
        .read()
        .await
        .unwrap()
        .registry(acme)
        .await
        .unwrap();
    assert!(registry.schema(URN).unwrap().attribute("code").is_some());
    assert!(registry.by_endpoint("Devices").is_some());
    let page = world
        .get(&world.operator, &format!("{PATH}?limit=1"))
        .await
        .expect(200);
    assert_eq!(page["data"], json!([device]));
    assert_eq!(page["next"], "Device");
    let page = world
        .get(&world.operator, &format!("{PATH}?after=Device"))
        .await
        .expect(200);
    assert_eq!(page["data"], json!([badge(&["number", "code"])]));

    let in_use = world
        .call("DELETE", &format!("{PATH}/{URN}"), operator, None)
        .await;
    assert!(
        in_use.status == 409 || in_use.status == 400,
        "{}",
        in_use.body
    );
    for name in ["Device", URN] {
        let path = format!("{PATH}/{name}");
        assert_eq!(
            world
                .call("DELETE", &path, operator, None)
                .await
                .expect(204),
            Value::Null
        );
        world
            .get(&world.operator, &path)
            .await
            .refused(404, "not_found");
        world
            .call("DELETE", &path, operator, None)
            .await
            .refused(404, "not_found");
    }
}

#[tokio::test]
async fn put_adds_what_is_not_there_and_does_not_rename() {
    let world = World::new().await;
    world.tenant("acme").await;
    let operator = Some(world.operator.as_str());
    let path = format!("{PATH}/{URN}");
    world
        .call("PUT", &path, operator, Some(badge(&["number"])))
        .await
        .expect(201);
    let elsewhere = format!("{PATH}/urn:example:other");
    let message = world
        .call("PUT", &elsewhere, operator, Some(badge(&["number"])))
        .await;
    assert!(message.refused(400, "invalid_value").contains(URN));
}

#[tokio::test]
async fn what_is_no_schema_is_refused_by_name() {
    let world = World::new().await;
    world.tenant("acme").await;
    let mut typo = badge(&["number"]);
    typo["attributes"][0]["type"] = "strnig".into();
    let builtin = json!({
        "id": "urn:ietf:params:scim:schemas:core:2.0:User", "name": "User", "attributes": []
    });
    for (body, word) in [
        (json!({}), "id"),
        (json!({ "name": "Badge" }), "id"),
        (json!({ "endpoint": "/Devices" }), "name"),
        (typo, "number"),
        (
            json!({ "name": "Device", "endpoint": "/Devices", "schema": "urn:none" }),
            "urn:none",
        ),
        (builtin, "User"),
    ] {
        let reply = world
            .call("POST", PATH, Some(&world.operator), Some(body))
            .await;
        assert!(matches!(reply.status.as_u16(), 400 | 409), "{}", reply.body);
        let message = reply.body["error"]["message"].as_str().unwrap();
        assert!(message.contains(word), "{message}");
    }
}
