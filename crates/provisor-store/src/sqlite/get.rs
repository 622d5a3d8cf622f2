//! One resource, its teams and its members.

use std::{collections::HashSet, sync::Arc};

use rusqlite::{Connection, OptionalExtension, Row, params};
use scim::ResourceType;

use super::rows::{self, Resource};
use crate::{Brief, Id, MemberRef, StoreError, TeamRef, TenantId};

/// One resource by its type's number and its id.
pub(super) fn resource(
    connection: &Connection,
    tenant: TenantId,
    number: i64,
    id: Id,
) -> Result<Option<Resource>, StoreError> {
    Ok(connection
        .prepare_cached(&format!(
            "SELECT {} FROM resource WHERE tenant_id = ?1 AND kind = ?2 AND id = ?3",
            rows::COLUMNS
        ))?
        .query_row(params![tenant.0, number, id.0], rows::resource)
        .optional()?)
}

/// A deleted resource and its type's number, by its id.
pub(super) fn tombstone(
    connection: &Connection,
    tenant: TenantId,
    id: Id,
) -> Result<Option<(Resource, i64)>, StoreError> {
    Ok(connection
        .prepare_cached(&format!(
            "SELECT {}, kind FROM tombstone WHERE tenant_id = ?1 AND id = ?2",
            rows::COLUMNS
        ))?
        .query_row(params![tenant.0, id.0], |row| {
            Ok((rows::resource(row)?, row.get(rows::NEXT_COLUMN)?))
        })
        .optional()?)
}

/// The teams a resource belongs to, direct ones first, each once. `nested` says whether the tenant
/// has teams inside teams at all; it is asked only if it matters.
pub(super) fn teams(
    connection: &Connection,
    tenant: TenantId,
    k: i64,
    nested: impl FnOnce() -> Result<bool, StoreError>,
) -> Result<Vec<TeamRef>, StoreError> {
    teams_and_lost(connection, tenant, k, nested).map(|(teams, _)| teams)
}

/// The same, and whether a team it belonged to was deleted.
fn teams_and_lost(
    connection: &Connection,
    tenant: TenantId,
    k: i64,
    nested: impl FnOnce() -> Result<bool, StoreError>,
) -> Result<(Vec<TeamRef>, bool), StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT r.k, r.id, r.display FROM member m LEFT JOIN resource r ON r.k = m.team \
         WHERE m.tenant_id = ?1 AND m.member = ?2 ORDER BY m.team",
    )?;
    let mut lost = false;
    let mut direct = |k: i64| -> Result<Vec<(i64, Id, String)>, StoreError> {
        let mut found = statement.query(params![tenant.0, k])?;
        let mut teams = Vec::new();
        while let Some(row) = found.next()? {
            match row.get(0)? {
                Some(k) => teams.push((k, Id(row.get(1)?), row.get(2)?)),
                None => lost = true,
            }
        }
        Ok(teams)
    };
    let mut level = direct(k)?;
    if level.is_empty() {
        return Ok((Vec::new(), lost));
    }
    let nested = nested()?;
    let mut teams = Vec::with_capacity(level.len());
    let mut seen: HashSet<i64> = level.iter().map(|(k, ..)| *k).collect();
    let mut is_direct = true;
    while !level.is_empty() {
        let mut above = Vec::new();
        for (k, id, display) in level {
            if nested {
                above.extend(
                    direct(k)?
                        .into_iter()
                        .filter(|(parent, ..)| seen.insert(*parent)),
                );
            }
            teams.push(TeamRef {
                id,
                display,
                direct: is_direct,
            });
        }
        level = above;
        is_direct = false;
    }
    Ok((teams, lost))
}

/// True if the tenant has teams inside teams at all.
pub(super) fn has_nested(connection: &Connection, tenant: TenantId) -> Result<bool, StoreError> {
    let nested = connection
        .prepare_cached("SELECT nested FROM tenant_tally WHERE tenant_id = ?1")?
        .query_row([tenant.0], |row| row.get::<_, i64>(0))
        .optional()?;
    Ok(nested.unwrap_or(0) != 0)
}

/// The live teams that contain this user or team directly, by id.
pub(super) fn direct_teams(
    connection: &Connection,
    tenant: TenantId,
    k: i64,
) -> Result<Vec<Id>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT r.id FROM member m JOIN resource r ON r.k = m.team \
         WHERE m.tenant_id = ?1 AND m.member = ?2 ORDER BY m.team",
    )?;
    let found = statement.query_map(params![tenant.0, k], |row| Ok(Id(row.get(0)?)))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// The teams that contain this one directly, deleted ones too, by row number.
pub(super) fn parents(
    connection: &Connection,
    tenant: TenantId,
    k: i64,
) -> Result<Vec<i64>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT team FROM member WHERE tenant_id = ?1 AND member = ?2")?;
    let found = statement.query_map(params![tenant.0, k], |row| row.get(0))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// Members of a team after the row number `after`, in order of their creation.
pub(super) fn members(
    connection: &Connection,
    tenant: TenantId,
    team: i64,
    after: i64,
    limit: usize,
) -> Result<Vec<MemberRef>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut members = Vec::new();
    each_member(connection, tenant, team, after, limit, |member| {
        members.push(member);
        true
    })?;
    Ok(members)
}

/// Shows members of a team in order of their creation, until it is told to stop.
fn each_member(
    connection: &Connection,
    tenant: TenantId,
    team: i64,
    after: i64,
    limit: i64,
    mut show: impl FnMut(MemberRef) -> bool,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT r.id, r.kind, r.display, m.display FROM member m JOIN resource r ON r.k = m.member \
         WHERE m.tenant_id = ?1 AND m.team = ?2 AND m.member > ?3 ORDER BY m.member LIMIT ?4",
    )?;
    let mut found = statement.query(params![tenant.0, team, after, limit])?;
    while let Some(row) = found.next()? {
        if !show(member(row)?) {
            break;
        }
    }
    Ok(())
}

/// A user or team as it would look as a member.
pub(super) fn as_member(
    connection: &Connection,
    tenant: TenantId,
    id: Id,
) -> Result<Option<MemberRef>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, kind, display, NULL FROM resource WHERE tenant_id = ?1 AND kind = ?2 AND id = ?3",
    )?;
    for number in [rows::USER, rows::TEAM] {
        let found = statement
            .query_row(params![tenant.0, number, id.0], member)
            .optional()?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// A user or team in brief, also a deleted one.
pub(super) fn brief(
    connection: &Connection,
    tenant: TenantId,
    id: Id,
) -> Result<Option<Brief>, StoreError> {
    let mut live = connection.prepare_cached(
        "SELECT display, kind, members, 0 FROM resource WHERE tenant_id = ?1 AND kind = ?2 AND id = ?3",
    )?;
    let mut deleted = connection.prepare_cached(
        "SELECT display, kind, 0, 1 FROM tombstone WHERE tenant_id = ?1 AND kind = ?2 AND id = ?3",
    )?;
    for statement in [&mut live, &mut deleted] {
        for number in [rows::USER, rows::TEAM] {
            let read = |row: &Row<'_>| {
                Ok(Brief {
                    name: row.get(0)?,
                    is_team: row.get::<_, i64>(1)? == rows::TEAM,
                    members: row.get::<_, i64>(2)?.unsigned_abs(),
                    is_deleted: row.get(3)?,
                })
            };
            let found = statement.query_row(params![tenant.0, number, id.0], read);
            if let Some(brief) = found.optional()? {
                return Ok(Some(brief));
            }
        }
    }
    Ok(None)
}

/// The numbers of the events that told of this user's or team's memberships, the last first.
pub(super) fn membership_events(
    connection: &Connection,
    tenant: TenantId,
    k: i64,
    limit: usize,
) -> Result<Vec<i64>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(
        "SELECT since AS seq FROM member WHERE tenant_id = ?1 AND member = ?2 AND since > 0 \
         UNION SELECT seq FROM former_member WHERE tenant_id = ?1 AND member = ?2 \
         ORDER BY seq DESC LIMIT ?3",
    )?;
    let found = statement.query_map(params![tenant.0, k, limit], |row| row.get(0))?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn member(row: &Row<'_>) -> rusqlite::Result<MemberRef> {
    Ok(MemberRef {
        id: Id(row.get(0)?),
        is_team: row.get::<_, i64>(1)? == rows::TEAM,
        display: row.get::<_, String>(2)?.into_boxed_str(),
        called: row.get::<_, Option<String>>(3)?.map(String::into_boxed_str),
    })
}

/// What an answer carries besides the attributes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Derived {
    pub(super) teams: bool,
    pub(super) members: bool,
}

/// What a member or a team takes in an answer besides its name: id, `$ref` and type in JSON.
const REFERENCE: usize = 200;

/// A row as the server sees it, with the derived attributes it asked for.
pub(super) fn stored(
    connection: &Connection,
    tenant: TenantId,
    kind: &Arc<ResourceType>,
    row: Resource,
    derived: Derived,
) -> Result<crate::Stored, StoreError> {
    stored_within(connection, tenant, kind, row, derived, usize::MAX)?
        .map(|(stored, _)| stored)
        .ok_or_else(|| StoreError::Failed("a resource is larger than memory".into()))
}

/// The same with about how many bytes its answer has; `None`, with no more read than that, if
/// these are more than `room`.
pub(super) fn stored_within(
    connection: &Connection,
    tenant: TenantId,
    kind: &Arc<ResourceType>,
    row: Resource,
    derived: Derived,
    room: usize,
) -> Result<Option<(crate::Stored, usize)>, StoreError> {
    let mut size = row.size();
    let mut fits = |more: usize| {
        size = size.saturating_add(more);
        size <= room
    };
    if !fits(0) {
        return Ok(None);
    }
    let mut all = true;
    let (teams, lost) = match derived.teams && kind.is_user() {
        true => {
            let nested = || has_nested(connection, tenant);
            let (teams, lost) = teams_and_lost(connection, tenant, row.k, nested)?;
            all = teams
                .iter()
                .all(|team| fits(REFERENCE + team.display.len()));
            (Some(teams), lost)
        }
        false => (None, false),
    };
    let members = match all && derived.members && kind.is_group() {
        true => {
            let mut members = Vec::new();
            each_member(connection, tenant, row.k, 0, i64::MAX, |member| {
                all = fits(REFERENCE + member.label().len());
                if all {
                    members.push(member);
                }
                all
            })?;
            Some(members)
        }
        false => None,
    };
    if !all {
        return Ok(None);
    }
    let mut stored = row.stored(kind);
    stored.teams = teams;
    stored.left_team |= lost;
    stored.members = members;
    Ok(Some((stored, size)))
}

/// Number of resources of a type.
pub(super) fn count(
    connection: &Connection,
    tenant: TenantId,
    number: i64,
) -> Result<u64, StoreError> {
    let count = connection
        .prepare_cached("SELECT n FROM tally WHERE tenant_id = ?1 AND kind = ?2")?
        .query_row(params![tenant.0, number], |row| row.get::<_, i64>(0))
        .optional()?;
    Ok(count.unwrap_or(0).unsigned_abs())
}

/// The row number of a live user or team.
pub(super) fn row_number(
    connection: &Connection,
    tenant: TenantId,
    id: Id,
) -> Result<Option<i64>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT k FROM resource WHERE tenant_id = ?1 AND kind = ?2 AND id = ?3")?;
    for number in [rows::USER, rows::TEAM] {
        let found = statement
            .query_row(params![tenant.0, number, id.0], |row| row.get(0))
            .optional()?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// This user or team, if it is a direct member of the team.
pub(super) fn member_if(
    connection: &Connection,
    tenant: TenantId,
    team: i64,
    id: Id,
) -> Result<Option<MemberRef>, StoreError> {
    let Some(k) = row_number(connection, tenant, id)? else {
        return Ok(None);
    };
    Ok(connection
        .prepare_cached(
            "SELECT r.id, r.kind, r.display, m.display FROM member m JOIN resource r ON r.k = m.member \
             WHERE m.tenant_id = ?1 AND m.team = ?2 AND m.member = ?3",
        )?
        .query_row(params![tenant.0, team, k], member)
        .optional()?)
}

/// The row number of a user or team that is live or deleted: a place in a member list holds
/// when its member is deleted.
pub(super) fn row_number_ever(
    connection: &Connection,
    tenant: TenantId,
    id: Id,
) -> Result<Option<i64>, StoreError> {
    match row_number(connection, tenant, id)? {
        Some(k) => Ok(Some(k)),
        None => buried(connection, tenant, id),
    }
}

/// The row number of a deleted user or team.
pub(super) fn buried(
    connection: &Connection,
    tenant: TenantId,
    id: Id,
) -> Result<Option<i64>, StoreError> {
    Ok(connection
        .prepare_cached("SELECT k FROM tombstone WHERE tenant_id = ?1 AND id = ?2")?
        .query_row(params![tenant.0, id.0], |row| row.get(0))
        .optional()?)
}

/// The row number of the last user or team made before an id that is gone for good.
pub(super) fn row_number_before(
    connection: &Connection,
    tenant: TenantId,
    id: Id,
) -> Result<i64, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT k FROM resource INDEXED BY resource_id \
         WHERE tenant_id = ?1 AND kind = ?2 AND id < ?3 ORDER BY id DESC LIMIT 1",
    )?;
    let mut last = 0;
    for number in [rows::USER, rows::TEAM] {
        let found: Option<i64> = statement
            .query_row(params![tenant.0, number, id.0], |row| row.get(0))
            .optional()?;
        last = last.max(found.unwrap_or(0));
    }
    Ok(last)
}

/// The last event of a resource, live, deleted or gone for good; 0 for none.
pub(super) fn last_event(
    connection: &Connection,
    tenant: TenantId,
    id: Id,
) -> Result<i64, StoreError> {
    Ok(connection
        .prepare_cached(
            "SELECT last_event FROM resource WHERE tenant_id = ?1 AND id = ?2 \
               AND kind IN (SELECT kind FROM tally WHERE tenant_id = ?1) \
             UNION ALL SELECT last_event FROM tombstone WHERE tenant_id = ?1 AND id = ?2 \
             UNION ALL SELECT last_event FROM gone WHERE tenant_id = ?1 AND id = ?2",
        )?
        .query_row(params![tenant.0, id.0], |row| row.get(0))
        .optional()?
        .unwrap_or(0))
}
