//! Tenants, connections, tokens, schemas: no server needed.

use crate::harness::Home;

#[test]
fn exit_codes_tell_wrong_usage_not_found_and_no_database_apart() {
    let home = Home::new();
    assert!(home.fails(4, "tenant list").contains("no database at p.db"));
    home.ok("tenant create acme");
    for (code, arguments, says) in [
        (2, "tenant list --nonsense", "--nonsense"),
        (
            2,
            "token create --tenant acme --scope fly --purpose x",
            "no scope",
        ),
        (
            2,
            "token create --tenant acme --scope scim --scope admin --purpose x",
            "Make two",
        ),
        (2, "tenant list --database postgres://db/p", "no PostgreSQL"),
        (2, "tenant list --database p.db", "sqlite:PATH"),
        (2, "user list --tenant acme --limit 0", "--limit"),
        (3, "tenant show nobody", "no tenant \"nobody\""),
        (3, "user show nobody@acme.com --tenant acme", "user why"),
        (3, "connection show --tenant acme", "no connection"),
        (
            3,
            "log show req_00000000000000000000000000 --database sqlite:none.db",
            "",
        ),
        (1, "tenant create acme", "acme"),
    ] {
        let code = if arguments.contains("none.db") {
            4
        } else {
            code
        };
        let err = home.fails(code, arguments);
        assert!(err.contains(says), "{arguments}: {err}");
    }
}

#[test]
fn help_has_examples_and_exit_codes() {
    let home = Home::new();
    let help = home.ok("--help");
    assert!(help.contains("Exit codes:") && help.contains("4  the database is not available"));
    assert!(home.ok("token create --help").contains("Examples:"));
    assert_eq!(home.run("").code, 2);
}

#[test]
fn a_tenant_is_suspended_resumed_and_deleted_after_its_key_was_typed() {
    let home = Home::new();
    assert!(
        home.ok("tenant create acme --name 'Acme Inc.'")
            .contains("Acme Inc.")
    );
    home.ok("tenant create Beta_1");
    let tenants = home.lines("tenant list");
    assert_eq!(tenants.len(), 2);
    assert_eq!(home.json("tenant suspend acme")["state"], "suspended");
    assert_eq!(home.json("tenant resume acme")["state"], "active");
    let ran = home.run_with("tenant delete acme", "beta\n");
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains("nothing was changed"));
    let ran = home.run_with("tenant delete acme", "acme\n");
    assert_eq!(ran.code, 0, "{ran:?}");
    home.ok("tenant delete Beta_1 --force");
    assert!(home.lines("tenant list").is_empty());
}

#[test]
fn a_connection_keeps_what_set_does_not_name() {
    let home = Home::new();
    home.ok("tenant create acme");
    let made = home.json("connection create --tenant acme --idp okta --identifier email --domain acme.com --domain acme.de");
    assert_eq!(made["name"], "okta");
    assert_eq!(made["profile"], "okta");
    let set = home.json("connection set --tenant acme --reactivation on --profile generic");
    assert_eq!(set["identifier"], "email");
    assert_eq!(set["domains"].as_array().unwrap().len(), 2);
    assert_eq!(set["reactivation"], true);
    assert_eq!(set["profile"], "generic");
    assert_eq!(
        home.json("connection set --tenant acme --any-domain")["domains"],
        serde_json::json!([])
    );
    let set = home.json("connection set --tenant acme --log-days 30 --log-body-days 3");
    assert_eq!(
        (&set["log_days"], &set["log_body_days"]),
        (&30.into(), &3.into())
    );
    let set = home.json("connection set --tenant acme --log-days 0");
    assert_eq!(
        (&set["log_days"], &set["log_body_days"]),
        (&serde_json::Value::Null, &3.into())
    );
    let err = home.fails(1, "connection set --tenant acme --log-days 5000");
    assert!(err.contains("1 to 3650 days"), "{err}");
    assert_eq!(home.json("connection pause --tenant acme")["paused"], true);
    assert_eq!(
        home.json("connection resume --tenant acme --name okta")["paused"],
        false
    );
    assert!(
        home.fails(2, "connection set --tenant acme")
            .contains("what to change")
    );
    home.ok("connection create --tenant acme --name hr");
    let err = home.fails(1, "connection pause --tenant acme");
    assert!(err.contains("\"okta\", \"hr\""), "{err}");
    assert_eq!(home.lines("connection list --tenant acme").len(), 2);
}

#[test]
fn a_token_stands_alone_on_standard_output_and_checks_offline() {
    let (home, token) = Home::furnished();
    assert!(
        token.starts_with("pvr_scim_") && !token.contains(char::is_whitespace),
        "{token}"
    );
    let ran = home.run_with("token check -", &format!("{token}\n"));
    assert_eq!(ran.code, 0, "{ran:?}");
    let other = if token.ends_with('x') { 'y' } else { 'x' };
    let ran = home.run_with(
        "token check -",
        &format!("{}{other}\n", &token[..token.len() - 1]),
    );
    assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{ran:?}");
    assert!(
        home.fails(2, &format!("token check {token}"))
            .contains("command line")
    );

    let tokens = home.lines("token list --tenant acme");
    assert_eq!(tokens.len(), 1);
    assert_eq!(tokens[0]["purpose"], "test");
    assert_eq!(tokens[0]["created_by"], "cli:anna");
    assert!(!tokens[0].to_string().contains(&token));

    // One connection: used, unless the profile differs. Several: named.
    home.fails(
        1,
        "token create --tenant acme --scope scim --purpose x --profile okta",
    );
    home.ok("token create --tenant acme --scope scim:read --purpose x --profile generic --expires 30d --allow 10.0.0.0/8");
    home.ok("connection create --tenant acme --name hr");
    home.fails(1, "token create --tenant acme --scope scim --purpose x");
    home.fails(
        3,
        "token create --tenant acme --scope scim --purpose x --connection it",
    );
    home.ok("token create --tenant acme --scope scim --purpose x --connection hr");
    let api = home.ok("token create --operator --purpose deploy");
    assert!(api.starts_with("pvr_api_"), "{api}");
    assert_eq!(home.lines("token list --operator").len(), 1);
    home.fails(2, "token create --operator --scope scim --purpose x");
    home.fails(
        2,
        "token create --tenant acme --operator --scope admin --purpose x",
    );

    home.ok("token revoke tok_1 --tenant acme");
    assert_eq!(
        home.lines("token list --tenant acme")[0]["state"],
        "revoked"
    );
    home.fails(3, "token revoke tok_99 --tenant acme");
}

#[test]
fn schemas_are_added_listed_and_removed() {
    let home = Home::new();
    home.ok("tenant create acme");
    home.write(
        "badge.json",
        r#"[{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Schema"],"id":"urn:acme:Badge","name":"Badge",
          "attributes":[{"name":"color","type":"string","multiValued":false,"required":false,"caseExact":false,
          "mutability":"readWrite","returned":"default","uniqueness":"none"}]}]"#,
    );
    home.ok("schema add badge.json --tenant acme");
    let listed = home.lines("schema list --tenant acme");
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["id"], "urn:acme:Badge");
    home.ok("schema remove urn:acme:Badge --tenant acme");
    assert!(home.lines("schema list --tenant acme").is_empty());
    home.write("broken.json", "{");
    assert!(
        home.fails(1, "schema add broken.json --tenant acme")
            .contains("broken.json")
    );
}

#[test]
fn doctor_fails_on_a_damaged_database_and_says_what_to_do() {
    let (home, _) = Home::furnished();
    let ran = home.run("doctor --json");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("\"integrity\"") && ran.out.contains("never expires"));
    home.write("p.db", &"no database at all ".repeat(1000));
    let ran = home.run("doctor");
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.out.contains("fail  database") && ran.out.contains("provisor restore"),
        "{ran:?}"
    );
    home.fails(4, "tenant list");
}
