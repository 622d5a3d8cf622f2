//! What a change of settings relies on, such as "no two users share an e-mail address".
//!
//! To look at every resource takes longer than the writer may be held. So a claim is proved in a
//! snapshot beside it, and the transaction that relies on it looks only at what changed since:
//! every change of a resource has an event, so these are the resources of the events after the
//! snapshot's last. Are they too many, the proof is brought up to date beside the writer first.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, params};
use scim::{ResourceType, fold::fold, resource::primary_email};

use super::{
    Shared, caller, get,
    keys::{self, bounded},
    rows::{self, Resource},
};
use crate::{Id, StoreError, TenantId};

/// Events after a proof that a transaction may look at: some milliseconds.
pub(super) const FEW: i64 = 500;

/// How many contradictions are looked for; a refusal names fewer.
const SOUGHT: u32 = 11;

/// Something that is to be true of every resource of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Claim {
    /// A primary e-mail leads to one user only, also by userName.
    UniqueEmails,
    /// No two users have the same externalId.
    UniqueExternalIds,
    /// No two teams have the same displayName.
    UniqueTeamNames,
    /// No resource has attributes of the schema with this URN.
    Unmentioned(String),
}

/// What was found of a claim.
#[derive(Debug, Clone)]
pub(super) struct Proof {
    pub(super) claim: Claim,
    /// It was so after the tenant's event with this number.
    pub(super) seq: i64,
    /// What contradicts it, some of it; empty if it holds.
    pub(super) against: Vec<String>,
}

/// Looks whether a claim holds, in a snapshot of its own: at everything, or only at what changed
/// since an earlier proof that it does.
pub(super) fn prove(
    shared: &Shared,
    tenant: TenantId,
    claim: Claim,
    earlier: Option<&Proof>,
) -> Result<Proof, StoreError> {
    let connection = shared.reader()?;
    connection.execute_batch("BEGIN")?;
    let proof = examine(&connection, tenant, claim, earlier);
    // A connection that cannot end its transaction is not used again.
    if connection.execute_batch("COMMIT").is_ok() {
        shared.give_back(connection);
    }
    proof
}

fn examine(
    connection: &Connection,
    tenant: TenantId,
    claim: Claim,
    earlier: Option<&Proof>,
) -> Result<Proof, StoreError> {
    let seq = connection
        .prepare_cached("SELECT seq FROM tenant_tally WHERE tenant_id = ?1")?
        .query_row([tenant.0], |row| row.get(0))
        .optional()?
        .unwrap_or(0);
    let against = match earlier {
        Some(proof) => claim.against_changed(connection, tenant, proof.seq)?,
        None => claim.against_all(connection, tenant)?,
    };
    Ok(Proof {
        claim,
        seq,
        against,
    })
}

impl Claim {
    /// What contradicts it among all resources.
    fn against_all(
        &self,
        connection: &Connection,
        tenant: TenantId,
    ) -> Result<Vec<String>, StoreError> {
        let twins = |kind: i64, attribute: &str, primary_only: bool| {
            texts(
                connection,
                "SELECT value FROM search_key WHERE tenant_id = ?1 AND kind = ?2 AND attribute = ?3 \
                   AND main >= ?4 GROUP BY value HAVING count(*) > 1 LIMIT ?5",
                params![tenant.0, kind, attribute, primary_only, SOUGHT],
            )
        };
        match self {
            Claim::UniqueExternalIds => twins(rows::USER, keys::EXTERNAL_ID, false),
            Claim::UniqueTeamNames => twins(rows::TEAM, keys::DISPLAY_NAME, false),
            Claim::UniqueEmails => {
                let mut against = twins(rows::USER, keys::EMAIL, true)?;
                against.extend(crossed(connection, tenant)?);
                Ok(against)
            }
            Claim::Unmentioned(urn) => texts(
                connection,
                "SELECT display FROM resource WHERE tenant_id = ?1 \
                   AND (instr(doc, ?2) > 0 OR instr(rest, ?2) > 0) LIMIT 1",
                params![tenant.0, urn],
            ),
        }
    }

    /// What contradicts it, if nothing did up to the event `after`: one of the two must have
    /// changed since.
    pub(super) fn against_changed(
        &self,
        connection: &Connection,
        tenant: TenantId,
        after: i64,
    ) -> Result<Vec<String>, StoreError> {
        let kinds = caller::kinds(connection, tenant)?;
        let mut changed = connection
            .prepare_cached("SELECT type, resource FROM event WHERE tenant_id = ?1 AND seq > ?2")?;
        let mut changed = changed.query(params![tenant.0, after])?;
        let (mut seen, mut against) = (HashSet::new(), Vec::new());
        while let Some(row) = changed.next()? {
            let (name, id): (String, _) = (row.get(0)?, Id(row.get(1)?));
            let kind = kinds.registry.by_name(&name);
            let (Some(kind), true) = (kind, seen.insert(id)) else {
                continue;
            };
            if let Some(number) = kinds.number(kind)
                && self.concerns(number)
                && let Some(resource) = get::resource(connection, tenant, number, id)?
            {
                against.extend(self.against(connection, tenant, (kind, number), &resource)?);
            }
            if against.len() >= SOUGHT as usize {
                break;
            }
        }
        Ok(against)
    }

    fn concerns(&self, number: i64) -> bool {
        match self {
            Claim::UniqueEmails | Claim::UniqueExternalIds => number == rows::USER,
            Claim::UniqueTeamNames => number == rows::TEAM,
            Claim::Unmentioned(_) => true,
        }
    }

    /// What of one resource contradicts it.
    fn against(
        &self,
        connection: &Connection,
        tenant: TenantId,
        (kind, number): (&ResourceType, i64),
        resource: &Resource,
    ) -> Result<Option<String>, StoreError> {
        let attribute = match self {
            Claim::UniqueEmails => keys::EMAIL,
            Claim::UniqueExternalIds => keys::EXTERNAL_ID,
            Claim::UniqueTeamNames => keys::DISPLAY_NAME,
            Claim::Unmentioned(urn) => {
                let finder = memchr::memmem::Finder::new(urn);
                let halves = [Some(&resource.doc), resource.rest.as_ref()];
                let mentions = halves
                    .into_iter()
                    .flatten()
                    .any(|it| finder.find(it).is_some());
                return Ok(mentions.then(|| resource.display.clone()));
            }
        };
        let emails = *self == Claim::UniqueEmails;
        let held = |value: &str| -> Result<bool, StoreError> {
            Ok(connection
                .prepare_cached(
                    "SELECT 1 FROM search_key WHERE tenant_id = ?1 AND kind = ?2 \
                       AND attribute = ?3 AND value = ?4 AND k <> ?5 AND main >= ?6",
                )?
                .exists(params![
                    tenant.0, number, attribute, value, resource.k, emails
                ])?)
        };
        let attributes = resource.attributes()?;
        for key in keys::keys_of(kind, &attributes) {
            if key.attribute == attribute && key.main >= emails && held(&key.value)? {
                return Ok(Some(key.value));
            }
        }
        if !emails {
            return Ok(None);
        }
        if let Some(name) = &resource.name
            && held(&bounded(name.into()))?
        {
            return Ok(Some(name.clone()));
        }
        match primary_email(&attributes).map(fold) {
            Some(email) if is_name(connection, tenant, &email, resource.k)? => {
                Ok(Some(email.into_owned()))
            }
            _ => Ok(None),
        }
    }
}

/// Primary e-mails that are the userName of another user.
fn crossed(connection: &Connection, tenant: TenantId) -> Result<Vec<String>, StoreError> {
    let mut crossed = texts(
        connection,
        "SELECT s.value FROM search_key s JOIN resource r \
           ON r.tenant_id = s.tenant_id AND r.kind = s.kind AND r.name = s.value AND r.k <> s.k \
         WHERE s.tenant_id = ?1 AND s.kind = ?2 AND s.attribute = ?3 AND s.main = 1 LIMIT ?4",
        params![tenant.0, rows::USER, keys::EMAIL, SOUGHT],
    )?;
    // A key holds a long value in another form than the name's column.
    let mut long = connection.prepare_cached(
        "SELECT k, name FROM resource WHERE tenant_id = ?1 AND kind = ?2 AND octet_length(name) > ?3",
    )?;
    let mut long = long.query(params![tenant.0, rows::USER, keys::LONGEST as i64])?;
    let mut held = connection.prepare_cached(
        "SELECT 1 FROM search_key WHERE tenant_id = ?1 AND kind = ?2 AND attribute = ?3 \
           AND value = ?4 AND k <> ?5 AND main = 1",
    )?;
    while let Some(row) = long.next()? {
        let (k, name): (i64, String) = (row.get(0)?, row.get(1)?);
        let key = bounded((&*name).into());
        if held.exists(params![tenant.0, rows::USER, keys::EMAIL, key, k])? {
            crossed.push(name);
        }
    }
    Ok(crossed)
}

/// True if another user has this folded userName.
fn is_name(
    connection: &Connection,
    tenant: TenantId,
    name: &str,
    except: i64,
) -> Result<bool, StoreError> {
    Ok(connection
        .prepare_cached(
            "SELECT 1 FROM resource WHERE tenant_id = ?1 AND kind = ?2 AND name = ?3 AND k <> ?4",
        )?
        .exists(params![tenant.0, rows::USER, name, except])?)
}

fn texts(
    connection: &Connection,
    sql: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<String>, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_map(values, |row| row.get(0))?;
    Ok(found.collect::<Result<_, _>>()?)
}

#[cfg(test)]
pub(super) mod tests;
