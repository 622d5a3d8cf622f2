//! The audit: who did what in console, API and command line; written with each change, never changed.

use scim::Value;

use crate::{RequestId, TenantId};

/// One entry.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// Number, in order of writing.
    pub id: i64,
    /// Milliseconds since 1970.
    pub at: i64,
    /// `person:anna@example.com`, `cli:anna`, `token:tok_3`, `setup:link_4` or `system`.
    pub actor: String,
    /// `token.create`.
    pub action: String,
    /// `tok_4`; a user or team by its id, never by name.
    pub object: String,
    /// [`TenantId::SYSTEM`] for what belongs to none.
    pub tenant: TenantId,
    /// The tenant's key as it was then.
    pub tenant_key: Option<String>,
    /// The state before; null if there was none, or where the sync log tells it.
    pub before: Value,
    /// The state after; null if there is none.
    pub after: Value,
    /// Where from, if known.
    pub address: Option<String>,
    /// The request.
    pub request: RequestId,
}

/// Which entries; the newest first.
#[derive(Debug, Clone, Default)]
pub struct AuditQuery {
    /// Only of these tenants; `None`: all, and what belongs to none.
    pub tenants: Option<Vec<TenantId>>,
    /// Only with this actor.
    pub actor: Option<String>,
    /// Only actions that begin so: `token.`.
    pub action: Option<String>,
    /// Only about this object.
    pub object: Option<String>,
    /// Not before, in milliseconds since 1970.
    pub since: Option<i64>,
    /// Not at or after, in milliseconds since 1970.
    pub until: Option<i64>,
    /// Only before this number: the next page.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: usize,
}
