//! `provisor push`: users and teams, to other SCIM servers.

mod flags;
mod log;
mod sync;
mod target;

use std::sync::Arc;

use clap::{Args, Subcommand};
use provisor_server::outbound::{self, Stopped, TargetSettings, Wish, files, view};
use provisor_store::{Outcome, TargetChange, Tenant, target::Target};
use serde_json::json;

use super::{
    Context,
    argument::{TenantKey, read_input},
};
use crate::{
    directory::{Directory, unexpected},
    failure::Failure,
    open, terminal,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Push {
    /// Where to push to, and how
    #[command(subcommand)]
    Target(target::TargetCommand),
    /// Ask the target whether address and credentials are right, and what it can do
    #[command(after_help = "Example:\n  provisor push test --tenant acme --name crm")]
    Test {
        #[command(flatten)]
        which: Which,
    },
    /// Push by itself from now on, while `provisor serve` runs
    #[command(after_help = "Example:\n  provisor push activate --tenant acme --name crm")]
    Activate {
        #[command(flatten)]
        which: Which,
    },
    /// Push no more; what changes meanwhile is pushed after the next `activate`
    #[command(after_help = "Example:\n  provisor push pause --tenant acme --name crm")]
    Pause {
        #[command(flatten)]
        which: Which,
    },
    /// Push now, here, and show how far it is; a server need not run
    #[command(after_help = "\
Examples:
  provisor push sync --tenant acme --name crm
  provisor push sync --tenant acme --name crm --compare

With --compare it also repairs what others changed in the target.")]
    Sync {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        how: sync::How,
    },
    /// Show what a sync would do; nothing is sent
    #[command(after_help = "\
Examples:
  provisor push preview --tenant acme --name crm
  provisor push preview --tenant acme --name hr --users users.csv --teams teams.csv")]
    Preview {
        #[command(flatten)]
        which: Which,
        /// For a target fed from files: its users
        #[arg(long, value_name = "FILE")]
        users: Option<std::path::PathBuf>,
        /// For a target fed from files: its teams
        #[arg(long, value_name = "FILE", requires = "users")]
        teams: Option<std::path::PathBuf>,
    },
    /// What was sent, what was answered, and why; newest first
    #[command(after_help = "\
Examples:
  provisor push log --tenant acme --name crm --failed
  provisor push log --tenant acme --name crm --limit 1000 --json")]
    Log {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        lines: log::Lines,
    },
    /// Why a user or team is in the target, or is not
    #[command(after_help = "Example:\n  provisor push why --tenant acme --name crm lena@acme.com")]
    Why {
        #[command(flatten)]
        which: Which,
        /// userName, e-mail, team name or id
        #[arg(value_name = "NAME")]
        whom: String,
    },
    /// Push what CSV files say; whoever is missing in them loses access in the target
    #[command(after_help = "\
Examples:
  provisor push csv --tenant acme --name hr --users users.csv --teams teams.csv

users.csv has a header. Its columns are SCIM attributes (userName, title, name.givenName) or one of the short names email, \
givenName, familyName, department, employeeNumber, costCenter and phone; `id` is what stays when a userName changes, and \
`active` may be false. teams.csv has the columns team and member (the member's id, else userName), one membership a line.")]
    Csv {
        #[command(flatten)]
        which: Which,
        /// The users
        #[arg(long, value_name = "FILE")]
        users: std::path::PathBuf,
        /// The teams and their members
        #[arg(long, value_name = "FILE")]
        teams: Option<std::path::PathBuf>,
        #[command(flatten)]
        how: sync::How,
    },
}

/// One target of a tenant.
#[derive(Debug, Args)]
pub(crate) struct Which {
    #[command(flatten)]
    tenant: TenantKey,
    /// The target; not needed if the tenant has one only
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

impl Push {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Push::Target(target) => target.run(context).await,
            Push::Test { which } => test(context, &which).await,
            Push::Activate { which } => target::activate(context, &which, true).await,
            Push::Pause { which } => target::activate(context, &which, false).await,
            Push::Sync { which, how } => sync::run(context, &which, None, &how).await,
            Push::Preview {
                which,
                users,
                teams,
            } => {
                let files = users
                    .map(|users| read_files(&users, teams.as_deref()))
                    .transpose()?;
                sync::preview(context, &which, files).await
            }
            Push::Log { which, lines } => log::list(context, &which, &lines).await,
            Push::Why { which, whom } => log::why(context, &which, &whom).await,
            Push::Csv {
                which,
                users,
                teams,
                how,
            } => {
                let files = read_files(&users, teams.as_deref())?;
                sync::run(context, &which, Some(files), &how).await
            }
        }
    }
}

fn read_files(
    users: &std::path::Path,
    teams: Option<&std::path::Path>,
) -> Result<Arc<outbound::source::Files>, Failure> {
    let text = |path: &std::path::Path| {
        String::from_utf8(read_input(path)?).map_err(|_| {
            Failure::failed(format!(
                "{} is not UTF-8; save it as CSV UTF-8.",
                path.display()
            ))
        })
    };
    let users = text(users)?;
    let teams = teams.map(text).transpose()?;
    let files = files::read(&users, teams.as_deref()).map_err(Failure::failed)?;
    Ok(Arc::new(files))
}

/// The target a person means.
async fn find(directory: &Directory, which: &Which) -> Result<(Tenant, Target), Failure> {
    let tenant = directory.tenant(&which.tenant.tenant).await?;
    let targets = directory.read().await?.targets(Some(tenant.id)).await?;
    let names: Vec<String> = targets
        .iter()
        .map(|target| format!("\"{}\"", target.name))
        .collect();
    let names = names.join(", ");
    let key = &tenant.key;
    let found = match (&which.name, targets.as_slice()) {
        (_, []) => {
            return Err(Failure::not_found(format!(
                "Tenant \"{key}\" has no target. Make one with `provisor push target create --tenant {key}`."
            )));
        }
        (None, [only]) => only.clone(),
        (None, _) => {
            return Err(Failure::failed(format!(
                "Tenant \"{key}\" has several targets: {names}. Name one with --name."
            )));
        }
        (Some(name), targets) => targets
            .iter()
            .find(|target| target.name == *name)
            .cloned()
            .ok_or_else(|| {
                Failure::not_found(format!(
                    "Tenant \"{key}\" has no target \"{name}\". It has {names}."
                ))
            })?,
    };
    Ok((tenant, found))
}

/// Changes a target, and gives it as it is then.
async fn change(
    directory: &Directory,
    tenant: &Tenant,
    change: TargetChange,
) -> Result<Target, Failure> {
    match directory
        .write(tenant.id, provisor_store::Change::Target(change))
        .await?
    {
        Outcome::Target(target) => Ok(target),
        other => Err(unexpected(&other)),
    }
}

/// What a run in this process works with.
fn wish(context: &Context, directory: &Directory, tenant: &Tenant) -> Result<Wish, Failure> {
    let database = context.path()?;
    let key = open::secret_key(&database)?;
    let actor = directory.origin(tenant.id).actor;
    Ok(Wish::new(
        directory.shared(),
        context.clock.clone(),
        key,
        database,
        actor,
    ))
}

fn stopped(stopped: Stopped) -> Failure {
    match stopped {
        Stopped::Store(message) => Failure::unavailable(format!("{message}.")),
        other => Failure::failed(format!(
            "The push ended early: {}.",
            other.to_string().trim_end_matches('.')
        )),
    }
}

async fn test(context: &Context, which: &Which) -> Result<(), Failure> {
    let directory = context.directory()?;
    let (tenant, target) = find(&directory, which).await?;
    let settings = TargetSettings::of(&target).map_err(Failure::failed)?;
    let wish = wish(context, &directory, &tenant)?;
    let secret = wish.key.open_of(&target).map_err(Failure::failed)?;
    let found = outbound::probe(&settings, secret.as_deref())
        .await
        .map_err(|why| {
            Failure::failed(format!(
                "The test failed: {}.",
                why.to_string().trim_end_matches('.')
            ))
        })?;
    let yes = |name: &str| if found[name] == true { "yes" } else { "no" }.to_owned();
    terminal::show(
        context.json,
        &json!({ "target": target.name, "ok": true, "found": found }),
        &[
            ("target", format!("{} ({})", target.name, settings.url)),
            ("signed in", view::auth(&settings.auth)),
            ("users there", found["users"].to_string()),
            (
                "teams there",
                found["teams"]
                    .as_u64()
                    .map(|count| count.to_string())
                    .unwrap_or_default(),
            ),
            ("PATCH", yes("patch")),
            ("lookup by filter", yes("lookup")),
        ],
    )
}
