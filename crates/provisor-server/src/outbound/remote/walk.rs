//! A target read whole, page by page.

use std::collections::HashSet;

use provisor_store::target::Kind;
use scim_client::{Page, Request};

use super::{
    Remote, Resource,
    answer::{id_of, parse, with_text_id},
    path,
};
use crate::outbound::trouble::Trouble;

/// Resources of a page; a server may give fewer.
const PAGE: usize = 500;
/// Teams of a page where each comes with its members: an answer is 64 MiB at most.
const TEAMS: usize = 100;
/// A target is read up to so many resources of a kind, and so many bytes of them: it must not fill our memory, nor go on for
/// ever.
const MOST_RESOURCES: usize = 5_000_000;
const MOST_BYTES: usize = 2 << 30;

impl Remote {
    /// Every resource of a kind, page by page.
    pub(in crate::outbound) fn walk(&self, kind: Kind, attributes: Option<&str>) -> Walk<'_> {
        Walk {
            remote: self,
            kind,
            page: match (kind, attributes) {
                (Kind::Team, None) => TEAMS,
                _ => PAGE,
            },
            // Names of attributes need no encoding.
            attributes: attributes.map_or(String::new(), |names| format!("&attributes={names}")),
            seen: HashSet::new(),
            start: 1,
            bytes: 0,
            ended: false,
            total: None,
        }
    }
}

/// A walk over every resource of a kind. Ids are all it keeps of those that were seen.
pub(in crate::outbound) struct Walk<'r> {
    remote: &'r Remote,
    kind: Kind,
    page: usize,
    attributes: String,
    seen: HashSet<String>,
    start: u64,
    bytes: usize,
    ended: bool,
    total: Option<u64>,
}

impl Walk<'_> {
    /// What the next page has and none before it had, the page tried as any request; `None` after the last one. A server
    /// that gives the first page for ever, or more than it says there are, ends the walk.
    pub(in crate::outbound) async fn next(&mut self) -> Result<Option<Vec<Resource>>, Trouble> {
        if self.ended {
            return Ok(None);
        }
        let query = format!(
            "startIndex={}&count={}{}",
            self.start, self.page, self.attributes
        );
        let request = Request::get(path(self.kind, None)).query(query);
        let answer = match self.remote.call(&request).await {
            // Only where the list begins it says something of the address; some servers have no page after the last one.
            Err(Trouble::Refused { status: 404, .. }) if self.start > 1 => {
                self.ended = true;
                return Ok(None);
            }
            // A target without teams is none without users.
            Err(Trouble::Refused { status: 404, .. }) if self.kind == Kind::User => {
                return Err(self.remote.no_service());
            }
            answer => answer?,
        };
        self.bytes += answer.body.len();
        let page: Page<Resource> = parse(&answer)?;
        self.start += page.resources.len() as u64;
        self.total = page.total_results;
        let is_new =
            |resource: &Resource| id_of(resource).is_some_and(|id| self.seen.insert(id.to_owned()));
        let mut fresh: Vec<Resource> = page.resources.into_iter().map(with_text_id).collect();
        fresh.retain(is_new);
        if self.seen.len() > MOST_RESOURCES || self.bytes > MOST_BYTES {
            return Err(Trouble::Unclear(format!(
                "the target lists {} resources in {} bytes and goes on; at most {MOST_RESOURCES} and {MOST_BYTES} bytes \
                 are read",
                self.seen.len(),
                self.bytes
            )));
        }
        self.ended = fresh.is_empty() || self.total.is_some_and(|total| self.start > total);
        Ok(Some(fresh))
    }

    /// Whether as many were seen as the target says there are: else, or if it does not say, that one was not seen says nothing
    /// of it.
    pub(in crate::outbound) fn is_whole(&self) -> bool {
        self.total
            .is_some_and(|total| self.seen.len() as u64 >= total)
    }

    /// Whether an id was on a page that was read.
    pub(in crate::outbound) fn has_seen(&self, id: &str) -> bool {
        self.seen.contains(id)
    }
}
