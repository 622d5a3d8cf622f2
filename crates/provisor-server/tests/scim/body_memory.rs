//! The memory that large request bodies may take together.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use provisor_server::Settings;
use provisor_store::{Scope, TenantId};
use rusqlite::Connection;
use tokio::task::JoinHandle;

use crate::{
    house::{Client, House},
    wire::{Reply, SCIM, Wire},
};

const KIB: usize = 1024;
/// A tenant's half has room for one body of [`LARGE`].
const MEMORY: usize = 12 * 1024 * KIB;
const LARGE: usize = 400 * KIB;
/// What is taken for one.
const TAKEN: usize = 12 * LARGE;

async fn house(body_timeout: Duration) -> House {
    House::with(Settings {
        body_memory: MEMORY,
        body_timeout,
        ..Settings::default()
    })
    .await
}

/// A team as a body of this length.
fn body(name: &str, length: usize) -> Vec<u8> {
    let start = format!(
        "{{\"schemas\":[\"urn:ietf:params:scim:schemas:core:2.0:Group\"],\"displayName\":\"{name}\""
    );
    format!("{start}{}}}", " ".repeat(length - start.len() - 1)).into_bytes()
}

fn large(client: &Client, name: &str) -> Vec<u8> {
    let headers = [("Content-Type", SCIM)];
    client.bytes("POST", "/Groups", &headers, &body(name, LARGE))
}

/// A request whose body says nothing of its length.
fn chunked(client: &Client, name: &str, length: usize) -> Vec<u8> {
    let headers = [
        ("Content-Type", SCIM),
        ("Transfer-Encoding", "chunked"),
        ("Content-Length", ""),
    ];
    let mut bytes = client.bytes("POST", "/Groups", &headers, b"");
    for chunk in body(name, length).chunks(10 * KIB) {
        bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
        bytes.extend(chunk);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}

/// The first bytes of a request that has room, so that the server reads them.
async fn begin(house: &House, bytes: &[u8]) -> Wire {
    let mut wire = Wire::open(house.address).await;
    wire.send(bytes).await;
    wire
}

/// Sends what the server may not read yet, and gets the answer.
fn send(house: &House, bytes: impl Into<Vec<u8>>) -> JoinHandle<Reply> {
    let (address, bytes) = (house.address, bytes.into());
    tokio::spawn(async move {
        let mut wire = Wire::open(address).await;
        wire.send(bytes).await;
        wire.answer(false).await.expect("an answer")
    })
}

/// Holds the directory, so that what wants to change it waits.
fn lock(house: &House) -> Connection {
    let other = Connection::open(house.folder.path().join("provisor.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    other
}

async fn a_write_waits(house: &House) {
    while house.store.metrics().waiting.load(Relaxed) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Waits until `/metrics` says that so many bytes are taken.
async fn taken(client: &Client, bytes: usize) {
    let line = format!("provisor_body_memory_bytes {bytes}\n");
    let looking = async {
        while !client.at("").send_plain("/metrics").await.contains(&line) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(60), looking).await;
    found.unwrap_or_else(|_| panic!("never {line}"));
}

#[tokio::test]
async fn large_bodies_wait_for_room_and_small_ones_do_not() {
    let house = house(Duration::from_secs(60)).await;
    let (_, client) = house.tenant("acme").await;
    let one = large(&client, "one");
    let (start, rest) = one.split_at(one.len() / 2);
    let mut first = begin(&house, start).await;
    taken(&client, TAKEN).await;
    let second = send(&house, large(&client, "two"));
    client.user("lena").await;
    // Nor does another tenant wait for them, however many there are.
    let stalled: Vec<_> = (0..5).map(|_| send(&house, start)).collect();
    let (_, other) = house.tenant("globex").await;
    client.user("kim").await;
    send(&house, large(&other, "theirs"))
        .await
        .unwrap()
        .expect(201);
    taken(&client, TAKEN).await;
    stalled.iter().for_each(JoinHandle::abort);
    first.send(rest).await;
    first.answer(false).await.unwrap().expect(201);
    second.await.unwrap().expect(201);
    taken(&client, 0).await;
    // A client that goes away gives its room back, whether it has it or waits for it.
    let first = begin(&house, start).await;
    taken(&client, TAKEN).await;
    let second = send(&house, start);
    second.abort();
    drop(first);
    taken(&client, 0).await;
}

#[tokio::test]
async fn without_room_for_a_body_the_client_is_told_to_come_again() {
    let house = house(Duration::from_secs(1)).await;
    let (_, client) = house.tenant("acme").await;
    let operator = house.api_token(TenantId::SYSTEM, &[Scope::Admin]).await;
    let operator = client.with_token(operator).at("/api/v1");
    let (_, globex) = house.tenant("globex").await;
    let other = lock(&house);
    // They have arrived and wait for the directory.
    let first = send(&house, large(&client, "one"));
    let theirs = send(&house, large(&globex, "theirs"));
    taken(&client, 2 * TAKEN).await;
    a_write_waits(&house).await;
    let refused = [
        send(&house, large(&client, "two")),
        send(&house, chunked(&client, "three", LARGE)),
    ];
    for reply in refused {
        let reply = reply.await.unwrap();
        reply.check();
        let detail = reply.refused(503, "");
        assert!(detail.contains("Nothing was changed"), "{detail}");
        assert!(reply.header("retry-after").unwrap().parse::<u32>().is_ok());
        assert_eq!(house.cause(&reply), "overloaded");
    }
    // The API takes from the same whole.
    let headers = [("Content-Type", "application/json")];
    let bytes = operator.bytes("POST", "/tenants", &headers, &body("x", LARGE));
    let refused = send(&house, bytes).await.unwrap();
    assert_eq!(refused.expect(503)["error"]["code"], "overloaded");
    assert!(refused.header("retry-after").is_some());
    other.execute_batch("ROLLBACK").unwrap();
    first.await.unwrap().expect(201);
    theirs.await.unwrap().expect(201);
    taken(&client, 0).await;
    for bytes in [large(&client, "two"), chunked(&client, "three", LARGE)] {
        send(&house, bytes).await.unwrap().expect(201);
    }
    taken(&client, 0).await;
}

#[tokio::test]
async fn half_sent_bodies_that_hold_all_the_memory_resolve() {
    let house = house(Duration::from_secs(1)).await;
    let (_, client) = house.tenant("acme").await;
    let mut half = Vec::new();
    for number in 0..20 {
        let name = format!("team{number}");
        // Each of the second kind holds a part and comes to want more.
        let (bytes, end) = match number % 2 {
            0 => (large(&client, &name), LARGE / 2),
            _ => (chunked(&client, &name, LARGE), LARGE - 10 * KIB),
        };
        half.push(send(&house, &bytes[..end]));
    }
    for reply in half {
        let reply = reply.await.unwrap();
        assert!(matches!(reply.status, 400 | 503), "{}", reply.status);
    }
    taken(&client, 0).await;
    send(&house, large(&client, "whole"))
        .await
        .unwrap()
        .expect(201);
    assert_eq!(client.ids("/Groups").await.len(), 1);
}

#[tokio::test]
async fn a_body_that_costs_more_than_there_is_takes_all_and_is_served_alone() {
    let house = house(Duration::from_secs(60)).await;
    let (_, client) = house.tenant("acme").await;
    let headers = [("Content-Type", SCIM)];
    let huge = client.bytes("POST", "/Groups", &headers, &body("huge", 2 * MEMORY));
    let all: Vec<_> = (0..3).map(|_| send(&house, huge.clone())).collect();
    for reply in all {
        reply.await.unwrap().expect(201);
    }
    let unannounced = chunked(&client, "unannounced", 2 * MEMORY);
    send(&house, unannounced).await.unwrap().expect(201);
    taken(&client, 0).await;
}
