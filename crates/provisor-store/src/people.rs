//! People of the console: roles, sessions, one-time links, and the changes of them.

use std::{fmt, str::FromStr};

use sha2::{Digest, Sha256};

use crate::{
    HashedToken,
    id::{ConnectionId, LinkId, PersonId, SessionId, TenantId},
};

/// What a person may do; the console's table says it in detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Everything, people too.
    Owner,
    /// Everything but people.
    Operator,
    /// Finds out why, with personal values masked; no tokens.
    Support,
    /// Sees, and changes nothing.
    Auditor,
}

impl Role {
    /// Every role; the position is stored.
    pub const ALL: &[Role] = &[Role::Owner, Role::Operator, Role::Support, Role::Auditor];

    /// Name in console and CLI.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Owner => "owner",
            Role::Operator => "operator",
            Role::Support => "support",
            Role::Auditor => "auditor",
        }
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut all = Role::ALL.iter().copied();
        all.find(|role| role.as_str() == text).ok_or_else(|| {
            format!("\"{text}\" is no role; use owner, operator, support or auditor")
        })
    }
}

/// Somebody who may sign in to the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Number.
    pub id: PersonId,
    /// What they sign in with; unique.
    pub email: String,
    /// Shown to others; may be empty.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Where; `None`: in all tenants, those to come too.
    pub tenants: Option<Vec<TenantId>>,
    /// False until they have used their invitation.
    pub has_password: bool,
    /// Milliseconds since 1970.
    pub created: i64,
}

impl Person {
    /// True if the person may know of this tenant; of the operators' things, only who has all tenants.
    pub fn covers(&self, tenant: TenantId) -> bool {
        self.tenants
            .as_ref()
            .is_none_or(|named| named.contains(&tenant))
    }

    /// True if there is a way in for them: a password, an open session, or a link that is still good.
    fn can_get_in(&self, presences: &[Presence], links: &[Link], now: i64) -> bool {
        let is_here = |presence: &Presence| presence.person == self.id && presence.sessions > 0;
        let leads_in = |link: &Link| {
            link.is_good(now)
                && matches!(link.purpose, Purpose::SignIn(id) | Purpose::Invite(id) if id == self.id)
        };
        self.has_password || presences.iter().any(is_here) || links.iter().any(leads_in)
    }

    /// True if nobody could let others in without this person: no other owner, or none who can
    /// get in, while this one can.
    pub fn is_only_owner(
        &self,
        people: &[Person],
        presences: &[Presence],
        links: &[Link],
        now: i64,
    ) -> bool {
        let mut others = people
            .iter()
            .filter(|other| other.role == Role::Owner && other.id != self.id)
            .peekable();
        let is_alone = others.peek().is_none();
        let can_get_in = |person: &Person| person.can_get_in(presences, links, now);
        self.role == Role::Owner && (is_alone || can_get_in(self) && !others.any(can_get_in))
    }
}

/// An argon2id hash as a PHC string. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(pub String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// What a cookie or a one-time link proves itself by: 256 random bits. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    const LENGTH: usize = 43;

    /// A new one from the operating system's randomness.
    pub fn generate() -> Self {
        Self(crate::token::random_text())
    }

    /// Reads what a client presented; `None` if it has not the form.
    pub fn parse(text: &str) -> Option<Self> {
        let good = text.len() == Self::LENGTH && text.bytes().all(|b| b.is_ascii_alphanumeric());
        good.then(|| Self(text.to_owned()))
    }

    /// The text, to hand it to its holder.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is kept of it. The secret has 256 bits, so a slow hash would add nothing.
    pub fn hash(&self) -> HashedToken {
        HashedToken(Sha256::digest(self.0.as_bytes()).into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Whose browser it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// One of ours.
    Person(Person),
    /// A customer's administrator with a setup link: one connection and nothing else.
    Setup {
        /// The tenant.
        tenant: TenantId,
        /// The connection.
        connection: ConnectionId,
        /// The link.
        link: LinkId,
    },
}

/// A signed-in browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Number.
    pub id: SessionId,
    /// Who.
    pub holder: Holder,
    /// Milliseconds since 1970.
    pub created: i64,
    /// Kept at most once a minute.
    pub last_seen: i64,
    /// Milliseconds without a request after which it ends.
    pub idle: i64,
    /// When it ends in any case.
    pub expires: i64,
    /// Network address.
    pub address: String,
    /// `User-Agent`, cut.
    pub client: String,
    /// When it was ended, if it was.
    pub revoked: Option<i64>,
    /// Settings' revision this was read at; the writer checks it again.
    pub revision: i64,
}

impl Session {
    /// True if it may still be used.
    pub fn is_open(&self, now: i64) -> bool {
        self.revoked.is_none()
            && now < self.expires
            && now < self.last_seen.saturating_add(self.idle)
    }

    /// The person, unless it is a customer's.
    pub fn person(&self) -> Option<&Person> {
        match &self.holder {
            Holder::Person(person) => Some(person),
            Holder::Setup { .. } => None,
        }
    }

    /// How audit and events name whoever holds it.
    pub fn actor(&self) -> String {
        match &self.holder {
            Holder::Person(person) => format!("person:{}", person.email),
            Holder::Setup { link, .. } => format!("setup:link_{link}"),
        }
    }
}

/// What a one-time link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Signs this person in.
    SignIn(PersonId),
    /// Signs this person in, who sets a password on the way.
    Invite(PersonId),
    /// Lets a customer's administrator see and set up this connection.
    Setup(TenantId, ConnectionId),
}

/// A one-time link; its secret is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Number.
    pub id: LinkId,
    /// What for.
    pub purpose: Purpose,
    /// Milliseconds since 1970.
    pub created: i64,
    /// Who made it.
    pub created_by: String,
    /// When it ends unused.
    pub expires: i64,
    /// When it was used.
    pub used: Option<i64>,
    /// When it was taken back.
    pub revoked: Option<i64>,
}

impl Link {
    /// True if it can still be used.
    pub fn is_good(&self, now: i64) -> bool {
        self.used.is_none() && self.revoked.is_none() && now < self.expires
    }
}

/// When somebody was here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presence {
    /// Who.
    pub person: PersonId,
    /// The last use of any of their sessions that is still known, in milliseconds since 1970.
    pub last_seen: i64,
    /// Sessions that are open now.
    pub sessions: u64,
}

/// Where a new session is, and how long it lasts.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Network address.
    pub address: String,
    /// `User-Agent`, cut.
    pub client: String,
    /// Milliseconds without a request after which it ends.
    pub idle: i64,
    /// Milliseconds after which it ends in any case.
    pub lifetime: i64,
}

/// A change of people, sessions or links.
#[derive(Debug, Clone)]
pub enum PeopleChange {
    /// Somebody new.
    Add {
        /// What they sign in with.
        email: String,
        /// Shown to others.
        name: String,
        /// What they may do.
        role: Role,
        /// Where; `None`: everywhere.
        tenants: Option<Vec<TenantId>>,
    },
    /// Changes a person; `None` leaves as it is. Takes effect in open sessions at once.
    Set {
        /// Whom.
        id: PersonId,
        /// Shown to others.
        name: Option<String>,
        /// What they may do.
        role: Option<Role>,
        /// Where; `Some(None)`: everywhere.
        tenants: Option<Option<Vec<TenantId>>>,
    },
    /// Removes a person and ends all sessions and links.
    Remove {
        /// Whom.
        id: PersonId,
    },
    /// A person's new password; ends their other sessions and takes their open links back.
    SetPassword {
        /// Whose.
        id: PersonId,
        /// The hash.
        hash: PasswordHash,
        /// The session that stays.
        keep: Option<SessionId>,
    },
    /// A new one-time link. A new invitation takes the person's older ones back.
    CreateLink {
        /// What for.
        purpose: Purpose,
        /// When it ends unused (milliseconds since 1970).
        expires: i64,
    },
    /// Takes a link back, and ends the sessions that came from it.
    RevokeLink {
        /// Which.
        id: LinkId,
    },
    /// Uses a link up and opens a session. An invitation is good only until there is a password.
    UseLink {
        /// Its secret.
        secret: Secret,
        /// An invited person's password.
        password: Option<PasswordHash>,
        /// The browser.
        session: NewSession,
    },
    /// Opens a session for a person whose password was found right.
    SignIn {
        /// Whom.
        id: PersonId,
        /// The password's hash as it was compared; refused if it is another by now.
        password: Option<PasswordHash>,
        /// The browser.
        session: NewSession,
    },
    /// Ends a session, effective with its next request.
    EndSession {
        /// Which.
        id: SessionId,
    },
    /// Notes when sessions were used: number, time, address.
    NoteUse(Vec<(SessionId, i64, String)>),
}
