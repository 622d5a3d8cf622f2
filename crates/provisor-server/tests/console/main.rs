//! The console over real sockets, in a tree that mirrors its paths.

mod access;
mod browser;
mod connections;
mod forms;
mod link;
mod live;
mod overview;
mod settings;
mod setup;
mod sign_in;
mod tenants;
mod tokens;
mod world;
