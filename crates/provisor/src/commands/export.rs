//! `provisor export`: a tenant as NDJSON, in one consistent state, to be read by `provisor import`.
//!
//! The first line names format and tenant, the last one how many there were, so that a file that
//! was cut is noticed. Members follow all resources: a team may hold a younger team.

use std::{
    io::{self, BufWriter, Write},
    path::PathBuf,
    sync::Arc,
};

use clap::Args;
use provisor_store::{Id, Snapshot, Tenant, private};
use scim::{Map, ResourceType, Value, datetime::format_millis};
use serde_json::json;

use super::{Context, argument::TenantKey};
use crate::{directory, failure::Failure, progress, terminal, views};

/// Name of the format in the first line.
pub(super) const FORMAT: &str = "provisor-export";
/// Version of the format.
pub(super) const VERSION: u64 = 1;

/// Resources read at a time.
const PAGE: usize = 1000;
/// Members in one line: as many as one write brings back.
const MEMBERS: usize = 500;

/// Write a tenant as NDJSON
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  provisor export --tenant acme --output acme.ndjson
  provisor export --tenant acme | gzip > acme.ndjson.gz

Holds connections, schemas, targets, users, teams with members and app_ids in one consistent state.
Tokens, targets' secrets and events stay behind: make new tokens, and set the secrets, after an import.")]
pub(crate) struct Export {
    #[command(flatten)]
    tenant: TenantKey,
    /// Where to [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Export {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let directory = context.directory()?;
        let tenant = directory.tenant(&self.tenant.tenant).await?;
        // One view for all: what is exported was so at one moment.
        let mut snapshot = directory.read().await?;
        let mut lines = match &self.output {
            None => Lines::new(Box::new(io::stdout().lock())),
            Some(path) => {
                let file = private::create_file(path).map_err(|error| {
                    Failure::failed(format!(
                        "{} cannot be made: {error}. Name a file that does not exist yet.",
                        path.display()
                    ))
                })?;
                Lines::new(Box::new(file))
            }
        };
        let exported = format_millis(context.clock.now());
        write(&mut lines, &mut *snapshot, &tenant, &exported).await?;
        lines.out.flush()?;
        terminal::note(&format!(
            "Exported {} resources of tenant \"{}\".",
            lines.resources, tenant.key
        ));
        Ok(())
    }
}

struct Lines<'o> {
    out: BufWriter<Box<dyn Write + 'o>>,
    resources: u64,
    members: u64,
}

impl<'o> Lines<'o> {
    fn new(out: Box<dyn Write + 'o>) -> Self {
        Self {
            out: BufWriter::new(out),
            resources: 0,
            members: 0,
        }
    }

    fn write(&mut self, line: &Value) -> Result<(), Failure> {
        serde_json::to_writer(&mut self.out, line).map_err(io::Error::from)?;
        self.out.write_all(b"\n")?;
        Ok(())
    }
}

async fn write(
    lines: &mut Lines<'_>,
    snapshot: &mut dyn Snapshot,
    tenant: &Tenant,
    exported: &str,
) -> Result<(), Failure> {
    lines.write(&json!({
        "format": FORMAT,
        "version": VERSION,
        "tenant": { "key": tenant.key, "name": tenant.name },
        "exported": exported,
    }))?;
    for connection in snapshot.connections(tenant.id).await? {
        lines.write(&json!({ "connection": views::connection(&connection) }))?;
    }
    for document in snapshot.custom_schemas(tenant.id).await? {
        lines.write(&json!({ "schema": document }))?;
    }
    // After the schemas, which their filters may name. Of what they hold, nothing but the settings goes along.
    for target in snapshot.targets(Some(tenant.id)).await? {
        lines.write(&json!({ "target": { "name": target.name, "settings": target.settings } }))?;
    }
    let registry = snapshot.registry(tenant.id).await?;
    let mut teams = Vec::new();
    for kind in registry.resource_types() {
        resources(lines, snapshot, tenant, kind, &mut teams).await?;
    }
    for team in teams {
        members(lines, snapshot, tenant, team).await?;
    }
    lines.write(&json!({ "end": { "resources": lines.resources, "members": lines.members } }))
}

async fn resources(
    lines: &mut Lines<'_>,
    snapshot: &mut dyn Snapshot,
    tenant: &Tenant,
    kind: &Arc<ResourceType>,
    teams: &mut Vec<Id>,
) -> Result<(), Failure> {
    let bar = progress::steps(snapshot.count(tenant.id, kind).await?, &kind.name);
    let mut after = None;
    loop {
        let search = directory::page(kind, None, after, PAGE)?;
        let page = snapshot.search(tenant.id, &search).await??;
        for stored in &page.resources {
            lines.write(&json!({ "resource": {
                "type": kind.name,
                "id": stored.id.to_string(),
                "app_id": stored.app_id,
                "attributes": views::attributes(stored)?,
            }}))?;
            lines.resources += 1;
            if kind.is_group() {
                teams.push(stored.id);
            }
        }
        bar.inc(page.resources.len() as u64);
        after = page.resources.last().map(|stored| stored.id);
        if !page.more || after.is_none() {
            bar.finish_and_clear();
            return Ok(());
        }
    }
}

async fn members(
    lines: &mut Lines<'_>,
    snapshot: &mut dyn Snapshot,
    tenant: &Tenant,
    team: Id,
) -> Result<(), Failure> {
    let mut after = None;
    loop {
        let page = snapshot
            .members(tenant.id, team, after, MEMBERS)
            .await?
            .unwrap_or_default();
        if page.is_empty() {
            return Ok(());
        }
        let ids: Vec<String> = page.iter().map(|member| member.id.to_string()).collect();
        let called: Map<String, Value> = page
            .iter()
            .filter_map(|member| {
                let name = member.called.as_deref()?;
                Some((member.id.to_string(), name.into()))
            })
            .collect();
        let mut line = json!({ "team": team.to_string(), "ids": ids });
        if !called.is_empty() {
            line["called"] = called.into();
        }
        lines.write(&json!({ "members": line }))?;
        lines.members += page.len() as u64;
        if page.len() < MEMBERS {
            return Ok(());
        }
        after = page.last().map(|member| member.id);
    }
}
