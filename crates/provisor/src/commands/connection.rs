//! `provisor connection`: identity providers' links into a tenant.

use clap::{Args, Subcommand};
use provisor_server::new_connection;
use provisor_store::{
    Change, Connection as Record, Identifier, Outcome, Tenant, change::ConnectionSettings,
};

use super::{
    Context,
    argument::{self, Switch, TenantKey},
};
use crate::{
    directory::{self, Directory, unexpected},
    failure::Failure,
    terminal::{self, Form},
    views,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Connection {
    /// Make a connection
    #[command(after_help = "\
Examples:
  provisor connection create --tenant acme --idp okta --profile okta --identifier email
  provisor connection create --tenant acme --name hr --domain acme.com --domain acme.de")]
    Create {
        #[command(flatten)]
        tenant: TenantKey,
        /// Its name, unique in the tenant [default: the identity provider, else \"default\"]
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        #[command(flatten)]
        settings: Settings,
    },
    /// Change a connection; what is not named stays
    #[command(after_help = "\
Examples:
  provisor connection set --tenant acme --reactivation on
  provisor connection set --tenant acme --log-days 30 --log-body-days 3
  provisor connection set --tenant acme --name hr --domain acme.com --domain acme.de --rename people")]
    Set {
        #[command(flatten)]
        which: Which,
        /// Its new name
        #[arg(long, value_name = "NAME")]
        rename: Option<String>,
        /// Accept every domain again
        #[arg(long, conflicts_with = "domains")]
        any_domain: bool,
        #[command(flatten)]
        settings: Settings,
    },
    /// Show a connection
    #[command(after_help = "Example:\n  provisor connection show --tenant acme --name okta")]
    Show {
        #[command(flatten)]
        which: Which,
    },
    /// List a tenant's connections
    #[command(after_help = "Example:\n  provisor connection list --tenant acme --json")]
    List {
        #[command(flatten)]
        tenant: TenantKey,
    },
    /// Answer everything with 503 until resumed; the identity provider tries again
    #[command(after_help = "Example:\n  provisor connection pause --tenant acme --name okta")]
    Pause {
        #[command(flatten)]
        which: Which,
    },
    /// Accept a paused connection's requests again
    #[command(after_help = "Example:\n  provisor connection resume --tenant acme --name okta")]
    Resume {
        #[command(flatten)]
        which: Which,
    },
}

/// One connection of a tenant.
#[derive(Debug, Args)]
pub(crate) struct Which {
    #[command(flatten)]
    tenant: TenantKey,
    /// The connection; not needed if the tenant has one only
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Settings {
    /// The identity provider: okta, entra or another name (sets the default profile and the advice of `user why`)
    #[arg(long)]
    idp: Option<String>,
    /// What is forgiven: generic, okta, entra, keycloak, rfc (strict) or interop [default: the one of the identity provider, else generic]
    #[arg(long, value_parser = argument::profile)]
    profile: Option<String>,
    /// What users are looked up by: userName, email or externalId [default: userName]
    #[arg(long)]
    identifier: Option<Identifier>,
    /// Names and e-mails must lie in this domain; repeat for more. Replaces the list: name all of them
    #[arg(long = "domain", value_name = "DOMAIN")]
    domains: Vec<String>,
    /// A new user with the userName and externalId of an inactive one reactivates it [default: off]
    #[arg(long, value_name = "on|off")]
    reactivation: Option<Switch>,
    /// Team names must be unique [default: off; for a new keycloak or authentik on, if it is the first connection and no two teams have one name]
    #[arg(long, value_name = "on|off")]
    unique_team_names: Option<Switch>,
    /// Days that the sync log keeps its requests, if less than the server does; 0: as the server does
    #[arg(long, value_name = "DAYS")]
    log_days: Option<u16>,
    /// Days that it keeps their bodies, if less than the server does; 0: as the server does
    #[arg(long, value_name = "DAYS")]
    log_body_days: Option<u16>,
}

impl Settings {
    fn with_name(self, name: Option<String>) -> ConnectionSettings {
        ConnectionSettings {
            name,
            idp: self.idp,
            profile: self.profile,
            identifier: self.identifier,
            domains: (!self.domains.is_empty()).then_some(self.domains),
            reactivation: self.reactivation.map(Switch::is_on),
            unique_team_names: self.unique_team_names.map(Switch::is_on),
            paused: None,
            log_days: self.log_days,
            log_body_days: self.log_body_days,
        }
    }
}

impl Connection {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let directory = context.directory()?;
        match self {
            Connection::Create {
                tenant,
                name,
                settings,
            } => {
                let tenant = directory.tenant(&tenant.tenant).await?;
                let name = name
                    .or_else(|| settings.idp.clone())
                    .unwrap_or_else(|| "default".to_owned());
                let connection =
                    create(&directory, &tenant, settings.with_name(Some(name))).await?;
                terminal::note(&format!(
                    "Next: provisor token create --tenant {} --connection '{}' --scope scim --purpose '{}'",
                    tenant.key, connection.name, connection.idp
                ));
                show(context, &connection)
            }
            Connection::Set {
                which,
                rename,
                any_domain,
                settings,
            } => {
                let mut settings = settings.with_name(rename);
                if any_domain {
                    settings.domains = Some(Vec::new());
                }
                if settings == ConnectionSettings::default() {
                    return Err(Failure::usage(
                        "Say what to change. `provisor connection set --help` lists the settings.",
                    ));
                }
                set(context, &directory, which, settings).await
            }
            Connection::Pause { which } => pause(context, &directory, which, true).await,
            Connection::Resume { which } => pause(context, &directory, which, false).await,
            Connection::Show { which } => {
                let (_, connection) = find(&directory, &which).await?;
                show(context, &connection)
            }
            Connection::List { tenant } => {
                let tenant = directory.tenant(&tenant.tenant).await?;
                let connections = directory.read().await?.connections(tenant.id).await?;
                list(context, &connections)
            }
        }
    }
}

/// Makes a connection.
pub(super) async fn create(
    directory: &Directory,
    tenant: &Tenant,
    settings: ConnectionSettings,
) -> Result<Record, Failure> {
    let origin = directory.origin(tenant.id);
    let made = new_connection::make(directory.store(), &origin, settings).await?;
    if let Some(lacks) = made.lacks {
        terminal::note(&lacks);
    }
    Ok(made.connection)
}

async fn find(directory: &Directory, which: &Which) -> Result<(Tenant, Record), Failure> {
    let tenant = directory.tenant(&which.tenant.tenant).await?;
    let connections = directory.read().await?.connections(tenant.id).await?;
    let connection =
        directory::connection(&connections, &tenant.key, which.name.as_deref())?.clone();
    Ok((tenant, connection))
}

async fn set(
    context: &Context,
    directory: &Directory,
    which: Which,
    settings: ConnectionSettings,
) -> Result<(), Failure> {
    let (tenant, connection) = find(directory, &which).await?;
    let change = Change::SetConnection {
        id: connection.id,
        settings,
    };
    match directory.write(tenant.id, change).await? {
        Outcome::Connection(connection) => show(context, &connection),
        other => Err(unexpected(&other)),
    }
}

async fn pause(
    context: &Context,
    directory: &Directory,
    which: Which,
    paused: bool,
) -> Result<(), Failure> {
    let settings = ConnectionSettings {
        paused: Some(paused),
        ..ConnectionSettings::default()
    };
    set(context, directory, which, settings).await
}

fn state(connection: &Record) -> &'static str {
    if connection.paused {
        "paused"
    } else {
        "active"
    }
}

fn on_off(on: bool) -> String {
    if on { "on" } else { "off" }.to_owned()
}

fn days(days: Option<u16>) -> String {
    days.map_or_else(|| "as the server".to_owned(), |days| days.to_string())
}

fn show(context: &Context, connection: &Record) -> Result<(), Failure> {
    terminal::show(
        context.json,
        &views::connection(connection),
        &[
            ("name", connection.name.clone()),
            ("idp", connection.idp.clone()),
            ("profile", connection.profile.name.to_owned()),
            ("identifier", connection.identifier.as_str().to_owned()),
            ("domains", connection.domains.join(" ")),
            ("reactivation", on_off(connection.reactivation)),
            ("unique team names", on_off(connection.unique_team_names)),
            ("log days", days(connection.log_days)),
            ("log body days", days(connection.log_body_days)),
            ("state", state(connection).to_owned()),
            ("created", scim::datetime::format_millis(connection.created)),
        ],
    )
}

fn list(context: &Context, connections: &[Record]) -> Result<(), Failure> {
    terminal::list(
        Form::new(context.json, false),
        &["name", "idp", "profile", "identifier", "state", "domains"],
        connections,
        |connection| {
            vec![
                connection.name.clone(),
                connection.idp.clone(),
                connection.profile.name.to_owned(),
                connection.identifier.as_str().to_owned(),
                state(connection).to_owned(),
                connection.domains.join(" "),
            ]
        },
        views::connection,
    )
}
