//! `provisor user`: users, what became of them and why.

use std::sync::Arc;

use clap::{Args, Subcommand};
use provisor_store::{Change, Event, Id, Outcome, Stored, Tenant};
use scim::{
    Fired, Profile, ResourceType, Value, datetime::format_millis, message::PATCH_OP, patch::Patch,
};
use serde_json::json;

use super::{
    Context,
    argument::{self, Paging, TenantKey},
    why,
};
use crate::{
    directory::{self, Directory, unexpected, written},
    failure::Failure,
    open,
    terminal::{self, Form},
    views,
};

/// How many past events are read for the names a user had.
const PAST_EVENTS: usize = 1000;

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

Asks for the userName. Prints a receipt. There is no way back, and backups keep what they have.")]
    Erase {
        #[command(flatten)]
        which: Which,
        /// Do not ask
        #[arg(long)]
        force: bool,
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
            User::Erase { which, force } => erase(context, &directory, &which, force).await,
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

async fn erase(
    context: &Context,
    directory: &Directory,
    which: &Which,
    force: bool,
) -> Result<(), Failure> {
    let tenant = directory.tenant(&which.tenant.tenant).await?;
    let user = match which.find(directory, &tenant).await? {
        Some(user) => user,
        None => which
            .tombstone(directory, &tenant)
            .await?
            .ok_or_else(|| which.absent())?,
    };
    let user_name = views::text(&views::resource(&user), "user_name");
    if !force {
        terminal::confirm(
            &format!(
                "The user \"{user_name}\" ({}) and its personal values in past events are removed for good.",
                user.id
            ),
            &user_name,
        )?;
    }
    let names = names_of(directory, &tenant, &user).await?;
    let change = Change::Erase { id: user.id };
    match directory.write(tenant.id, change).await? {
        Outcome::Deleted { .. } | Outcome::Done(_) => {}
        other => return Err(unexpected(&other)),
    }
    let log = open::log_path(&context.path()?);
    if log.exists() {
        let entries = provisor_store::log::erase(&log, tenant.id, user.id, &names)?;
        terminal::note(&format!("{entries} entries of the sync log were blanked."));
    }
    let events = {
        let mut snapshot = directory.read().await?;
        snapshot.events_of(tenant.id, user.id, 1).await?
    };
    receipt(context, &tenant, user.id, events.first())
}

/// Every name the user has or had, to find it in the sync log by.
async fn names_of(
    directory: &Directory,
    tenant: &Tenant,
    user: &Stored,
) -> Result<Vec<String>, Failure> {
    let mut documents: Vec<Value> = serde_json::from_slice(&user.document).into_iter().collect();
    let mut snapshot = directory.read().await?;
    let past = snapshot.events_of(tenant.id, user.id, PAST_EVENTS).await?;
    documents.extend(past.into_iter().filter_map(|event| event.document));
    let mut names = vec![user.id.to_string()];
    for document in &documents {
        let singles = ["userName", "externalId"].map(|name| document.get(name));
        let emails = document.get("emails").and_then(Value::as_array);
        let emails = emails.into_iter().flatten().map(|email| email.get("value"));
        let texts = singles
            .into_iter()
            .chain(emails)
            .flatten()
            .filter_map(Value::as_str);
        names.extend(texts.map(str::to_owned));
    }
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// What can be shown to whoever asked for the erasure; without personal values.
fn receipt(
    context: &Context,
    tenant: &Tenant,
    id: Id,
    event: Option<&Event>,
) -> Result<(), Failure> {
    let mut receipt = json!({ "tenant": tenant.key, "erased": id.to_string() });
    if let Some(event) = event {
        receipt["event"] = event.id().into();
        receipt["at"] = format_millis(event.at).into();
        receipt["by"] = event.actor.clone().into();
        receipt["receipt"] = event.detail.clone();
    }
    terminal::show(
        context.json,
        &receipt,
        &[
            ("erased", views::text(&receipt, "erased")),
            ("tenant", tenant.key.clone()),
            ("event", views::text(&receipt, "event")),
            ("at", views::text(&receipt, "at")),
            ("by", views::text(&receipt, "by")),
            ("receipt", views::text(&receipt, "receipt")),
        ],
    )
}
