//! The base URL, versions, and lists as every endpoint answers them.

use provisor_store::sqlite::SqliteSettings;
use serde_json::json;

use crate::house::{House, Plan};

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
