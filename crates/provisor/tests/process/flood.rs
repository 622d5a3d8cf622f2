//! Floods of bad tokens, reads and writes: memory and files stay bounded, others are served.

use std::{
    fs,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use crate::{
    client::user,
    count,
    place::{Place, Server},
};

const CLIENTS: usize = 8;
const MIB: u64 = 1 << 20;

/// Memory of its own that a process holds, in bytes: what is mapped from files is the system's.
fn memory(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid()));
    let status = status.expect("a process has a status");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.trim().parse::<u64>().ok())
        .expect("it has memory")
        * 1024
}

/// Bytes of a database and its write-ahead file, which comes on top of the size that is set: it
/// holds up to a few flushes before it is folded in.
fn size(place: &Place, name: &str) -> u64 {
    let files = [name.to_owned(), format!("{name}-wal")];
    let sizes = files
        .iter()
        .map(|file| fs::metadata(place.path(file)).map_or(0, |file| file.len()));
    sizes.sum()
}

/// Sends `total` requests from several clients at once.
fn flood(total: usize, send: impl Fn(usize, &mut dyn FnMut()) + Sync, mut watch: impl FnMut()) {
    let (sent, over) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (send, sent) = (&send, &sent);
                scope.spawn(move || {
                    send(number, &mut || {
                        sent.fetch_add(1, Relaxed);
                    });
                })
            })
            .collect();
        while !over.load(Relaxed) {
            watch();
            over.store(clients.iter().all(|client| client.is_finished()), Relaxed);
        }
    });
    assert_eq!(sent.load(Relaxed), total as u64);
}

#[test]
fn a_flood_of_bad_tokens_leaves_memory_and_files_bounded_and_others_served() {
    let place = Place::new();
    let token = place.token();
    // Behind a proxy, so that the flood comes from many addresses and the others from their own.
    let arguments = [
        "--set",
        "sync_log.max_size=1MiB",
        "--trusted-proxy",
        "127.0.0.1",
    ];
    let server = place.serve_with(&arguments);
    let mut scim = server.client(&token).coming_from("192.0.2.1".to_owned());
    let mut neighbour = server.client(&token).coming_from("198.51.100.0".to_owned());
    let id = scim.user("lena");
    let (before, each) = (memory(&server), count(1500, 10_000));
    let (mut most, mut log) = (0, 0);
    let (limited, served) = (AtomicU64::new(0), AtomicU64::new(0));
    flood(
        CLIENTS * each,
        |number, sent| {
            for n in 0..each {
                // Tokens that are none, tokens with a wrong secret, and no token's form at all.
                let bad = match n % 3 {
                    0 => format!("pvr_scim_{number:08}{n:034}"),
                    1 => format!("{}{n:08}", &token[..token.len() - 8]),
                    _ => "x".repeat(n % 3000),
                };
                // Half of it from a few addresses, half of it each time from another one.
                let from = match n % 2 {
                    0 => format!("198.51.100.{number}"),
                    _ => format!("2001:db8:{number}::{:x}", n % 0x10000),
                };
                let mut client = server.client(&bad).coming_from(from);
                let answer = client.get("/scim/v2/Users");
                match answer.status {
                    401 => {}
                    429 => {
                        assert!(answer.header("retry-after").is_some());
                        limited.fetch_add(1, Relaxed);
                    }
                    other => panic!("{other} for a bad token"),
                }
                sent();
            }
        },
        || {
            scim.get(&format!("/scim/v2/Users/{id}")).expect(200);
            // A good token is served, whatever else comes from its address.
            neighbour.get(&format!("/scim/v2/Users/{id}")).expect(200);
            served.fetch_add(2, Relaxed);
            most = most.max(memory(&server));
            log = log.max(size(&place, "provisor.log.db"));
        },
    );
    println!(
        "{} bad tokens ({} limited): memory {:.1} → {:.1} MiB at most, log {:.1} MiB at most, \
         {} others served beside",
        CLIENTS * each,
        limited.load(Relaxed),
        before as f64 / MIB as f64,
        most as f64 / MIB as f64,
        log as f64 / MIB as f64,
        served.load(Relaxed),
    );
    assert!(most < before + 64 * MIB, "memory grew to {most}");
    assert!(log < 32 * MIB, "the log grew to {log}");
    server.stop();
}

#[test]
fn reads_beyond_the_rate_are_counted_and_writes_stay_below_the_logs_size() {
    let place = Place::new();
    let token = place.token();
    let arguments = [
        "--set",
        "sync_log.max_size=1MiB",
        "--set",
        "sync_log.reads_per_second=20",
    ];
    let server = place.serve_with(&arguments);
    let mut scim = server.client(&token);
    let id = scim.user("lena");
    let path = format!("/scim/v2/Users/{id}");
    let (before, reads) = (memory(&server), count(1500, 10_000));
    let (mut most, mut log) = (0, 0);
    flood(
        CLIENTS * reads,
        |_, sent| {
            let mut client = server.client(&token);
            for _ in 0..reads {
                client.get(&path).expect(200);
                sent();
            }
        },
        || {
            most = most.max(memory(&server));
            log = log.max(size(&place, "provisor.log.db"));
            crate::pause(std::time::Duration::from_millis(20));
        },
    );
    println!(
        "{} reads: memory {:.1} → {:.1} MiB at most, log {:.1} MiB at most",
        CLIENTS * reads,
        before as f64 / MIB as f64,
        most as f64 / MIB as f64,
        log as f64 / MIB as f64,
    );
    assert!(most < before + 64 * MIB, "memory grew to {most}");
    assert!(log < 8 * MIB, "reads that are only counted filled {log}");

    // Writes are logged whole. Their bodies alone are several times the size.
    let writes = count(150, 1000);
    let mut name = String::from("x");
    name.extend(std::iter::repeat_n('y', 8000));
    flood(
        CLIENTS * writes,
        |number, sent| {
            let mut client = server.client(&token);
            for n in 0..writes {
                let mut body = user(&format!("user{number}.{n}"));
                body["title"] = name.as_str().into();
                client.post("/scim/v2/Users", &body).expect(201);
                sent();
            }
        },
        || {
            most = most.max(memory(&server));
            log = log.max(size(&place, "provisor.log.db"));
            crate::pause(std::time::Duration::from_millis(20));
        },
    );
    let rest = size(&place, "provisor.log.db");
    println!(
        "{} writes of 8 KB: memory {:.1} MiB at most, log {:.1} MiB at most, {:.1} MiB then",
        CLIENTS * writes,
        most as f64 / MIB as f64,
        log as f64 / MIB as f64,
        rest as f64 / MIB as f64,
    );
    assert!(most < before + 128 * MIB, "memory grew to {most}");
    assert!(log < 32 * MIB, "the log grew to {log}");
    server.stop();
    let file = fs::metadata(place.path("provisor.log.db")).expect("the log is there");
    assert!(
        file.len() <= MIB + MIB / 2,
        "the log has {} bytes",
        file.len()
    );
    place
        .cli(&["log", "list", "--tenant", "acme", "--limit", "5"])
        .ok();
    place.assert_sound();
}
