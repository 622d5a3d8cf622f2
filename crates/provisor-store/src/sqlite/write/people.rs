//! People of the console: add, change, remove.

use rusqlite::params;
use scim::{Error, Kind, fold::fold};

use super::{Decided, Transaction};
use crate::{
    Origin, Outcome, PasswordHash, PeopleChange, Person, PersonId, Role, SessionId, StoreError,
    TenantId, sqlite::people,
};

impl Transaction<'_> {
    pub(super) fn people(&mut self, origin: &Origin, change: &PeopleChange) -> Decided<Outcome> {
        match change {
            PeopleChange::Add {
                email,
                name,
                role,
                tenants,
            } => self.add_person(email, name, *role, tenants.as_deref()),
            PeopleChange::Set {
                id,
                name,
                role,
                tenants,
            } => self.set_person(*id, name.as_deref(), *role, tenants.as_ref()),
            PeopleChange::Remove { id } => self.remove_person(*id),
            PeopleChange::SetPassword { id, hash, keep } => self.set_password(*id, hash, *keep),
            PeopleChange::CreateLink { purpose, expires } => {
                self.create_link(origin, *purpose, *expires)
            }
            PeopleChange::RevokeLink { id } => self.revoke_link(*id),
            PeopleChange::UseLink {
                secret,
                password,
                session,
            } => self.use_link(secret, password.as_ref(), session),
            PeopleChange::SignIn {
                id,
                password,
                session,
            } => self.sign_in(*id, password.as_ref(), session),
            PeopleChange::EndSession { id } => self.end_session(*id),
            PeopleChange::NoteUse(uses) => self.note_session_use(uses),
        }
    }

    fn add_person(
        &mut self,
        email: &str,
        name: &str,
        role: Role,
        tenants: Option<&[TenantId]>,
    ) -> Decided<Outcome> {
        let email = email.trim();
        check_email(email)?;
        check_name(name)?;
        if people::person_by_email(self.connection, email)?.is_some() {
            return Err(Error::new(
                Kind::Uniqueness,
                format!("{email} can sign in already. Change that person, or use another e-mail."),
            )
            .into());
        }
        self.check_tenants(role, tenants)?;
        let id = self
            .connection
            .prepare_cached(
                "INSERT INTO person (email, folded, name, role, tenants, created) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .insert(params![
                email,
                fold(email),
                name.trim(),
                role_number(role),
                tenants.map(list),
                self.now
            ])?;
        Ok(Outcome::Person(self.person_record(PersonId(id))?))
    }

    fn set_person(
        &mut self,
        id: PersonId,
        name: Option<&str>,
        role: Option<Role>,
        tenants: Option<&Option<Vec<TenantId>>>,
    ) -> Decided<Outcome> {
        let before = self.person_record(id)?;
        let mut person = before.clone();
        if let Some(name) = name {
            check_name(name)?;
            name.trim().clone_into(&mut person.name);
        }
        person.role = role.unwrap_or(person.role);
        if let Some(tenants) = tenants {
            person.tenants.clone_from(tenants);
        }
        if person == before {
            return Ok(Outcome::Person(person));
        }
        self.check_tenants(person.role, person.tenants.as_deref())?;
        if person.role != Role::Owner {
            self.keep_an_owner(&before)?;
        }
        self.connection
            .prepare_cached("UPDATE person SET name = ?2, role = ?3, tenants = ?4 WHERE id = ?1")?
            .execute(params![
                id.0,
                person.name,
                role_number(person.role),
                person.tenants.as_deref().map(list)
            ])?;
        self.revise();
        Ok(Outcome::Person(person))
    }

    fn remove_person(&mut self, id: PersonId) -> Decided<Outcome> {
        let person = self.person_record(id)?;
        self.keep_an_owner(&person)?;
        self.end_sessions("person_id = ?1", id.0)?;
        for table in ["link WHERE person_id", "person WHERE id"] {
            self.connection
                .prepare_cached(&format!("DELETE FROM {table} = ?1"))?
                .execute([id.0])?;
        }
        self.revise();
        Ok(Outcome::Person(person))
    }

    fn set_password(
        &mut self,
        id: PersonId,
        hash: &PasswordHash,
        keep: Option<SessionId>,
    ) -> Decided<Outcome> {
        self.person_record(id)?;
        self.write_password(id, hash)?;
        let kept = keep.map_or(0, |session| session.0);
        self.end_sessions(&format!("person_id = ?1 AND id <> {kept}"), id.0)?;
        Ok(Outcome::Person(self.person_record(id)?))
    }

    /// Who can reset a password with a link that went astray takes the account, so a password takes
    /// back whatever link is open.
    pub(super) fn write_password(
        &self,
        id: PersonId,
        hash: &PasswordHash,
    ) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("UPDATE person SET password = ?2 WHERE id = ?1")?
            .execute(params![id.0, hash.0])?;
        self.revoke_links("person_id = ?1", id)
    }

    /// Somebody must be able to let others in.
    fn keep_an_owner(&self, leaving: &Person) -> Decided<()> {
        let everybody = people::people(self.connection)?;
        let presences = people::presences(self.connection, self.now)?;
        let links = people::person_links(self.connection)?;
        if !leaving.is_only_owner(&everybody, &presences, &links, self.now) {
            return Ok(());
        }
        Err(Error::invalid_value(format!(
            "{} is the only owner who can sign in. Make somebody else an owner first, with a \
             link that is still good; nothing was changed.",
            leaving.email
        ))
        .into())
    }

    fn check_tenants(&self, role: Role, tenants: Option<&[TenantId]>) -> Decided<()> {
        let Some(tenants) = tenants else {
            return Ok(());
        };
        if role == Role::Owner {
            return Err(Error::invalid_value(
                "An owner has all tenants. Leave the tenants out, or choose another role.",
            )
            .into());
        }
        if tenants.is_empty() {
            return Err(Error::invalid_value(
                "Name at least one tenant, or none to give all of them.",
            )
            .into());
        }
        for tenant in tenants {
            self.tenant_record(*tenant)?;
        }
        Ok(())
    }
}

fn role_number(role: Role) -> i64 {
    let at = Role::ALL.iter().position(|known| *known == role);
    at.and_then(|at| i64::try_from(at).ok()).unwrap_or(i64::MAX)
}

fn list(tenants: &[TenantId]) -> String {
    let ids: Vec<i64> = tenants.iter().map(|tenant| tenant.0).collect();
    serde_json::Value::from(ids).to_string()
}

fn check_email(email: &str) -> Result<(), Error> {
    let good = email.len() <= 254
        && !email.contains(|c: char| c.is_whitespace() || c.is_control())
        && email.rsplit_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && domain.contains('.') || domain == "localhost"
        });
    if good {
        return Ok(());
    }
    Err(Error::invalid_value(format!(
        "\"{email}\" is no e-mail address; write it like anna@example.com."
    )))
}

fn check_name(name: &str) -> Result<(), Error> {
    if name.len() <= 200 && !name.contains(char::is_control) {
        return Ok(());
    }
    Err(Error::invalid_value("A name has at most 200 characters."))
}
