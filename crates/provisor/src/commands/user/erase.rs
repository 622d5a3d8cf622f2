//! `provisor user erase`: a user out of the directory, its past events and the sync log.

use std::path::Path;

use provisor_server::erasure::Traces;
use provisor_store::{
    Change, Event, Id, Outcome, Tenant,
    log::{self, Erased, Subject},
};
use scim::datetime::format_millis;
use serde_json::json;

use super::{Context, Which};
use crate::{
    directory::{Directory, unexpected},
    failure::Failure,
    open::{self, Missing},
    progress, terminal, views,
};

pub(super) async fn run(
    context: &Context,
    directory: &Directory,
    which: &Which,
    force: bool,
    compact: bool,
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
    let traces = {
        let mut snapshot = directory.read().await?;
        Traces::of(snapshot.as_mut(), tenant.id, &user).await?
    };
    let subject = traces.subject();
    let path = context.path()?;
    // The log first: it is found by the names that the directory knows, so that an erasure which
    // was interrupted can be repeated.
    let first = erase_log(&path, subject, 0)?;
    let change = Change::Erase { id: user.id };
    match directory.write(tenant.id, change).await? {
        Outcome::Deleted { .. } | Outcome::Done(_) => {}
        other => return Err(unexpected(&other)),
    }
    if let Some(first) = first {
        // And what was asked meanwhile.
        let then = erase_log(&path, subject, first.last)?.unwrap_or(first);
        terminal::note(&format!(
            "{} entries of the sync log about the user were blanked; {} that held it among others lost what held it.",
            first.about + then.about,
            first.among + then.among
        ));
        leftover(then.journal_emptied, &open::log_path(&path));
    }
    let store = open::store(&path, Missing::Refuse, context.clock.clone())?;
    let emptied = match compact {
        true => store.compact()?,
        false => store.empty_journal()?,
    };
    leftover(emptied, &path);
    let events = {
        let mut snapshot = directory.read().await?;
        snapshot.events_of(tenant.id, user.id, 1).await?
    };
    receipt(context, &tenant, user.id, events.first())
}

/// Takes a user out of the sync log, if there is one, from this entry on.
fn erase_log(
    directory: &Path,
    subject: Subject<'_>,
    after: i64,
) -> Result<Option<Erased>, Failure> {
    let log = open::log_path(directory);
    if !log.exists() {
        return Ok(None);
    }
    let bar = progress::steps(0, "Log entries");
    let erased = log::erase(&log, subject, after, &mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    Ok(Some(erased?))
}

/// Says so if the journal of a file could not be emptied.
fn leftover(emptied: bool, file: &Path) {
    if !emptied {
        terminal::note(&format!(
            "Something reads {0} all the time, so that {0}-wal still holds what was there before. It is overwritten in time, and removed when the server stops.",
            file.display()
        ));
    }
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
