//! `provisor token`: bearer tokens, shown once.

use std::time::Duration;

use clap::{Args, Subcommand};
use provisor_server::connection_choice;
use provisor_store::{
    Change, Outcome, PlainToken, Scope, Scopes, TenantId, TokenId, TokenKind, TokenRecord,
    change::NewToken,
};
use scim::Value;

use super::{Context, argument};
use crate::{
    directory::{Directory, unexpected},
    failure::Failure,
    open::Missing,
    terminal::{self, Form},
    views,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make a token and print it; it is not shown again
    #[command(after_help = "\
Examples:
  provisor token create --tenant acme --scope scim --purpose 'Okta production' --expires 365d
  provisor token create --tenant acme --scope events:read --scope directory:read --purpose billing
  provisor token create --operator --purpose 'deploy script' --allow 10.0.0.0/8

A token with scope scim or scim:read belongs to a connection: the one that --connection names, the
tenant's only one, or a new one (with --profile) if there is none.
Standard output carries the token and nothing else.")]
    Create(Create),
    /// List tokens; their secrets are not kept
    #[command(
        after_help = "Examples:\n  provisor token list --tenant acme\n  provisor token list --operator --json"
    )]
    List {
        #[command(flatten)]
        owner: Owner,
    },
    /// End a token, effective with the next request
    #[command(after_help = "Example:\n  provisor token revoke tok_3 --tenant acme")]
    Revoke {
        /// The token, as `provisor token list` shows it: tok_3
        #[arg(value_parser = argument::token)]
        id: TokenId,
        #[command(flatten)]
        owner: Owner,
    },
    /// Check form and checksum of a token without any database
    #[command(after_help = "\
Example:
  provisor token check - < token.txt

Reads the token from standard input (-) or a file, never from the command line, where others see
it. Exit code 1: no token of Provisor, or mistyped.")]
    Check {
        /// - for standard input, or a file
        source: std::path::PathBuf,
    },
}

/// Whose tokens: a tenant's or the operators'.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Owner {
    /// Key of the tenant
    #[arg(long, value_name = "KEY")]
    tenant: Option<String>,
    /// The operators', for all tenants
    #[arg(long)]
    operator: bool,
}

impl Owner {
    async fn id(&self, directory: &Directory) -> Result<TenantId, Failure> {
        match &self.tenant {
            Some(key) => Ok(directory.tenant(key).await?.id),
            None => Ok(TenantId::SYSTEM),
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    #[command(flatten)]
    owner: Owner,
    /// What it may do: scim, scim:read, events:read, directory:read, log:read, admin (repeat for more)
    #[arg(
        long = "scope",
        value_name = "SCOPE",
        required_unless_present = "operator"
    )]
    scopes: Vec<Scope>,
    /// What it is for, in your words
    #[arg(long, value_name = "TEXT")]
    purpose: String,
    /// The connection of a SCIM token
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// Profile of the connection that is made if the tenant has none [default: generic]
    #[arg(long, value_parser = argument::profile)]
    profile: Option<String>,
    /// How long it is good for, as in 365d [default: for ever]
    #[arg(long, value_name = "DURATION", value_parser = argument::duration)]
    expires: Option<Duration>,
    /// Address or network it may be used from (repeat for more) [default: anywhere]
    #[arg(long = "allow", value_name = "CIDR", value_parser = argument::network)]
    addresses: Vec<String>,
}

impl Token {
    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Token::Create(create) => create.run(context).await,
            Token::List { owner } => list(context, &owner).await,
            Token::Revoke { id, owner } => {
                let directory = context.directory()?;
                let tenant = owner.id(&directory).await?;
                let change = Change::RevokeToken { id };
                match directory.write(tenant, change).await? {
                    Outcome::Revoked(token) => {
                        terminal::note(&format!(
                            "{} ({}) is revoked. The next request with it gets 401.",
                            token_name(token.id),
                            token.purpose
                        ));
                        Ok(())
                    }
                    other => Err(unexpected(&other)),
                }
            }
            Token::Check { source } => check(context, &source),
        }
    }
}

impl Create {
    async fn run(self, context: &Context) -> Result<(), Failure> {
        let mut scopes: Scopes = self.scopes.iter().copied().collect();
        if self.scopes.is_empty() {
            scopes = [Scope::Admin].into_iter().collect();
        }
        let kind = kind_of(scopes).map_err(Failure::usage)?;
        if kind == TokenKind::Api && (self.connection.is_some() || self.profile.is_some()) {
            return Err(Failure::usage(
                "--connection and --profile are for tokens with scope scim or scim:read.",
            ));
        }
        if kind == TokenKind::Scim && self.owner.operator {
            return Err(Failure::usage(
                "A SCIM token belongs to a tenant. Name it with --tenant KEY instead of --operator.",
            ));
        }
        let missing = if self.owner.operator {
            Missing::Create
        } else {
            Missing::Refuse
        };
        let directory = context.directory_or(missing)?;
        let (tenant, connection) = match (&self.owner.tenant, kind) {
            (None, _) => (TenantId::SYSTEM, None),
            (Some(key), TokenKind::Api) => (directory.tenant(key).await?.id, None),
            (Some(key), TokenKind::Scim) => {
                let tenant = directory.tenant(key).await?;
                let connection = connection_choice::choose(
                    directory.store(),
                    &directory.origin(tenant.id),
                    self.connection.as_deref(),
                    self.profile.as_deref(),
                )
                .await?;
                (tenant.id, Some(connection))
            }
        };
        let (_, plain) = create(
            &directory,
            tenant,
            NewToken {
                connection: connection.map(|connection| connection.id),
                purpose: self.purpose,
                scopes,
                kind,
                expires: self.expires.map(|expires| {
                    context
                        .clock
                        .now()
                        .saturating_add(argument::millis(expires))
                }),
                addresses: self.addresses,
            },
        )
        .await?;
        if self.expires.is_none() {
            terminal::note("The token never expires. --expires 365d makes one that does.");
        }
        terminal::line(plain.reveal())
    }
}

/// Makes a token.
pub(super) async fn create(
    directory: &Directory,
    tenant: TenantId,
    token: NewToken,
) -> Result<(TokenRecord, PlainToken), Failure> {
    match directory.write(tenant, Change::CreateToken(token)).await? {
        Outcome::Token(record, plain) => Ok((record, plain)),
        other => Err(unexpected(&other)),
    }
}

/// SCIM or API; a token is for one of them, so that a leaked one opens one door.
fn kind_of(scopes: Scopes) -> Result<TokenKind, String> {
    let is_scim = |scope: Scope| matches!(scope, Scope::Scim | Scope::ScimRead);
    let scim = scopes.iter().filter(|scope| is_scim(*scope)).count();
    match (scim, scopes.iter().count() - scim) {
        (0, _) => Ok(TokenKind::Api),
        (_, 0) => Ok(TokenKind::Scim),
        _ => Err(
            "A token is for SCIM (scim, scim:read) or for the API (the other scopes). Make two."
                .to_owned(),
        ),
    }
}

async fn list(context: &Context, owner: &Owner) -> Result<(), Failure> {
    let directory = context.directory()?;
    let tenant = owner.id(&directory).await?;
    let mut snapshot = directory.read().await?;
    let tokens = snapshot.tokens(tenant).await?;
    let connections = snapshot.connections(tenant).await?;
    let name = |token: &TokenRecord| {
        connections
            .iter()
            .find(|connection| Some(connection.id) == token.connection)
            .map(|connection| connection.name.as_str())
    };
    let now = context.clock.now();
    let views: Vec<Value> = tokens
        .iter()
        .map(|token| views::token(token, name(token), now))
        .collect();
    terminal::list(
        Form::new(context.json, false),
        &[
            "id",
            "purpose",
            "token",
            "scopes",
            "connection",
            "state",
            "expires",
            "last used",
        ],
        &views,
        |token| {
            let or = |field: &str, absent: &str| match views::text(token, field) {
                text if text.is_empty() => absent.to_owned(),
                text => text,
            };
            let last_used = &token["last_used"];
            vec![
                or("id", ""),
                or("purpose", ""),
                format!("pvr_{}_…{}", or("kind", ""), or("last4", "")),
                or("scopes", ""),
                or("connection", "-"),
                or("state", ""),
                or("expires", "never"),
                match views::text(last_used, "at") {
                    text if text.is_empty() => "never".to_owned(),
                    text => text,
                },
            ]
        },
        Clone::clone,
    )
}

fn check(context: &Context, source: &std::path::Path) -> Result<(), Failure> {
    if source.to_string_lossy().starts_with("pvr_") {
        return Err(Failure::usage(
            "Do not put a token on the command line, where other users of this machine see it. Use `provisor token check -` and paste it.",
        ));
    }
    let input = argument::read_input(source)?;
    let text = String::from_utf8_lossy(&input);
    let Some(token) = PlainToken::parse(text.trim()) else {
        return Err(Failure::failed(
            "This is no token of Provisor, or it was mistyped or cut: form or checksum is wrong.",
        ));
    };
    let kind = match token.kind() {
        TokenKind::Scim => "scim",
        TokenKind::Api => "api",
    };
    let owner = match token.tenant() {
        TenantId::SYSTEM => "the operators".to_owned(),
        tenant => format!("tenant number {tenant}"),
    };
    terminal::note(
        "Form and checksum are right. Whether the token is valid, only its server can say.",
    );
    terminal::show(
        context.json,
        &serde_json::json!({
            "kind": kind,
            "id": token_name(token.token()),
            "tenant_number": token.tenant().0,
            "last4": token.last4(),
        }),
        &[
            ("kind", kind.to_owned()),
            ("id", token_name(token.token())),
            ("owner", owner),
        ],
    )
}

/// `tok_3`.
fn token_name(id: TokenId) -> String {
    format!("tok_{id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_for_scim_or_for_the_api() {
        for (scopes, expected) in [
            (&[Scope::Scim][..], Some(TokenKind::Scim)),
            (&[Scope::Scim, Scope::ScimRead], Some(TokenKind::Scim)),
            (&[Scope::EventsRead, Scope::Admin], Some(TokenKind::Api)),
            (&[Scope::Scim, Scope::Admin], None),
        ] {
            assert_eq!(kind_of(scopes.iter().copied().collect()).ok(), expected);
        }
    }
}
