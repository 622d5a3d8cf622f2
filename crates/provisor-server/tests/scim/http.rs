//! Methods, media types, paths and proxies: what HTTP itself asks of a server.

use std::net::IpAddr;

use provisor_server::Settings;
use serde_json::json;

use crate::{
    house::{House, user},
    wire::Wire,
};

#[tokio::test]
async fn each_endpoint_knows_its_methods_and_names_them() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    let id = client.user("lena").await;
    let one = format!("/Users/{id}");
    for (path, allow) in [
        ("", "GET, HEAD, OPTIONS"),
        ("/Users", "GET, HEAD, POST, OPTIONS"),
        (&one, "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"),
        ("/Bulk", "POST, OPTIONS"),
        ("/.search", "POST, OPTIONS"),
        ("/Groups/.search", "POST, OPTIONS"),
        ("/Schemas", "GET, HEAD, OPTIONS"),
    ] {
        // HTTP-028
        let options = client
            .send("OPTIONS", path, &[("Authorization", "")], b"")
            .await;
        assert_eq!(
            (options.status, options.header("allow")),
            (204, Some(allow))
        );
        for method in [
            "GET", "POST", "PUT", "PATCH", "DELETE", "BREW", "TRACE", "get",
        ] {
            if allow.split(", ").any(|known| known == method) {
                continue;
            }
            let reply = client.json(method, path, &[], &json!({})).await;
            // HTTP-005, DEL-009
            let detail = reply.refused(405, "");
            assert_eq!(reply.header("allow"), Some(allow));
            assert!(
                detail.contains(method) && detail.contains(allow),
                "{detail}"
            );
            assert_eq!(house.cause(&reply), "method_not_allowed");
        }
        if allow.contains("GET") {
            let get = client.get(path).await;
            let head = client.send("HEAD", path, &[], b"").await;
            let same = |name| {
                (
                    get.header(name).map(str::to_owned),
                    head.header(name).map(str::to_owned),
                )
            };
            assert_eq!(head.status, get.status);
            for name in [
                "content-type",
                "content-length",
                "etag",
                "location",
                "cache-control",
            ] {
                let (get, head) = same(name);
                assert_eq!(get, head, "{name}");
            }
        }
    }
    let missing = client.send("HEAD", "/Users/x", &[], b"").await;
    assert_eq!(
        (missing.status, missing.header("content-type").is_some()),
        (404, true)
    );
}

#[tokio::test]
async fn unknown_endpoints_are_404_with_the_base_url() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    for path in [
        "/User",
        "/Persons",
        "/Users/Users/x",
        "/Users/a/b/c/d",
        "/%zz",
        "/Users/%ff",
        "/Groups/a/b",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            let reply = client.json(method, path, &[], &json!({})).await;
            // HTTP-006
            reply.refused(404, "");
            assert_eq!(house.cause(&reply), "base_url_wrong", "{method} {path}");
        }
    }
    let detail = client.get("/User").await.refused(404, "");
    assert!(detail.contains("http://scim.test/scim/v2"), "{detail}");
}

#[tokio::test]
async fn slashes_are_folded_and_percent_encoding_is_decoded_once() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    let id = client.user("lena").await;
    let encoded: String = id.bytes().map(|byte| format!("%{byte:02x}")).collect();
    // HTTP-029, HTTP-030, HTTP-015
    for path in [
        format!("/Users/{id}/"),
        format!("//Users///{id}"),
        format!("/Users/{id}?"),
        format!("/Users/{id}?&"),
        format!("/Users/{encoded}"),
        format!("/%55sers/{id}"),
        format!("/Users/{id}.scim"),
    ] {
        assert_eq!(client.get(&path).await.expect(200)["id"], id, "{path}");
    }
    let twice: String = encoded.replace('%', "%25");
    client
        .get(&format!("/Users/{twice}"))
        .await
        .refused(404, "");
    for path in [
        "/Users?",
        "/Users/?",
        "/Users?&",
        "/Users?count=5&",
        "/Users?&&count=5",
        // HTTP-021
        "/Users?unknown=1&access=x",
        "/Users?filter=userName+eq+%22lena%22",
        "/Users?filter=userName%20eq%20%22lena%22&",
        "?filter=userName%20eq%20%22lena%22",
        "/?filter=userName%20eq%20%22lena%22",
    ] {
        assert_eq!(client.ids(path).await, [id.as_str()], "{path}");
    }
    let twice = client
        .get("/Users?filter=userName%2520eq%2520%2522lena%2522")
        .await;
    twice.refused(400, "invalidFilter");
    let plus = client.post("/Users", user("a+b")).await.expect(201);
    let found = client
        .ids("/Users?filter=userName%20eq%20%22a%2Bb%22")
        .await;
    assert_eq!(found, [plus["id"].as_str().unwrap()]);
}

#[tokio::test]
async fn media_types_are_those_of_scim_and_json() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    for (at, content_type) in [
        "application/scim+json",
        "application/json",
        "application/scim+json; charset=utf-8",
        "Application/JSON;charset=\"UTF-8\"",
        "",
    ]
    .into_iter()
    .enumerate()
    {
        let body = user(&format!("user{at}")).to_string();
        let headers = [("Content-Type", content_type)];
        // HTTP-007, HTTP-008, HTTP-009, HTTP-016
        client
            .send("POST", "/Users", &headers, body.as_bytes())
            .await
            .expect(201);
    }
    let body = user("x").to_string();
    for (name, value) in [
        ("Content-Type", "text/plain"),
        ("Content-Type", "application/xml"),
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Content-Type", "application/json; charset=utf-16"),
        ("Content-Encoding", "gzip"),
        ("Content-Encoding", "br"),
    ] {
        let reply = client
            .send("POST", "/Users", &[(name, value)], body.as_bytes())
            .await;
        // HTTP-014
        let detail = reply.refused(415, "");
        assert!(detail.contains(value), "{detail}");
        assert_eq!(house.cause(&reply), "unsupported_media_type");
    }
    for accept in [
        "application/scim+json",
        "application/json",
        "*/*",
        "application/*",
        "text/html, */*;q=0.1",
    ] {
        // HTTP-010, HTTP-011, HTTP-012
        client
            .send("GET", "/Users", &[("Accept", accept)], b"")
            .await
            .expect(200);
    }
    for accept in ["text/html", "application/xml", "application/scim+json;q=0"] {
        // HTTP-013
        let reply = client
            .send("GET", "/Users", &[("Accept", accept)], b"")
            .await;
        reply.refused(406, "");
        assert_eq!(house.cause(&reply), "not_acceptable");
    }
}

#[tokio::test]
async fn bodies_are_one_json_object() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    // HTTP-025, HTTP-026, HTTP-024, ERR-003
    for body in [
        &b""[..],
        b" ",
        b"{",
        b"[]",
        b"null",
        b"\"x\"",
        b"7",
        b"{} {}",
        b"{\"userName\":\"a\",}",
        b"{'userName':'a'}",
        b"{\"userName\":\"a\",\"username\":\"b\"}",
        b"{\"userName\":\"a\",\"userName\":\"a\"}",
        b"{\"emails\":[{\"value\":\"a\",\"Value\":\"b\"}],\"userName\":\"a\"}",
        b"{\"userName\":\"a\xff\"}",
        b"{\"userName\":\"\\ud800\"}",
        b"{\"userName\":\"a\x00\"}",
        b"\xef\xbb\xbf{",
    ] {
        for (method, path) in [
            ("POST", "/Users"),
            ("POST", "/Bulk"),
            ("POST", "/Users/.search"),
        ] {
            let reply = client.send(method, path, &[], body).await;
            assert_eq!(
                reply.status,
                400,
                "{method} {path} {:?}",
                String::from_utf8_lossy(body)
            );
            let code = reply.json()["scimType"].as_str().unwrap().to_owned();
            assert!(
                ["invalidSyntax", "invalidValue"].contains(&code.as_str()),
                "{code}"
            );
        }
    }
    let nul = client
        .send("POST", "/Users", &[], b"{\"userName\":\"a\\u0000b\"}")
        .await;
    assert_eq!(nul.status, 400);
    assert!(client.ids("/Users").await.is_empty());
    // HTTP-022, HTTP-023
    let odd = b"{\"EMAILS\":[{\"VALUE\":\"l@acme.example\"}],\"USERNAME\":\"lena\",\
        \"schemas\":[\"urn:ietf:params:scim:schemas:core:2.0:User\"]}";
    let created = client.send("POST", "/Users", &[], odd).await.expect(201);
    assert_eq!(
        (&created["userName"], &created["emails"][0]["value"]),
        (&json!("lena"), &json!("l@acme.example"))
    );
}

#[tokio::test]
async fn links_start_with_public_url_or_else_with_what_the_client_used() {
    let forwarded = [
        ("X-Forwarded-Host", "scim.example.com"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-For", "203.0.113.9, 198.51.100.7"),
    ];
    let proxy: IpAddr = [127, 0, 0, 1].into();
    for (public_url, trusted_proxy, origin, address) in [
        (None, None, "http://scim.test", "127.0.0.1"),
        (
            None,
            Some(proxy),
            "https://scim.example.com",
            "198.51.100.7",
        ),
        (
            None,
            Some([10, 0, 0, 1].into()),
            "http://scim.test",
            "127.0.0.1",
        ),
        (
            Some("https://public.example"),
            Some(proxy),
            "https://public.example",
            "198.51.100.7",
        ),
    ] {
        let house = House::with(Settings {
            public_url: public_url.map(Into::into),
            trusted_proxy,
            ..Settings::default()
        })
        .await;
        let (_, client) = house.tenant("acme").await;
        let reply = client
            .json("POST", "/Users", &forwarded, &user("lena"))
            .await;
        let location = reply.header("location").unwrap();
        assert!(
            location.starts_with(&format!("{origin}/scim/v2/Users/")),
            "{location}"
        );
        let entry = house.logged(&reply).entry;
        assert_eq!(entry.address.unwrap().to_string(), address);
    }
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    for host in ["evil\"><script>", "a b", "x/../y", &"h".repeat(300)] {
        let reply = client
            .json("POST", "/Users", &[("Host", host)], &user(host))
            .await;
        if reply.status == 201 {
            let location = reply.header("location").unwrap();
            assert!(
                location.starts_with("http://localhost/scim/v2/"),
                "{location}"
            );
        }
    }
}

#[tokio::test]
async fn a_version_may_not_be_left_out() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    let reply = client.at("/scim").get("/Users").await;
    reply.refused(400, "invalidVers");
}

#[tokio::test]
async fn a_connection_serves_one_request_after_the_other_also_when_they_come_at_once() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    let mut wire = Wire::open(house.address).await;
    let mut all = Vec::new();
    for number in 0..20 {
        let body = user(&format!("user{number}")).to_string();
        all.extend(client.bytes("POST", "/Users", &[], body.as_bytes()));
        all.extend(client.bytes("HEAD", "/Users", &[], b""));
        all.extend(client.bytes("GET", "/Nothing", &[], b""));
    }
    wire.send(all).await;
    for number in 0..20 {
        let created = wire.answer(false).await.unwrap();
        assert_eq!(created.expect(201)["userName"], format!("user{number}"));
        assert_eq!(wire.answer(true).await.unwrap().status, 200);
        assert_eq!(wire.answer(false).await.unwrap().status, 404);
    }
}
