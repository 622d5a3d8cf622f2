//! What a run has to look at: marks for what the source changed, for what waits, and for everything.

use std::collections::HashSet;

use provisor_store::{
    TargetChange,
    event::EventKind,
    target::{DuePlace, Kind},
};

use super::{CHUNK, Run, Stopped, lock};
use crate::outbound::{creation::may_be_there, plan::Desired};

/// Milliseconds.
const DAY: i64 = 86_400_000;

impl Run {
    /// Marks the source's users and teams, and those that were pushed earlier.
    pub(super) async fn mark_all(&self) -> Result<(), Stopped> {
        // What changes from here on has its event after this one.
        let (_, cursor) = self
            .view()
            .await?
            .events(self.target.tenant, i64::MAX - 1, 1)
            .await?;
        for kind in [Kind::User, Kind::Team] {
            let mut after: Option<String> = None;
            loop {
                let ids = self.source.ids(kind, after.as_deref()).await?;
                let Some(last) = ids.last() else { break };
                after = Some(last.clone());
                self.mark(kind, ids, false).await?;
            }
            let now = self.wish.clock.now();
            let mut after = String::new();
            loop {
                let known = self
                    .view()
                    .await?
                    .target_objects(self.place(), kind, false, &after, 500)
                    .await?;
                let Some(last) = known.last() else { break };
                after.clone_from(&last.local);
                // Who is to be tried again later may be gone from the source by now.
                let unmarked = known
                    .into_iter()
                    .filter(|known| known.due.is_none_or(|due| due > now));
                self.mark(kind, unmarked.map(|known| known.local).collect(), false)
                    .await?;
            }
        }
        self.write(TargetChange::Mark {
            id: self.target.id,
            objects: Vec::new(),
            cursor: Some(cursor),
            whole: Some(self.target.whole),
            differ: false,
        })
        .await
    }

    pub(in crate::outbound) async fn mark(
        &self,
        kind: Kind,
        locals: Vec<String>,
        differ: bool,
    ) -> Result<(), Stopped> {
        if locals.is_empty() {
            return Ok(());
        }
        self.write(TargetChange::Mark {
            id: self.target.id,
            objects: locals.into_iter().map(|local| (kind, local)).collect(),
            cursor: None,
            whole: None,
            differ,
        })
        .await
    }

    /// Marks what the source changed since the last run.
    pub(super) async fn mark_changed(&self) -> Result<(), Stopped> {
        let mut cursor = self.target.cursor;
        loop {
            let (events, _) = self
                .view()
                .await?
                .events(self.target.tenant, cursor, 500)
                .await?;
            let Some(last) = events.last() else {
                return Ok(());
            };
            cursor = last.seq;
            let mut objects = HashSet::new();
            for event in &events {
                let kind = match event.resource_type.as_str() {
                    "User" => Kind::User,
                    "Group" => Kind::Team,
                    _ => continue,
                };
                objects.insert((kind, event.resource.to_string()));
                // Whoever goes or comes back takes memberships along, which have no events of their own.
                if matches!(
                    event.kind,
                    EventKind::Deleted | EventKind::Restored | EventKind::Erased
                ) {
                    let teams = event.detail["memberships"].as_array().into_iter().flatten();
                    objects.extend(
                        teams.filter_map(|team| Some((Kind::Team, team.as_str()?.to_owned()))),
                    );
                }
            }
            self.write(TargetChange::Mark {
                id: self.target.id,
                objects: objects.into_iter().collect(),
                cursor: Some(cursor),
                whole: None,
                differ: false,
            })
            .await?;
        }
    }

    pub(super) async fn mark_given_up(&self) -> Result<(), Stopped> {
        for kind in [Kind::User, Kind::Team] {
            let mut after = String::new();
            loop {
                let known = self
                    .view()
                    .await?
                    .target_objects(self.place(), kind, true, &after, 500)
                    .await?;
                let Some(last) = known.last() else { break };
                after.clone_from(&last.local);
                self.mark(
                    kind,
                    known.into_iter().map(|known| known.local).collect(),
                    false,
                )
                .await?;
            }
        }
        Ok(())
    }

    /// Marks teams of users who are new in the target, which waited or did not know of them, and members that turned out
    /// not to be there. False if there are none.
    pub(super) async fn mark_teams_of_newly(&self) -> Result<bool, Stopped> {
        let newly = std::mem::take(&mut *lock(&self.newly));
        let strayed = std::mem::take(&mut *lock(&self.strayed));
        let of = |objects: &[(Kind, String)], kind: Kind| -> Vec<String> {
            let objects = objects.iter().filter(|(of, _)| *of == kind);
            objects.map(|(_, local)| local.clone()).collect()
        };
        let mut any = !strayed.is_empty();
        for kind in [Kind::User, Kind::Team] {
            if kind == Kind::User || self.settings.nested_teams {
                let teams = self.source.teams_of(kind, &of(&newly, kind)).await?;
                any |= !teams.is_empty();
                for chunk in teams.chunks(500) {
                    self.mark(Kind::Team, chunk.to_vec(), false).await?;
                }
            }
            self.mark(kind, of(&strayed, kind), true).await?;
        }
        Ok(any)
    }

    /// Counts whom this run would take access from, before it does, with those of the last day: many small runs count as
    /// one that is as large.
    pub(super) async fn check_removals(&self, due: u64) -> Result<(), Stopped> {
        let most = self.settings.most_removals;
        if most == 0 || due == 0 || self.wish.allow_removals || !self.settings.deactivate {
            return Ok(());
        }
        let until = self.wish.clock.now();
        let mut view = self.view().await?;
        let before = view.target_removals(self.place(), until - DAY).await?;
        drop(view);
        if before.saturating_add(due) <= most {
            return Ok(());
        }
        let (mut removals, mut after): (u64, Option<DuePlace>) = (0, None);
        loop {
            let due = self
                .view()
                .await?
                .target_due(self.place(), Kind::User, until, after.as_ref(), CHUNK)
                .await?;
            let Some(last) = due.last() else { break };
            after = Some((last.due.unwrap_or(0), last.local.clone()));
            for (object, desired) in self.desired(due).await? {
                let there = may_be_there(&object);
                let gone = matches!(desired, Desired::Absent(_)) && there;
                removals += u64::from(gone && object.sent.as_ref() != Some(&desired.hash()));
            }
        }
        if removals > 0 && before + removals > most {
            return Err(Stopped::TooManyRemovals {
                removals,
                before,
                most,
            });
        }
        Ok(())
    }
}
