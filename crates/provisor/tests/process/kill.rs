//! `kill -9` under load: what was acknowledged is there, and nothing is there by half.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    client::{Client, patch, user},
    count, pause,
    place::{Place, assert_sound},
    replay::{Replay, members},
};

const WRITERS: usize = 12;
/// People in the directory from the beginning, for the teams.
const PEOPLE: usize = 8;

/// What one writer knows: each of its resources has nobody else who writes it.
#[derive(Debug)]
struct Writer {
    number: usize,
    /// Its user, and the number last written into it and acknowledged.
    user: String,
    done: usize,
    /// Its team, and the number that name and members last said and was acknowledged.
    team: String,
    team_done: usize,
    /// Users it made and was told of; users it deleted and was told of.
    made: BTreeSet<String>,
    deleted: BTreeSet<String>,
    /// A DELETE without an answer.
    unsure: Option<String>,
    /// The number that was on its way when the server went.
    trying: usize,
}

fn people_of(number: usize, people: &[String]) -> BTreeSet<String> {
    let chosen = people.iter().enumerate();
    let chosen = chosen.filter(|(at, _)| number >> at & 1 == 1);
    chosen.map(|(_, id)| id.clone()).collect()
}

impl Writer {
    fn new(scim: &mut Client, number: usize) -> Self {
        let user = scim.user(&format!("writer{number}"));
        Self {
            number,
            user,
            done: 0,
            team: scim.team(&format!("team{number} 0")),
            team_done: 0,
            made: BTreeSet::new(),
            deleted: BTreeSet::new(),
            unsure: None,
            trying: 0,
        }
    }

    /// Writes until the server is gone.
    fn write(&mut self, client: &mut Client, people: &[String], round: usize, written: &AtomicU64) {
        loop {
            self.trying = self.done.max(self.team_done) + 1;
            let n = self.trying;
            // One change of two attributes: both or none.
            let both = patch(json!([
                { "op": "replace", "path": "title", "value": format!("n{n}") },
                { "op": "replace", "path": "nickName", "value": format!("n{n}") },
            ]));
            match client.send(
                "PATCH",
                &format!("/scim/v2/Users/{}", self.user),
                Some(&both),
            ) {
                Ok(answer) => answer.expect(200),
                Err(_) => return,
            };
            self.done = n;
            // One change of a name and of rows in another table.
            let value: Vec<Value> = people_of(n, people)
                .into_iter()
                .map(|id| json!({ "value": id }))
                .collect();
            let team = json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
                "displayName": format!("team{} {n}", self.number),
                "members": value,
            });
            match client.send(
                "PUT",
                &format!("/scim/v2/Groups/{}", self.team),
                Some(&team),
            ) {
                Ok(answer) => answer.expect(200),
                Err(_) => return,
            };
            self.team_done = n;
            let new = user(&format!("new{}.{round}.{n}", self.number));
            match client.send("POST", "/scim/v2/Users", Some(&new)) {
                Ok(answer) => self.made.insert(answer.expect(201).id()),
                Err(_) => return,
            };
            if n.is_multiple_of(3) {
                let gone = self.made.pop_first().expect("it made one just now");
                match client.send("DELETE", &format!("/scim/v2/Users/{gone}"), None) {
                    Ok(answer) => answer.expect(204),
                    Err(_) => {
                        self.unsure = Some(gone);
                        return;
                    }
                };
                self.deleted.insert(gone);
            }
            written.fetch_add(3, Relaxed);
        }
    }

    /// What it was told is what is there; what it was not told is there whole or not at all.
    fn compare(&mut self, state: &Replay, people: &[String]) {
        let user = &state.users[&self.user];
        assert_eq!(
            user.get("title"),
            user.get("nickName"),
            "half a change: {user:?}"
        );
        let title = number(user.get("title"), "n");
        assert!(
            title == self.done || title == self.trying,
            "title {title} of {self:?}"
        );
        let team = &state.teams[&self.team];
        let prefix = format!("team{} ", self.number);
        let name = number(team.attributes.get("displayName"), &prefix);
        assert!(
            name == self.team_done || name == self.trying,
            "name {name} of {self:?}"
        );
        assert_eq!(
            team.members,
            people_of(name, people),
            "half a change: {team:?}"
        );
        for id in &self.made {
            assert!(state.users.contains_key(id), "user {id} is lost");
        }
        for id in &self.deleted {
            assert!(!state.users.contains_key(id), "user {id} is back");
        }
        if let Some(id) = self.unsure.take()
            && state.users.contains_key(&id)
        {
            self.made.insert(id);
        }
        (self.done, self.team_done) = (title, name);
    }
}

fn number(value: Option<&Value>, prefix: &str) -> usize {
    let Some(text) = value.and_then(Value::as_str) else {
        return 0;
    };
    let number = text.strip_prefix(prefix).and_then(|rest| rest.parse().ok());
    number.unwrap_or_else(|| panic!("{text} has another form"))
}

#[test]
fn kill_9_under_load_loses_nothing_acknowledged_and_leaves_nothing_half_done() {
    let place = Place::new();
    let (token, app) = (place.token(), place.app_token());
    let mut server = place.serve();
    let mut scim = server.client(&token);
    let people: Vec<String> = (0..PEOPLE)
        .map(|n| scim.user(&format!("person{n}")))
        .collect();
    let mut writers: Vec<Writer> = (0..WRITERS).map(|n| Writer::new(&mut scim, n)).collect();
    let written = AtomicU64::new(0);
    let rounds = count(3, 20);
    let mut random = 88_172_645_463_325_252_u64;
    for round in 0..rounds {
        std::thread::scope(|scope| {
            for writer in &mut writers {
                let (people, written) = (&people, &written);
                let mut client = server.client(&token);
                scope.spawn(move || writer.write(&mut client, people, round, written));
            }
            // Any moment is good: a xorshift only spreads them.
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            pause(Duration::from_micros(50_000 + random % 700_000));
            server.kill();
        });
        assert!(!server.said().contains("panicked"), "{}", server.said());
        if round % 2 == 0 {
            // As it was left, before a server has cleaned up. Else a server comes first.
            assert_sound(&place.database());
        }
        server = place.serve();
        let state = Replay::of(&mut server.client(&app), |_, _| {});
        state.assert_is(&mut server.client(&token));
        for writer in &mut writers {
            writer.compare(&state, &people);
        }
        place.assert_sound();
    }
    let mut scim = server.client(&token);
    let path = format!("/scim/v2/Groups/{}", writers[0].team);
    let team = scim.get(&path).expect(200).json();
    assert_eq!(members(&team), people_of(writers[0].team_done, &people));
    println!(
        "killed {rounds} times; {} acknowledged writes are all there",
        written.load(Relaxed)
    );
    server.stop();
    place.assert_sound();
}
