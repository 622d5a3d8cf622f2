//! Commands beside a loaded server: they count from the next request on, and nobody gets a 500.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    client::{Client, patch, user},
    count, pause,
    place::{Place, Server, assert_sound, write},
    replay::Replay,
};

const CLIENTS: usize = 8;

/// What the load was answered since somebody last looked.
#[derive(Debug, Default)]
pub(crate) struct Load {
    stop: AtomicBool,
    requests: AtomicU64,
    slowest: Mutex<Duration>,
}

impl Load {
    pub(crate) fn stop(&self) {
        self.stop.store(true, Relaxed);
    }

    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }

    fn slowest(&self) -> Duration {
        std::mem::take(&mut *self.slowest.lock().expect("no client panics with it"))
    }

    /// Creates, reads, changes and deletes until told to stop; each answer must be the right one.
    /// `made` hears of every user that stays, as soon as its creation is acknowledged.
    pub(crate) fn client(&self, client: &mut Client, number: usize, made: &mut dyn FnMut(String)) {
        for n in 0.. {
            if self.stop.load(Relaxed) {
                return;
            }
            let mut timed = |method: &str, path: &str, body: Option<&Value>, status: u16| {
                let begun = Instant::now();
                let answer = client.send(method, path, body).expect("the server stays");
                let answer = answer.expect(status);
                let took = begun.elapsed();
                let mut slowest = self.slowest.lock().expect("no client panics with it");
                *slowest = slowest.max(took);
                self.requests.fetch_add(1, Relaxed);
                answer
            };
            let body = user(&format!("load{number}.{n}"));
            let id = timed("POST", "/scim/v2/Users", Some(&body), 201).id();
            let path = format!("/scim/v2/Users/{id}");
            timed("GET", &path, None, 200);
            let title = patch(json!([{ "op": "add", "path": "title", "value": "x" }]));
            timed("PATCH", &path, Some(&title), 200);
            if n % 2 == 0 {
                timed("DELETE", &path, None, 204);
                timed("GET", &path, None, 404);
            } else {
                made(id);
            }
        }
    }
}

#[test]
fn commands_beside_a_loaded_server_count_at_once_and_disturb_nobody() {
    let place = Place::new();
    let (token, app) = (place.token(), place.app_token());
    let server = place.serve();
    let load = Load::default();
    let mut report = Vec::new();
    std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (load, mut client) = (&load, server.client(&token));
            scope.spawn(move || load.client(&mut client, number, &mut |_| {}));
        }
        // The load ends, however the commands go.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            pause(Duration::from_millis(500));
            report.push(("no command", load.slowest()));
            for round in 0..count(2, 10) {
                commands(&place, &server, &app, round, &mut |name| {
                    report.push((name, load.slowest()));
                });
            }
        }));
        load.stop();
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    });
    println!(
        "{} requests of the load; its slowest beside",
        load.requests()
    );
    for (name, slowest) in report {
        println!("  {name:<16} {:6.1} ms", slowest.as_secs_f64() * 1000.0);
    }
    let state = Replay::of(&mut server.client(&app), |_, _| {});
    state.assert_is(&mut server.client(&token));
    server.stop();
    place.assert_sound();
}

/// Each command once, and the next request after it.
fn commands(
    place: &Place,
    server: &Server,
    app: &str,
    round: usize,
    done: &mut dyn FnMut(&'static str),
) {
    const USERS: &str = "/scim/v2/Users?count=1";
    let key = format!("globex{round}");
    place.cli(&["tenant", "create", &key]).ok();
    done("tenant create");
    let arguments = [
        "token",
        "create",
        "--tenant",
        &key,
        "--scope",
        "scim",
        "--purpose",
        "p",
    ];
    let token = place.cli(&arguments).ok().trim().to_owned();
    done("token create");
    let mut scim = server.client(&token);
    let page = scim.get(USERS).expect(200).json();
    assert_eq!(page["totalResults"], 0);

    place.cli(&["connection", "pause", "--tenant", &key]).ok();
    let paused = scim.get(USERS).expect(503);
    assert_eq!(paused.header("retry-after"), Some("300"));
    assert_eq!(paused.json()["status"], "503");
    done("pause");
    place.cli(&["connection", "resume", "--tenant", &key]).ok();
    scim.get(USERS).expect(200);
    done("resume");

    let list = place
        .cli(&["token", "list", "--tenant", &key, "--json"])
        .ok();
    let listed: Value = serde_json::from_str(list.lines().next().expect("a token"))
        .expect("token list --json prints JSON");
    let id = listed["id"].as_str().expect("a token has an id");
    place.cli(&["token", "revoke", id, "--tenant", &key]).ok();
    let refused = scim.get(USERS).expect(401);
    assert!(refused.header("www-authenticate").is_some());
    done("token revoke");

    let people = count(300, 1000);
    let mut csv = String::from("email,userName,givenName,app_id\n");
    for n in 0..people {
        csv.push_str(&format!(
            "p{n}.{round}@acme.example,p{n}.{round},Pia,app-{n}\n"
        ));
    }
    let file = place.path(&format!("people{round}.csv"));
    write(&file, csv.as_bytes());
    let file = file.display().to_string();
    let tally = place
        .cli(&["import", "--users", &file, "--tenant", "acme", "--json"])
        .ok();
    let tally: Value = serde_json::from_str(&tally).expect("import --json prints JSON");
    assert_eq!(
        (&tally["created"], &tally["refused"]),
        (&json!(people), &json!(0))
    );
    done("import --users");
    let mut app = server.client(app);
    let events = Replay::of(&mut app, |_, _| {});
    let imported = events.users.values();
    let mine = format!(".{round}@acme.example");
    let imported = imported.filter(|user| {
        let email = user["emails"][0]["value"].as_str().unwrap_or_default();
        email.starts_with('p') && email.ends_with(&mine)
    });
    assert_eq!(imported.count(), people);

    let copy = place.path(&format!("backup{round}.db"));
    place.cli(&["backup", &copy.display().to_string()]).ok();
    done("backup");
    assert_sound(&copy);
    place.cli(&["doctor"]).ok();
    done("doctor");
    place.cli(&["tenant", "delete", &key, "--force"]).ok();
    server.client(&token).get(USERS).expect(401);
    done("tenant delete");
}
