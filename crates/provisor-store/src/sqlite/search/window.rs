//! The part of an ordered list that one page shows, kept while the matches go by.

use std::{cmp::Ordering, collections::VecDeque};

use scim::{Kind, sort::Key};

use super::{Boundary, Stopped};
use crate::{Id, Search, sqlite::rows::Resource};

/// One match: where it is and what it is sorted by. Its document is read when the page is made,
/// unless a look-up had it anyway.
pub(super) struct Hit {
    pub(super) id: Id,
    pub(super) k: i64,
    /// Its type's place in the search.
    pub(super) kind: usize,
    pub(super) key: Option<Key>,
    pub(super) row: Option<Box<Resource>>,
}

impl Hit {
    /// Bytes it takes to keep it; rows of look-ups are few and not counted.
    fn size(&self) -> usize {
        size_of::<Self>() + self.key.as_ref().map_or(0, Key::heap_size)
    }
}

/// Where a page starts in the list of matches.
pub(super) enum Start {
    /// This many come before it.
    Skip(u64),
    /// After this place, as it compares with each type.
    After(Vec<Boundary>),
    /// Before this place, as it compares with each type.
    Before(Vec<Boundary>),
}

/// See the module.
pub(super) struct Window<'a> {
    search: &'a Search,
    start: Start,
    /// True if the matches come in the order of the list, so that only the page is kept.
    in_order: bool,
    /// The page, with what may still come before it.
    hits: VecDeque<Hit>,
    /// All matches.
    pub(super) total: u64,
    /// Those on the page's side of its place.
    inside: u64,
    /// How many of these come before the page.
    skip: usize,
    /// How many the page can need.
    keep: usize,
    bytes: usize,
    /// Bytes of hits that may be kept; twice as many while they are not in order yet.
    most: usize,
}

impl<'a> Window<'a> {
    pub(super) fn new(search: &'a Search, start: Start, most: usize) -> Self {
        let skip = match start {
            Start::Skip(skip) => usize::try_from(skip).unwrap_or(usize::MAX),
            Start::After(_) | Start::Before(_) => 0,
        };
        Self {
            search,
            start,
            in_order: search.types.len() == 1 && search.sort.iter().all(Option::is_none),
            hits: VecDeque::new(),
            total: 0,
            inside: 0,
            skip,
            keep: skip.saturating_add(search.count),
            bytes: 0,
            most,
        }
    }

    /// Takes the next match; those of one type come in order of their ids.
    pub(super) fn take(&mut self, hit: Hit) -> Result<(), Stopped> {
        self.total += 1;
        if self.search.count == 0 || !self.is_inside(&hit) {
            return Ok(());
        }
        self.inside += 1;
        if self.in_order {
            self.take_next(hit);
            return Ok(());
        }
        self.bytes += hit.size();
        self.hits.push_back(hit);
        // Cut at twice the size, so that sorting costs little for each.
        let full = self.hits.len() >= self.keep.saturating_mul(2).max(1_000);
        if full || self.bytes > self.most.saturating_mul(2) {
            self.cut()?;
        }
        Ok(())
    }

    fn take_next(&mut self, hit: Hit) {
        if matches!(self.start, Start::Before(_)) {
            // The page is the last of those before its place.
            if self.hits.len() == self.search.count {
                self.hits.pop_front();
            }
            self.hits.push_back(hit);
        } else if self.inside > self.skip as u64 && self.hits.len() < self.search.count {
            self.hits.push_back(hit);
        }
    }

    /// Whether a hit lies on the page's side of a place.
    fn is_inside(&self, hit: &Hit) -> bool {
        let side = |places: &[Boundary]| {
            places
                .get(hit.kind)
                .map(|place| self.order((&hit.key, hit.id, hit.kind), (&place.key, place.id)))
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

    /// Puts the hits in order, the page's nearest first, and lets go of those the page cannot
    /// need.
    fn cut(&mut self) -> Result<(), Stopped> {
        let mut hits = Vec::from(std::mem::take(&mut self.hits));
        hits.sort_by(|a, b| self.order((&a.key, a.id, a.kind), (&b.key, b.id)));
        if matches!(self.start, Start::Before(_)) {
            hits.reverse();
        }
        hits.truncate(self.keep);
        self.bytes = hits.iter().map(Hit::size).sum();
        // Too large to keep: a page may end early, but not begin elsewhere.
        while self.bytes > self.most && hits.len() > 1 {
            if hits.len() <= self.skip.saturating_add(1) {
                return Err(self.too_deep());
            }
            self.bytes -= hits.pop().map_or(0, |hit| hit.size());
            self.keep = hits.len();
        }
        self.hits = hits.into();
        Ok(())
    }

    /// The page's hits, those nearest to its place first.
    pub(super) fn page(&mut self) -> Result<Vec<Hit>, Stopped> {
        let hits = |window: &mut Self| Vec::from(std::mem::take(&mut window.hits));
        if self.in_order {
            let mut page = hits(self);
            if matches!(self.start, Start::Before(_)) {
                page.reverse();
            }
            return Ok(page);
        }
        if self.inside <= self.skip as u64 {
            return Ok(Vec::new());
        }
        self.cut()?;
        Ok(hits(self).into_iter().skip(self.skip).collect())
    }

    /// Whether there is more beyond a page of this many.
    pub(super) fn more(&self, shown: usize) -> bool {
        self.inside > (self.skip as u64).saturating_add(shown as u64)
    }

    fn too_deep(&self) -> Stopped {
        let detail = format!(
            "startIndex {} lies too deep in a list that is sorted or mixes resource types: the \
             server keeps at most {} bytes of it in order for one request. Read the list from \
             startIndex 1 page by page with one token, page with a cursor, or narrow the filter.",
            self.skip.saturating_add(1),
            self.most
        );
        Stopped::Refused(scim::Error::new(Kind::TooMany, detail).into())
    }
}
