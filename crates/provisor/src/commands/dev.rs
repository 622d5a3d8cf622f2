//! `provisor dev`: from nothing to a running server with a tenant and a token.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Instant,
};

use clap::Args;
use provisor_store::{
    PlainToken, Scope, TokenKind,
    change::{ConnectionSettings, NewToken},
};
use serde_json::json;

use super::{Context, connection, person, serve, tenant, token};
use crate::{
    config::DEFAULT_DATABASE,
    directory::Directory,
    failure::Failure,
    open::{self, Missing},
    terminal,
};

/// Key of the tenant to play with.
pub(super) const TENANT: &str = "demo";
/// Where it listens unless told otherwise.
pub(super) const LISTEN: &str = "127.0.0.1:7070";

/// The base URL for identity providers, where it listens unless told otherwise.
pub(super) fn scim_url() -> String {
    format!("http://{LISTEN}/scim/v2")
}

/// Start on this machine with a demo tenant and a token
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  provisor dev
  provisor dev --listen 127.0.0.1:8080 --data /tmp/provisor
  provisor dev --json

Makes its folder, the tenant \"demo\" and a token at the first start. The token is printed once.")]
pub(crate) struct Dev {
    /// Address to listen on
    #[arg(long, value_name = "ADDR", default_value = LISTEN)]
    listen: String,
    /// Folder for the data; wins over the database in the environment [default: provisor-data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

impl Dev {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        let begun = Instant::now();
        let database = database(self.data.as_deref(), context.database.as_deref());
        let config = serve::load(
            None,
            &[
                ("listen".to_owned(), self.listen),
                ("database".to_owned(), database.clone()),
            ],
        )?;
        serve::start_log(&config);
        let (listeners, address) = serve::listen(&config).await?;
        if let Some(warning) = serve::exposed(&config, address) {
            terminal::note(&warning);
        }
        let path = open::sqlite_path(&database).map_err(Failure::usage)?;
        let base = config.console_url(address, config.admin_listen);
        let (token, sign_in) = {
            let store = open::store(&path, Missing::Create, context.clock.clone())?;
            let directory = Directory::new(std::sync::Arc::new(store.clone()));
            let token = furnish(&directory).await?;
            let sign_in = person::first_link(&directory, &context.clock, &base, true).await?;
            store.close();
            (token, sign_in.unwrap_or(base))
        };
        let as_json = context.json;
        serve::serve(context, config, listeners, move || {
            Welcome {
                address,
                database: &database,
                token: token.as_ref(),
                sign_in: &sign_in,
                took: begun.elapsed(),
            }
            .print(as_json)
        })
        .await
    }
}

/// The database in the folder, if one is named; else the one that is named as such.
fn database(folder: Option<&Path>, named: Option<&str>) -> String {
    match folder {
        Some(folder) => format!("sqlite:{}", folder.join("provisor.db").display()),
        None => named.unwrap_or(DEFAULT_DATABASE).to_owned(),
    }
}

/// Makes tenant, connection and token where they are missing; gives the token if it is new.
async fn furnish(directory: &Directory) -> Result<Option<PlainToken>, Failure> {
    let found = directory.read().await?.tenant(TENANT).await?;
    let demo = match found {
        Some(demo) => demo,
        None => tenant::create(directory, TENANT.to_owned(), "Demo".to_owned()).await?,
    };
    let mut snapshot = directory.read().await?;
    let connections = snapshot.connections(demo.id).await?;
    let tokens = snapshot.tokens(demo.id).await?;
    drop(snapshot);
    if !tokens.is_empty() {
        return Ok(None);
    }
    let connection = match connections.into_iter().next() {
        Some(connection) => connection,
        None => {
            let settings = ConnectionSettings {
                name: Some(TENANT.to_owned()),
                ..ConnectionSettings::default()
            };
            connection::create(directory, &demo, settings).await?
        }
    };
    let new = NewToken {
        connection: Some(connection.id),
        purpose: "provisor dev".to_owned(),
        scopes: [Scope::Scim].into_iter().collect(),
        kind: TokenKind::Scim,
        expires: None,
        addresses: Vec::new(),
    };
    let (_, plain) = token::create(directory, demo.id, new).await?;
    Ok(Some(plain))
}

/// What a person sees at the start.
struct Welcome<'w> {
    address: SocketAddr,
    database: &'w str,
    token: Option<&'w PlainToken>,
    sign_in: &'w str,
    took: std::time::Duration,
}

impl Welcome<'_> {
    fn print(&self, as_json: bool) -> Result<(), Failure> {
        if as_json {
            let base = self.base();
            return terminal::json(&json!({
                "address": base,
                "scim_url": format!("{base}/scim/v2"),
                "api_url": format!("{base}/api/v1"),
                "tenant": TENANT,
                "token": self.token.map(PlainToken::reveal),
                "sign_in_url": self.sign_in,
                "database": self.database,
            }));
        }
        self.text().lines().try_for_each(terminal::line)
    }

    fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    fn text(&self) -> String {
        let base = self.base();
        let (token, bearer) = match self.token {
            Some(token) => (
                format!("{}  (shown once; tenant \"{TENANT}\")", token.reveal()),
                token.reveal(),
            ),
            None => (
                format!(
                    "made at the first start; for another one:\n              provisor token create --tenant {TENANT} --connection {TENANT} --scope scim --purpose 'my laptop'"
                ),
                "$TOKEN",
            ),
        };
        let database = if self.database == DEFAULT_DATABASE {
            String::new()
        } else {
            format!("    export PROVISOR_DATABASE='{}'\n", self.database)
        };
        format!(
            "Provisor {version} · dev mode · data in {data} (SQLite) · ready in {took} ms

  Console     {sign_in}
              (signs you in; works once, within an hour)
  SCIM URL    {base}/scim/v2
  API         {base}/api/v1
  Token       {token}

  Next, in a second terminal:
{database}
    curl {base}/scim/v2/Users -H \"Authorization: Bearer {bearer}\" \\
      -H 'Content-Type: application/scim+json' \\
      -d '{{\"userName\":\"lena@example.com\",\"name\":{{\"givenName\":\"Lena\",\"familyName\":\"Ortiz\"}},\"emails\":[{{\"value\":\"lena@example.com\",\"primary\":true}}]}}'

    curl '{base}/scim/v2/Users?filter=userName+eq+%22lena@example.com%22' -H \"Authorization: Bearer {bearer}\"

    {simulate:<48}a company of 120 people moves in
    {events:<48}what your app reads
    {log:<48}what was asked and answered
    provisor user why lena@example.com --tenant {TENANT}

  Ctrl-C stops it. The data stays.",
            sign_in = self.sign_in,
            // The command finds the usual address by itself.
            simulate = match self.address.to_string() == LISTEN {
                true => "provisor simulate okta".to_owned(),
                false => format!("provisor simulate okta --target {base}/scim/v2     "),
            },
            events = format!("provisor events tail --tenant {TENANT} --follow"),
            log = format!("provisor log tail --tenant {TENANT}"),
            version = env!("CARGO_PKG_VERSION"),
            data = self.database.trim_start_matches("sqlite:"),
            took = self.took.as_millis(),
        )
    }
}

#[cfg(test)]
mod tests {
    use provisor_store::{TenantId, TokenId};

    use super::*;

    fn welcome(token: Option<&PlainToken>, database: &str) -> String {
        Welcome {
            address: ([127, 0, 0, 1], 7070).into(),
            database,
            token,
            sign_in: "http://127.0.0.1:7070/link/x",
            took: std::time::Duration::from_millis(41),
        }
        .text()
    }

    #[test]
    fn a_named_folder_wins_over_the_environments_database() {
        let environment = Some("sqlite:/srv/other.db");
        let folder = Some(Path::new("here"));
        assert_eq!(database(folder, environment), "sqlite:here/provisor.db");
        assert_eq!(database(folder, None), "sqlite:here/provisor.db");
        assert_eq!(database(None, environment), "sqlite:/srv/other.db");
        assert_eq!(database(None, None), DEFAULT_DATABASE);
    }

    #[test]
    fn the_token_is_shown_when_it_is_new_and_only_then() {
        let token = PlainToken::generate(TokenKind::Scim, TenantId(1), TokenId(1));
        let first = welcome(Some(&token), DEFAULT_DATABASE);
        assert!(first.contains(token.reveal()));
        assert!(first.contains("http://127.0.0.1:7070/link/x"));
        assert!(!first.contains("PROVISOR_DATABASE"), "{first}");
        let next = welcome(None, "sqlite:/tmp/x/provisor.db");
        assert!(next.contains("provisor token create --tenant demo"));
        assert!(next.contains("export PROVISOR_DATABASE='sqlite:/tmp/x/provisor.db'"));
    }
}
