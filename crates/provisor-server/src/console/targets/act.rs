//! What is done with a target: test it, activate, pause, push now, compare, remove.

use axum::{http::StatusCode, response::Response};
use provisor_store::{Actor, Change, Outcome, TargetChange, change::CHUNK};

use super::{named, path};
use crate::{
    console::{
        Problem,
        layout::{Confirm, Flash},
        visit::Visit,
    },
    outbound::{Stopped, TargetSettings, Wish, forget_locks, probe},
};

/// What a preview works with.
pub(super) fn wish(visit: &Visit) -> Wish {
    let console = &visit.console;
    Wish::new(
        console.store.clone(),
        console.clock.clone(),
        console.key.clone(),
        console.backend.path().to_owned(),
        Actor::System,
    )
}

/// A run or preview that cannot be.
pub(super) fn problem(stopped: &Stopped) -> Problem {
    match stopped {
        Stopped::Store(reason) => Problem::internal(reason),
        other => Problem::new(
            StatusCode::CONFLICT,
            "That cannot be shown",
            format!("{other}."),
            "Look at the target's settings.",
        ),
    }
}

/// Asks the target whether address and credentials are right.
pub(in crate::console) async fn test(visit: Visit) -> Result<Response, Problem> {
    let (tenant, target) = named(&visit).await?;
    let opened = visit.console.key.open_of(&target);
    let found = match (TargetSettings::of(&target), opened) {
        (Ok(settings), Ok(secret)) => probe(&settings, secret.as_deref())
            .await
            .map_err(|why| why.to_string()),
        (Err(why), _) | (_, Err(why)) => Err(why),
    };
    let flash = match found {
        Ok(found) => {
            let can = |name: &str, yes: &'static str, no: &'static str| {
                if found[name] == true { yes } else { no }
            };
            Flash::done(format!(
                "The test succeeded: {} users there, {}, {}.",
                found["users"],
                can(
                    "patch",
                    "PATCH is offered",
                    "no PATCH, so whole resources are sent"
                ),
                can(
                    "lookup",
                    "lookups work",
                    "no lookups by filter, so the target is read whole"
                ),
            ))
        }
        Err(why) => Flash::failed(format!("The test failed: {}.", why.trim_end_matches('.'))),
    };
    Ok(visit.go(&path(&tenant.key, target.id), Some(flash)))
}

/// Pushes by itself from now on.
pub(in crate::console) async fn activate(visit: Visit) -> Result<Response, Problem> {
    set(
        &visit,
        true,
        "is active. What is to do is pushed now, and each change from here on.",
    )
    .await
}

/// Pushes no more.
pub(in crate::console) async fn pause(visit: Visit) -> Result<Response, Problem> {
    set(
        &visit,
        false,
        "is paused. What changes meanwhile is pushed once it is active again.",
    )
    .await
}

async fn set(visit: &Visit, active: bool, done: &str) -> Result<Response, Problem> {
    let (tenant, target) = named(visit).await?;
    let to = path(&tenant.key, target.id);
    let may = TargetSettings::of(&target).and_then(|settings| settings.may_be_activated());
    if let (true, Err(why)) = (active, may) {
        return Ok(visit.go(&to, Some(Flash::failed(why))));
    }
    let change = TargetChange::Set {
        id: target.id,
        name: None,
        settings: None,
        active: Some(active),
        credentials: None,
    };
    visit.write(tenant.id, Change::Target(change)).await?;
    Ok(visit.go(&to, Some(Flash::done(format!("“{}” {done}", target.name)))))
}

/// Asks for a run at once, with a comparison if the form says so.
pub(in crate::console) async fn sync(visit: Visit) -> Result<Response, Problem> {
    let (tenant, target) = named(&visit).await?;
    let compare = visit.form.given("compare").is_some();
    let ask = TargetChange::Ask {
        id: target.id,
        compare,
    };
    visit.write(tenant.id, Change::Target(ask)).await?;
    let done = match compare {
        true => {
            "The target is read and compared now. What differs is repaired, and stands in the log."
        }
        false => "What is to do is pushed now. The log says how it goes.",
    };
    Ok(visit.go(&path(&tenant.key, target.id), Some(Flash::done(done))))
}

/// Says what will happen, and asks.
pub(in crate::console) async fn ask_remove(visit: Visit) -> Result<Response, Problem> {
    let (tenant, target) = named(&visit).await?;
    visit.confirm(Confirm {
        title: format!("Forget “{}” of {}?", target.name, tenant.name),
        consequences: vec![
            "Nothing is pushed there any more; its users and teams stay there as they are."
                .to_owned(),
            "Its log goes, and with it the knowledge which of its users are ours.".to_owned(),
        ],
        button: "Forget the target".to_owned(),
        back: path(&tenant.key, target.id),
        typed: None,
        error: None,
    })
}

/// Forgets it.
pub(in crate::console) async fn remove(visit: Visit) -> Result<Response, Problem> {
    let (tenant, target) = named(&visit).await?;
    loop {
        let remove = TargetChange::Remove {
            id: target.id,
            chunk: CHUNK,
        };
        match visit.write(tenant.id, Change::Target(remove)).await? {
            Outcome::TargetRemoved { done: false } => {}
            _ => break,
        }
    }
    forget_locks(&*visit.console.store, visit.console.backend.path()).await;
    let done = format!("“{}” is forgotten.", target.name);
    Ok(visit.go("/targets", Some(Flash::done(done))))
}
