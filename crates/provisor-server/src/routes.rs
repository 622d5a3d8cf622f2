//! Tables of routes, of API and console alike: method, path, what it demands, and what serves it.

use std::fmt;

use axum::{
    Router,
    extract::{RawPathParams, Request, rejection::RawPathParamsRejection},
    response::Response,
    routing::any,
};

/// One route; `A` is what it may demand, `S` what serves it.
#[derive(Clone, Copy)]
pub struct Route<A, S> {
    /// HTTP method; `HEAD` is served wherever `GET` is.
    pub method: &'static str,
    /// Path, with `{parameters}`.
    pub path: &'static str,
    /// What it demands.
    pub access: A,
    pub(crate) serve: S,
}

impl<A: fmt::Debug, S> fmt::Debug for Route<A, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {:?}", self.method, self.path, self.access)
    }
}

/// A router that gives each path, whatever the method, to `dispatch`, which knows the table.
pub(crate) fn router<A, S, D>(
    table: &[Route<A, S>],
    prefix: &str,
    dispatch: impl Fn(&'static str, Option<RawPathParams>, Request) -> D + Clone + Send + Sync + 'static,
) -> Router
where
    D: Future<Output = Response> + Send + 'static,
{
    type Parameters = Result<RawPathParams, RawPathParamsRejection>;
    let mut router = Router::new();
    for (at, Route { path, .. }) in table.iter().enumerate() {
        let path = *path;
        if table[..at].iter().any(|earlier| earlier.path == path) {
            continue;
        }
        let dispatch = dispatch.clone();
        let serve = move |parameters: Parameters, request: Request| {
            dispatch(path, parameters.ok(), request)
        };
        router = router.route(&format!("{prefix}{path}"), any(serve));
    }
    router
}
