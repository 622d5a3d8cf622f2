//! Targets where they meet other commands: an export and an import of their tenant.

use crate::harness::Home;

#[test]
fn targets_come_along_paused_and_without_secret_and_private_addresses() {
    let (home, _) = Home::furnished();
    home.write("secret.txt", "s3cret-of-crm");
    for (name, url) in [
        ("crm", "https://crm.example.com/scim/v2"),
        ("wiki", "http://127.0.0.1:7/scim --private on"),
    ] {
        home.ok(&format!(
            "push target create --tenant acme --name {name} --url {url} --batch 7 --team Sales --secret-file secret.txt"
        ));
    }
    home.ok("push activate --tenant acme --name crm");
    home.ok("export --tenant acme --output acme.ndjson");
    let export = std::fs::read_to_string(home.path("acme.ndjson")).unwrap();
    assert!(!export.contains("s3cret-of-crm"), "{export}");

    let (other, _) = Home::furnished();
    other.write("acme.ndjson", &export);
    let ran = other.run("import acme.ndjson --tenant initech");
    assert_eq!(ran.code, 0, "{ran:?}");
    for said in [
        "provisor push target set --tenant initech --name crm --secret-file",
        "provisor push target set --tenant initech --name wiki --private on --secret-file",
    ] {
        assert!(ran.err.contains(said), "{said}: {ran:?}");
    }
    let before = home.json("push target show --tenant acme --name crm");
    let crm = other.json("push target show --tenant initech --name crm");
    assert_eq!(crm["settings"], before["settings"]);
    assert_eq!(
        (&crm["state"], &crm["credentials"]),
        (&"paused".into(), &false.into())
    );
    let wiki = other.json("push target show --tenant initech --name wiki");
    assert_eq!(wiki["settings"]["private"], false);
    // Again: what is there is left as it is.
    other.ok("push target set --tenant initech --name crm --batch 9");
    other.ok("import acme.ndjson --tenant initech");
    let crm = other.json("push target show --tenant initech --name crm");
    assert_eq!(crm["settings"]["batch"], 9);
    // What nobody could have set is refused by line.
    let wrong = export.replace("\"batch\":7", "\"batch\":0");
    other.write("wrong.ndjson", &wrong);
    let ran = other.run("import wrong.ndjson --tenant hooli");
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.err.contains("A batch has 1 to 10000 members"),
        "{ran:?}"
    );
}

#[test]
fn a_target_is_shown_as_it_is_set() {
    let (home, _) = Home::furnished();
    let create = "push target create --tenant acme --url https://crm.example.com/scim/v2";
    let shown = home.ok(&format!(
        "{create} --name hr --source files --most-removals 5 --rule title=from:nickName --rule locale=value:de"
    ));
    for told in [
        "leavers are    deactivated, at most 5 in a day",
        "rules          title=from:nickName; locale=value:de",
        "pushed         with `provisor push csv`",
        "compared       with `provisor push csv --compare`",
    ] {
        assert!(shown.contains(told), "{told}: {shown}");
    }
    let shown = home.ok(&format!("{create} --name crm --deactivate-users off"));
    assert!(shown.contains("leavers are    left as they are"), "{shown}");
    let told = home.fails(
        1,
        "push target create --tenant acme --name lan --url https://10.0.0.7/scim",
    );
    assert!(told.contains("`--private on`"), "{told}");
}

#[test]
fn a_target_that_is_down_is_said_to_be_waited_for() {
    let (home, _) = Home::furnished();
    home.ok(
        "push target create --tenant acme --name crm --url http://127.0.0.1:9/scim --private on",
    );
    let ran = home.run("push sync --tenant acme --patience 4s");
    assert_eq!(ran.code, 1, "{ran:?}");
    for told in [
        "No answer from the target yet",
        "cannot be reached",
        "look whether the server runs",
    ] {
        assert!(ran.err.contains(told), "{told}: {ran:?}");
    }
    assert!(
        ran.out.starts_with("nothing was changed (0 looked at"),
        "{ran:?}"
    );
}

#[test]
fn a_file_with_a_mistyped_column_is_not_used() {
    let (home, _) = Home::furnished();
    home.ok("push target create --tenant acme --name hr --source files --url https://hr.example.com/scim");
    home.write("users.csv", "userName,departement\nlena@acme.com,Sales\n");
    let told = home.fails(1, "push csv --tenant acme --users users.csv");
    assert!(
        told.contains("the column \"departement\" is no attribute"),
        "{told}"
    );
}

#[test]
fn examples_can_be_copied_from_a_terminal() {
    let home = Home::new();
    for command in [
        "push target create",
        "push target set",
        "push csv",
        "simulate",
        "check",
    ] {
        let help = home.ok(&format!("{command} --help"));
        let examples = help.split("Example").nth(1).unwrap();
        let commands = examples.lines().filter(|line| line.starts_with("  "));
        for line in commands {
            assert!(line.chars().count() <= 80, "{command}: {line}");
        }
    }
}
