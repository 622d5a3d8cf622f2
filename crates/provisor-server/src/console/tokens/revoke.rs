//! `/tokens/{owner}/{token}/revoke`: asks, and ends a token.

use axum::response::Response;
use provisor_store::{Change, TokenRecord};

use crate::console::{
    Problem,
    layout::{Confirm, Flash},
    moment::Moment,
    visit::Visit,
};

/// Says what will happen, and asks.
pub(in crate::console) async fn ask(visit: Visit) -> Result<Response, Problem> {
    let (_, token) = super::named(&visit, "token").await?;
    visit.confirm(question(&token, visit.now()))
}

fn question(token: &TokenRecord, now: i64) -> Confirm {
    let used = match &token.last_used {
        Some(last) => format!(
            "It was last used {} from {}.",
            Moment::new(last.at, now).relative(),
            last.address
        ),
        None => "It was never used.".to_owned(),
    };
    Confirm {
        title: format!("Revoke “{}”?", token.purpose),
        consequences: vec![
            "Whoever uses this token is refused from the next request on.".to_owned(),
            used,
            "It cannot be taken back. To go on without an outage, rotate the token instead."
                .to_owned(),
        ],
        button: "Revoke the token".to_owned(),
        back: "/tokens".to_owned(),
        typed: None,
        error: None,
    }
}

/// Ends the token.
pub(in crate::console) async fn revoke(visit: Visit) -> Result<Response, Problem> {
    let (tenant, token) = super::named(&visit, "token").await?;
    if let Some(at) = token.revoked {
        let already = format!(
            "“{}” was revoked {} already.",
            token.purpose,
            Moment::new(at, visit.now()).relative()
        );
        return Ok(visit.go("/tokens", Some(Flash::failed(already))));
    }
    let id = token.id;
    visit.write(tenant, Change::RevokeToken { id }).await?;
    let done = format!(
        "“{}” (…{}) is revoked. The next request with it is refused.",
        token.purpose, token.last4
    );
    Ok(visit.go("/tokens", Some(Flash::done(done))))
}
