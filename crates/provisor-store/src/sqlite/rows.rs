//! Rows of the resource table and what they are in the program.

use std::sync::Arc;

use rusqlite::{Row, types::ValueRef};
use scim::{Map, ResourceType, Value, datetime::format_millis};
use serde_json::json;

use crate::{Id, MemberRef, StoreError, Stored, TeamRef};

/// Numbers of the built-in resource types in `resource.kind`.
pub(super) const USER: i64 = 1;
/// Teams.
pub(super) const TEAM: i64 = 2;
/// First number of a custom resource type.
pub(super) const CUSTOM: i64 = 100;

/// The number of a built-in resource type.
pub(super) fn builtin_kind(name: &str) -> Option<i64> {
    match name {
        "User" => Some(USER),
        "Group" => Some(TEAM),
        "Role" => Some(3),
        "Entitlement" => Some(4),
        _ => None,
    }
}

/// Columns that [`resource`] reads, in its order.
pub(super) const COLUMNS: &str = "k, id, version, created, modified, app_id, doc, rest, display, name, connection, last_event, \
     left_team";
/// The place of the first column after [`COLUMNS`].
pub(super) const NEXT_COLUMN: usize = 13;

/// A row of `resource`.
#[derive(Debug, Clone)]
pub(super) struct Resource {
    pub(super) k: i64,
    pub(super) id: Id,
    pub(super) version: i64,
    pub(super) created: i64,
    pub(super) modified: i64,
    pub(super) app_id: Option<String>,
    pub(super) doc: Vec<u8>,
    pub(super) rest: Option<Vec<u8>>,
    pub(super) display: String,
    pub(super) name: Option<String>,
    pub(super) connection: Option<i64>,
    /// Where the list of its events starts; 0 for none.
    pub(super) last_event: i64,
    /// A membership of it has ended.
    pub(super) left_team: bool,
}

/// Reads a row of [`COLUMNS`].
pub(super) fn resource(row: &Row<'_>) -> rusqlite::Result<Resource> {
    Ok(Resource {
        k: row.get(0)?,
        id: Id(row.get(1)?),
        version: row.get(2)?,
        created: row.get(3)?,
        modified: row.get(4)?,
        app_id: row.get(5)?,
        doc: bytes(row.get_ref(6)?).unwrap_or_default(),
        rest: bytes(row.get_ref(7)?),
        display: row.get(8)?,
        name: row.get(9)?,
        connection: row.get(10)?,
        last_event: row.get(11)?,
        left_team: row.get(12)?,
    })
}

/// The bytes of a text column, without checking them again.
pub(super) fn bytes(value: ValueRef<'_>) -> Option<Vec<u8>> {
    match value {
        ValueRef::Text(text) | ValueRef::Blob(text) => Some(text.to_vec()),
        _ => None,
    }
}

impl Resource {
    pub(super) fn stored(self, kind: &Arc<ResourceType>) -> Stored {
        Stored {
            id: self.id,
            kind: kind.clone(),
            version: self.version,
            created: self.created,
            modified: self.modified,
            document: self.doc,
            rest: self.rest,
            app_id: self.app_id,
            left_team: self.left_team,
            teams: None,
            members: None,
        }
    }

    /// Bytes of its attributes.
    pub(super) fn size(&self) -> usize {
        self.doc.len() + self.rest.as_ref().map_or(0, Vec::len)
    }

    /// The stored attributes, both halves together.
    pub(super) fn attributes(&self) -> Result<Map<String, Value>, StoreError> {
        attributes(&self.doc, self.rest.as_deref())
    }
}

/// The stored attributes, both halves together.
pub(super) fn attributes(
    doc: &[u8],
    rest: Option<&[u8]>,
) -> Result<Map<String, Value>, StoreError> {
    let damaged = |error: serde_json::Error| StoreError::Corrupt(format!("a document: {error}"));
    let doc = serde_json::from_slice(doc).map_err(damaged)?;
    let rest = rest
        .map(serde_json::from_slice)
        .transpose()
        .map_err(damaged)?;
    Ok(scim::project::join(doc, rest))
}

/// The `$ref` of a resource below the base URL, as filters compare it.
fn reference(is_team: bool, id: Id) -> String {
    format!("{}/{id}", if is_team { "Groups" } else { "Users" })
}

/// The `groups` attribute of a user.
pub(super) fn groups(teams: &[TeamRef]) -> Value {
    let groups = teams.iter().map(|team| {
        json!({
            "value": team.id.to_string(),
            "$ref": reference(true, team.id),
            "display": team.display,
            "type": if team.direct { "direct" } else { "indirect" },
        })
    });
    groups.collect()
}

/// One element of the `members` attribute of a team.
pub(super) fn member(member: &MemberRef) -> Value {
    json!({
        "value": member.id.to_string(),
        "$ref": reference(member.is_team, member.id),
        "type": if member.is_team { "Group" } else { "User" },
        "display": member.label(),
    })
}

/// The whole resource as filters, sorting and PATCH see it: attributes, `id`, `meta` and the
/// derived ones that are given. `meta.location` depends on the request and is left out.
pub(super) fn whole(
    row: &Resource,
    kind: &ResourceType,
    teams: Option<&[TeamRef]>,
    members: Option<&[MemberRef]>,
) -> Result<Map<String, Value>, StoreError> {
    let mut resource = row.attributes()?;
    resource.insert("id".into(), row.id.to_string().into());
    if let Some(teams) = teams.filter(|teams| !teams.is_empty()) {
        resource.insert("groups".into(), groups(teams));
    }
    if let Some(members) = members.filter(|members| !members.is_empty()) {
        resource.insert("members".into(), members.iter().map(member).collect());
    }
    resource.insert(
        "meta".into(),
        json!({
            "resourceType": kind.name,
            "created": format_millis(row.created),
            "lastModified": format_millis(row.modified),
            "version": etag(row.version),
        }),
    );
    Ok(resource)
}

/// A version as an entity tag: weak, since the answer's bytes depend on the projection.
pub(super) fn etag(version: i64) -> String {
    format!("W/\"{version}\"")
}
