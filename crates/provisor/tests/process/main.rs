//! The program as an operator runs it: real processes, real files, real signals.
//!
//! Each test has a folder and a port of its own. `LONG=1` runs the full counts.

mod backup;
mod beside;
mod client;
mod dev;
mod disk;
mod flood;
mod kill;
mod place;
mod push;
mod refusals;
mod replay;
mod stop;
mod sync;
mod team;
mod unique;

/// `short` in the ordinary run, `long` with `LONG=1`.
fn count(short: usize, long: usize) -> usize {
    match std::env::var("LONG").as_deref() {
        Ok("1") => long,
        _ => short,
    }
}

/// A tool that a test needs is missing: that is told, and an error where everything must be there.
fn skip(why: &str) {
    eprintln!("SKIPPED: {why}");
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{why}");
}

/// Waits for time to pass, where the moment itself is what a test is about.
fn pause(time: std::time::Duration) {
    let (_keep, never) = std::sync::mpsc::channel::<()>();
    let _ = never.recv_timeout(time);
}
