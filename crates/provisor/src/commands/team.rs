//! `provisor team`: teams and their members.

use clap::Subcommand;
use scim::Value;

use super::{
    Context,
    argument::{self, Paging, TenantKey},
};
use crate::{
    directory::{self, Directory},
    failure::Failure,
    terminal::{self, Form},
    views,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Team {
    /// List teams in order of creation
    #[command(after_help = "\
Examples:
  provisor team list --tenant acme
  provisor team list --tenant acme --filter 'displayName sw \"Support\"' --json")]
    List {
        #[command(flatten)]
        tenant: TenantKey,
        /// Only those that match a SCIM filter
        #[arg(long, value_name = "FILTER")]
        filter: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show one team, or a page of its members
    #[command(after_help = "\
Examples:
  provisor team show 'Support L2' --tenant acme
  provisor team show 'Support L2' --tenant acme --members --limit 1000 --json")]
    Show {
        /// Name, externalId or id of the team
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        tenant: TenantKey,
        /// List its members instead
        #[arg(long)]
        members: bool,
        #[command(flatten)]
        paging: Paging,
    },
}

impl Team {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let directory = context.directory()?;
        match self {
            Team::List {
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
            Team::Show {
                name,
                tenant,
                members,
                paging,
            } => {
                let tenant = directory.tenant(&tenant.tenant).await?;
                let kind = directory.resource_type(&tenant, "Group").await?;
                let team = directory
                    .find(&tenant, &kind, &["displayName", "externalId"], &name)
                    .await?
                    .ok_or_else(|| {
                        Failure::not_found(format!(
                            "Tenant \"{}\" has no team \"{name}\". `provisor team list` shows all.",
                            tenant.key
                        ))
                    })?;
                if !members {
                    return show(context, &views::resource(&team));
                }
                let limit = paging.count();
                let mut snapshot = directory.read().await?;
                let mut found = snapshot
                    .members(tenant.id, team.id, paging.after, limit + 1)
                    .await?
                    .unwrap_or_default();
                let more = found.len() > limit;
                found.truncate(limit);
                terminal::list(
                    Form::new(context.json, paging.csv),
                    &["id", "type", "display"],
                    &found,
                    |member| views::row(&views::member(member), &["id", "type", "display"]),
                    views::member,
                )?;
                argument::hint_more(more, found.last().map(|member| member.id));
                Ok(())
            }
        }
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
    let kind = directory.resource_type(&tenant, "Group").await?;
    let search = directory::page(&kind, filter, paging.after, paging.count())?;
    let mut snapshot = directory.read().await?;
    let page = snapshot.search(tenant.id, &search).await??;
    let teams: Vec<Value> = page.resources.iter().map(views::resource).collect();
    terminal::list(
        Form::new(context.json, paging.csv),
        &["id", "display_name", "external_id", "updated"],
        &teams,
        |team| views::row(team, &["id", "display_name", "external_id", "updated"]),
        Clone::clone,
    )?;
    argument::hint_more(page.more, page.resources.last().map(|team| team.id));
    Ok(())
}

fn show(context: &Context, view: &Value) -> Result<(), Failure> {
    let field = |name: &str| views::text(view, name);
    terminal::show(
        context.json,
        view,
        &[
            ("id", field("id")),
            ("displayName", field("display_name")),
            ("externalId", field("external_id")),
            ("created", field("created")),
            ("updated", field("updated")),
            ("version", field("version")),
        ],
    )
}
