//! Requests that no honest client sends: each is refused or cut off, and others are still served.

use std::time::{Duration, Instant};

use provisor_server::Settings;
use provisor_store::LogSettings;
use serde_json::json;

use crate::{
    house::{House, Plan, user},
    wire::{Reply, SCIM, Wire},
};

#[tokio::test]
async fn json_that_is_deep_large_or_wide_is_refused() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    let deep = |open: &str, close: &str| {
        format!(
            "{{\"userName\":{}1{}}}",
            open.repeat(10_000),
            close.repeat(10_000)
        )
    };
    // HTTP-027, SEC-006
    for body in [
        deep("[", "]"),
        deep("{\"a\":", "}"),
        "[".repeat(10_000),
        "{\"a\":".repeat(100_000),
        format!("{{\"userName\":{}}}", "9".repeat(500_000)),
        format!("{{\"userName\":1e{}}}", "9".repeat(1000)),
    ] {
        for (method, path) in [
            ("POST", "/Users"),
            ("POST", "/Groups"),
            ("POST", "/Bulk"),
            ("POST", "/.search"),
        ] {
            let reply = client.send(method, path, &[], body.as_bytes()).await;
            assert_eq!(reply.status, 400, "{path} {}", &body[..40]);
        }
    }
    let many: String = (0..60_000)
        .map(|number| format!(",\"k{number}\":1"))
        .collect();
    let wide = format!("{{\"userName\":\"wide\"{many}}}");
    let started = Instant::now();
    client
        .send("POST", "/Users", &[], wide.as_bytes())
        .await
        .expect(201);
    assert!(started.elapsed() < Duration::from_secs(20));
    client.get("/Users").await.expect(200);
}

#[tokio::test]
async fn bodies_beyond_the_limit_are_413_announced_or_not() {
    let house = House::with(Settings {
        max_body: 10_000,
        max_large_body: 20_000,
        ..Settings::default()
    })
    .await;
    let (_, client) = house.tenant("acme").await;
    for (path, limit) in [
        ("/Users", 10_000),
        ("/Groups", 20_000),
        ("/Bulk", 20_000),
        ("/Users/.search", 10_000),
    ] {
        for length in [limit + 1, 3_000_000] {
            let body = vec![b' '; length];
            let reply = client.send("POST", path, &[], &body).await;
            let detail = reply.refused(413, "");
            assert!(detail.contains(&limit.to_string()), "{detail}");
            assert_eq!(house.cause(&reply), "payload_too_large");

            let headers = [
                ("Transfer-Encoding", "chunked"),
                ("Content-Length", ""),
                ("Content-Type", SCIM),
            ];
            let mut wire = Wire::open(house.address).await;
            let mut bytes = client.bytes("POST", path, &headers, b"");
            for chunk in body.chunks(1000) {
                bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
                bytes.extend(chunk);
                bytes.extend(b"\r\n");
            }
            bytes.extend(b"0\r\n\r\n");
            wire.send(bytes).await;
            wire.answer(false)
                .await
                .expect("an answer to a chunked body")
                .refused(413, "");
        }
    }
    // Announced and never sent: told at once, without waiting for it.
    let headers = [("Content-Length", "999999999999")];
    let mut wire = Wire::open(house.address).await;
    wire.send(client.bytes("POST", "/Users", &headers, b""))
        .await;
    wire.answer(false).await.unwrap().refused(413, "");
}

#[tokio::test]
async fn filters_and_paths_without_end_are_refused() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    let id = client.user("lena").await;
    let term = "userName eq \"x\"";
    let terms = vec![term; 10_000].join(" or ");
    let search = |filter: &str| json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": filter });
    let started = Instant::now();
    for filter in [
        terms.clone(),
        "(".repeat(10_000),
        "not (".repeat(10_000),
        format!("{}{term}{}", "(".repeat(5_000), ")".repeat(5_000)),
        format!("emails[{}]", "emails[".repeat(2_000)),
        format!("userName eq \"{}\"", "\\u0041".repeat(20_000)),
    ] {
        client
            .post("/Users/.search", search(&filter))
            .await
            .refused(400, "invalidFilter");
        let change = json!([{ "op": "remove", "path": format!("emails[{filter}]") }]);
        let reply = client.patch(&format!("/Users/{id}"), change).await;
        assert_eq!(reply.status, 400);
    }
    assert!(started.elapsed() < Duration::from_secs(20));
    // Within the limits, many terms are answered.
    let some = vec![term; 200].join(" or ");
    assert_eq!(
        client
            .post("/Users/.search", search(&some))
            .await
            .expect(200)["totalResults"],
        0
    );
}

#[tokio::test]
async fn bytes_that_are_no_request_are_cut_off() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    let good = format!("Host: x\r\nAuthorization: Bearer {}\r\n", client.token);
    let many: String = (0..1000)
        .map(|number| format!("X-{number}: y\r\n"))
        .collect();
    for (bytes, allowed) in [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(), &[400u16][..]),
        (b"\0\0\0\0\r\n\r\n".to_vec(), &[400]),
        (b"GET\r\n\r\n".to_vec(), &[400]),
        (b"GET /scim/v2/Users HTTP/9.9\r\n\r\n".to_vec(), &[400, 505]),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), &[400, 505]),
        (format!("GET /scim/v2/Us ers HTTP/1.1\r\n{good}\r\n").into_bytes(), &[400]),
        (b"GET /scim/v2/\xff\xfe HTTP/1.1\r\n\r\n".to_vec(), &[400, 401, 404]),
        (format!("GET /scim/v2/Users HTTP/1.1\r\n{good}X: a\0b\r\n\r\n").into_bytes(), &[400]),
        (format!("GET /scim/v2/Users HTTP/1.1\r\n{good}{many}\r\n").into_bytes(), &[431]),
        (format!("GET /scim/v2/Users HTTP/1.1\r\n{good}X: {}\r\n\r\n", "y".repeat(200_000)).into_bytes(), &[431]),
        (format!("GET /{} HTTP/1.1\r\n{good}\r\n", "x".repeat(200_000)).into_bytes(), &[414, 431]),
        (
            format!("POST /scim/v2/Users HTTP/1.1\r\n{good}Content-Length: 5\r\nContent-Length: 6\r\n\r\n").into_bytes(),
            &[400],
        ),
        (format!("POST /scim/v2/Users HTTP/1.1\r\n{good}Content-Length: -1\r\n\r\n").into_bytes(), &[400]),
        (
            format!("POST /scim/v2/Users HTTP/1.1\r\n{good}Transfer-Encoding: chunked\r\n\r\nzz\r\n").into_bytes(),
            &[400],
        ),
        (
            format!("POST /scim/v2/Users HTTP/1.1\r\n{good}Transfer-Encoding: gzip\r\n\r\n").into_bytes(),
            &[400, 501],
        ),
        (format!("CONNECT evil:443 HTTP/1.1\r\n{good}\r\n").into_bytes(), &[400, 404, 405]),
        (format!("OPTIONS * HTTP/1.1\r\n{good}\r\n").into_bytes(), &[200, 204, 400, 404]),
    ] {
        let mut wire = Wire::open(house.address).await;
        wire.send(&bytes).await;
        wire.half_close().await;
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        // Closing without an answer is right too.
        if let Some(Reply { status, .. }) = wire.answer(false).await {
            assert!(allowed.contains(&status), "{status} to {shown:?}");
        }
    }
    client.get("/Users").await.expect(200);
}

#[tokio::test]
async fn a_client_that_goes_away_half_way_leaves_nothing_behind() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    let body = user("lena").to_string();
    let request = client.bytes("POST", "/Users", &[], body.as_bytes());
    for end in [1, 20, request.len() - body.len(), request.len() - 1] {
        let mut wire = Wire::open(house.address).await;
        wire.send(&request[..end]).await;
        wire.half_close().await;
        if let Some(reply) = wire.answer(false).await {
            assert_eq!(reply.status, 400);
        }
    }
    assert!(client.ids("/Users").await.is_empty());
    // Who hangs up after the whole request may miss the answer; the change is made whole or not.
    let mut wire = Wire::open(house.address).await;
    wire.send(&request).await;
    wire.half_close().await;
    wire.answer(false).await;
    let found = client.ids("/Users").await;
    let status = client.post("/Users", user("lena")).await.status;
    assert!(
        matches!((found.len(), status), (0, 201 | 409) | (1, 409)),
        "{status}"
    );
}

#[tokio::test]
async fn slow_clients_time_out_and_do_not_stop_others() {
    let house = House::with(Settings {
        header_timeout: Duration::from_secs(3),
        body_timeout: Duration::from_secs(3),
        ..Settings::default()
    })
    .await;
    let (_, client) = house.tenant("acme").await;
    let body = user("slow").to_string();
    let request = client.bytes("POST", "/Users", &[], body.as_bytes());
    let mut slow = Vec::new();
    for number in 0..1000 {
        let mut wire = Wire::open(house.address).await;
        // Nothing; half the headers; half the body.
        let part = match number % 3 {
            0 => 0,
            1 => 30,
            _ => request.len() - 10,
        };
        wire.send(&request[..part]).await;
        slow.push(wire);
    }
    for number in 0..20 {
        let started = Instant::now();
        client.user(&format!("quick{number}")).await;
        assert!(started.elapsed() < Duration::from_secs(2));
    }
    for (number, mut wire) in slow.into_iter().enumerate() {
        match (number % 3, wire.answer(false).await) {
            (2, Some(reply)) => {
                reply.refused(400, "invalidSyntax");
                assert!(
                    wire.answer(false).await.is_none(),
                    "the connection is closed"
                );
            }
            (0 | 1, None) => {}
            (0 | 1, Some(reply)) => assert_eq!(reply.status, 408),
            (_, other) => panic!("{number}: {other:?}"),
        }
    }
    assert_eq!(
        client.get("/Users?count=0").await.expect(200)["totalResults"],
        20
    );
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answers_is_cut_off() {
    let house = House::with(Settings {
        header_timeout: Duration::from_secs(1),
        body_timeout: Duration::from_secs(1),
        max_connections: 2,
        ..Settings::default()
    })
    .await;
    let (_, client) = house.tenant("acme").await;
    for number in 0..100 {
        client.user(&format!("user{number}")).await;
    }
    let mut greedy = Vec::new();
    for _ in 0..2 {
        let mut wire = Wire::open(house.address).await;
        let many = client.bytes("GET", "/Users", &[], b"").repeat(5000);
        tokio::time::timeout(Duration::from_secs(1), wire.send(many))
            .await
            .ok();
        greedy.push(wire);
    }
    // Both places are taken until the server loses patience.
    let served = tokio::time::timeout(Duration::from_secs(30), client.get("/Users"));
    served
        .await
        .expect("the server waits for ever for clients that do not read")
        .expect(200);
}

#[tokio::test]
async fn a_client_that_reads_slowly_gets_the_whole_answer() {
    let house = House::with(Settings {
        header_timeout: Duration::from_secs(1),
        body_timeout: Duration::from_secs(5),
        ..Settings::default()
    })
    .await;
    let (_, client) = house.tenant("acme").await;
    let operations: Vec<_> = (0..1000)
        .map(|number| {
            let mut data = user(&format!("user{number}"));
            data["title"] = json!("x".repeat(20_000));
            json!({ "method": "POST", "path": "/Users", "bulkId": format!("b{number}"), "data": data })
        })
        .collect();
    let job = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": operations,
    });
    client.post("/Bulk", job).await.expect(200);
    let mut wire = Wire::open(house.address).await;
    wire.send(client.bytes("GET", "/Users?count=1000", &[], b""))
        .await;
    wire.read_slowly(1 << 20, Duration::from_millis(200)).await;
    let reply = wire.answer(false).await.expect("the whole answer");
    assert_eq!(reply.expect(200)["itemsPerPage"], 1000);
}

#[tokio::test]
async fn a_flood_of_bad_tokens_stops_nobody_and_does_not_fill_the_log() {
    let house = House::build(Plan {
        log: LogSettings::default(),
        ..Plan::default()
    })
    .await;
    let (_, client) = house.tenant("acme").await;
    let stranger = client.with_token("pvr_scim_guess");
    let mut wire = Wire::open(house.address).await;
    let flood = stranger.bytes("GET", "/Users", &[], b"").repeat(1000);
    let sending = async {
        wire.send(flood).await;
        for _ in 0..1000 {
            let reply = wire.answer(false).await.unwrap();
            assert!(matches!(reply.status, 401 | 429), "{}", reply.status);
        }
    };
    let serving = async {
        for number in 0..20 {
            client.user(&format!("user{number}")).await;
        }
    };
    tokio::join!(sending, serving);
    house.log.flush();
    let stats = house.log.stats();
    // Recorded: the writes, and at most ten refusals for each second of the clock.
    assert!(stats.recorded < 200, "{stats:?}");
    assert!(stats.counted > 800, "{stats:?}");
    assert_eq!(stats.dropped, 0);
}
