//! Events: one committed change of one resource, at its place in the tenant's order.

use scim::Value;

use crate::id::{Id, TenantId};

/// What happened to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// It is new.
    Created,
    /// Its attributes changed.
    Updated,
    /// A user's `active` became false.
    Deactivated,
    /// A user's `active` became true again.
    Reactivated,
    /// It is gone; `detail` lists the memberships that went with it.
    Deleted,
    /// It came back from its tombstone.
    Restored,
    /// Its personal values were removed for good.
    Erased,
    /// A team's members changed: `added`, `removed`.
    MembersChanged,
}

impl EventKind {
    /// Every kind; the position is the stored number.
    pub const ALL: &[EventKind] = &[
        EventKind::Created,
        EventKind::Updated,
        EventKind::Deactivated,
        EventKind::Reactivated,
        EventKind::Deleted,
        EventKind::Restored,
        EventKind::Erased,
        EventKind::MembersChanged,
    ];

    /// The second half of an event's type.
    pub fn as_str(self) -> &'static str {
        match self {
            EventKind::Created => "created",
            EventKind::Updated => "updated",
            EventKind::Deactivated => "deactivated",
            EventKind::Reactivated => "reactivated",
            EventKind::Deleted => "deleted",
            EventKind::Restored => "restored",
            EventKind::Erased => "erased",
            EventKind::MembersChanged => "members_changed",
        }
    }
}

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its tenant.
    pub tenant: TenantId,
    /// Its place: 1, 2, 3, … without gaps, in commit order.
    pub seq: i64,
    /// What happened.
    pub kind: EventKind,
    /// The resource type's name.
    pub resource_type: String,
    /// The resource.
    pub resource: Id,
    /// Milliseconds since 1970.
    pub at: i64,
    /// The resource's SCIM attributes as of this change, without members; `None` after an erasure.
    pub document: Option<Value>,
    /// The app's own id for the user, if known.
    pub app_id: Option<String>,
    /// `changed`, `previous`, `added`, `removed`, `memberships`, `dropped`: what the kind calls for.
    pub detail: Value,
    /// Request id.
    pub request: String,
    /// The connection's name, if one did it.
    pub connection: Option<String>,
    /// `tok_…` of the token, if one did it.
    pub token: Option<String>,
    /// Who else did it: `cli:anna`, `system`.
    pub actor: Option<String>,
}

impl Event {
    /// Its id: unique, and the same however often it is read.
    pub fn id(&self) -> String {
        format!("evt_{}_{}", self.tenant, self.seq)
    }

    /// Its type: `user.created`, `team.members_changed`, `resource.updated`.
    pub fn type_name(&self) -> String {
        let subject = match self.resource_type.as_str() {
            "User" => "user",
            "Group" => "team",
            _ => "resource",
        };
        format!("{subject}.{}", self.kind.as_str())
    }
}
