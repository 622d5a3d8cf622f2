//! `provisor push sync`, `csv` and `preview`: a run in this process.

use std::{sync::Arc, time::Duration};

use clap::Args;
use provisor_server::outbound::{
    Pushed, RunLock, Stopped, forget_locks, preview::preview as planned, run as push,
    source::Files, view,
};
use scim::Value;
use serde_json::json;

use super::{Which, find, stopped, wish};
use crate::{
    commands::Context,
    failure::Failure,
    progress,
    terminal::{self, Form},
};

/// How often the progress is looked at, and a lock that another run holds.
const LOOK: Duration = Duration::from_millis(200);
/// After so many looks without an answer it is said that the target is waited for.
const SILENCE: u64 = 10;

#[derive(Debug, Args)]
pub(crate) struct How {
    /// Read the whole target first, and repair what others changed there
    #[arg(long)]
    compare: bool,
    /// Take the access of more users than the settings allow in a day
    #[arg(long)]
    allow_removals: bool,
    /// Try again what was given up
    #[arg(long)]
    retry: bool,
    /// How long to wait for a target that cannot be reached
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = crate::commands::argument::duration)]
    patience: Duration,
}

pub(super) async fn run(
    context: &Context,
    which: &Which,
    files: Option<Arc<Files>>,
    how: &How,
) -> Result<(), Failure> {
    let directory = context.directory()?;
    let (tenant, mut target) = find(&directory, which).await?;
    let mut wish = wish(context, &directory, &tenant)?;
    wish.files = files;
    wish.compare = how.compare;
    wish.allow_removals = how.allow_removals;
    wish.retry = how.retry;
    wish.patience = how.patience;
    let mut told = false;
    let lock = loop {
        let place = (tenant.id, target.id);
        if let Some(lock) = RunLock::take(&wish.database, place).map_err(Failure::failed)? {
            // As it is now that nobody else pushes.
            let (_, now) = find(&directory, which).await?;
            let is_same = now.id == target.id;
            target = now;
            if is_same {
                break lock;
            }
            // Meanwhile it was forgotten and another one was given its name, which has a lock of its own.
            continue;
        }
        if !told {
            terminal::note("Another run pushes to this target; waiting for its end.");
            told = true;
        }
        tokio::time::sleep(LOOK).await;
    };
    let (progress, database) = (wish.progress.clone(), wish.database.clone());
    let bar = progress::steps(0, "Pushing");
    let show = async {
        for look in 0_u64.. {
            let now = progress.now();
            if look == SILENCE && now.requests == 0 {
                bar.suspend(|| {
                    terminal::note(
                        "No answer from the target yet. One that cannot be reached is waited for as long as --patience says.",
                    );
                });
            }
            bar.set_length(now.to_look_at.max(now.looked_at));
            bar.set_position(now.looked_at);
            tokio::time::sleep(LOOK).await;
        }
    };
    // A task of its own: beside the tasks of its connections, on their threads, it is woken for less.
    let name = target.name.clone();
    let run = tokio::spawn(async move { push(&target, wish).await });
    let ended = tokio::select! {
        ended = run => ended.map_err(|error| Failure::failed(error.to_string()))?,
        () = show => unreachable!("the bar is drawn for ever"),
    };
    bar.finish_and_clear();
    drop(lock);
    if matches!(ended, Err(Stopped::Asked)) {
        forget_locks(&*directory.shared(), &database).await;
    }
    let pushed = progress.now();
    report(
        context,
        &pushed,
        ended.as_ref().err().map(ToString::to_string),
    )?;
    ended.map_err(stopped)?;
    if pushed.failed > 0 {
        return Err(Failure::failed(format!(
            "{} could not be pushed and will be tried again. See `provisor push log --tenant {} --name {} --failed`.",
            pushed.failed, tenant.key, name
        )));
    }
    Ok(())
}

fn report(context: &Context, pushed: &Pushed, stopped: Option<String>) -> Result<(), Failure> {
    if context.json {
        let fields = pushed.fields().into_iter();
        let fields = fields.map(|(name, count)| (name.to_owned(), count.into()));
        let mut object = Value::Object(fields.collect());
        object["stopped"] = stopped.into();
        return terminal::json(&object);
    }
    let news = view::counts(pushed);
    let what = match (news.is_empty(), stopped) {
        (false, _) => &news,
        (true, None) => "nothing to do",
        (true, Some(_)) => "nothing was changed",
    };
    terminal::line(&format!(
        "{what} ({} looked at, {} requests)",
        pushed.looked_at, pushed.requests
    ))
}

pub(super) async fn preview(
    context: &Context,
    which: &Which,
    files: Option<Arc<Files>>,
) -> Result<(), Failure> {
    let directory = context.directory()?;
    let (tenant, target) = find(&directory, which).await?;
    let mut wish = wish(context, &directory, &tenant)?;
    wish.files = files;
    let steps = planned(&target, &wish).await.map_err(stopped)?;
    if steps.is_empty() {
        terminal::note("Nothing would be sent.");
    }
    terminal::list(
        Form::new(context.json, false),
        &["action", "kind", "name", "id", "why"],
        &steps,
        |step| {
            let why = match step.members {
                0 => step.reason.clone(),
                count => format!("{count} members"),
            };
            vec![
                step.action.to_owned(),
                step.kind.as_str().to_owned(),
                step.label.clone(),
                step.local.clone(),
                why,
            ]
        },
        |step| {
            json!({
                "action": step.action,
                "kind": step.kind.as_str(),
                "name": step.label,
                "id": step.local,
                "reason": step.reason,
                "members": step.members,
            })
        },
    )
}
