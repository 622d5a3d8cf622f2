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
/// creates teams without looking for them: after a lost answer only 409 keeps it from making one twice. Where the tenant has
/// other connections, for which that would hold as well, or two teams of one name, it is left off, and said.
pub async fn make(
    store: &dyn Store,
    origin: &Origin,
    settings: ConnectionSettings,
) -> Result<Made, WriteError> {
    let provider = settings.idp.as_deref().and_then(Provider::named);
    let provider = provider.filter(|provider| provider.creates_teams_unseen());
    let mut lacks = None;
    if let (Some(provider), None) = (provider, settings.unique_team_names) {
        let others = store.read().await?.connections(origin.tenant).await?;
        let why = match others.is_empty() || others.iter().any(|other| other.unique_team_names) {
            true => {
                let unique = ConnectionSettings {
                    unique_team_names: Some(true),
                    ..settings.clone()
                };
                match create(store, origin, unique).await {
                    // It may have been the connection's own name that is there already; this is refused below, too.
                    Err(WriteError::Refused(refusal))
                        if refusal.error.kind == Kind::Uniqueness =>
                    {
                        refusal.error.detail
                    }
                    made => {
                        let (connection, lacks) = (made?, None);
                        return Ok(Made { connection, lacks });
                    }
                }
            }
            false => "Team names are not unique: that would hold for the tenant's other connections, too.".to_owned(),
        };
        lacks = Some(format!(
            "{why} {} creates teams without looking for them, and may make one twice until unique team names are switched on \
             in the connection's settings or with `provisor connection set --unique-team-names on`.",
            provider.title()
        ));
    }
    let connection = create(store, origin, settings).await?;
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
