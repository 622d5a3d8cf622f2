//! Requests that no honest client sends, and the mistakes that honest ones make.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{body::Body, http::Request};
use http_body_util::{BodyExt, Limited};
use provisor_server::{Settings, api::ServerUrl};
use serde_json::json;

use crate::world::{Reply, World};

async fn post(world: &World, content_type: Option<&str>, body: impl Into<Body>) -> Reply {
    let mut request = Request::builder()
        .method("POST")
        .uri("/api/v1/tenants")
        .header("authorization", format!("Bearer {}", world.operator));
    if let Some(content_type) = content_type {
        request = request.header("content-type", content_type);
    }
    world.send(request.body(body.into()).unwrap()).await
}

#[tokio::test]
async fn bodies_that_are_no_json_object() {
    let world = World::new().await;
    let deep = "[".repeat(10_000);
    for body in [
        &b""[..],
        b"{",
        b"[]",
        b"null",
        b"\"acme\"",
        b"{\"key\":\"a\",\"key\":\"b\"}",
        b"{\"key\":\"a\",\"KEY\":\"b\"}",
        b"{\"key\":\"a\\u0000\"}",
        b"{\"key\":\"\\ud800\"}",
        b"{\"key\":\"\xff\"}",
        b"{\"key\":\"a\"} {}",
        deep.as_bytes(),
    ] {
        let reply = post(&world, Some("application/json"), body.to_vec()).await;
        reply.refused(400, "invalid_syntax");
    }
}

#[tokio::test]
async fn members_that_are_unknown_missing_or_of_a_wrong_type_are_named() {
    let world = World::new().await;
    for (body, code, word) in [
        (json!({}), "missing_required", "`key`"),
        (json!({ "key": null }), "invalid_value", "key"),
        (json!({ "key": 7 }), "invalid_value", "key"),
        (
            json!({ "key": "acme", "name": {} }),
            "invalid_value",
            "name",
        ),
        (
            json!({ "key": "acme", "nmae": "x" }),
            "invalid_value",
            "`nmae`",
        ),
        (json!({ "Key": "acme" }), "invalid_value", "`Key`"),
    ] {
        let reply = post(&world, Some("application/json"), body.to_string()).await;
        let message = reply.refused(400, code);
        assert!(message.contains(word), "{message}");
    }
}

#[tokio::test]
async fn a_body_must_be_declared_as_json() {
    let world = World::new().await;
    for (at, content_type) in [
        "application/json",
        "application/json; charset=utf-8",
        "APPLICATION/JSON",
        "application/scim+json",
    ]
    .into_iter()
    .enumerate()
    {
        let body = json!({ "key": format!("acme{at}") }).to_string();
        post(&world, Some(content_type), body).await.expect(201);
    }
    for content_type in [
        None,
        Some("application/x-www-form-urlencoded"),
        Some("text/plain"),
        Some("application/jsonx"),
        Some(""),
    ] {
        let reply = post(&world, content_type, "{\"key\":\"x\"}").await;
        assert!(
            reply
                .refused(415, "unsupported_media_type")
                .contains("application/json")
        );
    }
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_before_it_is_held() {
    let settings = Settings {
        max_body: 1000,
        ..Settings::default()
    };
    let world = World::with(settings).await;
    let body = json!({ "key": "acme", "name": "x".repeat(2000) }).to_string();
    let limited = Limited::new(Body::from(body.clone()), 1000).map_err(axum::Error::new);
    for body in [Body::from(body), Body::new(limited)] {
        let reply = post(&world, Some("application/json"), body).await;
        let message = reply.refused(413, "payload_too_large");
        assert!(message.contains("1000"), "{message}");
    }
}

#[tokio::test]
async fn a_body_that_never_comes_is_refused() {
    let settings = Settings {
        body_timeout: Duration::from_millis(20),
        ..Settings::default()
    };
    let world = World::with(settings).await;
    let reply = post(&world, Some("application/json"), Body::new(Pending)).await;
    reply.refused(408, "invalid_syntax");
}

/// A body whose client has gone quiet.
struct Pending;

impl hyper::body::Body for Pending {
    type Data = bytes::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Self::Data>, Self::Error>>> {
        Poll::Pending
    }
}

/// Without `public_url`, links begin with how the client sees the server.
#[tokio::test]
async fn links_begin_with_the_address_the_client_uses() {
    let world = World::with(Settings::default()).await;
    world.tenant("acme").await;
    let ask = || {
        Request::builder()
            .uri("/api/v1/tenants/acme")
            .header("authorization", format!("Bearer {}", world.operator))
    };
    let proxied = ServerUrl("https://scim.example.com".into());
    for (request, start) in [
        (ask(), "http://localhost/t/"),
        (
            ask().header("host", "127.0.0.1:7070"),
            "http://127.0.0.1:7070/t/",
        ),
        (
            ask().header("host", "inner").extension(proxied),
            "https://scim.example.com/t/",
        ),
    ] {
        let tenant = world
            .send(request.body(Body::empty()).unwrap())
            .await
            .expect(200);
        assert!(
            tenant["scim_url"].as_str().unwrap().starts_with(start),
            "{tenant}"
        );
    }
}

#[tokio::test]
async fn query_parameters_that_are_unknown_or_unusable_are_named() {
    let world = World::new().await;
    world.tenant("acme").await;
    for (path, word) in [
        ("users?filter=userName%20pr", "`filter`"),
        ("users?limit=0", "limit"),
        ("users?limit=1001", "1000"),
        ("users?limit=-1", "limit"),
        ("users?limit=1&limit=2", "limit"),
        ("users?limit=ten", "limit"),
        ("events?after=-1", "after"),
        ("events?after=x", "after"),
        ("events?after=99999999999999999999", "after"),
        ("events?type=user.created", "`type`"),
    ] {
        let reply = world
            .get(&world.operator, &format!("/tenants/acme/{path}"))
            .await;
        let message = reply.refused(400, "invalid_value");
        assert!(message.contains(word), "{path}: {message}");
    }
    for path in [
        "users?after=x",
        "teams?after=1",
        "tokens?after=1",
        "connections?after=okta",
    ] {
        let reply = world
            .get(&world.operator, &format!("/tenants/acme/{path}"))
            .await;
        reply.refused(400, "invalid_cursor");
    }
    let long = "x".repeat(60_000);
    let path = format!("/tenants/acme/users?email={long}");
    assert!(
        world
            .get(&world.operator, &path)
            .await
            .status
            .is_client_error()
    );
}

#[tokio::test]
async fn authorization_is_one_bearer_token_and_nothing_else() {
    let world = World::new().await;
    let good = world.operator.clone();
    for (header, code) in [
        (String::new(), "scheme_wrong"),
        (good.clone(), "scheme_wrong"),
        (format!("Token {good}"), "scheme_wrong"),
        ("Basic dXNlcjpwYXNz".into(), "scheme_wrong"),
        ("Bearer".into(), "token_unknown"),
        ("Bearer ".into(), "token_unknown"),
        ("Bearer x".into(), "token_unknown"),
        (format!("Bearer Bearer {good}"), "token_unknown"),
        (format!("Bearer {good}x"), "token_unknown"),
        (
            format!("Bearer {}", "pvr_api_".repeat(5000)),
            "token_unknown",
        ),
    ] {
        let request = Request::builder()
            .uri("/api/v1/tenants")
            .header("authorization", &header);
        let reply = world.send(request.body(Body::empty()).unwrap()).await;
        reply.refused(401, code);
    }
    let request = Request::builder()
        .uri("/api/v1/tenants")
        .header("authorization", format!("bearer  {good}"));
    world
        .send(request.body(Body::empty()).unwrap())
        .await
        .expect(200);
    let request = Request::builder()
        .uri("/api/v1/tenants")
        .header("authorization", format!("Bearer {good}"))
        .header("authorization", format!("Bearer {good}"));
    let twice = world.send(request.body(Body::empty()).unwrap()).await;
    twice.refused(401, "no_credentials");
    let request = Request::builder()
        .uri(format!("/api/v1/tenants?token={good}"))
        .header("cookie", format!("session={good}; token={good}"));
    let cookie = world.send(request.body(Body::empty()).unwrap()).await;
    cookie.refused(401, "no_credentials");
}

#[tokio::test]
async fn unknown_routes_and_methods() {
    let world = World::new().await;
    for path in [
        "/nothing",
        "/tenants/acme/nothing",
        "/tenants/a/users/b/c",
        "",
        "/tenants/%ff",
    ] {
        world
            .get(&world.operator, path)
            .await
            .refused(404, "not_found");
    }
    for (method, path, allow) in [
        ("PUT", "/tenants", "GET, POST, HEAD"),
        ("POST", "/tenants/acme/events", "GET, HEAD"),
        ("GET", "/tokens/tok_1", "DELETE"),
        ("OPTIONS", "/tenants", "GET, POST, HEAD"),
        ("BREW", "/tenants", "GET, POST, HEAD"),
    ] {
        let reply = world.call(method, path, Some(&world.operator), None).await;
        assert_eq!(reply.headers["allow"], allow);
        reply.refused(405, "method_not_allowed");
    }
    let head = world.call("HEAD", "/openapi.json", None, None).await;
    assert_eq!(head.status, 200);
}
