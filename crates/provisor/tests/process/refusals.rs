//! What keeps the server from starting: a clear reason, what to do, an exit code, nothing touched.

use std::{fs, net::TcpListener, path::Path, process::Command};

use crate::{
    client::user,
    place::{Done, PROVISOR, Place, Server, command, run, write},
    skip,
};

/// How `provisor serve` ends that does not start.
#[track_caller]
fn serve(place: &Place, arguments: &[&str]) -> Done {
    let mut command = place.command(&["serve", "--listen", "127.0.0.1:0"]);
    match Server::try_start(command.args(arguments)) {
        Ok(server) => panic!("it started: {}", server.said()),
        Err(done) => done,
    }
}

#[test]
fn a_port_that_is_taken_is_named_with_the_way_out() {
    let place = Place::new();
    let other = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = other.local_addr().expect("it has an address").to_string();
    let port = address.rsplit(':').next().expect("a port");
    let done = serve(&place, &["--listen", &address]);
    done.refused(2, &["--listen"]);
    let done = place.cli(&["serve", "--listen", &address]);
    done.refused(1, &[port, "taken by another program", "--listen"]);
    let taken = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--admin-listen",
        &address,
    ];
    place.cli(&taken).refused(1, &[port, "--admin-listen"]);
    place.assert_sound();
}

#[test]
fn a_wrong_setting_is_named_with_its_place_and_the_right_form() {
    let place = Place::new();
    let file = place.path("provisor.toml");
    let name = file.display().to_string();
    for (content, parts) in [
        (
            "listne = \"x\"",
            &[
                "line 1",
                "no setting \"listne\"",
                "Did you mean \"listen\"?",
            ][..],
        ),
        (
            "\n[limits]\nmax_pages = 5",
            &["line 3", "limits.max_pages", "limits.max_page"],
        ),
        ("listen = \"here\"", &["line 1", "listen", "127.0.0.1:7070"]),
        (
            "[sync_log]\nmax_size = \"big\"",
            &["line 2", "sync_log.max_size"],
        ),
        ("listen = ", &["line 1"]),
        (
            "database = \"postgres://db/p\"",
            &["PostgreSQL", "sqlite:PATH"],
        ),
        (
            "[limits]\nmax_page = 5\ndefault_page = 10",
            &["limits.default_page (10)", "Lower"],
        ),
    ] {
        write(&file, content.as_bytes());
        serve(&place, &["--config", &name]).refused(2, parts);
    }
    let missing = place.path("nothing.toml").display().to_string();
    serve(&place, &["--config", &missing]).refused(2, &[&missing, "cannot be read"]);
    serve(&place, &["--set", "limits.max_page"]).refused(2, &["KEY=VALUE"]);
    serve(&place, &["--set", "limits.max_page=lots"]).refused(2, &["limits.max_page"]);
    serve(&place, &["--database", "mysql://db"]).refused(2, &["sqlite:PATH"]);
    let mut variable = place.command(&["serve", "--listen", "127.0.0.1:0"]);
    let done = run(variable.env("PROVISOR_LIMITS_MAX_PAGE", "lots"));
    done.refused(2, &["PROVISOR_LIMITS_MAX_PAGE", "limits.max_page"]);
    place.assert_sound();
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let place = Place::empty();
    let garbage = "this is no database, but a letter\n".repeat(1000);
    write(&place.database(), garbage.as_bytes());
    let parts = ["damaged or not a Provisor database", "provisor restore"];
    serve(&place, &[]).refused(4, &parts);
    for arguments in [
        &["tenant", "list"][..],
        &["tenant", "create", "acme"],
        &["user", "list", "--tenant", "acme"],
        &["backup", "copy.db"],
    ] {
        place.cli(arguments).refused(4, &parts);
    }
    let doctor = place.cli(&["doctor"]);
    assert_eq!(doctor.code, Some(1), "{doctor:?}");
    assert!(doctor.stdout.contains("provisor restore"), "{doctor:?}");
    let after = fs::read(place.database()).expect("it is still there");
    assert_eq!(after, garbage.as_bytes(), "it was touched");
}

#[test]
fn pages_that_were_overwritten_are_found_and_never_panic() {
    let place = Place::new();
    let token = place.token();
    let server = place.serve();
    let mut scim = server.client(&token);
    for n in 0..300 {
        scim.user(&format!("user{n}"));
    }
    server.stop();
    let copy = place.path("copy.db").display().to_string();
    place.cli(&["backup", &copy]).ok();
    // Everything behind the first pages, which the schema is in.
    let mut bytes = fs::read(place.database()).expect("the database is there");
    let from = bytes.len() / 2;
    bytes[from..].fill(0xA5);
    write(&place.database(), &bytes);

    let doctor = place.cli(&["doctor"]);
    assert_eq!(doctor.code, Some(1), "{doctor:?}");
    assert!(doctor.stdout.contains("restore"), "{doctor:?}");
    assert!(!doctor.stderr.contains("panicked"), "{doctor:?}");
    // A server that starts on it answers what it can, and otherwise says that it cannot.
    let mut command = place.command(&["serve", "--listen", "127.0.0.1:0"]);
    match Server::try_start(&mut command) {
        Err(done) => done.refused(4, &["damaged", "restore"]),
        Ok(server) => {
            let mut scim = server.client(&token);
            for n in 0..50 {
                for answer in [
                    scim.get(&format!("/scim/v2/Users?startIndex={}&count=20", n * 6 + 1)),
                    scim.post("/scim/v2/Users", &user(&format!("after{n}"))),
                ] {
                    let sane = matches!(answer.status, 200 | 201 | 401 | 500 | 503);
                    assert!(sane, "{answer:?}");
                }
            }
            server.stop();
        }
    }
    // The way out that was named works.
    place.cli(&["restore", &copy, "--force"]).ok();
    place.assert_sound();
    let server = place.serve();
    let page = server
        .client(&token)
        .get("/scim/v2/Users")
        .expect(200)
        .json();
    assert_eq!(page["totalResults"], 300);
    server.stop();
}

#[test]
fn a_database_of_a_newer_version_is_refused_and_left_alone() {
    let place = Place::new();
    let database = rusqlite::Connection::open(place.database()).expect("SQLite opens it");
    database
        .execute(
            "INSERT INTO migration (version, name, checksum, at) VALUES (9999, 'later', x'00', 0)",
            (),
        )
        .expect("the row is new");
    drop(database);
    let before = fs::read(place.database()).expect("it is there");
    let parts = [
        "schema version 9999",
        "version that wrote it",
        "restore a backup",
    ];
    serve(&place, &[]).refused(4, &parts);
    place.cli(&["tenant", "list"]).refused(4, &parts);
    place
        .cli(&["tenant", "create", "globex"])
        .refused(4, &parts);
    let after = fs::read(place.database()).expect("it is still there");
    assert!(before == after, "it was touched");
}

#[test]
fn a_database_of_another_program_is_refused_and_left_alone() {
    let place = Place::empty();
    let database = rusqlite::Connection::open(place.database()).expect("SQLite makes it");
    database
        .execute_batch("CREATE TABLE tenant (x); INSERT INTO tenant VALUES (1)")
        .expect("an empty database takes a table");
    drop(database);
    serve(&place, &[]).refused(4, &["another program", "--database"]);
    place
        .cli(&["tenant", "create", "acme"])
        .refused(4, &["another program"]);
    let database = rusqlite::Connection::open(place.database()).expect("SQLite opens it");
    let found: Vec<String> = database
        .prepare("SELECT name FROM sqlite_schema")
        .and_then(|mut all| all.query_map((), |row| row.get(0))?.collect())
        .expect("it can be read");
    assert_eq!(found, ["tenant"], "it was touched");
}

/// A command as a user who owns nothing here. For root, no file is read-only.
fn as_nobody(program: &str) -> Option<Command> {
    let owner = run(command("id").arg("-u")).ok();
    if owner.trim() != "0" {
        return Some(command(program));
    }
    let mut nobody = command("setpriv");
    nobody.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    let works = nobody
        .arg("true")
        .output()
        .is_ok_and(|done| done.status.success());
    let mut nobody = command("setpriv");
    nobody.args(["--reuid=65534", "--regid=65534", "--clear-groups", program]);
    works.then_some(nobody)
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    let set = fs::set_permissions(path, fs::Permissions::from_mode(mode));
    set.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

#[test]
fn a_file_or_folder_that_may_not_be_written_is_named_and_left_alone() {
    let place = Place::new();
    // A copy that everybody may run, wherever this was built.
    let program = place.path("provisor");
    fs::copy(PROVISOR, &program).expect("the program can be copied");
    let program = program.display().to_string();
    let before = fs::read(place.database()).expect("it is there");
    for (folder, file) in [(0o555, 0o444), (0o777, 0o444), (0o555, 0o666)] {
        set_mode(&place.database(), file);
        set_mode(&place.path(""), folder);
        for arguments in [
            &["serve", "--listen", "127.0.0.1:0"][..],
            &["tenant", "create", "globex"],
        ] {
            let Some(mut nobody) = as_nobody(&program) else {
                return skip("setpriv is not installed, and root may write everything");
            };
            nobody
                .args(arguments)
                .env("PROVISOR_DATABASE", place.url())
                .current_dir(place.path(""));
            let done = match Server::try_start(&mut nobody) {
                Ok(server) => panic!("{folder:o} {file:o} {arguments:?}: {}", server.said()),
                Err(done) => done,
            };
            done.refused(4, &[&place.database().display().to_string(), "write"]);
        }
        set_mode(&place.path(""), 0o755);
        let after = fs::read(place.database()).expect("it is still there");
        assert!(before == after, "it was touched");
    }
    set_mode(&place.database(), 0o644);
    place.assert_sound();
}
