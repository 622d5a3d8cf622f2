//! Outbound provisioning against a target with habits.

mod compare;
mod ends;
mod habits;
mod heirs;
mod kept;
mod removals;
mod secrets;
mod server;
mod whose;
mod world;
