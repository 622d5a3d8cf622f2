//! Queries, resolved: what the server asks, what the store answers.

use std::sync::Arc;

use scim::{Map, ResourceType, Value, filter::Filter, sort::Sort};

use crate::{
    Identifier, Stored,
    id::{Id, TokenId},
};

/// A query over one or more resource types of a tenant.
#[derive(Debug, Clone)]
pub struct Search {
    /// The types, each with the filter resolved against it; `None` matches all.
    pub types: Vec<(Arc<ResourceType>, Option<Filter>)>,
    /// `sortBy`; creation order without. With several types each has its own resolved form; a type without the attribute sorts last.
    pub sort: Vec<Option<Sort>>,
    /// Where the page starts.
    pub start: PageStart,
    /// Its size; 0 asks for the total only.
    pub count: usize,
    /// Whether answers carry a user's teams.
    pub teams: bool,
    /// Whether answers carry a team's members.
    pub members: bool,
    /// With [`Identifier::Email`], `userName eq` falls back to the primary e-mail.
    pub identifier: Identifier,
    /// Who walks: page boundaries are remembered per token.
    pub token: Option<TokenId>,
    /// A text that is equal for equal queries (types, filter, sort, count), to remember boundaries by.
    pub fingerprint: String,
}

/// Where a page starts.
#[derive(Debug, Clone, PartialEq)]
pub enum PageStart {
    /// `startIndex`, from 1.
    Index(u64),
    /// After this resource (and, when sorted, its key), for cursors.
    After(Position),
    /// Before this resource, for previous cursors.
    Before(Position),
}

/// A place in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Position {
    /// The resource.
    pub id: Id,
    /// In a sorted list: the part of the resource that the order looks at, so that the place
    /// holds when the resource is gone.
    pub sorted_by: Option<Map<String, Value>>,
}

/// One page.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// All matches.
    pub total: u64,
    /// The resources of this page.
    pub resources: Vec<Stored>,
    /// True if `userName eq` was answered by primary e-mail.
    pub by_email: bool,
    /// True if there is more after this page.
    pub more: bool,
}

/// A look along the resources of one type, in order of their ids, that ends when its page is full or
/// when it has looked for long enough: for people, who rather see where it ended than wait.
#[derive(Debug, Clone)]
pub struct Look {
    /// The type.
    pub kind: Arc<ResourceType>,
    /// What is looked for; `None`: all.
    pub filter: Option<Filter>,
    /// It begins after this resource.
    pub after: Option<Id>,
    /// Size of the page.
    pub count: usize,
    /// It ends after so many documents; one that has to be parsed counts as ten. What an index finds
    /// is not bounded by this.
    pub most: u32,
}

/// What a look found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Looked {
    /// The resources of the page.
    pub resources: Vec<Stored>,
    /// Where the next look begins; `None`: nothing is left to look at. A page that is not full ended
    /// early.
    pub next: Option<Id>,
    /// How much of [`Look::most`] it took.
    pub spent: u32,
}

/// Which deleted users are asked for, by the userName they had; without regard to case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeletedName<'n> {
    /// All.
    Any,
    /// Whose userName contains this.
    Contains(&'n str),
    /// Whose userName is this.
    Is(&'n str),
}
