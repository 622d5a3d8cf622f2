//! Retention, in chunks, so that others come between.

use rusqlite::params;

use super::{Decided, Transaction};
use crate::{Id, Outcome, StoreError, TenantId, sqlite::rows};

impl Transaction<'_> {
    /// Removes tombstones that are too old, with their inert member rows, and goes on deleting
    /// tenants whose deletion was left unfinished; about `chunk` rows.
    pub(super) fn expire(&mut self, before: i64, chunk: usize) -> Decided<Outcome> {
        let mut old = self.connection.prepare_cached(
            "SELECT tenant_id, id, k, kind, last_event FROM tombstone WHERE deleted < ?1 ORDER BY deleted LIMIT ?2",
        )?;
        let limit = i64::try_from(chunk).unwrap_or(i64::MAX);
        let found = old
            .query_map(params![before, limit], |row| {
                Ok((
                    TenantId(row.get(0)?),
                    Id(row.get(1)?),
                    row.get(2)?,
                    row.get(3)?,
                    row.get(4)?,
                ))
            })?
            .collect::<Result<Vec<(TenantId, Id, i64, i64, i64)>, _>>()?;
        let mut rows = 0;
        for (tenant, id, k, kind, last_event) in found {
            if rows >= chunk {
                break;
            }
            rows += self.forget_members(tenant, k, kind, chunk - rows)?;
            if rows < chunk {
                rows += self
                    .connection
                    .prepare_cached("DELETE FROM tombstone WHERE tenant_id = ?1 AND id = ?2")?
                    .execute(params![tenant.0, id.0])?;
                self.gone(tenant, id, last_event)?;
            }
        }
        drop(old);
        for table in ["session", "link"] {
            rows += self
                .connection
                .prepare_cached(&format!("DELETE FROM {table} WHERE expires < ?1"))?
                .execute([before])?;
        }
        if rows < chunk {
            rows += self.finish_deletions(chunk - rows)?;
        }
        Ok(Outcome::Done(rows))
    }

    /// Removes up to `most` member rows of a deleted resource.
    fn forget_members(
        &mut self,
        tenant: TenantId,
        k: i64,
        kind: i64,
        most: usize,
    ) -> Result<usize, StoreError> {
        let limit = i64::try_from(most).unwrap_or(i64::MAX);
        let former = self
            .connection
            .prepare_cached(
                "DELETE FROM former_member WHERE tenant_id = ?1 AND member = ?2 AND seq IN \
                   (SELECT seq FROM former_member WHERE tenant_id = ?1 AND member = ?2 LIMIT ?3)",
            )?
            .execute(params![tenant.0, k, limit])?;
        let most = most - former.min(most);
        let limit = i64::try_from(most).unwrap_or(i64::MAX);
        let as_member = self
            .connection
            .prepare_cached(
                "DELETE FROM member WHERE (tenant_id, team, member) IN \
                   (SELECT tenant_id, team, member FROM member WHERE tenant_id = ?1 AND member = ?2 LIMIT ?3)",
            )?
            .execute(params![tenant.0, k, limit])?;
        if kind != rows::TEAM {
            return Ok(former + as_member);
        }
        let limit = i64::try_from(most - as_member.min(most)).unwrap_or(i64::MAX);
        let nested: i64 = self
            .connection
            .prepare_cached(
                "SELECT count(*) FROM (SELECT member FROM member WHERE tenant_id = ?1 AND team = ?2 \
                   ORDER BY member LIMIT ?3) m \
                 WHERE EXISTS (SELECT 1 FROM resource r WHERE r.k = m.member AND r.kind = ?4) \
                    OR EXISTS (SELECT 1 FROM tombstone d WHERE d.tenant_id = ?1 AND d.k = m.member AND d.kind = ?4)",
            )?
            .query_row(params![tenant.0, k, limit, rows::TEAM], |row| row.get(0))?;
        self.connection
            .prepare_cached(
                "UPDATE resource SET left_team = 1 WHERE left_team = 0 AND k IN \
                   (SELECT member FROM member WHERE tenant_id = ?1 AND team = ?2 ORDER BY member LIMIT ?3)",
            )?
            .execute(params![tenant.0, k, limit])?;
        // The events that told of the members' coming stay in their timelines.
        self.connection
            .prepare_cached(
                "INSERT OR IGNORE INTO former_member \
                 SELECT tenant_id, member, since FROM member WHERE tenant_id = ?1 AND team = ?2 \
                   AND since <> 0 AND member IN \
                   (SELECT member FROM member WHERE tenant_id = ?1 AND team = ?2 ORDER BY member LIMIT ?3)",
            )?
            .execute(params![tenant.0, k, limit])?;
        let of_team = self
            .connection
            .prepare_cached(
                "DELETE FROM member WHERE tenant_id = ?1 AND team = ?2 AND member IN \
                   (SELECT member FROM member WHERE tenant_id = ?1 AND team = ?2 ORDER BY member LIMIT ?3)",
            )?
            .execute(params![tenant.0, k, limit])?;
        let difference = nested + i64::try_from(as_member).unwrap_or(0);
        if difference != 0 {
            self.tally(tenant)?.nested -= difference;
        }
        Ok(former + as_member + of_team)
    }
}
