//! Sessions and one-time links: open, use up, end.

use rusqlite::params;
use scim::{Error, Kind};

use super::{Decided, Transaction};
use crate::{
    Cause, Holder, Link, LinkId, Origin, Outcome, PasswordHash, Person, PersonId, Purpose, Refusal,
    Secret, Session, SessionId, StoreError, TenantId, people::NewSession, sqlite::people,
};

impl Transaction<'_> {
    /// A session was checked before the change was queued; if settings changed since, it must
    /// still be open, and its holder be who they were.
    pub(super) fn admit_session(&self, session: &Session, tenant: TenantId) -> Decided<()> {
        let forbidden = |detail: &str| Refusal::new(Cause::ScopeMissing, Kind::Forbidden, detail);
        if session.revision != self.revision {
            let current = people::session_by_id(self.connection, session.id)?
                .filter(|current| current.is_open(self.now));
            let same = current.is_some_and(|current| current.holder == session.holder);
            if !same {
                return Err(forbidden(
                    "The session was ended or the role changed meanwhile. Nothing was done; sign in again.",
                )
                .into());
            }
        }
        let covered = match &session.holder {
            Holder::Person(person) => tenant == TenantId::SYSTEM || person.covers(tenant),
            Holder::Setup { tenant: own, .. } => tenant == *own,
        };
        if covered {
            return Ok(());
        }
        Err(Error::not_found("There is no such tenant.").into())
    }

    pub(super) fn create_link(
        &mut self,
        origin: &Origin,
        purpose: Purpose,
        expires: i64,
    ) -> Decided<Outcome> {
        if expires <= self.now {
            return Err(Error::invalid_value(
                "The link would be expired already. Choose a later time.",
            )
            .into());
        }
        let (kind, person, tenant, connection) = match purpose {
            Purpose::SignIn(person) => (0, Some(person), None, None),
            Purpose::Invite(person) => (1, Some(person), None, None),
            Purpose::Setup(tenant, connection) => (2, None, Some(tenant), Some(connection)),
        };
        if let Some(person) = person {
            self.person_record(person)?;
        }
        if let Purpose::Invite(person) = purpose {
            // Only the newest invitation is good: an older one may have gone astray.
            self.revoke_links("person_id = ?1 AND kind = 1", person)?;
        }
        if let (Some(tenant), Some(connection)) = (tenant, connection) {
            self.connection_record(tenant, connection)?;
        }
        let secret = Secret::generate();
        let id = self
            .connection
            .prepare_cached(
                "INSERT INTO link (hash, kind, person_id, tenant_id, connection_id, created, \
                   created_by, expires) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .insert(params![
                secret.hash().0,
                kind,
                person.map(|id| id.0),
                tenant.map(|id| id.0),
                connection.map(|id| id.0),
                self.now,
                origin.actor.name(),
                expires,
            ])?;
        let link = Link {
            id: LinkId(id),
            purpose,
            created: self.now,
            created_by: origin.actor.name(),
            expires,
            used: None,
            revoked: None,
        };
        Ok(Outcome::Link(link, secret))
    }

    pub(super) fn revoke_link(&mut self, id: LinkId) -> Decided<Outcome> {
        people::link_by_id(self.connection, id)?
            .ok_or_else(|| Error::not_found("There is no such link."))?;
        let ended = self
            .connection
            .prepare_cached("UPDATE link SET revoked = ?2 WHERE id = ?1 AND revoked IS NULL")?
            .execute(params![id.0, self.now])?;
        self.end_sessions("link_id = ?1", id.0)?;
        Ok(Outcome::Done(ended))
    }

    /// Takes back a person's links that nobody has used, of those that `condition` finds.
    pub(super) fn revoke_links(&self, condition: &str, person: PersonId) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(&format!(
                "UPDATE link SET revoked = ?2 \
                 WHERE {condition} AND used IS NULL AND revoked IS NULL"
            ))?
            .execute(params![person.0, self.now])?;
        Ok(())
    }

    /// Uses a link up; with it, an invited person's password is set.
    pub(super) fn use_link(
        &mut self,
        secret: &Secret,
        password: Option<&PasswordHash>,
        session: &NewSession,
    ) -> Decided<Outcome> {
        let link = people::link(self.connection, &secret.hash())?
            .filter(|link| link.is_good(self.now))
            .ok_or_else(link_is_spent)?;
        let (holder, chosen) = match link.purpose {
            Purpose::SignIn(id) => (Holder::Person(self.person_record(id)?), None),
            Purpose::Invite(id) => {
                let mut person = self.person_record(id)?;
                // An invitation lets somebody in; it is no way to set a password anew.
                if person.has_password {
                    return Err(link_is_spent().into());
                }
                let hash = password.ok_or_else(|| {
                    Error::invalid_value("An invitation needs a password. Choose one.")
                })?;
                person.has_password = true;
                (Holder::Person(person), Some((id, hash)))
            }
            Purpose::Setup(tenant, connection) => {
                self.connection_record(tenant, connection)?;
                let link = link.id;
                let holder = Holder::Setup {
                    tenant,
                    connection,
                    link,
                };
                (holder, None)
            }
        };
        self.connection
            .prepare_cached("UPDATE link SET used = ?2 WHERE id = ?1")?
            .execute(params![link.id.0, self.now])?;
        if let Some((id, hash)) = chosen {
            self.write_password(id, hash)?;
        }
        Ok(self.open_session(holder, Some(link.id), session)?)
    }

    pub(super) fn sign_in(
        &mut self,
        id: PersonId,
        password: Option<&PasswordHash>,
        session: &NewSession,
    ) -> Decided<Outcome> {
        let holder = Holder::Person(self.person_record(id)?);
        let same = self
            .connection
            .prepare_cached("SELECT 1 FROM person WHERE id = ?1 AND password IS ?2")?
            .exists(params![id.0, password.map(|hash| &hash.0)])?;
        if !same {
            return Err(Error::new(
                Kind::PreconditionFailed,
                "The password was changed meanwhile. Sign in with the new one.",
            )
            .into());
        }
        Ok(self.open_session(holder, None, session)?)
    }

    fn open_session(
        &mut self,
        holder: Holder,
        link: Option<LinkId>,
        new: &NewSession,
    ) -> Result<Outcome, StoreError> {
        let secret = Secret::generate();
        let (person, setup) = match &holder {
            Holder::Person(person) => (Some(person.id.0), None),
            Holder::Setup {
                tenant, connection, ..
            } => (None, Some((tenant.0, connection.0))),
        };
        let expires = self.now.saturating_add(new.lifetime);
        let id = self
            .connection
            .prepare_cached(
                "INSERT INTO session (hash, person_id, tenant_id, connection_id, link_id, created, \
                   last_seen, idle, expires, address, client) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7, ?8, ?9, ?10)",
            )?
            .insert(params![
                secret.hash().0,
                person,
                setup.map(|(tenant, _)| tenant),
                setup.map(|(_, connection)| connection),
                link.map(|link| link.0),
                self.now,
                new.idle,
                expires,
                new.address,
                new.client,
            ])?;
        let session = Session {
            id: SessionId(id),
            holder,
            created: self.now,
            last_seen: self.now,
            idle: new.idle,
            expires,
            address: new.address.clone(),
            client: new.client.clone(),
            revoked: None,
            revision: self.revision,
        };
        Ok(Outcome::Session(session, secret))
    }

    pub(super) fn end_session(&mut self, id: SessionId) -> Decided<Outcome> {
        let ended = self.end_sessions("id = ?1", id.0)?;
        Ok(Outcome::Done(ended))
    }

    /// Ends the open sessions that `condition` finds by one number.
    pub(super) fn end_sessions(
        &mut self,
        condition: &str,
        number: i64,
    ) -> Result<usize, StoreError> {
        let ended = self
            .connection
            .prepare_cached(&format!(
                "UPDATE session SET revoked = ?2 WHERE {condition} AND revoked IS NULL"
            ))?
            .execute(params![number, self.now])?;
        if ended > 0 {
            self.revise();
        }
        Ok(ended)
    }

    pub(super) fn note_session_use(
        &mut self,
        uses: &[(SessionId, i64, String)],
    ) -> Decided<Outcome> {
        for (id, at, address) in uses {
            self.connection
                .prepare_cached(
                    "UPDATE session SET last_seen = ?2, address = ?3 \
                     WHERE id = ?1 AND last_seen < ?2",
                )?
                .execute(params![id.0, at, address])?;
        }
        Ok(Outcome::Done(uses.len()))
    }

    /// A person there is.
    pub(super) fn person_record(&self, id: PersonId) -> Decided<Person> {
        Ok(people::person_by_id(self.connection, id)?
            .ok_or_else(|| Error::not_found("There is no such person."))?)
    }
}

fn link_is_spent() -> Refusal {
    Refusal::new(
        Cause::NotFound,
        Kind::NotFound,
        "This link was used, taken back, or is too old. Ask for a new one.",
    )
}
