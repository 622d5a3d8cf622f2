//! `provisor check`: reports, exit codes, and that nothing is left behind.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::harness::{Home, Server, finish};

/// A home with a server and a token file, and the command up to its options.
fn ready() -> (Home, Server, String, String) {
    let (home, token) = Home::furnished();
    let server = home.serve();
    home.write("token", &token);
    let command = format!("check http://{}/scim/v2 --token-file token", server.address);
    (home, server, token, command)
}

fn users(server: &Server, token: &str) -> u64 {
    let (_, body) = server.ask(token, "GET", "/scim/v2/Users?count=0", "");
    body["totalResults"].as_u64().unwrap()
}

#[test]
fn our_own_server_passes_and_keeps_nothing() {
    let (home, server, token, command) = ready();
    home.ok("tenant create beta");
    let beta = home.ok("token create --tenant beta --scope scim --purpose test");
    home.write("beta", &beta);
    let files = "--second-token-file beta --junit j.xml --markdown m.md --json j.json";
    let out = home.ok(&format!("{command} {files}"));
    let sum = out.lines().last().unwrap();
    assert!(sum.contains(" passed, 0 failed, "), "{out}");
    assert!(sum.ends_with(" 0 not run"), "{sum}");
    assert_eq!(users(&server, &token), 0);
    let read = |name: &str| std::fs::read_to_string(home.path(name)).unwrap();
    let json: Value = serde_json::from_str(&read("j.json")).unwrap();
    assert_eq!(json["total"]["failed"], 0);
    assert_eq!(json["left_over"], serde_json::json!([]));
    assert!(read("j.xml").contains("<testsuite name=\"PAT\""));
    assert!(read("m.md").starts_with("# SCIM conformance of http://"));
    for text in [out, read("j.json"), read("j.xml"), read("m.md")] {
        assert!(!text.contains(token.as_str()) && !text.contains(beta.trim()));
    }
}

#[test]
fn a_broken_must_ends_with_1_and_is_shown() {
    let (home, _server, token, command) = ready();
    // The connection forgives what this profile does not.
    let ran = home.run(&format!(
        "{command} --profile rfc --only schemas_are_required"
    ));
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains("breaks a MUST"), "{ran:?}");
    for shown in [
        "FAILED MUST schemas_are_required",
        "RFC 7643 §3",
        "> POST /Users",
        "< 201",
        "fix: ",
    ] {
        assert!(ran.out.contains(shown), "{shown}: {}", ran.out);
    }
    assert!(!ran.out.contains(token.as_str()));
}

#[test]
fn who_is_not_let_in_or_asks_elsewhere_is_told_so_instead_of_hundreds_of_failures() {
    let (home, server, _, command) = ready();
    home.write("wrong", "a-token-that-nobody-gave-out");
    let elsewhere = format!("check http://{}/scim/v3 --token-file token", server.address);
    let wrong = command.replace("--token-file token", "--token-file wrong");
    for (command, told) in [
        (wrong, "does not let the token of wrong in"),
        (
            format!("{command} --second-token-file wrong"),
            "does not let the token of wrong in",
        ),
        (elsewhere, "There is no SCIM server at http://"),
    ] {
        let ran = home.run(&command);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{ran:?}");
        for told in [told, "Nothing was checked"] {
            assert!(ran.err.contains(told), "{told}: {ran:?}");
        }
        assert!(!ran.err.contains("nobody-gave-out"), "{ran:?}");
    }
}

/// The address of a server that answers everything so.
fn answering(status: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answer = move |mut stream: std::net::TcpStream| -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let (mut line, mut length) = (String::new(), 0);
        while reader.read_line(&mut line)? > 2 {
            let lower = line.to_ascii_lowercase();
            let found = lower.trim().strip_prefix("content-length: ");
            length = found.map_or(length, |found| found.parse().unwrap());
            line.clear();
        }
        reader.read_exact(&mut vec![0; length])?;
        write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"
        )
    };
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            answer(stream.unwrap()).unwrap();
        }
    });
    format!("http://{address}/scim/v2")
}

#[test]
fn a_server_that_fails_or_lists_nobody_is_checked_and_its_report_written() {
    for (status, is_checked) in [
        ("500 Internal Server Error", true),
        ("403 Forbidden", true),
        ("429 Too Many Requests", true),
        ("401 Unauthorized", false),
        ("404 Not Found", false),
    ] {
        let home = Home::new();
        home.write("token", "x");
        let url = answering(status);
        let ran = home.run(&format!(
            "check {url} --token-file token --only creating_answers_201 --junit j.xml"
        ));
        assert_eq!(ran.code, 1, "{status}: {ran:?}");
        let written = std::fs::read_to_string(home.path("j.xml")).unwrap_or_default();
        let is_told = written.contains("creating_answers_201");
        assert_eq!(is_told, is_checked, "{status}: {ran:?}");
        let is_ended = ran.err.contains("Nothing was checked");
        assert_eq!(is_ended, !is_checked, "{status}: {ran:?}");
    }
}

#[test]
fn what_was_found_is_told_even_if_a_file_cannot_be_written() {
    let (home, _server, _, command) = ready();
    let ran = home.run(&format!(
        "{command} --only creating_answers_201 --junit nowhere/j.xml"
    ));
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.err.contains("nowhere/j.xml cannot be written"),
        "{ran:?}"
    );
    assert!(ran.out.contains("1 passed"), "{ran:?}");
}

#[test]
fn wrong_usage_is_told_before_anything_is_sent() {
    let (home, server, token, command) = ready();
    home.fails(2, &format!("{command} --profile nonsense"));
    home.fails(2, &format!("{command} --only no_such_check"));
    let same = home.fails(2, &format!("{command} --second-token-file token"));
    assert!(same.contains("another tenant"), "{same}");
    home.fails(2, "check http://127.0.0.1:9/scim --token-file missing");
    home.fails(2, "check ftp://127.0.0.1/scim --token-file token");
    assert_eq!(users(&server, &token), 0);
}

#[test]
fn a_server_that_is_not_there_is_told() {
    let home = Home::new();
    home.write("token", "x");
    let told = home.fails(1, "check http://127.0.0.1:9/scim/v2 --token-file token");
    for told_it in ["no connection", "look whether the server runs"] {
        assert!(told.contains(told_it), "{told}");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_leaves_nothing_behind() {
    let (home, server, token, command) = ready();
    let mut command = home.command(&command);
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Until a check has created something.
    while users(&server, &token) == 0 {
        std::thread::yield_now();
    }
    let mut kill = Command::new("kill");
    kill.args(["-INT", &child.id().to_string()]);
    assert_eq!(finish(kill, "").code, 0);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let out = String::from_utf8(output.stdout).unwrap();
    assert!(out.contains("Stopped before the end."), "{out}");
    assert_eq!(users(&server, &token), 0, "{out}");
}
