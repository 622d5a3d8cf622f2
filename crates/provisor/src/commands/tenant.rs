//! `provisor tenant`: customer organisations, each with a directory of its own.

use std::time::Duration;

use clap::Subcommand;
use provisor_store::{Change, Outcome, Tenant as Record, TenantId, change::CHUNK};

use super::Context;
use crate::{
    directory::{Directory, unexpected},
    failure::Failure,
    open::Missing,
    progress,
    terminal::{self, Form},
    views,
};

/// What others get between two transactions of a removal to begin a transaction of their own.
const PAUSE: Duration = Duration::from_millis(3);

#[derive(Debug, Subcommand)]
pub(crate) enum Tenant {
    /// Make a tenant
    #[command(after_help = "\
Example:
  provisor tenant create acme --name 'Acme Inc.'

The key is your own id for the customer: letters, digits, dot, underscore and dash.")]
    Create {
        /// Your own id for the customer
        key: String,
        /// Shown to people [default: the key]
        #[arg(long, default_value = "", hide_default_value = true)]
        name: String,
    },
    /// List all tenants
    #[command(after_help = "Example:\n  provisor tenant list --json")]
    List {
        /// Start after the tenant with this key
        #[arg(
            long,
            value_name = "KEY",
            default_value = "",
            hide_default_value = true
        )]
        after: String,
        /// At most this many
        #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
    },
    /// Show one tenant
    #[command(after_help = "Example:\n  provisor tenant show acme")]
    Show {
        /// Key of the tenant
        key: String,
    },
    /// Refuse all requests of a tenant until it is resumed; nothing is removed
    #[command(after_help = "Example:\n  provisor tenant suspend acme")]
    Suspend {
        /// Key of the tenant
        key: String,
    },
    /// Accept a suspended tenant's requests again
    #[command(after_help = "Example:\n  provisor tenant resume acme")]
    Resume {
        /// Key of the tenant
        key: String,
    },
    /// Remove a tenant with its users, teams, events and tokens, for good
    #[command(after_help = "\
Example:
  provisor tenant delete acme

Asks for the key. There is no way back but a backup; `provisor export` first.")]
    Delete {
        /// Key of the tenant
        key: String,
        /// Do not ask
        #[arg(long)]
        force: bool,
    },
}

impl Tenant {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Tenant::Create { key, name } => {
                let directory = context.directory_or(Missing::Create)?;
                let tenant = create(&directory, key, name).await?;
                terminal::note(&format!(
                    "Next: provisor token create --tenant {} --scope scim --purpose 'Okta'",
                    tenant.key
                ));
                show(context, &tenant)
            }
            Tenant::List { after, limit } => {
                let mut snapshot = context.directory()?.read().await?;
                let tenants = snapshot.tenants(&after, limit as usize).await?;
                terminal::list(
                    Form::new(context.json, false),
                    &["key", "name", "state", "slug", "created"],
                    &tenants,
                    |tenant| {
                        vec![
                            tenant.key.clone(),
                            tenant.name.clone(),
                            tenant.state.as_str().to_owned(),
                            tenant.slug.clone(),
                            scim::datetime::format_millis(tenant.created),
                        ]
                    },
                    views::tenant,
                )
            }
            Tenant::Show { key } => {
                let tenant = context.directory()?.tenant(&key).await?;
                show(context, &tenant)
            }
            Tenant::Suspend { key } => suspend(context, &key, true).await,
            Tenant::Resume { key } => suspend(context, &key, false).await,
            Tenant::Delete { key, force } => delete(context, &key, force).await,
        }
    }
}

/// Makes a tenant.
pub(super) async fn create(
    directory: &Directory,
    key: String,
    name: String,
) -> Result<Record, Failure> {
    let change = Change::CreateTenant { key, name };
    match directory.write(TenantId::SYSTEM, change).await? {
        Outcome::Tenant(tenant) => Ok(tenant),
        other => Err(unexpected(&other)),
    }
}

async fn suspend(context: &Context, key: &str, suspended: bool) -> Result<(), Failure> {
    let directory = context.directory()?;
    let tenant = directory.tenant(key).await?;
    let change = Change::SetTenant {
        name: None,
        suspended: Some(suspended),
    };
    match directory.write(tenant.id, change).await? {
        Outcome::Tenant(tenant) => show(context, &tenant),
        other => Err(unexpected(&other)),
    }
}

async fn delete(context: &Context, key: &str, force: bool) -> Result<(), Failure> {
    let directory = context.directory()?;
    let tenant = directory.tenant(key).await?;
    if !force {
        terminal::confirm(
            &format!(
                "Tenant \"{}\" ({}) and all its users, teams, events and tokens are removed for good.",
                tenant.key, tenant.name
            ),
            &tenant.key,
        )?;
    }
    let bar = progress::count("Removing");
    loop {
        let change = Change::DeleteTenant { chunk: CHUNK };
        match directory.write(tenant.id, change).await? {
            Outcome::TenantDeleted { done: true } => break,
            Outcome::TenantDeleted { done: false } => {
                bar.inc(CHUNK as u64);
                tokio::time::sleep(PAUSE).await;
            }
            other => return Err(unexpected(&other)),
        }
    }
    bar.finish_and_clear();
    terminal::note(&format!("Tenant \"{key}\" is removed."));
    Ok(())
}

fn show(context: &Context, tenant: &Record) -> Result<(), Failure> {
    terminal::show(
        context.json,
        &views::tenant(tenant),
        &[
            ("key", tenant.key.clone()),
            ("name", tenant.name.clone()),
            ("state", tenant.state.as_str().to_owned()),
            ("slug", tenant.slug.clone()),
            ("created", scim::datetime::format_millis(tenant.created)),
        ],
    )
}
