//! `/tenants/{key}/teams`: the directory's teams and who is in them.

use provisor_store::Id;
use serde::Deserialize;

use super::{
    Answer, ApiError, Call,
    page::{self, PageQuery},
    users,
};
use crate::app_view;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TeamQuery {
    limit: Option<usize>,
    after: Option<String>,
    display_name: Option<String>,
    external_id: Option<String>,
}

pub(super) async fn list(call: Call) -> Result<Answer, ApiError> {
    let query: TeamQuery = call.query()?;
    let equal = [
        ("displayName", query.display_name),
        ("externalId", query.external_id),
    ];
    users::resources(call, "Group", query.limit, query.after, &equal).await
}

pub(super) async fn show(mut call: Call) -> Result<Answer, ApiError> {
    let team = users::one(&mut call, "Group", false).await?;
    Ok(Answer::ok(app_view::resource(&team)))
}

/// A team's own members, a page at a time.
pub(super) async fn members(mut call: Call) -> Result<Answer, ApiError> {
    let query: PageQuery = call.query()?;
    let size = page::size(query.limit, &call.state.settings)?;
    let after = match &query.after {
        Some(after) => Some(after.parse::<Id>().map_err(|_| page::bad_after(after))?),
        None => None,
    };
    let shown = call.parameter("id").to_owned();
    let tenant = call.tenant_id();
    let members = match shown.parse::<Id>() {
        Ok(team) => {
            let snapshot = call.snapshot().await?;
            snapshot.members(tenant, team, after, size + 1).await?
        }
        Err(_) => None,
    };
    let mut members = members.ok_or_else(|| ApiError::not_found("team", &shown))?;
    let more = members.len() > size;
    members.truncate(size);
    let next = if more { members.last() } else { None }.map(|member| member.id.to_string());
    let data = members.iter().map(app_view::member).collect();
    Ok(page::answer(data, next))
}
