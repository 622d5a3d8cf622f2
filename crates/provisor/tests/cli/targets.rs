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
