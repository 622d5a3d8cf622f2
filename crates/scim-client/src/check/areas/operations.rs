//! The operations of PATCH: add, remove, replace (RFC 7644 sections 3.5.2.1 to 3.5.2.3).

mod add;
mod remove;
mod replace;

use serde_json::{Value, json};

use crate::check::{
    assertion::{Step, expect},
    catalog::Check,
    probe::{Feature, Made, Probe},
};

/// A user with a nick name, a middle name, and a work address and e-mail.
async fn full(probe: &Probe<'_>) -> Step<Made> {
    probe.need(Feature::Patch)?;
    let name = probe.name();
    probe
        .user_with(json!({
            "userName": format!("{name}@example.com"),
            "nickName": "Lee",
            "name": {"givenName": "Lena", "middleName": "M", "familyName": "Check"},
            "emails": [
                {"value": format!("{name}@example.com"), "type": "work", "primary": true},
                {"value": format!("{name}@home.example"), "type": "home"},
            ],
            "addresses": [{"type": "work", "locality": "Bern", "country": "CH"}],
        }))
        .await
}

/// Two users in a group, and one beside it.
async fn team(probe: &Probe<'_>) -> Step<(Made, [Made; 3])> {
    probe.need(Feature::Patch)?;
    let users = [
        probe.new_user().await?,
        probe.new_user().await?,
        probe.new_user().await?,
    ];
    Ok((probe.new_group(&[&users[0], &users[1]]).await?, users))
}

async fn refused(probe: &Probe<'_>, operations: Value) -> Step {
    let user = full(probe).await?;
    let reply = probe.patch(&user.path, operations.clone()).await?;
    expect(!reply.is_success(), || {
        format!("{operations} was answered with {}", reply.status_code())
    })?;
    reply.refused(&[400]).map(|_| ())
}

pub(super) fn checks() -> Vec<Check> {
    [add::checks(), remove::checks(), replace::checks()]
        .into_iter()
        .flatten()
        .collect()
}
