//! For operators: readiness, metrics, and the upkeep that runs beside the requests.

use std::{sync::Arc, time::Duration};

use hyper::{
    HeaderMap, StatusCode,
    header::{CONTENT_TYPE, HeaderValue},
};
use provisor_store::{
    Actor, Change, Origin, Outcome, PeopleChange, RequestId, Scope, TargetChange, TenantId,
    change::CHUNK,
};

use crate::{
    App,
    front::{Arrival, plain},
    http::{Answer, Door},
    scim::Credentials,
};

/// How often token uses are written down.
const TOKEN_USES: Duration = Duration::from_secs(15);
/// How often what is old or half deleted is looked for.
const EXPIRY: Duration = Duration::from_secs(3600);

/// 200 if the directory can be read and the server is not stopping.
pub(crate) async fn ready(app: &App) -> Answer {
    if app.metrics.is_stopping() {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    let readable = async { app.store.read().await?.tenants("", 1).await };
    match readable.await {
        Ok(_) => plain(StatusCode::OK, "ready\n"),
        Err(error) => {
            tracing::error!(%error, "the directory cannot be read");
            plain(
                StatusCode::SERVICE_UNAVAILABLE,
                "the directory cannot be read; see the log\n",
            )
        }
    }
}

/// The metrics: for this machine, the admin listener, or an operator's token.
pub(crate) async fn metrics(
    app: &App,
    headers: &HeaderMap,
    arrival: &Arrival,
    door: Door,
) -> Answer {
    let open = arrival.is_local || door == Door::AdminOnly;
    if !open && !is_operator(app, headers, arrival).await {
        return plain(
            StatusCode::UNAUTHORIZED,
            "Metrics are served to this machine, or with an operator's token (scope admin).\n",
        );
    }
    let bodies = app.bodies.taken();
    let text = app
        .metrics
        .render(app.backend.metrics(), &app.log.stats(), bodies);
    let mut answer = plain(StatusCode::OK, text);
    answer.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"),
    );
    answer
}

async fn is_operator(app: &App, headers: &HeaderMap, arrival: &Arrival) -> bool {
    let Ok(Credentials { token, .. }) = Credentials::read(headers) else {
        return false;
    };
    let caller = async {
        app.store
            .read()
            .await?
            .caller(&token, arrival.address)
            .await
    };
    match caller.await {
        Ok(Ok(caller)) => {
            caller.tenant_id() == TenantId::SYSTEM && caller.token.scopes.has(Scope::Admin)
        }
        _ => false,
    }
}

/// Runs until the server stops.
pub(crate) async fn upkeep(app: Arc<App>) {
    let mut uses = tokio::time::interval(TOKEN_USES);
    let mut expiry = tokio::time::interval(EXPIRY);
    loop {
        tokio::select! {
            _ = uses.tick() => {
                note_token_uses(&app).await;
                note_session_uses(&app).await;
            }
            _ = expiry.tick() => expire(&app).await,
        }
    }
}

/// Writes down when tokens were last used.
pub(crate) async fn note_token_uses(app: &App) {
    let uses = app.token_uses.take();
    if !uses.is_empty() {
        write(app, Change::NoteTokenUse(uses)).await;
    }
}

/// Writes down when sessions were last used.
async fn note_session_uses(app: &App) {
    let uses = app.console.take_session_uses();
    if !uses.is_empty() {
        write(app, Change::People(PeopleChange::NoteUse(uses))).await;
    }
}

/// Removes what is older than its retention, and goes on where a tenant's deletion stopped.
async fn expire(app: &App) {
    let keep = i64::try_from(app.settings.keep_deleted.as_millis()).unwrap_or(i64::MAX);
    loop {
        let change = Change::Expire {
            tombstones_before: app.clock.now().saturating_sub(keep),
            chunk: CHUNK,
        };
        match write(app, change).await {
            Some(Outcome::Done(rows)) if rows > 0 => {}
            _ => break,
        }
    }
    let keep = i64::try_from(app.settings.keep_target_log.as_millis()).unwrap_or(i64::MAX);
    loop {
        let change = Change::Target(TargetChange::ExpireLog {
            before: app.clock.now().saturating_sub(keep),
            chunk: CHUNK,
        });
        match write(app, change).await {
            Some(Outcome::Done(rows)) if rows > 0 => {}
            _ => return,
        }
    }
}

async fn write(app: &App, change: Change) -> Option<Outcome> {
    let origin = Origin {
        tenant: TenantId::SYSTEM,
        request: RequestId::random(),
        actor: Actor::System,
        address: None,
    };
    app.store
        .write(origin, change)
        .await
        .inspect_err(|error| tracing::warn!(%error, "upkeep could not be done; it is tried again"))
        .ok()
}
