//! Outbound provisioning: a tenant's users and teams, or those of files, pushed to another SCIM server.
//!
//! One object (a user or a team) goes one way: [`mapping`] says what the target should hold of it, [`plan`] compares that
//! with what it does hold, `user` and `team` carry the difference out (`obtain`, `update`, `leave`) through `remote`, and
//! `run` writes down what became of it, in the store, before it is done with it. What is due is decided by marks in the
//! store, never by memory, so a run that is killed goes on where it was. A POST whose answer was lost is never repeated
//! before the target has been searched.

pub mod files;
pub mod mapping;
pub mod plan;
pub mod preview;
pub mod seal;
pub mod settings;
pub mod source;
pub mod view;
pub mod why;

mod compare;
mod creation;
mod leave;
mod lock;
mod obtain;
mod probe;
mod progress;
mod remote;
mod run;
mod service;
mod team;
mod trouble;
mod turn;
mod update;
mod user;

pub use lock::{RunLock, forget_locks};
pub use probe::probe;
pub(crate) use progress::Runs;
pub use progress::{Progress, Pushed};
pub use run::{Wish, run};
pub(crate) use service::serve;
pub use settings::TargetSettings;
pub use trouble::{Stopped, Trouble};
pub use turn::{Turn, Turns};
