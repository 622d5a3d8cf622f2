//! Settings as requests need them, cached and checked by their revision.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock},
};

use rusqlite::{Connection, OptionalExtension, Row, params};
use scim::{Kind, Map, Profile, Registry, ResourceType, Value};

use super::rows;
use crate::{
    Caller, Cause, ConnectionId, Denied, HashedToken, Identifier, PlainToken, Refusal, Scopes,
    StoreError, Tenant, TenantId, TenantState, TokenId, TokenKind, TokenRecord, log::Retention,
    record,
};

/// Callers and resource types known at one revision of the settings.
#[derive(Default)]
pub(super) struct Callers(RwLock<Known>);

#[derive(Default)]
struct Known {
    revision: i64,
    callers: HashMap<(TenantId, TokenId), (HashedToken, Arc<Caller>)>,
    kinds: HashMap<TenantId, Arc<Kinds>>,
}

/// Milliseconds.
const DAY: i64 = 24 * 60 * 60 * 1000;

/// A hostile client cannot grow the cache: only valid tokens enter it, and not more than this.
const MOST: usize = 10_000;

impl Known {
    /// Makes room for what is read at this revision.
    fn renew(&mut self, revision: i64) {
        let full = self.callers.len() >= MOST || self.kinds.len() >= MOST;
        if full || self.revision != revision {
            self.callers.clear();
            self.kinds.clear();
            self.revision = revision;
        }
    }
}

/// The revision of all settings.
pub(super) fn revision(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("SELECT n FROM counter WHERE name = 'revision'")?
        .query_row([], |row| row.get(0))
}

impl Callers {
    /// Who presents this token, if it is valid now. Reads one number when nothing has changed.
    pub(super) fn caller(
        &self,
        connection: &Connection,
        token: &PlainToken,
        address: Option<IpAddr>,
        now: i64,
    ) -> Result<Result<Arc<Caller>, Denied>, StoreError> {
        let revision = revision(connection)?;
        let hash = token.hash();
        let cached = {
            let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
            (known.revision == revision)
                .then(|| known.callers.get(&(token.tenant(), token.token())).cloned())
                .flatten()
        };
        let caller = match cached {
            Some((stored, caller)) if stored.matches(&hash) => caller,
            _ => {
                let kinds = |tenant| self.kinds(connection, tenant);
                let Some((stored, caller)) =
                    load(connection, token.tenant(), token.token(), revision, kinds)?
                else {
                    return Ok(Err(unauthorized(Cause::TokenUnknown).into()));
                };
                if !stored.matches(&hash) || caller.token.kind != token.kind() {
                    return Ok(Err(unauthorized(Cause::TokenUnknown).into()));
                }
                let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
                known.renew(revision);
                let key = (token.tenant(), token.token());
                known.callers.insert(key, (stored, caller.clone()));
                caller
            }
        };
        Ok(match admit(&caller, Address::Of(address), now) {
            Ok(()) => Ok(caller),
            Err(refusal) => Err(Denied {
                refusal,
                caller: Some(caller),
            }),
        })
    }
}

impl Callers {
    /// A tenant's resource types.
    pub(super) fn kinds(
        &self,
        connection: &Connection,
        tenant: TenantId,
    ) -> Result<Arc<Kinds>, StoreError> {
        let revision = revision(connection)?;
        {
            let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if known.revision == revision
                && let Some(kinds) = known.kinds.get(&tenant)
            {
                return Ok(kinds.clone());
            }
        }
        let kinds = Arc::new(kinds(connection, tenant)?);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.renew(revision);
        known.kinds.insert(tenant, kinds.clone());
        Ok(kinds)
    }
}

/// The one answer to every token that is not good; only the cause tells why.
fn unauthorized(cause: Cause) -> Refusal {
    Refusal::new(
        cause,
        Kind::Unauthorized,
        "The bearer token is not valid here. Paste the token again, or create a new one for \
         this connection and paste that into the identity provider.",
    )
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Address {
    /// This address, if one is known.
    Of(Option<IpAddr>),
    /// One that was found good when the request arrived.
    Checked,
}

impl Address {
    fn is_in(self, networks: &[String]) -> bool {
        match self {
            Address::Checked => true,
            Address::Of(address) => {
                let contains = |network: &String| {
                    address.is_some_and(|it| crate::token::network_contains(network, it))
                };
                networks.is_empty() || networks.iter().any(contains)
            }
        }
    }
}

/// Whether a token is good now: what it says itself, its tenant and its connection.
pub(super) fn admit(caller: &Caller, address: Address, now: i64) -> Result<(), Refusal> {
    let token = &caller.token;
    if token.revoked.is_some() {
        return Err(unauthorized(Cause::TokenRevoked));
    }
    if token.expires.is_some_and(|expires| expires <= now) {
        return Err(unauthorized(Cause::TokenExpired));
    }
    if !address.is_in(&token.addresses) {
        return Err(unauthorized(Cause::AddressNotAllowed));
    }
    match caller.tenant.as_deref().map(|tenant| tenant.state) {
        Some(TenantState::Deleting) => return Err(unauthorized(Cause::TokenUnknown)),
        Some(TenantState::Suspended) => {
            return Err(Refusal::new(
                Cause::TenantSuspended,
                Kind::Forbidden,
                "This tenant is suspended by the operator of the service. Nothing was changed; \
                 ask them to resume it.",
            ));
        }
        Some(TenantState::Active) | None => {}
    }
    if let Some(connection) = &caller.connection
        && connection.paused
    {
        return Err(Refusal::new(
            Cause::ConnectionPaused,
            Kind::Unavailable,
            format!(
                "Provisioning through the connection \"{}\" is paused. Nothing was changed; \
                 try again after it was resumed.",
                connection.name
            ),
        ));
    }
    Ok(())
}

/// A known caller as it is now; an unknown token is a revoked one.
pub(super) fn reload(
    connection: &Connection,
    caller: &Caller,
    revision: i64,
) -> Result<Arc<Caller>, StoreError> {
    let kinds = |tenant| Ok(Arc::new(kinds(connection, tenant)?));
    let current = load(
        connection,
        caller.token.tenant,
        caller.token.id,
        revision,
        kinds,
    )?;
    Ok(current.map_or_else(
        || {
            let mut gone = caller.clone();
            gone.token.revoked = Some(0);
            Arc::new(gone)
        },
        |(_, caller)| caller,
    ))
}

fn load(
    connection: &Connection,
    tenant: TenantId,
    token: TokenId,
    revision: i64,
    kinds: impl FnOnce(TenantId) -> Result<Arc<Kinds>, StoreError>,
) -> Result<Option<(HashedToken, Arc<Caller>)>, StoreError> {
    let found = connection
        .prepare_cached(&format!(
            "SELECT {TOKEN}, t.hash FROM token t LEFT JOIN token_use u
               ON u.tenant_id = t.tenant_id AND u.token_id = t.id
             WHERE t.tenant_id = ?1 AND t.id = ?2"
        ))?
        .query_row(params![tenant.0, token.0], |row| {
            Ok((token_record(row)?, HashedToken(row.get(15)?)))
        })
        .optional()?;
    let Some((record, hash)) = found else {
        return Ok(None);
    };
    let tenant = match record.tenant {
        TenantId::SYSTEM => None,
        id => match tenant_by_id(connection, id)? {
            Some(tenant) => Some(Arc::new(tenant)),
            None => return Ok(None),
        },
    };
    let link = match record.connection {
        Some(id) => connections(connection, record.tenant)?
            .into_iter()
            .find(|link| link.id == id)
            .map(Arc::new),
        None => None,
    };
    let registry = kinds(record.tenant)?.registry.clone();
    let caller = Caller {
        tenant,
        connection: link,
        token: record,
        registry,
        revision,
    };
    Ok(Some((hash, Arc::new(caller))))
}

/// Columns that [`token_record`] reads.
pub(super) const TOKEN: &str = "t.tenant_id, t.id, t.connection_id, t.kind, t.purpose, t.scopes, \
     t.last4, t.addresses, t.created, t.created_by, t.expires, t.revoked, u.at, u.address, u.client";

pub(super) fn token_record(row: &Row<'_>) -> rusqlite::Result<TokenRecord> {
    let last_used = match row.get::<_, Option<i64>>(12)? {
        Some(at) => Some(record::LastUse {
            at,
            address: row.get(13)?,
            client: row.get(14)?,
        }),
        None => None,
    };
    Ok(TokenRecord {
        tenant: TenantId(row.get(0)?),
        id: TokenId(row.get(1)?),
        connection: row.get::<_, Option<i64>>(2)?.map(ConnectionId),
        kind: if row.get::<_, i64>(3)? == 0 {
            TokenKind::Scim
        } else {
            TokenKind::Api
        },
        purpose: row.get(4)?,
        scopes: Scopes::from_bits(row.get(5)?),
        last4: row.get(6)?,
        addresses: list(&row.get::<_, String>(7)?),
        created: row.get(8)?,
        created_by: row.get(9)?,
        expires: row.get(10)?,
        revoked: row.get(11)?,
        last_used,
    })
}

fn list(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap_or_default()
}

/// Columns that [`tenant`] reads.
pub(super) const TENANT: &str = "id, key, slug, name, state, created, simulated";

pub(super) fn tenant(row: &Row<'_>) -> rusqlite::Result<Tenant> {
    Ok(Tenant {
        id: TenantId(row.get(0)?),
        key: row.get(1)?,
        slug: row.get(2)?,
        name: row.get(3)?,
        state: match row.get::<_, i64>(4)? {
            0 => TenantState::Active,
            1 => TenantState::Suspended,
            _ => TenantState::Deleting,
        },
        created: row.get(5)?,
        simulated: row.get(6)?,
    })
}

pub(super) fn tenant_by_id(
    connection: &Connection,
    id: TenantId,
) -> Result<Option<Tenant>, StoreError> {
    Ok(connection
        .prepare_cached(&format!("SELECT {TENANT} FROM tenant WHERE id = ?1"))?
        .query_row([id.0], tenant)
        .optional()?)
}

pub(super) fn connections(
    connection: &Connection,
    tenant: TenantId,
) -> Result<Vec<record::Connection>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, name, idp, profile, identifier, domains, reactivation, unique_team_names, \
                paused, created, log_days, log_body_days FROM connection WHERE tenant_id = ?1 ORDER BY id",
    )?;
    let links = statement.query_map([tenant.0], |row| {
        Ok(record::Connection {
            id: ConnectionId(row.get(0)?),
            tenant,
            name: row.get(1)?,
            idp: row.get(2)?,
            profile: Profile::named(&row.get::<_, String>(3)?).unwrap_or(Profile::GENERIC),
            identifier: row
                .get::<_, String>(4)?
                .parse()
                .unwrap_or(Identifier::UserName),
            domains: list(&row.get::<_, String>(5)?),
            reactivation: row.get(6)?,
            unique_team_names: row.get(7)?,
            paused: row.get(8)?,
            created: row.get(9)?,
            log_days: row.get(10)?,
            log_body_days: row.get(11)?,
        })
    })?;
    Ok(links.collect::<Result<_, _>>()?)
}

/// Connections whose requests are kept for a time of their own.
pub(super) fn log_retentions(connection: &Connection) -> Result<Vec<Retention>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT tenant_id, id, log_days, log_body_days FROM connection \
         WHERE log_days IS NOT NULL OR log_body_days IS NOT NULL",
    )?;
    let found = statement.query_map([], |row| {
        let millis = |days: Option<u16>| days.map(|days| i64::from(days) * DAY);
        Ok(Retention {
            tenant: TenantId(row.get(0)?),
            connection: ConnectionId(row.get(1)?),
            entries_ms: millis(row.get(2)?),
            bodies_ms: millis(row.get(3)?),
        })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// A tenant's resource types with their numbers.
#[derive(Debug, Clone)]
pub(super) struct Kinds {
    pub(super) registry: Arc<Registry>,
    custom: HashMap<String, i64>,
}

impl Kinds {
    /// The number of a resource type in `resource.kind`.
    pub(super) fn number(&self, kind: &ResourceType) -> Option<i64> {
        rows::builtin_kind(&kind.name).or_else(|| self.custom.get(&kind.name).copied())
    }

    /// The resource type with this number.
    pub(super) fn by_number(&self, number: i64) -> Option<&Arc<ResourceType>> {
        self.registry
            .resource_types()
            .iter()
            .find(|kind| self.number(kind) == Some(number))
    }
}

/// The custom documents of a tenant in order, with the numbers of its resource types.
pub(super) fn documents(
    connection: &Connection,
    tenant: TenantId,
) -> Result<Vec<(String, Option<i64>, Value)>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, kind, document FROM custom_schema WHERE tenant_id = ?1 ORDER BY position",
    )?;
    let mut found = statement.query([tenant.0])?;
    let mut documents = Vec::new();
    while let Some(row) = found.next()? {
        let text: String = row.get(2)?;
        let document = serde_json::from_str(&text)
            .map_err(|error| StoreError::Corrupt(format!("a schema document: {error}")))?;
        documents.push((row.get(0)?, row.get(1)?, document));
    }
    Ok(documents)
}

/// True for a resource type document, false for a schema. One that adds extensions to a
/// built-in type may leave `endpoint` out.
pub(super) fn is_type(document: &Value) -> bool {
    let members = document.as_object().map(Map::keys);
    members.into_iter().flatten().any(|name| {
        ["endpoint", "schema", "schemaExtensions"]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
    })
}

/// The registry that the documents make.
pub(super) fn registry_of(documents: Vec<Value>) -> Result<Arc<Registry>, scim::Error> {
    if documents.is_empty() {
        return Ok(Registry::builtin());
    }
    let (types, schemas): (Vec<_>, Vec<_>) = documents.into_iter().partition(is_type);
    Registry::with_custom(&schemas, &types).map(Arc::new)
}

/// A tenant's resource types.
pub(super) fn kinds(connection: &Connection, tenant: TenantId) -> Result<Kinds, StoreError> {
    let documents = documents(connection, tenant)?;
    let custom = documents
        .iter()
        .filter_map(|(id, kind, _)| Some((id.clone(), (*kind)?)))
        .collect();
    let registry = registry_of(
        documents
            .into_iter()
            .map(|(_, _, document)| document)
            .collect(),
    )
    .map_err(|error| StoreError::Corrupt(format!("a stored schema: {error}")))?;
    Ok(Kinds { registry, custom })
}
