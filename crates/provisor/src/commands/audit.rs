//! `provisor audit`: who did what in console, API and command line.

use clap::Subcommand;
use provisor_store::AuditQuery;
use scim::datetime::format_millis;

use super::Context;
use crate::{
    failure::Failure,
    terminal::{self, Form},
    views,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// List entries, the newest first
    #[command(after_help = "\
Examples:
  provisor audit list
  provisor audit list --tenant acme --action token. --json
  provisor audit list --actor person:anna@example.com --limit 1000

An entry is written with the change it tells of, and never changed or removed.")]
    List {
        /// Only of this tenant
        #[arg(long, value_name = "KEY")]
        tenant: Option<String>,
        /// Only by this one: person:EMAIL, cli:NAME, token:tok_N, system
        #[arg(long, value_name = "ACTOR")]
        actor: Option<String>,
        /// Only actions that begin so: token.
        #[arg(long, value_name = "TEXT")]
        action: Option<String>,
        /// Only about this object: tok_3
        #[arg(long, value_name = "TEXT")]
        object: Option<String>,
        /// Only entries before this number
        #[arg(long, value_name = "N")]
        before: Option<i64>,
        /// At most this many
        #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
        /// As CSV, safe to open in a spreadsheet
        #[arg(long, conflicts_with = "json")]
        csv: bool,
    },
}

impl Audit {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let Audit::List {
            tenant,
            actor,
            action,
            object,
            before,
            limit,
            csv,
        } = self;
        let directory = context.directory()?;
        let tenants = match tenant {
            Some(key) => Some(vec![directory.tenant(&key).await?.id]),
            None => None,
        };
        let query = AuditQuery {
            tenants,
            actor,
            action,
            object,
            since: None,
            until: None,
            before,
            limit: limit as usize,
        };
        let entries = directory.read().await?.audit(&query).await?;
        terminal::list(
            Form::new(context.json, csv),
            &[
                "number", "at", "actor", "action", "object", "tenant", "address", "request",
            ],
            &entries,
            |entry| {
                vec![
                    entry.id.to_string(),
                    format_millis(entry.at),
                    entry.actor.clone(),
                    entry.action.clone(),
                    entry.object.clone(),
                    entry.tenant_key.clone().unwrap_or_default(),
                    entry.address.clone().unwrap_or_default(),
                    entry.request.to_string(),
                ]
            },
            views::audit_entry,
        )
    }
}
