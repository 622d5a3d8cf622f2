//! SIGTERM while writes are under way: they are answered, and what was answered stays.

use std::{
    collections::BTreeSet,
    io::{Read, Write},
    net::TcpStream,
    sync::mpsc,
    time::Duration,
};

use crate::{
    client::user,
    count, pause,
    place::Place,
    replay::{self, Replay},
};

const WRITERS: usize = 16;

#[test]
fn sigterm_lets_open_requests_finish_and_loses_nothing() {
    let place = Place::new();
    let (token, app) = (place.token(), place.app_token());
    let mut all = BTreeSet::new();
    let rounds = count(3, 20);
    for round in 0..rounds {
        let server = place.serve();
        let (made, ids) = mpsc::channel();
        std::thread::scope(|scope| {
            for writer in 0..WRITERS {
                let made = made.clone();
                let mut client = server.client(&token);
                scope.spawn(move || {
                    for n in 0.. {
                        let body = user(&format!("user{round}.{writer}.{n}"));
                        match client.send("POST", "/scim/v2/Users", Some(&body)) {
                            Ok(answer) => made.send(answer.expect(201).id()).expect("it is read"),
                            Err(_) => return,
                        }
                    }
                });
            }
            pause(Duration::from_millis(150));
            server.terminate();
        });
        drop(made);
        let done = server.end();
        assert_eq!(done.code, Some(0), "{done:?}");
        assert!(!done.stderr.contains("panicked"), "{done:?}");
        assert!(
            done.stderr
                .contains("Everything that was answered is stored"),
            "{done:?}"
        );
        let made: Vec<String> = ids.iter().collect();
        assert!(!made.is_empty());
        all.extend(made);
    }
    let server = place.serve();
    let state = Replay::of(&mut server.client(&app), |_, _| {});
    state.assert_is(&mut server.client(&token));
    for id in &all {
        assert!(
            state.users.contains_key(id),
            "user {id} was acknowledged and is lost"
        );
    }
    println!(
        "stopped {rounds} times; {} acknowledged users, {} there",
        all.len(),
        state.users.len()
    );
    server.stop();
    place.assert_sound();
}

#[test]
fn a_request_that_has_begun_when_sigterm_comes_is_answered() {
    let place = Place::new();
    let token = place.token();
    let server = place.serve();
    let body = user("slow").to_string();
    let (first, rest) = body.split_at(20);
    let mut stream = TcpStream::connect(server.address).expect("it listens");
    let head = format!(
        "POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/scim+json\r\nContent-Length: {}\r\n\r\n{first}",
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("it reads");
    // It has been read when a request sent after it is answered.
    server.client(&token).get("/scim/v2/Users").expect(200);
    pause(Duration::from_millis(100));
    server.terminate();
    while !server.said().contains("Stopping") {
        pause(Duration::from_millis(10));
    }
    stream.write_all(rest.as_bytes()).expect("it still reads");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .expect("it answers and closes");
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert_eq!(server.end().code, Some(0));
    let server = place.serve();
    let users = replay::list(&mut server.client(&token), "Users");
    assert_eq!(users.len(), 1);
    server.stop();
}
