//! `simulate`: a company moves in, and what differs from what it believes is found.

use crate::harness::{Home, Server};

/// A server with a token in the file `token`, and the arguments that name both.
fn target() -> (Home, Server, String) {
    let (home, token) = Home::furnished();
    home.write("token", &token);
    let server = home.serve();
    let target = format!(
        "--target http://{}/scim/v2 --token-file token",
        server.address
    );
    (home, server, target)
}

#[test]
fn what_was_sent_is_there() {
    let (home, _server, target) = target();
    let said = home.json(&format!(
        "simulate okta {target} --users 30 --teams 4 --scenario joiner-mover-leaver --assert"
    ));
    assert_eq!(said["assert"]["differences"], 0, "{said}");
    assert_eq!(said["failed"], 0, "{said}");
    assert_eq!(said["steps"][2]["says"], "People assigned");
    assert_eq!(said["steps"][2]["note"], "created 30");
    let messages = said["messages"].as_array().unwrap();
    let grades = ["DOC", "CAP", "SRC", "3P", "INF"];
    assert!(
        messages
            .iter()
            .all(|message| grades.contains(&message["grade"].as_str().unwrap()))
    );
    let created = messages
        .iter()
        .find(|message| message["sends"] == "POST /Users")
        .unwrap();
    assert_eq!(created["count"], 33);

    // Those who were there before are differences, and it is said why.
    let ran = home.run(&format!(
        "simulate okta {target} --users 5 --teams 0 --seed 2 --scenario first-sync --assert"
    ));
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains("a tenant of its own"), "{ran:?}");

    // The same company again finds everybody.
    let again = home.json(&format!(
        "simulate okta {target} --users 5 --teams 0 --scenario first-sync"
    ));
    assert_eq!(
        (&again["created"], &again["matched"]),
        (&0.into(), &5.into())
    );
}

#[test]
fn a_flaky_server_ends_without_a_difference() {
    let (home, _server, target) = target();
    let said = home.json(&format!(
        "simulate okta-oin {target} --users 60 --teams 5 --scenario flaky-server --assert"
    ));
    assert_eq!(said["assert"]["differences"], 0, "{said}");
    for fault in ["500", "503", "answer lost after the request arrived"] {
        assert!(said["faults"][fault].as_u64() > Some(0), "{said}");
    }
    assert!(said["repeated"].as_u64() > Some(0), "{said}");
}

#[test]
fn members_wait_until_they_exist() {
    let (home, _server, target) = target();
    let said = home.json(&format!(
        "simulate entra {target} --users 20 --teams 2 --members 20 --scenario team-before-user --assert"
    ));
    assert_eq!(
        (&said["waited"], &said["assert"]["memberships"]),
        (&20.into(), &40.into())
    );
    assert_eq!(said["assert"]["differences"], 0, "{said}");
}

/// A target whose connection has these settings.
fn connected(settings: &str) -> (Home, Server, String) {
    let (home, server, target) = target();
    home.ok(&format!("connection create --tenant acme {settings}"));
    let name = settings.split("--idp ").nth(1).unwrap();
    let name = name.split(' ').next().unwrap();
    let token = home.ok(&format!(
        "token create --tenant acme --connection {name} --scope scim --purpose test"
    ));
    home.write("token", token.trim());
    (home, server, target)
}

#[test]
fn people_are_found_by_their_address_alone() {
    let (home, _server, target) = connected("--idp okta --identifier email");
    let said = home.json(&format!(
        "simulate okta {target} --users 20 --teams 2 --scenario duplicate --identifier email --auth raw --assert"
    ));
    assert_eq!(said["assert"]["differences"], 0, "{said}");
    assert_eq!(said["matched"], 2, "{said}");
    let messages = said["messages"].as_array().unwrap();
    let mut asked = messages.iter().filter(|message| {
        message["sends"]
            .as_str()
            .unwrap()
            .contains("userName%20eq%20\"address")
    });
    assert_eq!(asked.next().unwrap()["count"], 20, "{said}");
}

#[test]
fn roles_and_entitlements_arrive() {
    let (home, _server, target) = connected("--idp okta");
    let said = home.json(&format!(
        "simulate okta-oin {target} --users 20 --teams 2 --scenario joiner-mover-leaver --grants entitlements --assert"
    ));
    assert_eq!(said["assert"]["differences"], 0, "{said}");
    assert_eq!(said["failed"], 0, "{said}");
    for grants in ["single-app-role", "app-roles", "assertive-app-roles"] {
        let (home, _server, target) = connected("--idp entra");
        let said = home.json(&format!(
            "simulate entra {target} --users 40 --teams 2 --scenario joiner-mover-leaver --grants {grants} --assert"
        ));
        assert_eq!(said["assert"]["differences"], 0, "{grants}: {said}");
    }
}

#[test]
fn what_an_identity_provider_cannot_do_is_refused() {
    let home = Home::new();
    home.write("token", "token-without-colon");
    let simulate = |arguments: &str| {
        home.fails(
            2,
            &format!("simulate {arguments} --target http://127.0.0.1:9/scim/v2 --token-file token"),
        )
    };
    for (arguments, words) in [
        ("google --identifier email", "may be: userName."),
        ("okta --identifier externalId", "email-eq"),
        ("ping --grants entitlements", "may be: none."),
        ("okta --grants app-roles", "entitlements"),
        ("okta --auth basic", "user:password"),
        (
            "okta --auth oauth --token-url http://127.0.0.1:9 --client-id x",
            "authorization code",
        ),
        ("entra --auth oauth", "--token-url"),
    ] {
        let said = simulate(arguments);
        assert!(said.contains(words), "{arguments}: {said}");
    }
}

#[test]
fn what_nobody_sent_is_a_difference() {
    let (home, server, target) = target();
    let token = std::fs::read_to_string(home.path("token")).unwrap();
    assert_eq!(server.create(&token, "stranger@example.com").0, 201);
    let ran = home.run(&format!(
        "simulate google {target} --users 5 --teams 2 --scenario first-sync --assert"
    ));
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.out.contains("stranger@example.com"), "{ran:?}");
    assert!(
        ran.out.contains("5 users") || ran.out.contains("6 users"),
        "{ran:?}"
    );
    assert!(ran.out.contains("teams: it pushes none × 2"), "{ran:?}");
    assert!(ran.err.contains("1 differences"), "{ran:?}");
}

#[test]
fn a_refused_token_says_so_and_fails() {
    let (home, _server, target) = target();
    home.write("token", "wrong");
    let ran = home.run(&format!(
        "simulate entra {target} --users 2 --teams 0 --scenario first-sync"
    ));
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.out.contains("test the connection: GET /Users"),
        "{ran:?}"
    );
    assert!(ran.out.contains("→ 401"), "{ran:?}");
    // As an administrator, it goes no further.
    assert!(ran.out.starts_with("1 messages: 401 × 1\n"), "{ran:?}");
    assert!(
        ran.err
            .contains("The test of the connection failed, so nothing else was sent."),
        "{ran:?}"
    );
    // The request id stands once, and finds the request.
    assert_eq!(ran.out.matches("[req_").count(), 1, "{ran:?}");
}

#[test]
fn the_messages_are_listed_with_their_evidence() {
    let home = Home::new();
    let listed = home.ok("simulate keycloak --messages");
    assert!(
        listed.contains("SRC    PATCH /Users/{id} [replace active \"false\"]"),
        "{listed}"
    );
    home.fails(2, "simulate okta --token-file token");
    home.fails(2, "simulate unheard-of");
}
