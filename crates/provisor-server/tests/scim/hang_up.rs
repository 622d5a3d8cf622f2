//! Clients that hang up before they are answered: what the store has accepted is done and in the log.

use std::time::Duration;

use provisor_server::Settings;
use provisor_store::log::{LogFilter, Logged};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::{
    house::{Client, House, Tenant, user},
    wire::Wire,
};

/// A server with room for one connection: who is served next, the one before has gone.
async fn narrow() -> House {
    House::with(Settings {
        max_connections: 1,
        ..Settings::default()
    })
    .await
}

/// Sends a request whose write waits for the lock, and hangs up; the server has noticed when this returns.
async fn hang_up(house: &House, client: &Client, path: &str, body: &Value) {
    let headers = [("Content-Type", crate::wire::SCIM)];
    let bytes = client.bytes("POST", path, &headers, body.to_string().as_bytes());
    let mut wire = Wire::open(house.address).await;
    wire.send(bytes).await;
    let waiting = &house.store.metrics().waiting;
    until(|| (waiting.load(std::sync::atomic::Ordering::Relaxed) > 0).then_some(())).await;
    drop(wire);
    assert_eq!(client.get("/Users?count=0").await.status, 200);
}

/// What `look` finds; it is asked again and again.
async fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            match look() {
                Some(found) => return found,
                None => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(60), looking).await;
    found.expect("what was waited for did not come")
}

fn lock(house: &House) -> Connection {
    let other = Connection::open(house.folder.path().join("provisor.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    other
}

fn writes(house: &House, tenant: &Tenant) -> Vec<Logged> {
    house.log.flush();
    let filter = LogFilter {
        tenant: Some(tenant.id),
        limit: 100,
        ..LogFilter::default()
    };
    let mut entries = house.log.reader().entries(&filter).unwrap();
    entries.retain(|logged| logged.entry.operation.is_write());
    entries
}

async fn logged(house: &House, tenant: &Tenant) -> Logged {
    until(|| writes(house, tenant).pop()).await
}

#[tokio::test]
async fn a_change_whose_client_has_hung_up_is_made_logged_and_counted() {
    let house = narrow().await;
    let (tenant, client) = house.tenant("acme").await;
    let other = lock(&house);
    hang_up(&house, &client, "/Users", &user("lena")).await;
    other.execute_batch("ROLLBACK").unwrap();
    let entry = logged(&house, &tenant).await.entry;
    assert_eq!((entry.operation.as_str(), entry.status), ("create", 201));
    assert_eq!(entry.cause, None);
    assert!(entry.detail.contains("hung up"), "{:?}", entry.detail);
    assert!(entry.events.is_some() && entry.resource.is_some());
    assert_eq!(client.ids("/Users").await.len(), 1);
    let metrics = client.at("").send_plain("/metrics").await;
    let line = "provisor_requests_total{operation=\"create\",status=\"2xx\"} 1";
    assert!(metrics.contains(line), "{metrics}");
    // Who waits for the answer is not said to have gone.
    let reply = client.post("/Users", user("lena")).await;
    let entry = house.logged(&reply).entry;
    assert!(!entry.detail.contains("hung up"), "{:?}", entry.detail);
}

#[tokio::test]
async fn a_job_whose_client_has_hung_up_is_carried_out_to_its_end() {
    let house = narrow().await;
    let (tenant, client) = house.tenant("acme").await;
    let operations: Vec<Value> = (0..250)
        .map(|number| {
            let data = user(&format!("u{number}"));
            json!({ "method": "POST", "path": "/Users", "bulkId": format!("b{number}"), "data": data })
        })
        .collect();
    let job = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": operations,
    });
    let other = lock(&house);
    hang_up(&house, &client, "/Bulk", &job).await;
    other.execute_batch("ROLLBACK").unwrap();
    let entry = logged(&house, &tenant).await.entry;
    assert_eq!((entry.operation.as_str(), entry.status), ("bulk", 200));
    // 250 users after the events of the tenant's role and entitlement.
    assert_eq!(entry.events.map(|(first, last)| last - first), Some(249));
    let total = client.get("/Users?count=0").await.expect(200)["totalResults"].clone();
    assert_eq!(total, 250);
}

#[tokio::test]
async fn the_shutdown_waits_for_changes_whose_clients_have_hung_up() {
    let mut house = narrow().await;
    let (tenant, client) = house.tenant("acme").await;
    let other = lock(&house);
    hang_up(&house, &client, "/Users", &user("lena")).await;
    house.stop();
    other.execute_batch("ROLLBACK").unwrap();
    house.stopped().await;
    assert_eq!(writes(&house, &tenant).len(), 1);
}
