//! Who may ask, and what everybody else hears.

use provisor_server::Settings;
use provisor_store::{Change, Scope, TenantId, change::ConnectionSettings};
use serde_json::json;

use crate::house::{House, NOW, user};

#[tokio::test]
async fn without_good_credentials_every_endpoint_answers_401_and_the_scheme() {
    let house = House::with(Settings {
        failed_authentication_limit: None,
        ..Settings::default()
    })
    .await;
    let (_, client) = house.tenant("acme").await;
    let good = client.token.clone();
    let bad = format!("{}AAAA", &good[..good.len() - 4]);
    let cases: [(String, &str, &str); 9] = [
        (String::new(), "no_credentials", r#"Bearer realm="scim""#),
        ("Bearer".into(), "no_credentials", r#"Bearer realm="scim""#),
        (format!("Basic {good}"), "scheme_wrong", "invalid_token"),
        (format!("Bearer {bad}"), "token_unknown", "invalid_token"),
        ("Bearer x".into(), "token_unknown", "invalid_token"),
        ("Bearer pvr_scim_".into(), "token_unknown", "invalid_token"),
        (format!("Bearer {good} x"), "token_unknown", "invalid_token"),
        (
            format!("Bearer {good},{good}"),
            "token_unknown",
            "invalid_token",
        ),
        (
            format!("Digest username=\"{good}\""),
            "scheme_wrong",
            "invalid_token",
        ),
    ];
    for (value, cause, challenge) in cases {
        // AUTH-001, AUTH-002, AUTH-004
        for (method, path) in [
            ("GET", "/Users"),
            ("POST", "/Users"),
            ("PATCH", "/Groups/x"),
            ("DELETE", "/Users/x"),
            ("POST", "/Bulk"),
            ("POST", "/.search"),
            ("GET", "/ServiceProviderConfig"),
            ("GET", "/Me"),
            ("GET", "/Nothing/at/all"),
            ("BREW", "/Users"),
        ] {
            let reply = client
                .send(method, path, &[("Authorization", &value)], b"")
                .await;
            reply.refused(401, "");
            let header = reply.header("www-authenticate").unwrap();
            assert!(
                header.starts_with("Bearer realm") && header.contains(challenge),
                "{header}"
            );
            assert_eq!(house.cause(&reply), cause, "{value}");
        }
    }
    let twice = [
        ("Authorization", format!("Bearer {good}")),
        ("authorization", format!("Bearer {good}")),
    ];
    let twice: Vec<_> = twice
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    client
        .send("GET", "/Users", &twice, b"")
        .await
        .refused(401, "");
    let cookie = format!("session={good}; token={good}");
    let reply = client
        .send(
            "GET",
            &format!("/Users?access_token={good}"),
            &[("Authorization", ""), ("Cookie", &cookie)],
            b"",
        )
        .await;
    reply.refused(401, "");
}

#[tokio::test]
async fn the_header_is_read_in_the_forms_that_identity_providers_send() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    let token = &client.token;
    for (value, loose) in [
        (format!("Bearer {token}"), false),
        // AUTH-008
        (format!("bearer {token}"), false),
        (format!("BEARER  {token}"), false),
        (format!("Bearer Bearer {token}"), true),
        (token.clone(), true),
    ] {
        let reply = client
            .send("GET", "/Users", &[("Authorization", &value)], b"")
            .await;
        reply.expect(200);
        let fired = house.logged(&reply).entry.fired;
        let noted = fired
            .notes
            .iter()
            .any(|(rule, _)| rule.as_str() == "loose_authorization");
        assert_eq!(noted, loose);
    }
}

#[tokio::test]
async fn tokens_end_by_expiry_revocation_and_address_with_one_and_the_same_answer() {
    let house = House::new().await;
    let (tenant, client) = house.tenant("acme").await;
    // AUTH-007
    assert_eq!(client.token.len(), "pvr_scim_".len() + 65);
    let link = Some(tenant.connection);
    let (short, _) = house
        .token_like(tenant.id, link, &[Scope::Scim], |token| {
            token.expires = Some(NOW + 60_000)
        })
        .await;
    let (away, _) = house
        .token_like(tenant.id, link, &[Scope::Scim], |token| {
            token.addresses = vec!["10.0.0.0/8".into()];
        })
        .await;
    let (here, revoked) = house
        .token_like(tenant.id, link, &[Scope::Scim], |token| {
            token.addresses = vec!["127.0.0.0/8".into()];
        })
        .await;
    client.with_token(&short).get("/Users").await.expect(200);
    client.with_token(&here).get("/Users").await.expect(200);
    house.pass(60_000);
    house
        .write(tenant.id, Change::RevokeToken { id: revoked })
        .await;
    let mut texts = Vec::new();
    for (token, cause) in [
        (short, "token_expired"),
        (away, "address_not_allowed"),
        (here, "token_revoked"),
        (format!("{}AAAAAA", &client.token[..68]), "token_unknown"),
    ] {
        let reply = client.with_token(token).get("/Users").await;
        // AUTH-002
        let detail = reply.refused(401, "");
        assert_eq!(house.cause(&reply), cause);
        texts.push(detail.replace(reply.request_id(), ""));
        let mut headers = reply.headers.clone();
        headers.retain(|(name, _)| !["x-request-id", "date"].contains(&name.as_str()));
        texts.push(format!("{headers:?}"));
    }
    for pair in texts.chunks(2) {
        assert_eq!(pair, &texts[..2]);
    }
}

#[tokio::test]
async fn a_reading_token_reads_and_does_nothing_else() {
    let house = House::new().await;
    let (tenant, writer) = house.tenant("acme").await;
    let id = writer.user("lena").await;
    let (token, _) = house.token(&tenant, &[Scope::ScimRead]).await;
    let reader = writer.with_token(token);
    let search = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"] });
    reader.get("/Users").await.expect(200);
    reader.get(&format!("/Users/{id}")).await.expect(200);
    reader.get("/Schemas").await.expect(200);
    reader.post("/Users/.search", search).await.expect(200);
    let path = format!("/Users/{id}");
    // AUTH-003, AUTH-011, BULK-024
    for reply in [
        reader.post("/Users", user("max")).await,
        reader.put(&path, user("lena")).await,
        reader.patch(&path, json!([])).await,
        reader.delete(&path).await,
        reader.post("/Bulk", json!({})).await,
    ] {
        reply.refused(403, "");
        assert_eq!(house.cause(&reply), "scope_missing");
    }
    let api = house.api_token(tenant.id, &[Scope::Admin]).await;
    let operator = house.api_token(TenantId::SYSTEM, &[Scope::Admin]).await;
    for token in [api, operator] {
        let reply = writer.with_token(token).get("/Users").await;
        reply.refused(403, "");
        assert_eq!(house.cause(&reply), "scope_missing");
    }
    assert_eq!(writer.ids("/Users").await, [id]);
}

#[tokio::test]
async fn a_paused_connection_asks_to_come_again_and_a_suspended_tenant_refuses() {
    let house = House::new().await;
    let (tenant, client) = house.tenant("acme").await;
    let paused = |paused| ConnectionSettings {
        paused: Some(paused),
        ..ConnectionSettings::default()
    };
    house.set(&tenant, paused(true)).await;
    for reply in [
        client.post("/Users", user("lena")).await,
        client.get("/Users").await,
    ] {
        reply.refused(503, "");
        assert_eq!(reply.header("retry-after"), Some("300"));
        let entry = house.logged(&reply).entry;
        assert_eq!(entry.cause.unwrap().as_str(), "connection_paused");
        assert_eq!(entry.connection, Some(tenant.connection));
    }
    house.set(&tenant, paused(false)).await;
    client.user("lena").await;
    let suspend = |suspended| Change::SetTenant {
        name: None,
        suspended: Some(suspended),
    };
    house.write(tenant.id, suspend(true)).await;
    let reply = client.get("/Users").await;
    reply.refused(403, "");
    assert_eq!(house.cause(&reply), "tenant_suspended");
    house.write(tenant.id, suspend(false)).await;
    assert_eq!(client.ids("/Users").await.len(), 1);
}

#[tokio::test]
async fn a_rate_limit_counts_per_token() {
    let house = House::with(Settings {
        rate_limit: Some(5),
        ..Settings::default()
    })
    .await;
    let (tenant, client) = house.tenant("acme").await;
    let (other, _) = house.token(&tenant, &[Scope::Scim]).await;
    // A new second.
    house.pass(1000 - NOW % 1000);
    let mut statuses = Vec::new();
    for _ in 0..8 {
        let reply = client.get("/Users").await;
        if reply.status == 429 {
            // AUTH-012
            let wait: i64 = reply.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=2).contains(&wait));
            reply.refused(429, "");
            assert_eq!(house.cause(&reply), "rate_limited");
        }
        statuses.push(reply.status);
    }
    assert_eq!(statuses, [200, 200, 200, 200, 200, 429, 429, 429]);
    client.with_token(other).get("/Users").await.expect(200);
    house.pass(1000);
    client.get("/Users").await.expect(200);
}

#[tokio::test]
async fn wrong_tokens_are_limited_per_address_and_right_ones_still_served() {
    let house = House::with(Settings {
        failed_authentication_limit: Some(5),
        ..Settings::default()
    })
    .await;
    let (_, client) = house.tenant("acme").await;
    let stranger = client.with_token("guess");
    let mut statuses = Vec::new();
    for _ in 0..8 {
        let reply = stranger.get("/Users").await;
        if reply.status == 429 {
            let wait: i64 = reply.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=60).contains(&wait));
        }
        statuses.push(reply.status);
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429, 429]);
    // All tenants of one identity provider share its addresses: one stale token must not stop them.
    client.get("/Users").await.expect(200);
    house.pass(60_000);
    stranger.get("/Users").await.refused(401, "");
}
