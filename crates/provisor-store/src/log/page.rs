//! A page of the log for people: it looks along the time for so long, and says how far it came.

use crate::StoreError;

use super::{
    LogFilter, LogReader, Logged, Place,
    query::{Query, Walk, end_of_name, limit},
};

/// Entries that are looked at for a page.
const MOST: usize = 10_000;

/// Entries, newest first.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LogPage {
    /// As many as the filter's limit, if there are so many or it did not end early.
    pub entries: Vec<Logged>,
    /// Where it ended before the page was full: nothing older than this was looked at. The next page
    /// is before this place.
    pub ended: Option<Place>,
}

impl LogReader {
    /// Entries, newest first, as far back as a page may look: about 10,000 entries of the index that
    /// the filter is answered by. What is seldom takes several pages, each soon.
    pub fn page(&self, filter: &LogFilter) -> Result<LogPage, StoreError> {
        self.page_within(filter, MOST)
    }

    pub(super) fn page_within(
        &self,
        filter: &LogFilter,
        most: usize,
    ) -> Result<LogPage, StoreError> {
        if filter.is_by_name() {
            return self.page_of_name(filter, most);
        }
        let Some(end) = self.end(filter, most)? else {
            return Ok(LogPage {
                entries: self.entries(filter)?,
                ended: None,
            });
        };
        let within = LogFilter {
            since: filter.since.max(Some(end)),
            ..filter.clone()
        };
        let entries = self.entries(&within)?;
        let is_full = entries.len() == limit(filter.limit);
        Ok(LogPage {
            entries,
            // Before every entry of this moment.
            ended: (!is_full).then_some(Place { at: end, id: 0 }),
        })
    }

    /// The page of a name, by the ids of its entries: no index has a name's entries by their time.
    fn page_of_name(&self, filter: &LogFilter, most: usize) -> Result<LogPage, StoreError> {
        self.ask(|conn, key| {
            let end = end_of_name(conn, key, filter, most)?;
            let from = end.map_or(0, |end| end.id);
            let entries = Query::named(filter, key, from).run(conn, "+e.id DESC")?;
            let is_full = entries.len() == limit(filter.limit);
            Ok(LogPage {
                entries,
                ended: end.filter(|_| !is_full),
            })
        })
    }

    /// The time that a page ends at, unless it sees all there is: the latest of its walks' ends.
    fn end(&self, filter: &LogFilter, most: usize) -> Result<Option<i64>, StoreError> {
        let Some(walk) = Walk::of(filter) else {
            return Ok(None);
        };
        let walks = match filter.one_by_one() {
            Some(tenants) => tenants.iter().copied().map(Walk::Tenant).collect(),
            None => vec![walk],
        };
        let most = (most / walks.len().max(1)).max(1);
        self.ask(|conn, _| {
            let ends = walks.iter().map(|walk| walk.end(conn, filter, most));
            let ends: Vec<Option<i64>> = ends.collect::<Result<_, _>>()?;
            Ok(ends.into_iter().flatten().max())
        })
    }
}
