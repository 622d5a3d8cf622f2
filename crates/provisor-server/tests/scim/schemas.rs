//! `/Schemas`.

use serde_json::{Value, json};

use crate::house::House;

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

fn sub_attributes(schema: &Value, name: &str) -> Vec<String> {
    let attributes = schema["attributes"].as_array().unwrap();
    let found = attributes
        .iter()
        .find(|attribute| attribute["name"] == name);
    let subs = found.unwrap()["subAttributes"].as_array().unwrap().iter();
    subs.map(|sub| sub["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn they_are_listed_and_shown_by_urn() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    let list = client.get("/Schemas").await.expect(200);
    let schemas = list["Resources"].as_array().unwrap();
    for schema in schemas {
        let id = schema["id"].as_str().unwrap();
        // HTTP-020
        assert!(!id.contains(":api:messages:"), "{id}");
        // DISC-008, HTTP-029
        let encoded = id.replace(':', "%3A");
        for path in [id, encoded.as_str(), &id.to_uppercase()] {
            assert_eq!(
                &client.get(&format!("/Schemas/{path}")).await.expect(200),
                schema
            );
        }
        assert_eq!(
            schema["meta"]["location"],
            format!("http://scim.test/scim/v2/Schemas/{id}")
        );
        assert_eq!(
            schema["schemas"],
            json!(["urn:ietf:params:scim:schemas:core:2.0:Schema"])
        );
    }
    // DISC-009
    client.get("/Schemas/urn:nothing").await.refused(404, "");
    let user = client.get(&format!("/Schemas/{USER}")).await.expect(200);
    assert!(sub_attributes(&user, "emails").contains(&"display".to_owned()));
    let attributes = user["attributes"].as_array().unwrap();
    assert!(
        attributes
            .iter()
            .all(|attribute| attribute["name"] != "password")
    );
}

#[tokio::test]
async fn the_entra_profile_leaves_out_what_microsofts_validator_refuses() {
    let house = House::new().await;
    let (_, client) = house.profile("acme", "entra").await;
    let user = client.get(&format!("/Schemas/{USER}")).await.expect(200);
    assert_eq!(
        sub_attributes(&user, "emails"),
        ["value", "type", "primary"]
    );
    assert!(sub_attributes(&user, "phoneNumbers").contains(&"display".to_owned()));
}

#[tokio::test]
async fn the_interop_profile_names_a_value_for_every_type() {
    // IOP-004
    let house = House::new().await;
    for (profile, expected) in [("interop", json!(["other"])), ("rfc", Value::Null)] {
        let (_, client) = house.profile(profile, profile).await;
        let user = client.get(&format!("/Schemas/{USER}")).await.expect(200);
        let values = |list: &str| {
            let lists = user["attributes"].as_array().unwrap();
            let list = lists.iter().find(|one| one["name"] == list).unwrap();
            let subs = list["subAttributes"].as_array().unwrap();
            subs.iter().find(|sub| sub["name"] == "type").unwrap()["canonicalValues"].clone()
        };
        assert_eq!(values("roles"), expected, "{profile}");
        assert_eq!(values("emails"), json!(["work", "home", "other"]));
    }
}
