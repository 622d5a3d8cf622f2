//! Erases a user: out of the directory, its past events and the sync log, as `provisor user erase` does.

use axum::response::Response;
use provisor_store::{Change, Outcome, StoreError, log::Erased};

use super::act::Subject;
use crate::{
    console::{Console, Problem, layout::Flash, visit::Visit},
    erasure::Traces,
};

/// Erases, also if the browser does not wait for it.
pub(super) async fn erase(visit: &Visit, subject: Subject) -> Result<Response, Problem> {
    let task = tokio::spawn(run(visit.asked.clone(), visit.viewer.clone(), subject));
    let done = task.await.map_err(|error| Problem::internal(&error))??;
    Ok(visit.go("/users", Some(Flash::done(done))))
}

async fn run(
    asked: crate::console::asked::Asked,
    viewer: crate::console::visit::Viewer,
    subject: Subject,
) -> Result<String, Problem> {
    let visit = Visit { asked, viewer };
    let (tenant, id) = (subject.tenant.id, subject.user.id);
    let traces = {
        let mut snapshot = visit.read().await?;
        Traces::of(snapshot.as_mut(), tenant, &subject.user).await?
    };
    // The log first: it is found by the names that the directory knows, so that an erasure which
    // was interrupted can be repeated.
    let (traces, first) = erase_log(&visit.console, traces, 0).await?;
    match visit.write(tenant, Change::Erase { id }).await? {
        Outcome::Deleted { .. } | Outcome::Done(_) => {}
        other => return Err(Problem::internal(&format!("an erasure became {other:?}"))),
    }
    let mut text = "The user is erased.".to_owned();
    let mut emptied = true;
    if let Some(first) = first {
        // And what was asked meanwhile.
        let (_, then) = erase_log(&visit.console, traces, first.last).await?;
        let then = then.unwrap_or_default();
        text.push_str(&format!(
            " {} entries of the sync log about the user were blanked; {} that held it among others lost what held it.",
            first.about + then.about,
            first.among + then.among
        ));
        emptied = then.journal_emptied;
    }
    let backend = visit.console.backend.clone();
    emptied &= blocking(move || backend.empty_journal()).await?;
    let event = {
        let mut snapshot = visit.read().await?;
        snapshot.events_of(tenant, id, 1).await?.pop()
    };
    if let Some(event) = event {
        text.push_str(&format!(" Receipt: {}.", event.id()));
    }
    if !emptied {
        text.push_str(" Something reads the database all the time, so that its journal still holds what was there before; it is overwritten in time.");
    }
    Ok(text)
}

async fn erase_log(
    console: &Console,
    traces: Traces,
    after: i64,
) -> Result<(Traces, Option<Erased>), Problem> {
    let log = console.log.clone();
    blocking(move || {
        let erased = log.erase(traces.subject(), after)?;
        Ok((traces, erased))
    })
    .await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|error| Problem::internal(&error))??)
}
