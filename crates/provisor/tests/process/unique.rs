//! Thirty-two writers want the same name: one gets it.

use std::sync::Barrier;

use serde_json::{Value, json};

use crate::{
    client::{Client, patch, user},
    count,
    place::Place,
};

const WRITERS: usize = 32;

/// Sends one request from each writer at once; gives the statuses.
fn race(
    clients: &mut [Client],
    request: impl Fn(&mut Client, usize) -> crate::client::Answer + Sync,
) -> Vec<u16> {
    let begin = Barrier::new(clients.len());
    std::thread::scope(|scope| {
        let writers: Vec<_> = clients
            .iter_mut()
            .enumerate()
            .map(|(number, client)| {
                let (begin, request) = (&begin, &request);
                scope.spawn(move || {
                    begin.wait();
                    let answer = request(client, number);
                    if answer.status == 409 {
                        let body = answer.json();
                        assert_eq!(body["scimType"], "uniqueness", "{body}");
                        assert_eq!(body["status"], "409", "{body}");
                    }
                    answer.status
                })
            })
            .collect();
        let writers = writers.into_iter();
        writers
            .map(|writer| writer.join().expect("no writer panics"))
            .collect()
    })
}

#[track_caller]
fn one_wins(statuses: &[u16], winner: u16) {
    let won = statuses.iter().filter(|status| **status == winner).count();
    let refused = statuses.iter().filter(|status| **status == 409).count();
    assert_eq!((won, refused), (1, WRITERS - 1), "{statuses:?}");
}

/// A user with a userName that is not its primary e-mail.
fn person(name: &str, email: &str) -> Value {
    let mut user = user(name);
    user["emails"][0]["value"] = email.into();
    user
}

#[test]
fn of_32_writers_racing_for_one_name_or_email_exactly_one_wins() {
    let place = Place::new();
    place
        .cli(&[
            "connection",
            "create",
            "--tenant",
            "acme",
            "--identifier",
            "email",
        ])
        .ok();
    let token = place.token();
    let server = place.serve();
    let mut scim = server.client(&token);
    let mut clients: Vec<Client> = (0..WRITERS).map(|_| server.client(&token)).collect();
    let rounds = count(2, 20);
    for round in 0..rounds {
        // POST: the same userName; the same e-mail, in another case too; one's name, another's e-mail.
        let statuses = race(&mut clients, |client, number| {
            let email = format!("post{round}.{number}@acme.example");
            client.post("/scim/v2/Users", &person(&format!("Name{round}"), &email))
        });
        one_wins(&statuses, 201);
        let statuses = race(&mut clients, |client, number| {
            let email = match number % 2 {
                0 => format!("Shared{round}@acme.example"),
                _ => format!("shared{round}@ACME.example"),
            };
            client.post(
                "/scim/v2/Users",
                &person(&format!("s{round}.{number}"), &email),
            )
        });
        one_wins(&statuses, 201);

        let ids: Vec<String> = (0..WRITERS)
            .map(|number| {
                let name = format!("user{round}.{number}");
                let body = person(&name, &format!("{name}@acme.example"));
                scim.post("/scim/v2/Users", &body).expect(201).id()
            })
            .collect();
        let path = |number: usize| format!("/scim/v2/Users/{}", ids[number]);
        let wanted = format!("wanted{round}@acme.example");
        // PUT: the same userName, then the same e-mail.
        let statuses = race(&mut clients, |client, number| {
            let email = format!("user{round}.{number}@acme.example");
            client.put(&path(number), &person(&format!("put{round}"), &email))
        });
        one_wins(&statuses, 200);
        let statuses = race(&mut clients, |client, number| {
            client.put(
                &path(number),
                &person(&format!("put{round}.{number}"), &wanted),
            )
        });
        one_wins(&statuses, 200);
        // PATCH: the same userName, then the same e-mail.
        let statuses = race(&mut clients, |client, number| {
            let name =
                json!([{ "op": "replace", "path": "userName", "value": format!("patch{round}") }]);
            client.patch(&path(number), &patch(name))
        });
        one_wins(&statuses, 200);
        let statuses = race(&mut clients, |client, number| {
            let value = format!("patched{round}@acme.example");
            let emails = json!([{ "op": "replace", "path": "emails[type eq \"work\"].value", "value": value }]);
            client.patch(&path(number), &patch(emails))
        });
        one_wins(&statuses, 200);

        // Who won is found by each lookup, alone.
        for (filter, found) in [
            (format!("userName eq \"name{round}\""), 1),
            (format!("userName eq \"patched{round}@acme.example\""), 1),
            (
                format!("emails.value eq \"patched{round}@acme.example\""),
                1,
            ),
            (
                format!("emails[value eq \"shared{round}@acme.example\"]"),
                1,
            ),
        ] {
            let query = filter.replace(' ', "%20").replace('"', "%22");
            let query = query.replace('[', "%5B").replace(']', "%5D");
            let page = scim
                .get(&format!("/scim/v2/Users?filter={query}"))
                .expect(200)
                .json();
            assert_eq!(page["totalResults"], found, "{filter}");
        }
    }
    println!("{rounds} rounds of 6 races with {WRITERS} writers");
    server.stop();
    place.assert_sound();
}

#[test]
fn a_user_name_and_anothers_primary_email_race_for_the_same_identifier() {
    let place = Place::new();
    place
        .cli(&[
            "connection",
            "create",
            "--tenant",
            "acme",
            "--identifier",
            "email",
        ])
        .ok();
    let token = place.token();
    let server = place.serve();
    let mut clients: Vec<Client> = (0..WRITERS).map(|_| server.client(&token)).collect();
    for round in 0..count(2, 20) {
        let contested = format!("both{round}@acme.example");
        let statuses = race(&mut clients, |client, number| {
            let other = format!("other{round}.{number}@acme.example");
            let body = match number % 2 {
                0 => person(&contested, &other),
                _ => person(&other, &contested),
            };
            client.post("/scim/v2/Users", &body)
        });
        one_wins(&statuses, 201);
    }
    server.stop();
}
