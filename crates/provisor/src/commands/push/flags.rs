//! The settings of a target as flags.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use provisor_server::outbound::{
    TargetSettings,
    mapping::Rule,
    settings::{AuthMode, Deprovision, MatchBy, SourceKind, Writes},
};

use crate::{
    commands::argument::{self, Switch, read_input},
    failure::Failure,
};

#[derive(Debug, Args)]
pub(crate) struct Flags {
    /// What stands before /Users
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// How to sign in: bearer (a token), raw (the token alone in the header), basic, or oauth (client credentials)
    /// [default: bearer]
    #[arg(long)]
    auth: Option<AuthFlag>,
    /// File with the token, the password or the client secret; - reads standard input
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// For basic: the user
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// For oauth: where tokens are fetched
    #[arg(long, value_name = "URL")]
    token_url: Option<String>,
    /// For oauth: the client
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// For oauth: the scope to ask for
    #[arg(long, value_name = "SCOPE")]
    oauth_scope: Option<String>,
    /// What users are looked up by before one is created: userName, email or externalId [default: userName]
    #[arg(long, value_name = "FIELD")]
    identifier: Option<IdentifierFlag>,
    /// Create users in the target [default: on]
    #[arg(long, value_name = "on|off")]
    create_users: Option<Switch>,
    /// Send changes of users [default: on]
    #[arg(long, value_name = "on|off")]
    update_users: Option<Switch>,
    /// Take the access of users who left [default: on]
    #[arg(long, value_name = "on|off")]
    deactivate_users: Option<Switch>,
    /// Push teams and their members [default: on]
    #[arg(long, value_name = "on|off")]
    push_teams: Option<Switch>,
    /// What becomes of users who left: deactivate or delete [default: deactivate]
    #[arg(long, value_name = "POLICY")]
    deprovision: Option<DeprovisionFlag>,
    /// Where an attribute's value comes from: ATTRIBUTE=from:PATH, =value:TEXT, =template:TEXT or =drop; repeat for more.
    /// Replaces the rules there are
    #[arg(long = "rule", value_name = "RULE", value_parser = Rule::parse)]
    rules: Vec<Rule>,
    /// Forget the rules there are
    #[arg(long, conflicts_with = "rules")]
    no_rules: bool,
    /// Send nothing but userName and what rules name [default: off]
    #[arg(long, value_name = "on|off")]
    only_rules: Option<Switch>,
    /// Which users: a SCIM filter; empty for all
    #[arg(long, value_name = "FILTER")]
    users: Option<String>,
    /// Which teams: a SCIM filter; empty for all
    #[arg(long, value_name = "FILTER")]
    teams: Option<String>,
    /// A team by name; repeat for more. Replaces the list
    #[arg(long = "team", value_name = "NAME")]
    team_names: Vec<String>,
    /// Name no teams any more
    #[arg(long, conflicts_with = "team_names")]
    no_team_names: bool,
    /// How often the server pushes: a duration such as 15m, or "change" for at once [default: change]
    #[arg(long, value_name = "DURATION|change", value_parser = seconds)]
    every: Option<Seconds>,
    /// How often the server reads the whole target and repairs it, or "never" [default: 1d]
    #[arg(long, value_name = "DURATION|never", value_parser = seconds)]
    compare_every: Option<Seconds>,
    /// Members per request [default: 500]
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Requests per second; 0 for as many as it takes [default: 0]
    #[arg(long, value_name = "N")]
    rate: Option<u32>,
    /// Requests under way at once [default: 8]
    #[arg(long, value_name = "N")]
    parallel: Option<usize>,
    /// How resources are changed: auto, patch or put [default: auto]
    #[arg(long)]
    writes: Option<WritesFlag>,
    /// Where users and teams come from: tenant or files [default: tenant]
    #[arg(long)]
    source: Option<SourceFlag>,
    /// Teams may be members of teams in the target [default: off]
    #[arg(long, value_name = "on|off")]
    nested_teams: Option<Switch>,
    /// A run that would take the access of more users than this, with those of the last day, stops before the first; 0 for
    /// no limit [default: 0]
    #[arg(long, value_name = "N")]
    most_removals: Option<u64>,
    /// How long a request may take [default: 60s]
    #[arg(long, value_name = "DURATION", value_parser = argument::duration)]
    timeout: Option<Duration>,
    /// Allow http and addresses in private networks for this target [default: off]
    #[arg(long, value_name = "on|off")]
    private: Option<Switch>,
}

macro_rules! flags {
    ($($flag:ident = $of:ident { $($variant:ident)* })*) => {$(
        #[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
        enum $flag { $($variant),* }

        impl From<$flag> for $of {
            fn from(flag: $flag) -> $of {
                match flag { $($flag::$variant => $of::$variant),* }
            }
        }
    )*};
}

flags! {
    DeprovisionFlag = Deprovision { Deactivate Delete }
    WritesFlag = Writes { Auto Patch Put }
    SourceFlag = SourceKind { Tenant Files }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AuthFlag {
    Bearer,
    Raw,
    Basic,
    Oauth,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum IdentifierFlag {
    #[value(name = "userName")]
    UserName,
    #[value(name = "email")]
    Email,
    #[value(name = "externalId")]
    ExternalId,
}

/// Whole seconds; 0 for `change` and `never`.
#[derive(Debug, Clone, Copy)]
struct Seconds(u64);

fn seconds(text: &str) -> Result<Seconds, String> {
    if ["change", "never", "0"].contains(&text) {
        return Ok(Seconds(0));
    }
    let duration = argument::duration(text)?;
    Ok(Seconds(duration.as_secs().max(1)))
}

impl Flags {
    /// True if nothing was said.
    pub(super) fn is_empty(&self, settings: &TargetSettings) -> Result<bool, Failure> {
        Ok(self.secret_file.is_none() && self.apply(settings)? == *settings)
    }

    /// The secret, if one is to be set.
    pub(super) fn secret(&self) -> Result<Option<String>, Failure> {
        let Some(path) = &self.secret_file else {
            return Ok(None);
        };
        let text = String::from_utf8(read_input(path)?)
            .map_err(|_| Failure::failed(format!("{} is not text.", path.display())))?;
        let text = text.trim();
        if text.is_empty() {
            return Err(Failure::failed(format!(
                "{} holds no secret.",
                path.display()
            )));
        }
        Ok(Some(text.to_owned()))
    }

    /// Puts what was said into the settings.
    pub(super) fn apply(&self, before: &TargetSettings) -> Result<TargetSettings, Failure> {
        let mut settings = before.clone();
        if let Some(url) = &self.url {
            settings.url = url.trim().trim_end_matches('/').to_owned();
        }
        self.apply_auth(&mut settings)?;
        let switch = |to: &mut bool, flag: Option<Switch>| *to = flag.map_or(*to, Switch::is_on);
        switch(&mut settings.create, self.create_users);
        switch(&mut settings.update, self.update_users);
        switch(&mut settings.deactivate, self.deactivate_users);
        switch(&mut settings.teams, self.push_teams);
        switch(&mut settings.only_rules, self.only_rules);
        switch(&mut settings.nested_teams, self.nested_teams);
        // Private addresses are allowed for the one that was said with it.
        settings.private &= !settings.goes_elsewhere(before);
        switch(&mut settings.private, self.private);
        if let Some(identifier) = self.identifier {
            settings.identifier = match identifier {
                IdentifierFlag::UserName => MatchBy::UserName,
                IdentifierFlag::Email => MatchBy::Email,
                IdentifierFlag::ExternalId => MatchBy::ExternalId,
            };
        }
        settings.deprovision = self
            .deprovision
            .map_or(settings.deprovision, Deprovision::from);
        settings.writes = self.writes.map_or(settings.writes, Writes::from);
        settings.source = self.source.map_or(settings.source, SourceKind::from);
        if self.no_rules || !self.rules.is_empty() {
            settings.rules.clone_from(&self.rules);
        }
        if self.no_team_names || !self.team_names.is_empty() {
            settings.team_names.clone_from(&self.team_names);
        }
        let filter = |text: &String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        if let Some(text) = &self.users {
            settings.users = filter(text);
        }
        if let Some(text) = &self.teams {
            settings.only_teams = filter(text);
        }
        settings.every = self
            .every
            .map_or(settings.every, |Seconds(seconds)| seconds);
        settings.compare_every = self
            .compare_every
            .map_or(settings.compare_every, |Seconds(seconds)| seconds);
        settings.batch = self.batch.unwrap_or(settings.batch);
        settings.rate = self.rate.unwrap_or(settings.rate);
        settings.parallel = self.parallel.unwrap_or(settings.parallel);
        settings.most_removals = self.most_removals.unwrap_or(settings.most_removals);
        settings.timeout = self
            .timeout
            .map_or(settings.timeout, |timeout| timeout.as_secs().max(1));
        Ok(settings)
    }

    fn apply_auth(&self, settings: &mut TargetSettings) -> Result<(), Failure> {
        let mode = match (self.auth, &settings.auth) {
            (Some(mode), _) => mode,
            (None, AuthMode::Bearer) => AuthFlag::Bearer,
            (None, AuthMode::Raw) => AuthFlag::Raw,
            (None, AuthMode::Basic { .. }) => AuthFlag::Basic,
            (None, AuthMode::Oauth { .. }) => AuthFlag::Oauth,
        };
        let demand = |value: &Option<String>, known: Option<&String>, flag: &str| {
            value
                .clone()
                .or_else(|| known.cloned())
                .ok_or_else(|| Failure::usage(format!("This way to sign in needs {flag}.")))
        };
        settings.auth = match (mode, &settings.auth) {
            (AuthFlag::Bearer, _) => AuthMode::Bearer,
            (AuthFlag::Raw, _) => AuthMode::Raw,
            (AuthFlag::Basic, known) => {
                let known = match known {
                    AuthMode::Basic { user } => Some(user),
                    _ => None,
                };
                AuthMode::Basic {
                    user: demand(&self.user, known, "--user")?,
                }
            }
            (AuthFlag::Oauth, known) => {
                let (url, client, scope) = match known {
                    AuthMode::Oauth {
                        token_url,
                        client_id,
                        scope,
                    } => (Some(token_url), Some(client_id), scope.clone()),
                    _ => (None, None, None),
                };
                AuthMode::Oauth {
                    token_url: demand(&self.token_url, url, "--token-url")?,
                    client_id: demand(&self.client_id, client, "--client-id")?,
                    scope: self.oauth_scope.clone().or(scope),
                }
            }
        };
        Ok(())
    }
}
