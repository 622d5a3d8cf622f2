//! A new connection, as its identity provider needs it: the rule that API, console and command line share.

use provisor_store::{
    Change, Connection, Origin, Outcome, Store, StoreError, WriteError, change::ConnectionSettings,
};
use scim::Kind;
use scim_client::simulator::Provider;

/// A connection that was made.
#[derive(Debug)]
pub struct Made {
    /// As it is.
    pub connection: Connection,
    /// What it should have and has not, why, and what to do.
    pub lacks: Option<String>,
}

/// Makes one in `origin.tenant`. Unless the settings say otherwise, team names are made unique where the identity provider
/// creates teams without looking for them: after a lost answer only 409 keeps it from making one twice. Where two teams
/// have one name already it is left off, and said.
pub async fn make(
    store: &dyn Store,
    origin: &Origin,
    settings: ConnectionSettings,
) -> Result<Made, WriteError> {
    let provider = settings.idp.as_deref().and_then(Provider::named);
    let provider = provider.filter(|provider| provider.creates_teams_unseen());
    let mut doubles = None;
    if let (Some(provider), None) = (provider, settings.unique_team_names) {
        let unique = ConnectionSettings {
            unique_team_names: Some(true),
            ..settings.clone()
        };
        match create(store, origin, unique).await {
            Err(WriteError::Refused(refusal)) if refusal.error.kind == Kind::Uniqueness => {
                doubles = Some((provider, refusal.error.detail));
            }
            made => {
                let (connection, lacks) = (made?, None);
                return Ok(Made { connection, lacks });
            }
        }
    }
    // It may have been the connection's own name that is there already; this is refused then, too.
    let connection = create(store, origin, settings).await?;
    let lacks = doubles.map(|(provider, doubles)| {
        format!(
            "Team names are not unique in this connection, though {} creates teams without looking for them and may make \
             one twice. {doubles} Then switch unique team names on in its settings or with `provisor connection set \
             --unique-team-names on`.",
            provider.title()
        )
    });
    Ok(Made { connection, lacks })
}

/// Makes one as the settings say.
pub(crate) async fn create(
    store: &dyn Store,
    origin: &Origin,
    settings: ConnectionSettings,
) -> Result<Connection, WriteError> {
    let change = Change::CreateConnection(settings);
    match store.write(origin.clone(), change).await? {
        Outcome::Connection(connection) => Ok(connection),
        other => {
            Err(StoreError::Failed(format!("creating a connection ended with {other:?}")).into())
        }
    }
}
