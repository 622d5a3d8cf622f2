//! `/Bulk`.

use provisor_server::Settings;
use provisor_store::{Store, change::ConnectionSettings};
use serde_json::{Value, json};

use crate::house::{Client, House, patch, team, user};

async fn bulk(client: &Client, more: Value, operations: Value) -> Vec<Value> {
    let body = client
        .post("/Bulk", job(more, operations))
        .await
        .expect(200);
    assert_eq!(
        body["schemas"],
        json!(["urn:ietf:params:scim:api:messages:2.0:BulkResponse"])
    );
    body["Operations"].as_array().unwrap().clone()
}

fn job(more: Value, operations: Value) -> Value {
    let mut job = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": operations,
    });
    let (Value::Object(map), Value::Object(more)) = (&mut job, more) else {
        panic!()
    };
    map.extend(more);
    job
}

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// A user whose manager is who has this bulkId.
fn managed(name: &str, boss: &str) -> Value {
    let mut body = user(name);
    let schemas = body["schemas"].as_array_mut().unwrap();
    schemas.push(json!(ENTERPRISE));
    body[ENTERPRISE] = json!({ "manager": { "value": format!("bulkId:{boss}") } });
    body
}

fn create(bulk_id: &str, endpoint: &str, data: &Value) -> Value {
    json!({ "method": "POST", "path": endpoint, "bulkId": bulk_id, "data": data })
}

fn statuses(operations: &[Value]) -> Vec<&str> {
    operations
        .iter()
        .map(|done| done["status"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn each_operation_has_the_result_it_would_have_had_alone() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    let lena = client.user("lena").await;
    let max = client.user("max").await;
    let (lena, max) = (format!("/Users/{lena}"), format!("/Users/{max}"));
    let tag = client.get(&lena).await.etag();
    let title = patch(json!([{ "op": "replace", "path": "title", "value": "x" }]));
    let broken = patch(json!([
        { "op": "replace", "path": "title", "value": "half" },
        { "op": "replace", "path": "nonsense", "value": "x" },
    ]));
    let done = bulk(
        &client,
        json!({}),
        json!([
            { "method": "POST", "path": "/Users", "bulkId": "new", "data": user("new") },
            { "method": "POST", "path": "/Users", "bulkId": "twice", "data": user("lena") },
            { "method": "PATCH", "path": &lena, "version": tag, "data": title },
            { "method": "PATCH", "path": &lena, "version": tag, "data": title },
            { "method": "PATCH", "path": &max, "data": &broken },
            { "method": "PUT", "path": &max, "data": user("max") },
            { "method": "DELETE", "path": "/Users/unknown" },
            { "method": "DELETE", "path": &max, "version": "W/\"77\"" },
            { "method": "DELETE", "path": &max },
            { "method": "POST", "path": "/Nothing", "bulkId": "n", "data": {} },
        ]),
    )
    .await;
    // BULK-008, BULK-009, BULK-011, BULK-012, BULK-013, BULK-014, BULK-007
    assert_eq!(
        statuses(&done),
        [
            "201", "409", "200", "412", "400", "200", "404", "412", "204", "404"
        ]
    );
    assert_eq!(
        (&done[0]["method"], &done[0]["bulkId"]),
        (&json!("POST"), &json!("new"))
    );
    let location = done[0]["location"].as_str().unwrap();
    let new = client
        .get(location.strip_prefix("http://scim.test/scim/v2").unwrap())
        .await;
    assert_eq!(new.expect(200)["userName"], "new");
    assert_eq!(done[0]["version"], new.etag());
    assert!(done[0].get("response").is_none());
    assert!(done[1].get("location").is_none());
    assert_eq!(done[1]["response"]["scimType"], "uniqueness");
    assert_eq!(done[1]["response"]["status"], "409");
    assert_eq!(
        done[3]["location"],
        format!("http://scim.test/scim/v2{lena}")
    );
    assert_eq!(
        done[8]["location"],
        format!("http://scim.test/scim/v2{max}")
    );
    client.get(&max).await.refused(404, "");
    let broken = json!([{ "method": "PATCH", "path": &lena, "data": broken }]);
    let done = bulk(&client, json!({}), broken).await;
    // BULK-025
    assert_eq!(statuses(&done), ["400"]);
    assert_eq!(client.get(&lena).await.expect(200)["title"], "x");
}

#[tokio::test]
async fn references_are_resolved_in_any_order_also_in_circles() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    let done = bulk(
        &client,
        json!({}),
        json!([
            { "method": "POST", "path": "/Groups", "bulkId": "t", "data": team("T", &["bulkId:a", "bulkId:u"]) },
            { "method": "POST", "path": "/Groups", "bulkId": "u", "data": team("U", &["bulkId:b"]) },
            { "method": "POST", "path": "/Users", "bulkId": "a", "data": managed("anna", "b") },
            { "method": "POST", "path": "/Users", "bulkId": "b", "data": managed("bert", "a") },
            { "method": "PATCH", "path": "/Users/bulkId:a",
              "data": patch(json!([{ "op": "replace", "path": "title", "value": "Boss" }])) },
        ]),
    )
    .await;
    assert_eq!(statuses(&done), ["201", "201", "201", "201", "200"]);
    let id = |at: usize| {
        let location = done[at]["location"].as_str().unwrap();
        location.rsplit('/').next().unwrap().to_owned()
    };
    let anna = client.get(&format!("/Users/{}", id(2))).await.expect(200);
    assert_eq!(anna[ENTERPRISE]["manager"]["value"], id(3));
    assert_eq!(anna["title"], "Boss");
    let bert = client.get(&format!("/Users/{}", id(3))).await.expect(200);
    assert_eq!(bert[ENTERPRISE]["manager"]["value"], id(2));
    let members = client.get(&format!("/Groups/{}", id(0))).await.expect(200)["members"].clone();
    let members: Vec<_> = members
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["value"].clone())
        .collect();
    assert!(members.contains(&json!(id(2))) && members.contains(&json!(id(1))));
    // A reference to what failed fails, and says so.
    let done = bulk(
        &client,
        json!({}),
        json!([
            { "method": "POST", "path": "/Users", "bulkId": "a", "data": user("anna") },
            { "method": "POST", "path": "/Groups", "bulkId": "v", "data": team("V", &["bulkId:a"]) },
            { "method": "POST", "path": "/Groups", "bulkId": "w", "data": team("W", &["bulkId:nobody"]) },
        ]),
    )
    .await;
    assert_eq!(done[0]["status"], "409");
    assert!(done[1]["status"].as_str().unwrap() >= "400", "{done:?}");
    assert!(done[2]["status"].as_str().unwrap() >= "400", "{done:?}");
    assert_eq!(client.ids("/Groups").await.len(), 2);
}

/// The status of each operation by its bulkId.
fn by_bulk_id(operations: &[Value]) -> Vec<(&str, &str)> {
    let bulk_ids = operations
        .iter()
        .map(|done| done["bulkId"].as_str().unwrap());
    bulk_ids.zip(statuses(operations)).collect()
}

#[tokio::test]
async fn a_circle_of_references_is_created_whole_or_not_at_all() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    client.user("lena").await;
    let (anna, bert) = (managed("anna", "b"), managed("bert", "a"));
    let taken = managed("lena", "a");
    // BULK-018, BULK-010
    for (stop, operations, expected) in [
        // The second half cannot be created.
        (
            None,
            json!([create("a", "/Users", &anna), create("b", "/Users", &taken)]),
            vec![("a", "409"), ("b", "409")],
        ),
        // The job ends with it, and what was not answered was not done.
        (
            Some(1),
            json!([create("a", "/Users", &anna), create("b", "/Users", &taken)]),
            vec![("b", "409")],
        ),
        // It ends before the second half is tried,
        (
            Some(1),
            json!([
                create("a", "/Users", &anna),
                create("x", "/Users", &user("lena")),
                create("b", "/Users", &bert),
            ]),
            vec![("x", "409")],
        ),
        // or before a circle of three is complete.
        (
            Some(1),
            json!([
                create("a", "/Users", &anna),
                create("b", "/Users", &managed("bert", "c")),
                create("x", "/Users", &user("lena")),
                create("c", "/Users", &managed("cora", "a")),
            ]),
            vec![("x", "409")],
        ),
        // The directory refuses teams in a circle, which shows when both are there.
        (
            None,
            json!([
                create("g", "/Groups", &team("G", &["bulkId:h"])),
                create("h", "/Groups", &team("H", &["bulkId:g"])),
            ]),
            vec![("g", "400"), ("h", "409")],
        ),
        (
            Some(1),
            json!([
                create("g", "/Groups", &team("G", &["bulkId:h"])),
                create("h", "/Groups", &team("H", &["bulkId:g"])),
            ]),
            vec![("g", "400")],
        ),
        // Who counts on a circle that fails, fails; others do not.
        (
            None,
            json!([
                create("t", "/Groups", &team("T", &["bulkId:a"])),
                create("a", "/Users", &anna),
                create("b", "/Users", &taken),
            ]),
            vec![("t", "409"), ("a", "409"), ("b", "409")],
        ),
        // One that refers to itself and fails is one error.
        (
            Some(2),
            json!([
                create("s", "/Users", &managed("lena", "s")),
                create("x", "/Users", &user("lena")),
            ]),
            vec![("s", "409"), ("x", "409")],
        ),
    ] {
        let more = stop.map_or(json!({}), |stop| json!({ "failOnErrors": stop }));
        let done = bulk(&client, more, operations.clone()).await;
        assert_eq!(by_bulk_id(&done), expected, "{operations}");
        for operation in &done {
            let detail = operation["response"]["detail"].as_str().unwrap();
            assert!(operation.get("location").is_none(), "{operation}");
            assert!(!detail.is_empty());
        }
        assert_eq!(client.ids("/Users").await.len(), 1, "{operations}");
        assert!(client.ids("/Groups").await.is_empty(), "{operations}");
    }
    let whole = json!([create("a", "/Users", &anna), create("b", "/Users", &bert)]);
    let done = bulk(&client, json!({ "failOnErrors": 1 }), whole).await;
    assert_eq!(by_bulk_id(&done), [("a", "201"), ("b", "201")]);
    assert_eq!(client.ids("/Users").await.len(), 3);
}

#[tokio::test]
async fn a_circle_brings_nobody_back_and_changes_nobody_who_left() {
    let house = House::new().await;
    let (tenant, client) = house.tenant("acme").await;
    let reactivation = ConnectionSettings {
        reactivation: Some(true),
        ..ConnectionSettings::default()
    };
    house.set(&tenant, reactivation).await;
    client.user("lena").await;
    let anna = format!("/Users/{}", client.user("anna").await);
    let leave = json!([{ "op": "replace", "path": "active", "value": false }]);
    client.patch(&anna, leave).await.expect(204);
    let before = client.get(&anna).await.expect(200);
    for second in ["lena", "bert"] {
        let operations = json!([
            create("a", "/Users", &managed("anna", "b")),
            create("b", "/Users", &managed(second, "a")),
        ]);
        let done = bulk(&client, json!({}), operations).await;
        assert_eq!(statuses(&done), ["409", "409"]);
        let detail = done[0]["response"]["detail"].as_str().unwrap();
        assert!(detail.contains("inactive user"), "{detail}");
        assert_eq!(client.get(&anna).await.expect(200), before);
        assert_eq!(client.ids("/Users").await.len(), 2);
    }
    // By itself the same request does.
    let alone = json!([create("a", "/Users", &user("anna"))]);
    assert_eq!(statuses(&bulk(&client, json!({}), alone).await), ["201"]);
    assert_eq!(client.get(&anna).await.expect(200)["active"], true);
}

/// A job of a circle, while the file does this to it.
async fn circle_with(triggers: &str) -> (House, Client, Vec<Value>) {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    let other = rusqlite::Connection::open(house.folder.path().join("provisor.db")).unwrap();
    other.execute_batch(triggers).unwrap();
    let operations = json!([
        create("a", "/Users", &managed("anna", "b")),
        create("b", "/Users", &managed("bert", "a")),
    ]);
    let done = bulk(&client, json!({}), operations).await;
    (house, client, done)
}

#[tokio::test]
async fn a_circle_is_undone_when_the_directory_fails_or_the_token_is_revoked() {
    const NO_MANAGER: &str = "CREATE TRIGGER broken BEFORE UPDATE OF doc ON resource
        WHEN NEW.doc LIKE '%anna%manager%' BEGIN SELECT RAISE(ABORT, 'broken'); END;";
    let (_house, client, done) = circle_with(NO_MANAGER).await;
    assert_eq!(statuses(&done), ["500", "409"]);
    assert!(client.ids("/Users").await.is_empty());

    let (house, client, done) = circle_with(
        "CREATE TRIGGER revoke AFTER INSERT ON event WHEN NEW.doc LIKE '%anna%' BEGIN
           UPDATE token SET revoked = 1;
           UPDATE counter SET n = n + 1 WHERE name = 'revision';
         END;",
    )
    .await;
    assert_eq!(statuses(&done), ["409", "401"]);
    client.get("/Users").await.refused(401, "");
    let mut snapshot = Store::read(&house.store).await.unwrap();
    let tenant = snapshot.tenant("acme").await.unwrap().unwrap().id;
    let registry = snapshot.registry(tenant).await.unwrap();
    let users = registry.by_name("User").unwrap();
    assert_eq!(snapshot.count(tenant, users).await.unwrap(), 0);

    // What cannot be removed either is named, with what to do.
    let (_house, client, done) = circle_with(&format!(
        "{NO_MANAGER} CREATE TRIGGER stays BEFORE INSERT ON tombstone
           BEGIN SELECT RAISE(ABORT, 'stays'); END;"
    ))
    .await;
    assert_eq!(statuses(&done), ["500", "500"]);
    for operation in &done {
        let detail = operation["response"]["detail"].as_str().unwrap();
        assert!(detail.contains("Delete it"), "{detail}");
        let location = operation["location"].as_str().unwrap();
        let path = location.strip_prefix("http://scim.test/scim/v2").unwrap();
        client.get(path).await.expect(200);
    }
}

#[tokio::test]
async fn a_job_stops_at_its_number_of_errors() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    client.user("lena").await;
    let operations = |turn: usize| -> Value {
        (0..300)
            .map(|number| {
                // Every tenth fails.
                let name = if number % 10 == 9 { "lena".to_owned() } else { format!("u{turn}-{number}") };
                json!({ "method": "POST", "path": "/Users", "bulkId": format!("b{number}"), "data": user(&name) })
            })
            .collect()
    };
    for (turn, most, processed) in [(0, 1, 10), (1, 2, 20), (2, 15, 150), (3, 31, 300)] {
        let done = bulk(&client, json!({ "failOnErrors": most }), operations(turn)).await;
        // BULK-010
        assert_eq!(done.len(), processed, "failOnErrors {most}");
        let failed = done.iter().filter(|done| done["status"] == "409").count();
        assert_eq!(failed, processed / 10);
        let filter = format!("/Users?count=0&filter=userName%20sw%20%22u{turn}-%22");
        let total = client.get(&filter).await.expect(200)["totalResults"].clone();
        assert_eq!(total, processed - failed);
    }
    let done = bulk(&client, json!({}), operations(4)).await;
    assert_eq!(done.len(), 300);
}

#[tokio::test]
async fn a_job_beyond_the_limits_is_413_and_a_broken_one_400() {
    let house = House::with(Settings {
        max_bulk_operations: 3,
        max_large_body: 10_000,
        ..Settings::default()
    })
    .await;
    let (_, client) = house.tenant("acme").await;
    let operation = |number: usize| {
        let data = user(&format!("u{number}"));
        json!({ "method": "POST", "path": "/Users", "bulkId": format!("b{number}"), "data": data })
    };
    let four: Vec<Value> = (0..4).map(operation).collect();
    let reply = client.post("/Bulk", job(json!({}), json!(four))).await;
    let detail = reply.refused(413, "");
    assert!(detail.contains('3'), "{detail}");
    let mut large = operation(0);
    large["data"]["title"] = json!("x".repeat(10_000));
    let reply = client.post("/Bulk", job(json!({}), json!([large]))).await;
    let detail = reply.refused(413, "");
    assert!(detail.contains("10000"), "{detail}");
    for broken in [
        json!({}),
        job(json!({}), json!({})),
        job(json!({}), json!("x")),
        job(json!({ "failOnErrors": "x" }), json!([])),
        json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [] }),
    ] {
        let reply = client.post("/Bulk", broken.clone()).await;
        assert_eq!(reply.status, 400, "{broken}");
    }
    assert!(client.ids("/Users").await.is_empty());
    let done = bulk(&client, json!({}), json!([operation(0), operation(1)])).await;
    assert_eq!(statuses(&done), ["201", "201"]);
}

#[tokio::test]
async fn others_write_while_a_large_job_runs() {
    let house = House::new().await;
    let (_, client) = house.tenant("acme").await;
    let operations: Vec<Value> = (0..1000)
        .map(|number| {
            let data = user(&format!("u{number}"));
            json!({ "method": "POST", "path": "/Users", "bulkId": format!("b{number}"), "data": data })
        })
        .collect();
    let large = {
        let client = client.clone();
        tokio::spawn(async move { bulk(&client, json!({}), json!(operations)).await })
    };
    // Until the first of the job's users is there, then beside it.
    let first = "/Users?filter=userName%20eq%20%22u0%22";
    while client.ids(first).await.is_empty() {
        assert!(!large.is_finished());
    }
    let created = client.post("/Users", user("between")).await.expect(201);
    let done = large.await.unwrap();
    assert!(done.iter().all(|done| done["status"] == "201"));
    // Ids are given in the order of writing: it came before the job's last.
    let last = done[999]["location"]
        .as_str()
        .unwrap()
        .rsplit('/')
        .next()
        .unwrap();
    assert!(
        created["id"].as_str().unwrap() < last,
        "the job let nobody between"
    );
}
