//! Targets: where a tenant's users and teams are pushed to, what is known there, and the log of it.

use std::{collections::HashSet, fmt};

use async_trait::async_trait;
use scim::Value;

use crate::{StoreError, TargetId, TenantId};

/// A SCIM server that a tenant's users and teams are pushed to.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Number within the tenant.
    pub id: TargetId,
    /// Its tenant.
    pub tenant: TenantId,
    /// Unique within the tenant.
    pub name: String,
    /// What the pushing side reads: address, mapping, scope, …; no secret.
    pub settings: Value,
    /// Whether the server pushes by itself.
    pub active: bool,
    /// Credentials, encrypted; `None`: none are needed or none were given yet.
    pub credentials: Option<Sealed>,
    /// The last event whose resource is marked.
    pub cursor: i64,
    /// Not 0: every user and team has to be looked at, not only what changed. Each change of the settings raises it.
    pub whole: i64,
    /// When somebody asked for a run at once; 0: answered.
    pub asked: i64,
    /// When the target was last read and compared; 0: to be done.
    pub compared: i64,
    /// When the last run ended; 0: never.
    pub ran: i64,
    /// How the last run ended, in a sentence; empty: as it should.
    pub outcome: String,
    /// Milliseconds since 1970.
    pub created: i64,
}

impl Target {
    /// Whether its users are known by what files call them, which may be a name or an e-mail.
    pub fn is_fed_from_files(&self) -> bool {
        self.settings["source"] == "files"
    }
}

/// Bytes that only the holder of a key outside the database can read.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(pub Vec<u8>);

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(…)")
    }
}

/// What is pushed; the position is the stored number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The run as a whole; in the log alone.
    #[default]
    Run = 0,
    /// A user.
    User = 1,
    /// A team.
    Team = 2,
}

impl Kind {
    /// Name in CLI, log and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Run => "run",
            Kind::User => "user",
            Kind::Team => "team",
        }
    }

    pub(crate) fn from_number(number: i64) -> Kind {
        match number {
            1 => Kind::User,
            2 => Kind::Team,
            _ => Kind::Run,
        }
    }
}

/// A user or team of the source, and its double in the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetObject {
    /// User or team.
    pub kind: Kind,
    /// Its id in the source.
    pub local: String,
    /// Its id in the target; `None`: not there as far as known.
    pub remote: Option<String>,
    /// What the log calls it.
    pub label: String,
    /// Hash of what the target is known to hold; `None`: unknown. Without an id in the target: what a creation whose
    /// answer was not seen is found by.
    pub sent: Option<Vec<u8>>,
    /// Names of the attributes it was last sent with, with commas between; before one that the target did not keep
    /// stands a `!`.
    pub names: String,
    /// Counts the source's changes.
    pub mark: i64,
    /// When it is to be looked at; `None`: nothing to do.
    pub due: Option<i64>,
    /// Failed attempts since the source last changed it.
    pub attempts: u32,
    /// Why the last attempt failed, or what it waits for.
    pub error: Option<String>,
}

impl TargetObject {
    /// One of which nothing is known yet.
    #[must_use]
    pub fn unknown(kind: Kind, local: impl Into<String>) -> Self {
        Self {
            kind,
            local: local.into(),
            remote: None,
            label: String::new(),
            sent: None,
            names: String::new(),
            mark: 0,
            due: None,
            attempts: 0,
            error: None,
        }
    }

    /// Not in the target yet, and not given to be absent from it.
    pub fn is_to_come(&self) -> bool {
        self.remote.is_none() && (self.due.is_some() || self.error.is_some())
    }

    /// Its state in one word.
    pub fn state(&self) -> &'static str {
        match (self.due, &self.error, &self.remote) {
            (None, Some(_), _) => "failed",
            (Some(_), Some(_), _) if self.attempts == 0 => "waiting",
            (Some(_), Some(_), _) => "retrying",
            (Some(_), None, _) => "pending",
            (None, None, Some(_)) => "in step",
            (None, None, None) => "not there",
        }
    }
}

/// A change of what is known of a team's members in the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KnownMembers {
    /// Exactly these.
    Are(Vec<String>),
    /// These too.
    Added(Vec<String>),
    /// No longer these.
    Removed(Vec<String>),
}

/// What became of one user or team in a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// As it is known from now on. Its `mark` is the one it was read with: if the source changed
    /// meanwhile, it stays due.
    pub object: TargetObject,
    /// It is neither in the source nor in the target any more: the row goes.
    pub gone: bool,
    /// What is known of its members.
    pub members: Vec<KnownMembers>,
    /// What the log shall say.
    pub entries: Vec<NewEntry>,
}

impl Report {
    /// Nothing was done yet.
    #[must_use]
    pub fn of(object: TargetObject) -> Self {
        Self {
            object,
            gone: false,
            members: Vec::new(),
            entries: Vec::new(),
        }
    }

    /// Something was done, with this status for an answer.
    pub fn tell(&mut self, action: &'static str, status: Option<u16>, detail: Value) {
        self.entries.push(NewEntry {
            action,
            ok: true,
            status,
            detail,
        });
    }
}

/// A line of a target's log before it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEntry {
    /// `create`, `link`, `update`, `deactivate`, `delete`, `add_members`, …
    pub action: &'static str,
    /// Whether it was done.
    pub ok: bool,
    /// Status of the answer.
    pub status: Option<u16>,
    /// Attributes by name, never values; the target's words; the reason.
    pub detail: Value,
}

/// A line of a target's log.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetEntry {
    /// Its place, from 1.
    pub n: i64,
    /// Milliseconds since 1970.
    pub at: i64,
    /// What it tells of.
    pub kind: Kind,
    /// Its id in the source.
    pub local: String,
    /// What it was called.
    pub label: String,
    /// `create`, `link`, `update`, …
    pub action: String,
    /// Whether it was done.
    pub ok: bool,
    /// Status of the answer.
    pub status: Option<u16>,
    /// Attributes by name, the target's words, the reason.
    pub detail: Value,
}

/// Which lines of a target's log, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntryQuery {
    /// Of one user or team alone.
    pub object: Option<(Kind, String)>,
    /// What was not done alone.
    pub failed: bool,
    /// Older than this place.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: usize,
}

/// How much a target has to do, by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TargetCounts {
    /// Linked to something in the target: users, teams.
    pub linked: [u64; 2],
    /// To be looked at.
    pub due: [u64; 2],
    /// With an error: retried, waiting or given up.
    pub troubled: [u64; 2],
}

/// Changes of targets.
#[derive(Debug, Clone, PartialEq)]
pub enum TargetChange {
    /// A new one, paused.
    Create {
        /// Unique in the tenant.
        name: String,
        /// Its settings.
        settings: Value,
    },
    /// Changes one; `None` leaves as it is. Other settings mean that everything is looked at again.
    Set {
        /// Which.
        id: TargetId,
        /// Its name.
        name: Option<String>,
        /// Its settings.
        settings: Option<Value>,
        /// Push by itself or pause.
        active: Option<bool>,
        /// Its credentials; the inner `None` forgets them.
        credentials: Option<Option<Sealed>>,
    },
    /// Removes up to so many rows of one; the first call hides it. Repeat until the outcome says it is gone.
    Remove {
        /// Which.
        id: TargetId,
        /// Rows per call.
        chunk: usize,
    },
    /// Asks for a run at once.
    Ask {
        /// Which.
        id: TargetId,
        /// Read the target whole and compare, too.
        compare: bool,
    },
    /// Marks users and teams to be looked at.
    Mark {
        /// Which target.
        id: TargetId,
        /// Which of them.
        objects: Vec<(Kind, String)>,
        /// The last event that these marks cover.
        cursor: Option<i64>,
        /// Everything was looked at on behalf of this [`Target::whole`].
        whole: Option<i64>,
        /// What the target holds of them is not known any more: it differs from what was sent.
        differ: bool,
    },
    /// Notes what became of users and teams.
    Report {
        /// Which target.
        id: TargetId,
        /// In order.
        reports: Vec<Report>,
    },
    /// A run ended.
    Ran {
        /// Which target.
        id: TargetId,
        /// It answers whoever asked up to then; `None`: it goes on, as asked for and as due as it was.
        began: Option<i64>,
        /// It compared the target whole.
        compared: bool,
        /// How it ended; empty: as it should.
        outcome: String,
        /// The log's line about it; `None` for a run that had nothing to do.
        entry: Option<NewEntry>,
    },
    /// Removes lines of all logs that are older than this.
    ExpireLog {
        /// Milliseconds since 1970.
        before: i64,
        /// Rows per call.
        chunk: usize,
    },
}

impl TargetChange {
    /// Which target; `None` for a new one and for all.
    pub(crate) fn id(&self) -> Option<TargetId> {
        match self {
            TargetChange::Create { .. } | TargetChange::ExpireLog { .. } => None,
            TargetChange::Set { id, .. }
            | TargetChange::Remove { id, .. }
            | TargetChange::Ask { id, .. }
            | TargetChange::Mark { id, .. }
            | TargetChange::Report { id, .. }
            | TargetChange::Ran { id, .. } => Some(*id),
        }
    }
}

/// A place in the list of what is due: its time, and its id in the source.
pub type DuePlace = (i64, String);

/// What a snapshot knows of targets.
#[async_trait]
pub trait TargetView: Send {
    /// A tenant's targets by name; of all tenants without one.
    async fn targets(&mut self, tenant: Option<TenantId>) -> Result<Vec<Target>, StoreError>;

    /// What is due until a time, in order, after a place.
    async fn target_due(
        &mut self,
        target: (TenantId, TargetId),
        kind: Kind,
        until: i64,
        after: Option<&DuePlace>,
        limit: usize,
    ) -> Result<Vec<TargetObject>, StoreError>;

    /// When something is next due; `None`: nothing is.
    async fn target_next_due(
        &mut self,
        target: (TenantId, TargetId),
    ) -> Result<Option<i64>, StoreError>;

    /// Users or teams in order of their ids in the source, after one; or only those with an error.
    async fn target_objects(
        &mut self,
        target: (TenantId, TargetId),
        kind: Kind,
        troubled: bool,
        after: &str,
        limit: usize,
    ) -> Result<Vec<TargetObject>, StoreError>;

    /// Those with these ids in the source, in their order.
    async fn target_by_local(
        &mut self,
        target: (TenantId, TargetId),
        kind: Kind,
        locals: &[String],
    ) -> Result<Vec<Option<TargetObject>>, StoreError>;

    /// Those with these ids in the target, in their order.
    async fn target_by_remote(
        &mut self,
        target: (TenantId, TargetId),
        kind: Kind,
        remotes: &[String],
    ) -> Result<Vec<Option<TargetObject>>, StoreError>;

    /// Ids in the target of the members a team is known to have there.
    async fn target_members(
        &mut self,
        target: (TenantId, TargetId),
        team: &str,
    ) -> Result<HashSet<String>, StoreError>;

    /// Lines of the log, newest first.
    async fn target_log(
        &mut self,
        target: (TenantId, TargetId),
        query: &EntryQuery,
    ) -> Result<Vec<TargetEntry>, StoreError>;

    /// How many users were deactivated or deleted since a time, and since the last run that was let pass.
    async fn target_removals(
        &mut self,
        target: (TenantId, TargetId),
        since: i64,
    ) -> Result<u64, StoreError>;

    /// How much there is and how much is to do.
    async fn target_counts(
        &mut self,
        target: (TenantId, TargetId),
    ) -> Result<TargetCounts, StoreError>;
}
