//! `provisor push log` and `why`: what was sent, what was answered, and why.

use clap::Args;
use provisor_server::outbound::{TargetSettings, settings::SourceKind, view, why::explain};
use provisor_store::{
    Tenant,
    target::{EntryQuery, Kind, TargetEntry},
};
use serde_json::json;

use super::{Which, find, stopped};
use crate::{
    commands::Context,
    directory::Directory,
    failure::Failure,
    terminal::{self, Form},
};

#[derive(Debug, Args)]
pub(crate) struct Lines {
    /// What could not be done alone
    #[arg(long)]
    failed: bool,
    /// Of one user or team alone, by its id in the source
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Older than this line
    #[arg(long, value_name = "N")]
    before: Option<i64>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// As CSV, safe to open in a spreadsheet
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

pub(super) async fn list(context: &Context, which: &Which, lines: &Lines) -> Result<(), Failure> {
    let directory = context.directory()?;
    let (_, target) = find(&directory, which).await?;
    let place = (target.tenant, target.id);
    let mut view = directory.read().await?;
    let mut found = Vec::new();
    let kinds: &[Option<Kind>] = if lines.id.is_some() {
        &[Some(Kind::User), Some(Kind::Team)]
    } else {
        &[None]
    };
    for kind in kinds {
        let query = EntryQuery {
            object: kind.zip(lines.id.clone()),
            failed: lines.failed,
            before: lines.before,
            limit: lines.limit as usize,
        };
        found.extend(view.target_log(place, &query).await?);
    }
    print(Form::new(context.json, lines.csv), &found)
}

fn print(form: Form, entries: &[TargetEntry]) -> Result<(), Failure> {
    terminal::list(
        form,
        &["n", "at", "action", "name", "status", "detail"],
        entries,
        |entry| {
            vec![
                entry.n.to_string(),
                scim::datetime::format_millis(entry.at),
                entry.action.clone(),
                if entry.kind == Kind::Run {
                    String::new()
                } else {
                    entry.label.clone()
                },
                entry
                    .status
                    .map(|status| status.to_string())
                    .unwrap_or_default(),
                view::words(&entry.detail),
            ]
        },
        view::entry,
    )
}

pub(super) async fn why(context: &Context, which: &Which, whom: &str) -> Result<(), Failure> {
    let directory = context.directory()?;
    let (tenant, target) = find(&directory, which).await?;
    let settings = TargetSettings::of(&target).map_err(Failure::failed)?;
    let named = match settings.source {
        SourceKind::Tenant => by_name(&directory, &tenant, whom).await?,
        SourceKind::Files => None,
    };
    // Nobody of that name in the directory: what was pushed under this id.
    let candidates = match named {
        Some(named) => vec![named],
        None => [Kind::User, Kind::Team]
            .map(|kind| (kind, whom.to_owned()))
            .to_vec(),
    };
    let (store, is_named) = (directory.shared(), candidates.len() == 1);
    for (kind, local) in candidates {
        let explained = explain(&store, &target, kind, &local, str::to_owned)
            .await
            .map_err(stopped)?;
        if !is_named && !explained.is_something() {
            continue;
        }
        if context.json {
            return terminal::json(&json!({
                "kind": kind.as_str(),
                "id": local,
                "sentence": explained.sentence,
                "known": explained.known.as_ref().map(view::object),
                "log": explained.entries.iter().map(view::entry).collect::<Vec<_>>(),
            }));
        }
        terminal::line(&explained.sentence)?;
        if explained.entries.is_empty() {
            return Ok(());
        }
        terminal::line("")?;
        return print(Form::Table, &explained.entries);
    }
    Err(Failure::not_found(match settings.source {
        SourceKind::Tenant => format!(
            "There is no user or team \"{whom}\" in tenant \"{}\", and nothing with this id was pushed to \"{}\".",
            tenant.key, target.name
        ),
        SourceKind::Files => format!(
            "Nothing was pushed to \"{}\" under \"{whom}\". Ask by what the files call it: the column id of users, else \
             userName; a team by its name.",
            target.name
        ),
    }))
}

/// The id of a user or team of the directory.
async fn by_name(
    directory: &Directory,
    tenant: &Tenant,
    whom: &str,
) -> Result<Option<(Kind, String)>, Failure> {
    for (name, kind, attributes) in [
        ("User", Kind::User, &["userName", "emails.value"][..]),
        ("Group", Kind::Team, &["displayName"][..]),
    ] {
        let resource_type = directory.resource_type(tenant, name).await?;
        let found = directory
            .find(tenant, &resource_type, attributes, whom)
            .await?;
        if let Some(stored) = found {
            return Ok(Some((kind, stored.id.to_string())));
        }
    }
    Ok(None)
}
