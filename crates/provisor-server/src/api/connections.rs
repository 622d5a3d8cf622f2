//! `/tenants/{key}/connections`: identity providers' links into a tenant.

use provisor_store::{Change, Connection, Identifier, Outcome, change::ConnectionSettings};
use scim::Value;
use serde::Deserialize;

use super::{
    Answer, ApiError, Call,
    answer::segment,
    page::{self, PageQuery},
};
use crate::{app_view, connection_choice::known_profile, new_connection};

/// What can be set, on creation and later; what is left out keeps its value or default.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    name: Option<String>,
    idp: Option<String>,
    profile: Option<String>,
    identifier: Option<String>,
    domains: Option<Vec<String>>,
    reactivation: Option<bool>,
    unique_team_names: Option<bool>,
    paused: Option<bool>,
    log_days: Option<u16>,
    log_body_days: Option<u16>,
}

impl Settings {
    fn checked(self) -> Result<ConnectionSettings, ApiError> {
        if let Some(profile) = &self.profile {
            known_profile(profile)?;
        }
        let identifier = match &self.identifier {
            Some(name) => Some(name.parse::<Identifier>().map_err(|reason| {
                ApiError::invalid(format!("\"identifier\" cannot be used: {reason}."))
            })?),
            None => None,
        };
        Ok(ConnectionSettings {
            name: self.name,
            idp: self.idp,
            profile: self.profile,
            identifier,
            domains: self.domains,
            reactivation: self.reactivation,
            unique_team_names: self.unique_team_names,
            paused: self.paused,
            log_days: self.log_days,
            log_body_days: self.log_body_days,
        })
    }
}

fn view(call: &Call, connection: &Connection) -> Result<Value, ApiError> {
    let mut view = app_view::connection(connection);
    view["scim_url"] = call.scim_url(call.tenant()?).into();
    Ok(view)
}

fn written(outcome: Outcome) -> Result<Connection, ApiError> {
    match outcome {
        Outcome::Connection(connection) => Ok(connection),
        other => Err(ApiError::internal(&format!("{other:?} is no connection"))),
    }
}

async fn named(call: &mut Call) -> Result<Connection, ApiError> {
    let tenant = call.tenant_id();
    let name = call.parameter("name").to_owned();
    let connections = call.snapshot().await?.connections(tenant).await?;
    connections
        .into_iter()
        .find(|connection| connection.name == name)
        .ok_or_else(|| ApiError::not_found("connection", &name))
}

pub(super) async fn list(mut call: Call) -> Result<Answer, ApiError> {
    let query: PageQuery = call.query()?;
    let size = page::size(query.limit, &call.state.settings)?;
    let after = match &query.after {
        Some(after) => Some(after.parse::<i64>().map_err(|_| page::bad_after(after))?),
        None => None,
    };
    let tenant = call.tenant_id();
    let connections = call.snapshot().await?.connections(tenant).await?;
    let (connections, next) = page::cut(connections, after, size, |c| c.id.0);
    let data = connections.iter().map(|connection| view(&call, connection));
    Ok(page::answer(
        data.collect::<Result<_, _>>()?,
        next.map(|id| id.to_string()),
    ))
}

pub(super) async fn create(mut call: Call) -> Result<Answer, ApiError> {
    let settings = call.json::<Settings>()?.checked()?;
    call.close_snapshot();
    let store = call.state.store.clone();
    let made = new_connection::make(store.as_ref(), &call.origin(), settings).await?;
    let connection = made.connection;
    let location = format!(
        "/api/v1/tenants/{}/connections/{}",
        segment(&call.tenant()?.key),
        segment(&connection.name)
    );
    let mut view = view(&call, &connection)?;
    if let Some(lacks) = made.lacks {
        view["lacks"] = lacks.into();
    }
    Ok(Answer::created(view, location))
}

pub(super) async fn show(mut call: Call) -> Result<Answer, ApiError> {
    let connection = named(&mut call).await?;
    Ok(Answer::ok(view(&call, &connection)?))
}

pub(super) async fn change(mut call: Call) -> Result<Answer, ApiError> {
    let settings = call.json::<Settings>()?.checked()?;
    let id = named(&mut call).await?.id;
    let connection = written(call.write(Change::SetConnection { id, settings }).await?)?;
    Ok(Answer::ok(view(&call, &connection)?))
}
