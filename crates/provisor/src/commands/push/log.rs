//! `provisor push log` and `why`: what was sent, what was answered, and why.

use clap::Args;
use provisor_server::outbound::{
    TargetSettings,
    plan::{Absence, Desired},
    source::{Scope, Source},
    view,
};
use provisor_store::target::{EntryQuery, Kind, TargetEntry};
use serde_json::json;

use super::{Which, find, stopped};
use crate::{
    commands::Context,
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
    let source = Source::tenant(directory.shared(), tenant.id)
        .await
        .map_err(stopped)?;
    let scope = Scope::new(&settings, &source).map_err(stopped)?;
    let place = (tenant.id, target.id);
    // In the directory by name, else what was pushed under this id.
    let mut found = None;
    for (name, kind, attributes) in [
        ("User", Kind::User, &["userName", "emails.value"][..]),
        ("Group", Kind::Team, &["displayName"][..]),
    ] {
        let resource_type = directory.resource_type(&tenant, name).await?;
        if let Some(stored) = directory
            .find(&tenant, &resource_type, attributes, whom)
            .await?
        {
            let attributes = crate::views::attributes(&stored)?;
            let local = stored.id.to_string();
            let desired = scope.desired(kind, &local, Some(&attributes));
            found = Some((kind, local, desired));
            break;
        }
    }
    let mut snapshot = directory.read().await?;
    if found.is_none() {
        for kind in [Kind::User, Kind::Team] {
            let known = snapshot
                .target_by_local(place, kind, &[whom.to_owned()])
                .await?;
            if let Some(Some(known)) = known.into_iter().next() {
                found = Some((kind, known.local, Desired::Absent(Absence::Deleted)));
            }
        }
    }
    let Some((kind, local, desired)) = found else {
        return Err(Failure::not_found(format!(
            "There is no user or team \"{whom}\" in tenant \"{}\", and nothing with this id was pushed to \"{}\".",
            tenant.key, target.name
        )));
    };
    let known = snapshot
        .target_by_local(place, kind, std::slice::from_ref(&local))
        .await?
        .pop()
        .flatten();
    let query = EntryQuery {
        object: Some((kind, local.clone())),
        limit: 20,
        ..EntryQuery::default()
    };
    let entries = snapshot.target_log(place, &query).await?;
    let sentence = view::why(&settings, known.as_ref(), &desired);
    if context.json {
        return terminal::json(&json!({
            "kind": kind.as_str(),
            "id": local,
            "sentence": sentence,
            "known": known.as_ref().map(view::object),
            "log": entries.iter().map(view::entry).collect::<Vec<_>>(),
        }));
    }
    terminal::line(&sentence)?;
    if entries.is_empty() {
        return Ok(());
    }
    terminal::line("")?;
    print(Form::Table, &entries)
}
