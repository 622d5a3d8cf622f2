//! `provisor restore`: a backup in place of the database, checked first, put there in one step.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
};

use clap::Args;
use provisor_store::{Clock, Store, private, sqlite::SqliteStore};
use serde_json::json;

use super::Context;
use crate::{
    failure::Failure,
    open::{self, Missing},
    terminal,
};

/// Put a backup in place of the database
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  provisor restore /var/backups/provisor-2026-11-23.db
  provisor restore old.db --database sqlite:/var/lib/provisor/provisor.db --force

Stop the server first. The backup is checked before anything is replaced. A database with tenants
in it is replaced with --force only, and stays beside the new one under another name.")]
pub(crate) struct Restore {
    /// The backup
    #[arg(value_name = "SRC")]
    source: PathBuf,
    /// Replace a database that is not empty
    #[arg(long)]
    force: bool,
}

impl Restore {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let path = context.path()?;
        self.check_source()?;
        let occupied = path.exists();
        if occupied {
            self.check_destination(&path, &context.clock).await?;
        }
        private::ensure_folder_of(&path).map_err(|error| unwritable(&path, &error))?;
        let unfinished = beside(&path, ".restoring");
        remove(&unfinished)?;
        copy(&self.source, &unfinished).map_err(|error| {
            let _ = fs::remove_file(&unfinished);
            Failure::failed(format!(
                "{} cannot be copied to {}: {error}.",
                self.source.display(),
                unfinished.display()
            ))
        })?;
        if let Err(failure) = check(&unfinished, &context.clock) {
            remove(&unfinished)?;
            return Err(failure);
        }
        let kept = if occupied {
            Some(set_aside(&path, context.clock.now())?)
        } else {
            None
        };
        fs::rename(&unfinished, &path).map_err(|error| unwritable(&path, &error))?;
        open::sync_folder(&path).map_err(|error| unwritable(&path, &error))?;
        if context.json {
            let kept = kept.map(|kept| kept.display().to_string());
            let restored = path.display().to_string();
            return terminal::json(&json!({ "restored": restored, "replaced": kept }));
        }
        terminal::note(&format!("Restored {}.", path.display()));
        if let Some(kept) = kept {
            terminal::note(&format!(
                "The database that was there is {}. Remove it when you no longer need it.",
                kept.display()
            ));
        }
        terminal::note(
            "Events after the backup are gone, and their numbers will be given again. Tell every app to read the whole state again (docs/integrate.md).",
        );
        Ok(())
    }

    fn check_source(&self) -> Result<(), Failure> {
        let shown = self.source.display();
        if !self.source.is_file() {
            return Err(Failure::not_found(format!("There is no file {shown}.")));
        }
        let journal = beside(&self.source, "-wal");
        if fs::metadata(&journal).is_ok_and(|journal| journal.len() > 0) {
            return Err(Failure::failed(format!(
                "{shown} is a database in use, not a backup: {} belongs to it. Make a backup with `provisor backup`.",
                journal.display()
            )));
        }
        Ok(())
    }

    async fn check_destination(&self, path: &Path, clock: &Clock) -> Result<(), Failure> {
        let shown = path.display();
        match SqliteStore::is_in_use(path) {
            Ok(true) => {
                return Err(Failure::failed(format!(
                    "A server or another command has {shown} open. Stop it first."
                )));
            }
            Ok(false) => {}
            // Damaged, which is why it is restored.
            Err(_) if self.force => return Ok(()),
            Err(error) => {
                return Err(Failure::failed(format!(
                    "{error}. Replace it with --force; it stays beside the new one under another name."
                )));
            }
        }
        if self.force {
            return Ok(());
        }
        let store = open::store(path, Missing::Refuse, clock.clone())?;
        let tenants = store.read().await?.tenants("", 1).await?;
        if tenants.is_empty() {
            return Ok(());
        }
        Err(Failure::failed(format!(
            "{shown} is not empty. Replace it with --force; it stays beside the new one under another name."
        )))
    }
}

/// Copies what is in a file, and not its mode.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let (mut from, mut to) = (fs::File::open(from)?, private::create_file(to)?);
    io::copy(&mut from, &mut to)?;
    to.sync_all()
}

/// Opens the copy, migrates it if it is older, and checks all of it.
fn check(path: &Path, clock: &Clock) -> Result<(), Failure> {
    let store = open::store(path, Missing::Refuse, clock.clone())?;
    let problems = store.check()?;
    store.close();
    drop(store);
    // The last connection has brought the journal in; what is left of it is empty.
    for suffix in ["-wal", "-shm"] {
        let journal = beside(path, suffix);
        if suffix == "-wal" && fs::metadata(&journal).is_ok_and(|journal| journal.len() > 0) {
            return Err(Failure::failed(format!(
                "{} could not be completed. Try again.",
                path.display()
            )));
        }
        remove(&journal)?;
    }
    if problems.is_empty() {
        return Ok(());
    }
    Err(Failure::failed(format!(
        "The backup is damaged, nothing was replaced: {}. Use an older one.",
        problems.join("; ")
    )))
}

/// Moves the database that was there to another name; gives the name.
fn set_aside(path: &Path, now: i64) -> Result<PathBuf, Failure> {
    let kept = beside(path, &format!(".replaced-{now}"));
    for suffix in ["-wal", "-shm", ""] {
        let from = beside(path, suffix);
        match fs::rename(&from, beside(&kept, suffix)) {
            Err(error) if suffix.is_empty() || error.kind() != io::ErrorKind::NotFound => {
                return Err(unwritable(&from, &error));
            }
            _ => {}
        }
    }
    Ok(kept)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

fn remove(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unwritable(path, &error)),
        _ => Ok(()),
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::failed(format!("{} cannot be written: {error}.", path.display()))
}
