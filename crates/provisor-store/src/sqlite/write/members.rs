//! Membership is rows, never a list: what a request wants becomes the rows to add and to remove.

use std::collections::{HashMap, HashSet};

use rusqlite::{OptionalExtension, params};
use scim::{
    Error, Fired, Kind, Tolerance,
    patch::{MemberStep, refuse_several},
    resource,
};

use super::{
    Decided, Transaction,
    event::{MEMBERS_PER_EVENT, Span},
    matching::Matching,
    replace::profile,
    resource::Place,
};
use crate::{
    Id, Origin, StoreError, TenantId,
    sqlite::{
        get,
        rows::{self, Resource},
    },
};

/// How many unknown members a refusal names.
const NAMED: usize = 10;

/// What a request wants of a team's membership.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// Exactly the added ones are members, nobody else; otherwise the others stay.
    absolute: bool,
    /// Become members, in order.
    pub(super) add: Vec<Id>,
    /// What the client calls some of `add`.
    pub(super) called: HashMap<Id, Box<str>>,
    /// Are members no more.
    remove: HashSet<Id>,
    /// Ids as sent that are none.
    unknown: Vec<String>,
    /// All of `add` came from a PUT or `replace`, where unknown ones may be left out.
    pub(super) by_replace: bool,
}

/// The rows to write.
#[derive(Debug, Default)]
pub(super) struct MemberChange {
    added: Vec<Member>,
    /// What the client calls some of `added`.
    called: HashMap<Id, Box<str>>,
    removed: Vec<Member>,
    /// Rows of deleted users or teams, which nobody sees: they go, so that a restore does not
    /// bring back who was removed meanwhile, but no version and no event tells of it.
    inert: Vec<i64>,
    /// Unknown ids that were left out.
    pub(super) dropped: Vec<String>,
}

#[derive(Debug, Clone, Copy)]
struct Member {
    k: i64,
    id: Id,
    is_team: bool,
}

impl MemberChange {
    pub(super) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }

    pub(super) fn added_ids(&self) -> Vec<Id> {
        self.added.iter().map(|member| member.id).collect()
    }

    pub(super) fn removed_ids(&self) -> Vec<Id> {
        self.removed.iter().map(|member| member.id).collect()
    }
}

impl Wanted {
    /// A PUT of a member list.
    pub(super) fn exactly(members: &[resource::Member]) -> Self {
        let mut wanted = Self {
            absolute: true,
            by_replace: true,
            ..Self::default()
        };
        wanted.take(members);
        wanted
    }

    fn take(&mut self, members: &[resource::Member]) {
        for member in members {
            match member.id.parse::<Id>() {
                Ok(id) => {
                    self.remove.remove(&id);
                    self.add.push(id);
                    if let Some(display) = &member.display {
                        self.called.entry(id).or_insert_with(|| display.clone());
                    }
                }
                Err(_) => self.unknown.push(member.id.clone()),
            }
        }
    }

    fn drop_ids(&mut self, gone: HashSet<Id>) {
        self.add.retain(|id| !gone.contains(id));
        self.called.retain(|id, _| !gone.contains(id));
        if !self.absolute {
            self.remove.extend(gone);
        }
    }
}

impl Transaction<'_> {
    /// Runs the steps of a PATCH over the membership there is.
    pub(super) fn wanted(
        &self,
        place: Place<'_>,
        row: &Resource,
        steps: &[MemberStep],
    ) -> Decided<Wanted> {
        let mut wanted = Wanted::default();
        let mut matching = Matching::new(steps);
        for step in steps {
            match step {
                MemberStep::Add(members) => {
                    wanted.by_replace = false;
                    wanted.take(members);
                }
                MemberStep::Remove(ids) => {
                    matching.compare(wanted.add.len() + wanted.unknown.len())?;
                    if !wanted.unknown.is_empty() {
                        let gone: HashSet<&String> = ids.iter().collect();
                        wanted.unknown.retain(|unknown| !gone.contains(unknown));
                    }
                    wanted.drop_ids(ids.iter().filter_map(|id| id.parse().ok()).collect());
                }
                MemberStep::Clear => {
                    wanted = Wanted {
                        absolute: true,
                        ..Wanted::default()
                    }
                }
                MemberStep::Replace(members) => wanted = Wanted::exactly(members),
                MemberStep::RemoveMatching(filter) | MemberStep::RemoveOne(filter) => {
                    let team = (!wanted.absolute).then_some(row.k);
                    let gone =
                        matching.find(self.connection, place.tenant, team, &wanted, filter)?;
                    let gone: HashSet<Id> = gone.into_iter().collect();
                    if matches!(step, MemberStep::RemoveOne(_)) {
                        refuse_several(gone.difference(&wanted.remove).count())?;
                    }
                    wanted.drop_ids(gone);
                }
            }
        }
        Ok(wanted)
    }

    /// Turns what is wanted into rows, or refuses: unknown members, cycles.
    pub(super) fn member_change(
        &mut self,
        origin: &Origin,
        place: Place<'_>,
        row: Option<&Resource>,
        mut wanted: Wanted,
        fired: &mut Fired,
    ) -> Decided<MemberChange> {
        let mut change = MemberChange::default();
        let nothing = !wanted.absolute && wanted.add.is_empty() && wanted.remove.is_empty();
        if nothing && wanted.unknown.is_empty() {
            return Ok(change);
        }
        change.called = std::mem::take(&mut wanted.called);
        let mut unknown = std::mem::take(&mut wanted.unknown);
        let add: HashSet<Id> = wanted.add.iter().copied().collect();
        let mut there = HashSet::new();
        if let (true, Some(row)) = (wanted.absolute, row) {
            for (k, member) in self.all_members(place.tenant, row.k)? {
                match member {
                    Some(member) if add.contains(&member.id) => {
                        there.insert(member.id);
                    }
                    Some(member) => change.removed.push(member),
                    None => change.inert.push(k),
                }
            }
        } else if let Some(row) = row {
            for id in &wanted.remove {
                if let Some(member) = self.find_member(place.tenant, *id)? {
                    if self.is_member(place.tenant, row.k, member.k)? {
                        change.removed.push(member);
                    }
                } else if let Some(k) = get::buried(self.connection, place.tenant, *id)?
                    && self.is_member(place.tenant, row.k, k)?
                {
                    change.inert.push(k);
                }
            }
            change.removed.sort_by_key(|member| member.k);
        }
        for id in wanted.add {
            if !there.insert(id) {
                continue;
            }
            match self.find_member(place.tenant, id)? {
                None => unknown.push(id.to_string()),
                Some(member) => {
                    let known = match row {
                        Some(row) if !wanted.absolute => {
                            self.is_member(place.tenant, row.k, member.k)?
                        }
                        _ => false,
                    };
                    if !known {
                        change.added.push(member);
                    }
                }
            }
        }
        if !unknown.is_empty() {
            let names = named(&unknown);
            let drop = wanted.by_replace
                && fired.allows(&profile(origin), Tolerance::DropUnknownMembers, || {
                    format!("left out {} unknown members: {names}", unknown.len())
                });
            if !drop {
                return Err(Error::new(
                    Kind::UnknownMember,
                    format!(
                        "{} of the members are not in this tenant: {names}. Create them first \
                         (assign the people to the app), then push the team again.",
                        unknown.len()
                    ),
                )
                .into());
            }
            change.dropped = unknown;
        }
        if let Some(row) = row {
            self.refuse_cycle(place, row, &change)?;
        }
        Ok(change)
    }

    /// A team may not contain itself, not even through others.
    fn refuse_cycle(
        &mut self,
        place: Place<'_>,
        row: &Resource,
        change: &MemberChange,
    ) -> Decided<()> {
        let teams: HashSet<i64> = change
            .added
            .iter()
            .filter(|member| member.is_team)
            .map(|member| member.k)
            .collect();
        if teams.is_empty() {
            return Ok(());
        }
        let mut above = HashSet::from([row.k]);
        let mut next = vec![row.k];
        while let Some(team) = next.pop() {
            if teams.contains(&team) {
                return Err(Error::invalid_value(format!(
                    "The team {} would contain itself. Remove the team from one of the two.",
                    row.id
                ))
                .into());
            }
            for parent in get::parents(self.connection, place.tenant, team)? {
                if above.insert(parent) {
                    next.push(parent);
                }
            }
        }
        Ok(())
    }

    fn find_member(&self, tenant: TenantId, id: Id) -> Result<Option<Member>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT k FROM resource WHERE tenant_id = ?1 AND kind = ?2 AND id = ?3",
        )?;
        for number in [rows::USER, rows::TEAM] {
            let k = statement
                .query_row(params![tenant.0, number, id.0], |row| row.get(0))
                .optional()?;
            if let Some(k) = k {
                return Ok(Some(Member {
                    k,
                    id,
                    is_team: number == rows::TEAM,
                }));
            }
        }
        Ok(None)
    }

    fn is_member(&self, tenant: TenantId, team: i64, member: i64) -> Result<bool, StoreError> {
        Ok(self
            .connection
            .prepare_cached(
                "SELECT 1 FROM member WHERE tenant_id = ?1 AND team = ?2 AND member = ?3",
            )?
            .exists(params![tenant.0, team, member])?)
    }

    /// Every member row of a team; `None` for an inert one.
    fn all_members(
        &self,
        tenant: TenantId,
        team: i64,
    ) -> Result<Vec<(i64, Option<Member>)>, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT m.member, r.id, r.kind FROM member m LEFT JOIN resource r ON r.k = m.member \
             WHERE m.tenant_id = ?1 AND m.team = ?2",
        )?;
        let rows = statement.query_map(params![tenant.0, team], |row| {
            let k = row.get(0)?;
            let member = match row.get::<_, Option<[u8; 16]>>(1)? {
                Some(id) => Some(Member {
                    k,
                    id: Id(id),
                    is_team: row.get::<_, i64>(2)? == rows::TEAM,
                }),
                None => None,
            };
            Ok((k, member))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Writes the rows; `told` are the events that tell of them.
    pub(super) fn write_members(
        &mut self,
        place: Place<'_>,
        team: i64,
        change: &MemberChange,
        told: Span,
    ) -> Result<(), StoreError> {
        if change.is_empty() && change.inert.is_empty() {
            return Ok(());
        }
        let tenant = place.tenant.0;
        // The added come first, then the removed, and every event but the last is full.
        let first = told.map_or(0, |(first, _)| first);
        let seq = |at: usize| first + (at / MEMBERS_PER_EVENT) as i64;
        let mut insert = self.connection.prepare_cached(
            "INSERT INTO member (tenant_id, team, member, display, since) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        for (at, member) in change.added.iter().enumerate() {
            let display = change.called.get(&member.id);
            insert.execute(params![tenant, team, member.k, display, seq(at)])?;
        }
        let mut delete = self.connection.prepare_cached(
            "DELETE FROM member WHERE tenant_id = ?1 AND team = ?2 AND member = ?3 RETURNING since",
        )?;
        let mut former = self
            .connection
            .prepare_cached("INSERT OR IGNORE INTO former_member VALUES (?1, ?2, ?3)")?;
        let removed = change.removed.iter().enumerate();
        let removed = removed.map(|(at, member)| (member.k, seq(change.added.len() + at)));
        // No event tells of an inert row's end.
        let inert = change.inert.iter().map(|k| (*k, 0));
        for (k, until) in removed.chain(inert) {
            let since: i64 = delete.query_row(params![tenant, team, k], |row| row.get(0))?;
            for seq in [since, until].into_iter().filter(|seq| *seq != 0) {
                former.execute(params![tenant, k, seq])?;
            }
        }
        self.count_members(
            team,
            change.added.len() as i64 - change.removed.len() as i64,
        )?;
        let mut left = self
            .connection
            .prepare_cached("UPDATE resource SET left_team = 1 WHERE k = ?1 AND left_team = 0")?;
        for member in change.removed.iter().filter(|member| !member.is_team) {
            left.execute([member.k])?;
        }
        let nested = |members: &[Member]| members.iter().filter(|member| member.is_team).count();
        let inert_teams = self.inert_teams(place.tenant, &change.inert)?;
        let gone = nested(&change.removed) + inert_teams;
        let difference = nested(&change.added) as i64 - gone as i64;
        if difference != 0 {
            self.tally(place.tenant)?.nested += difference;
        }
        Ok(())
    }

    /// A team has so many members more.
    pub(super) fn count_members(&self, team: i64, more: i64) -> Result<(), StoreError> {
        if more != 0 {
            self.connection
                .prepare_cached("UPDATE resource SET members = members + ?2 WHERE k = ?1")?
                .execute([team, more])?;
        }
        Ok(())
    }

    /// How many of these rows are deleted teams.
    fn inert_teams(&self, tenant: TenantId, inert: &[i64]) -> Result<usize, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT 1 FROM tombstone WHERE tenant_id = ?1 AND k = ?2 AND kind = ?3",
        )?;
        inert.iter().try_fold(0, |sum, k| {
            let team = statement.exists(params![tenant.0, k, rows::TEAM])?;
            Ok(sum + usize::from(team))
        })
    }
}

fn named(ids: &[String]) -> String {
    let some: Vec<_> = ids.iter().take(NAMED).map(String::as_str).collect();
    let more = if ids.len() > NAMED { ", …" } else { "" };
    format!("{}{more}", some.join(", "))
}
