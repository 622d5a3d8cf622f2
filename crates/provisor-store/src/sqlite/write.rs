//! One transaction of the writer: what changes share.
//!
//! Every change goes read, decide, write: the functions of this module's children return a
//! [`Refusal`] before they have written anything.

mod audit;
mod blank;
mod create;
mod delete;
mod event;
mod expire;
mod matching;
mod members;
mod patch;
mod people;
mod replace;
mod resource;
mod schema;
mod session;
mod settings;
mod size;
mod target;
mod tenant;
mod token;
mod unique;

use std::{collections::HashMap, sync::Arc};

use super::{
    MIGRATIONS,
    called::Lines,
    caller::{self, Kinds},
    claim::{Claim, FEW, Proof},
};
use crate::{
    Actor, Change, Identifier, Origin, Outcome, Refusal, StoreError, TenantId, TenantState,
    WriteError, change::SimulationChange,
};
use rusqlite::{Connection, OptionalExtension, params};

/// The newest schema version of this program.
const KNOWN: i64 = MIGRATIONS.len() as i64;

/// What a change came to. A [`StoreError`] beside it means that nothing is decided.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "an outcome is the usual case; a box for each would cost more than moving it"
)]
pub(super) enum Verdict {
    Done(Outcome),
    Refused(Refusal),
    /// Nothing is decided: this must be proved first, or anew.
    Unproven(Claim),
}

impl Verdict {
    /// For the one who asked.
    pub(super) fn decided(self) -> Result<Outcome, WriteError> {
        match self {
            Verdict::Done(outcome) => Ok(outcome),
            Verdict::Refused(refusal) => Err(refusal.into()),
            Verdict::Unproven(claim) => {
                Err(StoreError::Failed(format!("nobody proves {claim:?} for this change")).into())
            }
        }
    }
}

/// Any ending before the writing starts.
#[derive(Debug)]
enum Stop {
    Refused(Refusal),
    Failed(StoreError),
    Unproven(Claim),
}

impl Stop {
    /// A refusal after the writing has started undoes the transaction.
    fn fail(self) -> Self {
        match self {
            Stop::Refused(refusal) => Stop::Failed(StoreError::Failed(refusal.error.to_string())),
            failed => failed,
        }
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Stop::Refused(refusal)
    }
}

impl From<scim::Error> for Stop {
    fn from(error: scim::Error) -> Self {
        Stop::Refused(error.into())
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Stop::Failed(error)
    }
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        Stop::Failed(error.into())
    }
}

type Decided<T> = Result<T, Stop>;

/// A tenant's settings as the writer needs them.
#[derive(Debug)]
struct Rules {
    kinds: Kinds,
    /// A connection looks users up by e-mail: primary e-mails are unique.
    unique_email: bool,
    /// A connection looks users up by externalId: it is unique.
    unique_external_id: bool,
    /// A connection asks for unique team names.
    unique_team_names: bool,
}

/// Settings known at one revision.
#[derive(Default)]
pub(super) struct RulesCache {
    revision: i64,
    rules: HashMap<TenantId, Arc<Rules>>,
}

impl RulesCache {
    pub(super) fn clear(&mut self) {
        self.rules.clear();
    }
}

/// A tenant's numbers during the transaction, written back once at its end.
#[derive(Clone, PartialEq)]
struct Tally {
    seq: i64,
    last_id: [u8; 16],
    nested: i64,
    last_connection: i64,
    last_token: i64,
    last_kind: i64,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            seq: 0,
            last_id: [0; 16],
            nested: 0,
            last_connection: 0,
            last_token: 0,
            last_kind: super::rows::CUSTOM - 1,
        }
    }
}

/// A tenant's numbers as they are, and as they were read.
#[derive(Default)]
struct Counted {
    now: Tally,
    read: Tally,
    /// By how many the resources of each type became more.
    more: HashMap<i64, i64>,
}

/// A transaction that is open on the writer's connection; rolled back unless committed.
pub(super) struct Transaction<'c> {
    connection: &'c Connection,
    rules: &'c mut RulesCache,
    /// What the change at hand may rely on.
    proofs: Vec<Proof>,
    /// Where an erased user is in the logs of targets.
    lines: Option<Arc<Lines>>,
    now: i64,
    revision: i64,
    revised: bool,
    last_k: i64,
    first_k: i64,
    tallies: HashMap<TenantId, Counted>,
    open: bool,
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if self.open && self.connection.execute_batch("ROLLBACK").is_err() {
            tracing::debug!("SQLite had rolled the transaction back already");
        }
    }
}

impl<'c> Transaction<'c> {
    pub(super) fn begin(
        connection: &'c Connection,
        rules: &'c mut RulesCache,
        now: i64,
    ) -> Result<Self, StoreError> {
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let mut transaction = Self {
            connection,
            rules,
            proofs: Vec::new(),
            lines: None,
            now,
            revision: 0,
            revised: false,
            last_k: 0,
            first_k: 0,
            tallies: HashMap::new(),
            open: true,
        };
        transaction.revision = caller::revision(connection)?;
        if transaction.rules.revision != transaction.revision {
            transaction.rules.clear();
            transaction.rules.revision = transaction.revision;
        }
        let version: i64;
        (transaction.last_k, version) = connection
            .prepare_cached(
                "SELECT n, (SELECT max(version) FROM migration) FROM counter WHERE name = 'k'",
            )?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        transaction.first_k = transaction.last_k;
        // A newer command beside this server may have brought the file forward: whoever knows only
        // the old rules must not write by them.
        if version > KNOWN {
            return Err(StoreError::Newer {
                found: version,
                known: KNOWN,
            });
        }
        Ok(transaction)
    }

    /// Writes the numbers back and commits. When this returns, the changes are on disk.
    pub(super) fn commit(mut self) -> Result<(), StoreError> {
        for (tenant, counted) in &self.tallies {
            let tally = &counted.now;
            if *tally != counted.read {
                self.connection
                    .prepare_cached(
                        "INSERT INTO tenant_tally VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                         ON CONFLICT DO UPDATE SET seq = ?2, last_id = ?3, nested = ?4,
                           last_connection = ?5, last_token = ?6, last_kind = ?7",
                    )?
                    .execute(params![
                        tenant.0,
                        tally.seq,
                        tally.last_id,
                        tally.nested,
                        tally.last_connection,
                        tally.last_token,
                        tally.last_kind
                    ])?;
            }
            for (kind, change) in counted.more.iter().filter(|(_, change)| **change != 0) {
                self.connection
                    .prepare_cached(
                        "INSERT INTO tally VALUES (?1, ?2, ?3)
                         ON CONFLICT DO UPDATE SET n = n + ?3",
                    )?
                    .execute(params![tenant.0, kind, change])?;
            }
        }
        if self.last_k != self.first_k {
            self.connection
                .prepare_cached("UPDATE counter SET n = ?1 WHERE name = 'k'")?
                .execute([self.last_k])?;
        }
        if self.revised {
            self.connection
                .prepare_cached("UPDATE counter SET n = ?1 WHERE name = 'revision'")?
                .execute([self.revision])?;
        }
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        self.open = false;
        Ok(())
    }

    /// Carries out one change, which may rely on what is proved; an erased user is at these lines of targets' logs.
    ///
    /// Errors: nothing is decided; the transaction must be rolled back.
    pub(super) fn apply(
        &mut self,
        origin: &Origin,
        change: &Change,
        proofs: &[Proof],
        lines: Option<&Arc<Lines>>,
    ) -> Result<Verdict, StoreError> {
        self.proofs = proofs.to_vec();
        self.lines = lines.cloned();
        match self.decide(origin, change) {
            Ok(outcome) => Ok(Verdict::Done(outcome)),
            Err(Stop::Refused(refusal)) => Ok(Verdict::Refused(refusal)),
            Err(Stop::Unproven(claim)) => Ok(Verdict::Unproven(claim)),
            Err(Stop::Failed(error)) => Err(error),
        }
    }

    /// What contradicts a claim: by its proof, and by what changed since.
    fn against(&mut self, tenant: TenantId, claim: Claim) -> Decided<Vec<String>> {
        let seq = self.tally(tenant)?.seq;
        match self.proofs.iter().find(|proof| proof.claim == claim) {
            Some(proof) if !proof.against.is_empty() => Ok(proof.against.clone()),
            Some(proof) if seq - proof.seq <= FEW => {
                Ok(claim.against_changed(self.connection, tenant, proof.seq)?)
            }
            _ => Err(Stop::Unproven(claim)),
        }
    }

    fn decide(&mut self, origin: &Origin, change: &Change) -> Decided<Outcome> {
        let renewed = match change {
            // What was taken is told, also when the session was ended for it.
            Change::NoteExport(export) if export.rows.is_some() => None,
            _ => self.admit(origin)?,
        };
        let origin = renewed.as_ref().unwrap_or(origin);
        let note = self.note(origin, change)?;
        let outcome = self.carry_out(origin, change)?;
        if let Some(note) = note {
            self.audit(origin, note, &outcome)?;
        }
        Ok(outcome)
    }

    fn carry_out(&mut self, origin: &Origin, change: &Change) -> Decided<Outcome> {
        match change {
            Change::Create {
                kind,
                incoming,
                half,
            } => self.create(origin, kind, incoming, *half),
            Change::Replace {
                kind,
                id,
                incoming,
                precondition,
            } => self.replace(origin, kind, *id, incoming, precondition.as_ref()),
            Change::Patch {
                kind,
                id,
                patch,
                precondition,
            } => self.patch(origin, kind, *id, patch, precondition.as_ref()),
            Change::Delete {
                kind,
                id,
                precondition,
            } => self.delete(origin, kind, *id, precondition.as_ref()),
            Change::Several {
                changes,
                stop_after,
            } => self.several(origin, changes, *stop_after),
            Change::Restore { id } => self.restore(origin, *id),
            Change::Erase { id } => self.erase(origin, *id),
            Change::Import { incoming, app_id } => self.import(origin, incoming, app_id.as_deref()),
            Change::Adopt {
                kind,
                id,
                incoming,
                app_id,
            } => self.adopt(origin, kind, *id, incoming, app_id.as_deref()),
            Change::CreateTenant { key, name } => self.create_tenant(origin, key, name, false),
            Change::Simulation(SimulationChange::Begin { key, name, .. }) => {
                self.create_tenant(origin, key, name, true)
            }
            Change::SetTenant { name, suspended } => {
                self.set_tenant(origin.tenant, name.as_deref(), *suspended)
            }
            Change::DeleteTenant { chunk } => self.delete_tenant(origin.tenant, *chunk),
            Change::CreateConnection(settings) => self.create_connection(origin.tenant, settings),
            Change::SetConnection { id, settings } => {
                self.set_connection(origin.tenant, *id, settings)
            }
            Change::CreateToken(token) => self.create_token(origin, token),
            Change::RevokeToken { id } => self.revoke_token(origin.tenant, *id),
            Change::NoteTokenUse(uses) => self.note_token_use(uses),
            Change::PutSchema { document } => self.put_schema(origin.tenant, document),
            Change::RemoveSchema { id } => self.remove_schema(origin.tenant, id),
            Change::People(change) => self.people(origin, change),
            // It is told when the note of it is written.
            Change::NoteExport(_) | Change::Simulation(SimulationChange::Stop) => {
                Ok(Outcome::Done(1))
            }
            Change::Target(change) => self.target(origin.tenant, change),
            Change::Expire {
                tombstones_before,
                chunk,
            } => self.expire(*tombstones_before, *chunk),
        }
    }

    fn several(
        &mut self,
        origin: &Origin,
        changes: &[Change],
        stop_after: Option<u64>,
    ) -> Decided<Outcome> {
        let (mut results, mut refusals) = (Vec::with_capacity(changes.len()), 0);
        for change in changes {
            let result = match self.decide(origin, change) {
                Ok(outcome) => Ok(outcome),
                Err(Stop::Refused(refusal)) => Err(refusal),
                Err(Stop::Failed(error)) => return Err(error.into()),
                // Those before it are written already, so that it cannot be tried again.
                Err(Stop::Unproven(claim)) => {
                    let text = format!("{claim:?} cannot be proved for one change among several");
                    return Err(StoreError::Failed(text).into());
                }
            };
            refusals += u64::from(result.is_err());
            results.push(result);
            if stop_after.is_some_and(|most| refusals >= most) {
                break;
            }
        }
        Ok(Outcome::Several(results))
    }

    /// A token or session was checked before the change was queued; if settings changed since, it
    /// is read and checked again here, inside the transaction, and the change goes by what it may now.
    fn admit(&self, origin: &Origin) -> Decided<Option<Origin>> {
        let caller = match &origin.actor {
            Actor::Token(caller) => caller,
            Actor::Session(session) => {
                self.admit_session(session, origin.tenant)?;
                return Ok(None);
            }
            Actor::CommandLine(_) | Actor::System => return Ok(None),
        };
        if caller.revision == self.revision {
            return Ok(None);
        }
        let current = caller::reload(self.connection, caller, self.revision)?;
        caller::admit(&current, caller::Address::Checked, self.now)?;
        Ok(Some(Origin {
            actor: Actor::Token(current),
            ..origin.clone()
        }))
    }

    /// The tenant's settings; a tenant that is being deleted has none.
    fn rules(&mut self, tenant: TenantId) -> Decided<Arc<Rules>> {
        if let Some(rules) = self.rules.rules.get(&tenant) {
            return Ok(rules.clone());
        }
        let gone = || scim::Error::not_found("There is no such tenant.");
        let record = caller::tenant_by_id(self.connection, tenant)?;
        if record.is_none_or(|record| record.state == TenantState::Deleting) {
            return Err(gone().into());
        }
        let connections = caller::connections(self.connection, tenant)?;
        let by = |identifier| connections.iter().any(|link| link.identifier == identifier);
        let rules = Arc::new(Rules {
            unique_email: by(Identifier::Email),
            unique_external_id: by(Identifier::ExternalId),
            unique_team_names: connections.iter().any(|link| link.unique_team_names),
            kinds: caller::kinds(self.connection, tenant)?,
        });
        self.rules.rules.insert(tenant, rules.clone());
        Ok(rules)
    }

    fn tally(&mut self, tenant: TenantId) -> Result<&mut Tally, StoreError> {
        Ok(&mut self.counted(tenant)?.now)
    }

    fn counted(&mut self, tenant: TenantId) -> Result<&mut Counted, StoreError> {
        use std::collections::hash_map::Entry;
        match self.tallies.entry(tenant) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(vacant) => {
                let stored = self
                    .connection
                    .prepare_cached(
                        "SELECT seq, last_id, nested, last_connection, last_token, last_kind
                         FROM tenant_tally WHERE tenant_id = ?1",
                    )?
                    .query_row([tenant.0], |row| {
                        Ok(Tally {
                            seq: row.get(0)?,
                            last_id: row.get(1)?,
                            nested: row.get(2)?,
                            last_connection: row.get(3)?,
                            last_token: row.get(4)?,
                            last_kind: row.get(5)?,
                        })
                    })
                    .optional()?
                    .unwrap_or_default();
                Ok(vacant.insert(Counted {
                    now: stored.clone(),
                    read: stored,
                    more: HashMap::new(),
                }))
            }
        }
    }

    /// Settings have changed: whoever cached them reads again.
    fn revise(&mut self) {
        if !self.revised {
            self.revised = true;
            self.revision += 1;
        }
        self.rules.clear();
        self.rules.revision = self.revision;
    }
}
