//! The commands: `provisor <noun> <verb>`, one file per noun.

mod argument;
mod audit;
mod backup;
mod check;
mod connection;
mod dev;
mod doctor;
mod events;
mod export;
mod import;
mod log;
mod person;
mod push;
mod restore;
mod schema;
mod serve;
mod simulate;
mod team;
mod tenant;
mod token;
mod user;
mod why;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use provisor_store::{Clock, LogReader};

use crate::{
    config::DEFAULT_DATABASE,
    directory::Directory,
    failure::{EXIT_CODES, Failure},
    open::{self, Missing},
};

/// SCIM 2.0 provisioning server: identity providers create, update and deactivate users and
/// teams in it, your app reads one ordered feed of what changed.
#[derive(Debug, Parser)]
#[command(name = "provisor", version, after_help = EXIT_CODES, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,

    /// The database, also beside a running server [default: sqlite:provisor-data/provisor.db]
    #[arg(
        long,
        global = true,
        env = "PROVISOR_DATABASE",
        value_name = "sqlite:PATH"
    )]
    database: Option<String>,

    /// Print JSON: one object, or one a line
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start on this machine with a demo tenant and a token
    Dev(dev::Dev),
    /// Start the server
    Serve(serve::Serve),
    /// Customer organisations, each with a directory of its own
    #[command(subcommand)]
    Tenant(tenant::Tenant),
    /// Identity providers' links into a tenant
    #[command(subcommand)]
    Connection(connection::Connection),
    /// Bearer tokens
    #[command(subcommand)]
    Token(token::Token),
    /// Users, and why one is there or not
    #[command(subcommand)]
    User(user::User),
    /// Teams and their members
    #[command(subcommand)]
    Team(team::Team),
    /// Push users and teams to other SCIM servers
    #[command(subcommand)]
    Push(push::Push),
    /// What identity providers asked, and what was answered
    #[command(subcommand)]
    Log(log::Log),
    /// What changed, in order
    #[command(subcommand)]
    Events(events::Events),
    /// Who may sign in to the console
    #[command(subcommand)]
    Person(person::Person),
    /// Who did what in console, API and command line
    #[command(subcommand)]
    Audit(audit::Audit),
    /// Custom schemas and resource types
    #[command(subcommand)]
    Schema(schema::Schema),
    /// Copy the database to a file, also while the server runs
    Backup(backup::Backup),
    /// Put a backup in place of the database
    Restore(restore::Restore),
    /// Write a tenant as NDJSON
    Export(export::Export),
    /// Read an export, or a CSV of people the app already has
    Import(import::Import),
    /// Simulate an identity provider against any SCIM server
    Simulate(simulate::Simulate),
    /// Check the installation
    Doctor(doctor::Doctor),
    Check(check::Check),
}

/// Runs one command.
pub(crate) async fn run(cli: Cli) -> Result<(), Failure> {
    let context = Context {
        database: cli.database,
        json: cli.json,
        clock: Clock::system(),
    };
    match cli.command {
        Command::Dev(dev) => dev.run(&context).await,
        Command::Serve(serve) => serve.run(&context).await,
        Command::Tenant(tenant) => tenant.run(&context).await,
        Command::Connection(connection) => connection.run(&context).await,
        Command::Token(token) => token.run(&context).await,
        Command::User(user) => user.run(&context).await,
        Command::Team(team) => team.run(&context).await,
        Command::Push(push) => push.run(&context).await,
        Command::Log(log) => log.run(&context).await,
        Command::Events(events) => events.run(&context).await,
        Command::Person(person) => person.run(&context).await,
        Command::Audit(audit) => audit.run(&context).await,
        Command::Schema(schema) => schema.run(&context).await,
        Command::Backup(backup) => backup.run(&context),
        Command::Restore(restore) => restore.run(&context).await,
        Command::Export(export) => export.run(&context).await,
        Command::Import(import) => import.run(&context).await,
        Command::Simulate(simulate) => simulate.run(&context).await,
        Command::Doctor(doctor) => doctor.run(&context).await,
        Command::Check(check) => check.run(&context).await,
    }
}

/// What every command is given.
#[derive(Debug)]
pub(crate) struct Context {
    /// As said on the command line or in the environment.
    database: Option<String>,
    json: bool,
    clock: Clock,
}

impl Context {
    /// Where the database is.
    fn path(&self) -> Result<PathBuf, Failure> {
        let database = self.database.as_deref().unwrap_or(DEFAULT_DATABASE);
        open::sqlite_path(database)
            .map_err(|problem| Failure::usage(format!("--database: {problem}.")))
    }

    /// The directory, which must be there.
    fn directory(&self) -> Result<Directory, Failure> {
        self.directory_or(Missing::Refuse)
    }

    /// The directory, made if `missing` says so.
    fn directory_or(&self, missing: Missing) -> Result<Directory, Failure> {
        let store = open::store(&self.path()?, missing, self.clock.clone())?;
        Ok(Directory::new(std::sync::Arc::new(store)))
    }

    /// The sync log, for questions.
    fn log(&self) -> Result<LogReader, Failure> {
        open::log_reader(&self.path()?)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_examples() {
        fn walk(command: &clap::Command, path: &str) {
            for sub in command
                .get_subcommands()
                .filter(|sub| sub.get_name() != "help")
            {
                let path = format!("{path} {}", sub.get_name());
                let help = sub.get_after_help().map(ToString::to_string);
                if sub.get_subcommands().next().is_none() {
                    let help = help.unwrap_or_default();
                    assert!(help.contains(&path), "{path} has no example in its help");
                }
                walk(sub, &path);
            }
        }
        walk(&Cli::command(), "provisor");
    }
}
