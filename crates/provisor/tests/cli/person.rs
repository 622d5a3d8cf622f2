//! People of the console and the audit, from the command line.

use crate::harness::Home;

#[test]
fn people_are_added_changed_and_removed() {
    let home = Home::new();
    home.ok("tenant create acme");
    let link = home.ok("person add anna@example.com --role owner");
    assert!(link.starts_with("http://127.0.0.1:7070/link/"), "{link}");
    let public = "person add sam@example.com --role support --tenant acme --public-url https://scim.example.com";
    let link = home.ok(public);
    assert!(link.starts_with("https://scim.example.com/link/"), "{link}");
    let admin = "public_url = \"https://scim.example.com\"\nadmin_listen = \"127.0.0.1:7071\"\n";
    home.write("settings.toml", admin);
    let link = home.ok("person link anna@example.com --config settings.toml");
    assert!(link.starts_with("http://127.0.0.1:7071/link/"), "{link}");
    let people = home.lines("person list");
    assert_eq!(
        (
            &people[0]["email"],
            &people[0]["role"],
            &people[0]["tenants"]
        ),
        (
            &"anna@example.com".into(),
            &"owner".into(),
            &serde_json::Value::Null
        )
    );
    assert_eq!(people[1]["tenants"], serde_json::json!(["acme"]));
    home.ok("person set sam@example.com --role operator --all-tenants");
    let people = home.lines("person list");
    assert_eq!(people[1]["role"], "operator");
    assert!(people[1]["tenants"].is_null());
    let err = home.fails(1, "person remove anna@example.com");
    assert!(err.contains("only owner"), "{err}");
    home.fails(1, "person add SAM@example.com --role owner");
    home.fails(1, "person add nobody --role owner");
    home.fails(2, "person add x@example.com --role king");
    home.fails(3, "person link nobody@example.com");
    home.ok("person remove sam@example.com");
    assert_eq!(home.lines("person list").len(), 1);
}

#[test]
fn open_links_are_taken_back() {
    let home = Home::new();
    home.ok("person add anna@example.com --role owner");
    home.ok("person link anna@example.com");
    home.ok("person add sam@example.com --role support");
    let people = home.lines("person list");
    assert!(people[0]["invited_until"].is_string(), "{people:?}");
    assert_eq!(
        (&people[0]["sessions"], &people[0]["last_seen"]),
        (&0.into(), &serde_json::Value::Null)
    );
    let said = home.run("person unlink anna@example.com").err;
    assert!(said.contains("2 links for anna@example.com"), "{said}");
    let people = home.lines("person list");
    assert!(people[0]["invited_until"].is_null(), "{people:?}");
    assert!(people[1]["invited_until"].is_string(), "{people:?}");
    let said = home.run("person unlink anna@example.com").err;
    assert!(said.contains("no open link"), "{said}");
    assert_eq!(home.lines("audit list --action link.revoke").len(), 2);
    home.fails(3, "person unlink nobody@example.com");
}

#[test]
fn the_audit_says_who_did_what_and_no_secret() {
    let (home, token) = Home::furnished();
    let link = home.ok("person add anna@example.com --role owner");
    home.ok("connection pause --tenant acme");
    let entries = home.lines("audit list");
    let said: Vec<String> = entries
        .iter()
        .map(|entry| {
            format!("{} {} {}", entry["actor"], entry["action"], entry["object"]).replace('"', "")
        })
        .collect();
    assert_eq!(
        said,
        [
            "cli:anna connection.change other",
            "cli:anna link.create link_1",
            "cli:anna person.add anna@example.com",
            "cli:anna token.create tok_1",
            "cli:anna connection.create other",
            "cli:anna tenant.create acme",
        ]
    );
    assert_eq!(entries[0]["before"]["paused"], false);
    assert_eq!(entries[0]["after"]["paused"], true);
    let secret = link.trim().rsplit('/').next().unwrap();
    let all = format!("{entries:?}");
    assert!(
        !all.contains(secret) && !all.contains(&token[30..50]),
        "{all}"
    );
    assert_eq!(
        home.lines("audit list --tenant acme --action token.").len(),
        1
    );
    assert_eq!(home.lines("audit list --actor cli:nobody").len(), 0);
    assert!(home.ok("audit list --csv").starts_with("number,at,actor"));
}

#[test]
fn the_first_serve_lets_the_first_owner_in_and_the_second_does_not() {
    let home = Home::new();
    let said = |home: &Home| {
        let mut server = home.serve_listening();
        let (address, before) = (server.0.address.clone(), server.1.clone());
        let _ = server.0.child.kill();
        (address, before)
    };
    let (address, before) = said(&home);
    let link = before
        .lines()
        .find(|line| line.contains("/link/"))
        .expect("a link");
    assert!(
        link.starts_with(&format!("http://{address}/link/")),
        "{link}"
    );
    assert_eq!(home.lines("person list")[0]["email"], "owner@localhost");
    let (_, before) = said(&home);
    assert!(!before.contains("/link/"), "{before}");
}
