//! A full disk: writes are refused with 503 and say so, reads go on, and nothing is lost.

use std::{fs, path::PathBuf, process::Command};

use serde_json::Value;

use crate::{
    client::{Client, user},
    place::{Place, Server, assert_sound, command, run},
    replay::Replay,
    skip,
};

/// Writes until the disk refuses; gives the ids of what was acknowledged.
fn fill_up(scim: &mut Client) -> Vec<String> {
    let mut made = Vec::new();
    for n in 0..20_000 {
        let answer = scim.post("/scim/v2/Users", &user(&format!("user{n}")));
        if answer.status != 201 {
            refused(&answer.expect(503).json());
            return made;
        }
        made.push(answer.id());
    }
    panic!("the disk is never full");
}

/// The answer is an error of SCIM (RFC 7644 section 3.12) that says what is wrong.
fn refused(error: &Value) {
    assert_eq!(
        error["schemas"][0],
        "urn:ietf:params:scim:api:messages:2.0:Error"
    );
    assert_eq!(error["status"], "503");
    let detail = error["detail"].as_str().unwrap_or_default();
    assert!(detail.len() > 20, "{error}");
}

/// Writes are refused, reads answered, for as long as the disk is full.
fn is_read_only(scim: &mut Client, made: &[String]) {
    for n in 0..20 {
        let answer = scim.post("/scim/v2/Users", &user(&format!("refused{n}")));
        refused(&answer.expect(503).json());
        let id = &made[n % made.len()];
        scim.get(&format!("/scim/v2/Users/{id}")).expect(200);
        let found = scim
            .get(&format!(
                "/scim/v2/Users?filter=userName%20eq%20%22refused{n}%22"
            ))
            .expect(200)
            .json();
        assert_eq!(found["totalResults"], 0);
    }
}

/// There is room again: writes succeed, and everything acknowledged is there.
fn goes_on(server: &Server, token: &str, app: &str, made: &[String]) {
    let mut scim = server.client(token);
    for n in 0..20 {
        scim.user(&format!("afterwards{n}"));
    }
    let state = Replay::of(&mut server.client(app), |_, _| {});
    state.assert_is(&mut scim);
    assert_eq!(state.users.len(), made.len() + 20);
    assert!(made.iter().all(|id| state.users.contains_key(id)));
}

#[test]
fn on_a_full_disk_writes_get_503_reads_go_on_and_with_space_writes_succeed_again() {
    let place = Place::new();
    let (token, app) = (place.token(), place.app_token());
    // A disk of its own, seen by the server alone: nothing outside can run full.
    let disk = place.path("disk");
    fs::create_dir(&disk).expect("a folder can be made");
    let script = "mount -t tmpfs -o size=6m none disk && cp provisor.db disk/ \
                  && PROVISOR_DATABASE=sqlite:disk/provisor.db exec \"$@\"";
    let shell = place.serve_in_shell(script);
    let mut unshare = command("unshare");
    unshare
        .args(["--map-root-user", "--mount"])
        .arg(shell.get_program())
        .args(shell.get_args())
        .current_dir(place.path(""));
    let server = match Server::try_start(&mut unshare) {
        Ok(server) => server,
        Err(done) if done.stderr.contains("unshare") || done.stderr.contains("mount") => {
            eprintln!("SKIPPED: no disk can be made here: {}", done.stderr);
            return;
        }
        Err(done) => panic!("{done:?}"),
    };
    let inside = PathBuf::from(format!("/proc/{}/root{}", server.pid(), disk.display()));
    let filler = inside.join("filler");
    let mut scim = server.client(&token);
    let mut made = vec![scim.user("first")];
    let full = run(Command::new("dd")
        .args(["if=/dev/zero", "bs=4096"])
        .arg(format!("of={}", filler.display())));
    assert!(full.stderr.contains("No space left"), "{full:?}");
    made.extend(fill_up(&mut scim));
    is_read_only(&mut scim, &made);
    fs::remove_file(&filler).expect("the filler is ours");
    goes_on(&server, &token, &app, &made);
    // The disk goes with the server, so a copy is what is looked at.
    for name in ["provisor.db", "provisor.db-wal"] {
        fs::copy(inside.join(name), place.path(&format!("copy-{name}"))).expect("it is there");
    }
    let said = server.stop().stderr;
    println!(
        "{} users acknowledged on a disk of 6 MiB; the server said:",
        made.len()
    );
    said.lines().take(3).for_each(|line| println!("  {line}"));
    fs::rename(
        place.path("copy-provisor.db-wal"),
        place.path("copy.db-wal"),
    )
    .expect("ours");
    fs::rename(place.path("copy-provisor.db"), place.path("copy.db")).expect("ours");
    assert_sound(&place.path("copy.db"));
}

#[test]
fn at_the_largest_file_size_writes_get_503_reads_go_on_and_with_room_writes_succeed_again() {
    if Command::new("prlimit").arg("--version").output().is_err() {
        return skip("prlimit is not installed, so no limit can be lifted");
    }
    let place = Place::new();
    let (token, app) = (place.token(), place.app_token());
    // In blocks of 512 bytes; the soft limit alone, so that it can be lifted.
    let mut shell = place.serve_in_shell("trap '' XFSZ; ulimit -S -f 4000; exec \"$@\"");
    let server = Server::start(&mut shell);
    let mut scim = server.client(&token);
    let made = fill_up(&mut scim);
    is_read_only(&mut scim, &made);
    let pid = server.pid().to_string();
    run(command("prlimit").args(["--pid", &pid, "--fsize=unlimited"])).ok();
    goes_on(&server, &token, &app, &made);
    println!("{} users acknowledged in files of 2 MB", made.len());
    server.stop();
    place.assert_sound();
}

#[test]
fn without_room_to_start_the_reason_and_the_way_out_are_named() {
    let place = Place::empty();
    let shell = |script: &str, arguments: &[&str]| {
        let mut shell = command("sh");
        shell
            .args(["-c", script, "sh", crate::place::PROVISOR])
            .args(arguments)
            .env("PROVISOR_DATABASE", place.url());
        run(&mut shell)
    };
    let full = "trap '' XFSZ; ulimit -f 8; exec \"$@\"";
    let done = shell(full, &["tenant", "create", "acme"]);
    done.refused(4, &["disk"]);
    let done = shell(full, &["serve", "--listen", "127.0.0.1:0"]);
    done.refused(4, &["disk"]);
    // With room it starts, whatever was left behind.
    place.cli(&["tenant", "create", "acme"]).ok();
    place.assert_sound();
    let before = fs::read(place.database()).expect("it is there");
    let done = shell(full, &["tenant", "create", "globex"]);
    done.refused(4, &["disk"]);
    let copy = place.path("copy.db");
    let done = shell(full, &["backup", &copy.display().to_string()]);
    done.refused(4, &["disk"]);
    assert!(!copy.exists(), "half a backup is none");
    assert!(before == fs::read(place.database()).expect("it is there"));
    place.assert_sound();
}
