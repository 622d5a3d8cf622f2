//! Queries: plan, fetch, evaluate, sort, page.

mod fill;
mod look;
mod source;
mod window;

use std::sync::{Arc, atomic::AtomicBool};

use rusqlite::{Connection, OptionalExtension, params};
use scim::{
    ResourceType,
    sort::{Key, Sort},
};

use super::{
    SqliteSettings,
    caller::Callers,
    get, plan,
    plan::Source,
    rows::{self, Resource},
    scan::{self, Budget, Matcher, Stopped},
    walk::{Boundaries, Boundary, Step},
};
use crate::{Id, Page, PageStart, Search, StoreError, TenantId, search::Position};
use fill::Fill;
use source::{Candidates, Place};
use window::{Hit, Start, Window};

/// Rows that may be skipped on the thread that serves others.
const CHEAP_SKIP: u64 = 2_000;

/// A query at work in one view.
pub(super) struct Query<'a> {
    pub(super) connection: &'a Connection,
    pub(super) tenant: TenantId,
    pub(super) search: &'a Search,
    pub(super) callers: &'a Callers,
    pub(super) boundaries: &'a Boundaries,
    pub(super) settings: SqliteSettings,
    pub(super) now: i64,
    /// True beside the threads that serve others; elsewhere it reads little or stops as
    /// [`Stopped::Heavy`].
    pub(super) beside: bool,
    pub(super) cancelled: Arc<AtomicBool>,
}

/// True if the query may read much and must run beside the threads that serve others.
pub(super) fn is_heavy(search: &Search) -> bool {
    let sorted = search.sort.iter().any(Option::is_some);
    search.types.iter().any(|(kind, filter)| match filter {
        Some(filter) => {
            let source = plan::plan(kind, filter).source;
            !source.is_some_and(|source| is_selective(&source))
        }
        None => {
            let skips = match &search.start {
                PageStart::Index(start) => *start > CHEAP_SKIP,
                PageStart::After(_) | PageStart::Before(_) => false,
            };
            sorted || skips || (search.types.len() > 1) || (search.members && kind.is_group())
        }
    })
}

fn is_selective(source: &Source) -> bool {
    match source {
        Source::Nothing | Source::Id(_) | Source::UserName(_) | Source::Key(..) => true,
        // If few begin so; looking is stopped when it is more.
        Source::UserNameFrom(_) | Source::KeyFrom(..) => true,
        Source::TeamsOf(_) | Source::MembersOf(_) => false,
        Source::Any(sources) => sources.len() <= 20 && sources.iter().all(is_selective),
    }
}

impl Query<'_> {
    pub(super) fn run(&self) -> Result<Page, Stopped> {
        if let ([(kind, None)], [None] | []) = (&self.search.types[..], &self.search.sort[..]) {
            return self.listed(kind);
        }
        self.filtered()
    }

    /// A page of everything of one type, by key.
    fn listed(&self, kind: &Arc<ResourceType>) -> Result<Page, Stopped> {
        let number = self.number(kind)?;
        let total = get::count(self.connection, self.tenant, number)?;
        let count = self.search.count;
        let mut page = Page {
            total,
            resources: Vec::new(),
            by_email: false,
            more: false,
        };
        if count == 0 {
            return Ok(page);
        }
        let mut fill = Fill::new(self);
        page.more = match &self.search.start {
            PageStart::Before(position) => {
                let more = self.run_of(kind, number, position.id, "<", "DESC", &mut fill)?;
                fill.resources.reverse();
                more
            }
            PageStart::After(position) => {
                self.run_of(kind, number, position.id, ">", "ASC", &mut fill)?
            }
            PageStart::Index(start) => {
                let start = *start.max(&1);
                let more = match self.boundary(start) {
                    Some(last) => self.run_of(kind, number, last.id, ">", "ASC", &mut fill)?,
                    None => match self.id_at(number, start - 1, total)? {
                        Some(first) => self.run_of(kind, number, first, ">=", "ASC", &mut fill)?,
                        None => false,
                    },
                };
                if let (true, Some(last)) = (more, fill.resources.last()) {
                    self.note(start, fill.resources.len(), last.id, None);
                }
                more
            }
        };
        page.resources = fill.resources;
        Ok(page)
    }

    /// A page of this walk.
    fn step(&self, start: u64) -> Option<Step> {
        self.search.token.map(|token| Step {
            tenant: self.tenant,
            token,
            fingerprint: self.search.fingerprint.clone(),
            start,
        })
    }

    /// Where the page before this one ended, if it was read by the same walk.
    fn boundary(&self, start: u64) -> Option<Boundary> {
        let step = self.step(start).filter(|_| start > 1)?;
        self.boundaries.get(&step, self.now)
    }

    /// Remembers where a page ended that has more after it.
    fn note(&self, start: u64, shown: usize, id: Id, key: Option<Key>) {
        if let Some(step) = self.step(start.saturating_add(shown as u64)) {
            self.boundaries.note(step, Boundary { id, key }, self.now);
        }
    }

    fn number(&self, kind: &ResourceType) -> Result<i64, Stopped> {
        if let Some(number) = rows::builtin_kind(&kind.name) {
            return Ok(number);
        }
        let kinds = self.callers.kinds(self.connection, self.tenant)?;
        let number = kinds.number(kind);
        number.ok_or_else(|| {
            let gone = scim::Error::not_found(format!("There is no resource type {}.", kind.name));
            Stopped::Refused(gone.into())
        })
    }

    /// Fills a page by key; true if there is more.
    fn run_of(
        &self,
        kind: &Arc<ResourceType>,
        number: i64,
        from: Id,
        comparison: &str,
        order: &str,
        fill: &mut Fill<'_>,
    ) -> Result<bool, StoreError> {
        let limit = i64::try_from(self.search.count).unwrap_or(i64::MAX);
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {} FROM resource INDEXED BY resource_id \
             WHERE tenant_id = ?1 AND kind = ?2 AND id {comparison} ?3 ORDER BY id {order} LIMIT ?4",
            rows::COLUMNS
        ))?;
        let mut found = statement.query(params![
            self.tenant.0,
            number,
            from.0,
            limit.saturating_add(1)
        ])?;
        while let Some(row) = found.next()? {
            if fill.is_full() || !fill.add(kind, rows::resource(row)?)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The id at this place, counted from the nearer end of the index.
    fn id_at(&self, number: i64, offset: u64, total: u64) -> Result<Option<Id>, StoreError> {
        if offset >= total {
            return Ok(None);
        }
        let (order, offset) = match offset <= total / 2 {
            true => ("ASC", offset),
            false => ("DESC", total - 1 - offset),
        };
        let offset = i64::try_from(offset).unwrap_or(i64::MAX);
        Ok(self
            .connection
            .prepare_cached(&format!(
                "SELECT id FROM resource INDEXED BY resource_id \
                 WHERE tenant_id = ?1 AND kind = ?2 ORDER BY id {order} LIMIT 1 OFFSET ?3"
            ))?
            .query_row(params![self.tenant.0, number, offset], |row| {
                Ok(Id(row.get(0)?))
            })
            .optional()?)
    }

    /// A page of what matches, over any number of types, in order.
    fn filtered(&self) -> Result<Page, Stopped> {
        let start = match &self.search.start {
            PageStart::Index(index) => self
                .boundary(*index)
                .map_or(Start::Skip(index.max(&1) - 1), |end| {
                    Start::After(vec![end; self.search.types.len()])
                }),
            PageStart::After(position) => Start::After(self.places(position)),
            PageStart::Before(position) => Start::Before(self.places(position)),
        };
        let mut window = Window::new(self.search, start, self.settings.search_memory);
        let budget = Budget::start(self.settings.scan_time, self.cancelled.clone());
        let mut by_email = false;
        for at in 0..self.search.types.len() {
            by_email |= self.matches(at, &budget, &mut window)?;
        }
        let hits = window.page()?;
        let mut fill = Fill::new(self);
        let mut last = None;
        for hit in hits {
            let row = match hit.row {
                Some(row) => *row,
                None => self.row(hit.k)?,
            };
            if !fill.add(&self.search.types[hit.kind].0, row)? {
                break;
            }
            last = Some((hit.id, hit.key));
        }
        let shown = fill.resources.len();
        let more = self.search.count > 0 && window.more(shown);
        if let (true, PageStart::Index(index), Some((id, key))) = (more, &self.search.start, last) {
            self.note(*index.max(&1), shown, id, key);
        }
        if matches!(self.search.start, PageStart::Before(_)) {
            fill.resources.reverse();
        }
        Ok(Page {
            total: window.total,
            resources: fill.resources,
            by_email,
            more,
        })
    }

    /// Lets the matches of one type go by; true if they were found by primary e-mail.
    fn matches(
        &self,
        at: usize,
        budget: &Budget,
        window: &mut Window<'_>,
    ) -> Result<bool, Stopped> {
        let (kind, filter) = &self.search.types[at];
        let number = self.number(kind)?;
        let sort = self.search.sort.get(at).and_then(Option::as_ref);
        let plan = filter.as_ref().map(|filter| plan::plan(kind, filter));
        let matcher = filter.as_ref().map(|filter| Matcher::new(kind, filter));
        let mut exact = plan.as_ref().is_some_and(|plan| plan.exact);
        let mut by_email = false;
        let mut candidates = Candidates::All;
        if let Some(source) = plan.as_ref().and_then(|plan| plan.source.as_ref()) {
            let most = self.settings.search_memory / size_of::<Place>();
            candidates = self.candidates(number, source, most)?;
            if matches!(&candidates, Candidates::Rows(rows) if rows.is_empty()) {
                let rows = self.by_primary_email(kind, number, source)?;
                by_email = !rows.is_empty();
                exact |= by_email;
                candidates = Candidates::Rows(rows);
            }
        }
        let is_match = |row: &Resource| match &matcher {
            Some(matcher) if !exact => matcher.matches(self.connection, self.tenant, row, budget),
            _ => Ok(true),
        };
        let hit = |row: &Resource| {
            Ok::<_, StoreError>(Hit {
                id: row.id,
                k: row.k,
                kind: at,
                key: self.key(kind, sort, row)?,
                row: None,
            })
        };
        match candidates {
            Candidates::Rows(rows) => {
                for row in rows {
                    if is_match(&row)? {
                        let mut hit = hit(&row)?;
                        // Of several types the rows together could be many.
                        hit.row = (self.search.types.len() == 1).then(|| Box::new(row));
                        window.take(hit)?;
                    }
                }
            }
            Candidates::Places(places) => {
                for place in places {
                    budget.spend(1)?;
                    if exact && sort.is_none() {
                        window.take(Hit {
                            id: place.id,
                            k: place.k,
                            kind: at,
                            key: None,
                            row: None,
                        })?;
                        continue;
                    }
                    let row = self.row(place.k)?;
                    if is_match(&row)? {
                        window.take(hit(&row)?)?;
                    }
                }
            }
            Candidates::All => scan::each(
                self.connection,
                self.tenant,
                number,
                matcher,
                budget,
                |row| window.take(hit(&row)?),
            )?,
        }
        Ok(by_email)
    }

    /// What a resource is sorted by.
    fn key(
        &self,
        kind: &ResourceType,
        sort: Option<&Sort>,
        row: &Resource,
    ) -> Result<Option<Key>, StoreError> {
        let Some(sort) = sort else {
            return Ok(None);
        };
        let teams = match kind.is_user() && sort.path.is_core("groups") {
            true => Some(get::teams(self.connection, self.tenant, row.k, || {
                get::has_nested(self.connection, self.tenant)
            })?),
            false => None,
        };
        let members = match kind.is_group() && sort.path.is_core("members") {
            true => Some(get::members(
                self.connection,
                self.tenant,
                row.k,
                0,
                usize::MAX,
            )?),
            false => None,
        };
        let whole = rows::whole(row, kind, teams.as_deref(), members.as_deref())?;
        Ok(Some(sort.key(&whole)))
    }

    /// The row at a place of this view.
    fn row(&self, k: i64) -> Result<Resource, StoreError> {
        Ok(self
            .connection
            .prepare_cached(&format!(
                "SELECT {} FROM resource WHERE k = ?1 AND tenant_id = ?2",
                rows::COLUMNS
            ))?
            .query_row(params![k, self.tenant.0], rows::resource)?)
    }

    /// A position as it compares with the resources of each type.
    fn places(&self, position: &Position) -> Vec<Boundary> {
        let key = |at: usize| {
            let sort = self.search.sort.get(at).and_then(Option::as_ref);
            let mut sorts = self.search.sort.iter().flatten();
            // A type without the attribute sorts after every key, whichever sort made it.
            let sort = sort.or_else(|| sorts.next())?;
            Some(sort.key(position.sorted_by.as_ref()?))
        };
        (0..self.search.types.len())
            .map(|at| Boundary {
                id: position.id,
                key: key(at),
            })
            .collect()
    }
}
