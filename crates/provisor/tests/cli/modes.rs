//! Files that hold personal data are for their owner alone, whatever the umask.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use crate::harness::{Home, finish};

/// Every file and folder below this one with its mode.
fn modes(folder: &Path, found: &mut Vec<(String, u32)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        found.push((path.display().to_string(), mode));
        if path.is_dir() {
            modes(&path, found);
        }
    }
}

#[test]
fn whatever_the_umask_only_the_owner_reads_what_is_made() {
    let home = Home::new();
    let ok = |arguments: &str| {
        let ran = finish(home.open_handed(arguments), "");
        assert_eq!(ran.code, 0, "{arguments}: {ran:?}");
        ran.out
    };
    ok("tenant create acme");
    let token = ok("token create --tenant acme --scope scim --purpose test");
    let server = Home::served(home.open_handed("serve --listen 127.0.0.1:0"));
    assert_eq!(server.create(token.trim(), "lena@acme.com").0, 201);
    ok("backup copy.db");
    ok("export --tenant acme --output acme.ndjson");
    ok("import acme.ndjson --tenant acme --database sqlite:deep/er/p.db");
    // A backup that others may read does not make the database so.
    fs::set_permissions(home.path("copy.db"), fs::Permissions::from_mode(0o644)).unwrap();
    ok("restore copy.db --database sqlite:new/p.db");
    fs::set_permissions(home.path("copy.db"), fs::Permissions::from_mode(0o600)).unwrap();

    let mut found = Vec::new();
    modes(home.path("").as_path(), &mut found);
    for needed in [
        "p.db",
        "p.db-wal",
        "p.db-shm",
        "p.log.db",
        "p.log.db-wal",
        "copy.db",
    ] {
        assert!(
            found
                .iter()
                .any(|(path, _)| path.ends_with(&format!("/{needed}"))),
            "{needed}: {found:?}"
        );
    }
    for (path, mode) in &found {
        let expected = if Path::new(path).is_dir() {
            0o700
        } else {
            0o600
        };
        assert_eq!(*mode, expected, "{path} is {mode:04o}");
    }
    drop(server);
}

#[test]
fn doctor_names_the_files_that_others_may_read() {
    let (home, _) = Home::furnished();
    let access = |home: &Home| {
        home.lines("doctor")
            .into_iter()
            .find(|finding| finding["subject"] == "access")
            .unwrap()
    };
    assert_eq!(access(&home)["level"], "ok");
    fs::set_permissions(home.path("p.db"), fs::Permissions::from_mode(0o644)).unwrap();
    let finding = access(&home);
    assert_eq!(finding["level"], "warn", "{finding}");
    assert!(
        finding["text"].as_str().unwrap().contains("mode 0644"),
        "{finding}"
    );
    assert!(
        finding["fix"]
            .as_str()
            .unwrap()
            .starts_with("chmod 600 p.db"),
        "{finding}"
    );
    // The mode is a person's decision: nothing changes it.
    home.ok("tenant create other");
    assert_eq!(access(&home)["level"], "warn");
}
