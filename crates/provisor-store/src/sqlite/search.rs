//! Queries: plan, fetch, evaluate, sort, page.

use std::{
    cmp::Ordering,
    collections::HashSet,
    sync::{Arc, atomic::AtomicBool},
};

use rusqlite::{Connection, OptionalExtension, params};
use scim::{ResourceType, sort::Key};

use super::{
    SqliteSettings,
    caller::Callers,
    get::{self, Derived},
    keys, plan,
    plan::Source,
    rows::{self, Resource},
    scan::{self, Budget, Matcher, Stopped},
    walk::{Boundaries, Boundary, Step},
};
use crate::{
    Id, Identifier, Page, PageStart, Search, StoreError, Stored, TenantId, search::Position,
};

/// Rows that may be skipped on the thread that serves others.
const CHEAP_SKIP: u64 = 2_000;

/// One match with what it is sorted by.
struct Hit {
    row: Resource,
    kind: usize,
    key: Option<Key>,
}

/// A query at work in one view.
pub(super) struct Query<'a> {
    pub(super) connection: &'a Connection,
    pub(super) tenant: TenantId,
    pub(super) search: &'a Search,
    pub(super) callers: &'a Callers,
    pub(super) boundaries: &'a Boundaries,
    pub(super) settings: SqliteSettings,
    pub(super) now: i64,
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

    fn derived(&self) -> Derived {
        Derived {
            teams: self.search.teams,
            members: self.search.members,
        }
    }

    fn stored(&self, kind: &Arc<ResourceType>, row: Resource) -> Result<Stored, StoreError> {
        get::stored(self.connection, self.tenant, kind, row, self.derived())
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
        let limit = i64::try_from(count).unwrap_or(i64::MAX).saturating_add(1);
        let rows = match &self.search.start {
            PageStart::Before(position) => {
                let mut rows = self.run_of(number, position.id, limit, "<", "DESC")?;
                page.more = rows.len() > count;
                rows.truncate(count);
                rows.reverse();
                rows
            }
            PageStart::After(position) => {
                let mut rows = self.run_of(number, position.id, limit, ">", "ASC")?;
                page.more = rows.len() > count;
                rows.truncate(count);
                rows
            }
            PageStart::Index(start) => {
                let start = *start.max(&1);
                let mut rows = match self.boundary(start) {
                    Some(last) => self.run_of(number, last.id, limit, ">", "ASC")?,
                    None => match self.id_at(number, start - 1, total)? {
                        Some(first) => self.run_of(number, first, limit, ">=", "ASC")?,
                        None => Vec::new(),
                    },
                };
                page.more = rows.len() > count;
                rows.truncate(count);
                if page.more
                    && let (Some(last), Some(step)) =
                        (rows.last(), self.step(start + rows.len() as u64))
                {
                    let end = Boundary {
                        id: last.id,
                        key: None,
                    };
                    self.boundaries.note(step, end, self.now);
                }
                rows
            }
        };
        for row in rows {
            page.resources.push(self.stored(kind, row)?);
        }
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

    fn run_of(
        &self,
        number: i64,
        from: Id,
        limit: i64,
        comparison: &str,
        order: &str,
    ) -> Result<Vec<Resource>, StoreError> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {} FROM resource INDEXED BY resource_id \
             WHERE tenant_id = ?1 AND kind = ?2 AND id {comparison} ?3 ORDER BY id {order} LIMIT ?4",
            rows::COLUMNS
        ))?;
        let found = statement.query_map(
            params![self.tenant.0, number, from.0, limit],
            rows::resource,
        )?;
        Ok(found.collect::<Result<_, _>>()?)
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
        let mut window = Window::new(self.search, start);
        let budget = Budget::start(self.settings.scan_time, self.cancelled.clone());
        let mut by_email = false;
        for (at, (kind, filter)) in self.search.types.iter().enumerate() {
            let number = self.number(kind)?;
            let sort = self.search.sort.get(at).and_then(Option::as_ref);
            let derived = |row: &Resource| -> Result<Option<Key>, StoreError> {
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
            };
            let plan = filter.as_ref().map(|filter| plan::plan(kind, filter));
            match plan.as_ref().and_then(|plan| plan.source.as_ref()) {
                Some(source) => {
                    let mut rows = self.candidates(number, source)?;
                    if rows.is_empty()
                        && let Source::UserName(name) = source
                        && self.search.identifier == Identifier::Email
                    {
                        rows = self.by_primary_email(kind, number, name)?;
                        by_email = !rows.is_empty();
                    }
                    let exact = by_email || plan.as_ref().is_some_and(|plan| plan.exact);
                    let matcher = filter.as_ref().map(|filter| Matcher::new(kind, filter));
                    for row in rows {
                        if let (false, Some(matcher)) = (exact, &matcher)
                            && !matcher.matches(self.connection, self.tenant, &row, &budget)?
                        {
                            continue;
                        }
                        let key = derived(&row)?;
                        window.take(Hit { row, kind: at, key });
                    }
                }
                None => {
                    let matcher = filter.as_ref().map(|filter| Matcher::new(kind, filter));
                    scan::each(
                        self.connection,
                        self.tenant,
                        number,
                        matcher,
                        &budget,
                        |row| {
                            let key = derived(&row)?;
                            window.take(Hit { row, kind: at, key });
                            Ok(())
                        },
                    )?;
                }
            }
        }
        let total = window.total;
        let (hits, more) = window.page();
        if let (true, PageStart::Index(index), Some(last)) = (more, &self.search.start, hits.last())
            && let Some(step) = self.step(index.max(&1) + hits.len() as u64)
        {
            let end = Boundary {
                id: last.row.id,
                key: last.key.clone(),
            };
            self.boundaries.note(step, end, self.now);
        }
        let mut resources = Vec::with_capacity(hits.len());
        for hit in hits {
            resources.push(self.stored(&self.search.types[hit.kind].0, hit.row)?);
        }
        Ok(Page {
            total,
            resources,
            by_email,
            more,
        })
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

    /// The rows a source leads to, in id order.
    fn candidates(&self, number: i64, source: &Source) -> Result<Vec<Resource>, StoreError> {
        let mut rows = match source {
            Source::Nothing => Vec::new(),
            Source::Id(text) => match text.parse() {
                Ok(id) => get::resource(self.connection, self.tenant, number, id)?
                    .into_iter()
                    .collect(),
                Err(_) => Vec::new(),
            },
            Source::UserName(name) => self.query(
                "WHERE tenant_id = ?1 AND kind = ?2 AND name = ?3",
                params![self.tenant.0, number, name],
            )?,
            Source::Key(attribute, value) => self.query(
                "WHERE k IN (SELECT k FROM search_key \
                   WHERE tenant_id = ?1 AND kind = ?2 AND attribute = ?3 AND value = ?4)",
                params![self.tenant.0, number, attribute, value],
            )?,
            Source::TeamsOf(member) => match self.row_number(member)? {
                Some(member) => self.query(
                    "WHERE kind = ?2 AND k IN \
                       (SELECT team FROM member WHERE tenant_id = ?1 AND member = ?3)",
                    params![self.tenant.0, number, member],
                )?,
                None => Vec::new(),
            },
            Source::MembersOf(team) => match self.row_number(team)? {
                Some(team) => self.query(
                    "WHERE kind = ?2 AND k IN (WITH RECURSIVE below(k) AS ( \
                         SELECT member FROM member WHERE tenant_id = ?1 AND team = ?3 \
                         UNION SELECT m.member FROM below b JOIN member m \
                           ON m.tenant_id = ?1 AND m.team = b.k \
                              AND EXISTS (SELECT 1 FROM resource r WHERE r.k = b.k)) \
                       SELECT k FROM below)",
                    params![self.tenant.0, number, team],
                )?,
                None => Vec::new(),
            },
            Source::Any(sources) => {
                let mut seen = HashSet::new();
                let mut rows = Vec::new();
                for source in sources {
                    let found = self.candidates(number, source)?;
                    rows.extend(found.into_iter().filter(|row| seen.insert(row.k)));
                }
                rows
            }
        };
        rows.sort_unstable_by_key(|row| row.id);
        Ok(rows)
    }

    fn query(
        &self,
        condition: &str,
        values: impl rusqlite::Params,
    ) -> Result<Vec<Resource>, StoreError> {
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {} FROM resource {condition}",
            rows::COLUMNS
        ))?;
        let found = statement.query_map(values, rows::resource)?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// Users whose primary e-mail is this folded address.
    fn by_primary_email(
        &self,
        kind: &ResourceType,
        number: i64,
        email: &str,
    ) -> Result<Vec<Resource>, StoreError> {
        if !kind.is_user() {
            return Ok(Vec::new());
        }
        self.query(
            "WHERE k IN (SELECT k FROM search_key WHERE tenant_id = ?1 AND kind = ?2 \
               AND attribute = ?3 AND value = ?4 AND main = 1)",
            params![
                self.tenant.0,
                number,
                keys::EMAIL,
                keys::bounded(email.into())
            ],
        )
    }

    fn row_number(&self, id: &str) -> Result<Option<i64>, StoreError> {
        let Ok(id) = id.parse::<Id>() else {
            return Ok(None);
        };
        get::row_number(self.connection, self.tenant, id)
    }
}

/// Where a page starts in the list of matches.
enum Start {
    /// This many come before it.
    Skip(u64),
    /// After this place, as it compares with each type.
    After(Vec<Boundary>),
    /// Before this place, as it compares with each type.
    Before(Vec<Boundary>),
}

/// The part of an ordered list that one page shows, kept while the matches go by.
struct Window<'a> {
    search: &'a Search,
    start: Start,
    /// Candidates for the page: from the list's start or the page's place on.
    hits: Vec<Hit>,
    total: u64,
    skip: usize,
    /// How many hits the page can need.
    keep: usize,
}

impl<'a> Window<'a> {
    fn new(search: &'a Search, start: Start) -> Self {
        let skip = match start {
            Start::Skip(skip) => usize::try_from(skip).unwrap_or(usize::MAX),
            Start::After(_) | Start::Before(_) => 0,
        };
        Self {
            search,
            start,
            hits: Vec::new(),
            total: 0,
            skip,
            keep: skip.saturating_add(search.count).saturating_add(1),
        }
    }

    fn take(&mut self, hit: Hit) {
        self.total += 1;
        if self.search.count == 0 || !self.inside(&hit) {
            return;
        }
        self.hits.push(hit);
        // Twice the size is sorted and cut, so that memory stays bounded by the page's end.
        if self.hits.len() >= self.keep.saturating_mul(2).max(1_000) {
            self.cut();
        }
    }

    /// Whether a hit lies on the page's side of a place.
    fn inside(&self, hit: &Hit) -> bool {
        let side = |places: &[Boundary]| {
            places
                .get(hit.kind)
                .map(|place| self.order((&hit.key, hit.row.id, hit.kind), (&place.key, place.id)))
        };
        match &self.start {
            Start::Skip(_) => true,
            Start::After(places) => side(places) == Some(Ordering::Greater),
            Start::Before(places) => side(places) == Some(Ordering::Less),
        }
    }

    fn order(&self, a: (&Option<Key>, Id, usize), b: (&Option<Key>, Id)) -> Ordering {
        let sort = self.search.sort.get(a.2).and_then(Option::as_ref);
        let by_key = match (a.0, b.0) {
            (Some(one), Some(other)) => {
                sort.map_or(Ordering::Equal, |sort| sort.compare(one, other))
            }
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        };
        by_key.then_with(|| a.1.cmp(&b.1))
    }

    fn cut(&mut self) {
        let mut hits = std::mem::take(&mut self.hits);
        hits.sort_by(|a, b| self.order((&a.key, a.row.id, a.kind), (&b.key, b.row.id)));
        if matches!(self.start, Start::Before(_)) {
            hits.reverse();
        }
        hits.truncate(self.keep);
        self.hits = hits;
    }

    /// The page's hits, and whether there is more beyond it.
    fn page(mut self) -> (Vec<Hit>, bool) {
        self.cut();
        let count = self.search.count;
        let mut hits: Vec<Hit> = self.hits.into_iter().skip(self.skip).collect();
        let more = count > 0 && hits.len() > count;
        hits.truncate(count);
        if matches!(self.start, Start::Before(_)) {
            hits.reverse();
        }
        (hits, more)
    }
}
