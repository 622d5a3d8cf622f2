//! Connections: create and change.

use rusqlite::params;
use scim::{Error, Kind, Profile, fold::fold};

use super::{Decided, Transaction};
use crate::{
    ConnectionId, Identifier, Outcome, StoreError, TenantId,
    change::ConnectionSettings,
    record::Connection,
    sqlite::{caller, claim::Claim},
};

/// How many duplicates a refusal names.
const NAMED: usize = 10;

/// Ten years: more than any server keeps.
const MOST_DAYS: u16 = 3650;

impl Transaction<'_> {
    pub(super) fn create_connection(
        &mut self,
        tenant: TenantId,
        settings: &ConnectionSettings,
    ) -> Decided<Outcome> {
        self.tenant_record(tenant)?;
        let idp = settings.idp.clone().unwrap_or_else(|| "other".into());
        let profile = match idp.as_str() {
            "okta" => Profile::OKTA,
            "entra" => Profile::ENTRA,
            "keycloak" => Profile::KEYCLOAK,
            _ => Profile::GENERIC,
        };
        let mut connection = Connection {
            id: ConnectionId(0),
            tenant,
            name: idp.clone(),
            idp,
            profile,
            identifier: Identifier::UserName,
            domains: Vec::new(),
            reactivation: false,
            unique_team_names: false,
            paused: false,
            log_days: None,
            log_body_days: None,
            created: self.now,
        };
        self.settle(&mut connection, settings)?;
        let tally = self.tally(tenant)?;
        tally.last_connection += 1;
        connection.id = ConnectionId(tally.last_connection);
        self.write_connection(&connection)?;
        Ok(Outcome::Connection(connection))
    }

    pub(super) fn set_connection(
        &mut self,
        tenant: TenantId,
        id: ConnectionId,
        settings: &ConnectionSettings,
    ) -> Decided<Outcome> {
        let before = self.connection_record(tenant, id)?;
        let mut connection = before.clone();
        self.settle(&mut connection, settings)?;
        if connection != before {
            self.write_connection(&connection)?;
        }
        Ok(Outcome::Connection(connection))
    }

    /// Checks the settings and puts them into the connection.
    fn settle(
        &mut self,
        connection: &mut Connection,
        settings: &ConnectionSettings,
    ) -> Decided<()> {
        if let Some(idp) = &settings.idp {
            check_name("identity provider", idp)?;
            connection.idp.clone_from(idp);
        }
        if let Some(name) = &settings.name {
            connection.name.clone_from(name);
        }
        check_name("connection's name", &connection.name)?;
        let twin = caller::connections(self.connection, connection.tenant)?
            .into_iter()
            .any(|other| other.id != connection.id && other.name == connection.name);
        if twin {
            return Err(Error::new(
                Kind::Uniqueness,
                format!(
                    "The tenant already has a connection named \"{}\". Choose another name.",
                    connection.name
                ),
            )
            .into());
        }
        if let Some(name) = &settings.profile {
            connection.profile = Profile::named(name).ok_or_else(|| {
                let known: Vec<_> = Profile::ALL.iter().map(|profile| profile.name).collect();
                Error::invalid_value(format!(
                    "\"{name}\" is no profile; use {}.",
                    known.join(", ")
                ))
            })?;
        }
        if let Some(domains) = &settings.domains {
            connection.domains = domains
                .iter()
                .map(|domain| check_domain(domain))
                .collect::<Result<_, _>>()?;
        }
        if let Some(identifier) = settings.identifier
            && identifier != connection.identifier
        {
            // An identifier must be unique before a connection may rely on it.
            let (claim, what) = match identifier {
                Identifier::UserName => (None, ""),
                Identifier::ExternalId => (Some(Claim::UniqueExternalIds), "externalIds"),
                Identifier::Email => (Some(Claim::UniqueEmails), "primary e-mails"),
            };
            if let Some(claim) = claim {
                refuse(what, &self.against(connection.tenant, claim)?)?;
            }
            connection.identifier = identifier;
        }
        if let Some(unique) = settings.unique_team_names {
            if unique && !connection.unique_team_names {
                let twins = self.against(connection.tenant, Claim::UniqueTeamNames)?;
                refuse("team names", &twins)?;
            }
            connection.unique_team_names = unique;
        }
        connection.reactivation = settings.reactivation.unwrap_or(connection.reactivation);
        connection.paused = settings.paused.unwrap_or(connection.paused);
        if let Some(days) = settings.log_days {
            connection.log_days = check_days(days)?;
        }
        if let Some(days) = settings.log_body_days {
            connection.log_body_days = check_days(days)?;
        }
        Ok(())
    }

    fn write_connection(&mut self, connection: &Connection) -> Result<(), StoreError> {
        let domains = serde_json::Value::from(connection.domains.clone()).to_string();
        self.connection
            .prepare_cached(
                "INSERT INTO connection VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) \
                 ON CONFLICT (tenant_id, id) DO UPDATE SET name = ?3, idp = ?4, profile = ?5, \
                   identifier = ?6, domains = ?7, reactivation = ?8, unique_team_names = ?9, \
                   paused = ?10, log_days = ?12, log_body_days = ?13",
            )?
            .execute(params![
                connection.tenant.0,
                connection.id.0,
                connection.name,
                connection.idp,
                connection.profile.name,
                connection.identifier.as_str(),
                domains,
                connection.reactivation,
                connection.unique_team_names,
                connection.paused,
                connection.created,
                connection.log_days,
                connection.log_body_days
            ])?;
        self.revise();
        Ok(())
    }
}

fn refuse(what: &str, twins: &[String]) -> Decided<()> {
    if twins.is_empty() {
        return Ok(());
    }
    let named: Vec<_> = twins.iter().take(NAMED).map(String::as_str).collect();
    let more = if twins.len() > NAMED { ", …" } else { "" };
    Err(Error::new(
        Kind::Uniqueness,
        format!(
            "These {what} are used more than once: {}{more}. Make them unique first.",
            named.join(", ")
        ),
    )
    .into())
}

pub(super) fn check_name(what: &str, name: &str) -> Result<(), Error> {
    let good = (1..=64).contains(&name.len())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    if good {
        return Ok(());
    }
    Err(Error::invalid_value(format!(
        "A {what} has 1 to 64 letters, digits, dots, underscores and hyphens."
    )))
}

/// Days of the sync log; 0 is as the server has it.
fn check_days(days: u16) -> Result<Option<u16>, Error> {
    match days {
        0 => Ok(None),
        1..=MOST_DAYS => Ok(Some(days)),
        _ => Err(Error::invalid_value(format!(
            "The sync log keeps requests for 1 to {MOST_DAYS} days; 0 is as long as the server does, \
             which is the most."
        ))),
    }
}

fn check_domain(domain: &str) -> Result<String, Error> {
    let domain = fold(domain.trim().trim_start_matches('@')).into_owned();
    let good = domain.contains('.')
        && domain.len() <= 253
        && domain.split('.').all(|label| {
            !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        });
    if good {
        return Ok(domain);
    }
    Err(Error::invalid_value(format!(
        "\"{domain}\" is no domain; write it like example.com."
    )))
}
