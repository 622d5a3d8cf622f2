//! Outbound provisioning against a target with habits.

mod compare;
mod dumb;
mod ends;
mod habits;
mod heirs;
mod kept;
mod leavers;
mod removals;
mod secrets;
mod server;
mod whose;
mod world;
