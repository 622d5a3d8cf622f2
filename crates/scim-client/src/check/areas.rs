//! The checks themselves, by what they are about.

mod auth;
mod bulk;
mod discovery;
mod etag;
mod filter;
mod get;
mod http;
mod interop;
mod operations;
mod page;
mod patch;
mod post;
mod project;
mod providers;
mod put;
mod race;
mod resource;

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
        page::checks(),
        project::checks(),
        put::checks(),
        patch::checks(),
        operations::checks(),
        bulk::checks(),
        etag::checks(),
        resource::checks(),
        race::checks(),
        providers::checks(),
        interop::checks(),
    ];
    areas.into_iter().flatten().collect()
}
