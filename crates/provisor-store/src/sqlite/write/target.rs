//! Targets: settings, marks, what became of what was pushed, and its log.

use rusqlite::params;
use scim::{Error, Kind as ErrorKind, Map, Value};

use super::{Decided, Transaction, blank::BLANKED, settings::check_name};
use crate::{
    Outcome, StoreError, TargetId, TenantId,
    sqlite::target::{object_of, targets},
    target::{Kind, KnownMembers, NewEntry, Report, Sealed, Target, TargetChange, TargetObject},
};

/// A report of one who was erased meanwhile: what was done, and nothing that says to whom.
fn nameless(report: &Report, known: &TargetObject) -> Report {
    let mut report = report.clone();
    report.object.label.clone_from(&known.label);
    report.object.error = report.object.error.map(|_| "erased".to_owned());
    for entry in &mut report.entries {
        entry.detail = Value::Object(Map::new());
    }
    report
}

/// Tables with a target's rows, the biggest first.
const TABLES: [&str; 3] = ["target_log", "target_member", "target_object"];

impl Transaction<'_> {
    pub(super) fn target(&mut self, tenant: TenantId, change: &TargetChange) -> Decided<Outcome> {
        if let TargetChange::ExpireLog { before, chunk } = change {
            return self.expire_target_log(*before, *chunk);
        }
        self.tenant_record(tenant)?;
        match change {
            TargetChange::Create { name, settings } => self.create_target(tenant, name, settings),
            TargetChange::Set {
                id,
                name,
                settings,
                active,
                credentials,
            } => {
                let mut target = self.target_record(tenant, *id)?;
                if let Some(name) = name {
                    target.name.clone_from(name);
                }
                if let Some(settings) = settings
                    && *settings != target.settings
                {
                    let was_fed_from_files = target.is_fed_from_files();
                    target.settings.clone_from(settings);
                    target.whole += 1;
                    if target.is_fed_from_files() != was_fed_from_files {
                        self.check_knows_nobody(&target)?;
                    }
                }
                target.active = active.unwrap_or(target.active);
                if let Some(credentials) = credentials {
                    target.credentials.clone_from(credentials);
                }
                self.check_target_name(&target)?;
                self.write_target(&target)?;
                Ok(Outcome::Target(target))
            }
            TargetChange::Remove { id, chunk } => self.remove_target(tenant, *id, *chunk),
            TargetChange::Ask { id, compare } => {
                let mut target = self.target_record(tenant, *id)?;
                target.asked = self.now;
                if *compare {
                    target.compared = 0;
                }
                self.write_target(&target)?;
                Ok(Outcome::Target(target))
            }
            TargetChange::Mark {
                id,
                objects,
                cursor,
                whole,
                differ,
            } => {
                let mut target = self.target_record(tenant, *id)?;
                self.mark_objects((tenant, *id), objects, *differ)?;
                target.cursor = cursor.unwrap_or(target.cursor);
                // If the settings changed meanwhile, it has to be done again.
                if *whole == Some(target.whole) {
                    target.whole = 0;
                }
                self.write_target(&target)?;
                Ok(Outcome::Done(objects.len()))
            }
            TargetChange::Report { id, reports } => {
                self.target_record(tenant, *id)?;
                let mut n = self.last_entry((tenant, *id))?;
                for report in reports {
                    self.report((tenant, *id), report, &mut n)?;
                }
                Ok(Outcome::Done(reports.len()))
            }
            TargetChange::Ran {
                id,
                began,
                compared,
                outcome,
                entry,
            } => {
                let mut target = self.target_record(tenant, *id)?;
                if let Some(began) = *began {
                    target.ran = self.now;
                    if target.asked <= began {
                        target.asked = 0;
                    }
                }
                if *compared {
                    target.compared = self.now;
                }
                target.outcome.clone_from(outcome);
                self.write_target(&target)?;
                if let Some(entry) = entry {
                    let n = self.last_entry((tenant, *id))? + 1;
                    self.write_entry((tenant, *id), n, Kind::Run, "", "", entry)?;
                }
                Ok(Outcome::Done(1))
            }
            TargetChange::ExpireLog { .. } => Ok(Outcome::Done(0)),
        }
    }

    fn create_target(
        &mut self,
        tenant: TenantId,
        name: &str,
        settings: &Value,
    ) -> Decided<Outcome> {
        let last: i64 = self
            .connection
            .prepare_cached("SELECT coalesce(max(id), 0) FROM target WHERE tenant_id = ?1")?
            .query_row([tenant.0], |row| row.get(0))?;
        // The one before has kept the number of a target that is gone; now this one does.
        self.connection
            .prepare_cached("DELETE FROM target WHERE tenant_id = ?1 AND state = 3")?
            .execute([tenant.0])?;
        let target = Target {
            id: TargetId(last + 1),
            tenant,
            name: name.to_owned(),
            settings: settings.clone(),
            active: false,
            credentials: None,
            cursor: 0,
            whole: 1,
            asked: 0,
            compared: self.now,
            ran: 0,
            outcome: String::new(),
            created: self.now,
        };
        self.check_target_name(&target)?;
        self.write_target(&target)?;
        Ok(Outcome::Target(target))
    }

    /// Whom a target knows, it knows by the keys of its source: ids of the directory, or names in files.
    fn check_knows_nobody(&self, target: &Target) -> Decided<()> {
        let mut known = self.connection.prepare_cached(
            "SELECT 1 FROM target_object WHERE tenant_id = ?1 AND target = ?2 \
             UNION ALL SELECT 1 FROM target_log WHERE tenant_id = ?1 AND target = ?2 AND kind > 0",
        )?;
        if known.exists(params![target.tenant.0, target.id.0])? {
            return Err(Error::new(
                ErrorKind::InvalidValue,
                format!(
                    "Users were pushed to the target \"{}\" already, and files call them otherwise than the directory does, \
                     so that its source cannot be changed any more. Make another target for the other source.",
                    target.name
                ),
            )
            .into());
        }
        Ok(())
    }

    fn check_target_name(&self, target: &Target) -> Decided<()> {
        check_name("target's name", &target.name)?;
        let twin = targets(self.connection, Some(target.tenant))?
            .into_iter()
            .any(|other| other.id != target.id && other.name == target.name);
        if twin {
            return Err(Error::new(
                ErrorKind::Uniqueness,
                format!(
                    "The tenant already has a target named \"{}\". Choose another name.",
                    target.name
                ),
            )
            .into());
        }
        Ok(())
    }

    /// A target there is.
    pub(super) fn target_record(&self, tenant: TenantId, id: TargetId) -> Decided<Target> {
        let mut known = targets(self.connection, Some(tenant))?.into_iter();
        Ok(known
            .find(|target| target.id == id)
            .ok_or_else(|| Error::not_found("There is no such target in this tenant."))?)
    }

    fn write_target(&self, target: &Target) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO target VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) \
                 ON CONFLICT (tenant_id, id) DO UPDATE SET name = ?3, settings = ?4, state = ?5, \
                   credentials = ?6, cursor = ?7, whole = ?8, asked = ?9, compared = ?10, ran = ?11, \
                   outcome = ?12",
            )?
            .execute(params![
                target.tenant.0,
                target.id.0,
                target.name,
                target.settings.to_string(),
                i64::from(target.active),
                target.credentials.as_ref().map(|Sealed(bytes)| bytes),
                target.cursor,
                target.whole,
                target.asked,
                target.compared,
                target.ran,
                target.outcome,
                target.created
            ])?;
        Ok(())
    }

    fn mark_objects(
        &self,
        (tenant, target): (TenantId, TargetId),
        objects: &[(Kind, String)],
        differ: bool,
    ) -> Result<(), StoreError> {
        let mut mark = self.connection.prepare_cached(
            "INSERT INTO target_object VALUES (?1, ?2, ?3, ?4, NULL, '', NULL, 1, ?5, 0, NULL, '') \
             ON CONFLICT DO UPDATE SET mark = mark + 1, due = ?5, attempts = 0, \
               sent = iif(?6, NULL, sent)",
        )?;
        for (kind, local) in objects {
            mark.execute(params![
                tenant.0,
                target.0,
                *kind as i64,
                local,
                self.now,
                differ
            ])?;
        }
        Ok(())
    }

    fn report(
        &self,
        place: (TenantId, TargetId),
        report: &Report,
        n: &mut i64,
    ) -> Result<(), StoreError> {
        let (tenant, target) = place;
        let known = object_of(
            self.connection,
            place,
            report.object.kind,
            &report.object.local,
        )?;
        let blanked;
        let report = match &known {
            // Erased while it was pushed: a name stays only what is still the row's.
            Some(known) if known.mark / BLANKED != report.object.mark / BLANKED => {
                blanked = nameless(report, known);
                &blanked
            }
            // Its row has another key by now.
            None if report.object.kind == Kind::User && report.object.mark > 0 => {
                for entry in nameless(report, &report.object).entries {
                    *n += 1;
                    self.write_entry(place, *n, Kind::User, "", "", &entry)?;
                }
                return self.keep_made(place, report);
            }
            _ => report,
        };
        let object = &report.object;
        // What the source changed while it was pushed stays due.
        let newer = known.filter(|known| known.mark != object.mark);
        let (mark, due, attempts) = match &newer {
            Some(newer) => (newer.mark, newer.due, newer.attempts),
            None => (object.mark, object.due, object.attempts),
        };
        let key = params![tenant.0, target.0, object.kind as i64, object.local];
        if report.gone && newer.is_none() {
            self.connection
                .prepare_cached(
                    "DELETE FROM target_object \
                     WHERE tenant_id = ?1 AND target = ?2 AND kind = ?3 AND local = ?4",
                )?
                .execute(key)?;
        } else {
            self.connection
                .prepare_cached(
                    "INSERT INTO target_object VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) \
                     ON CONFLICT DO UPDATE SET remote = ?5, label = ?6, sent = ?7, mark = ?8, \
                       due = ?9, attempts = ?10, error = ?11, names = ?12",
                )?
                .execute(params![
                    tenant.0,
                    target.0,
                    object.kind as i64,
                    object.local,
                    object.remote,
                    object.label,
                    object.sent,
                    mark,
                    due,
                    attempts,
                    object.error,
                    object.names
                ])?;
        }
        for known in &report.members {
            self.know_members(place, &object.local, known)?;
        }
        for entry in &report.entries {
            *n += 1;
            self.write_entry(place, *n, object.kind, &object.local, &object.label, entry)?;
        }
        Ok(())
    }

    /// What was made in the target, or is about to be, for somebody who was erased meanwhile: nobody of the source has the
    /// new key, so that the next run takes it away.
    fn keep_made(&self, place: (TenantId, TargetId), report: &Report) -> Result<(), StoreError> {
        let object = &report.object;
        if report.gone || object.remote.is_none() && object.sent.is_none() {
            return Ok(());
        }
        let mut number = self.now;
        let key = loop {
            let key = format!("erased-meanwhile-{number}");
            if object_of(self.connection, place, Kind::User, &key)?.is_none() {
                break key;
            }
            number += 1;
        };
        let (tenant, target) = place;
        self.connection
            .prepare_cached(
                "INSERT INTO target_object VALUES (?1, ?2, ?3, ?4, ?5, '', ?6, 1, ?7, 0, NULL, ?8)",
            )?
            .execute(params![
                tenant.0,
                target.0,
                Kind::User as i64,
                key,
                object.remote,
                object.sent,
                self.now,
                object.names
            ])?;
        Ok(())
    }

    fn know_members(
        &self,
        (tenant, target): (TenantId, TargetId),
        team: &str,
        known: &KnownMembers,
    ) -> Result<(), StoreError> {
        let (members, statement) = match known {
            KnownMembers::Are(members) => {
                self.connection
                    .prepare_cached(
                        "DELETE FROM target_member WHERE tenant_id = ?1 AND target = ?2 AND team = ?3",
                    )?
                    .execute(params![tenant.0, target.0, team])?;
                (
                    members,
                    "INSERT OR IGNORE INTO target_member VALUES (?1, ?2, ?3, ?4)",
                )
            }
            KnownMembers::Added(members) => (
                members,
                "INSERT OR IGNORE INTO target_member VALUES (?1, ?2, ?3, ?4)",
            ),
            KnownMembers::Removed(members) => (
                members,
                "DELETE FROM target_member \
                 WHERE tenant_id = ?1 AND target = ?2 AND team = ?3 AND member = ?4",
            ),
        };
        let mut statement = self.connection.prepare_cached(statement)?;
        for member in members {
            statement.execute(params![tenant.0, target.0, team, member])?;
        }
        Ok(())
    }

    fn last_entry(&self, (tenant, target): (TenantId, TargetId)) -> Result<i64, StoreError> {
        Ok(self
            .connection
            .prepare_cached(
                "SELECT coalesce(max(n), 0) FROM target_log WHERE tenant_id = ?1 AND target = ?2",
            )?
            .query_row(params![tenant.0, target.0], |row| row.get(0))?)
    }

    fn write_entry(
        &self,
        (tenant, target): (TenantId, TargetId),
        n: i64,
        kind: Kind,
        local: &str,
        label: &str,
        entry: &NewEntry,
    ) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO target_log VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            )?
            .execute(params![
                tenant.0,
                target.0,
                n,
                self.now,
                kind as i64,
                local,
                label,
                entry.action,
                entry.ok,
                entry.status,
                entry.detail.to_string()
            ])?;
        Ok(())
    }

    /// Hides a target and frees its name, then removes its rows chunk by chunk, its own row last.
    fn remove_target(&mut self, tenant: TenantId, id: TargetId, chunk: usize) -> Decided<Outcome> {
        let chunk = chunk.max(1);
        // No name has a tilde.
        self.connection
            .prepare_cached(
                "UPDATE target SET state = 2, name = '~' || id, credentials = NULL \
                 WHERE tenant_id = ?1 AND id = ?2 AND state < 2",
            )?
            .execute(params![tenant.0, id.0])?;
        let done = self.remove_target_rows((tenant, id), chunk)? < chunk;
        Ok(Outcome::TargetRemoved { done })
    }

    /// Goes on with removals that were interrupted; the number of rows removed.
    pub(super) fn finish_target_removals(&mut self, chunk: usize) -> Result<usize, StoreError> {
        let unfinished: Vec<(i64, i64)> = self
            .connection
            .prepare_cached("SELECT tenant_id, id FROM target WHERE state = 2")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let mut removed = 0;
        for (tenant, id) in unfinished {
            if removed < chunk {
                let place = (TenantId(tenant), TargetId(id));
                removed += self.remove_target_rows(place, chunk - removed)?;
            }
        }
        Ok(removed)
    }

    fn remove_target_rows(
        &self,
        (tenant, id): (TenantId, TargetId),
        most: usize,
    ) -> Result<usize, StoreError> {
        let mut removed = 0;
        for table in TABLES {
            let key = match table {
                "target_log" => "n",
                "target_member" => "team, member",
                _ => "kind, local",
            };
            let limit = i64::try_from(most - removed).unwrap_or(i64::MAX);
            removed += self
                .connection
                .prepare_cached(&format!(
                    "DELETE FROM {table} WHERE (tenant_id, target, {key}) IN \
                       (SELECT tenant_id, target, {key} FROM {table} \
                        WHERE tenant_id = ?1 AND target = ?2 LIMIT ?3)"
                ))?
                .execute(params![tenant.0, id.0, limit])?;
            if removed >= most {
                return Ok(removed);
            }
        }
        // The row with the highest number stays, emptied, until there is a higher one: no number is given twice, so that
        // whoever still has an old one never means another target.
        self.connection
            .prepare_cached(
                "UPDATE target SET state = 3, settings = '{}', outcome = '' \
                 WHERE tenant_id = ?1 AND id = ?2 AND state = 2",
            )?
            .execute(params![tenant.0, id.0])?;
        self.connection
            .prepare_cached(
                "DELETE FROM target WHERE tenant_id = ?1 AND state = 3 \
                   AND id < (SELECT max(id) FROM target WHERE tenant_id = ?1)",
            )?
            .execute([tenant.0])?;
        Ok(removed)
    }

    fn expire_target_log(&mut self, before: i64, chunk: usize) -> Decided<Outcome> {
        let limit = i64::try_from(chunk).unwrap_or(i64::MAX);
        let mut rows = self
            .connection
            .prepare_cached(
                "DELETE FROM target_log WHERE (tenant_id, target, n) IN \
                   (SELECT tenant_id, target, n FROM target_log INDEXED BY target_log_at \
                    WHERE at < ?1 LIMIT ?2)",
            )?
            .execute(params![before, limit])?;
        if rows < chunk {
            rows += self.finish_target_removals(chunk - rows)?;
        }
        Ok(Outcome::Done(rows))
    }
}
