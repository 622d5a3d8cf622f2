//! Lists and sums over tenants, with conditions that come one by one: tokens, the audit, totals.

use rusqlite::{Connection, ToSql, params_from_iter};
use scim::Value;

use super::{caller, rows};
use crate::{AuditEntry, AuditQuery, StoreError, TenantId, TokenQuery, TokenRecord, Totals};

/// Conditions of a query that is put together, each with its values.
struct Conditions {
    text: String,
    values: Vec<Box<dyn ToSql>>,
}

impl Conditions {
    fn new() -> Self {
        Self {
            text: "WHERE 1".into(),
            values: Vec::new(),
        }
    }

    /// `condition` has one `?` for each of the values.
    fn and(&mut self, condition: &str, values: impl IntoIterator<Item = Box<dyn ToSql>>) {
        self.text.push_str(" AND ");
        self.text.push_str(condition);
        self.values.extend(values);
    }

    fn tenants(&mut self, column: &str, tenants: Option<&[TenantId]>) {
        if let Some(tenants) = tenants {
            let ids: Vec<i64> = tenants.iter().map(|tenant| tenant.0).collect();
            let list = serde_json::Value::from(ids).to_string();
            self.and(
                &format!("{column} IN (SELECT value FROM json_each(?))"),
                [Box::new(list) as _],
            );
        }
    }
}

fn limit(limit: usize) -> Box<dyn ToSql> {
    Box::new(i64::try_from(limit).unwrap_or(i64::MAX))
}

pub(super) fn totals(
    connection: &Connection,
    tenants: Option<&[TenantId]>,
) -> Result<Totals, StoreError> {
    let count = |what: &str, column: &str, condition: &str| {
        let mut conditions = Conditions::new();
        conditions.tenants(column, tenants);
        let query = format!("SELECT {what} {} {condition}", conditions.text);
        let found: i64 = connection
            .prepare_cached(&query)?
            .query_row(params_from_iter(conditions.values), |row| row.get(0))?;
        Ok::<_, StoreError>(u64::try_from(found).unwrap_or(0))
    };
    // What a tenant that is being deleted still has goes on counting until it is gone.
    let resources = |kind: i64| {
        let condition = format!("AND kind = {kind}");
        count("coalesce(sum(n), 0) FROM tally", "tenant_id", &condition)
    };
    Ok(Totals {
        tenants: count("count(*) FROM tenant", "id", "AND state < 2")?,
        connections: count("count(*) FROM connection", "tenant_id", "")?,
        users: resources(rows::USER)?,
        teams: resources(rows::TEAM)?,
    })
}

pub(super) fn find_tokens(
    connection: &Connection,
    query: &TokenQuery,
) -> Result<Vec<TokenRecord>, StoreError> {
    let mut conditions = Conditions::new();
    conditions.tenants("t.tenant_id", query.tenants.as_deref());
    if !query.revoked {
        conditions.and("t.revoked IS NULL", []);
    }
    if let Some(since) = query.unused_since {
        conditions.and("coalesce(u.at, t.created) < ?", [Box::new(since) as _]);
    }
    if query.without_expiry {
        conditions.and("t.expires IS NULL", []);
    }
    if let Some((from, to)) = query.expiring {
        conditions.and(
            "t.expires > ? AND t.expires <= ?",
            [Box::new(from) as _, Box::new(to) as _],
        );
    }
    if let Some((created, tenant, token)) = query.after {
        conditions.and(
            "(t.created, t.tenant_id, t.id) < (?, ?, ?)",
            [
                Box::new(created) as _,
                Box::new(tenant.0) as _,
                Box::new(token.0) as _,
            ],
        );
    }
    conditions.values.push(limit(query.limit));
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {} FROM token t LEFT JOIN token_use u \
           ON u.tenant_id = t.tenant_id AND u.token_id = t.id {} \
         ORDER BY t.created DESC, t.tenant_id DESC, t.id DESC LIMIT ?",
        caller::TOKEN,
        conditions.text
    ))?;
    let found = statement.query_map(params_from_iter(conditions.values), caller::token_record)?;
    Ok(found.collect::<Result<_, _>>()?)
}

pub(super) fn audit(
    connection: &Connection,
    query: &AuditQuery,
) -> Result<Vec<AuditEntry>, StoreError> {
    let mut conditions = Conditions::new();
    conditions.tenants("tenant_id", query.tenants.as_deref());
    if let Some(actor) = &query.actor {
        conditions.and("actor = ?", [Box::new(actor.clone()) as _]);
    }
    if let Some(action) = &query.action {
        conditions.and(
            "substr(action, 1, length(?)) = ?",
            [Box::new(action.clone()) as _, Box::new(action.clone()) as _],
        );
    }
    if let Some(object) = &query.object {
        conditions.and("object = ?", [Box::new(object.clone()) as _]);
    }
    if let Some(since) = query.since {
        conditions.and("at >= ?", [Box::new(since) as _]);
    }
    if let Some(until) = query.until {
        conditions.and("at < ?", [Box::new(until) as _]);
    }
    if let Some(before) = query.before {
        conditions.and("id < ?", [Box::new(before) as _]);
    }
    conditions.values.push(limit(query.limit));
    let mut statement = connection.prepare_cached(&format!(
        "SELECT id, at, actor, action, object, tenant_id, tenant_key, detail, address, request \
         FROM audit {} ORDER BY id DESC LIMIT ?",
        conditions.text
    ))?;
    let found = statement.query_map(params_from_iter(conditions.values), |row| {
        let detail: String = row.get(7)?;
        let mut detail: Value = serde_json::from_str(&detail).unwrap_or_default();
        Ok(AuditEntry {
            id: row.get(0)?,
            at: row.get(1)?,
            actor: row.get(2)?,
            action: row.get(3)?,
            object: row.get(4)?,
            tenant: TenantId(row.get(5)?),
            tenant_key: row.get(6)?,
            before: detail["before"].take(),
            after: detail["after"].take(),
            address: row.get(8)?,
            request: crate::RequestId(row.get(9)?),
        })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}
