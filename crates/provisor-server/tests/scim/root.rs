//! The base URL, versions, and lists as every endpoint answers them.

use std::sync::{atomic::Ordering::Relaxed, mpsc};

use provisor_store::sqlite::SqliteSettings;
use serde_json::json;

use crate::house::{House, Plan, ids};

#[tokio::test]
async fn lists_have_the_form_that_clients_count_on() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    let empty = client.get("/Users").await.expect(200);
    // LIST-001, LIST-002, LIST-003
    assert_eq!(
        empty,
        json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
            "totalResults": 0, "startIndex": 1, "itemsPerPage": 0, "Resources": [],
        })
    );
    let mut users = Vec::new();
    for number in 0..7 {
        users.push(client.user(&format!("user{number}")).await);
    }
    // LIST-004, LIST-009, PAGE-005, PAGE-008
    let mut walked = Vec::new();
    for start in [1, 4, 7] {
        let page = client
            .get(&format!("/Users?startIndex={start}&count=3"))
            .await
            .expect(200);
        assert_eq!(page["totalResults"], 7);
        assert_eq!(page["startIndex"], start);
        let ids = crate::house::ids(&page);
        assert_eq!(page["itemsPerPage"], ids.len());
        walked.extend(ids);
    }
    assert_eq!(walked, users);
    // PAGE-006
    let beyond = client.get("/Users?startIndex=100").await.expect(200);
    assert_eq!(beyond["totalResults"], 7);
    assert_eq!(beyond["Resources"], json!([]));
    let none = client
        .get("/Users?filter=userName%20eq%20%22nobody%22")
        .await
        .expect(200);
    assert_eq!(
        (&none["totalResults"], &none["Resources"]),
        (&json!(0), &json!([]))
    );
}

#[tokio::test]
async fn another_version_is_refused() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    // HTTP-017
    for version in ["/scim/v1", "/scim/v9", "/scim/V2", "/scim/2.0", "/scim"] {
        let reply = client.at(version).get("/Users").await;
        let detail = reply.refused(400, "invalidVers");
        assert!(detail.contains("http://scim.test/scim/v2"), "{detail}");
        assert_eq!(house.cause(&reply), "base_url_wrong");
    }
}

#[tokio::test]
async fn a_query_that_would_read_too_long_is_refused() {
    let plan = Plan {
        sqlite: SqliteSettings {
            scan_time: std::time::Duration::ZERO,
            ..SqliteSettings::default()
        },
        ..Plan::default()
    };
    let house = House::build(plan).await;
    let (_, client) = house.tenant("acme").await;
    let operations: Vec<_> = (0..600)
        .map(|number| {
            let data = crate::house::user(&format!("user{number}"));
            json!({ "method": "POST", "path": "/Users", "bulkId": format!("b{number}"), "data": data })
        })
        .collect();
    let job = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": operations,
    });
    client.post("/Bulk", job).await.expect(200);
    // LIST-007
    let reply = client.get("/Users?filter=title%20co%20%22x%22").await;
    let detail = reply.refused(400, "tooMany");
    assert!(detail.contains("userName"), "{detail}");
    assert_eq!(
        client
            .ids("/Users?filter=userName%20eq%20%22user1%22")
            .await
            .len(),
        1
    );
}

#[tokio::test]
async fn a_page_with_much_in_it_ends_early() {
    let plan = Plan {
        sqlite: SqliteSettings {
            search_memory: 20_000,
            ..SqliteSettings::default()
        },
        ..Plan::default()
    };
    let house = House::build(plan).await;
    let (_, client) = house.tenant("acme").await;
    let mut users = Vec::new();
    for number in 0..20 {
        let mut user = crate::house::user(&format!("user{number:02}"));
        user["title"] = "x".repeat(3_000).into();
        let made = client.post("/Users", user).await.expect(201);
        users.push(made["id"].as_str().unwrap().to_owned());
    }
    for order in ["", "&sortBy=userName"] {
        // LIST-004, PAGE-002
        let mut walked = Vec::new();
        while walked.len() < users.len() {
            let start = walked.len() + 1;
            let path = format!("/Users?startIndex={start}&count=10{order}");
            let list = client.get(&path).await.expect(200);
            let page = ids(&list);
            assert_eq!(list["totalResults"], 20);
            assert_eq!(list["itemsPerPage"], page.len());
            assert!((1..10).contains(&page.len()), "{}", page.len());
            walked.extend(page);
        }
        assert_eq!(walked, users);
        let mut walked = Vec::new();
        let mut cursor = Some(String::new());
        while let Some(at) = cursor {
            let path = format!("/Users?cursor={at}&count=10{order}");
            let list = client.get(&path).await.expect(200);
            walked.extend(ids(&list));
            cursor = list["nextCursor"].as_str().map(str::to_owned);
        }
        assert_eq!(walked, users);
    }
}

#[test]
fn a_search_that_finds_no_turn_is_told_when_to_try_again() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        // For scans; held up below.
        .max_blocking_threads(1)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let plan = Plan {
            sqlite: SqliteSettings {
                scan_time: std::time::Duration::ZERO,
                ..SqliteSettings::default()
            },
            ..Plan::default()
        };
        let house = House::build(plan).await;
        let (_, client) = house.tenant("acme").await;
        client.user("anna").await;
        let scan = "/Users?filter=title%20co%20%22x%22";
        let (release, held) = mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || held.recv().ok());
        let waits = client.clone();
        let first = tokio::spawn(async move { waits.get(scan).await });
        while house.store.metrics().scans.load(Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        let reply = client.get(scan).await;
        let detail = reply.refused(503, "");
        assert!(detail.contains("try again"), "{detail}");
        assert_eq!(reply.header("retry-after"), Some("30"));
        assert_eq!(house.cause(&reply), "unavailable");
        drop(release);
        first.await.unwrap().expect(200);
        client.get(scan).await.expect(200);
    });
}
