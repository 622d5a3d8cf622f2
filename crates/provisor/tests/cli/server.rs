//! `dev` and `serve`, and what commands do to a running server.

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    process::Stdio,
};

use crate::harness::{Home, finish};

#[test]
fn dev_prints_a_working_token_once() {
    let home = Home::new();
    for start in 0..2 {
        let mut child = home
            .command("dev --listen 127.0.0.1:0 --json")
            .env_remove("PROVISOR_DATABASE")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let said: serde_json::Value = serde_json::from_str(&line).unwrap();
        let address = said["address"].as_str().unwrap().replace("http://", "");
        let server = crate::harness::Server {
            child,
            address,
            rest: None,
        };
        match start {
            0 => {
                let token = said["token"].as_str().unwrap();
                assert_eq!(server.create(token, "lena@example.com").0, 201);
            }
            _ => assert!(said["token"].is_null(), "{said}"),
        }
    }
    // Without any flag, commands find what dev has made.
    let mut command = home.command("user show lena@example.com --tenant demo");
    command.env_remove("PROVISOR_DATABASE");
    assert_eq!(finish(command, "").code, 0);
}

#[test]
fn a_taken_port_and_wrong_settings_end_the_start_with_a_reason() {
    let home = Home::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let err = home.fails(1, &format!("serve --listen {address}"));
    assert!(err.contains("is taken by another program"), "{err}");
    assert!(
        !home.path("p.db").exists(),
        "nothing was made before the port was had"
    );
    home.write("p.toml", "[limits]\nmax_bdy = 1\n");
    let err = home.fails(2, "serve --config p.toml");
    assert!(
        err.contains("p.toml, line 2") && err.contains("limits.max_body"),
        "{err}"
    );
    home.fails(2, "serve --listen nowhere");
    home.fails(2, "serve --set limits.max_page=0");
    home.fails(2, "serve --config none.toml");
    home.write("bad.db", &"no database ".repeat(1000));
    home.fails(4, "serve --listen 127.0.0.1:0 --database sqlite:bad.db");
}

#[cfg(unix)]
#[test]
fn sigterm_ends_the_server_in_order() {
    let (home, token) = Home::furnished();
    let mut server = home.serve();
    assert_eq!(server.create(&token, "lena@acme.com").0, 201);
    let id = server.child.id().to_string();
    let killed = std::process::Command::new("kill")
        .arg(&id)
        .status()
        .unwrap();
    assert!(killed.success());
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    let said = server.rest.take().unwrap().join().unwrap();
    assert!(
        said.contains("Everything that was answered is stored"),
        "{said}"
    );
    home.json("user show lena@acme.com --tenant acme");
}

#[test]
fn commands_take_effect_on_the_next_request() {
    let (home, token) = Home::furnished();
    let server = home.serve();
    let status = |expected: u16| {
        let (status, body) = server.look_up(&token, "x@acme.com");
        assert_eq!(status, expected, "{body}");
    };
    status(200);
    home.ok("connection pause --tenant acme");
    status(503);
    home.ok("connection resume --tenant acme");
    status(200);
    home.ok("tenant suspend acme");
    status(403);
    home.ok("tenant resume acme");
    status(200);
    home.ok("tenant create beta");
    let beta = home.ok("token create --tenant beta --scope scim --purpose x");
    assert_eq!(server.create(beta.trim(), "kim@beta.com").0, 201);
    home.ok("token revoke tok_1 --tenant acme");
    status(401);
}

#[test]
fn why_follows_a_name_from_never_sent_to_refused() {
    let (home, token) = Home::furnished();
    let server = home.serve();
    let why = || home.json("user why lena@acme.com --tenant acme");
    assert_eq!(why()["state"], "never_sent", "{}", why());
    assert_eq!(server.look_up(&token, "lena@acme.com").0, 200);
    assert_eq!(why()["state"], "looked_up", "{}", why());
    assert_eq!(server.create(&token, "lena@acme.com").0, 201);
    assert_eq!(why()["state"], "active");
    home.ok("user deactivate lena@acme.com --tenant acme");
    let verdict = why();
    assert_eq!(verdict["state"], "inactive");
    assert!(
        verdict["sentence"].as_str().unwrap().contains("cli:anna"),
        "{verdict}"
    );
    assert_eq!(server.create(&token, "lena@acme.com").0, 409);
    let verdict = why();
    assert_eq!(verdict["state"], "refused", "{verdict}");
    assert_eq!(verdict["cause"], "reactivation_conflict", "{verdict}");

    let refused =
        home.lines("log list --tenant acme --errors --writes --cause reactivation_conflict");
    assert_eq!(refused.len(), 1, "{refused:?}");
    let request = refused[0]["request"].as_str().unwrap();
    let shown = home.json(&format!("log show {request}"));
    assert_eq!(shown["status"], 409);
    let sent = shown["request_body"]["text"].as_str().unwrap();
    assert!(sent.contains("\"userName\":\"lena@acme.com\""), "{sent}");
    assert!(!shown.to_string().contains(&token));
    assert_eq!(
        (&shown["tenant"], &shown["connection"]),
        (&"acme".into(), &"other".into()),
        "{shown}"
    );
    assert_eq!(
        home.lines("log list --tenant acme --token tok_1 --errors")
            .len(),
        1
    );
    assert!(
        home.lines("log list --tenant acme --token tok_2")
            .is_empty()
    );
    let named = home.lines("log list --tenant acme --name LENA@acme.com --status 4xx");
    assert_eq!(named.len(), 1);
    assert!(home.lines("log list --tenant acme --until 1h").is_empty());
    home.fails(3, "log show req_00000000000000000000000000");
}

#[cfg(unix)]
#[test]
fn a_reader_that_has_heard_enough_is_no_error() {
    let (home, _) = Home::furnished();
    let mut child = home
        .command("events tail --tenant acme --after 0 --follow")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    // Something to print, for which nobody listens any more.
    home.write("people.csv", "userName\nlena\n");
    home.ok("import --users people.csv --tenant acme");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn why_knows_a_former_name_from_the_log() {
    let (home, token) = Home::furnished();
    let server = home.serve();
    let (status, user) = server.create(&token, "lena@acme.com");
    assert_eq!(status, 201, "{user}");
    let path = format!("/scim/v2/Users/{}", user["id"].as_str().unwrap());
    let renamed = serde_json::json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "smith@acme.com",
    });
    let (status, user) = server.ask(&token, "PUT", &path, &renamed.to_string());
    assert_eq!(status, 200, "{user}");
    let verdict = home.json("user why lena@acme.com --tenant acme");
    assert_eq!(verdict["state"], "active", "{verdict}");
    let sentence = verdict["sentence"].as_str().unwrap();
    let said =
        "\"lena@acme.com\" was sent as a name of \"smith@acme.com\". \"smith@acme.com\" is in";
    assert!(sentence.starts_with(said), "{sentence}");
}
