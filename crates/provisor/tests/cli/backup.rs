//! Backup beside a server, restore without one.

use crate::harness::Home;

#[test]
fn a_backup_beside_a_server_is_restored_without_one() {
    let (home, token) = Home::furnished();
    let server = home.serve();
    assert_eq!(server.create(&token, "lena@acme.com").0, 201);
    home.ok("backup copy.db");
    assert!(home.fails(1, "backup copy.db").contains("--force"));
    home.ok("backup copy.db --force");
    assert_eq!(server.create(&token, "later@acme.com").0, 201);

    let err = home.fails(1, "restore copy.db --force");
    assert!(err.contains("Stop it first"), "{err}");
    drop(server);
    let err = home.fails(1, "restore copy.db");
    assert!(err.contains("not empty"), "{err}");
    home.json("user show later@acme.com --tenant acme");
    let restored = home.json("restore copy.db --force");
    assert!(
        restored["replaced"]
            .as_str()
            .unwrap()
            .contains("p.db.replaced-")
    );
    home.json("user show lena@acme.com --tenant acme");
    home.fails(3, "user show later@acme.com --tenant acme");
    let server = home.serve();
    assert_eq!(server.create(&token, "later@acme.com").0, 201);
}

#[test]
fn a_backup_is_restored_where_nothing_was() {
    let (home, _) = Home::furnished();
    home.ok("backup copy.db");
    home.ok("restore copy.db --database sqlite:new/p.db");
    home.ok("tenant show acme --database sqlite:new/p.db");
    home.fails(3, "restore none.db --database sqlite:other.db");
}

#[test]
fn a_damaged_backup_replaces_nothing() {
    let (home, _) = Home::furnished();
    home.ok("backup copy.db");
    let mut bytes = std::fs::read(home.path("copy.db")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8192].fill(0x5a);
    std::fs::write(home.path("copy.db"), bytes).unwrap();
    let ran = home.run("restore copy.db --force");
    assert!(ran.code == 1 || ran.code == 4, "{ran:?}");
    home.ok("tenant show acme");
    assert!(!home.path("p.db.restoring").exists());
}
