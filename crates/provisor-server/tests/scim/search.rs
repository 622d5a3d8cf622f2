//! `/.search`, at the root and under each type.

use serde_json::{Value, json};

use crate::house::{House, ids};

fn message(parts: Value) -> Value {
    let mut message = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"] });
    let (Value::Object(message_map), Value::Object(parts)) = (&mut message, parts) else {
        panic!()
    };
    message_map.extend(parts);
    message
}

#[tokio::test]
async fn a_search_is_a_query_with_a_body() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    let mut users = Vec::new();
    for name in ["anna", "bert", "carl"] {
        users.push(client.user(name).await);
    }
    let body = message(json!({
        "filter": "userName sw \"b\" or userName sw \"c\"",
        "attributes": ["userName"],
        "sortBy": "userName",
        "sortOrder": "descending",
        "startIndex": 1,
        "count": 1,
    }));
    let reply = client.post("/Users/.search", body).await;
    // SRCH-001, SRCH-006
    let list = reply.expect(200);
    assert_eq!(list["totalResults"], 2);
    assert_eq!(list["itemsPerPage"], 1);
    assert_eq!(ids(&list), [users[2].as_str()]);
    assert!(list["Resources"][0].get("displayName").is_none());
    assert_eq!(reply.header("location"), None);
    assert_eq!(client.ids("/Users").await.len(), 3);
    for body in [
        json!({}),
        message(json!({ "filter": 7 })),
        message(json!({ "filter": "nonsense" })),
        message(json!({ "count": "many" })),
    ] {
        let reply = client.post("/Users/.search", body.clone()).await;
        if body != json!({}) {
            assert_eq!(reply.status, 400, "{body}");
        }
    }
    client
        .post("/Nothing/.search", message(json!({})))
        .await
        .refused(404, "");
    for method in ["GET", "PUT", "DELETE"] {
        let reply = client.json(method, "/Users/.search", &[], &json!({})).await;
        reply.refused(405, "");
        assert_eq!(reply.header("allow"), Some("POST, OPTIONS"));
    }
}

#[tokio::test]
async fn the_root_searches_every_type() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    let lena = client.user("lena").await;
    let team = client.team("Person lena", &[&lena]).await;
    client.team("Support", &[]).await;
    let filter = r#"displayName eq "Person lena""#;
    // LIST-005, LIST-006, SRCH-002
    let posted = client
        .post("/.search", message(json!({ "filter": filter })))
        .await;
    let list = posted.expect(200);
    assert_eq!(ids(&list), [lena.as_str(), team.as_str()]);
    let query = filter.replace(' ', "%20").replace('"', "%22");
    assert_eq!(client.ids(&format!("?filter={query}")).await, ids(&list));
    let kinds: Vec<&Value> = list["Resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|resource| &resource["meta"]["resourceType"])
        .collect();
    assert_eq!(kinds, ["User", "Group"]);
    let none = client
        .post(
            "/.search",
            message(json!({ "filter": "not (userName pr) and meta.resourceType eq \"Group\"" })),
        )
        .await
        .expect(200);
    assert_eq!(none["totalResults"], 2, "{none}");
    let all = client
        .post("/.search", message(json!({})))
        .await
        .expect(200);
    // Each tenant starts with a role and an entitlement.
    assert_eq!(all["totalResults"], 5);
}
