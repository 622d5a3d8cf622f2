//! The binary from outside: what commands print, how they end, and that they work beside a server.

#[path = "cli/backup.rs"]
mod backup;
#[path = "cli/check.rs"]
mod check;
#[path = "cli/harness.rs"]
mod harness;
#[cfg(unix)]
#[path = "cli/modes.rs"]
mod modes;
#[path = "cli/people.rs"]
mod people;
#[path = "cli/person.rs"]
mod person;
#[path = "cli/server.rs"]
mod server;
#[path = "cli/settings.rs"]
mod settings;
#[path = "cli/simulate.rs"]
mod simulate;
#[path = "cli/targets.rs"]
mod targets;
