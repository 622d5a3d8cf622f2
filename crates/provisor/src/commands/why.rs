//! `provisor user why`: what directory, events and sync log say about a name.

use std::time::Duration;

use provisor_server::why::{Gathered, Verdict};
use provisor_store::{Stored, Tenant, log::LogReader};
use scim::datetime::format_millis;

use super::Context;
use crate::{directory::Directory, failure::Failure, terminal};

/// How often the log is asked whether it has caught up: together twice the time it gathers.
const GATHERED: u32 = 10;
const PAUSE: Duration = Duration::from_millis(50);

pub(super) async fn run(
    context: &Context,
    directory: &Directory,
    tenant: &Tenant,
    name: &str,
    user: Option<&Stored>,
) -> Result<(), Failure> {
    let mut snapshot = directory.read().await?;
    let user = user.cloned();
    let mut gathered = Gathered::read(snapshot.as_mut(), tenant.id, name, user).await?;
    drop(snapshot);
    match context.log() {
        Ok(log) => {
            settle(context, &log, tenant).await?;
            gathered.read_log(&log, tenant.id)?;
            let mut snapshot = directory.read().await?;
            let mut users = gathered.follow_log(snapshot.as_mut(), tenant.id).await?;
            drop(snapshot);
            if users.len() > 1 {
                let ids = users.iter().filter_map(Gathered::known);
                let ids: Vec<_> = ids.map(|user| user.id.to_string()).collect();
                return Err(Failure::failed(format!(
                    "Several users were sent as \"{name}\". Name one by its id: {}",
                    ids.join(", ")
                )));
            }
            if let Some(user) = users.pop() {
                gathered = user;
                gathered.read_log(&log, tenant.id)?;
            }
        }
        Err(missing) => terminal::note(&format!("warning: {missing}")),
    }
    print(context, &gathered.verdict())
}

/// Waits until what has just arrived is in the log, which gathers entries for a moment. A log that
/// stands still has nothing to wait for.
async fn settle(context: &Context, log: &LogReader, tenant: &Tenant) -> Result<(), Failure> {
    let asked = context.clock.now();
    for _ in 0..GATHERED {
        if log.window(tenant.id)?.to >= asked {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

fn print(context: &Context, verdict: &Verdict) -> Result<(), Failure> {
    if context.json {
        return terminal::json(&verdict.to_json());
    }
    terminal::line(&verdict.sentence)?;
    if !verdict.evidence.is_empty() {
        terminal::line("")?;
    }
    for evidence in &verdict.evidence {
        let request = evidence
            .request
            .as_deref()
            .map(|request| format!("  [{request}]"))
            .unwrap_or_default();
        terminal::line(&format!(
            "  {}  {}{request}",
            format_millis(evidence.at),
            evidence.text
        ))?;
    }
    if !verdict.advice.is_empty() {
        terminal::line("")?;
    }
    verdict
        .advice
        .iter()
        .try_for_each(|advice| terminal::line(advice))
}
