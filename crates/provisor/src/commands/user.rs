//! `provisor user`: users, what became of them and why.

mod erase;

use std::sync::Arc;

use clap::{Args, Subcommand};
use provisor_store::{Change, Id, Stored, Tenant};
use scim::{Fired, Profile, ResourceType, Value, message::PATCH_OP, patch::Patch};
use serde_json::json;

use super::{
    Context,
    argument::{self, Paging, TenantKey},
    why,
};
use crate::{
    directory::{self, Directory, written},
    failure::Failure,
    terminal::{self, Form},
    views,
};

#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// List users in order of creation
    #[command(after_help = "\
Examples:
  provisor user list --tenant acme
  provisor user list --tenant acme --filter 'active eq false' --csv > leavers.csv")]
    List {
        #[command(flatten)]
        tenant: TenantKey,
        /// Only those that match a SCIM filter
        #[arg(long, value_name = "FILTER")]
        filter: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show one user with its teams
    #[command(after_help = "Example:\n  provisor user show lena@acme.com --tenant acme")]
    Show(Which),
    /// Say why a user is there, inactive, gone or was never there
    #[command(after_help = "\
Example:
  provisor user why lena@acme.com --tenant acme

Reads the events and the sync log. For a name nobody sent, it states the window that the log
covers, and every gap in it.")]
    Why(Which),
    /// Set a user inactive, as an identity provider would
    #[command(after_help = "Example:\n  provisor user deactivate lena@acme.com --tenant acme")]
    Deactivate(Which),
    /// Set an inactive user active again
    #[command(after_help = "Example:\n  provisor user activate lena@acme.com --tenant acme")]
    Activate(Which),
    /// Bring a deleted user back, with its teams, while its userName is free
    #[command(after_help = "Example:\n  provisor user restore lena@acme.com --tenant acme")]
    Restore(Which),
    /// Remove a user and its personal values in past events, for good
    #[command(after_help = "\
Example:
  provisor user erase lena@acme.com --tenant acme

Asks for the userName. Prints a receipt. The sync log is searched for what it holds of the person,
also in answers that list many. There is no way back, and backups keep what they have.")]
    Erase {
        #[command(flatten)]
        which: Which,
        /// Do not ask
        #[arg(long)]
        force: bool,
        /// Write the database file anew, so that its unused space holds no trace; changes wait
        #[arg(long)]
        compact: bool,
    },
}

/// One user of a tenant.
#[derive(Debug, Args)]
pub(crate) struct Which {
    /// userName, e-mail, externalId or id
    #[arg(value_name = "USER")]
    name: String,
    #[command(flatten)]
    tenant: TenantKey,
}

/// How people name users: in this order.
const NAMES: &[&str] = &["userName", "emails.value", "externalId"];

impl User {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let directory = context.directory()?;
        match self {
            User::List {
                tenant,
                filter,
                paging,
            } => {
                list(
                    context,
                    &directory,
                    &tenant.tenant,
                    filter.as_deref(),
                    &paging,
                )
                .await
            }
            User::Show(which) => {
                let (_, _, user) = which.present(&directory).await?;
                show(context, &user)
            }
            User::Why(which) => {
                let tenant = directory.tenant(&which.tenant.tenant).await?;
                let user = which.find(&directory, &tenant).await?;
                why::run(context, &directory, &tenant, &which.name, user.as_ref()).await
            }
            User::Deactivate(which) => activate(context, &directory, &which, false).await,
            User::Activate(which) => activate(context, &directory, &which, true).await,
            User::Restore(which) => restore(context, &directory, &which).await,
            User::Erase {
                which,
                force,
                compact,
            } => erase::run(context, &directory, &which, force, compact).await,
        }
    }
}

impl Which {
    async fn find(
        &self,
        directory: &Directory,
        tenant: &Tenant,
    ) -> Result<Option<Stored>, Failure> {
        let kind = directory.resource_type(tenant, "User").await?;
        directory.find(tenant, &kind, NAMES, &self.name).await
    }

    /// The user, who must be in the directory.
    async fn present(
        &self,
        directory: &Directory,
    ) -> Result<(Tenant, Arc<ResourceType>, Stored), Failure> {
        let tenant = directory.tenant(&self.tenant.tenant).await?;
        let kind = directory.resource_type(&tenant, "User").await?;
        let user = directory.find(&tenant, &kind, NAMES, &self.name).await?;
        let user = user.ok_or_else(|| self.absent())?;
        Ok((tenant, kind, user))
    }

    /// The user if it was deleted and can be restored.
    async fn tombstone(
        &self,
        directory: &Directory,
        tenant: &Tenant,
    ) -> Result<Option<Stored>, Failure> {
        let id = self.name.parse::<Id>().ok();
        let user_name = id.is_none().then_some(self.name.as_str());
        let mut snapshot = directory.read().await?;
        let found = snapshot.tombstone(tenant.id, id, user_name).await?;
        Ok(found
            .map(|(stored, _)| stored)
            .filter(|stored| stored.kind.is_user()))
    }

    fn absent(&self) -> Failure {
        Failure::not_found(format!(
            "Tenant \"{0}\" has no user \"{1}\". `provisor user why '{1}' --tenant {0}` says what is known.",
            self.tenant.tenant, self.name
        ))
    }
}

async fn list(
    context: &Context,
    directory: &Directory,
    tenant: &str,
    filter: Option<&str>,
    paging: &Paging,
) -> Result<(), Failure> {
    let tenant = directory.tenant(tenant).await?;
    let kind = directory.resource_type(&tenant, "User").await?;
    let search = directory::page(&kind, filter, paging.after, paging.count())?;
    let mut snapshot = directory.read().await?;
    let page = snapshot.search(tenant.id, &search).await??;
    let users: Vec<Value> = page.resources.iter().map(views::resource).collect();
    terminal::list(
        Form::new(context.json, paging.csv),
        &[
            "id",
            "user_name",
            "email",
            "display_name",
            "active",
            "app_id",
        ],
        &users,
        |user| {
            views::row(
                user,
                &[
                    "id",
                    "user_name",
                    "email",
                    "display_name",
                    "active",
                    "app_id",
                ],
            )
        },
        Clone::clone,
    )?;
    argument::hint_more(page.more, page.resources.last().map(|user| user.id));
    Ok(())
}

fn show(context: &Context, user: &Stored) -> Result<(), Failure> {
    let mut view = views::resource(user);
    let teams = user.teams.as_deref().unwrap_or_default();
    view["teams"] = teams.iter().map(views::team_of_user).collect();
    let names: Vec<_> = teams
        .iter()
        .map(|team| {
            let indirect = if team.direct { "" } else { " (indirect)" };
            format!("{}{indirect}", team.display)
        })
        .collect();
    let field = |name: &str| views::text(&view, name);
    terminal::show(
        context.json,
        &view,
        &[
            ("id", field("id")),
            ("userName", field("user_name")),
            ("e-mail", field("email")),
            ("displayName", field("display_name")),
            ("externalId", field("external_id")),
            ("active", field("active")),
            ("app_id", field("app_id")),
            ("teams", names.join(", ")),
            ("created", field("created")),
            ("updated", field("updated")),
            ("version", field("version")),
        ],
    )
}

/// Goes the way of an identity provider's PATCH, so that it means the same everywhere.
async fn activate(
    context: &Context,
    directory: &Directory,
    which: &Which,
    active: bool,
) -> Result<(), Failure> {
    let (tenant, kind, user) = which.present(directory).await?;
    let body = json!({
        "schemas": [PATCH_OP],
        "Operations": [{ "op": "replace", "path": "active", "value": active }],
    });
    let body = body.as_object().cloned().unwrap_or_default();
    let patch = Patch::read(&kind, &body, &Profile::RFC, 1, &mut Fired::default())?;
    let change = Change::Patch {
        kind,
        id: user.id,
        patch,
        precondition: None,
    };
    let after = written(directory.write(tenant.id, change).await?)?;
    let state = if active { "active" } else { "inactive" };
    if !after.changed {
        terminal::note(&format!("The user was {state} already; nothing changed."));
    } else if active {
        terminal::note("The user is active again.");
    } else {
        terminal::note(
            "The user is inactive. The identity provider may set it active again with its next change.",
        );
    }
    show(context, &after.stored)
}

async fn restore(context: &Context, directory: &Directory, which: &Which) -> Result<(), Failure> {
    let tenant = directory.tenant(&which.tenant.tenant).await?;
    let Some(gone) = which.tombstone(directory, &tenant).await? else {
        return Err(match which.find(directory, &tenant).await? {
            Some(_) => Failure::failed(format!(
                "The user \"{}\" is not deleted. `provisor user activate` sets an inactive user active.",
                which.name
            )),
            None => Failure::not_found(format!(
                "No deleted user \"{}\" can be restored. Name it by the userName or id it had; after the retention time it is gone for good.",
                which.name
            )),
        });
    };
    let change = Change::Restore { id: gone.id };
    let back = written(directory.write(tenant.id, change).await?)?;
    terminal::note("The user is back, with its teams.");
    show(context, &back.stored)
}
