//! Targets as rows, and what a snapshot reads of them.

use std::collections::HashSet;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::read::View;
use crate::{
    StoreError, TargetId, TenantId,
    target::{
        DuePlace, EntryQuery, Kind, Sealed, Target, TargetCounts, TargetEntry, TargetObject,
        TargetView,
    },
};

/// Columns that [`target`] reads, in its order.
const TARGET: &str = "tenant_id, id, name, settings, state, credentials, cursor, whole, asked, compared, ran, outcome, created";
/// Columns that [`object`] reads, in its order.
const OBJECT: &str = "kind, local, remote, label, sent, mark, due, attempts, error, names";
/// Columns that [`entry`] reads, in its order.
const ENTRY: &str = "n, at, kind, local, label, action, ok, status, detail";

fn json(text: &str) -> rusqlite::Result<scim::Value> {
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error))
    })
}

fn target(row: &Row<'_>) -> rusqlite::Result<Target> {
    Ok(Target {
        tenant: TenantId(row.get(0)?),
        id: TargetId(row.get(1)?),
        name: row.get(2)?,
        settings: json(&row.get::<_, String>(3)?)?,
        active: row.get::<_, i64>(4)? == 1,
        credentials: row.get::<_, Option<Vec<u8>>>(5)?.map(Sealed),
        cursor: row.get(6)?,
        whole: row.get(7)?,
        asked: row.get(8)?,
        compared: row.get(9)?,
        ran: row.get(10)?,
        outcome: row.get(11)?,
        created: row.get(12)?,
    })
}

fn object(row: &Row<'_>) -> rusqlite::Result<TargetObject> {
    Ok(TargetObject {
        kind: Kind::from_number(row.get(0)?),
        local: row.get(1)?,
        remote: row.get(2)?,
        label: row.get(3)?,
        sent: row.get(4)?,
        mark: row.get(5)?,
        due: row.get(6)?,
        attempts: row.get(7)?,
        error: row.get(8)?,
        names: row.get(9)?,
    })
}

fn entry(row: &Row<'_>) -> rusqlite::Result<TargetEntry> {
    Ok(TargetEntry {
        n: row.get(0)?,
        at: row.get(1)?,
        kind: Kind::from_number(row.get(2)?),
        local: row.get(3)?,
        label: row.get(4)?,
        action: row.get(5)?,
        ok: row.get(6)?,
        status: row.get(7)?,
        detail: json(&row.get::<_, String>(8)?)?,
    })
}

/// The targets that are not being removed.
pub(super) fn targets(
    connection: &Connection,
    tenant: Option<TenantId>,
) -> Result<Vec<Target>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {TARGET} FROM target WHERE state < 2 AND (?1 IS NULL OR tenant_id = ?1) \
         ORDER BY tenant_id, name"
    ))?;
    let found = statement.query_map([tenant.map(|tenant| tenant.0)], target)?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// One object's row.
pub(super) fn object_of(
    connection: &Connection,
    (tenant, target): (TenantId, TargetId),
    kind: Kind,
    local: &str,
) -> Result<Option<TargetObject>, StoreError> {
    Ok(connection
        .prepare_cached(&format!(
            "SELECT {OBJECT} FROM target_object \
             WHERE tenant_id = ?1 AND target = ?2 AND kind = ?3 AND local = ?4"
        ))?
        .query_row(params![tenant.0, target.0, kind as i64, local], object)
        .optional()?)
}

#[async_trait]
impl TargetView for View {
    async fn targets(&mut self, tenant: Option<TenantId>) -> Result<Vec<Target>, StoreError> {
        targets(self.connection()?, tenant)
    }

    async fn target_due(
        &mut self,
        (tenant, target): (TenantId, TargetId),
        kind: Kind,
        until: i64,
        after: Option<&DuePlace>,
        limit: usize,
    ) -> Result<Vec<TargetObject>, StoreError> {
        let (due, local) = match after {
            Some((due, local)) => (*due, local.as_str()),
            None => (i64::MIN, ""),
        };
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut statement = self.connection()?.prepare_cached(&format!(
            "SELECT {OBJECT} FROM target_object INDEXED BY target_object_due \
             WHERE tenant_id = ?1 AND target = ?2 AND kind = ?3 AND due IS NOT NULL \
               AND due <= ?4 AND (due, local) > (?5, ?6) ORDER BY due, local LIMIT ?7"
        ))?;
        let values = params![tenant.0, target.0, kind as i64, until, due, local, limit];
        let found = statement.query_map(values, object)?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    async fn target_next_due(
        &mut self,
        (tenant, target): (TenantId, TargetId),
    ) -> Result<Option<i64>, StoreError> {
        Ok(self
            .connection()?
            .prepare_cached(
                "SELECT min(due) FROM (SELECT min(due) AS due FROM target_object \
                   WHERE tenant_id = ?1 AND target = ?2 AND kind = 1 AND due IS NOT NULL \
                 UNION ALL SELECT min(due) FROM target_object \
                   WHERE tenant_id = ?1 AND target = ?2 AND kind = 2 AND due IS NOT NULL)",
            )?
            .query_row(params![tenant.0, target.0], |row| row.get(0))?)
    }

    async fn target_objects(
        &mut self,
        (tenant, target): (TenantId, TargetId),
        kind: Kind,
        troubled: bool,
        after: &str,
        limit: usize,
    ) -> Result<Vec<TargetObject>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let only = if troubled {
            "AND error IS NOT NULL"
        } else {
            ""
        };
        let mut statement = self.connection()?.prepare_cached(&format!(
            "SELECT {OBJECT} FROM target_object \
             WHERE tenant_id = ?1 AND target = ?2 AND kind = ?3 AND local > ?4 {only} \
             ORDER BY local LIMIT ?5"
        ))?;
        let values = params![tenant.0, target.0, kind as i64, after, limit];
        let found = statement.query_map(values, object)?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    async fn target_by_local(
        &mut self,
        target: (TenantId, TargetId),
        kind: Kind,
        locals: &[String],
    ) -> Result<Vec<Option<TargetObject>>, StoreError> {
        let connection = self.connection()?;
        let found = locals
            .iter()
            .map(|local| object_of(connection, target, kind, local));
        found.collect()
    }

    async fn target_by_remote(
        &mut self,
        (tenant, target): (TenantId, TargetId),
        kind: Kind,
        remotes: &[String],
    ) -> Result<Vec<Option<TargetObject>>, StoreError> {
        let mut statement = self.connection()?.prepare_cached(&format!(
            "SELECT {OBJECT} FROM target_object INDEXED BY target_object_remote \
             WHERE tenant_id = ?1 AND target = ?2 AND kind = ?3 AND remote = ?4 LIMIT 1"
        ))?;
        let mut found = Vec::with_capacity(remotes.len());
        for remote in remotes {
            let values = params![tenant.0, target.0, kind as i64, remote];
            found.push(statement.query_row(values, object).optional()?);
        }
        Ok(found)
    }

    async fn target_members(
        &mut self,
        (tenant, target): (TenantId, TargetId),
        team: &str,
    ) -> Result<HashSet<String>, StoreError> {
        let mut statement = self.connection()?.prepare_cached(
            "SELECT member FROM target_member WHERE tenant_id = ?1 AND target = ?2 AND team = ?3",
        )?;
        let found = statement.query_map(params![tenant.0, target.0, team], |row| row.get(0))?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    async fn target_log(
        &mut self,
        (tenant, target): (TenantId, TargetId),
        query: &EntryQuery,
    ) -> Result<Vec<TargetEntry>, StoreError> {
        let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
        let before = query.before.unwrap_or(i64::MAX);
        let failed = if query.failed { "AND ok = 0" } else { "" };
        // Left to itself, SQLite walks the whole log of the target for one of its users.
        let (index, of) = match query.object {
            Some(_) => (
                "INDEXED BY target_log_object",
                "AND kind = ?5 AND local = ?6",
            ),
            None => ("", "AND ?5 IS NULL AND ?6 IS NULL"),
        };
        let mut statement = self.connection()?.prepare_cached(&format!(
            "SELECT {ENTRY} FROM target_log {index} WHERE tenant_id = ?1 AND target = ?2 AND n < ?3 \
             {failed} {of} ORDER BY n DESC LIMIT ?4"
        ))?;
        let (kind, local) = match &query.object {
            Some((kind, local)) => (Some(*kind as i64), Some(local.as_str())),
            None => (None, None),
        };
        let values = params![tenant.0, target.0, before, limit, kind, local];
        let found = statement.query_map(values, entry)?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    async fn target_removals(
        &mut self,
        (tenant, target): (TenantId, TargetId),
        since: i64,
    ) -> Result<u64, StoreError> {
        let removals: i64 = self
            .connection()?
            .prepare_cached(
                "SELECT count(*) FROM target_log INDEXED BY target_log_at \
                 WHERE at >= ?3 AND tenant_id = ?1 AND target = ?2 AND kind = 1 AND ok = 1 \
                   AND action IN ('deactivate', 'delete') \
                   AND n > (SELECT coalesce(max(n), 0) FROM target_log INDEXED BY target_log_object \
                            WHERE tenant_id = ?1 AND target = ?2 AND kind = 0 \
                              AND detail ->> 'removals_allowed' = 1)",
            )?
            .query_row(params![tenant.0, target.0, since], |row| row.get(0))?;
        Ok(u64::try_from(removals).unwrap_or(0))
    }

    async fn target_counts(
        &mut self,
        (tenant, target): (TenantId, TargetId),
    ) -> Result<TargetCounts, StoreError> {
        let connection = self.connection()?;
        let count = |index: &str, condition: &str, kind: Kind| -> Result<u64, StoreError> {
            Ok(connection
                .prepare_cached(&format!(
                    "SELECT count(*) FROM target_object INDEXED BY {index} \
                     WHERE tenant_id = ?1 AND target = ?2 AND kind = ?3 AND {condition} IS NOT NULL"
                ))?
                .query_row(params![tenant.0, target.0, kind as i64], |row| {
                    row.get::<_, i64>(0)
                })
                .map(|count| u64::try_from(count).unwrap_or(0))?)
        };
        let both = |index: &str, condition: &str| -> Result<[u64; 2], StoreError> {
            Ok([
                count(index, condition, Kind::User)?,
                count(index, condition, Kind::Team)?,
            ])
        };
        Ok(TargetCounts {
            linked: both("target_object_remote", "remote")?,
            due: both("target_object_due", "due")?,
            troubled: both("target_object_error", "error")?,
        })
    }
}
