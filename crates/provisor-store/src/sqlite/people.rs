//! Rows of people, sessions and links.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};
use scim::fold::fold;

use super::caller;
use crate::{
    ConnectionId, HashedToken, Holder, Link, LinkId, PasswordHash, Person, PersonId, Purpose, Role,
    Secret, Session, SessionId, StoreError, TenantId, people::Presence,
};

const PERSON: &str = "p.id, p.email, p.name, p.role, p.tenants, p.password IS NOT NULL, p.created";
const LINK: &str =
    "id, kind, person_id, tenant_id, connection_id, created, created_by, expires, used, revoked";

fn person_at(row: &Row<'_>, at: usize) -> rusqlite::Result<Person> {
    let tenants: Option<String> = row.get(at + 4)?;
    let role = usize::try_from(row.get::<_, i64>(at + 3)?).ok();
    Ok(Person {
        id: PersonId(row.get(at)?),
        email: row.get(at + 1)?,
        name: row.get(at + 2)?,
        // What cannot be read may do the least.
        role: *role
            .and_then(|number| Role::ALL.get(number))
            .unwrap_or(&Role::Auditor),
        tenants: tenants.map(|list| {
            let ids: Vec<i64> = serde_json::from_str(&list).unwrap_or_default();
            ids.into_iter().map(TenantId).collect()
        }),
        has_password: row.get(at + 5)?,
        created: row.get(at + 6)?,
    })
}

fn link_row(row: &Row<'_>) -> rusqlite::Result<Link> {
    let person = PersonId(row.get::<_, Option<i64>>(2)?.unwrap_or(0));
    Ok(Link {
        id: LinkId(row.get(0)?),
        purpose: match row.get::<_, i64>(1)? {
            0 => Purpose::SignIn(person),
            1 => Purpose::Invite(person),
            _ => Purpose::Setup(TenantId(row.get(3)?), ConnectionId(row.get(4)?)),
        },
        created: row.get(5)?,
        created_by: row.get(6)?,
        expires: row.get(7)?,
        used: row.get(8)?,
        revoked: row.get(9)?,
    })
}

fn session_row(row: &Row<'_>, revision: i64) -> rusqlite::Result<Session> {
    let holder = match row.get::<_, Option<i64>>(9)? {
        Some(_) => Holder::Person(person_at(row, 12)?),
        None => Holder::Setup {
            tenant: TenantId(row.get(10)?),
            connection: ConnectionId(row.get(11)?),
            link: LinkId(row.get(8)?),
        },
    };
    Ok(Session {
        id: SessionId(row.get(0)?),
        holder,
        created: row.get(1)?,
        last_seen: row.get(2)?,
        idle: row.get(3)?,
        expires: row.get(4)?,
        address: row.get(5)?,
        client: row.get(6)?,
        revoked: row.get(7)?,
        revision,
    })
}

fn sessions_where(
    connection: &Connection,
    condition: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<Session>, StoreError> {
    let revision = caller::revision(connection)?;
    let mut statement = connection.prepare_cached(&format!(
        "SELECT s.id, s.created, s.last_seen, s.idle, s.expires, s.address, s.client, s.revoked, \
           s.link_id, s.person_id, s.tenant_id, s.connection_id, {PERSON} \
         FROM session s LEFT JOIN person p ON p.id = s.person_id {condition}"
    ))?;
    let found = statement.query_map(values, |row| session_row(row, revision))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// The session with this hash, open or not.
pub(super) fn session(
    connection: &Connection,
    hash: &HashedToken,
) -> Result<Option<Session>, StoreError> {
    // A removed person's sessions are revoked, and so are not read here.
    let condition = "WHERE s.hash = ?1 AND s.revoked IS NULL";
    Ok(sessions_where(connection, condition, [hash.0])?.pop())
}

/// A session that is not revoked, by its number.
pub(super) fn session_by_id(
    connection: &Connection,
    id: SessionId,
) -> Result<Option<Session>, StoreError> {
    let condition = "WHERE s.id = ?1 AND s.revoked IS NULL";
    Ok(sessions_where(connection, condition, [id.0])?.pop())
}

pub(super) fn open_session(
    connection: &Connection,
    secret: &Secret,
    now: i64,
) -> Result<Option<Arc<Session>>, StoreError> {
    let found = session(connection, &secret.hash())?;
    Ok(found.filter(|session| session.is_open(now)).map(Arc::new))
}

pub(super) fn sessions(
    connection: &Connection,
    person: PersonId,
    now: i64,
) -> Result<Vec<Session>, StoreError> {
    let condition = "WHERE s.person_id = ?1 AND s.revoked IS NULL ORDER BY s.last_seen DESC, s.id";
    let mut found = sessions_where(connection, condition, [person.0])?;
    found.retain(|session| session.is_open(now));
    Ok(found)
}

pub(super) fn presences(connection: &Connection, now: i64) -> Result<Vec<Presence>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT person_id, max(last_seen), \
           count(*) FILTER (WHERE revoked IS NULL AND expires > ?1 AND last_seen + idle > ?1) \
         FROM session WHERE person_id IS NOT NULL GROUP BY person_id",
    )?;
    let found = statement.query_map([now], |row| {
        Ok(Presence {
            person: PersonId(row.get(0)?),
            last_seen: row.get(1)?,
            sessions: row.get::<_, i64>(2)?.unsigned_abs(),
        })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

pub(super) fn person_links(connection: &Connection) -> Result<Vec<Link>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {LINK} FROM link WHERE person_id IS NOT NULL AND used IS NULL \
           AND revoked IS NULL ORDER BY id DESC"
    ))?;
    let found = statement.query_map([], link_row)?;
    Ok(found.collect::<Result<_, _>>()?)
}

pub(super) fn people(connection: &Connection) -> Result<Vec<Person>, StoreError> {
    let mut statement =
        connection.prepare_cached(&format!("SELECT {PERSON} FROM person p ORDER BY p.folded"))?;
    let found = statement.query_map([], |row| person_at(row, 0))?;
    Ok(found.collect::<Result<_, _>>()?)
}

pub(super) fn person_by_id(
    connection: &Connection,
    id: PersonId,
) -> Result<Option<Person>, StoreError> {
    Ok(connection
        .prepare_cached(&format!("SELECT {PERSON} FROM person p WHERE p.id = ?1"))?
        .query_row([id.0], |row| person_at(row, 0))
        .optional()?)
}

pub(super) fn person_by_email(
    connection: &Connection,
    email: &str,
) -> Result<Option<(Person, Option<PasswordHash>)>, StoreError> {
    Ok(connection
        .prepare_cached(&format!(
            "SELECT {PERSON}, p.password FROM person p WHERE p.folded = ?1"
        ))?
        .query_row([fold(email.trim())], |row| {
            let hash: Option<String> = row.get(7)?;
            Ok((person_at(row, 0)?, hash.map(PasswordHash)))
        })
        .optional()?)
}

pub(super) fn link(
    connection: &Connection,
    hash: &HashedToken,
) -> Result<Option<Link>, StoreError> {
    Ok(connection
        .prepare_cached(&format!("SELECT {LINK} FROM link WHERE hash = ?1"))?
        .query_row([hash.0], link_row)
        .optional()?)
}

pub(super) fn link_by_id(connection: &Connection, id: LinkId) -> Result<Option<Link>, StoreError> {
    Ok(connection
        .prepare_cached(&format!("SELECT {LINK} FROM link WHERE id = ?1"))?
        .query_row([id.0], link_row)
        .optional()?)
}

pub(super) fn setup_links(
    connection: &Connection,
    tenant: TenantId,
    of: ConnectionId,
) -> Result<Vec<Link>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {LINK} FROM link WHERE tenant_id = ?1 AND connection_id = ?2 ORDER BY id DESC"
    ))?;
    let found = statement.query_map(params![tenant.0, of.0], link_row)?;
    Ok(found.collect::<Result<_, _>>()?)
}
