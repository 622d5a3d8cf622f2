//! What an operator sets about a target; kept as JSON in the store, without secrets.

use std::time::Duration;

use provisor_store::{
    TargetChange, TargetId,
    target::{Sealed, Target},
};
use scim_client::{Auth, Client, Error, Reach, Retry};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::mapping::Rule;

/// The most bytes of an answer: a team of 200,000 members has about half of it.
const LONGEST_ANSWER: usize = 64 << 20;

/// Settings of a target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TargetSettings {
    /// What stands before `/Users`.
    pub url: String,
    /// How to show who we are.
    pub auth: AuthMode,
    /// What users are looked up by before one is created.
    pub identifier: MatchBy,
    /// Create users.
    pub create: bool,
    /// Send changes of users.
    pub update: bool,
    /// Deactivate (or delete) users who left.
    pub deactivate: bool,
    /// Push teams and their members.
    pub teams: bool,
    /// What becomes of users who left.
    pub deprovision: Deprovision,
    /// Send what the rules name alone, not all that the source has.
    pub only_rules: bool,
    /// Rules for users' attributes, carried out in order.
    pub rules: Vec<Rule>,
    /// A SCIM filter: which users.
    pub users: Option<String>,
    /// A SCIM filter: which teams.
    pub only_teams: Option<String>,
    /// Teams by name; with the filter, both count. Empty: all.
    pub team_names: Vec<String>,
    /// Seconds between two runs; 0: as soon as something changes.
    pub every: u64,
    /// Seconds between two comparisons of the whole target; 0: only when asked.
    pub compare_every: u64,
    /// Members per request.
    pub batch: usize,
    /// Requests per second; 0: as fast as it goes.
    pub rate: u32,
    /// Requests under way at once.
    pub parallel: usize,
    /// How resources are changed.
    pub writes: Writes,
    /// Where users and teams come from.
    pub source: SourceKind,
    /// Teams may be members of teams in the target.
    pub nested_teams: bool,
    /// A run that would take the access of more users than this, with those of the last day, stops before the first; 0: no
    /// limit.
    pub most_removals: u64,
    /// Seconds that a request may take.
    pub timeout: u64,
    /// Allow http and addresses in private networks. Set at the command line alone, and for the URL it was set with.
    pub private: bool,
}

/// How to show who we are.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case", deny_unknown_fields)]
pub enum AuthMode {
    /// `Authorization: Bearer` and the secret, which Okta calls HTTP Header. A secret with a space in it, such as
    /// `Bearer eyJ…`, has its scheme already. Targets that were made under its first name
    /// have it as `header`.
    #[default]
    #[serde(alias = "header")]
    Bearer,
    /// `Authorization:` and the secret as it is.
    Raw,
    /// Basic: the secret is the password.
    Basic {
        /// The user.
        user: String,
    },
    /// OAuth 2 client credentials: the secret is the client's.
    Oauth {
        /// Where tokens are fetched.
        token_url: String,
        /// The client.
        client_id: String,
        /// The scope asked for.
        #[serde(default)]
        scope: Option<String>,
    },
}

/// What users are looked up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum MatchBy {
    /// `userName`.
    #[default]
    #[serde(rename = "userName")]
    UserName,
    /// The primary e-mail.
    #[serde(rename = "email")]
    Email,
    /// `externalId`.
    #[serde(rename = "externalId")]
    ExternalId,
}

/// What becomes of users who left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Deprovision {
    /// `active` becomes false.
    #[default]
    Deactivate,
    /// They are deleted.
    Delete,
}

/// How resources are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Writes {
    /// PATCH where the target offers it, else GET and PUT.
    #[default]
    Auto,
    /// PATCH.
    Patch,
    /// GET and PUT.
    Put,
}

/// Where users and teams come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// The tenant's directory, change by change.
    #[default]
    Tenant,
    /// CSV files, given to `provisor push csv`.
    Files,
}

impl Default for TargetSettings {
    fn default() -> Self {
        Self {
            url: String::new(),
            auth: AuthMode::default(),
            identifier: MatchBy::default(),
            create: true,
            update: true,
            deactivate: true,
            teams: true,
            deprovision: Deprovision::default(),
            only_rules: false,
            rules: Vec::new(),
            users: None,
            only_teams: None,
            team_names: Vec::new(),
            every: 0,
            compare_every: 86_400,
            batch: 500,
            rate: 0,
            parallel: 8,
            writes: Writes::default(),
            source: SourceKind::default(),
            nested_teams: false,
            most_removals: 0,
            timeout: 60,
            private: false,
        }
    }
}

impl TargetSettings {
    /// The settings of a stored target.
    ///
    /// # Errors
    /// When they are of a newer version or were edited by hand.
    pub fn of(target: &Target) -> Result<Self, String> {
        serde_json::from_value(target.settings.clone()).map_err(|error| {
            format!(
                "the settings of target \"{}\" cannot be read: {error}; set them again with `provisor push target set`",
                target.name
            )
        })
    }

    /// As the store keeps them.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Whether they fit together.
    ///
    /// # Errors
    /// What is wrong and what to write, in a sentence.
    pub fn check(&self, registry: &scim::Registry) -> Result<(), String> {
        self.client(None)?;
        if !(1..=10_000).contains(&self.batch) {
            return Err("A batch has 1 to 10000 members.".to_owned());
        }
        if !(1..=64).contains(&self.parallel) {
            return Err("1 to 64 requests may be under way at once.".to_owned());
        }
        if !(1..=600).contains(&self.timeout) {
            return Err("A request may take 1 to 600 seconds.".to_owned());
        }
        for (name, filter) in [("User", &self.users), ("Group", &self.only_teams)] {
            if let (Some(text), Some(kind)) = (filter, registry.by_name(name)) {
                super::source::filter(text, kind)?;
            }
        }
        self.rules.iter().try_for_each(Rule::check)
    }

    /// Whether the secret of `before` would go to somebody else: to another host, or in another way. Whoever changes that
    /// has to give the secret again, and to allow private addresses again.
    pub fn goes_elsewhere(&self, before: &TargetSettings) -> bool {
        self.receivers() != before.receivers()
    }

    /// Whom the secret is sent to, and how: scheme, host and port of the address and of the token's, and the way to sign in.
    pub(super) fn receivers(&self) -> String {
        let receiver = |url: &str| scim_client::origin(url).unwrap_or_else(|| url.to_owned());
        let (mode, token_url) = match &self.auth {
            // Its first name: under another one, secrets that are sealed already would not open.
            AuthMode::Bearer => ("header", None),
            AuthMode::Raw => ("raw", None),
            AuthMode::Basic { .. } => ("basic", None),
            AuthMode::Oauth { token_url, .. } => ("oauth", Some(receiver(token_url))),
        };
        serde_json::json!([mode, receiver(&self.url), token_url]).to_string()
    }

    /// The change from `before` to these settings, with a new secret, sealed for them, if one was given. An old one goes where it would
    /// go elsewhere: who may set the address may not read the secret by it.
    pub fn change(
        &self,
        before: &TargetSettings,
        id: TargetId,
        name: Option<String>,
        secret: Option<Sealed>,
    ) -> TargetChange {
        let forgotten = self.goes_elsewhere(before).then_some(None);
        TargetChange::Set {
            id,
            name,
            settings: Some(self.to_json()),
            active: None,
            credentials: secret.map(Some).or(forgotten),
        }
    }

    /// Whether the server can push by itself.
    ///
    /// # Errors
    /// Why it cannot, and what to do instead.
    pub fn may_be_activated(&self) -> Result<(), String> {
        match self.source {
            SourceKind::Tenant => Ok(()),
            SourceKind::Files => Err(
                "This target is fed from files, so there is nothing the server could push by itself. Use `provisor push csv`."
                    .to_owned(),
            ),
        }
    }

    fn reach(&self) -> Reach {
        if self.private {
            Reach::Anywhere
        } else {
            Reach::Public
        }
    }

    /// A client for the target. It never repeats a request by itself: what may be repeated, and when, is decided here.
    ///
    /// # Errors
    /// A URL that is none, or that may not be reached.
    pub fn client(&self, secret: Option<&str>) -> Result<Client, String> {
        let secret = secret.unwrap_or_default().trim();
        let auth = match &self.auth {
            AuthMode::Bearer | AuthMode::Raw if secret.is_empty() => Auth::None,
            AuthMode::Bearer if !secret.contains(' ') => Auth::bearer(secret),
            AuthMode::Bearer | AuthMode::Raw => Auth::raw(secret),
            AuthMode::Basic { user } => Auth::basic(user, secret),
            AuthMode::Oauth {
                token_url,
                client_id,
                scope,
            } => {
                self.allowed(token_url)?;
                Auth::client_credentials(token_url, client_id, secret, scope.clone())
            }
        };
        self.allowed(&self.url)?;
        Client::builder(&self.url, auth)
            .retry(Retry::NEVER)
            .reach(self.reach())
            .timeout(Duration::from_secs(self.timeout))
            .longest_answer(LONGEST_ANSWER)
            .user_agent(concat!("Provisor/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("{error}."))
    }

    /// Refuses an address that may not be connected to: it would be asked with the credentials.
    fn allowed(&self, url: &str) -> Result<(), String> {
        Client::builder(url, Auth::None)
            .reach(self.reach())
            .build()
            .map_err(|error| match error {
                Error::PrivateAddress { .. } => {
                    format!("{error}: at the command line, with `--private on` for this target.")
                }
                error => format!("{error}."),
            })?;
        if !self.private && !url.trim().to_ascii_lowercase().starts_with("https://") {
            return Err(format!(
                "{url} is not https, so the credentials would cross the network in the clear. Use https, or allow http and \
                 private addresses for this target with `provisor push target set --private on`."
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_stays_with_whom_it_was_given_for() {
        let before = of("https://scim.example.com/v1", false);
        let credentials = |after: &TargetSettings, secret: Option<Sealed>| match after.change(
            &before,
            TargetId(1),
            None,
            secret,
        ) {
            TargetChange::Set { credentials, .. } => credentials,
            other => panic!("{other:?}"),
        };
        let path = of("https://SCIM.example.com:443/v2", false);
        assert_eq!(credentials(&path, None), None);
        let new = Sealed(vec![1]);
        for url in [
            "https://scim.example.org/v1",
            "https://scim.example.com:8443/v1",
            "http://scim.example.com/v1",
        ] {
            let elsewhere = of(url, false);
            assert_eq!(credentials(&elsewhere, None), Some(None), "{url}");
            assert_eq!(
                credentials(&elsewhere, Some(new.clone())),
                Some(Some(new.clone()))
            );
        }
        let mut basic = before.clone();
        basic.auth = AuthMode::Basic {
            user: "lena".to_owned(),
        };
        assert_eq!(credentials(&basic, None), Some(None));
        let oauth = |token_url: &str| TargetSettings {
            auth: AuthMode::Oauth {
                token_url: token_url.to_owned(),
                client_id: "a".to_owned(),
                scope: None,
            },
            ..before.clone()
        };
        let at = oauth("https://scim.example.com/token");
        assert!(!oauth("https://scim.example.com/token/2").goes_elsewhere(&at));
        assert!(oauth("https://evil.example/token").goes_elsewhere(&at));
    }

    fn of(url: &str, private: bool) -> TargetSettings {
        TargetSettings {
            url: url.to_owned(),
            private,
            ..TargetSettings::default()
        }
    }

    #[test]
    fn private_and_plain_addresses_are_refused_unless_allowed() {
        assert_eq!(
            of("https://scim.example.com/v2", false).check(&scim::Registry::builtin()),
            Ok(())
        );
        for url in [
            "http://scim.example.com",
            "https://127.0.0.1/scim",
            "https://[::1]/scim",
            "https://10.0.0.1",
        ] {
            assert!(
                of(url, false).check(&scim::Registry::builtin()).is_err(),
                "{url}"
            );
            assert_eq!(
                of(url, true).check(&scim::Registry::builtin()),
                Ok(()),
                "{url}"
            );
        }
        let mut oauth = of("https://scim.example.com", false);
        oauth.auth = AuthMode::Oauth {
            token_url: "https://169.254.169.254/token".to_owned(),
            client_id: "a".to_owned(),
            scope: None,
        };
        assert!(
            oauth
                .check(&scim::Registry::builtin())
                .unwrap_err()
                .contains("169.254.169.254")
        );
    }

    #[test]
    fn settings_survive_the_store_and_refuse_what_they_do_not_know() {
        let settings = of("https://scim.example.com", false);
        let json = settings.to_json();
        assert_eq!(
            serde_json::from_value::<TargetSettings>(json.clone()).unwrap(),
            settings
        );
        // Secrets that are sealed already are sealed for this.
        let receivers = r#"["header","https://scim.example.com",null]"#;
        assert_eq!(settings.receivers(), receivers);
        let mut unknown = json;
        unknown["colour"] = "red".into();
        assert!(serde_json::from_value::<TargetSettings>(unknown).is_err());
    }

    #[test]
    fn filters_and_rules_are_checked_when_they_are_set() {
        let mut settings = of("https://scim.example.com", false);
        settings.users = Some("userNam eq \"x\"".to_owned());
        assert!(
            settings
                .check(&scim::Registry::builtin())
                .unwrap_err()
                .contains("userNam")
        );
        for (users, teams, named) in [
            ("groups.value eq \"7\"", "", "groups"),
            ("userName pr and not (id eq \"7\")", "", "id"),
            ("meta.created gt \"2026-01-01T00:00:00Z\"", "", "meta"),
            ("", "members pr", "members"),
        ] {
            settings.users = Some(users.to_owned()).filter(|text| !text.is_empty());
            settings.only_teams = Some(teams.to_owned()).filter(|text| !text.is_empty());
            let wrong = settings.check(&scim::Registry::builtin()).unwrap_err();
            assert!(wrong.contains(&format!("\"{named}\" is none")), "{wrong}");
        }
    }
}
