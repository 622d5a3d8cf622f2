//! Which connection a new SCIM token belongs to: the rule that API and command line share.

use provisor_store::{
    Cause, Connection, Origin, Refusal, Store, WriteError, change::ConnectionSettings,
};
use scim::{Kind, Profile};

use crate::new_connection;

/// Finds or makes the connection for a new SCIM token of `origin.tenant`.
///
/// A named connection must exist. Without a name it is the tenant's only one; if there is none,
/// one is made with `profile` (default `generic`). Errors: 404 for an unknown name; 400 if the
/// tenant has several and none is named, or if `profile` is unknown or not the connection's.
pub async fn choose(
    store: &dyn Store,
    origin: &Origin,
    name: Option<&str>,
    profile: Option<&str>,
) -> Result<Connection, WriteError> {
    if let Some(profile) = profile {
        known_profile(profile)?;
    }
    if let Some(connection) = existing(store, origin, name, profile).await? {
        return Ok(connection);
    }
    let settings = ConnectionSettings {
        profile: profile.map(str::to_owned),
        ..ConnectionSettings::default()
    };
    match new_connection::create(store, origin, settings).await {
        // Another request made it first.
        Err(WriteError::Refused(refusal)) if refusal.error.kind == Kind::Uniqueness => {
            existing(store, origin, name, profile)
                .await?
                .ok_or(WriteError::Refused(refusal))
        }
        made => made,
    }
}

/// The profile of this name. Errors: 400 naming the profiles there are.
pub fn known_profile(name: &str) -> Result<Profile, Refusal> {
    Profile::named(name).ok_or_else(|| {
        let known: Vec<_> = Profile::ALL.iter().map(|profile| profile.name).collect();
        invalid(format!(
            "\"{name}\" is no profile; use one of {}.",
            known.join(", ")
        ))
    })
}

async fn existing(
    store: &dyn Store,
    origin: &Origin,
    name: Option<&str>,
    profile: Option<&str>,
) -> Result<Option<Connection>, WriteError> {
    let mut connections = store.read().await?.connections(origin.tenant).await?;
    let names = || -> String {
        let names: Vec<_> = connections.iter().map(|c| c.name.as_str()).collect();
        names.join(", ")
    };
    let at = match (name, connections.len()) {
        (Some(name), _) => {
            let found = connections.iter().position(|c| c.name == name);
            Some(found.ok_or_else(|| unknown(name, &names()))?)
        }
        (None, 0) => None,
        (None, 1) => Some(0),
        (None, count) => {
            return Err(invalid(format!(
                "The tenant has {count} connections ({}); say which one the token is for with \
                 \"connection\".",
                names()
            ))
            .into());
        }
    };
    let Some(at) = at else { return Ok(None) };
    let connection = connections.swap_remove(at);
    match profile {
        Some(wanted) if connection.profile.name != wanted => Err(invalid(format!(
            "The connection \"{}\" has the profile \"{}\", not \"{wanted}\". Leave the profile out, \
             change the connection's profile, or name another connection.",
            connection.name, connection.profile.name
        ))
        .into()),
        _ => Ok(Some(connection)),
    }
}

fn unknown(name: &str, names: &str) -> Refusal {
    let known = if names.is_empty() {
        "it has none yet".to_owned()
    } else {
        format!("it has {names}")
    };
    Refusal::new(
        Cause::NotFound,
        Kind::NotFound,
        format!("The tenant has no connection \"{name}\"; {known}."),
    )
}

fn invalid(detail: String) -> Refusal {
    Refusal::new(Cause::InvalidValue, Kind::InvalidValue, detail)
}
