//! The console: pages for people, one table of routes, each with what it demands of the viewer.

mod access;
mod answer;
mod api;
mod asked;
mod assets;
mod attributes;
mod audit;
mod called;
mod connections;
mod download;
mod explained;
mod exported;
mod eyes;
mod fields;
mod layout;
mod link;
mod live;
mod log;
mod moment;
mod overview;
mod password;
mod people;
mod requests;
mod search;
mod session;
mod settings;
mod setup;
mod sign_in;
mod simulator;
mod targets;
mod teams;
mod tenants;
mod theme;
mod timeline;
mod tokens;
mod users;
mod visit;
mod walk;
mod why;

use std::{future::Future, pin::Pin, sync::Arc};

use axum::{Router, extract::Request, response::Response};
use provisor_store::{Clock, SessionId, Store, SyncLog, sqlite::SqliteStore};

use crate::{
    Settings,
    limiter::Limiter,
    outbound::{Runs, seal::SecretKey},
    routes,
    scim::TokenUses,
    simulations::Simulations,
};
pub use access::{Action, may};
use answer::Problem;
use asked::Asked;
pub(crate) use session::Channel;
use setup::session::SetupVisit;
use visit::Visit;

/// What every page works with. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Console {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) log: SyncLog,
    pub(crate) settings: Arc<Settings>,
    pub(crate) clock: Clock,
    pub(crate) limiter: Arc<Limiter>,
    pub(crate) token_uses: Arc<TokenUses>,
    /// For what is not a change: its journal is emptied after an erasure.
    pub(crate) backend: SqliteStore,
    /// Seals and opens targets' credentials.
    pub(crate) key: SecretKey,
    pub(crate) session_uses: Arc<session::Uses>,
    pub(crate) live: Arc<live::Streams>,
    pub(crate) simulations: Arc<Simulations>,
    /// Pushes that are under way.
    pub(crate) runs: Runs,
}

impl Console {
    /// When sessions were used, to be written down now.
    pub(crate) fn take_session_uses(&self) -> Vec<(SessionId, i64, String)> {
        self.session_uses.take()
    }

    /// Ends live pages, so that the server can stop.
    pub(crate) fn stop(&self) {
        self.live.stop();
    }
}

/// What a route demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing: who is not signed in may see it.
    Guest,
    /// A person whose role may do this.
    Viewer(Action),
    /// A customer's administrator who came in by a setup link.
    Setup,
}

type Reply = Pin<Box<dyn Future<Output = Result<Response, Problem>> + Send>>;

/// One route of the console.
pub type Route = routes::Route<Access, Serve>;

/// What serves a route.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "holds functions")]
pub struct Serve(By);

#[derive(Clone, Copy)]
enum By {
    Guest(fn(Asked) -> Reply),
    Viewer(fn(Visit) -> Reply),
    Setup(fn(SetupVisit) -> Reply),
}

macro_rules! routes {
    (
        guests { $($guest_method:ident $guest_path:literal $guest:path;)* }
        setups { $($setup_method:ident $setup_path:literal $setup:path;)* }
        viewers { $($method:ident $path:literal $action:ident $handler:path;)* }
    ) => {
        /// Every route. A test walks this table with every role.
        pub static ROUTES: &[Route] = &[
            $(Route {
                method: stringify!($guest_method),
                path: $guest_path,
                access: Access::Guest,
                serve: Serve(By::Guest(|asked| Box::pin($guest(asked)))),
            },)*
            $(Route {
                method: stringify!($setup_method),
                path: $setup_path,
                access: Access::Setup,
                serve: Serve(By::Setup(|visit| Box::pin($setup(visit)))),
            },)*
            $(Route {
                method: stringify!($method),
                path: $path,
                access: Access::Viewer(Action::$action),
                serve: Serve(By::Viewer(|visit| Box::pin($handler(visit)))),
            },)*
        ];
    };
}

routes! {
    guests {
        GET  "/sign-in" sign_in::form;
        POST "/sign-in" sign_in::sign_in;
        GET  "/link/{secret}" link::show;
        POST "/link/{secret}" link::follow;
        GET  "/assets/{name}" assets::show;
        POST "/theme" theme::choose;
        GET  "/setup/{secret}" setup::link::show;
        POST "/setup/{secret}" setup::link::follow;
    }
    setups {
        GET  "/setup" setup::portal::show;
        GET  "/live/setup" setup::portal::live;
        POST "/setup/leave" setup::portal::leave;
        POST "/setup/tokens" setup::tokens::create;
        GET  "/setup/tokens/{token}/rotate" setup::tokens::ask_rotate;
        POST "/setup/tokens/{token}/rotate" setup::tokens::rotate;
        GET  "/setup/tokens/{token}/revoke" setup::tokens::ask_revoke;
        POST "/setup/tokens/{token}/revoke" setup::tokens::revoke;
    }
    viewers {
        GET  "/" SeeDirectory overview::show;
        GET  "/log" SeeDirectory log::list;
        GET  "/live/log" SeeDirectory log::live;
        GET  "/log/export" Export log::export::file;
        GET  "/log/{request}" SeeDirectory log::request::show;
        GET  "/api" SeeDirectory api::nouns;
        GET  "/api/{noun}" SeeDirectory api::noun;
        GET  "/audit" SeeAudit audit::list;
        GET  "/audit/export" Export audit::export;
        GET  "/search" SeeDirectory search::find;
        GET  "/users" SeeDirectory users::list;
        GET  "/users/{tenant}/{id}" SeeDirectory users::show::show;
        GET  "/users/{tenant}/{id}/{act}" ChangeUsers users::act::ask;
        POST "/users/{tenant}/{id}/{act}" ChangeUsers users::act::act;
        GET  "/teams" SeeDirectory teams::list;
        GET  "/teams/{tenant}/{id}" SeeDirectory teams::show::show;
        GET  "/why" SeeDirectory why::show;
        POST "/sign-out" OwnAccount sign_in::sign_out;
        GET  "/settings" OwnAccount settings::show;
        POST "/settings/password" OwnAccount settings::set_password;
        POST "/settings/keys" OwnAccount settings::set_keys;
        POST "/settings/sessions/{session}/end" OwnAccount settings::end_session;
        GET  "/settings/people" SeePeople people::list;
        GET  "/settings/people/new" ChangePeople people::invite::form;
        POST "/settings/people/new" ChangePeople people::invite::create;
        GET  "/settings/people/{person}" SeePeople people::show::show;
        POST "/settings/people/{person}" ChangePeople people::show::set;
        POST "/settings/people/{person}/links" ChangePeople people::invite::link;
        POST "/settings/people/{person}/links/{link}/revoke" ChangePeople people::show::revoke_link;
        POST "/settings/people/{person}/sessions/{session}/end" ChangePeople people::show::end_sessions;
        GET  "/settings/people/{person}/remove" ChangePeople people::remove::ask;
        POST "/settings/people/{person}/remove" ChangePeople people::remove::remove;
        GET  "/accounts/tokens" SeeTokens tokens::moved;
        GET  "/tokens" SeeTokens tokens::list;
        GET  "/tokens/new" ChangeTokens tokens::create::form;
        POST "/tokens/new" ChangeTokens tokens::create::create;
        GET  "/tokens/{owner}/{token}/rotate" ChangeTokens tokens::rotate::form;
        POST "/tokens/{owner}/{token}/rotate" ChangeTokens tokens::rotate::begin;
        GET  "/tokens/{owner}/{token}/rotate/{new}" ChangeTokens tokens::rotate::watch;
        GET  "/live/tokens/{owner}/{token}/{new}" ChangeTokens tokens::rotate::live;
        GET  "/tokens/{owner}/{token}/revoke" ChangeTokens tokens::revoke::ask;
        POST "/tokens/{owner}/{token}/revoke" ChangeTokens tokens::revoke::revoke;
        GET  "/tenants" SeeDirectory tenants::list;
        POST "/tenants" ChangeConnections tenants::create;
        GET  "/tenants/{tenant}" SeeDirectory tenants::show;
        POST "/tenants/{tenant}" ChangeConnections tenants::rename;
        GET  "/tenants/{tenant}/suspend" ChangeConnections tenants::ask_suspend;
        POST "/tenants/{tenant}/suspend" ChangeConnections tenants::suspend;
        POST "/tenants/{tenant}/resume" ChangeConnections tenants::resume;
        GET  "/tenants/{tenant}/delete" ChangeConnections tenants::ask_delete;
        POST "/tenants/{tenant}/delete" ChangeConnections tenants::delete;
        GET  "/connections" SeeDirectory connections::list;
        GET  "/connections/new" ChangeConnections connections::edit::form;
        POST "/connections/new" ChangeConnections connections::edit::create;
        GET  "/connections/{tenant}/{connection}" SeeDirectory connections::show::show;
        GET  "/connections/{tenant}/{connection}/settings" ChangeConnections connections::edit::settings;
        POST "/connections/{tenant}/{connection}/settings" ChangeConnections connections::edit::change;
        GET  "/connections/{tenant}/{connection}/pause" ChangeConnections connections::pause::ask;
        POST "/connections/{tenant}/{connection}/pause" ChangeConnections connections::pause::pause;
        POST "/connections/{tenant}/{connection}/resume" ChangeConnections connections::pause::resume;
        POST "/connections/{tenant}/{connection}/links" ChangeConnections connections::links::create;
        POST "/connections/{tenant}/{connection}/links/{link}/revoke" ChangeConnections connections::links::revoke;
        GET  "/targets" SeeDirectory targets::list;
        GET  "/targets/new" ChangeTargets targets::edit::form;
        POST "/targets/new" ChangeTargets targets::edit::create;
        GET  "/targets/{tenant}/{target}" SeeDirectory targets::show::show;
        GET  "/live/targets/{tenant}/{target}" SeeDirectory targets::state::live;
        GET  "/targets/{tenant}/{target}/object" SeeDirectory targets::object::show;
        GET  "/targets/{tenant}/{target}/settings" ChangeTargets targets::edit::settings;
        POST "/targets/{tenant}/{target}/settings" ChangeTargets targets::edit::change;
        GET  "/targets/{tenant}/{target}/preview" ChangeTargets targets::show::show_preview;
        POST "/targets/{tenant}/{target}/test" ChangeTargets targets::act::test;
        POST "/targets/{tenant}/{target}/activate" ChangeTargets targets::act::activate;
        POST "/targets/{tenant}/{target}/pause" ChangeTargets targets::act::pause;
        POST "/targets/{tenant}/{target}/sync" ChangeTargets targets::act::sync;
        GET  "/targets/{tenant}/{target}/remove" ChangeTargets targets::act::ask_remove;
        POST "/targets/{tenant}/{target}/remove" ChangeTargets targets::act::remove;
        GET  "/simulator" SeeDirectory simulator::list;
        POST "/simulator" Simulate simulator::start;
        GET  "/simulator/{simulation}" SeeDirectory simulator::show::show;
        GET  "/live/simulator/{simulation}/{part}" SeeDirectory simulator::show::live;
        POST "/simulator/{simulation}/stop" Simulate simulator::show::stop;
        GET  "/setup/{tenant}/{connection}" SeeDirectory setup::show;
        GET  "/live/setup/{tenant}/{connection}" SeeDirectory setup::live;
    }
}

/// The console as a router.
///
/// Requests carry the extensions [`provisor_store::RequestId`], [`crate::ClientAddress`] and [`Channel`].
pub(crate) fn router(console: Console) -> Router {
    let known = console.clone();
    routes::router(ROUTES, "", move |path, parameters, request| {
        visit::dispatch(known.clone(), Some(path), parameters, request)
    })
    .fallback(move |request: Request| visit::dispatch(console.clone(), None, None, request))
}
