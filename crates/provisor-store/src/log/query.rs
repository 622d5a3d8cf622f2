//! Questions to the log, on connections of their own: they never wait for the writer, nor it for them.

use std::ops::RangeInclusive;

use crate::{Cause, ConnectionId, Id, RequestId, TenantId};

use super::{Entry, Operation};

/// Which outcomes to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Show {
    /// Everything.
    #[default]
    All,
    /// Status 400 and above.
    Errors,
    /// What changes the directory, also when refused.
    Writes,
    /// Both: what a person usually looks for.
    ErrorsAndWrites,
}

/// A place in the log: the last entry of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Its time, in milliseconds since 1970.
    pub at: i64,
    /// Its [`Logged::id`].
    pub id: i64,
}

/// Which entries; every condition given must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogFilter {
    /// Of this tenant. `None` lists every tenant's and nobody's: for operators only.
    pub tenant: Option<TenantId>,
    /// Of this connection; ids of connections are unique only within a tenant.
    pub connection: Option<ConnectionId>,
    /// Of this operation.
    pub operation: Option<Operation>,
    /// With a status in this range, such as `400..=499`.
    pub status: Option<RangeInclusive<u16>>,
    /// Errors, writes or all.
    pub show: Show,
    /// Refused for this reason.
    pub cause: Option<Cause>,
    /// That name this user, team or value. Needs `tenant`.
    pub name: Option<String>,
    /// About this resource.
    pub resource: Option<Id>,
    /// With this request id.
    pub request: Option<RequestId>,
    /// Not before, in milliseconds since 1970.
    pub since: Option<i64>,
    /// Not at or after, in milliseconds since 1970.
    pub until: Option<i64>,
    /// Only what is older than this place: the next page.
    pub before: Option<Place>,
    /// At most so many; 0 means 100, and never more than 1,000.
    pub limit: usize,
    /// Also read the bodies; otherwise [`Body::bytes`](super::Body::bytes) is empty.
    pub bodies: bool,
}

/// An entry as it stands in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Logged {
    /// Grows with every entry; see [`LogReader::tail`].
    pub id: i64,
    /// The request.
    pub entry: Entry,
}

impl Logged {
    /// Its place, for the next page.
    pub fn place(&self) -> Place {
        Place {
            at: self.entry.at,
            id: self.id,
        }
    }
}

/// When requests spoke of a name, counted ones too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// First, in milliseconds since 1970.
    pub first: i64,
    /// Last, in milliseconds since 1970; of counted requests under heavy load up to ten minutes late.
    pub last: i64,
    /// How often, at least.
    pub count: u64,
}

/// Counted requests of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// The second they arrived in, in milliseconds since 1970.
    pub at: i64,
    /// Through which connection.
    pub connection: Option<ConnectionId>,
    /// What they asked for.
    pub operation: Operation,
    /// HTTP status of the answers.
    pub status: u16,
    /// How many.
    pub count: u64,
}
