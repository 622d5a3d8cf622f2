//! `/tenants`: the customer organisations.

use provisor_store::{Change, Outcome, Tenant};
use scim::Value;
use serde::Deserialize;
use serde_json::json;

use super::{
    Answer, ApiError, Call,
    answer::segment,
    page::{self, PageQuery},
};
use crate::{app_view, removal};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewTenant {
    key: String,
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TenantChanges {
    name: Option<String>,
    suspended: Option<bool>,
}

fn view(call: &Call, tenant: &Tenant) -> Value {
    let mut view = app_view::tenant(tenant);
    view["scim_url"] = call.scim_url(tenant).into();
    view
}

fn written(outcome: Outcome) -> Result<Tenant, ApiError> {
    match outcome {
        Outcome::Tenant(tenant) => Ok(tenant),
        other => Err(ApiError::internal(&format!("{other:?} is no tenant"))),
    }
}

pub(super) async fn list(mut call: Call) -> Result<Answer, ApiError> {
    let query: PageQuery = call.query()?;
    let size = page::size(query.limit, &call.state.settings)?;
    let after = query.after.unwrap_or_default();
    let mut tenants = call.snapshot().await?.tenants(&after, size + 1).await?;
    let more = tenants.len() > size;
    tenants.truncate(size);
    let next = if more { tenants.last() } else { None }.map(|tenant| tenant.key.clone());
    let data = tenants.iter().map(|tenant| view(&call, tenant)).collect();
    Ok(page::answer(data, next))
}

pub(super) async fn create(mut call: Call) -> Result<Answer, ApiError> {
    let new: NewTenant = call.json()?;
    let change = Change::CreateTenant {
        key: new.key,
        name: new.name.unwrap_or_default(),
    };
    let tenant = written(call.write(change).await?)?;
    let location = format!("/api/v1/tenants/{}", segment(&tenant.key));
    Ok(Answer::created(view(&call, &tenant), location))
}

pub(super) async fn show(call: Call) -> Result<Answer, ApiError> {
    Ok(Answer::ok(view(&call, call.tenant()?)))
}

pub(super) async fn change(mut call: Call) -> Result<Answer, ApiError> {
    let changes: TenantChanges = call.json()?;
    let change = Change::SetTenant {
        name: changes.name,
        suspended: changes.suspended,
    };
    let tenant = written(call.write(change).await?)?;
    Ok(Answer::ok(view(&call, &tenant)))
}

/// The first chunk hides the tenant before the answer; the rest goes on after it.
pub(super) async fn delete(mut call: Call) -> Result<Answer, ApiError> {
    let key = call.tenant()?.key.clone();
    call.close_snapshot();
    removal::begin(&call.state.store, call.origin()).await?;
    Ok(Answer::accepted(json!({ "key": key, "state": "deleting" })))
}
