//! `/tenants/{key}/users`: who is in the directory, for the app to read.

use std::sync::Arc;

use provisor_store::{Id, Identifier, PageStart, Search, Stored, search::Position};
use scim::{
    Fired, Profile, ResourceType,
    filter::{Expression, Limits},
};
use serde::Deserialize;

use super::{Answer, ApiError, Call, page};
use crate::app_view;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UserQuery {
    limit: Option<usize>,
    after: Option<String>,
    email: Option<String>,
    user_name: Option<String>,
    external_id: Option<String>,
}

pub(super) async fn list(call: Call) -> Result<Answer, ApiError> {
    let query: UserQuery = call.query()?;
    let equal = [
        ("emails.value", query.email),
        ("userName", query.user_name),
        ("externalId", query.external_id),
    ];
    resources(call, "User", query.limit, query.after, &equal).await
}

pub(super) async fn show(mut call: Call) -> Result<Answer, ApiError> {
    let user = one(&mut call, "User", false).await?;
    Ok(Answer::ok(app_view::resource(&user)))
}

/// All teams of a user in one page, direct ones first.
pub(super) async fn teams(mut call: Call) -> Result<Answer, ApiError> {
    let user = one(&mut call, "User", true).await?;
    let teams = user.teams.unwrap_or_default();
    let data = teams.iter().map(app_view::team_of_user).collect();
    Ok(page::answer(data, None))
}

/// A resource type that every tenant has.
pub(super) async fn kind(call: &mut Call, name: &str) -> Result<Arc<ResourceType>, ApiError> {
    let tenant = call.tenant_id();
    let registry = call.snapshot().await?.registry(tenant).await?;
    registry
        .by_name(name)
        .cloned()
        .ok_or_else(|| ApiError::internal(&format!("the registry has no {name}")))
}

/// The resource that the path's `id` names.
pub(super) async fn one(call: &mut Call, name: &str, teams: bool) -> Result<Stored, ApiError> {
    let shown = call.parameter("id").to_owned();
    let (tenant, kind) = (call.tenant_id(), kind(call, name).await?);
    let found = match shown.parse::<Id>() {
        Ok(id) => {
            call.snapshot()
                .await?
                .get(tenant, &kind, id, teams, false)
                .await?
        }
        Err(_) => None,
    };
    found.ok_or_else(|| ApiError::not_found(word(name), &shown))
}

/// The app-facing word for a SCIM resource type.
pub(super) fn word(kind: &str) -> &'static str {
    match kind {
        "User" => "user",
        "Group" => "team",
        _ => "resource",
    }
}

/// A page of a resource type in order of creation, narrowed by equality on indexed attributes.
pub(super) async fn resources(
    mut call: Call,
    name: &str,
    limit: Option<usize>,
    after: Option<String>,
    equal: &[(&str, Option<String>)],
) -> Result<Answer, ApiError> {
    let size = page::size(limit, &call.state.settings)?;
    let start = match &after {
        Some(after) => PageStart::After(Position {
            id: after.parse().map_err(|_| page::bad_after(after))?,
            sorted_by: None,
        }),
        None => PageStart::Index(1),
    };
    let conditions: Vec<_> = equal
        .iter()
        .filter_map(|(path, value)| {
            let value = scim::Value::from(value.as_deref()?);
            Some(format!("{path} eq {value}"))
        })
        .collect();
    let text = conditions.join(" and ");
    let kind = kind(&mut call, name).await?;
    let filter = if text.is_empty() {
        None
    } else {
        let limits = Limits {
            length: call.state.settings.max_filter_length,
            ..Limits::default()
        };
        let expression = Expression::parse(&text, &limits)?;
        Some(expression.resolve(&kind, &Profile::RFC, &mut Fired::default())?)
    };
    let search = Search {
        types: vec![(kind, filter)],
        sort: vec![None],
        start,
        count: size,
        teams: false,
        members: false,
        identifier: Identifier::UserName,
        token: None,
        fingerprint: format!("api {name} {size} {text}"),
    };
    let tenant = call.tenant_id();
    let found = call.snapshot().await?.search(tenant, &search).await??;
    let mut bytes = 0;
    let mut data = Vec::new();
    let mut last = None;
    for stored in &found.resources {
        data.push(app_view::resource(stored));
        last = Some(stored.id);
        bytes += stored.document.len();
        if bytes >= page::MAX_ANSWER {
            break;
        }
    }
    let more = found.more || data.len() < found.resources.len();
    let next = last.filter(|_| more).map(|last| last.to_string());
    Ok(page::answer(data, next))
}
