//! `/healthz`, `/readyz`, `/metrics`, two listeners, and the end.

use std::net::IpAddr;

use crate::{
    house::{Client, House, Plan, user},
    wire::{Reply, Wire},
};
use provisor_server::Settings;
use provisor_store::{Scope, TenantId};

async fn ask(client: &Client, path: &str, headers: &[(&str, &str)]) -> Reply {
    let client = client.at("");
    let mut wire = Wire::open(client.address).await;
    wire.send(client.bytes("GET", path, headers, b"")).await;
    let reply = wire.answer(false).await.unwrap();
    assert!(reply.request_id().starts_with("req_"));
    reply
}

fn text(reply: &Reply) -> String {
    String::from_utf8(reply.bytes.clone()).unwrap()
}

#[tokio::test]
async fn a_server_older_than_its_database_changes_nothing_and_says_why() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    let lena = format!("/Users/{}", client.user("lena").await);
    // As a command of a newer version does beside the server.
    let newer = rusqlite::Connection::open(house.folder.path().join("provisor.db")).unwrap();
    newer
        .execute_batch(
            "INSERT INTO migration SELECT max(version) + 1, 'newer', checksum, at FROM migration",
        )
        .unwrap();
    let refused = client.post("/Users", user("anna")).await;
    refused.expect(503);
    assert!(text(&refused).contains("restarted with the new version"));
    assert!(refused.header("retry-after").is_some());
    assert_eq!(house.cause(&refused), "server_outdated");
    client.get(&lena).await.expect(200);
    assert_eq!(client.ids("/Users").await.len(), 1);
}

#[tokio::test]
async fn health_is_told_to_anybody_and_metrics_to_operators() {
    let house = House::new().await;
    let (tenant, client) = house.tenant("acme").await;
    client.user("lena").await;
    client.get("/Nothing").await.refused(404, "");
    let nobody = client.with_token("");
    let proxied = ("X-Forwarded-For", "203.0.113.9");
    for path in ["/healthz", "/readyz", "/healthz/"] {
        assert_eq!(
            ask(&nobody, path, &[proxied, ("Authorization", "")])
                .await
                .status,
            200
        );
    }
    let shown = ask(&nobody, "/metrics", &[("Authorization", "")]).await;
    let metrics = text(&shown);
    assert_eq!(
        shown.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    for line in [
        "provisor_requests_total{operation=\"create\",status=\"2xx\"} 1",
        "provisor_requests_total{operation=\"list\",status=\"4xx\"} 1",
        "provisor_request_seconds_count 2",
        "# TYPE provisor_request_seconds histogram",
        "provisor_log_dropped_total 0",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    let operator = house.api_token(TenantId::SYSTEM, &[Scope::Admin]).await;
    let admin = house.api_token(tenant.id, &[Scope::Admin]).await;
    let lesser = house.api_token(TenantId::SYSTEM, &[Scope::LogRead]).await;
    // A proxy on this machine does not make its clients local.
    for header in [
        proxied,
        ("Forwarded", "for=203.0.113.9"),
        ("X-Real-IP", "203.0.113.9"),
    ] {
        for (token, status) in [
            (String::new(), 401),
            (client.token.clone(), 401),
            (admin.clone(), 401),
            (lesser.clone(), 401),
            (operator.clone(), 200),
        ] {
            let reply = ask(&client.with_token(&token), "/metrics", &[header]).await;
            assert_eq!(reply.status, status, "{header:?}");
        }
    }
    for path in ["/", "/scimx", "/t/acme", "/metrics/x", "/console"] {
        assert_eq!(ask(&nobody, path, &[]).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn with_a_second_listener_each_serves_its_own() {
    let house = House::build(Plan {
        settings: Settings {
            trusted_proxy: Some(IpAddr::from([127, 0, 0, 1])),
            ..Settings::default()
        },
        admin: true,
        ..Plan::default()
    })
    .await;
    let (_, client) = house.tenant("acme").await;
    let operator = house.api_token(TenantId::SYSTEM, &[Scope::Admin]).await;
    let admin = Client {
        address: house.admin.unwrap(),
        ..client.with_token(operator)
    };
    let public = Client {
        address: house.address,
        ..admin.clone()
    };
    for (path, on_public, on_admin) in [
        ("/scim/v2/Users", 403, 404),
        ("/api/v1/tenants", 404, 200),
        ("/metrics", 404, 200),
        ("/healthz", 200, 200),
        ("/readyz", 200, 200),
    ] {
        assert_eq!(ask(&public, path, &[]).await.status, on_public, "{path}");
        assert_eq!(ask(&admin, path, &[]).await.status, on_admin, "{path}");
    }
    // Whoever reaches the admin listener may see the metrics, also from elsewhere.
    let elsewhere = [("X-Forwarded-For", "203.0.113.9"), ("Authorization", "")];
    assert_eq!(ask(&admin, "/metrics", &elsewhere).await.status, 200);
    client.get("/Users").await.expect(200);
}

#[tokio::test]
async fn a_shutdown_lets_open_requests_finish() {
    let mut house = House::new().await;
    let (tenant, client) = house.tenant("acme").await;
    let body = user("lena").to_string();
    let request = client.bytes("POST", "/Users", &[], body.as_bytes());
    let (first, rest) = request.split_at(request.len() - 40);
    let mut open = Wire::open(house.address).await;
    open.send(first).await;
    // An idle connection that has been served before.
    let mut idle = Wire::open(house.address).await;
    idle.send(client.bytes("GET", "/Users", &[], b"")).await;
    idle.answer(false).await.unwrap().expect(200);
    house.stop();
    assert!(
        idle.answer(false).await.is_none(),
        "idle connections are closed"
    );
    open.send(rest).await;
    let created = open.answer(false).await.unwrap();
    created.check();
    let id = created.expect(201)["id"].as_str().unwrap().to_owned();
    assert!(open.answer(false).await.is_none());
    house.stopped().await;
    assert!(tokio::net::TcpStream::connect(house.address).await.is_err());
    // What was answered is stored, and stands in the log.
    house.logged(&created);
    let mut snapshot = provisor_store::Store::read(&house.store).await.unwrap();
    let kind = snapshot
        .registry(tenant.id)
        .await
        .unwrap()
        .by_name("User")
        .unwrap()
        .clone();
    let stored = snapshot
        .get(tenant.id, &kind, id.parse().unwrap(), false, false)
        .await;
    assert!(stored.unwrap().is_some());
    // When tokens were last used is written down before the end.
    let tokens = snapshot.tokens(tenant.id).await.unwrap();
    assert!(tokens[0].last_used.is_some());
}

#[tokio::test]
async fn when_the_directory_cannot_be_written_the_client_is_told_to_come_again() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    client.user("lena").await;
    house.store.close();
    let reply = client.post("/Users", user("max")).await;
    // ERR-006
    let detail = reply.refused(503, "");
    assert!(detail.contains("Nothing was changed"), "{detail}");
    assert!(reply.header("retry-after").unwrap().parse::<u32>().is_ok());
    assert_eq!(house.cause(&reply), "unavailable");
}
