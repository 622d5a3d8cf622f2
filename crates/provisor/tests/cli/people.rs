//! Users and teams: import, export, lists, deactivation, erasure.

use std::fmt::Write as _;

use crate::harness::Home;

#[test]
fn people_are_imported_with_errors_by_line_and_again_without_change() {
    let (home, _) = Home::furnished();
    home.write(
        "people.csv",
        "email,user_name,givenName,app_id\n\
         lena@acme.com,,Lena,42\n\
         nonsense,,,\n\
         kim@acme.com,kim,Kim,43\n\
         too,many,cells,in,here\n\
         ,,Nobody,44\n",
    );
    let ran = home.run("import --users people.csv --tenant acme --json");
    assert_eq!(ran.code, 1, "{ran:?}");
    let sum: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        (sum["created"].as_i64(), sum["refused"].as_i64()),
        (Some(2), Some(3)),
        "{sum}"
    );
    for line in ["line 3: ", "line 5: ", "line 6: "] {
        assert!(ran.err.contains(line), "{ran:?}");
    }
    let kim = home.json("user show kim --tenant acme");
    assert_eq!(kim["app_id"], "43");
    assert_eq!(kim["email"], "kim@acme.com");
    assert_eq!(kim["active"], true);

    home.write(
        "people.csv",
        "email;userName;app_id\nlena@acme.com;;42\nkim@acme.com;kim;99\n",
    );
    let sum = home.json("import --users people.csv --tenant acme");
    assert_eq!(
        (sum["unchanged"].as_i64(), sum["changed"].as_i64()),
        (Some(1), Some(1)),
        "{sum}"
    );
    assert_eq!(
        home.json("user show kim@acme.com --tenant acme")["app_id"],
        "99"
    );
    assert!(
        home.fails(1, "import --users none.csv --tenant acme")
            .contains("none.csv")
    );
}

#[test]
fn lists_go_on_after_the_last_id_and_are_safe_as_csv() {
    let (home, _) = Home::furnished();
    let mut csv = String::from("userName,displayName\n");
    for i in 0..250 {
        let _ = writeln!(csv, "user{i:03},=1+{i}");
    }
    home.write("people.csv", &csv);
    home.ok("import --users people.csv --tenant acme");
    let (mut names, mut after) = (Vec::new(), String::new());
    loop {
        let page = home.lines(&format!("user list --tenant acme --limit 100 {after}"));
        let Some(last) = page.last() else { break };
        after = format!("--after {}", last["id"].as_str().unwrap());
        names.extend(
            page.iter()
                .map(|user| user["user_name"].as_str().unwrap().to_owned()),
        );
    }
    assert_eq!(names.len(), 250);
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 250);
    let csv = home.ok("user list --tenant acme --csv --limit 1");
    assert!(csv.contains(",'=1+"), "{csv}");
    let found = home.lines("user list --tenant acme --filter 'userName eq \"USER007\"'");
    assert_eq!(found.len(), 1);
    assert!(
        home.fails(1, "user list --tenant acme --filter 'userName is x'")
            .contains("invalid_filter")
    );
}

#[test]
fn a_user_is_deactivated_deleted_restored_and_erased() {
    let (home, token) = Home::furnished();
    let server = home.serve();
    let (status, user) = server.create(&token, "lena@acme.com");
    assert_eq!(status, 201, "{user}");
    let id = user["id"].as_str().unwrap();
    assert_eq!(
        home.json("user deactivate lena@acme.com --tenant acme")["active"],
        false
    );
    let again = home.run("user deactivate lena@acme.com --tenant acme");
    assert!(again.err.contains("nothing changed"), "{again:?}");
    assert_eq!(
        home.json("user activate lena@acme.com --tenant acme")["active"],
        true
    );
    let err = home.fails(1, "user restore lena@acme.com --tenant acme");
    assert!(err.contains("not deleted"), "{err}");

    let (status, _) = server.ask(&token, "DELETE", &format!("/scim/v2/Users/{id}"), "");
    assert_eq!(status, 204);
    home.fails(3, "user show lena@acme.com --tenant acme");
    assert_eq!(
        home.json("user why lena@acme.com --tenant acme")["state"],
        "deleted"
    );
    assert_eq!(
        home.json("user restore lena@acme.com --tenant acme")["id"],
        id
    );

    let ran = home.run_with("user erase lena@acme.com --tenant acme", "no\n");
    assert_eq!(ran.code, 1, "{ran:?}");
    let receipt = home.json("user erase lena@acme.com --tenant acme --force");
    assert_eq!(receipt["erased"], id);
    assert!(!receipt.to_string().contains("lena"), "{receipt}");
    home.fails(3, "user show lena@acme.com --tenant acme");
    let events = home.lines("events tail --tenant acme --after 0");
    let text = serde_json::to_string(&events).unwrap();
    assert!(!text.contains("lena"), "{text}");
    for (i, event) in events.iter().enumerate() {
        assert_eq!(event["seq"], i + 1);
    }
}

#[test]
fn who_is_erased_is_in_no_file_any_more() {
    const LENA: &str = "lena.ortiz@acme.com";
    let (home, token) = Home::furnished();
    let server = home.serve();
    for name in [LENA, "kim@acme.com"] {
        assert_eq!(server.create(&token, name).0, 201);
    }
    assert_eq!(server.create(&token, LENA).0, 409);
    assert_eq!(server.ask(&token, "GET", "/scim/v2/Users", "").0, 200);
    assert_eq!(server.look_up(&token, LENA).0, 200);
    // The log writes a moment later.
    while home.lines("log list --tenant acme").len() < 5 {}
    let held = |text: &str| -> Vec<&str> {
        let files = ["p.db", "p.db-wal", "p.log.db", "p.log.db-wal"];
        let holds = |file: &&str| {
            let bytes = std::fs::read(home.path(file)).unwrap();
            bytes.windows(text.len()).any(|it| it == text.as_bytes())
        };
        files.into_iter().filter(holds).collect()
    };
    assert!(held(LENA).len() >= 2, "{:?}", held(LENA));
    let ran = home.run(&format!(
        "user erase {LENA} --tenant acme --force --compact"
    ));
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.err.contains("3 entries of the sync log about the user"),
        "{ran:?}"
    );
    assert!(ran.err.contains("1 that held it among others"), "{ran:?}");
    assert_eq!(held(LENA), Vec::<&str>::new());
    assert!(!held("kim@acme.com").is_empty());
    let listed = home.lines("log list --tenant acme");
    assert_eq!(listed.len(), 5, "the entries stay");
    assert_eq!(server.create(&token, LENA).0, 201, "the server goes on");
}

#[test]
fn an_export_comes_back_under_the_same_ids() {
    let (home, token) = Home::furnished();
    let server = home.serve();
    let ids: Vec<String> = (0..30)
        .map(|i| {
            let (_, user) = server.create(&token, &format!("user{i}@acme.com"));
            user["id"].as_str().unwrap().to_owned()
        })
        .collect();
    let team = |name: &str, members: &[String]| {
        let members: Vec<_> = members
            .iter()
            .map(|id| serde_json::json!({ "value": id }))
            .collect();
        let body = serde_json::json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "displayName": name,
            "members": members,
        });
        let (status, team) = server.ask(&token, "POST", "/scim/v2/Groups", &body.to_string());
        assert_eq!(status, 201, "{team}");
        team["id"].as_str().unwrap().to_owned()
    };
    // A team that holds a younger one.
    let outer = team("Outer", &ids);
    let inner = team("Inner", &ids[..3]);
    let patch = serde_json::json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "add", "path": "members", "value": [{ "value": inner }] }],
    });
    let (status, answer) = server.ask(
        &token,
        "PATCH",
        &format!("/scim/v2/Groups/{outer}"),
        &patch.to_string(),
    );
    assert_eq!(status, 204, "{answer}");
    home.write("ids.csv", "userName,app_id\nuser0@acme.com,app-0\n");
    home.ok("import --users ids.csv --tenant acme");
    home.ok("export --tenant acme --output acme.ndjson");
    home.fails(1, "export --tenant acme --output acme.ndjson");
    let export = std::fs::read_to_string(home.path("acme.ndjson")).unwrap();
    assert!(!export.contains(&token));

    let other = Home::new();
    other.write("acme.ndjson", &export);
    let sum = other.json("import acme.ndjson --tenant acme");
    assert_eq!(sum["refused"], 0, "{sum}");
    for (name, id) in [("user0@acme.com", &ids[0]), ("user29@acme.com", &ids[29])] {
        assert_eq!(
            other.json(&format!("user show {name} --tenant acme"))["id"],
            **id
        );
    }
    assert_eq!(
        other.json("user show user0@acme.com --tenant acme")["app_id"],
        "app-0"
    );
    assert_eq!(
        other.lines("team show Outer --tenant acme --members").len(),
        31
    );
    assert_eq!(
        other.lines("team show Inner --tenant acme --members").len(),
        3
    );
    let events = other.lines("events tail --tenant acme --after 0").len();
    let sum = other.json("import acme.ndjson --tenant acme");
    assert_eq!(
        (&sum["created"], &sum["changed"]),
        (&0.into(), &0.into()),
        "{sum}"
    );
    assert_eq!(
        other.lines("events tail --tenant acme --after 0").len(),
        events
    );

    let cut = export.lines().take(10).collect::<Vec<_>>().join("\n");
    other.write("cut.ndjson", &cut);
    let ran = other.run("import cut.ndjson --tenant acme");
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("it was cut"), "{ran:?}");
    other.write("people.csv", "email\n");
    assert!(
        other
            .fails(1, "import people.csv --tenant acme")
            .contains("--users")
    );
}
