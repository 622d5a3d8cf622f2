//! Versions: `ETag`, `If-Match`, `If-None-Match`.

use serde_json::json;

use crate::house::{House, patch, user};

#[tokio::test]
async fn a_read_is_answered_304_while_nothing_changed() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    let id = client.user("lena").await;
    let path = format!("/Users/{id}");
    let tag = client.get(&path).await.etag();
    let strong = tag.trim_start_matches("W/").to_owned();
    for value in [tag.clone(), strong, "*".into(), format!("\"x\", {tag}")] {
        let reply = client
            .send("GET", &path, &[("If-None-Match", &value)], b"")
            .await;
        // ETAG-005
        assert_eq!((reply.status, reply.bytes.len()), (304, 0), "{value}");
        assert_eq!(reply.etag(), tag);
    }
    for value in ["W/\"x\"", "nonsense", "\""] {
        let reply = client
            .send("GET", &path, &[("If-None-Match", value)], b"")
            .await;
        assert_eq!(reply.status, 200, "{value}");
    }
}

#[tokio::test]
async fn an_answer_that_would_show_teams_is_never_left_out() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    let id = client.user("lena").await;
    let path = format!("/Users/{id}");
    let alone = client.get(&path).await.etag();
    let team = client.team("Support", &[&id]).await;
    let conditional = async |tag: &str| {
        client
            .send("GET", &path, &[("If-None-Match", tag)], b"")
            .await
    };
    let within = conditional(&alone).await;
    assert_eq!(within.expect(200)["groups"][0]["value"], team);
    assert_eq!(conditional(&within.etag()).await.status, 200);
    // The version is the user's own; membership does not change it.
    assert_eq!(within.etag(), alone);
    // Who has left was within when that version was read, by then with the team in the answer.
    client
        .send("DELETE", &format!("/Groups/{team}"), &[], b"")
        .await
        .expect(204);
    let outside = conditional(&alone).await;
    assert!(outside.expect(200)["groups"].is_null());
    let without = format!("{path}?excludedAttributes=groups");
    let reply = client
        .send("GET", &without, &[("If-None-Match", &alone)], b"")
        .await;
    assert_eq!(reply.status, 304);
}

#[tokio::test]
async fn a_write_demands_the_version_it_read() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    let title = |text: &str| patch(json!([{ "op": "replace", "path": "title", "value": text }]));
    let id = client.user("lena").await;
    let path = format!("/Users/{id}");
    let stale = client.get(&path).await.etag();
    client
        .json("PATCH", &path, &[], &title("one"))
        .await
        .expect(200);
    let now = client.get(&path).await.etag();
    let strong = now.trim_start_matches("W/").to_owned();
    let refused = [
        "",
        "x",
        "W/\"\"",
        "\"",
        "W/\"-1\"",
        "W/\"99999999999999999999\"",
        "\u{e9}",
    ];
    // ETAG-006, ETAG-007, ETAG-011, ETAG-012
    for value in [stale.as_str()]
        .into_iter()
        .chain(refused)
        .filter(|value| !value.is_empty())
    {
        for (method, body) in [
            ("PATCH", title("two")),
            ("PUT", user("lena")),
            ("DELETE", json!({})),
        ] {
            let reply = client
                .json(method, &path, &[("If-Match", value)], &body)
                .await;
            reply.refused(412, "");
            assert_eq!(house.cause(&reply), "version_conflict");
        }
    }
    // ETAG-008
    let reply = client
        .json("PUT", &path, &[("If-None-Match", "*")], &user("lena"))
        .await;
    reply.refused(412, "");
    let missing = "/Users/0197ffff-ffff-7fff-bfff-ffffffffffff";
    let reply = client
        .json("PUT", missing, &[("If-Match", "*")], &user("lena"))
        .await;
    assert!(matches!(reply.status, 404 | 412));
    assert_eq!(client.get(&path).await.etag(), now);
    for value in [now.as_str(), &strong, "*", &format!("{stale}, {now}")] {
        let reply = client
            .json("PATCH", &path, &[("If-Match", value)], &title("one"))
            .await;
        reply.expect(200);
    }
    // DEL-008
    let reply = client
        .send("DELETE", &path, &[("If-Match", &now)], b"")
        .await;
    assert_eq!(reply.status, 204);
}

#[tokio::test]
async fn of_two_writers_with_one_version_one_wins() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    let id = client.user("lena").await;
    let path = format!("/Users/{id}");
    for turn in 0..8 {
        let tag = client.get(&path).await.etag();
        let put = async |who: &str| {
            let mut body = user("lena");
            body["title"] = json!(format!("{who} {turn}"));
            client
                .json("PUT", &path, &[("If-Match", &tag)], &body)
                .await
                .status
        };
        let (one, two) = tokio::join!(put("one"), put("two"));
        let mut statuses = [one, two];
        statuses.sort_unstable();
        // ETAG-010
        assert_eq!(statuses, [200, 412]);
    }
}
