//! Reading every resource of a type: bounded by time, cancelled with its request, and with a
//! look at the bytes before a document is parsed.

use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use memchr::memmem::Finder;
use rusqlite::{Connection, Row, params};
use scim::{Kind, ResourceType, filter::Filter, fold::keeps_ascii};

use super::{
    get,
    rows::{self, Resource},
};
use crate::{Refusal, StoreError, TenantId};

/// Rows between two looks at the clock.
const CHECK_EVERY: u32 = 512;

/// When a search has to stop.
#[derive(Debug)]
pub(super) struct Budget {
    time: Duration,
    started: Instant,
    /// Set when the request that asked has gone.
    cancelled: Arc<AtomicBool>,
    rows: Cell<u32>,
}

impl Budget {
    /// Starts the clock.
    pub(super) fn start(time: Duration, cancelled: Arc<AtomicBool>) -> Self {
        Self {
            time,
            started: Instant::now(),
            cancelled,
            rows: Cell::new(0),
        }
    }

    /// Counts a row that was looked at; now and then looks at the clock. A row may be as much
    /// work as several.
    pub(super) fn spend(&self, work: u32) -> Result<(), Stopped> {
        let rows = self.rows.get() + work;
        self.rows.set(rows);
        if rows < CHECK_EVERY {
            return Ok(());
        }
        self.rows.set(0);
        if self.cancelled.load(Relaxed) {
            return Err(StoreError::Unavailable("the client has gone".into()).into());
        }
        if self.started.elapsed() > self.time {
            return Err(Stopped::Refused(too_long(self.time)));
        }
        Ok(())
    }
}

/// How a scan ended early.
#[derive(Debug)]
pub(super) enum Stopped {
    /// It leads to more than may be read where it was asked; it must run beside.
    Heavy,
    Refused(Refusal),
    Failed(StoreError),
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Stopped::Failed(error)
    }
}

impl From<rusqlite::Error> for Stopped {
    fn from(error: rusqlite::Error) -> Self {
        Stopped::Failed(error.into())
    }
}

/// A filter with what it needs of a resource to decide.
pub(super) struct Matcher<'a> {
    kind: &'a ResourceType,
    filter: &'a Filter,
    texts: Option<Vec<Finder<'static>>>,
    folded: Vec<u8>,
    teams: bool,
    members: bool,
}

impl<'a> Matcher<'a> {
    pub(super) fn new(kind: &'a ResourceType, filter: &'a Filter) -> Self {
        Self {
            kind,
            filter,
            texts: filter.required_texts().map(|texts| {
                let finders = texts.iter();
                finders
                    .map(|text| Finder::new(text.as_bytes()).into_owned())
                    .collect()
            }),
            folded: Vec::new(),
            teams: kind.is_user() && filter.mentions("groups"),
            members: kind.is_group() && filter.mentions("members"),
        }
    }

    /// False if the document cannot match, told from its bytes: no text of those that the filter
    /// demands is in it. Where something beyond ASCII folds to ASCII, the document is looked at.
    fn may_match(&mut self, doc: &[u8], rest: Option<&[u8]>) -> bool {
        let Some(texts) = &self.texts else {
            return true;
        };
        if rest.is_some() || !std::str::from_utf8(doc).is_ok_and(keeps_ascii) {
            return true;
        }
        self.folded.clear();
        self.folded.extend_from_slice(doc);
        self.folded.make_ascii_lowercase();
        texts.iter().any(|text| text.find(&self.folded).is_some())
    }

    pub(super) fn matches(
        &self,
        connection: &Connection,
        tenant: TenantId,
        row: &Resource,
        budget: &Budget,
    ) -> Result<bool, Stopped> {
        let teams = match self.teams {
            true => Some(get::teams(connection, tenant, row.k, || {
                get::has_nested(connection, tenant)
            })?),
            false => None,
        };
        let members = match self.members {
            true => Some(self.members_for_filter(connection, tenant, row)?),
            false => None,
        };
        let others = teams.as_ref().map_or(0, Vec::len) + members.as_ref().map_or(0, Vec::len);
        budget.spend(
            u32::try_from(others)
                .unwrap_or(CHECK_EVERY)
                .min(CHECK_EVERY)
                + 1,
        )?;
        let resource = rows::whole(row, self.kind, teams.as_deref(), members.as_deref())?;
        Ok(self.filter.matches(&resource))
    }

    /// The members the filter can tell apart: where it only asks for certain ids (as identity
    /// providers' reference checks do), those of them that are members; else all.
    fn members_for_filter(
        &self,
        connection: &Connection,
        tenant: TenantId,
        row: &Resource,
    ) -> Result<Vec<crate::MemberRef>, StoreError> {
        let Some(ids) = asked_members(self.filter) else {
            return get::members(connection, tenant, row.k, 0, usize::MAX);
        };
        let mut members = Vec::new();
        for id in ids {
            if let Ok(id) = id.parse()
                && let Some(member) = get::member_if(connection, tenant, row.k, id)?
            {
                members.push(member);
            }
        }
        Ok(members)
    }
}

/// The ids a filter compares members with, if it does nothing else with members.
fn asked_members(filter: &Filter) -> Option<Vec<String>> {
    use scim::filter::{Literal, Operator};
    match filter {
        Filter::Compare {
            path,
            op: Operator::Eq,
            value: Literal::Text(text),
        } if path.is_core("members") => {
            let value = path.sub.as_ref().is_some_and(|sub| sub.name == "value");
            value.then(|| vec![text.clone()])
        }
        Filter::Compare { path, .. } | Filter::Present(path) => {
            (!path.is_core("members")).then(Vec::new)
        }
        Filter::Not(part) | Filter::Element { filter: part, .. } => asked_members(part),
        Filter::And(parts) | Filter::Or(parts) => {
            let ids: Option<Vec<_>> = parts.iter().map(asked_members).collect();
            Some(ids?.concat())
        }
        Filter::Constant(_) => Some(Vec::new()),
    }
}

/// Calls `found` for every resource of a type that matches, in id order.
pub(super) fn each(
    connection: &Connection,
    tenant: TenantId,
    number: i64,
    matcher: Option<Matcher<'_>>,
    budget: &Budget,
    mut found: impl FnMut(Resource) -> Result<(), Stopped>,
) -> Result<(), Stopped> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {} FROM resource INDEXED BY resource_id \
         WHERE tenant_id = ?1 AND kind = ?2 ORDER BY id",
        rows::COLUMNS
    ))?;
    let mut all = statement.query(params![tenant.0, number])?;
    let mut matcher = matcher;
    while let Some(row) = all.next()? {
        budget.spend(1)?;
        if let Some(matcher) = &mut matcher {
            if !candidate(matcher, row)? {
                continue;
            }
            let resource = rows::resource(row)?;
            if matcher.matches(connection, tenant, &resource, budget)? {
                found(resource)?;
            }
        } else {
            found(rows::resource(row)?)?;
        }
    }
    Ok(())
}

/// False if a row cannot match, told from the bytes of its document.
pub(super) fn candidate(matcher: &mut Matcher<'_>, row: &Row<'_>) -> rusqlite::Result<bool> {
    let doc = row.get_ref(6)?;
    let rest = row.get_ref(7)?;
    let bytes = |value| match value {
        rusqlite::types::ValueRef::Text(text) => Some(text),
        _ => None,
    };
    Ok(matcher.may_match(bytes(doc).unwrap_or_default(), bytes(rest)))
}

fn too_long(time: Duration) -> Refusal {
    scim::Error::new(
        Kind::TooMany,
        format!(
            "The query reads every resource, or very many, and took longer than {} s. Filter with \
             eq on id, userName, externalId, displayName, emails.value, members.value or \
             groups.value, which are indexed.",
            time.as_secs_f64()
        ),
    )
    .into()
}
