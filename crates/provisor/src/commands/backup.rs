//! `provisor backup`: one consistent copy of the directory while the server runs.

use std::{fs, path::PathBuf};

use clap::Args;
use serde_json::json;

use super::Context;
use crate::{failure::Failure, open, open::Missing, progress, terminal};

/// Copy the database to a file, also while the server runs
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  provisor backup /var/backups/provisor-$(date +%F).db

The copy is the directory in one consistent state: tenants, users, teams, events, tokens. The sync
log is not in it. Put it back with `provisor restore`.")]
pub(crate) struct Backup {
    /// The file to write
    #[arg(value_name = "DEST")]
    destination: PathBuf,
    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
}

impl Backup {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let shown = self.destination.display();
        if self.destination.exists() && !self.force {
            return Err(Failure::failed(format!(
                "{shown} is there already. Name another file, or replace it with --force."
            )));
        }
        let store = open::store(&context.path()?, Missing::Refuse, context.clock.clone())?;
        // Under another name until it is whole, so that a cut copy is never taken for a backup.
        let mut unfinished = self.destination.clone().into_os_string();
        unfinished.push(".unfinished");
        let unfinished = PathBuf::from(unfinished);
        let failed =
            |error: std::io::Error| Failure::failed(format!("{shown} cannot be written: {error}."));
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(failed(error));
            }
            _ => {}
        }
        let bar = progress::steps(0, "Pages");
        let copied = store.backup(&unfinished, &mut |done, total| {
            bar.set_length(total);
            bar.set_position(done);
        });
        bar.finish_and_clear();
        if let Err(error) = copied {
            // What is there of it is of no use, and the disk may be full.
            let _ = fs::remove_file(&unfinished);
            return Err(error.into());
        }
        fs::rename(&unfinished, &self.destination).map_err(failed)?;
        open::sync_folder(&self.destination).map_err(failed)?;
        let bytes = fs::metadata(&self.destination).map_err(failed)?.len();
        if context.json {
            let shown = shown.to_string();
            return terminal::json(&json!({ "backup": shown, "bytes": bytes }));
        }
        terminal::note(&format!(
            "Wrote {shown}, {} bytes. It holds personal data and token hashes: keep it as safe as the database.",
            bytes
        ));
        Ok(())
    }
}
