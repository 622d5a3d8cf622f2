//! Changes: everything that can be done to the store, through its one door.

use std::sync::Arc;

use scim::{Fired, ResourceType, Value, patch::Patch, resource::Incoming};

use crate::{
    Caller, Identifier, Link, PeopleChange, Person, PlainToken, Refusal, Scopes, Secret, Session,
    Stored, Target, TargetChange,
    id::{ConnectionId, Id, RequestId, TenantId, TokenId},
    record::{Connection, LastUse, Tenant, TokenRecord},
};

/// Rows that one transaction of a long removal takes: others' writes come between.
pub const CHUNK: usize = 500;

/// Who asks for a change; written into its event.
#[derive(Debug, Clone)]
pub struct Origin {
    /// Whose directory changes.
    pub tenant: TenantId,
    /// The request.
    pub request: RequestId,
    /// Who.
    pub actor: Actor,
    /// Where from, if known; the audit keeps it.
    pub address: Option<std::net::IpAddr>,
}

/// Who asks for a change.
#[derive(Debug, Clone)]
pub enum Actor {
    /// A token over HTTP. Checked again inside the transaction if settings changed meanwhile.
    Token(Arc<Caller>),
    /// A signed-in browser. Checked again inside the transaction if settings changed meanwhile.
    Session(Arc<Session>),
    /// A person at the command line, by login name.
    CommandLine(String),
    /// The program itself: demo data, retention.
    System,
}

impl Actor {
    /// How audit, events and tokens name it.
    pub fn name(&self) -> String {
        match self {
            Actor::Token(caller) => format!("token:tok_{}", caller.token.id),
            Actor::Session(session) => session.actor(),
            Actor::CommandLine(person) => format!("cli:{person}"),
            Actor::System => "system".to_owned(),
        }
    }
}

/// What a write demands of the version there is (RFC 7644 section 3.14, RFC 9110 section 13).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// `If-Match: *`: the resource exists, which every such write demands anyway.
    Exists,
    /// `If-Match` with these versions.
    OneOf(Vec<i64>),
    /// `If-None-Match: *`: never true for an existing resource.
    Absent,
}

/// A change. What it touches is loaded, decided and written in one transaction.
#[derive(Debug, Clone)]
pub enum Change {
    /// POST of a resource.
    Create {
        /// Its type.
        kind: Arc<ResourceType>,
        /// As read.
        incoming: Incoming,
        /// Half of a circle of references, which may have to be taken back: it brings nobody back.
        half: bool,
    },
    /// PUT of a resource.
    Replace {
        /// Its type.
        kind: Arc<ResourceType>,
        /// Which.
        id: Id,
        /// As read.
        incoming: Incoming,
        /// Version demanded.
        precondition: Option<Precondition>,
    },
    /// PATCH of a resource.
    Patch {
        /// Its type.
        kind: Arc<ResourceType>,
        /// Which.
        id: Id,
        /// As read.
        patch: Patch,
        /// Version demanded.
        precondition: Option<Precondition>,
    },
    /// DELETE of a resource. It leaves a tombstone for 30 days.
    Delete {
        /// Its type.
        kind: Arc<ResourceType>,
        /// Which.
        id: Id,
        /// Version demanded.
        precondition: Option<Precondition>,
    },
    /// Several changes in one transaction, each with its own result (RFC 7644 section 3.7).
    Several {
        /// In order.
        changes: Vec<Change>,
        /// Stop after this many refusals.
        stop_after: Option<u64>,
    },
    /// Brings a deleted resource back, while its name is still free. Its memberships come back too.
    Restore {
        /// Which.
        id: Id,
    },
    /// Removes a user for good: resource, tombstone, and personal values in its past events; leaves a receipt.
    Erase {
        /// Which.
        id: Id,
    },
    /// Creates a user the app already has, or sets `app_id` of the one with this userName.
    Import {
        /// As read.
        incoming: Incoming,
        /// The app's own id.
        app_id: Option<String>,
    },
    /// Writes a resource of an export back under its id.
    Adopt {
        /// Its type.
        kind: Arc<ResourceType>,
        /// Its id.
        id: Id,
        /// As read.
        incoming: Incoming,
        /// The app's own id.
        app_id: Option<String>,
    },
    /// A new tenant.
    CreateTenant {
        /// Key.
        key: String,
        /// Name shown; the key if empty.
        name: String,
    },
    /// Changes a tenant; `None` leaves as it is.
    SetTenant {
        /// Name shown.
        name: Option<String>,
        /// Suspend or resume.
        suspended: Option<bool>,
    },
    /// Removes up to this many rows of a tenant; the first call hides it. Repeat until the outcome says it is gone.
    DeleteTenant {
        /// Rows per call; [`CHUNK`] unless there is a reason.
        chunk: usize,
    },
    /// A new connection.
    CreateConnection(ConnectionSettings),
    /// Changes a connection; `None` fields stay as they are.
    SetConnection {
        /// Which.
        id: ConnectionId,
        /// What.
        settings: ConnectionSettings,
    },
    /// A new token.
    CreateToken(NewToken),
    /// Ends a token, effective with the next request.
    RevokeToken {
        /// Which.
        id: TokenId,
    },
    /// Notes when tokens were used.
    NoteTokenUse(Vec<(TenantId, TokenId, LastUse)>),
    /// Adds or replaces a custom schema or resource type document (RFC 7643 sections 7 and 6).
    PutSchema {
        /// The document.
        document: Value,
    },
    /// Removes a custom schema or resource type that nothing uses.
    RemoveSchema {
        /// Its URN, or the resource type's name.
        id: String,
    },
    /// People of the console, their sessions and one-time links.
    People(PeopleChange),
    /// Tells in the audit that somebody takes a file along: nothing else changes.
    NoteExport(NoteExport),
    /// Targets: settings, marks, what became of what was pushed.
    Target(TargetChange),
    /// A simulation begins or is stopped.
    Simulation(SimulationChange),
    /// Removes what is older than its retention, up to this many rows.
    Expire {
        /// Tombstones deleted before this time (milliseconds since 1970).
        tombstones_before: i64,
        /// Rows per call; [`CHUNK`] unless there is a reason.
        chunk: usize,
    },
}

impl Change {
    /// True for changes that are made by a person now and then, and may have to look at every
    /// resource first.
    pub(crate) fn is_of_settings(&self) -> bool {
        matches!(
            self,
            Change::CreateConnection(_)
                | Change::SetConnection { .. }
                | Change::PutSchema { .. }
                | Change::RemoveSchema { .. }
        )
    }
}

/// Settings of a connection; `None`: default for a new one, unchanged for an existing one.
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(missing_docs, reason = "the fields of Connection")]
pub struct ConnectionSettings {
    pub name: Option<String>,
    pub idp: Option<String>,
    pub profile: Option<String>,
    pub identifier: Option<Identifier>,
    pub domains: Option<Vec<String>>,
    pub reactivation: Option<bool>,
    pub unique_team_names: Option<bool>,
    pub paused: Option<bool>,
    /// 0: as the server does.
    pub log_days: Option<u16>,
    /// 0: as the server does.
    pub log_body_days: Option<u16>,
}

/// What is done with a simulation.
#[derive(Debug, Clone, PartialEq)]
pub enum SimulationChange {
    /// Makes the tenant that it plays in. No tenant becomes simulated later.
    Begin {
        /// Key.
        key: String,
        /// Name shown.
        name: String,
        /// What is to be played, for the audit.
        plan: Value,
    },
    /// Tells in the audit that somebody stopped it: nothing else changes.
    Stop,
}

/// An export, for the audit.
#[derive(Debug, Clone, PartialEq)]
pub struct NoteExport {
    /// Of what: `log`, `audit`.
    pub what: &'static str,
    /// Which rows, in which form.
    pub filter: Value,
    /// `None` at its beginning; at its end, how many rows it had, which is told also after the session
    /// was ended.
    pub rows: Option<u64>,
}

/// What a new token is.
#[derive(Debug, Clone, PartialEq)]
pub struct NewToken {
    /// For a SCIM token: its connection.
    pub connection: Option<ConnectionId>,
    /// What it is for, in its maker's words.
    pub purpose: String,
    /// What it may do.
    pub scopes: Scopes,
    /// SCIM or API.
    pub kind: crate::TokenKind,
    /// Milliseconds since 1970; `None`: never.
    pub expires: Option<i64>,
    /// Addresses or networks it may be used from; empty: anywhere.
    pub addresses: Vec<String>,
}

/// What became of a change.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// A resource as it is now.
    Resource(Written),
    /// A resource is gone.
    Deleted {
        /// Events written: first and last `seq`.
        events: Option<(i64, i64)>,
    },
    /// A tenant.
    Tenant(Tenant),
    /// A tenant's removal.
    TenantDeleted {
        /// True when nothing is left.
        done: bool,
    },
    /// A connection.
    Connection(Connection),
    /// A token, with its secret this once.
    Token(TokenRecord, PlainToken),
    /// A revoked token.
    Revoked(TokenRecord),
    /// A person.
    Person(Person),
    /// An opened session, with its secret this once.
    Session(Session, Secret),
    /// A one-time link, with its secret this once.
    Link(Link, Secret),
    /// A target.
    Target(Target),
    /// A target's removal.
    TargetRemoved {
        /// True when nothing is left.
        done: bool,
    },
    /// The results of [`Change::Several`], as far as they were carried out.
    Several(Vec<Result<Outcome, Refusal>>),
    /// Done, with the number of rows it touched.
    Done(usize),
}

/// A resource after a write.
#[derive(Debug, Clone)]
pub struct Written {
    /// As stored, with teams for a user; a team's members are not loaded.
    pub stored: Stored,
    /// False if it was so already: no version, no event, no write.
    pub changed: bool,
    /// True if the write made it (POST), also by reactivation.
    pub created: bool,
    /// Events written: first and last `seq`.
    pub events: Option<(i64, i64)>,
    /// Tolerances that fired inside the transaction.
    pub fired: Fired,
}
