//! Searches and their pages (RFC 7644 section 3.4.2, RFC 9865).

use std::fmt::Display;

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use url::form_urlencoded::Serializer;

use crate::resource::null_is_empty;

/// What to search for, and how much of it at a time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    filter: Option<String>,
    attributes: Vec<String>,
    excluded_attributes: Vec<String>,
    sort_by: Option<String>,
    descending: bool,
    count: Option<u64>,
    paging: Paging,
}

/// How the next page is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Paging {
    /// By `startIndex` (RFC 7644 section 3.4.2.4).
    #[default]
    Index,
    /// By cursor (RFC 9865); servers that know none answer with an error or with the first page for ever, which
    /// [`crate::ServiceProviderConfig`] tells beforehand.
    Cursor,
    /// The first page alone: what Keycloak's plug-in and Entra do.
    None,
}

impl Query {
    /// Everything.
    #[must_use]
    pub fn all() -> Query {
        Query::default()
    }

    /// What the filter matches.
    #[must_use]
    pub fn filter(filter: impl Display) -> Query {
        Query {
            filter: Some(filter.to_string()),
            ..Query::default()
        }
    }

    /// Only these attributes (and those always returned).
    #[must_use]
    pub fn attributes<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Query {
        self.attributes = names.into_iter().map(Into::into).collect();
        self
    }

    /// Without these attributes.
    #[must_use]
    pub fn without<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Query {
        self.excluded_attributes = names.into_iter().map(Into::into).collect();
        self
    }

    /// In the order of an attribute.
    #[must_use]
    pub fn sort_by(mut self, path: impl Into<String>, descending: bool) -> Query {
        (self.sort_by, self.descending) = (Some(path.into()), descending);
        self
    }

    /// How many in a page; the server may give less.
    #[must_use]
    pub fn count(mut self, count: u64) -> Query {
        self.count = Some(count);
        self
    }

    /// How the next page is asked for.
    #[must_use]
    pub fn paging(mut self, paging: Paging) -> Query {
        self.paging = paging;
        self
    }

    /// The query string of the page at this place.
    pub(crate) fn to_string(&self, place: &Place) -> String {
        let mut query = Serializer::new(String::new());
        let mut put = |name: &str, value: &str| {
            query.append_pair(name, value);
        };
        if let Some(filter) = &self.filter {
            put("filter", filter);
        }
        if !self.attributes.is_empty() {
            put("attributes", &self.attributes.join(","));
        }
        if !self.excluded_attributes.is_empty() {
            put("excludedAttributes", &self.excluded_attributes.join(","));
        }
        if let Some(path) = &self.sort_by {
            put("sortBy", path);
            put(
                "sortOrder",
                if self.descending {
                    "descending"
                } else {
                    "ascending"
                },
            );
        }
        if let Some(count) = self.count {
            put("count", &count.to_string());
        }
        match place {
            Place::First if self.paging == Paging::Cursor => put("cursor", ""),
            Place::First | Place::End => {}
            Place::Index(index) => put("startIndex", &index.to_string()),
            Place::Cursor(cursor) => put("cursor", cursor),
        }
        query.finish()
    }

    pub(crate) fn is_by_index(&self) -> bool {
        self.paging == Paging::Index
    }

    /// Where the page after this one begins.
    pub(crate) fn next<T>(&self, place: &Place, page: &Page<T>) -> Place {
        let got = page.resources.len() as u64;
        match self.paging {
            Paging::None => Place::End,
            Paging::Cursor => match &page.next_cursor {
                Some(cursor) => Place::Cursor(cursor.clone()),
                None => Place::End,
            },
            Paging::Index => {
                let start = match place {
                    Place::Index(index) => *index,
                    _ => 1,
                };
                let is_last = |total| start.saturating_add(got) > total;
                // An empty page ends the walk, whatever total a server claims.
                if got == 0 || page.total_results.is_some_and(is_last) {
                    Place::End
                } else {
                    Place::Index(start + got)
                }
            }
        }
    }
}

/// Where in a walk a page is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    First,
    Index(u64),
    Cursor(String),
    End,
}

/// One page of a list (RFC 7644 section 3.4.2).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Page<T = Value> {
    /// How many there are in all; with cursors a server may not know. `None` where it is missing or no such number.
    #[serde(default, deserialize_with = "some_number")]
    pub total_results: Option<u64>,
    /// The place of the first one here, from 1.
    #[serde(default, deserialize_with = "some_number")]
    pub start_index: Option<u64>,
    /// How many are here.
    #[serde(default, deserialize_with = "some_number")]
    pub items_per_page: Option<u64>,
    /// Leads to the next page (RFC 9865).
    #[serde(default, deserialize_with = "text")]
    pub next_cursor: Option<String>,
    /// What is here; left out by servers where there is nothing.
    #[serde(
        rename = "Resources",
        alias = "resources",
        default = "Vec::new",
        deserialize_with = "null_is_empty",
        bound(deserialize = "T: Deserialize<'de>")
    )]
    pub resources: Vec<T>,
}

/// A number as servers write it, also in a text or as 1e3; `None` if it is none, or less than 0.
pub(crate) fn some_number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let value = Value::deserialize(from)?;
    let text = value.as_str().and_then(|text| text.trim().parse().ok());
    let whole = |number: f64| (number >= 0.0).then_some(number as u64);
    Ok(value.as_u64().or(text).or_else(|| whole(value.as_f64()?)))
}

fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => Some(text),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Filter;

    fn page(total: u64, got: usize) -> Page<u8> {
        Page {
            total_results: Some(total),
            start_index: None,
            items_per_page: None,
            next_cursor: None,
            resources: vec![0; got],
        }
    }

    #[test]
    fn a_query_is_encoded() {
        let query = Query::filter(Filter::eq("userName", "a&b+c"))
            .attributes(["userName", "emails.value"])
            .count(50);
        assert_eq!(
            query.to_string(&Place::Index(51)),
            "filter=userName+eq+%22a%26b%2Bc%22&attributes=userName%2Cemails.value&count=50&startIndex=51"
        );
    }

    #[test]
    fn a_walk_goes_by_what_came_and_ends() {
        let query = Query::all();
        assert_eq!(
            query.next(&Place::First, &page(250, 100)),
            Place::Index(101)
        );
        assert_eq!(
            query.next(&Place::Index(101), &page(250, 100)),
            Place::Index(201)
        );
        assert_eq!(query.next(&Place::Index(201), &page(250, 50)), Place::End);
        assert_eq!(query.next(&Place::Index(201), &page(250, 0)), Place::End);
        let nameless = Page {
            total_results: None,
            ..page(0, 100)
        };
        assert_eq!(query.next(&Place::First, &nameless), Place::Index(101));
        let cursor = query.paging(Paging::Cursor);
        assert_eq!(cursor.to_string(&Place::First), "cursor=");
        assert_eq!(cursor.next(&Place::First, &page(0, 100)), Place::End);
    }
}
