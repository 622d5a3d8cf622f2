//! The memory of Provisor: what it keeps, the one door for changes, and its contract.
//!
//! [`Store`] is the trait with the written contract; [`sqlite`] keeps it in one file;
//! `tests/backends` has the contract as a test suite that every backend runs. [`log`] is the sync log, in a file of
//! its own, so that it can never delay or fill the directory. This is the only crate with SQL.

pub mod audit;
pub mod cause;
pub mod change;
pub mod clock;
pub mod error;
pub mod event;
pub mod id;
pub mod log;
pub mod people;
pub mod private;
pub mod record;
pub mod search;
pub mod sqlite;
pub mod target;
pub mod token;

mod journal;
mod migration;
mod store;

pub use audit::{AuditEntry, AuditQuery};
pub use cause::Cause;
pub use change::{Actor, Change, Origin, Outcome, Precondition};
pub use clock::Clock;
pub use error::{Denied, Refusal, StoreError, WriteError};
pub use event::Event;
pub use id::{
    ConnectionId, Id, LinkId, PersonId, RequestId, SessionId, TargetId, TenantId, TokenId,
};
pub use log::{LogReader, LogSettings, LogStats, SyncLog};
pub use people::{
    Holder, Link, PasswordHash, PeopleChange, Person, Purpose, Role, Secret, Session,
};
pub use record::{
    Brief, Caller, Connection, Identifier, MemberRef, Scope, Scopes, Stored, TeamRef, Tenant,
    TenantState, TokenQuery, TokenRecord, Totals,
};
pub use search::{DeletedName, Look, Looked, Page, PageStart, Search};
pub use store::{Snapshot, Store};
pub use target::{Target, TargetChange, TargetView};
pub use token::{HashedToken, PlainToken, TokenKind};
