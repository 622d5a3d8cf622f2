//! `provisor simulate`: an identity provider that talks to a SCIM server, so that nobody needs a real one.

mod watch;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use provisor_store::{
    Identifier as UniqueBy, Scope, TokenKind,
    change::{ConnectionSettings, NewToken},
};
use scim_client::{
    Auth, Client,
    simulator::{
        Comparison, Grants, LookUp, Pace, Plan, Provider, Report, Scenario, Simulated, Watch,
    },
};
use serde_json::json;
use watch::Terminal;

use super::{Context, argument, connection, dev, token};
use crate::{failure::Failure, terminal};

/// Simulate an identity provider: a whole company moves in
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  provisor simulate okta
  provisor simulate entra --target https://scim.example.com/scim/v2 \\
    --token-file token.txt --scenario first-sync
  provisor simulate okta --target URL --token-file FILE \\
    --users 500 --teams 40 --seed 7 --scenario rehire --assert
  provisor simulate okta --target URL --token-file FILE \\
    --identifier email --auth raw
  provisor simulate keycloak --messages

Without --token-file it talks to the `provisor dev` on this machine, with a token that it makes in the tenant \"demo\".
Providers: okta, okta-oin, entra, entra-optscim, onelogin, jumpcloud, google, ping, keycloak, authentik.
Scenarios: first-sync, joiner-mover-leaver, mass-removal, duplicate, rehire, rename, team-before-user, throttled, \
token-expired, slow-server, flaky-server.")]
pub(crate) struct Simulate {
    /// Who speaks
    #[arg(value_name = "PROVIDER", value_parser = provider)]
    provider: Provider,
    /// The SCIM server's base URL [default: where `provisor dev` listens]
    #[arg(long, value_name = "URL")]
    target: Option<String>,
    /// A file with the token (with --auth basic user:password, with oauth the client secret), or - for standard input
    #[arg(long, value_name = "FILE", requires = "target")]
    token_file: Option<PathBuf>,
    /// How it signs in [default: bearer]
    #[arg(long, requires = "token_file")]
    auth: Option<SignIn>,
    /// For oauth: where tokens are fetched
    #[arg(long, value_name = "URL", required_if_eq("auth", "oauth"))]
    token_url: Option<String>,
    /// For oauth: the client
    #[arg(long, value_name = "ID", required_if_eq("auth", "oauth"))]
    client_id: Option<String>,
    /// For oauth: the scope to ask for
    #[arg(long, value_name = "SCOPE", requires = "client_id")]
    oauth_scope: Option<String>,
    /// What people are looked up by: userName; with Okta email, email-eq or emails-eq; with Entra email or externalId
    #[arg(long, value_name = "FIELD", default_value = "userName", value_parser = identifier)]
    identifier: LookUp,
    /// What people are given besides teams: with Okta entitlements; with Entra single-app-role, app-roles or
    /// assertive-app-roles
    #[arg(long, value_name = "KIND", default_value = "none", value_parser = grants)]
    grants: Grants,
    /// How many people are assigned at first
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    users: u32,
    /// How many teams are pushed at first
    #[arg(long, default_value_t = 9, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    teams: u32,
    /// Members of each team [default: so many that everybody is in two teams]
    #[arg(long, value_name = "N")]
    members: Option<u32>,
    /// People and events follow from it: the same seed is the same company
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// What happens; without it the company lives on until Ctrl-C [default: joiner-mover-leaver]
    #[arg(long, value_name = "NAME", value_parser = scenario)]
    scenario: Option<Scenario>,
    /// real thinks between changes, fast does not [default: fast with --scenario or --assert, else real]
    #[arg(long, value_name = "PACE", value_parser = pace)]
    pace: Option<Pace>,
    /// How many rounds life goes on after the first sync [default: 3, until Ctrl-C with the pace real]
    #[arg(long, value_name = "N")]
    rounds: Option<u32>,
    /// How many changes are told at once
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    connections: u16,
    /// Read everything back and compare it with what the identity provider believes; exit code 1 if they differ
    #[arg(long = "assert")]
    compare: bool,
    /// List the messages of the identity provider with their evidence, and send nothing
    #[arg(long)]
    messages: bool,
}

/// What stands in `Authorization`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SignIn {
    /// Bearer and the token
    Bearer,
    /// The token alone, as Okta's catalogue applications in header mode
    Raw,
    /// Basic, user and password
    Basic,
    /// A token fetched with client credentials
    Oauth,
}

fn identifier(name: &str) -> Result<LookUp, String> {
    let all = || LookUp::ALL.map(LookUp::name).join(", ");
    LookUp::named(name).ok_or_else(|| format!("there are {}", all()))
}

fn grants(name: &str) -> Result<Grants, String> {
    let all = || Grants::ALL.map(Grants::name).join(", ");
    Grants::named(name).ok_or_else(|| format!("there are {}", all()))
}

fn provider(name: &str) -> Result<Provider, String> {
    let all = || Provider::ALL.map(Provider::name).join(", ");
    Provider::named(name).ok_or_else(|| format!("there are {}", all()))
}

fn scenario(name: &str) -> Result<Scenario, String> {
    let all = || Scenario::ALL.map(Scenario::name).join(", ");
    Scenario::named(name).ok_or_else(|| format!("there are {}", all()))
}

fn pace(name: &str) -> Result<Pace, String> {
    let all = || Pace::ALL.map(Pace::name).join(", ");
    Pace::named(name).ok_or_else(|| format!("there are {}", all()))
}

impl Simulate {
    fn plan(&self) -> Plan {
        let endless = self.scenario.is_none() && !self.compare;
        let pace = self
            .pace
            .unwrap_or(if endless { Pace::Real } else { Pace::Fast });
        Plan {
            provider: self.provider,
            scenario: self.scenario.unwrap_or(Scenario::JoinerMoverLeaver),
            users: self.users,
            teams: self.teams,
            members: self.members,
            seed: self.seed,
            pace,
            lanes: self.connections.into(),
            rounds: self.rounds.or((pace == Pace::Fast).then_some(3)),
            identifier: self.identifier,
            grants: self.grants,
        }
    }

    /// What this identity provider cannot do and is asked to.
    fn check(&self) -> Result<(), Failure> {
        let (name, title) = (self.provider.name(), self.provider.title());
        if !self.provider.identifiers().contains(&self.identifier) {
            let can = self.provider.identifiers().iter().map(|one| one.name());
            let can = can.collect::<Vec<_>>().join(", ");
            return Err(Failure::usage(format!(
                "{title} ({name}) is not known to look people up like that. Its --identifier may be: {can}."
            )));
        }
        if !self.provider.grants().contains(&self.grants) {
            let can = self.provider.grants().iter().map(|one| one.name());
            let can = can.collect::<Vec<_>>().join(", ");
            return Err(Failure::usage(format!(
                "{title} ({name}) is not known to give people that. Its --grants may be: {can}."
            )));
        }
        let okta = matches!(self.provider, Provider::Okta | Provider::OktaOin);
        if okta && self.auth == Some(SignIn::Oauth) {
            return Err(Failure::usage(
                "Okta asks for a token with the authorization code of an administrator, not with client credentials. \
                 Put a token that was granted that way into the file, with --auth bearer.",
            ));
        }
        Ok(())
    }

    /// The credentials, from what the file holds.
    fn credentials(&self, secret: &str) -> Result<Auth, Failure> {
        if secret.is_empty() {
            return Err(Failure::usage(
                "The token file is empty. Put the bearer token into it.",
            ));
        }
        match self.auth.unwrap_or(SignIn::Bearer) {
            SignIn::Bearer => Ok(Auth::bearer(secret)),
            SignIn::Raw => Ok(Auth::raw(secret)),
            SignIn::Basic => match secret.split_once(':') {
                Some((user, password)) => Ok(Auth::basic(user, password)),
                None => Err(Failure::usage(
                    "With --auth basic the token file holds user:password, and there is no colon in it.",
                )),
            },
            SignIn::Oauth => Ok(Auth::client_credentials(
                self.token_url.clone().unwrap_or_default(),
                self.client_id.clone().unwrap_or_default(),
                secret,
                self.oauth_scope.clone(),
            )),
        }
    }

    pub(super) async fn run(self, context: &Context) -> Result<(), Failure> {
        if self.messages {
            return messages(context, self.provider);
        }
        self.check()?;
        let (base, secret) = match (&self.target, &self.token_file) {
            (Some(target), Some(file)) => {
                let token = argument::read_input(file)?;
                (
                    target.clone(),
                    String::from_utf8_lossy(&token).trim().to_owned(),
                )
            }
            (target, _) => {
                let base = target.clone().unwrap_or_else(dev::scim_url);
                let token = self.local_token(context, &base).await?;
                (base, token)
            }
        };
        let target = Client::builder(&base, self.credentials(&secret)?)
            .user_agent(concat!("provisor-simulator/", env!("CARGO_PKG_VERSION")))
            .timeout(Duration::from_mins(1))
            .build()
            .map_err(|error| Failure::usage(error.to_string()))?;
        let plan = self.plan();
        terminal::note(&format!(
            "{} simulator → {} (scenario {}, {} people, {} teams, seed {})",
            self.provider.title(),
            target.base(),
            plan.scenario.name(),
            plan.users,
            plan.teams,
            plan.seed
        ));
        let watch = Terminal::new(plan.rounds.is_none());
        let simulated = plan.run(&target, &watch).await;
        let comparison = match self.compare && !watch.is_stopped() {
            true => Some(simulated.compare(&target, &watch).await.map_err(|error| {
                Failure::failed(format!("What was sent cannot be read back: {error}."))
            })?),
            false => None,
        };
        watch.clear();
        if context.json {
            print_json(&plan, target.base(), &simulated, comparison.as_ref())?;
        } else {
            print(&simulated.report, comparison.as_ref())?;
        }
        if self.compare && comparison.is_none() {
            return Err(Failure::failed(
                "Stopped before the end, so nothing was read back and compared.",
            ));
        }
        verdict(&simulated.report, comparison.as_ref())
    }

    /// A token of the server that runs beside, made as an operator would make it.
    async fn local_token(&self, context: &Context, base: &str) -> Result<String, Failure> {
        let Some(address) = loopback(base) else {
            return Err(Failure::usage(format!(
                "{base} is not on this machine, so it needs a token of its own: --token-file FILE."
            )));
        };
        if tokio::net::TcpStream::connect(address).await.is_err() {
            return Err(Failure::failed(format!(
                "No server answers at {address}. Start `provisor dev` in another terminal, or name a server with --target URL --token-file FILE."
            )));
        }
        let directory = context.directory()?;
        let tenant = directory.tenant(dev::TENANT).await?;
        let idp = self.provider.family();
        let (name, unique) = match self.identifier {
            one if one.is_email() => (format!("{idp}-email"), Some(UniqueBy::Email)),
            LookUp::ExternalId => (format!("{idp}-external-id"), Some(UniqueBy::ExternalId)),
            _ => (idp.to_owned(), None),
        };
        let connections = directory.read().await?.connections(tenant.id).await?;
        let connection = match connections.into_iter().find(|one| one.name == name) {
            Some(connection) => connection,
            None => {
                let settings = ConnectionSettings {
                    name: Some(name.clone()),
                    idp: Some(idp.to_owned()),
                    unique_team_names: Some(self.provider.creates_teams_unseen()),
                    identifier: unique,
                    ..ConnectionSettings::default()
                };
                connection::create(&directory, &tenant, settings).await?
            }
        };
        let new = NewToken {
            connection: Some(connection.id),
            purpose: format!("provisor simulate {}", self.provider.name()),
            scopes: [Scope::Scim].into_iter().collect(),
            kind: TokenKind::Scim,
            expires: Some(context.clock.now() + argument::millis(Duration::from_hours(24))),
            addresses: Vec::new(),
        };
        let (_, plain) = token::create(&directory, tenant.id, new).await?;
        terminal::note(&format!(
            "Made a token for the connection \"{name}\" of tenant \"{}\", good for a day. What arrives is simulated.",
            tenant.key
        ));
        Ok(plain.reveal().to_owned())
    }
}

/// Where a base URL leads if it names this machine by its address: `http://127.0.0.1:7070/scim/v2`.
fn loopback(base: &str) -> Option<SocketAddr> {
    let authority = base.strip_prefix("http://")?.split('/').next()?;
    let address: SocketAddr = authority.parse().ok()?;
    address.ip().is_loopback().then_some(address)
}

fn messages(context: &Context, provider: Provider) -> Result<(), Failure> {
    terminal::list(
        terminal::Form::new(context.json, false),
        &["grade", "sends", "says", "source"],
        &provider.messages(),
        |kind| {
            let cells = [kind.grade.as_str(), kind.sends, kind.says, kind.source];
            cells.map(str::to_owned).to_vec()
        },
        |kind| kind.to_json(),
    )
}

fn print_json(
    plan: &Plan,
    target: &str,
    simulated: &Simulated,
    comparison: Option<&Comparison>,
) -> Result<(), Failure> {
    let mut object = json!({
        "provider": plan.provider.name(),
        "scenario": plan.scenario.name(),
        "target": target,
        "users": plan.users,
        "teams": plan.teams,
        "seed": plan.seed,
        "identifier": plan.identifier.name(),
        "grants": plan.grants.name(),
        "assert": comparison.map(Comparison::to_json),
    });
    if let (Some(object), Some(report)) = (
        object.as_object_mut(),
        simulated.report.to_json().as_object(),
    ) {
        object.extend(report.clone());
    }
    terminal::json(&object)
}

/// The summary for people; the steps were told as they were done.
fn print(report: &Report, comparison: Option<&Comparison>) -> Result<(), Failure> {
    let statuses = report.statuses.iter().map(|(status, count)| match status {
        0 => format!("no answer × {count}"),
        status => format!("{status} × {count}"),
    });
    terminal::line(&format!(
        "{} messages: {}",
        report.requests(),
        statuses.collect::<Vec<_>>().join(", ")
    ))?;
    for (fault, count) in &report.faults {
        terminal::line(&format!("! Trouble on purpose: {fault} × {count}"))?;
    }
    if report.refused_twins > 0 {
        let twins = report.refused_twins;
        terminal::line(&format!(
            "! Trouble on purpose: {twins} duplicate userName → 409, as it must be"
        ))?;
    }
    for (what, count) in &report.skipped {
        terminal::line(&format!("· Left out: {what} × {count}"))?;
    }
    for failure in &report.failures {
        terminal::line(&format!("✗ {}", failure.line()))?;
    }
    let more = report.failed - report.failures.len() as u64;
    if more > 0 {
        terminal::line(&format!("✗ and {more} more failed"))?;
    }
    let Some(comparison) = comparison else {
        return Ok(());
    };
    for difference in &comparison.kept {
        terminal::line(&format!("≠ {difference}"))?;
    }
    let more = comparison.differences - comparison.kept.len() as u64;
    if more > 0 {
        terminal::line(&format!("≠ and {more} more differences"))?;
    }
    terminal::line(&format!(
        "{} users, {} teams and {} memberships read back: {} differences",
        comparison.users, comparison.teams, comparison.memberships, comparison.differences
    ))
}

fn verdict(report: &Report, comparison: Option<&Comparison>) -> Result<(), Failure> {
    let differences = comparison.map_or(0, |comparison| comparison.differences);
    if report.failed == 0 && differences == 0 {
        return Ok(());
    }
    let mut message = match (report.steps.as_slice(), report.failed) {
        ([tested], 1) if tested.failed > 0 => {
            "The test of the connection failed, so nothing else was sent".to_owned()
        }
        (_, 1) => "1 change failed".to_owned(),
        (_, failed) => format!("{failed} changes failed"),
    };
    if comparison.is_some() {
        message.push_str(&format!(", {differences} differences"));
    }
    message.push('.');
    if comparison.is_some_and(|comparison| comparison.strangers > 0) {
        message.push_str(
            " Who is there and was not sent counts as a difference: a run wants a tenant of its own, with nothing in it.",
        );
    }
    if report.failures.iter().any(|one| one.request_id.is_some()) {
        message.push_str(" Request ids find them in the server's log: provisor log show req_…");
    }
    Err(Failure::failed(message))
}
