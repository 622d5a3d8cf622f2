//! Many clients and one team: no member is lost, and every answer is true.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Barrier, Mutex},
};

use serde_json::{Value, json};

use crate::{
    client::{Client, patch},
    count,
    place::Place,
    replay::{Replay, members, own},
};

const CLIENTS: usize = 64;

fn add(ids: &[&str]) -> Value {
    let members: Vec<Value> = ids.iter().map(|id| json!({ "value": id })).collect();
    patch(json!([{ "op": "add", "path": "members", "value": members }]))
}

fn remove(id: &str) -> Value {
    patch(json!([{ "op": "remove", "path": format!("members[value eq \"{id}\"]") }]))
}

fn users(scim: &mut Client, number: usize) -> Vec<String> {
    (0..number)
        .map(|n| scim.user(&format!("person{n}")))
        .collect()
}

#[test]
fn sixty_four_clients_adding_one_member_each_lose_none() {
    let place = Place::new();
    let (token, app) = (place.token(), place.app_token());
    let server = place.serve();
    let mut scim = server.client(&token);
    let people = users(&mut scim, CLIENTS);
    let rounds = count(3, 50);
    let mut clients: Vec<Client> = people.iter().map(|_| server.client(&token)).collect();
    for round in 0..rounds {
        let team = scim.team(&format!("team {round}"));
        let path = format!("/scim/v2/Groups/{team}");
        let begin = Barrier::new(CLIENTS);
        std::thread::scope(|scope| {
            for (client, person) in clients.iter_mut().zip(&people) {
                let (path, begin) = (&path, &begin);
                scope.spawn(move || {
                    begin.wait();
                    let answer = client.patch(path, &add(&[person])).expect(204);
                    assert!(answer.header("etag").is_some());
                    // The answer was true: who asks after it sees the member.
                    let team = client.get(path).expect(200).json();
                    assert!(members(&team).contains(person), "{person} is missing");
                });
            }
        });
        let team = scim.get(&path).expect(200).json();
        assert_eq!(members(&team), people.iter().cloned().collect());
    }
    let replay = Replay::of(&mut server.client(&app), |_, _| {});
    let joined = replay.events.iter();
    let joined = joined.filter(|event| event["type"] == "team.members_changed");
    assert_eq!(joined.count(), rounds * CLIENTS, "one event for each");
    replay.assert_is(&mut scim);
    println!(
        "{rounds} rounds of {CLIENTS} clients: {} members",
        rounds * CLIENTS
    );
    server.stop();
}

/// What a client was told, by the request's id.
#[derive(Debug)]
enum Told {
    /// This one is a member now.
    Added(String),
    /// This one is none now.
    Removed(String),
    /// The team, whole.
    Team(Value),
    /// The user, whole.
    User(Value),
}

#[test]
fn adds_removals_puts_and_profile_patches_mixed_equal_a_serial_order() {
    let place = Place::new();
    let (token, app) = (place.token(), place.app_token());
    let server = place.serve();
    let mut scim = server.client(&token);
    let people = users(&mut scim, CLIENTS);
    let team = scim.team("everyone");
    let path = format!("/scim/v2/Groups/{team}");
    let rounds = count(6, 50);
    let told: Mutex<BTreeMap<String, Told>> = Mutex::default();
    std::thread::scope(|scope| {
        for (number, person) in people.iter().enumerate() {
            let (people, path, told) = (&people, &path, &told);
            let mut client = server.client(&token);
            scope.spawn(move || {
                for round in 0..rounds {
                    let (answer, what) = match (number + round) % 8 {
                        0..3 => (
                            client.patch(path, &add(&[person])).expect(204),
                            Told::Added(person.clone()),
                        ),
                        3..5 => (
                            client.patch(path, &remove(person)).expect(204),
                            Told::Removed(person.clone()),
                        ),
                        5 => {
                            let some = people.iter().skip(number % 5).step_by(2);
                            let some: Vec<Value> = some.map(|id| json!({ "value": id })).collect();
                            let body = json!({
                                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
                                "displayName": format!("everyone {number} {round}"),
                                "members": some,
                            });
                            let answer = client.put(path, &body).expect(200);
                            let team = answer.json();
                            (answer, Told::Team(team))
                        }
                        _ => {
                            // Somebody else's profile, so that clients meet there too.
                            let other = &people[(number / 8 + round) % people.len()];
                            let title = json!([
                                { "op": "replace", "path": "title", "value": format!("t{number}.{round}") },
                                { "op": "replace", "path": "name.givenName", "value": format!("g{number}.{round}") },
                            ]);
                            let answer = client
                                .patch(&format!("/scim/v2/Users/{other}"), &patch(title))
                                .expect(200);
                            let user = answer.json();
                            (answer, Told::User(user))
                        }
                    };
                    let request = answer.header("x-request-id").expect("a request id").to_owned();
                    told.lock().expect("no thread panics with it").insert(request, what);
                }
            });
        }
    });
    let mut told = told.into_inner().expect("no thread panicked with it");
    let answers = told.len();
    assert_eq!(
        answers,
        CLIENTS * rounds,
        "every request has an id of its own"
    );
    // A change of several events has one request; what was told is true after the last of them.
    let mut last: BTreeMap<String, i64> = BTreeMap::new();
    let mut app = server.client(&app);
    Replay::of(&mut app, |replay, event| {
        let request = event["cause"]["request"].as_str().unwrap_or_default();
        last.insert(request.to_owned(), replay.seq);
    });
    let mut checked = 0;
    // A team is answered as it is after the commit: as it was then, or as others left it since.
    let mut pending: Vec<Value> = Vec::new();
    let is_now = |replay: &Replay, answer: &Value| {
        let now = &replay.teams[&team];
        members(answer) == now.members && own(answer) == now.attributes
    };
    let replay = Replay::of(&mut app, |replay, event| {
        pending.retain(|answer| !is_now(replay, answer));
        let request = event["cause"]["request"].as_str().unwrap_or_default();
        if last[request] != replay.seq {
            return;
        }
        let Some(what) = told.remove(request) else {
            return;
        };
        checked += 1;
        match what {
            Told::Added(person) => assert!(replay.teams[&team].members.contains(&person)),
            Told::Removed(person) => assert!(!replay.teams[&team].members.contains(&person)),
            Told::Team(answer) => {
                if !is_now(replay, &answer) {
                    pending.push(answer);
                }
            }
            Told::User(answer) => {
                let id = answer["id"].as_str().unwrap_or_default();
                assert_eq!(own(&answer), replay.users[id], "{request}");
            }
        }
    });
    assert_eq!(
        pending,
        Vec::<Value>::new(),
        "answers that no state was like"
    );
    // What has no event changed nothing: only joining and leaving may be so.
    for (request, what) in &told {
        assert!(
            matches!(what, Told::Added(_) | Told::Removed(_)),
            "{request}: {what:?}"
        );
    }
    replay.assert_is(&mut scim);
    let all: BTreeSet<&String> = people.iter().collect();
    assert_eq!(all, replay.users.keys().collect());
    println!(
        "{answers} answers, {checked} of them changes, all as in the order of {} events",
        replay.seq
    );
    server.stop();
}
