//! A write is answered after it reached the disk: seen in the system calls of the server.

use std::{collections::BTreeMap, process::Command, time::Instant};

use crate::{
    client::user,
    count, pause,
    place::{PROVISOR, Place, Server, command},
    skip,
};

/// One line of strace: who, which call, its text (with the resumed half of an interrupted call).
struct Call<'t> {
    name: &'t str,
    text: String,
}

/// The calls in the order in which they were finished; those that send, in which they began.
fn calls(trace: &str) -> Vec<Call<'_>> {
    let mut open: BTreeMap<&str, (&str, String)> = BTreeMap::new();
    let mut calls = Vec::new();
    for line in trace.lines() {
        let Some((thread, call)) = line.split_once(' ') else {
            continue;
        };
        let call = call.trim_start();
        if let Some(rest) = call.strip_prefix("<... ") {
            let Some((name, text)) = open.remove(thread) else {
                continue;
            };
            let text = text + rest;
            calls.push(Call { name, text });
        } else if let Some((name, text)) = call.split_once('(') {
            match text.split_once("<unfinished ...>") {
                // An answer is on its way when the call begins.
                Some((text, _)) if name.starts_with("write") || name.starts_with("send") => {
                    let text = text.to_owned();
                    calls.push(Call { name, text });
                }
                Some((text, _)) => {
                    open.insert(thread, (name, text.to_owned()));
                }
                None => {
                    let text = text.to_owned();
                    calls.push(Call { name, text });
                }
            }
        }
    }
    calls
}

/// The file or socket of the first argument: `9</tmp/provisor.db-wal>`.
fn descriptor(text: &str) -> &str {
    text.split([',', ')']).next().unwrap_or_default().trim()
}

#[test]
fn each_acknowledged_write_was_synced_to_disk_first() {
    if Command::new("strace").arg("-V").output().is_err() {
        return skip("strace is not installed, so no system call can be counted");
    }
    let place = Place::new();
    let token = place.token();
    let trace = place.path("trace");
    let mut strace = command("strace");
    // -D: the server is our child, strace is its grandchild.
    strace
        .args(["-D", "-f", "-y", "-s", "48", "-o"])
        .arg(&trace)
        .arg("-e")
        .arg("trace=fsync,fdatasync,pwrite64,read,recvfrom,sendto,sendmsg,write,writev")
        .args([PROVISOR, "serve", "--listen", "127.0.0.1:0"])
        .env("PROVISOR_DATABASE", place.url());
    let server = match Server::try_start(&mut strace) {
        Ok(server) => server,
        Err(done) if done.stderr.contains("ptrace") => {
            return skip("strace may not trace processes here");
        }
        Err(done) => panic!("{done:?}"),
    };
    let mut scim = server.client(&token);
    let writes = count(40, 1000);
    for n in 0..writes {
        scim.post("/scim/v2/Users", &user(&format!("user{n}")))
            .expect(201);
    }
    server.stop();
    let begun = Instant::now();
    let text = loop {
        let text = std::fs::read(&trace).expect("strace wrote its file");
        let text = String::from_utf8_lossy(&text).into_owned();
        if text.contains("+++ exited with 0 +++") && text.trim_end().ends_with("+++") {
            break text;
        }
        assert!(begun.elapsed().as_secs() < 30, "strace does not end");
        pause(std::time::Duration::from_millis(50));
    };

    let mut waiting: BTreeMap<String, (bool, usize)> = BTreeMap::new();
    let (mut answers, mut syncs) = (0, 0);
    for call in calls(&text) {
        let at = descriptor(&call.text);
        let on_journal = at.contains("provisor.db-wal>");
        match call.name {
            "read" | "recvfrom" if call.text.contains("\"POST /scim/v2/Users") => {
                waiting.insert(at.to_owned(), (false, 0));
            }
            "pwrite64" if on_journal => {
                waiting
                    .values_mut()
                    .for_each(|(written, _)| *written = true);
            }
            "fsync" | "fdatasync" if on_journal && call.text.contains("= 0") => {
                // A sync counts for those whose change was written before it.
                let counted = waiting.values_mut().filter(|(written, _)| *written);
                counted.for_each(|(_, synced)| *synced += 1);
                syncs += 1;
            }
            "sendto" | "sendmsg" | "write" | "writev" if call.text.contains("HTTP/1.1 201") => {
                let (_, synced) = waiting.remove(at).expect("an answer has a request");
                assert!(synced >= 1, "answer {answers} came before any sync");
                answers += 1;
            }
            _ => {}
        }
    }
    assert_eq!(answers, writes, "strace saw every answer");
    println!("{answers} answers, {syncs} syncs of the write-ahead file before them");
}
