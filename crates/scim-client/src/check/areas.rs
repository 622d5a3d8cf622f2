//! The checks themselves, by what they are about.

mod auth;
mod bulk;
mod clients;
mod cursor;
mod delete;
mod discovery;
mod entra;
mod error;
mod etag;
mod filter;
mod get;
mod http;
mod interop;
mod okta;
mod operations;
mod operators;
mod own;
mod page;
mod patch;
mod post;
mod project;
mod put;
mod race;
mod resource;
mod search;
mod sort;

use super::catalog::Check;

/// All of them, in the order in which they run.
pub(super) fn all() -> Vec<Check> {
    let areas = [
        http::checks(),
        auth::checks(),
        discovery::checks(),
        post::checks(),
        get::checks(),
        filter::checks(),
        operators::checks(),
        sort::checks(),
        page::checks(),
        cursor::checks(),
        search::checks(),
        project::checks(),
        put::checks(),
        delete::checks(),
        patch::checks(),
        operations::checks(),
        bulk::checks(),
        etag::checks(),
        error::checks(),
        resource::checks(),
        own::checks(),
        race::checks(),
        okta::checks(),
        entra::checks(),
        clients::checks(),
        interop::checks(),
    ];
    areas.into_iter().flatten().collect()
}
