//! The audit: one place that decides which changes are told, and writes the entry with the change.

use rusqlite::params;
use scim::Value;
use serde_json::json;

use super::{Decided, Stop, Transaction};
use crate::{
    Actor, Change, Connection, ConnectionId, Holder, Link, Origin, Outcome, PeopleChange, Person,
    Purpose, StoreError, Target, TargetChange, Tenant, TenantId, TokenRecord,
    change::SimulationChange,
    sqlite::{caller, people, target::targets},
};

/// What an entry will say, as far as it is known before the change.
pub(super) struct Note {
    action: &'static str,
    object: String,
    tenant: TenantId,
    before: Value,
}

impl Transaction<'_> {
    /// What is to be told of a change; `None` for what events and sync log tell.
    ///
    /// Of users and teams the audit tells what people do, not what identity providers do, and
    /// names them by id alone, so that nothing personal is left when a user is erased.
    pub(super) fn note(&self, origin: &Origin, change: &Change) -> Decided<Option<Note>> {
        let tenant = origin.tenant;
        let by_hand = matches!(origin.actor, Actor::Session(_) | Actor::CommandLine(_));
        let note = |action, object: String, before| {
            Some(Note {
                action,
                object,
                tenant,
                before,
            })
        };
        let resource =
            |action, object: String| by_hand.then(|| note(action, object, Value::Null)).flatten();
        Ok(match change {
            Change::Create { kind, .. } => resource("resource.create", kind.name.to_string()),
            Change::Replace { kind, id, .. } | Change::Patch { kind, id, .. } => {
                resource("resource.change", format!("{}/{id}", kind.name))
            }
            Change::Delete { kind, id, .. } => {
                resource("resource.delete", format!("{}/{id}", kind.name))
            }
            Change::Restore { id } => resource("resource.restore", id.to_string()),
            Change::Erase { id } => resource("user.erase", id.to_string()),
            // The parts come by here themselves; an import's users are told by their events.
            Change::Several { .. }
            | Change::Import { .. }
            | Change::Adopt { .. }
            | Change::NoteTokenUse(_)
            | Change::Expire { .. } => None,
            Change::CreateTenant { key, .. } => note("tenant.create", key.clone(), Value::Null),
            Change::SetTenant { .. } => self.tenant(tenant)?.and_then(|record| {
                note("tenant.change", record.key.clone(), tenant_facts(&record))
            }),
            // Only its first chunk hides the tenant.
            Change::DeleteTenant { .. } => self.tenant(tenant)?.and_then(|record| {
                note("tenant.delete", record.key.clone(), tenant_facts(&record))
            }),
            Change::CreateConnection(_) => note("connection.create", String::new(), Value::Null),
            Change::SetConnection { id, .. } => {
                let known = caller::connections(self.connection, tenant)?;
                let before = known.iter().find(|known| known.id == *id);
                before.and_then(|before| {
                    note(
                        "connection.change",
                        before.name.clone(),
                        connection_facts(before),
                    )
                })
            }
            Change::CreateToken(_) => note("token.create", String::new(), Value::Null),
            Change::RevokeToken { id } => note("token.revoke", format!("tok_{id}"), Value::Null),
            Change::PutSchema { document } => {
                let id = document.get("id").or_else(|| document.get("name"));
                let id = id.and_then(Value::as_str).unwrap_or_default();
                note("schema.put", id.to_owned(), Value::Null)
            }
            Change::RemoveSchema { id } => note("schema.remove", id.clone(), Value::Null),
            Change::NoteExport(export) => match export.rows {
                None => note(
                    "export.begin",
                    export.what.to_owned(),
                    export.filter.clone(),
                ),
                Some(rows) => note(
                    "export.end",
                    export.what.to_owned(),
                    json!({ "rows": rows }),
                ),
            },
            Change::Simulation(SimulationChange::Begin { key, plan, .. }) => {
                note("simulation.start", key.clone(), plan.clone())
            }
            Change::Simulation(SimulationChange::Stop) => self
                .tenant(tenant)?
                .and_then(|record| note("simulation.stop", record.key, Value::Null)),
            Change::People(change) => self.note_people(change)?,
            Change::Target(change) => self.note_target(tenant, change)?,
        })
    }

    /// Settings and wishes are told; what is pushed stands in the target's own log.
    fn note_target(&self, tenant: TenantId, change: &TargetChange) -> Decided<Option<Note>> {
        let action = match change {
            TargetChange::Create { .. } => "target.create",
            TargetChange::Set { credentials, .. } if credentials.is_some() => "target.credentials",
            TargetChange::Set { .. } => "target.change",
            TargetChange::Remove { .. } => "target.remove",
            TargetChange::Ask { .. } => "target.sync",
            TargetChange::Mark { .. }
            | TargetChange::Report { .. }
            | TargetChange::Ran { .. }
            | TargetChange::ExpireLog { .. } => return Ok(None),
        };
        let known = targets(self.connection, Some(tenant))?;
        let before = change
            .id()
            .and_then(|id| known.into_iter().find(|known| known.id == id));
        // Later chunks of a removal find nothing.
        if before.is_none() && action != "target.create" {
            return Ok(None);
        }
        Ok(Some(Note {
            action,
            object: before
                .as_ref()
                .map(|target| target.name.clone())
                .unwrap_or_default(),
            tenant,
            before: before.as_ref().map_or(Value::Null, target_facts),
        }))
    }

    fn note_people(&self, change: &PeopleChange) -> Decided<Option<Note>> {
        let note = |action, object: String, before| {
            Some(Note {
                action,
                object,
                tenant: TenantId::SYSTEM,
                before,
            })
        };
        let person = |action, id| -> Decided<Option<Note>> {
            let found = people::person_by_id(self.connection, id)?;
            Ok(found.and_then(|person| note(action, person.email.clone(), person_facts(&person))))
        };
        match change {
            PeopleChange::Add { email, .. } => {
                Ok(note("person.add", email.trim().to_owned(), Value::Null))
            }
            PeopleChange::Set { id, .. } => person("person.change", *id),
            PeopleChange::Remove { id } => person("person.remove", *id),
            PeopleChange::SetPassword { id, .. } => person("person.password", *id),
            PeopleChange::CreateLink { purpose, .. } => Ok(Some(Note {
                action: "link.create",
                object: String::new(),
                tenant: link_tenant(*purpose),
                before: Value::Null,
            })),
            PeopleChange::RevokeLink { id } => {
                let link = people::link_by_id(self.connection, *id)?;
                Ok(link.map(|link| Note {
                    action: "link.revoke",
                    object: format!("link_{id}"),
                    tenant: link_tenant(link.purpose),
                    before: link_facts(&link),
                }))
            }
            PeopleChange::UseLink { .. } => Ok(note("session.open", String::new(), json!("link"))),
            PeopleChange::SignIn { .. } => {
                Ok(note("session.open", String::new(), json!("password")))
            }
            PeopleChange::EndSession { id } => {
                Ok(note("session.end", format!("session_{id}"), Value::Null))
            }
            PeopleChange::NoteUse(_) => Ok(None),
        }
    }

    /// Writes the entry. Nothing is told of a change that changed nothing.
    pub(super) fn audit(
        &mut self,
        origin: &Origin,
        mut note: Note,
        outcome: &Outcome,
    ) -> Decided<()> {
        let mut actor = origin.actor.name();
        let after = match outcome {
            Outcome::Tenant(tenant) => {
                note.tenant = tenant.id;
                let mut facts = tenant_facts(tenant);
                if note.action == "simulation.start" {
                    facts["plan"] = note.before.take();
                }
                facts
            }
            Outcome::Connection(connection) => {
                note.object.clone_from(&connection.name);
                connection_facts(connection)
            }
            Outcome::Target(target) => {
                note.object.clone_from(&target.name);
                target_facts(target)
            }
            Outcome::Token(token, _) => {
                note.object = format!("tok_{}", token.id);
                token_facts(token)
            }
            Outcome::Revoked(token) => {
                if token.revoked != Some(self.now) {
                    return Ok(());
                }
                note.before = token_facts(token);
                Value::Null
            }
            Outcome::Person(_) if note.action == "person.remove" => Value::Null,
            Outcome::Person(person) => person_facts(person),
            Outcome::Link(link, _) => {
                note.object = format!("link_{}", link.id);
                link_facts(link)
            }
            Outcome::Session(session, _) => {
                note.object = format!("session_{}", session.id);
                if let Holder::Setup { tenant, .. } = session.holder {
                    note.tenant = tenant;
                }
                actor = session.actor();
                json!({ "by": note.before.take(), "client": session.client })
            }
            Outcome::Resource(written) if !written.changed => return Ok(()),
            Outcome::Resource(written) => {
                if note.action == "resource.create" {
                    note.object = format!("{}/{}", note.object, written.stored.id);
                }
                json!({ "version": written.stored.version })
            }
            Outcome::Done(0) => return Ok(()),
            Outcome::Done(_) if note.action.starts_with("export.") => note.before.take(),
            Outcome::Deleted { .. }
            | Outcome::TenantDeleted { .. }
            | Outcome::TargetRemoved { .. }
            | Outcome::Several(_)
            | Outcome::Done(_) => Value::Null,
        };
        // Of a secret only the change itself can be told, of a wish nothing else.
        let always = ["person.password", "target.credentials", "target.sync"];
        if note.before == after && !after.is_null() && !always.contains(&note.action) {
            return Ok(());
        }
        // One change may set secret and settings: it is told as both.
        if note.action == "target.credentials"
            && beside_secret(&note.before) != beside_secret(&after)
        {
            let secret = std::mem::replace(&mut note.action, "target.change");
            self.write_audit(origin, &actor, &note, &after)?;
            note.action = secret;
        }
        self.write_audit(origin, &actor, &note, &after)
            .map_err(Stop::from)
    }

    fn write_audit(
        &mut self,
        origin: &Origin,
        actor: &str,
        note: &Note,
        after: &Value,
    ) -> Result<(), StoreError> {
        // A deleted tenant's row has no key any more; the note has it.
        let key = match note.action {
            "tenant.delete" => Some(note.object.clone()),
            _ => self.tenant(note.tenant)?.map(|tenant| tenant.key),
        };
        self.connection
            .prepare_cached(
                "INSERT INTO audit (at, actor, action, object, tenant_id, tenant_key, detail, \
                   address, request) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                self.now,
                actor,
                note.action,
                note.object,
                note.tenant.0,
                key,
                json!({ "before": note.before, "after": after }).to_string(),
                origin.address.map(|address| address.to_string()),
                origin.request.0,
            ])?;
        Ok(())
    }

    fn tenant(&self, tenant: TenantId) -> Result<Option<Tenant>, StoreError> {
        let found = caller::tenant_by_id(self.connection, tenant)?;
        Ok(found.filter(|tenant| tenant.state != crate::TenantState::Deleting))
    }

    /// A connection there is.
    pub(super) fn connection_record(
        &self,
        tenant: TenantId,
        id: ConnectionId,
    ) -> Decided<Connection> {
        self.tenant_record(tenant)?;
        let mut known = caller::connections(self.connection, tenant)?.into_iter();
        Ok(known
            .find(|connection| connection.id == id)
            .ok_or_else(|| scim::Error::not_found("There is no such connection in this tenant."))?)
    }
}

fn link_tenant(purpose: Purpose) -> TenantId {
    match purpose {
        Purpose::Setup(tenant, _) => tenant,
        Purpose::SignIn(_) | Purpose::Invite(_) => TenantId::SYSTEM,
    }
}

fn tenant_facts(tenant: &Tenant) -> Value {
    let mut facts = json!({ "name": tenant.name, "state": tenant.state.as_str() });
    if tenant.simulated {
        facts["simulated"] = true.into();
    }
    facts
}

fn connection_facts(connection: &Connection) -> Value {
    json!({
        "name": connection.name,
        "idp": connection.idp,
        "profile": connection.profile.name,
        "identifier": connection.identifier.as_str(),
        "domains": connection.domains,
        "reactivation": connection.reactivation,
        "unique_team_names": connection.unique_team_names,
        "paused": connection.paused,
        "log_days": connection.log_days,
        "log_body_days": connection.log_body_days,
    })
}

fn target_facts(target: &Target) -> Value {
    json!({
        "name": target.name,
        "settings": target.settings,
        "active": target.active,
        "credentials": target.credentials.is_some(),
    })
}

/// A target's facts without the one about its secret.
fn beside_secret(facts: &Value) -> [&Value; 3] {
    ["name", "settings", "active"].map(|name| &facts[name])
}

fn token_facts(token: &TokenRecord) -> Value {
    json!({
        "purpose": token.purpose,
        "scopes": token.scopes.to_string(),
        "last4": token.last4,
        "expires": token.expires.map(scim::datetime::format_millis),
        "addresses": token.addresses,
    })
}

fn person_facts(person: &Person) -> Value {
    let tenants = person.tenants.as_ref();
    json!({
        "name": person.name,
        "role": person.role.as_str(),
        "tenants": tenants.map(|ids| ids.iter().map(|id| id.0).collect::<Vec<_>>()),
    })
}

fn link_facts(link: &Link) -> Value {
    let (kind, person, connection) = match link.purpose {
        Purpose::SignIn(person) => ("sign-in", Some(person.0), None),
        Purpose::Invite(person) => ("invite", Some(person.0), None),
        Purpose::Setup(_, connection) => ("setup", None, Some(connection.0)),
    };
    json!({
        "kind": kind,
        "person": person,
        "connection": connection,
        "expires": scim::datetime::format_millis(link.expires),
    })
}
