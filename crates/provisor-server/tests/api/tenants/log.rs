//! `/tenants/{key}/log`.

use provisor_store::{
    Cause, RequestId, Scope, TenantId,
    log::{Body, Entry, Operation},
};
use serde_json::{Value, json};

use crate::world::{NOW, World};

const PATH: &str = "/tenants/acme/log";

/// Records a POST of a user by name, answered with this status; answers the request's id.
fn record(world: &World, tenant: TenantId, age: i64, name: &str, status: u16) -> RequestId {
    let request = RequestId::random();
    let body = json!({ "userName": name, "password": "hunter2" }).to_string();
    world.log.record(Entry {
        tenant: Some(tenant),
        method: "POST".into(),
        path: "/scim/v2/Users".into(),
        client: "Okta SCIM Client 1.0.0".into(),
        resource_type: Some("User".into()),
        cause: (status == 409).then_some(Cause::Uniqueness),
        request_body: Body::new(body.as_bytes(), 16 << 10),
        names: vec![name.to_owned()],
        ..Entry::new(request, NOW - age, Operation::Create, status)
    });
    request
}

fn ids(page: &Value) -> Vec<String> {
    let entries = page["data"].as_array().unwrap().iter();
    entries
        .map(|entry| entry["request"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn entries_are_listed_newest_first_and_filtered() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let globex = world.tenant("globex").await;
    let first = record(&world, acme, 3000, "lena@acme.example", 201).to_string();
    let second = record(&world, acme, 2000, "lena@acme.example", 409).to_string();
    let third = record(&world, acme, 1000, "max@acme.example", 201).to_string();
    record(&world, globex, 1500, "lena@acme.example", 201);
    world.log.flush();
    let since = scim::datetime::format_millis(NOW - 2000);
    for (query, expected) in [
        ("", vec![&third, &second, &first]),
        ("?show=errors", vec![&second]),
        ("?show=errors_and_writes", vec![&third, &second, &first]),
        ("?cause=uniqueness", vec![&second]),
        ("?status=201", vec![&third, &first]),
        ("?operation=create", vec![&third, &second, &first]),
        ("?operation=delete", vec![]),
        ("?name=lena@acme.example", vec![&second, &first]),
        (&format!("?since={since}"), vec![&third, &second]),
        (&format!("?until={since}"), vec![&first]),
    ] {
        let page = world
            .get(&world.operator, &format!("{PATH}{query}"))
            .await
            .expect(200);
        assert_eq!(ids(&page).iter().collect::<Vec<_>>(), expected, "{query}");
    }
    let mut path = format!("{PATH}?limit=1");
    let mut walked = Vec::new();
    loop {
        let page = world.get(&world.operator, &path).await.expect(200);
        walked.extend(ids(&page));
        match page["next"].as_str() {
            Some(next) => path = format!("{PATH}?limit=1&after={next}"),
            None => break,
        }
    }
    assert_eq!(walked, [third, second, first]);
}

#[tokio::test]
async fn one_request_is_shown_with_its_bodies_to_its_tenant_only() {
    let world = World::new().await;
    let acme = world.tenant("acme").await;
    let globex = world.tenant("globex").await;
    let request = record(&world, acme, 1000, "lena@acme.example", 409);
    world.log.flush();
    let path = format!("{PATH}/{request}");
    let entry = world.get(&world.operator, &path).await.expect(200);
    assert_eq!(entry["cause"], "uniqueness");
    assert_eq!(entry["request_body"]["kept"], "whole");
    let sent = entry["request_body"]["text"].as_str().unwrap();
    assert!(
        sent.contains("lena@acme.example") && !sent.contains("hunter2"),
        "{sent}"
    );

    let reader = world.token(acme, &[Scope::LogRead]).await;
    let masked = world.get(&reader, &path).await.expect(200);
    assert!(
        !masked.to_string().contains("lena@acme.example"),
        "{masked}"
    );

    let theirs = world.token(globex, &[Scope::Admin]).await;
    let path = format!("/tenants/globex/log/{request}");
    world.get(&theirs, &path).await.refused(404, "not_found");
    for odd in ["req_x", "x", "req_", "%00"] {
        world
            .get(&theirs, &format!("/tenants/globex/log/{odd}"))
            .await
            .refused(404, "not_found");
    }
}

#[tokio::test]
async fn conditions_that_cannot_be_are_named() {
    let world = World::new().await;
    world.tenant("acme").await;
    for (query, word) in [
        ("show=everything", "show"),
        ("operation=frobnicate", "lookup"),
        ("cause=because", "uniqueness"),
        ("status=ok", "status"),
        ("resource=lena", "resource"),
        ("since=yesterday", "since"),
        ("until=1", "until"),
        ("connection=okta", "connection"),
    ] {
        let reply = world.get(&world.operator, &format!("{PATH}?{query}")).await;
        let message = reply.refused(400, "invalid_value");
        assert!(message.contains(word), "{message}");
    }
    for after in ["x", "1", "1-", "-1", "1-x"] {
        let path = format!("{PATH}?after={after}");
        world
            .get(&world.operator, &path)
            .await
            .refused(400, "invalid_cursor");
    }
}
