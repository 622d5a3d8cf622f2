//! `/setup/…`: the guide for a connection's identity provider, with a listener that tells live what
//! has arrived; and the pages of a customer's administrator who came in by a setup link.

pub(crate) mod guide;
pub(crate) mod listen;

pub(super) mod link;
pub(super) mod portal;
pub(super) mod session;
pub(super) mod tokens;

use std::sync::{Arc, Mutex, PoisonError};

use askama::Template;
use axum::response::Response;
use provisor_store::{
    Connection, LogReader, StoreError, Tenant, TenantId, TokenRecord,
    log::{Entry, LogFilter, Operation, Show},
};

use super::{
    Action, Console, Problem,
    connections::{self, health::ask, show::base_url},
    eyes::Eyes,
    layout::Layout,
    moment::{DAY, Moment},
    visit::Visit,
};
use guide::{Guide, Shown, Values};
use listen::{Listening, State};

/// How far back the listener looks.
const WINDOW: i64 = 30 * DAY;
/// How many of a connection's requests it reads.
const REQUESTS: usize = 300;
/// How many refusals before authentication it reads.
const REFUSALS: usize = 100;

#[derive(Template)]
#[template(path = "setup/guide.html")]
struct Page {
    layout: Layout,
    tenant: Tenant,
    connection: Connection,
    guide: &'static Guide,
    shown: Shown,
    panel: Panel,
    path: String,
    stream: String,
    /// Where a token is made, if the viewer may.
    new_token: Option<String>,
    may_change: bool,
}

/// The guide.
pub(super) async fn show(visit: Visit) -> Result<Response, Problem> {
    let (tenant, connection) = connections::named(&visit).await?;
    let guide = Guide::of(&connection.idp);
    let tokens = visit.read().await?.tokens(tenant.id).await?;
    let listener = Listener::new(
        &visit.console,
        &tenant,
        &connection,
        Eyes::of(&visit.viewer).are_masked(),
    );
    let panel = listener.panel(&tokens, visit.now()).await?;
    let url = base_url(&visit.channel.origin, &tenant);
    let may_make = visit.viewer.may(Action::ChangeTokens);
    visit.page(&Page {
        layout: visit.layout(&format!("Connect {}", guide.name), Some(&tenant)),
        shown: guide.show(&values(&url, &connection)),
        guide,
        panel,
        path: connections::path(&tenant.key, connection.id),
        stream: format!("/live/setup/{}/{}", tenant.key, connection.id),
        new_token: may_make.then(|| new_token(&tenant, &connection, guide)),
        may_change: visit.viewer.may(Action::ChangeConnections),
        tenant,
        connection,
    })
}

/// What the listener hears, as a stream.
pub(super) async fn live(visit: Visit) -> Result<Response, Problem> {
    let (tenant, connection) = connections::named(&visit).await?;
    let listener = Listener::new(
        &visit.console,
        &tenant,
        &connection,
        Eyes::of(&visit.viewer).are_masked(),
    );
    visit.live(move |mut snapshot, now| {
        let listener = listener.clone();
        async move {
            let tokens = snapshot.tokens(listener.tenant).await?;
            drop(snapshot);
            listener.fragment(&tokens, now).await
        }
    })
}

fn values<'v>(url: &'v str, connection: &Connection) -> Values<'v> {
    Values {
        base_url: url,
        identifier: connection.identifier.as_str(),
    }
}

/// The form for a token, filled in.
fn new_token(tenant: &Tenant, connection: &Connection, guide: &Guide) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("tenant", &tenant.key);
    query.append_pair("connection", &connection.name);
    query.append_pair("scope", "scim");
    query.append_pair("purpose", &format!("{}, {}", guide.name, tenant.name));
    format!("/tokens/new?{}", query.finish())
}

/// What was heard, as pages show it.
#[derive(Template)]
#[template(path = "setup/panel.html")]
pub(crate) struct Panel {
    heard: Listening,
    now: i64,
}

impl Panel {
    fn moment(&self, at: &i64) -> Moment {
        Moment::new(*at, self.now)
    }
}

/// Who listens to one connection. Cheap to clone.
#[derive(Clone)]
pub(super) struct Listener {
    console: Console,
    tenant: TenantId,
    connection: Connection,
    /// Personal values are masked.
    masked: bool,
    /// What was read last, at which last id of the log.
    known: Arc<Mutex<(i64, Vec<Entry>)>>,
}

impl Listener {
    pub(super) fn new(
        console: &Console,
        tenant: &Tenant,
        connection: &Connection,
        masked: bool,
    ) -> Self {
        Self {
            console: console.clone(),
            tenant: tenant.id,
            connection: connection.clone(),
            masked,
            known: Arc::new(Mutex::new((-1, Vec::new()))),
        }
    }

    /// What was heard so far. `tokens`: the tenant's.
    pub(super) async fn panel(&self, tokens: &[TokenRecord], now: i64) -> Result<Panel, Problem> {
        let others: Vec<_> = tokens
            .iter()
            .filter(|token| token.connection != Some(self.connection.id))
            .map(|token| token.id)
            .collect();
        let own = self.clone();
        let heard = ask(&self.console, move |log| {
            let is_other = |entry: &Entry| entry.token.is_some_and(|id| others.contains(&id));
            Ok(Some(own.listen(log, &is_other, now)?))
        })
        .await?;
        let words = &Guide::of(&self.connection.idp).words;
        Ok(Panel {
            heard: heard.unwrap_or_else(|| listen::listen(&[], words)),
            now,
        })
    }

    /// The same as HTML.
    pub(super) async fn fragment(
        &self,
        tokens: &[TokenRecord],
        now: i64,
    ) -> Result<String, Problem> {
        let panel = self.panel(tokens, now).await?;
        panel.render().map_err(|error| Problem::internal(&error))
    }

    fn listen(
        &self,
        log: &LogReader,
        is_other: &dyn Fn(&Entry) -> bool,
        now: i64,
    ) -> Result<Listening, StoreError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let last = log.last_id()?;
        if known.0 != last {
            *known = (last, self.read(log, is_other, now)?);
        }
        let words = &Guide::of(&self.connection.idp).words;
        Ok(listen::listen(&known.1, words))
    }

    /// The connection's requests, and refusals that are not of another one, oldest first.
    fn read(
        &self,
        log: &LogReader,
        is_other: &dyn Fn(&Entry) -> bool,
        now: i64,
    ) -> Result<Vec<Entry>, StoreError> {
        let own = LogFilter {
            tenant: Some(self.tenant),
            connection: Some(self.connection.id),
            since: Some(now - WINDOW),
            limit: REQUESTS,
            bodies: true,
            ..LogFilter::default()
        };
        let made = LogFilter {
            operation: Some(Operation::Create),
            status: Some(200..=299),
            bodies: false,
            ..own.clone()
        };
        let refused = LogFilter {
            connection: None,
            show: Show::Errors,
            limit: REFUSALS,
            bodies: false,
            ..own.clone()
        };
        let mut found = log.entries(&own)?;
        for logged in log
            .entries(&made)?
            .into_iter()
            .chain(log.entries(&refused)?)
        {
            let entry = &logged.entry;
            let is_own = match entry.connection {
                Some(id) => id == self.connection.id,
                None => !is_other(entry),
            };
            if is_own && !found.iter().any(|known| known.id == logged.id) {
                found.push(logged);
            }
        }
        found.sort_by_key(|logged| logged.place());
        let entry = |logged: provisor_store::log::Logged| {
            let mut entry = logged.entry;
            if self.masked && entry.cause.is_some() {
                entry.detail = entry.clone().masked().detail;
            }
            entry
        };
        Ok(found.into_iter().map(entry).collect())
    }
}
