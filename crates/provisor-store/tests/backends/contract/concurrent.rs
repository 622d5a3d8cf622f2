//! Many at once.

use std::{
    collections::{BTreeSet, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use provisor_store::{
    Change, Event, Id, Identifier, Origin, Store, WriteError, change::ConnectionSettings,
};
use scim::{Profile, ResourceType, Value};
use serde_json::json;

use super::{
    bench::{Bench, read, read_patch, refs},
    members::Dice,
};

/// Writes from a task of its own.
struct Writer {
    store: Arc<dyn Store>,
    origin: Origin,
    kind: Arc<ResourceType>,
}

impl Writer {
    async fn new(bench: &Bench, kind: &str, store: Arc<dyn Store>) -> Self {
        Self {
            store,
            origin: bench.origin(&bench.caller().await),
            kind: bench.kind(kind).await,
        }
    }

    async fn patch(&self, id: Id, operations: Value) {
        let change = Change::Patch {
            kind: self.kind.clone(),
            id,
            patch: read_patch(&self.kind, operations, &Profile::GENERIC).unwrap(),
            precondition: None,
        };
        self.store.write(self.origin.clone(), change).await.unwrap();
    }

    async fn put(&self, id: Id, body: Value) {
        let change = Change::Replace {
            kind: self.kind.clone(),
            id,
            incoming: read(&self.kind, body, &Profile::GENERIC).unwrap(),
            precondition: None,
        };
        self.store.write(self.origin.clone(), change).await.unwrap();
    }

    async fn post(&self, body: Value) -> Result<(), WriteError> {
        let incoming = read(&self.kind, body, &Profile::GENERIC).unwrap();
        let kind = self.kind.clone();
        let change = Change::Create {
            kind,
            incoming,
            half: false,
        };
        self.store
            .write(self.origin.clone(), change)
            .await
            .map(drop)
    }
}

pub(crate) async fn no_added_member_is_lost(bench: &Bench) {
    let users = bench.users(640).await;
    let team = bench.team("T", &[]).await;
    // Two handles, as of two processes.
    let second = bench.backend.open(bench.clock.clone());
    let mut tasks = Vec::new();
    for (at, chunk) in users.chunks(10).enumerate() {
        let store = match at % 2 {
            0 => bench.store.clone(),
            _ => second.clone(),
        };
        let writer = Writer::new(bench, "Group", store).await;
        let chunk = chunk.to_vec();
        tasks.push(tokio::spawn(async move {
            for id in chunk {
                let add = json!([{ "op": "add", "path": "members", "value": refs(&[id]) }]);
                writer.patch(team, add).await;
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(bench.members(team).await, users);
    assert_eq!(bench.version("Group", team).await, 641);
}

/// What a reader of the events takes for the membership of a team.
fn replayed(events: &[Event], team: Id) -> BTreeSet<String> {
    let mut members = BTreeSet::new();
    for event in events.iter().filter(|event| event.resource == team) {
        let list = |name: &str| {
            let ids = event.detail.get(name).and_then(Value::as_array).cloned();
            let ids = ids.unwrap_or_default();
            ids.into_iter()
                .map(|id| id.as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        for id in list("removed") {
            assert!(members.remove(&id), "{id} was no member");
        }
        for id in list("added") {
            assert!(members.insert(id), "was a member already");
        }
    }
    members
}

pub(crate) async fn membership_follows_the_order_of_events(bench: &Bench) {
    let users = bench.users(40).await;
    let team = bench.team("T", &users[..10]).await;
    let mut tasks = Vec::new();
    for seed in 1..=8 {
        let writer = Writer::new(bench, "Group", bench.store.clone()).await;
        let users = users.clone();
        tasks.push(tokio::spawn(async move {
            let mut dice = Dice(0x9e37_79b9_7f4a_7c15 + seed);
            for _ in 0..40 {
                let some = refs(&dice.some(&users));
                match dice.roll(8) {
                    0 => writer.put(team, json!({ "displayName": "T", "members": some })).await,
                    1 => writer.patch(team, json!([{ "op": "replace", "path": "members", "value": some }])).await,
                    2 => writer.patch(team, json!([{ "op": "replace", "path": "displayName", "value": format!("T{seed}") }])).await,
                    3 | 4 => writer.patch(team, json!([{ "op": "remove", "path": "members", "value": some }])).await,
                    _ => writer.patch(team, json!([{ "op": "add", "path": "members", "value": some }])).await,
                }
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let members: BTreeSet<_> = bench
        .members(team)
        .await
        .iter()
        .map(Id::to_string)
        .collect();
    let events = bench.events().await;
    assert_eq!(members, replayed(&events, team));
    // Each request that changed the team made one version.
    let requests: Vec<_> = events
        .iter()
        .filter(|event| event.resource == team)
        .collect();
    assert!(i64::try_from(requests.len()).unwrap() >= bench.version("Group", team).await);
}

pub(crate) async fn events_are_dense_for_a_reader_beside_writers(bench: &Bench) {
    let done = Arc::new(AtomicBool::new(false));
    let second = bench.backend.open(bench.clock.clone());
    let start = bench.last_seq().await;
    let tail = {
        let (store, done, tenant) = (second.clone(), done.clone(), bench.tenant);
        tokio::spawn(async move {
            let mut next = start;
            loop {
                let last_round = done.load(Relaxed);
                let mut view = store.read().await.unwrap();
                let (events, last) = view.events(tenant, next, 100).await.unwrap();
                for event in &events {
                    next += 1;
                    assert_eq!(event.seq, next);
                }
                assert!(next == last || events.len() == 100);
                if last_round && events.is_empty() {
                    return next;
                }
                drop(view);
                tokio::task::yield_now().await;
            }
        })
    };
    let mut tasks = Vec::new();
    for writer_number in 0..16 {
        let store = match writer_number % 4 {
            0 => second.clone(),
            _ => bench.store.clone(),
        };
        let writer = Writer::new(bench, "User", store).await;
        tasks.push(tokio::spawn(async move {
            for number in 0..50 {
                let body = json!({ "userName": format!("w{writer_number}-{number}") });
                writer.post(body.clone()).await.unwrap();
                if number % 10 == 0 {
                    writer.post(body).await.unwrap_err();
                }
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    done.store(true, Relaxed);
    assert_eq!(tail.await.unwrap(), start + 800);
    let created: HashSet<Id> = bench
        .events_after(start)
        .await
        .iter()
        .map(|it| it.resource)
        .collect();
    assert_eq!(created.len(), 800);
    let ids = bench.find("User", "").await;
    assert!(ids.is_sorted());
    assert_eq!(ids.len(), 800);
}

/// Switching to e-mail as the identifier beside writers that would break it: either the switch is
/// refused, or nobody gets an address that somebody has.
pub(crate) async fn an_identifier_is_unique_from_the_switch_on(bench: &Bench) {
    const ROUNDS: usize = 12;
    const ADDRESSES: usize = 20;
    let second = bench.backend.open(bench.clock.clone());
    let set = async |identifier| {
        let settings = ConnectionSettings {
            identifier: Some(identifier),
            ..ConnectionSettings::default()
        };
        bench.set(settings).await
    };
    for round in 0..ROUNDS {
        let mut tasks = Vec::new();
        for number in 0..4 {
            let store = match number % 2 {
                0 => bench.store.clone(),
                _ => second.clone(),
            };
            let writer = Writer::new(bench, "User", store).await;
            tasks.push(tokio::spawn(async move {
                for address in 0..ADDRESSES {
                    let body = json!({
                        "userName": format!("user-{round}-{number}-{address}"),
                        "emails": [{ "value": format!("{round}-{address}@x.org"), "primary": true }],
                    });
                    // Refused once the switch is made.
                    let _ = writer.post(body).await;
                }
            }));
        }
        let switched = set(Identifier::Email).await.is_ok();
        for task in tasks {
            task.await.unwrap();
        }
        let mut users = Vec::new();
        for address in 0..ADDRESSES {
            let filter = format!("emails.value eq \"{round}-{address}@x.org\"");
            let holders = bench.find("User", &filter).await;
            assert!(
                !switched || holders.len() <= 1,
                "{holders:?} share an address in round {round}"
            );
            users.extend(holders);
        }
        if !switched {
            set(Identifier::Email).await.unwrap_err();
        }
        set(Identifier::UserName).await.unwrap();
        for user in users {
            bench.delete("User", user).await.unwrap();
        }
        // Without twins it can be switched, and with it no twin comes.
        set(Identifier::Email).await.unwrap();
        set(Identifier::UserName).await.unwrap();
    }
}
