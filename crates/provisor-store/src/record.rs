//! What the store keeps, as the rest of the program sees it.

use std::{fmt, str::FromStr, sync::Arc};

use scim::{Profile, Registry, ResourceType};

use crate::id::{ConnectionId, Id, TenantId, TokenId};

/// One customer organisation: an isolated directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Internal number; first column of every key.
    pub id: TenantId,
    /// The app's own id for the customer: `[A-Za-z0-9][A-Za-z0-9._-]{0,127}`.
    pub key: String,
    /// For URLs, derived from the key: `[a-z0-9-]{1,63}`.
    pub slug: String,
    /// Shown to people.
    pub name: String,
    /// Whether it accepts requests.
    pub state: TenantState,
    /// Milliseconds since 1970.
    pub created: i64,
    /// Made for a simulation: its people are made up, and no customer's.
    pub simulated: bool,
}

/// Whether a tenant accepts requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TenantState {
    /// Yes.
    Active,
    /// No: 403 with cause `tenant_suspended`; nothing is removed.
    Suspended,
    /// Being deleted in chunks; looks gone.
    Deleting,
}

impl TenantState {
    /// Name in API and CLI.
    pub fn as_str(self) -> &'static str {
        match self {
            TenantState::Active => "active",
            TenantState::Suspended => "suspended",
            TenantState::Deleting => "deleting",
        }
    }
}

/// What an identity provider looks users up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identifier {
    /// `userName`.
    UserName,
    /// The primary e-mail; unique in the tenant, and `userName eq` finds it too.
    Email,
    /// `externalId`; unique in the tenant.
    ExternalId,
}

impl Identifier {
    /// Name in API and CLI.
    pub fn as_str(self) -> &'static str {
        match self {
            Identifier::UserName => "userName",
            Identifier::Email => "email",
            Identifier::ExternalId => "externalId",
        }
    }
}

impl FromStr for Identifier {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [
            Identifier::UserName,
            Identifier::Email,
            Identifier::ExternalId,
        ]
        .into_iter()
        .find(|identifier| identifier.as_str() == text)
        .ok_or_else(|| {
            format!("\"{text}\" is no unique identifier; use userName, email or externalId")
        })
    }
}

/// One identity provider's link into a tenant.
#[derive(Debug, Clone, PartialEq)]
pub struct Connection {
    /// Number within the tenant.
    pub id: ConnectionId,
    /// Its tenant.
    pub tenant: TenantId,
    /// Unique within the tenant.
    pub name: String,
    /// The identity provider: `okta`, `entra` or another name (sets the default profile and the advice of `user why`).
    pub idp: String,
    /// Which tolerances.
    pub profile: Profile,
    /// What it looks users up by.
    pub identifier: Identifier,
    /// If not empty, userName and every e-mail must lie inside; lower case.
    pub domains: Vec<String>,
    /// POST of a known, inactive user with equal userName and externalId reactivates it.
    pub reactivation: bool,
    /// Team names must be unique in the tenant.
    pub unique_team_names: bool,
    /// Refuses everything with 503 until resumed.
    pub paused: bool,
    /// Days that the sync log keeps its requests; `None`: as many as the server does, the most.
    pub log_days: Option<u16>,
    /// Days that it keeps their bodies; `None`: as many as the server does, the most.
    pub log_body_days: Option<u16>,
    /// Milliseconds since 1970.
    pub created: i64,
}

/// One permission of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Scope {
    /// SCIM, reading and writing.
    Scim,
    /// SCIM, reading only.
    ScimRead,
    /// The tenant's events.
    EventsRead,
    /// The tenant's users, teams and members.
    DirectoryRead,
    /// The sync log.
    LogRead,
    /// Everything in the API: of one tenant, or of all for an operator's token.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: &[Scope] = &[
        Scope::Scim,
        Scope::ScimRead,
        Scope::EventsRead,
        Scope::DirectoryRead,
        Scope::LogRead,
        Scope::Admin,
    ];

    /// Name in API and CLI.
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Scim => "scim",
            Scope::ScimRead => "scim:read",
            Scope::EventsRead => "events:read",
            Scope::DirectoryRead => "directory:read",
            Scope::LogRead => "log:read",
            Scope::Admin => "admin",
        }
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Scope::ALL
            .iter()
            .copied()
            .find(|scope| scope.as_str() == text)
            .ok_or_else(|| {
                let known: Vec<_> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
                format!("\"{text}\" is no scope; use {}", known.join(", "))
            })
    }
}

/// A set of scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes(u8);

impl Scopes {
    /// True if the set has this scope.
    pub fn has(self, scope: Scope) -> bool {
        self.0 & 1 << scope as u8 != 0
    }

    /// As a number, to store it.
    pub fn bits(self) -> i64 {
        self.0.into()
    }

    /// From a stored number.
    pub fn from_bits(bits: i64) -> Self {
        Self((bits & 0x3f) as u8)
    }

    /// The members.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL
            .iter()
            .copied()
            .filter(move |scope| self.has(*scope))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(
            scopes
                .into_iter()
                .fold(0, |bits, scope| bits | 1 << scope as u8),
        )
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.iter().map(Scope::as_str).collect();
        f.write_str(&names.join(" "))
    }
}

/// A token as lists show it; the secret is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRecord {
    /// Number within the tenant.
    pub id: TokenId,
    /// Its tenant; [`TenantId::SYSTEM`] for an operator's.
    pub tenant: TenantId,
    /// The connection of a SCIM token.
    pub connection: Option<ConnectionId>,
    /// What it is for, in its maker's words.
    pub purpose: String,
    /// What it may do.
    pub scopes: Scopes,
    /// Prefix kind: SCIM or API.
    pub kind: crate::TokenKind,
    /// Last four characters.
    pub last4: String,
    /// Addresses (or networks, `10.0.0.0/8`) it may be used from; empty: anywhere.
    pub addresses: Vec<String>,
    /// Milliseconds since 1970.
    pub created: i64,
    /// Who made it.
    pub created_by: String,
    /// Milliseconds since 1970; `None`: never.
    pub expires: Option<i64>,
    /// Milliseconds since 1970, if it was revoked.
    pub revoked: Option<i64>,
    /// When, from where and by what client it was last used (kept at most once a minute).
    pub last_used: Option<LastUse>,
}

/// The last use of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastUse {
    /// Milliseconds since 1970.
    pub at: i64,
    /// Network address.
    pub address: String,
    /// `User-Agent`, cut.
    pub client: String,
}

/// Who is asking: everything a request may need to know about its token, from one read.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The tenant; an operator's token has none.
    pub tenant: Option<Arc<Tenant>>,
    /// The connection of a SCIM token.
    pub connection: Option<Arc<Connection>>,
    /// The token.
    pub token: TokenRecord,
    /// The tenant's schemas and resource types.
    pub registry: Arc<Registry>,
    /// Settings' revision this was read at; the writer checks it again.
    pub revision: i64,
}

impl Caller {
    /// The tenant's number; [`TenantId::SYSTEM`] for an operator.
    pub fn tenant_id(&self) -> TenantId {
        self.token.tenant
    }

    /// The connection's profile; `generic` for tokens without one.
    pub fn profile(&self) -> Profile {
        self.connection
            .as_ref()
            .map_or(Profile::GENERIC, |connection| connection.profile)
    }
}

/// A stored resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// Its id.
    pub id: Id,
    /// Its resource type.
    pub kind: Arc<ResourceType>,
    /// Counts its changes from 1; the ETag.
    pub version: i64,
    /// Milliseconds since 1970.
    pub created: i64,
    /// Milliseconds since 1970.
    pub modified: i64,
    /// The default projection without `id`, `meta`, `groups`, `members`: a JSON object in UTF-8.
    pub document: Vec<u8>,
    /// Attributes outside the default projection: a JSON object, if there are any.
    pub rest: Option<Vec<u8>>,
    /// The app's own id for the user, if it told us.
    pub app_id: Option<String>,
    /// A team it belonged to lost it: an answer without teams is not confirmed by the version alone.
    pub left_team: bool,
    /// Teams of a user, if asked for, direct ones first.
    pub teams: Option<Vec<TeamRef>>,
    /// Members of a team, if asked for.
    pub members: Option<Vec<MemberRef>>,
}

/// A team a resource belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamRef {
    /// The team.
    pub id: Id,
    /// Its displayName.
    pub display: String,
    /// False if only through another team.
    pub direct: bool,
}

/// A user or team in brief.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brief {
    /// Its displayName, else its userName.
    pub name: String,
    /// A team, not a user.
    pub is_team: bool,
    /// Deleted, and can still be restored.
    pub is_deleted: bool,
    /// How many direct members a team has.
    pub members: u64,
}

/// A member of a team.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRef {
    /// The member.
    pub id: Id,
    /// True for a team, false for a user.
    pub is_team: bool,
    /// Its displayName, else its userName.
    pub display: Box<str>,
    /// What the client called it when it added it, if it said so.
    pub called: Option<Box<str>>,
}

impl MemberRef {
    /// `members.display` of RFC 7643: what the client called the member, else the member's name.
    pub fn label(&self) -> &str {
        self.called.as_deref().unwrap_or(&self.display)
    }
}

/// Which tokens, over all tenants; the newest first.
#[derive(Debug, Clone, Default)]
pub struct TokenQuery {
    /// Only of these tenants; `None`: all, and the operators'.
    pub tenants: Option<Vec<TenantId>>,
    /// Only those neither used nor made since (milliseconds since 1970).
    pub unused_since: Option<i64>,
    /// Only those that never expire.
    pub without_expiry: bool,
    /// Only those that expire before this time and have not expired at the first.
    pub expiring: Option<(i64, i64)>,
    /// Revoked ones too.
    pub revoked: bool,
    /// Only what comes after this one: the next page.
    pub after: Option<(i64, TenantId, crate::TokenId)>,
    /// At most so many.
    pub limit: usize,
}

/// How much there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each counts what it is named after")]
pub struct Totals {
    pub tenants: u64,
    pub connections: u64,
    pub users: u64,
    pub teams: u64,
}
