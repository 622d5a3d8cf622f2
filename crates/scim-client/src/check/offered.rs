//! What a server offers to be asked by: attributes that it lists, comparisons that it makes, lists that it narrows.

use super::{
    assertion::{Reply, Step, Stop, fail},
    probe::{Feature, Made, Probe, World, encoded},
};
use crate::{exchange::Exchange, resource::USER};

/// Attributes of users that a server need not have, and that checks are made with.
const OPTIONAL: [&str; 12] = [
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
    /// The attribute of the standard that a failure is about though the server does not list it: the one that was looked
    /// for in an answer, or that the last request named and was refused for with 400. Whoever has no `nickName` may refuse
    /// it, or find nobody by it, and may not fail at it, nor answer a wrong message with success.
    pub(super) fn unlisted(&self, why: &str, last: Option<&Exchange>) -> Option<&'static str> {
        let reply = last.map(Reply::new);
        let is = |holds: fn(&Reply) -> bool| reply.as_ref().is_some_and(holds);
        let is_refused = is(|reply| reply.refused(&[400]).is_ok());
        let is_answered = is_refused || is(Reply::is_success);
        let request = last.map(|exchange| &exchange.request);
        let body = request.and_then(|request| request.body.as_deref());
        let body = String::from_utf8_lossy(body.filter(|_| is_refused).unwrap_or_default());
        let query = request.and_then(|request| request.query.as_deref());
        let query = query.filter(|_| is_answered).unwrap_or_default();
        let is_named = |name: &&str| {
            let mut pointers = why.split(' ').filter_map(|word| word.strip_prefix('/'));
            let mut words = [&*body, query]
                .into_iter()
                .flat_map(|text| text.split(|letter: char| !letter.is_alphanumeric()));
            pointers.any(|pointer| pointer.split('/').next() == Some(name))
                // In a query a space is %20, and what stands after it begins with 20 here.
                || words.any(|word| word == *name || word.strip_prefix("20") == Some(name))
        };
        let mut names = OPTIONAL.into_iter();
        names.find(|name| !self.defines(USER, name) && is_named(name))
    }
}

impl Probe<'_> {
    /// Ends the check as skipped unless /Schemas lists this attribute of users.
    pub(super) fn need_attribute(&self, name: &str) -> Step {
        if self.world.defines(USER, name) {
            return Ok(());
        }
        Err(Stop::Skipped(format!(
            "/Schemas does not list {name} for users"
        )))
    }

    /// The filter finds exactly these, unless the server refuses to compare this attribute so: Table 9 of RFC 7644 has
    /// `invalidFilter` for a combination of attribute and comparison that is not supported. The grammar is not left to it.
    pub(super) async fn compares(&self, endpoint: &str, filter: &str, ids: &[&Made]) -> Step {
        let reply = self.filter(endpoint, filter).await?;
        let is_grammar = filter.contains(['(', '[']) || filter.contains(" or ");
        if reply.refuses_filter() && !is_grammar {
            // Where `and` itself is refused, it is not the comparison.
            let both = r#"id eq "nobody" and userName eq "nobody""#;
            self.filter("/Users", both).await?.status(&[200])?;
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
            if !reply.refuses_filter() && reply.status_code() != 501 {
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
