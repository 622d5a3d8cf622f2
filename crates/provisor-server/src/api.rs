//! The management and integration API under `/api/v1/`: one table of routes, each with what it demands.

mod answer;
mod call;
mod connections;
mod error;
mod events;
mod log;
mod page;
mod schemas;
mod teams;
mod tenants;
mod tokens;
mod users;

use std::{future::Future, pin::Pin, sync::Arc};

use axum::Router;
use provisor_store::{Clock, Scope, Store, SyncLog};

use crate::{BodyMemory, Settings, routes};
use answer::Answer;
use call::Call;
use error::ApiError;

/// What the API works with.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "a store has nothing to show")]
pub struct ApiState {
    /// The directory.
    pub store: Arc<dyn Store>,
    /// What identity providers asked and were answered.
    pub log: SyncLog,
    /// Limits and addresses.
    pub settings: Arc<Settings>,
    /// What large bodies take from.
    pub bodies: BodyMemory,
    /// The time.
    pub clock: Clock,
}

/// How the client sees this server, `https://scim.example.com`: an extension of a request that
/// came through a proxy. Links begin with the setting `public_url`, else with this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl(pub String);

/// What a route demands of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing, not even a token.
    Anyone,
    /// An operator's token with scope `admin`.
    Operator,
    /// A token of the tenant that the path names, or an operator's, with this scope or `admin`.
    Tenant(Scope),
}

/// One route; its path is below `/api/v1`, in the notation of OpenAPI.
pub type Route = routes::Route<Access, Serve>;

type Reply = Pin<Box<dyn Future<Output = Result<Answer, ApiError>> + Send>>;

/// What serves a route.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "holds functions")]
pub struct Serve(By);

#[derive(Clone, Copy)]
enum By {
    Document(&'static str),
    Handler(fn(Call) -> Reply),
}

/// The OpenAPI document, as served at `/api/v1/openapi.json`.
pub const OPENAPI: &str = include_str!("../api/openapi.json");

const OPERATOR: Access = Access::Operator;
const ADMIN: Access = Access::Tenant(Scope::Admin);
const DIRECTORY: Access = Access::Tenant(Scope::DirectoryRead);
const EVENTS: Access = Access::Tenant(Scope::EventsRead);
const LOG: Access = Access::Tenant(Scope::LogRead);

macro_rules! routes {
    ($($method:ident $path:literal $access:ident $handler:path;)*) => {
        /// Every route. A test walks this table: scopes, isolation and the OpenAPI document.
        pub static ROUTES: &[Route] = &[
            Route {
                method: "GET",
                path: "/openapi.json",
                access: Access::Anyone,
                serve: Serve(By::Document(OPENAPI)),
            },
            $(Route {
                method: stringify!($method),
                path: $path,
                access: $access,
                serve: Serve(By::Handler(|call| Box::pin($handler(call)))),
            }),*
        ];
    };
}

routes! {
    GET    "/tenants" OPERATOR tenants::list;
    POST   "/tenants" OPERATOR tenants::create;
    GET    "/tenants/{key}" ADMIN tenants::show;
    PATCH  "/tenants/{key}" OPERATOR tenants::change;
    DELETE "/tenants/{key}" OPERATOR tenants::delete;
    GET    "/tenants/{key}/connections" ADMIN connections::list;
    POST   "/tenants/{key}/connections" ADMIN connections::create;
    GET    "/tenants/{key}/connections/{name}" ADMIN connections::show;
    PATCH  "/tenants/{key}/connections/{name}" ADMIN connections::change;
    GET    "/tenants/{key}/tokens" ADMIN tokens::list;
    POST   "/tenants/{key}/tokens" ADMIN tokens::create;
    DELETE "/tenants/{key}/tokens/{id}" ADMIN tokens::revoke;
    GET    "/tenants/{key}/schemas" ADMIN schemas::list;
    POST   "/tenants/{key}/schemas" ADMIN schemas::create;
    GET    "/tenants/{key}/schemas/{urn}" ADMIN schemas::show;
    PUT    "/tenants/{key}/schemas/{urn}" ADMIN schemas::replace;
    DELETE "/tenants/{key}/schemas/{urn}" ADMIN schemas::delete;
    GET    "/tenants/{key}/users" DIRECTORY users::list;
    GET    "/tenants/{key}/users/{id}" DIRECTORY users::show;
    GET    "/tenants/{key}/users/{id}/teams" DIRECTORY users::teams;
    GET    "/tenants/{key}/teams" DIRECTORY teams::list;
    GET    "/tenants/{key}/teams/{id}" DIRECTORY teams::show;
    GET    "/tenants/{key}/teams/{id}/members" DIRECTORY teams::members;
    GET    "/tenants/{key}/events" EVENTS events::list;
    GET    "/tenants/{key}/log" LOG log::list;
    GET    "/tenants/{key}/log/{request}" LOG log::show;
    GET    "/tokens" OPERATOR tokens::list;
    POST   "/tokens" OPERATOR tokens::create_for_operator;
    DELETE "/tokens/{id}" OPERATOR tokens::revoke;
}

/// The API as a router for paths that begin with `/api/`.
///
/// Requests should carry the extensions [`provisor_store::RequestId`],
/// [`crate::ClientAddress`] and [`ServerUrl`]. Answers carry, as extensions for whoever logs them, the
/// `Arc<Caller>` whose token was accepted and the [`provisor_store::Cause`] of a refusal.
pub fn router(state: ApiState) -> Router {
    routes::router(ROUTES, "/api/v1", move |path, parameters, request| {
        call::dispatch(state.clone(), path, parameters, request)
    })
    .fallback(call::unknown_route)
}

fn methods(path: &str) -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().filter(move |route| route.path == path)
}
