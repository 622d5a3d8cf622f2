//! `kill -9` under load: what was acknowledged is there, nothing is half there.

use std::{
    collections::{HashMap, HashSet},
    io::{BufRead, BufReader, Write},
    time::Duration,
};

use provisor_store::{
    Actor, Change, Clock, Id, Origin, Outcome, RequestId, Store, TenantId,
    sqlite::{SqliteSettings, SqliteStore},
};
use scim::{Profile, Registry};
use serde_json::json;

use super::{File, child, plain};
use crate::contract::{bench, members::Dice};

const TENANT: TenantId = TenantId(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_by_a_kill() {
    let rounds = if std::env::var_os("LONG").is_some() {
        20
    } else {
        5
    };
    let file = File::new();
    let mut dice = Dice(0x1234_5678_9abc_def1 ^ u64::from(std::process::id()));
    // userName → id of what was acknowledged; and who was acknowledged as a member.
    let mut known: HashMap<String, Id> = HashMap::new();
    let mut joined: Vec<Id> = Vec::new();
    for round in 0..rounds {
        let mut process = child::command("sqlite::crash::writes_until_killed", &file.path(), None)
            .env("ROUND", round.to_string())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (lines, said) = std::sync::mpsc::channel();
        let reader = std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = lines.send(line);
            }
        });
        // Not before it writes.
        let first = said.recv_timeout(Duration::from_secs(60)).unwrap();
        let mut all = vec![first];
        while !all.iter().any(|line| line.starts_with("made ")) {
            all.push(said.recv_timeout(Duration::from_secs(60)).unwrap());
        }
        let pause = Duration::from_millis(dice.roll(700) as u64);
        tokio::time::sleep(pause).await;
        process.kill().unwrap();
        process.wait().unwrap();
        reader.join().unwrap();
        all.extend(said.try_iter());
        let mut acknowledged = 0;
        for line in &all {
            let words: Vec<_> = line.split(' ').collect();
            match words[..] {
                ["made", name, id] => {
                    known.insert(name.to_owned(), id.parse().unwrap());
                    acknowledged += 1;
                }
                ["joined", id] => joined.push(id.parse().unwrap()),
                _ => {}
            }
        }
        assert!(acknowledged > 0);

        let store =
            SqliteStore::open(&file.path(), SqliteSettings::default(), Clock::system()).unwrap();
        assert_eq!(store.check().unwrap(), Vec::<String>::new());
        let registry = Registry::builtin();
        let mut view = store.read().await.unwrap();
        for (name, id) in &known {
            let stored = view
                .get(TENANT, registry.user(), *id, true, false)
                .await
                .unwrap();
            let stored = stored.unwrap_or_else(|| panic!("{name} was acknowledged and is lost"));
            assert_eq!(bench::attributes(&stored)["userName"], **name);
            // Created with its keys and its event, all or nothing.
            let events = view.events_of(TENANT, *id, 10).await.unwrap();
            assert_eq!(events.len(), 1);
        }
        let team = team(&store).await;
        let members = view.members(TENANT, team, None, usize::MAX).await;
        let members: HashSet<Id> = members.unwrap().unwrap().iter().map(|it| it.id).collect();
        for id in &joined {
            assert!(members.contains(id), "a membership is lost");
        }
        let (events, last) = view.events(TENANT, 0, usize::MAX).await.unwrap();
        assert!(events.iter().map(|event| event.seq).eq(1..=last));
        drop(view);
        drop(store);
    }
    assert!(!joined.is_empty());
}

/// The only team.
async fn team(store: &SqliteStore) -> Id {
    let registry = Registry::builtin();
    let search = provisor_store::Search {
        types: vec![(registry.group().clone(), None)],
        ..plain::search("")
    };
    let mut view = store.read().await.unwrap();
    view.search(TENANT, &search)
        .await
        .unwrap()
        .unwrap()
        .resources[0]
        .id
}

/// The child of the test above.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_until_killed() {
    let Some(path) = child::path() else {
        return;
    };
    let round = std::env::var("ROUND").unwrap();
    let store = SqliteStore::open(&path, SqliteSettings::default(), Clock::system()).unwrap();
    if round == "0" {
        plain::tenant(&store).await.unwrap();
        plain::create(&store, TENANT, "Group", json!({ "displayName": "T" }))
            .await
            .unwrap();
    }
    let team = team(&store).await;
    let mut tasks = Vec::new();
    for writer in 0..16 {
        let (store, round) = (store.clone(), round.clone());
        tasks.push(tokio::spawn(async move {
            let registry = Registry::builtin();
            let origin = || Origin {
                tenant: TENANT,
                request: RequestId::random(),
                actor: Actor::System,
                address: None,
            };
            for number in 0..1_000_000 {
                let name = format!("r{round}-w{writer}-{number}");
                let kind = registry.user().clone();
                let incoming = bench::read(&kind, json!({ "userName": name, "displayName": name }), &Profile::GENERIC).unwrap();
                let made = store.write(origin(), Change::Create { kind, incoming, half: false }).await.unwrap();
                let Outcome::Resource(written) = made else {
                    panic!("not made");
                };
                let id = written.stored.id;
                say(&format!("made {name} {id}"));
                if number % 3 == 0 {
                    let kind = registry.group().clone();
                    let add = json!([{ "op": "add", "path": "members", "value": [{ "value": id.to_string() }] }]);
                    let patch = bench::read_patch(&kind, add, &Profile::GENERIC).unwrap();
                    let change = Change::Patch { kind, id: team, patch, precondition: None };
                    store.write(origin(), change).await.unwrap();
                    say(&format!("joined {id}"));
                }
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

/// One whole line at once, as soon as the change is acknowledged.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}
