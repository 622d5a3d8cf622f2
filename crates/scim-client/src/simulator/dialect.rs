//! How each identity provider tells a change: its messages in their order.

mod entra;
mod okta;
mod others;
mod plain;

use serde_json::Value;

pub(crate) use entra::Entra;
pub(crate) use okta::{Okta, grantable};
#[cfg(test)]
pub(crate) use others::PING;
pub(crate) use plain::Plain;

use super::{
    company::{Member, OwnIds},
    grant::Grants,
    look_up::LookUp,
    message::Kind,
    person::{Attribute, Person},
    report::Failure,
    wire::{Voice, Wire},
};
use crate::resources::segment;

/// What came of a message or of several.
pub(crate) type Sent<T> = Result<T, Box<Failure>>;

/// What some identity providers do not do.
pub(crate) const NO_TEAMS: &str = "teams: it pushes none";
pub(crate) const NO_PASSWORDS: &str = "passwords: it pushes none";
pub(crate) const NO_PUSH_NOW: &str = "\"push now\": it has no such button";
pub(crate) const NO_PURGE: &str = "deletion for good: it sends none";

/// An identity provider, in one of its ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// Okta, an organisation's own application: everything by PUT.
    Okta,
    /// Okta, an application of its catalogue: profiles by PUT, the rest by PATCH.
    OktaOin,
    /// Microsoft Entra ID as it comes.
    Entra,
    /// Microsoft Entra ID with the flag `aadOptscim062020`.
    EntraOptscim,
    /// OneLogin.
    OneLogin,
    /// JumpCloud.
    JumpCloud,
    /// Google Workspace; it pushes no teams.
    Google,
    /// PingOne.
    Ping,
    /// Keycloak with the plug-in of libre.sh.
    Keycloak,
    /// authentik.
    Authentik,
}

impl Provider {
    /// All of them.
    pub const ALL: [Provider; 10] = [
        Provider::Okta,
        Provider::OktaOin,
        Provider::Entra,
        Provider::EntraOptscim,
        Provider::OneLogin,
        Provider::JumpCloud,
        Provider::Google,
        Provider::Ping,
        Provider::Keycloak,
        Provider::Authentik,
    ];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Provider::Okta => "okta",
            Provider::OktaOin => "okta-oin",
            Provider::Entra => "entra",
            Provider::EntraOptscim => "entra-optscim",
            Provider::OneLogin => "onelogin",
            Provider::JumpCloud => "jumpcloud",
            Provider::Google => "google",
            Provider::Ping => "ping",
            Provider::Keycloak => "keycloak",
            Provider::Authentik => "authentik",
        }
    }

    /// Its name as people know it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Provider::Okta => "Okta, own application",
            Provider::OktaOin => "Okta, application of the catalogue",
            Provider::Entra => "Microsoft Entra ID",
            Provider::EntraOptscim => "Microsoft Entra ID with aadOptscim062020",
            Provider::OneLogin => "OneLogin",
            Provider::JumpCloud => "JumpCloud",
            Provider::Google => "Google Workspace",
            Provider::Ping => "PingOne",
            Provider::Keycloak => "Keycloak with the plug-in of libre.sh",
            Provider::Authentik => "authentik",
        }
    }

    /// Whose it is, in whichever of its ways: what a service provider names the connection after.
    #[must_use]
    pub fn family(self) -> &'static str {
        match self {
            Provider::Okta | Provider::OktaOin => "okta",
            Provider::Entra | Provider::EntraOptscim => "entra",
            other => other.name(),
        }
    }

    /// Whether it creates teams without looking for them first: after a lost answer only a 409 keeps it from making one
    /// twice.
    #[must_use]
    pub fn creates_teams_unseen(self) -> bool {
        matches!(self, Provider::Keycloak | Provider::Authentik)
    }

    /// The provider of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Provider> {
        Provider::ALL.into_iter().find(|one| one.name() == name)
    }

    /// Every kind of message it sends, in the order in which an administrator meets them.
    #[must_use]
    pub fn messages(self) -> Vec<&'static Kind> {
        self.dialect(LookUp::UserName, Grants::None).kinds()
    }

    /// What it does not do, so that a simulation leaves it out.
    #[must_use]
    pub fn left_out(self) -> Vec<&'static str> {
        let dialect = self.dialect(LookUp::UserName, Grants::None);
        let all = [
            (dialect.pushes_teams(), NO_TEAMS),
            (dialect.pushes_passwords(), NO_PASSWORDS),
            (dialect.pushes_anew(), NO_PUSH_NOW),
            (dialect.purges() || dialect.deletes(), NO_PURGE),
        ];
        all.into_iter()
            .filter(|(does, _)| !does)
            .map(|(_, says)| says)
            .collect()
    }

    /// What its administrator may choose people to be looked up by.
    #[must_use]
    pub fn identifiers(self) -> &'static [LookUp] {
        match self {
            Provider::Okta | Provider::OktaOin => &[
                LookUp::UserName,
                LookUp::Email,
                LookUp::EmailEq,
                LookUp::EmailsEq,
            ],
            Provider::Entra | Provider::EntraOptscim => {
                &[LookUp::UserName, LookUp::Email, LookUp::ExternalId]
            }
            _ => &[LookUp::UserName],
        }
    }

    /// What it can give people besides teams.
    #[must_use]
    pub fn grants(self) -> &'static [Grants] {
        match self {
            Provider::Okta | Provider::OktaOin => &[Grants::None, Grants::Entitlements],
            Provider::Entra | Provider::EntraOptscim => &[
                Grants::None,
                Grants::SingleAppRole,
                Grants::AppRoles,
                Grants::AssertiveAppRoles,
            ],
            _ => &[Grants::None],
        }
    }

    pub(crate) fn dialect(self, identifier: LookUp, grants: Grants) -> Dialect {
        let okta = |patches| {
            Dialect::Okta(Okta {
                patches,
                identifier,
                entitled: grants == Grants::Entitlements,
                mapping: okta::MAPPING,
            })
        };
        let entra = |flag| {
            Dialect::Entra(Entra {
                flag,
                gallery: false,
                matching: match identifier {
                    LookUp::UserName => Attribute::UserName,
                    LookUp::ExternalId => Attribute::ExternalId,
                    _ => Attribute::WorkEmail,
                },
                grants,
                teams_by_external_id: false,
                mapping: entra::MAPPING,
            })
        };
        match self {
            Provider::Okta => okta(false),
            Provider::OktaOin => okta(true),
            Provider::Entra => entra(false),
            Provider::EntraOptscim => entra(true),
            Provider::OneLogin => Dialect::Plain(&others::ONELOGIN),
            Provider::JumpCloud => Dialect::Plain(&others::JUMPCLOUD),
            Provider::Google => Dialect::Plain(&others::GOOGLE),
            Provider::Ping => Dialect::Plain(&others::PING),
            Provider::Keycloak => Dialect::Plain(&others::KEYCLOAK),
            Provider::Authentik => Dialect::Plain(&others::AUTHENTIK),
        }
    }
}

/// A resource type whose resources people can be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grantable {
    pub(crate) name: String,
    pub(crate) endpoint: String,
    pub(crate) schema: String,
    /// Whether they are roles; entitlements otherwise.
    pub(crate) is_role: bool,
}

/// Somebody who is at the service provider now.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) id: String,
    /// Whether the person was found there.
    pub(crate) matched: bool,
}

/// A team as messages need it.
#[derive(Debug, Default)]
pub(crate) struct TeamCall {
    pub(crate) name: String,
    pub(crate) own_id: String,
    /// All members that the service provider knows.
    pub(crate) members: Vec<Member>,
}

/// The messages of an identity provider.
#[derive(Debug)]
pub(crate) enum Dialect {
    Okta(Okta),
    Entra(Entra),
    Plain(&'static Plain),
}

impl Dialect {
    pub(crate) fn voice(&self) -> Voice {
        match self {
            Dialect::Okta(_) => okta::VOICE,
            Dialect::Entra(_) => entra::VOICE,
            Dialect::Plain(plain) => plain.voice,
        }
    }

    pub(crate) fn mapping(&self) -> &'static [Attribute] {
        match self {
            Dialect::Okta(okta) => okta.mapping,
            Dialect::Entra(entra) => entra.mapping,
            Dialect::Plain(plain) => plain.mapping,
        }
    }

    pub(crate) fn own_ids(&self) -> OwnIds {
        match self {
            Dialect::Okta(_) => OwnIds::Okta,
            _ => OwnIds::Guid,
        }
    }

    pub(crate) fn kinds(&self) -> Vec<&'static Kind> {
        match self {
            Dialect::Okta(okta) => okta.kinds(),
            Dialect::Entra(entra) => entra.kinds(),
            Dialect::Plain(plain) => plain.kinds(),
        }
    }

    pub(crate) fn pushes_teams(&self) -> bool {
        !matches!(self, Dialect::Plain(plain) if plain.teams.is_none())
    }

    pub(crate) fn pushes_passwords(&self) -> bool {
        matches!(self, Dialect::Okta(_))
    }

    pub(crate) fn pushes_anew(&self) -> bool {
        matches!(self, Dialect::Okta(_))
    }

    /// Whether unassigning somebody deletes the user.
    pub(crate) fn deletes(&self) -> bool {
        matches!(self, Dialect::Plain(plain) if plain.leaves_by_delete())
    }

    /// Whether those who were deactivated may be deleted later.
    pub(crate) fn purges(&self) -> bool {
        match self {
            Dialect::Okta(_) => false,
            Dialect::Entra(_) => true,
            Dialect::Plain(plain) => plain.delete.is_some() && !plain.leaves_by_delete(),
        }
    }

    /// Whether teams, members and managers wait until all people of a cycle are there.
    pub(crate) fn sends_references_last(&self) -> bool {
        matches!(self, Dialect::Entra(_))
    }

    /// Whether somebody whose account is new to the identity provider is found under an old one's name.
    pub(crate) fn finds_namesakes(&self) -> bool {
        let by_own_id =
            matches!(self, Dialect::Entra(entra) if entra.matching == Attribute::ExternalId);
        self.voice().finds_again && !by_own_id
    }

    pub(crate) async fn test(&self, wire: &Wire<'_>) -> Sent<()> {
        match self {
            Dialect::Okta(okta) => okta.test(wire).await,
            Dialect::Entra(entra) => entra.test(wire).await,
            Dialect::Plain(plain) => plain.test(wire).await,
        }
    }

    /// Reads what is there, if the provider does; gives the users it can link.
    pub(crate) async fn import(&self, wire: &Wire<'_>) -> Sent<Vec<Value>> {
        match self {
            Dialect::Okta(okta) => okta.import(wire).await.map(|()| Vec::new()),
            Dialect::Entra(_) => Ok(Vec::new()),
            Dialect::Plain(plain) => plain.import(wire).await,
        }
    }

    /// Reads which kinds of roles and entitlements there are, if the provider gives any.
    pub(crate) async fn discover(&self, wire: &Wire<'_>) -> Sent<Vec<Grantable>> {
        match self {
            Dialect::Okta(okta) if okta.entitled => okta::discover(wire).await,
            _ => Ok(Vec::new()),
        }
    }

    /// Tells that a person is assigned; `known` is the id that an import found.
    pub(crate) async fn join(
        &self,
        wire: &Wire<'_>,
        person: &Person,
        known: Option<&str>,
    ) -> Sent<Joined> {
        match self {
            Dialect::Okta(okta) => okta.join(wire, person).await,
            Dialect::Entra(entra) => entra.join(wire, person).await,
            Dialect::Plain(plain) => plain.join(wire, person, known).await,
        }
    }

    /// Creates a person without a look-up.
    pub(crate) async fn create(&self, wire: &Wire<'_>, person: &Person) -> Sent<String> {
        match self {
            Dialect::Okta(okta) => okta.create(wire, person).await,
            Dialect::Entra(entra) => entra.create(wire, person).await,
            Dialect::Plain(plain) => plain.create(wire, person).await,
        }
    }

    pub(crate) async fn update(
        &self,
        wire: &Wire<'_>,
        id: &str,
        before: &Person,
        person: &Person,
    ) -> Sent<()> {
        match self {
            Dialect::Okta(okta) => okta.update(wire, id, person).await,
            Dialect::Entra(entra) => entra.update(wire, id, before, person).await,
            Dialect::Plain(plain) => plain.update(wire, id, before, person).await,
        }
    }

    pub(crate) async fn leave(&self, wire: &Wire<'_>, id: &str, person: &Person) -> Sent<()> {
        match self {
            Dialect::Okta(okta) => okta.leave(wire, id, person).await,
            Dialect::Entra(entra) => entra.activate(wire, id, false).await,
            Dialect::Plain(plain) => plain.leave(wire, id, person).await,
        }
    }

    /// Tells that somebody with the same account is assigned again; gives the id under which.
    pub(crate) async fn come_back(
        &self,
        wire: &Wire<'_>,
        id: &str,
        person: &Person,
    ) -> Sent<String> {
        match self {
            Dialect::Okta(okta) => okta.join(wire, person).await.map(|joined| joined.id),
            Dialect::Entra(entra) => entra.activate(wire, id, true).await.map(|()| id.to_owned()),
            Dialect::Plain(plain) => plain
                .come_back(wire, id, person)
                .await
                .map(|()| id.to_owned()),
        }
    }

    pub(crate) async fn purge(&self, wire: &Wire<'_>, id: &str) -> Sent<()> {
        match self {
            Dialect::Okta(_) => Ok(()),
            Dialect::Entra(entra) => entra.purge(wire, id).await,
            Dialect::Plain(plain) => plain.purge(wire, id).await,
        }
    }

    pub(crate) async fn password(&self, wire: &Wire<'_>, id: &str, person: &Person) -> Sent<()> {
        match self {
            Dialect::Okta(okta) => okta.password(wire, id, person).await,
            _ => Ok(()),
        }
    }

    pub(crate) async fn manager(
        &self,
        wire: &Wire<'_>,
        id: &str,
        before: Option<&str>,
        manager: Option<&str>,
    ) -> Sent<()> {
        match self {
            Dialect::Entra(entra) => entra.manager(wire, id, before, manager).await,
            _ => Ok(()),
        }
    }

    pub(crate) async fn push(&self, wire: &Wire<'_>, team: &TeamCall) -> Sent<String> {
        match self {
            Dialect::Okta(okta) => okta.push(wire, team).await,
            Dialect::Entra(entra) => entra.push(wire, team).await,
            Dialect::Plain(plain) => plain.push(wire, team).await,
        }
    }

    /// Adds and removes members; `known` unless the team was pushed in the same cycle.
    pub(crate) async fn members(
        &self,
        wire: &Wire<'_>,
        id: &str,
        team: &TeamCall,
        change: (&[Member], &[Member]),
        known: bool,
    ) -> Sent<()> {
        let (add, remove) = change;
        match self {
            Dialect::Okta(okta) => okta.members(wire, id, team, add, remove).await,
            Dialect::Entra(entra) => entra.members(wire, id, add, remove, known).await,
            Dialect::Plain(plain) => plain.members(wire, id, team, add, remove).await,
        }
    }

    pub(crate) async fn rename(&self, wire: &Wire<'_>, id: &str, team: &TeamCall) -> Sent<()> {
        match self {
            Dialect::Okta(okta) => okta.rename(wire, id, team).await,
            Dialect::Entra(entra) => entra.rename(wire, id, team).await,
            Dialect::Plain(plain) => plain.rename(wire, id, team).await,
        }
    }

    pub(crate) async fn push_now(&self, wire: &Wire<'_>, id: &str, team: &TeamCall) -> Sent<()> {
        match self {
            Dialect::Okta(okta) => okta.push_now(wire, id, team).await,
            _ => Ok(()),
        }
    }

    pub(crate) async fn delete_team(&self, wire: &Wire<'_>, id: &str) -> Sent<()> {
        match self {
            Dialect::Okta(okta) => okta.delete_team(wire, id).await,
            Dialect::Entra(entra) => entra.delete_team(wire, id).await,
            Dialect::Plain(plain) => plain.delete_team(wire, id).await,
        }
    }
}

fn user(id: &str) -> String {
    format!("/Users/{}", segment(id))
}

fn group(id: &str) -> String {
    format!("/Groups/{}", segment(id))
}

/// The one resource of a list; two would mean that linking is a guess.
fn single<'l>(kind: &'static Kind, list: &'l Value) -> Sent<Option<&'l Value>> {
    match list["Resources"].as_array().map(Vec::as_slice) {
        None | Some([]) => Ok(None),
        Some([one]) => Ok(Some(one)),
        Some(several) => Err(Box::new(Failure {
            what: String::new(),
            kind,
            request: kind.sends.to_owned(),
            body: None,
            status: Some(200),
            scim_type: None,
            detail: format!("{} were found where one must be", several.len()),
            request_id: None,
        })),
    }
}
