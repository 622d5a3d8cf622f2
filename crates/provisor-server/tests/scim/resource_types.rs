//! `/ResourceTypes`.

use serde_json::{Value, json};

use crate::house::House;

#[tokio::test]
async fn they_are_listed_and_shown_one_by_one() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    let list = client.get("/ResourceTypes").await.expect(200);
    let types = list["Resources"].as_array().unwrap();
    // DISC-010, HTTP-003
    let endpoints: Vec<&Value> = types.iter().map(|kind| &kind["endpoint"]).collect();
    assert_eq!(endpoints, ["/Users", "/Groups", "/Roles", "/Entitlements"]);
    assert_eq!(list["totalResults"], 4);
    for kind in types {
        let name = kind["name"].as_str().unwrap();
        let path = format!("/ResourceTypes/{name}");
        assert_eq!(&client.get(&path).await.expect(200), kind);
        // DISC-006
        assert_eq!(
            kind["meta"]["location"],
            format!("http://scim.test/scim/v2{path}")
        );
        assert_eq!(kind["meta"]["resourceType"], "ResourceType");
        let endpoint = kind["endpoint"].as_str().unwrap();
        client.get(endpoint).await.expect(200);
    }
    // DISC-009
    client.get("/ResourceTypes/Nothing").await.refused(404, "");
}

#[tokio::test]
async fn discovery_is_read_only_ignores_paging_and_refuses_filters() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    for path in ["/ServiceProviderConfig", "/ResourceTypes", "/Schemas"] {
        let plain = client.get(path).await.json();
        // DISC-012
        let paged = client
            .get(&format!(
                "{path}?startIndex=2&count=1&sortBy=name&sortOrder=descending&cursor"
            ))
            .await;
        assert_eq!(paged.expect(200), plain);
        // DISC-013
        let filtered = client.get(&format!("{path}?filter=name%20pr")).await;
        filtered.refused(403, "");
        // DISC-014
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            let reply = client.json(method, path, &[], &json!({})).await;
            reply.refused(405, "");
            assert_eq!(reply.header("allow"), Some("GET, HEAD, OPTIONS"));
        }
        // SRCH-008
        let search = client.post(&format!("{path}/.search"), json!({})).await;
        assert!(matches!(search.status, 403..=405), "{}", search.status);
    }
}
