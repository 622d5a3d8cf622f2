//! `attributes` and `excludedAttributes` on every operation that returns a resource.

use serde_json::{Value, json};

use crate::house::{House, user};

fn names(body: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = body
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn the_answer_of_each_verb_is_shaped() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    let only = "attributes=userName";
    let without = "excludedAttributes=name,emails,displayName,active,externalId,meta,schemas";
    // ATTR-001, POST-021, PUT-013, PAT-009, PAT-010
    for (turn, query) in [only, without].into_iter().enumerate() {
        let name = format!("lena{turn}");
        let created = client
            .post(&format!("/Users?{query}"), user(&name))
            .await
            .expect(201);
        let id = created["id"].as_str().unwrap().to_owned();
        let path = format!("/Users/{id}?{query}");
        let change = json!([{ "op": "replace", "path": "displayName", "value": "Lena" }]);
        let filter = format!("/Users?filter=userName%20eq%20%22{name}%22&{query}");
        for body in [
            created,
            client.get(&path).await.expect(200),
            client.put(&path, user(&name)).await.expect(200),
            client.patch(&path, change).await.expect(200),
            client.get(&filter).await.expect(200)["Resources"][0].clone(),
        ] {
            let found: Vec<_> = names(&body)
                .into_iter()
                .filter(|name| !["schemas", "meta"].contains(name))
                .collect();
            assert_eq!(found, ["id", "userName"], "{query}");
        }
    }
}
