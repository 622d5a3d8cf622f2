//! `provisor import`: what was exported, or people the app already has.

mod batch;
mod people;
mod target;
mod tenant;

use std::path::PathBuf;

use clap::Args;

use super::{Context, argument::TenantKey};
use crate::failure::Failure;

/// Read an export, or a CSV of people the app already has
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  provisor import acme.ndjson --tenant acme
  provisor import --users people.csv --tenant acme

An export is written back under the same ids, into a tenant that is made if needed. A CSV has a
header with some of: email,userName,givenName,familyName,displayName,app_id. Without userName it
is the e-mail. A user who is there already gets the app_id and nothing else, so that the identity
provider's lookup links instead of creating.

Both can be run again after an interruption: what is there already is left as it is.")]
pub(crate) struct Import {
    /// An export, or - for standard input
    #[arg(value_name = "FILE", required_unless_present = "users")]
    file: Option<PathBuf>,
    /// A CSV of people
    #[arg(long, value_name = "FILE.csv", conflicts_with = "file")]
    users: Option<PathBuf>,
    #[command(flatten)]
    tenant: TenantKey,
}

impl Import {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let tally = match (&self.file, &self.users) {
            (Some(file), _) => tenant::run(context, &self.tenant.tenant, file).await?,
            (None, Some(users)) => people::run(context, &self.tenant.tenant, users).await?,
            (None, None) => return Err(Failure::usage("Name a file.")),
        };
        tally.report(context.json)
    }
}
