//! Pausing a connection, and resuming it.

use axum::response::Response;
use provisor_store::{Change, change::ConnectionSettings};

use super::{named, path};
use crate::console::{
    Problem,
    layout::{Confirm, Flash},
    visit::Visit,
};

/// Says what will happen, and asks.
pub(in crate::console) async fn ask(visit: Visit) -> Result<Response, Problem> {
    let (tenant, connection) = named(&visit).await?;
    visit.confirm(Confirm {
        title: format!("Pause “{}” of {}?", connection.name, tenant.name),
        consequences: vec![
            "Every request of the identity provider is refused with 503 from the next one on."
                .to_owned(),
            "Nothing is lost: most identity providers try again, and it can be resumed at any time."
                .to_owned(),
            "People who leave meanwhile keep their access until it is resumed.".to_owned(),
        ],
        button: "Pause the connection".to_owned(),
        back: path(&tenant.key, connection.id),
        typed: None,
        error: None,
    })
}

/// Pauses it.
pub(in crate::console) async fn pause(visit: Visit) -> Result<Response, Problem> {
    set(&visit, true).await
}

/// Resumes it.
pub(in crate::console) async fn resume(visit: Visit) -> Result<Response, Problem> {
    set(&visit, false).await
}

async fn set(visit: &Visit, paused: bool) -> Result<Response, Problem> {
    let (tenant, connection) = named(visit).await?;
    let settings = ConnectionSettings {
        paused: Some(paused),
        ..ConnectionSettings::default()
    };
    let id = connection.id;
    let change = Change::SetConnection { id, settings };
    visit.write(tenant.id, change).await?;
    let done = match paused {
        true => format!(
            "“{}” is paused. The next request is refused.",
            connection.name
        ),
        false => format!(
            "“{}” is resumed. The next request is applied.",
            connection.name
        ),
    };
    Ok(visit.go(&path(&tenant.key, id), Some(Flash::done(done))))
}
