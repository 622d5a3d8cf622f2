//! Why a command ends without success: a sentence for people, an exit code for scripts.

use std::{fmt, io, process::ExitCode};

use provisor_store::{Cause, Refusal, StoreError, WriteError};

/// The part of every help page that scripts rely on.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed or refused
  2  wrong usage
  3  not found
  4  the database is not available";

/// How a command ends, as an exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Whoever read our output has heard enough (`provisor … | head`).
    Unheard = 0,
    /// Failed or refused.
    Failed = 1,
    /// Called wrongly.
    Usage = 2,
    /// No such tenant, connection, token, user, …
    NotFound = 3,
    /// The database cannot be opened, read or written.
    Unavailable = 4,
}

/// A command that did not succeed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Exit::Failed, message)
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(Exit::NotFound, message)
    }

    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Exit::Unavailable, message)
    }

    fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
        }
    }

    /// Tells people on standard error, scripts by the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        if self.exit != Exit::Unheard {
            crate::terminal::note(&format!("error: {}", self.message));
        }
        ExitCode::from(self.exit as u8)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::unavailable(error.to_string())
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let exit = match refusal.cause {
            Cause::NotFound => Exit::NotFound,
            Cause::Unavailable => Exit::Unavailable,
            _ => Exit::Failed,
        };
        Self::new(
            exit,
            format!("{} [{}]", refusal.error.detail, refusal.cause),
        )
    }
}

impl From<WriteError> for Failure {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Refused(refusal) => refusal.into(),
            WriteError::Store(error) => error.into(),
        }
    }
}

impl From<scim::Error> for Failure {
    fn from(error: scim::Error) -> Self {
        Refusal::from(error).into()
    }
}

/// Writing the output failed.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::new(Exit::Unheard, "");
        }
        Self::failed(format!("The output cannot be written: {error}."))
    }
}

impl From<csv::Error> for Failure {
    fn from(error: csv::Error) -> Self {
        match error.into_kind() {
            csv::ErrorKind::Io(error) => error.into(),
            kind => Self::failed(format!("The CSV cannot be written: {kind:?}.")),
        }
    }
}
