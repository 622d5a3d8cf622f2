//! The house of Provisor: SCIM endpoints, management and integration API, and the console over HTTP.
//!
//! [`Server`] takes a store, a log and settings and serves them. One request goes one way:
//! [`http`](self) reads it, `front` sends it to SCIM, to the API or to the console, the handlers ask the store,
//! and on the way back the sync log is told.

pub mod api;
pub mod app_view;
pub mod connection_choice;
pub mod console;
pub mod erasure;
pub mod new_connection;
pub mod outbound;
pub mod settings;
pub mod why;

mod body_memory;
mod front;
mod http;
mod limiter;
mod metrics;
mod operations;
mod removal;
mod routes;
mod scim;
mod simulations;
mod unattended;

use std::sync::Arc;

use provisor_store::{Clock, Store, log::SyncLog, sqlite::SqliteStore};

pub use body_memory::BodyMemory;
pub use http::Listeners;
pub use settings::Settings;

/// Where a request comes from, as far as it is known; set as an extension of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub Option<std::net::IpAddr>);

/// A server, ready to run.
#[derive(Debug)]
pub struct Server {
    /// The directory.
    pub store: SqliteStore,
    /// The sync log.
    pub log: SyncLog,
    /// Limits and addresses.
    pub settings: Settings,
    /// The time.
    pub clock: Clock,
}

/// What every request shares.
pub(crate) struct App {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) backend: SqliteStore,
    pub(crate) log: SyncLog,
    pub(crate) settings: Arc<Settings>,
    pub(crate) clock: Clock,
    pub(crate) cursors: scim::Cursors,
    pub(crate) limiter: Arc<limiter::Limiter>,
    pub(crate) bodies: BodyMemory,
    pub(crate) unattended: unattended::Unattended,
    pub(crate) metrics: metrics::Metrics,
    pub(crate) token_uses: Arc<scim::TokenUses>,
    /// Pushes that are under way.
    pub(crate) runs: outbound::Runs,
    pub(crate) simulations: Arc<simulations::Simulations>,
    pub(crate) api: axum::Router,
    pub(crate) console: console::Console,
    pub(crate) pages: axum::Router,
}

impl Server {
    /// Serves until `shutdown` resolves, then lets open requests finish.
    ///
    /// The caller closes store and log afterwards; everything acknowledged is stored already.
    ///
    /// Errors: the store cannot be read at the start.
    pub async fn run(
        self,
        listeners: Listeners,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), provisor_store::StoreError> {
        let key = self.store.secret("cursor")?;
        let settings = Arc::new(self.settings);
        let store: Arc<dyn Store> = Arc::new(self.store.clone());
        let bodies = BodyMemory::new(&settings);
        let api = api::router(api::ApiState {
            store: store.clone(),
            bodies: bodies.clone(),
            log: self.log.clone(),
            settings: settings.clone(),
            clock: self.clock.clone(),
        });
        let limiter = Arc::new(limiter::Limiter::new(&settings));
        let token_uses = Arc::<scim::TokenUses>::default();
        let runs = outbound::Runs::default();
        let simulations = Arc::new(simulations::Simulations::new(
            listeners.public.local_addr().ok(),
            store.clone(),
            self.clock.clone(),
        ));
        let console = console::Console {
            store: store.clone(),
            log: self.log.clone(),
            key: settings.secret_key.for_database(self.store.path()),
            settings: settings.clone(),
            clock: self.clock.clone(),
            limiter: limiter.clone(),
            token_uses: token_uses.clone(),
            backend: self.store.clone(),
            session_uses: Arc::default(),
            live: Arc::default(),
            simulations: simulations.clone(),
            runs: runs.clone(),
        };
        let app = Arc::new(App {
            store,
            backend: self.store,
            log: self.log,
            cursors: scim::Cursors::new(key, settings.cursor_timeout),
            limiter,
            bodies,
            unattended: unattended::Unattended::default(),
            metrics: metrics::Metrics::default(),
            token_uses,
            runs,
            simulations,
            settings,
            clock: self.clock,
            api,
            pages: console::router(console.clone()),
            console,
        });
        let connections = app.backend.clone();
        app.log.obey(move || connections.log_retentions());
        http::serve(app, listeners, shutdown).await;
        Ok(())
    }
}
