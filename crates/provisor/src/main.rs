//! The door of Provisor: the binary, its configuration and its commands.

mod commands;
mod config;
mod directory;
mod failure;
mod open;
mod progress;
mod terminal;
mod views;

use std::process::ExitCode;

use clap::Parser;

/// For SQLite as well: its feature `override` takes the place of the C library's `malloc`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match commands::run(commands::Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
