//! Why something could not be pushed: what concerns one user or team, and what ends the run.

use provisor_store::{StoreError, WriteError};

/// What concerns one user or team; it is tried again later.
#[derive(Debug, Clone, PartialEq)]
pub enum Trouble {
    /// The target says no.
    Refused {
        /// Status of the answer.
        status: u16,
        /// In the target's words.
        detail: String,
    },
    /// No answer came, or one that says nothing; it may have been carried out all the same.
    Lost(String),
    /// It cannot be decided here.
    Unclear(String),
    /// The run ends.
    Stop(Stopped),
}

/// Why a run ended early. What is due stays due.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Stopped {
    /// No connection for too long.
    #[error("the target cannot be reached: {0}")]
    Unreachable(String),
    /// The target does not take the credentials.
    #[error(
        "the target does not accept the credentials: {0}; set new ones in the settings (`provisor push target set --secret-file`)"
    )]
    Unauthorized(String),
    /// The target asks to be left alone for longer than a run waits.
    #[error("the target asks to be left alone for {0} seconds")]
    Busy(u64),
    /// The address is not, or not any more, that of a SCIM service.
    #[error(
        "{0} answers 404 (not found), as if nobody had ever been there, so that the address leads to no SCIM service, or to \
         none any more; nobody is taken for missing, and nothing is created anew. \
         The address is what stands before /Users: look at it, and correct it in the settings (`provisor push target set --url`)"
    )]
    NoService(String),
    /// More would lose access than the settings allow.
    #[error(
        "{removals} users would lose their access in the target after {before} in the last day, more than the {most} that \
         the settings allow; nobody of them did. \
         Look at the preview. If they shall lose it, allow more removals in a day in the settings, or let one run pass with \
         --allow-removals at the command line"
    )]
    TooManyRemovals {
        /// Of this run.
        removals: u64,
        /// In the day before it.
        before: u64,
        /// As many are allowed.
        most: u64,
    },
    /// Settings, key or files do not fit.
    #[error("{0}")]
    Settings(String),
    /// The store failed.
    #[error("{0}")]
    Store(String),
    /// Others wait for their turn.
    #[error("other targets wait to be pushed; the rest follows when it is this one's turn again")]
    Turn,
    /// It is not wanted as it began.
    #[error(
        "it was stopped: the target was paused, removed or set anew, or its tenant is not active any more; what is left stays due"
    )]
    Asked,
}

impl Trouble {
    /// Status of the answer, if one came.
    pub fn status(&self) -> Option<u16> {
        match self {
            Trouble::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Trouble::Refused { status, detail } if detail.is_empty() => {
                write!(f, "the target answered {status}")
            }
            Trouble::Refused { status, detail } => {
                write!(f, "the target answered {status}: {detail}")
            }
            Trouble::Lost(reason) | Trouble::Unclear(reason) => f.write_str(reason),
            Trouble::Stop(stopped) => stopped.fmt(f),
        }
    }
}

impl From<Stopped> for Trouble {
    fn from(stopped: Stopped) -> Self {
        Trouble::Stop(stopped)
    }
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Stopped::Store(error.to_string())
    }
}

impl From<WriteError> for Stopped {
    fn from(error: WriteError) -> Self {
        Stopped::Store(error.to_string())
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Trouble::Stop(error.into())
    }
}
