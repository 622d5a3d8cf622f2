//! Cursor pages, RFC 9865.

use std::time::Duration;

use provisor_server::Settings;
use serde_json::{Value, json};

use crate::house::{Client, House, ids};

async fn page(client: &Client, query: &str, cursor: &str) -> Value {
    client
        .get(&format!("/Users?{query}&cursor={cursor}"))
        .await
        .expect(200)
}

#[tokio::test]
async fn pages_are_walked_to_the_end_and_back() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    for name in ["e", "b", "a", "d", "c", "g", "f"] {
        client.user(name).await;
    }
    for query in [
        "count=3",
        "count=3&sortBy=userName",
        "count=3&sortBy=userName&sortOrder=descending",
    ] {
        let whole = client
            .ids(&format!(
                "/Users?{}",
                &query.replace("count=3", "count=100")
            ))
            .await;
        let mut walked = Vec::new();
        let mut cursor = String::new();
        let mut pages = Vec::new();
        loop {
            let page = page(&client, query, &cursor).await;
            walked.extend(ids(&page));
            // CUR-006
            assert_eq!(page["totalResults"], 7);
            pages.push(page.clone());
            match page.get("nextCursor") {
                Some(next) => cursor = next.as_str().unwrap().to_owned(),
                None => break,
            }
        }
        // CUR-002, CUR-011
        assert_eq!(walked, whole, "{query}");
        assert_eq!(pages.len(), 3);
        // CUR-003
        assert!(pages[0].get("previousCursor").is_none());
        let back = pages[2]["previousCursor"].as_str().unwrap();
        let second = page(&client, query, back).await;
        assert_eq!(ids(&second), ids(&pages[1]));
        let back = second["previousCursor"].as_str().unwrap();
        let first = page(&client, query, back).await;
        assert_eq!(ids(&first), ids(&pages[0]));
        assert!(first.get("previousCursor").is_none());
    }
}

#[tokio::test]
async fn what_comes_and_goes_between_pages_moves_nobody() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    let mut users = Vec::new();
    for number in 0..9 {
        users.push(client.user(&format!("user{number}")).await);
    }
    let first = page(&client, "count=3", "").await;
    client
        .delete(&format!("/Users/{}", users[0]))
        .await
        .expect(204);
    client
        .delete(&format!("/Users/{}", users[2]))
        .await
        .expect(204);
    let second = page(&client, "count=3", first["nextCursor"].as_str().unwrap()).await;
    // CUR-018
    assert_eq!(ids(&second), users[3..6]);
    let late = client.user("late").await;
    let third = page(&client, "count=3", second["nextCursor"].as_str().unwrap()).await;
    assert_eq!(ids(&third), users[6..9]);
    let fourth = page(&client, "count=3", third["nextCursor"].as_str().unwrap()).await;
    assert_eq!(ids(&fourth), [late]);
}

#[tokio::test]
async fn a_cursor_is_good_for_its_query_its_tenant_and_its_time() {
    let settings = Settings {
        cursor_timeout: Duration::from_secs(60),
        ..Settings::default()
    };
    let house = House::with(settings).await;
    let (_, client) = house.tenant("acme").await;
    let (_, other) = house.tenant("other").await;
    for number in 0..4 {
        client.user(&format!("user{number}")).await;
        other.user(&format!("user{number}")).await;
    }
    let first = page(&client, "count=2", "").await;
    let cursor = first["nextCursor"].as_str().unwrap();
    let ask = async |client: &Client, query: &str, cursor: &str| {
        client.get(&format!("/Users?{query}&cursor={cursor}")).await
    };
    let mut details = Vec::new();
    for (client, query, cursor) in [
        (&other, "count=2", cursor),
        (&client, "count=2", "forged"),
        (&client, "count=2&filter=userName%20pr", cursor),
        (&client, "count=2&sortBy=userName", cursor),
    ] {
        let reply = ask(client, query, cursor).await;
        // TEN-005
        let detail = reply.refused(400, "invalidCursor");
        details.push(detail.replace(reply.request_id(), ""));
        assert_eq!(house.cause(&reply), "invalid_cursor");
    }
    details.dedup();
    assert_eq!(details.len(), 1, "{details:?}");
    ask(&client, "count=3", cursor)
        .await
        .refused(400, "invalidCount");
    let search = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
        "count": 2, "cursor": cursor,
    });
    assert_eq!(
        ids(&client.post("/Users/.search", search).await.expect(200)).len(),
        2
    );
    house.pass(61_000);
    ask(&client, "count=2", cursor)
        .await
        .refused(400, "expiredCursor");
}
