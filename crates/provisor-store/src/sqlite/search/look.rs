//! Looks within bounds: the next matches in order of their ids, for people.

use std::sync::Arc;

use rusqlite::params;
use scim::ResourceType;

use super::{Query, Stopped, fill::Fill, source::Candidates};
use crate::{
    Id, Looked, PageStart,
    sqlite::{
        plan,
        rows::{self, Resource},
        scan::{self, Budget, Matcher},
    },
};

/// What parsing a document counts, where passing one over counts one.
const PARSED: u32 = 10;
/// An index that leads to more than this is not used: among so many the next ones are near.
const MANY: usize = 1_000;

impl Query<'_> {
    /// The first of the search's matches after its place, in order of their ids, as far as `most`
    /// lets it look.
    pub(in crate::sqlite) fn look(&self, most: u32) -> Result<Looked, Stopped> {
        let Some((kind, filter)) = self.search.types.first() else {
            return Ok(Looked::default());
        };
        let after = match &self.search.start {
            PageStart::After(position) => position.id,
            PageStart::Index(_) | PageStart::Before(_) => Id([0; 16]),
        };
        let number = self.number(kind)?;
        let plan = filter.as_ref().map(|filter| plan::plan(kind, filter));
        let mut matcher = filter.as_ref().map(|filter| Matcher::new(kind, filter));
        let candidates = match plan.as_ref().and_then(|plan| plan.source.as_ref()) {
            Some(source) => self.candidates(number, source, MANY)?,
            None => Candidates::All,
        };
        if plan.is_some_and(|plan| plan.exact) && !matches!(candidates, Candidates::All) {
            matcher = None;
        }
        match candidates {
            Candidates::Rows(rows) => {
                let rows = rows.into_iter().filter(|row| row.id > after);
                self.among(kind, matcher.as_ref(), rows.map(Ok))
            }
            Candidates::Places(places) => {
                let places = places.into_iter().filter(|place| place.id > after);
                let rows = places.map(|place| self.row(place.k).map_err(Stopped::from));
                self.among(kind, matcher.as_ref(), rows)
            }
            Candidates::All => self.along(kind, number, matcher, (after, most)),
        }
    }

    /// Fills a page from what an index found.
    fn among(
        &self,
        kind: &Arc<ResourceType>,
        matcher: Option<&Matcher<'_>>,
        rows: impl Iterator<Item = Result<Resource, Stopped>>,
    ) -> Result<Looked, Stopped> {
        let budget = self.budget();
        let mut page = Fill::new(self);
        for row in rows {
            let row = row?;
            budget.spend(1)?;
            if let Some(matcher) = matcher
                && !matcher.matches(self.connection, self.tenant, &row, &budget)?
            {
                continue;
            }
            if page.is_full() || !page.add(kind, row)? {
                return Ok(page.looked(None, 0));
            }
        }
        Ok(Looked {
            resources: page.resources,
            ..Looked::default()
        })
    }

    /// Fills a page along the ids, from and as far as `(after, most)` say.
    fn along(
        &self,
        kind: &Arc<ResourceType>,
        number: i64,
        mut matcher: Option<Matcher<'_>>,
        (after, most): (Id, u32),
    ) -> Result<Looked, Stopped> {
        if !self.beside {
            return Err(Stopped::Heavy);
        }
        let budget = self.budget();
        let mut page = Fill::new(self);
        let mut spent = 0;
        let mut statement = self.connection.prepare_cached(&format!(
            "SELECT {} FROM resource INDEXED BY resource_id \
             WHERE tenant_id = ?1 AND kind = ?2 AND id > ?3 ORDER BY id",
            rows::COLUMNS
        ))?;
        let mut all = statement.query(params![self.tenant.0, number, after.0])?;
        while let Some(row) = all.next()? {
            budget.spend(1)?;
            spent += 1;
            let mut is_match = true;
            if let Some(matcher) = &mut matcher {
                is_match = scan::candidate(matcher, row)?;
                if is_match {
                    spent += PARSED - 1;
                    let resource = rows::resource(row)?;
                    is_match = matcher.matches(self.connection, self.tenant, &resource, &budget)?;
                }
            }
            if is_match && (page.is_full() || !page.add(kind, rows::resource(row)?)?) {
                return Ok(page.looked(None, spent));
            }
            if spent >= most {
                return Ok(page.looked(Some(rows::resource(row)?.id), spent));
            }
        }
        Ok(Looked {
            resources: page.resources,
            next: None,
            spent,
        })
    }

    fn budget(&self) -> Budget {
        Budget::start(self.settings.scan_time, self.cancelled.clone())
    }
}

impl Fill<'_> {
    /// The page, with more to come after this resource, else after its last.
    fn looked(self, after: Option<Id>, spent: u32) -> Looked {
        let last = self.resources.last().map(|stored| stored.id);
        Looked {
            next: after.or(last),
            resources: self.resources,
            spent,
        }
    }
}
