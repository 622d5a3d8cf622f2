//! A schema and a resource type that a tenant adds while the server runs.

use serde_json::{Value, json};

use crate::house::{Client, House, ids, patch};

const DEVICE: &str = "urn:example:params:scim:schemas:Device";
const LEASE: &str = "urn:example:params:scim:schemas:extension:Lease";

fn attribute(name: &str, kind: &str, more: Value) -> Value {
    let mut attribute = json!({ "name": name, "type": kind, "multiValued": false });
    let (Value::Object(map), Value::Object(more)) = (&mut attribute, more) else {
        panic!()
    };
    map.extend(more);
    attribute
}

async fn house() -> (House, Client, Client) {
    let house = House::new().await;
    let (acme, client) = house.tenant("acme").await;
    let (_, other) = house.tenant("other").await;
    let subs = [
        attribute("value", "string", json!({})),
        attribute("type", "string", json!({})),
    ];
    let schema = json!({
        "id": DEVICE,
        "name": "Device",
        "attributes": [
            attribute("serial", "string", json!({ "required": true, "caseExact": true, "uniqueness": "server" })),
            attribute("weight", "decimal", json!({})),
            attribute("locked", "boolean", json!({})),
            attribute("pin", "string", json!({ "returned": "never", "mutability": "writeOnly" })),
            attribute("ports", "complex", json!({ "multiValued": true, "subAttributes": subs })),
        ],
    });
    let lease = json!({
        "id": LEASE,
        "name": "Lease",
        "attributes": [attribute("until", "dateTime", json!({}))],
    });
    let kind = json!({
        "id": "Device", "name": "Device", "endpoint": "/Devices", "schema": DEVICE,
        "schemaExtensions": [{ "schema": LEASE, "required": false }],
    });
    client.get("/Devices").await.refused(404, "");
    for document in [schema, lease, kind] {
        house.schema(&acme, document).await;
    }
    (house, client, other)
}

fn device(serial: &str) -> Value {
    json!({
        "schemas": [DEVICE, LEASE],
        "serial": serial,
        "weight": 1.5,
        "locked": false,
        "ports": [{ "value": "80", "type": "http" }, { "value": "22", "type": "ssh" }],
        LEASE: { "until": "2027-01-01T00:00:00Z" },
    })
}

#[tokio::test]
async fn every_verb_works_on_it_from_the_next_request_on() {
    let (_house, client, _) = house().await;
    let created = client.post("/Devices", device("A1")).await;
    // HTTP-001, HTTP-003
    let body = created.expect(201);
    let id = body["id"].as_str().unwrap();
    let path = format!("/Devices/{id}");
    assert_eq!(body["meta"]["resourceType"], "Device");
    assert_eq!(
        created.header("location"),
        Some(format!("http://scim.test/scim/v2{path}").as_str())
    );
    assert_eq!(client.get(&path).await.expect(200), body);
    client
        .post("/Devices", device("A1"))
        .await
        .refused(409, "uniqueness");
    client.post("/Devices", device("a1")).await.expect(201);
    client
        .post("/Devices", json!({ "schemas": [DEVICE] }))
        .await
        .refused(400, "invalidValue");
    let mut heavy = device("A1");
    heavy["weight"] = json!("heavy");
    client.put(&path, heavy).await.refused(400, "invalidValue");
    let mut light = device("A1");
    light["weight"] = json!(0.5);
    light["pin"] = json!("0000");
    let put = client.put(&path, light).await;
    assert_eq!(put.expect(200)["weight"], 0.5);
    assert!(put.json().get("pin").is_none());
    let change = json!([
        { "op": "remove", "path": "ports[type eq \"ssh\"]" },
        { "op": "replace", "path": "locked", "value": true },
        { "op": "replace", "path": format!("{LEASE}:until"), "value": "2028-01-01T00:00:00Z" },
    ]);
    let after = client.patch(&path, change).await.expect(200);
    assert_eq!(after["ports"], json!([{ "value": "80", "type": "http" }]));
    assert_eq!(
        (&after["locked"], &after[LEASE]["until"]),
        (&json!(true), &json!("2028-01-01T00:00:00Z"))
    );
    let stale = [("If-Match", created.etag())];
    let stale: Vec<_> = stale
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    client.json("PATCH", &path, &stale, &patch(json!([]))).await;
    client
        .json("PUT", &path, &stale, &device("A1"))
        .await
        .refused(412, "");
    assert_eq!(client.delete(&path).await.status, 204);
    client.get(&path).await.refused(404, "");
}

#[tokio::test]
async fn it_is_searched_listed_and_bulked_like_any_other() {
    let (_house, client, other) = house().await;
    let operations: Vec<Value> = ["A1", "B2", "C3"]
        .iter()
        .map(|serial| {
            json!({ "method": "POST", "path": "/Devices", "bulkId": serial, "data": device(serial) })
        })
        .collect();
    let job = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": operations,
    });
    let done = client.post("/Bulk", job).await.expect(200);
    assert_eq!(done["Operations"][2]["status"], "201");
    let all = client.ids("/Devices").await;
    assert_eq!(all.len(), 3);
    for (filter, found) in [
        ("serial eq \"B2\"", 1),
        ("serial eq \"b2\"", 0),
        ("weight gt 1", 3),
        ("locked eq false", 3),
        ("ports[type eq \"ssh\" and value eq \"22\"]", 3),
        ("ports[type eq \"ssh\" and value eq \"80\"]", 0),
        (
            "urn:example:params:scim:schemas:extension:Lease:until lt \"2027-06-01T00:00:00Z\"",
            3,
        ),
    ] {
        let search = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
            "filter": filter,
            "sortBy": "serial",
            "sortOrder": "descending",
        });
        let list = client.post("/Devices/.search", search).await.expect(200);
        assert_eq!(list["totalResults"], found, "{filter}");
        if found == 3 {
            let mut reverse = all.clone();
            reverse.reverse();
            assert_eq!(ids(&list), reverse);
        }
    }
    client
        .get("/Devices?filter=pin%20eq%20%22x%22")
        .await
        .refused(400, "invalidFilter");
    let kind = client.get("/ResourceTypes/Device").await.expect(200);
    assert_eq!(kind["endpoint"], "/Devices");
    let shown = client.get(&format!("/Schemas/{DEVICE}")).await.expect(200);
    assert_eq!(shown["name"], "Device");
    // The other tenant knows nothing of it.
    other.get("/Devices").await.refused(404, "");
    other
        .get(&format!("/Schemas/{DEVICE}"))
        .await
        .refused(404, "");
    other.get("/ResourceTypes/Device").await.refused(404, "");
    let root = client
        .get("?filter=serial%20eq%20%22A1%22")
        .await
        .expect(200);
    assert_eq!(root["totalResults"], 1);
}
