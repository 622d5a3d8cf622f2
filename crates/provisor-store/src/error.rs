//! What can go wrong: refusals, which are answers, and failures of the store, which are not.

use std::sync::Arc;

use crate::{Caller, Cause};

/// The store could not do its work. Carries no driver type.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Busy, full, read-only or shutting down: the same request may succeed later.
    #[error("the database cannot be written now: {0}")]
    Unavailable(String),
    /// The file cannot be opened or is not a database of this program.
    #[error("{0}")]
    Open(String),
    /// The database was written by a newer version.
    #[error(
        "the database has schema version {found}, this program knows up to {known}; \
         start it with the version that wrote it, or restore a backup"
    )]
    Newer {
        /// Version in the file.
        found: i64,
        /// Newest version of this program.
        known: i64,
    },
    /// The database contradicts itself.
    #[error("the database is damaged: {0}; stop the server and restore the last backup")]
    Corrupt(String),
    /// Anything else.
    #[error("the database failed: {0}")]
    Failed(String),
}

impl StoreError {
    /// What an error of SQLite means for the caller.
    pub(crate) fn sqlite(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        let text = error.to_string();
        match error.sqlite_error_code() {
            Some(
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::DiskFull
                | ErrorCode::ReadOnly
                | ErrorCode::SystemIoFailure
                | ErrorCode::OutOfMemory
                | ErrorCode::OperationInterrupted,
            ) => Self::Unavailable(text),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt(text),
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => Self::Open(text),
            _ => Self::Failed(text),
        }
    }
}

/// A request that is understood and refused: the answer for the client, and the cause for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// One code.
    pub cause: Cause,
    /// The answer.
    pub error: scim::Error,
}

impl Refusal {
    /// A refusal whose cause is finer than its kind.
    pub fn new(cause: Cause, kind: scim::Kind, detail: impl Into<String>) -> Self {
        Self {
            cause,
            error: scim::Error::new(kind, detail),
        }
    }
}

impl From<scim::Error> for Refusal {
    fn from(error: scim::Error) -> Self {
        Self {
            cause: error.kind.into(),
            error,
        }
    }
}

/// A token that is not let in.
#[derive(Debug, Clone)]
pub struct Denied {
    /// The answer, and the cause for the operator's log.
    pub refusal: Refusal,
    /// Whose token it is, if it is a real one (expired, revoked, paused, …).
    pub caller: Option<Arc<Caller>>,
}

impl From<Refusal> for Denied {
    fn from(refusal: Refusal) -> Self {
        Self {
            refusal,
            caller: None,
        }
    }
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Decided: no.
    #[error("{}", .0.error.detail)]
    Refused(Refusal),
    /// Not decided.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<scim::Error> for WriteError {
    fn from(error: scim::Error) -> Self {
        Self::Refused(error.into())
    }
}

impl From<Refusal> for WriteError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
