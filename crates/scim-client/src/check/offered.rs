//! What a server offers to be asked by: attributes that it lists, comparisons that it makes, lists that it narrows.

use super::{
    assertion::{Reply, Step, Stop, fail},
    probe::{Feature, Made, Probe, World, encoded},
};
use crate::{exchange::Exchange, resource::USER};

/// Attributes of users that a server need not have, and that checks are made with.
const OPTIONAL: [&str; 13] = [
    "nickName",
    "profileUrl",
    "title",
    "userType",
    "preferredLanguage",
    "locale",
    "timezone",
    "phoneNumbers",
    "ims",
    "photos",
    "addresses",
    "roles",
    "x509Certificates",
];

/// A list that some users are in.
#[derive(Debug)]
pub(super) struct Listing {
    /// `/Users?`, with a filter where it is narrowed; more parameters may follow.
    pub(super) path: String,
    /// Whether nobody else is in it.
    pub(super) is_narrowed: bool,
}

impl Listing {
    /// So many users are in the list, or at least so many where others may be in it.
    pub(super) fn has(&self, reply: &Reply, users: u64) -> Step {
        let total = reply.total()?;
        if total == users || (total > users && !self.is_narrowed) {
            return Ok(());
        }
        fail(format!("totalResults is {total}, expected {users}"))
    }
}

impl World<'_> {
    /// The attribute of the standard that a failure is about, or the request that decided it, though the server does not
    /// list it: whoever has no `nickName` may refuse it.
    pub(super) fn unlisted(&self, why: &str, last: Option<&Exchange>) -> Option<&'static str> {
        let request = last.map(|exchange| &exchange.request);
        let body = request.and_then(|request| request.body.as_deref());
        let body = String::from_utf8_lossy(body.unwrap_or_default());
        let query = request.and_then(|request| request.query.as_deref());
        let texts = [why, &body, query.unwrap_or_default()];
        let is_named = |name: &&str| {
            let mut words = texts
                .iter()
                .flat_map(|text| text.split(|letter: char| !letter.is_alphanumeric()));
            words.any(|word| word == *name || word.strip_prefix("20") == Some(name))
        };
        let mut names = OPTIONAL.into_iter();
        names.find(|name| !self.defines(USER, name) && is_named(name))
    }
}

impl Probe<'_> {
    /// The filter finds exactly these, unless the server refuses to compare this attribute so: Table 9 of RFC 7644 has
    /// `invalidFilter` for a combination of attribute and comparison that is not supported. The grammar is not left to it.
    pub(super) async fn compares(&self, endpoint: &str, filter: &str, ids: &[&Made]) -> Step {
        let reply = self.filter(endpoint, filter).await?;
        let is_grammar = filter.contains(['(', '[']) || filter.contains(" or ");
        let refuses = reply.refused(&[400]).is_ok() && reply.kind(&["invalidFilter"]).is_ok();
        if refuses && !is_grammar {
            return Err(Stop::Skipped(format!(
                "the server refuses the filter {filter}: RFC 7644 section 3.12 (table 9) lets it not support a combination \
                 of attribute and comparison"
            )));
        }
        self.finds(endpoint, filter, ids).await
    }

    /// The list of a crowd, where the server can narrow a list so; else the whole list, in which they are too.
    pub(super) async fn listing(&self, filter: &str) -> Step<Listing> {
        let path = format!("/Users?filter={}&", encoded(filter));
        if self.world.has(Feature::Filter) {
            let reply = self.get(&format!("{path}count=1")).await?;
            let refuses = reply.refused(&[400]).is_ok() && reply.kind(&["invalidFilter"]).is_ok();
            if !refuses && reply.status_code() != 501 {
                return Ok(Listing {
                    path,
                    is_narrowed: true,
                });
            }
        }
        Ok(Listing {
            path: "/Users?".to_owned(),
            is_narrowed: false,
        })
    }
}
