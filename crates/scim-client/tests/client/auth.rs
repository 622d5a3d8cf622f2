//! Credentials: what is sent, and that nobody sees them.

use scim_client::{Auth, Client, Error, Query, Reach, Request, Retry};
use serde_json::json;

use crate::server::{Server, answer};

#[tokio::test]
async fn every_mode_has_its_header() {
    let server = Server::with([]).await;
    for (auth, header) in [
        (Auth::bearer(" t \n"), Some("Bearer t")),
        (Auth::raw("t"), Some("t")),
        (Auth::basic("u", "p:ü"), Some("Basic dTpwOsO8")),
        (Auth::None, None),
    ] {
        assert!(!format!("{auth:?}").contains("Bearer"), "{auth:?}");
        let client = Client::new(&server.base(), auth).unwrap();
        client.send(&Request::get("/Users")).await.unwrap();
        assert_eq!(
            server.asked().last().unwrap().header("authorization"),
            header
        );
    }
}

#[tokio::test]
async fn a_fetched_token_is_kept_and_fetched_anew_when_it_is_refused() {
    let grant = |token: &str| answer(200, json!({ "access_token": token, "expires_in": 3600 }));
    let empty = || answer(200, json!({ "totalResults": 0, "Resources": [] }));
    let answers = [
        grant("one"),
        empty(),
        empty(),
        answer(401, json!(null)),
        grant("two"),
        empty(),
    ];
    let server = Server::with(answers).await;
    let token_url = format!("http://{}/token", server.address);
    let auth = Auth::client_credentials(token_url, "id:x", "s ecret", Some("scim".to_owned()));
    let client = server.builder(auth).build().unwrap();
    for _ in 0..3 {
        client.users().search(&Query::all()).await.unwrap();
    }
    let asked = server.asked();
    let paths: Vec<&str> = asked.iter().map(|asked| asked.uri.path()).collect();
    let users = "/scim/v2/Users";
    assert_eq!(paths, ["/token", users, users, users, "/token", users]);
    assert_eq!(
        asked[0].header("authorization"),
        Some("Basic aWQlM0F4OnMrZWNyZXQ=")
    );
    assert_eq!(asked[0].body, "grant_type=client_credentials&scope=scim");
    assert_eq!(asked[2].header("authorization"), Some("Bearer one"));
    assert_eq!(asked[5].header("authorization"), Some("Bearer two"));
}

#[tokio::test]
async fn a_refused_grant_says_what_the_server_said() {
    let server = Server::with([answer(400, json!({ "error": "invalid_client" }))]).await;
    let token_url = format!("http://{}/token", server.address);
    let auth = Auth::client_credentials(token_url, "id", "top-secret", None);
    let client = server.builder(auth).build().unwrap();
    let error = client.users().get("7").await.unwrap_err();
    assert!(matches!(error, Error::Token(_)), "{error:?}");
    let error = error.to_string();
    assert!(error.contains("invalid_client"), "{error}");
    assert!(!error.contains("top-secret"), "{error}");
    assert_eq!(server.asked().len(), 1, "nothing is sent without a token");
}

#[tokio::test]
async fn a_token_endpoint_that_is_not_there_is_no_refusal() {
    let server = Server::with([]).await;
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let token_url = format!("http://{}/token", free.local_addr().unwrap());
    drop(free);
    let auth = Auth::client_credentials(token_url.clone(), "id", "top-secret", None);
    let client = server.builder(auth).retry(Retry::NEVER).build().unwrap();
    let error = client.users().get("7").await.unwrap_err();
    match &error {
        Error::Connect { reason, .. } => assert!(reason.contains(&token_url), "{reason}"),
        other => panic!("{other:?}"),
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a_token_endpoint_in_a_private_network_is_told_as_such() {
    let server = Server::with([]).await;
    let token_url = format!("http://localhost:{}/token", server.address.port());
    let auth = Auth::client_credentials(token_url, "id", "top-secret", None);
    let client = Client::builder("https://scim.example.com", auth)
        .reach(Reach::Public)
        .retry(Retry::NEVER)
        .build()
        .unwrap();
    let error = client.users().get("7").await.unwrap_err();
    assert!(matches!(error, Error::PrivateAddress { .. }), "{error:?}");
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn what_was_sent_is_masked_in_what_the_server_says() {
    // The longest life there is must not be added to a time as it stands.
    let grant = json!({ "access_token": "t0ken", "expires_in": u64::MAX });
    let server = Server::with([answer(200, grant), answer(404, json!({}))]).await;
    let token_url = format!("http://{}/token", server.address);
    let auth = Auth::client_credentials(token_url, "id", "top secret", None);
    let client = server.builder(auth).build().unwrap();
    client.users().get("7").await.unwrap_err();
    assert_eq!(
        client.redact("Bearer t0ken, top secret, top+secret, aWQ6dG9wK3NlY3JldA=="),
        "Bearer [secret], [secret], [secret], [secret]"
    );
}

#[tokio::test]
async fn a_grant_without_end_is_not_read_to_its_end() {
    let long = json!({ "access_token": "x".repeat(1 << 20) });
    let server = Server::with([answer(200, long)]).await;
    let token_url = format!("http://{}/token", server.address);
    let auth = Auth::client_credentials(token_url, "id", "top-secret", None);
    let client = server.builder(auth).build().unwrap();
    let error = client.users().get("7").await.unwrap_err().to_string();
    assert!(error.contains("longer than 262144 bytes"), "{error}");
}
