//! The console over real sockets, in a tree that mirrors its paths.

mod access;
mod api;
mod audit;
mod browser;
mod connections;
mod forms;
mod link;
mod live;
mod log;
mod overview;
mod settings;
mod setup;
mod sign_in;
mod simulator;
mod targets;
mod teams;
mod tenants;
mod tokens;
mod users;
mod why;
mod world;
