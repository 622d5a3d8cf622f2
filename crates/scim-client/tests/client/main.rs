//! The client against a real socket: what it sends, and what it makes of answers.

mod auth;
mod calls;
mod hostile;
mod server;
