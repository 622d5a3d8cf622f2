//! One request and its answer, as the sync log will tell of them.

use std::{net::IpAddr, sync::Arc, time::Instant};

use bytes::Bytes;
use hyper::{
    Method, Request, Uri,
    body::Incoming,
    header::{HeaderValue, USER_AGENT},
};
use provisor_store::{
    Caller, Cause, Id, RequestId, TenantId,
    log::{Body, Counted, Entry, Operation},
};
use scim::{
    Fired, Map, ResourceType, Tolerance, Value,
    filter::{Filter, Literal},
};

use super::{
    Credentials, Endpoint, Target,
    answer::{Failure, Reply},
};
use crate::{App, body_memory::Room, front::Arrival, unattended::client_has_gone};

/// Names one request may add to the log's index: all of the largest Bulk job of ordinary users.
const MOST_NAMES: usize = 10_000;

/// What is known of a request so far.
pub(crate) struct Exchange {
    pub(crate) id: RequestId,
    /// When it arrived, in milliseconds since 1970.
    pub(crate) at: i64,
    pub(crate) fired: Fired,
    pub(crate) request_body: Bytes,
    /// Given back when the request has ended.
    pub(crate) room: Room,
    pub(crate) resource: Option<Id>,
    pub(crate) events: Option<(i64, i64)>,
    pub(crate) operation: Operation,
    started: Instant,
    method: Method,
    uri: Uri,
    client: Option<HeaderValue>,
    pub(crate) address: Option<IpAddr>,
    caller: Option<Arc<Caller>>,
    tenant: Option<TenantId>,
    connection: Option<provisor_store::ConnectionId>,
    token: Option<provisor_store::TokenId>,
    kind: Option<Arc<ResourceType>>,
    failed: Option<(Cause, String)>,
    names: Vec<String>,
}

impl Exchange {
    pub(crate) fn begin(
        app: &App,
        request: &Request<Incoming>,
        arrival: &Arrival,
        target: &Target,
    ) -> Self {
        Self {
            id: arrival.id,
            at: app.clock.now(),
            fired: Fired::default(),
            request_body: Bytes::new(),
            room: Room::small(),
            resource: None,
            events: None,
            operation: operation(&target.endpoint, request),
            started: Instant::now(),
            method: request.method().clone(),
            uri: request.uri().clone(),
            client: request.headers().get(USER_AGENT).cloned(),
            address: arrival.address,
            caller: None,
            tenant: None,
            connection: None,
            token: None,
            kind: None,
            failed: None,
            names: match &target.endpoint {
                Endpoint::Resource(_, id) => vec![id.clone()],
                _ => Vec::new(),
            },
        }
    }

    /// What the token says of itself, before it is checked.
    pub(crate) fn presented(&mut self, credentials: &Credentials) {
        self.tenant = Some(credentials.token.tenant());
        self.token = Some(credentials.token.token());
        if credentials.loose {
            self.fired.record(Tolerance::LooseAuthorization, || {
                "the token came without Bearer, or with the word twice".into()
            });
        }
    }

    /// A refusal of credentials belongs to the tenant that the URL names, else to the one that
    /// the token names, if there is such a tenant.
    pub(crate) async fn refused(&mut self, app: &App, target: &Target) {
        let find = async {
            let mut snapshot = app.store.read().await?;
            if let Some(slug) = &target.slug
                && let Some(tenant) = snapshot.tenant_by_slug(slug).await?
            {
                return Ok(Some(tenant.id));
            }
            let Some(tenant) = self.tenant else {
                return Ok(None);
            };
            let links = snapshot.connections(tenant).await?;
            Ok::<_, provisor_store::StoreError>((!links.is_empty()).then_some(tenant))
        };
        let found = find.await.unwrap_or(None);
        // Another tenant's log does not tell of this token.
        self.token = self.token.filter(|_| found == self.tenant);
        self.tenant = found;
    }

    /// A token that is real but not good any more says which connection tries.
    pub(crate) fn tried_by(&mut self, caller: &Caller) {
        if self.tenant == Some(caller.tenant_id()) {
            self.connection = caller.token.connection;
        }
    }

    pub(crate) fn authenticated(&mut self, caller: &Arc<Caller>) {
        self.caller = Some(caller.clone());
    }

    pub(crate) fn concerns(&mut self, kind: &Arc<ResourceType>) {
        self.kind = Some(kind.clone());
    }

    /// Notes what a filter asks for, so that `user why` finds it.
    pub(crate) fn asks_for(&mut self, filter: &Filter) {
        match filter {
            Filter::Compare {
                value: Literal::Text(text),
                ..
            } => self.name(text),
            Filter::And(parts) | Filter::Or(parts) => {
                parts.iter().for_each(|part| self.asks_for(part));
            }
            Filter::Not(part) | Filter::Element { filter: part, .. } => self.asks_for(part),
            _ => {}
        }
    }

    /// Notes whom a resource is about.
    pub(crate) fn speaks_of(&mut self, attributes: &Map<String, Value>) {
        for name in ["userName", "externalId", "displayName"] {
            if let Some(Value::String(text)) = attributes.get(name) {
                self.name(text);
            }
        }
        if let Some(Value::Array(emails)) = attributes.get("emails") {
            for email in emails {
                if let Some(Value::String(text)) = email.get("value") {
                    self.name(text);
                }
            }
        }
    }

    pub(crate) fn name(&mut self, text: &str) {
        // The log leaves out what comes twice.
        if self.names.len() < MOST_NAMES && !text.is_empty() {
            self.names.push(text.to_owned());
        }
    }

    /// Notes why the request failed, or the first operation of a job that did.
    pub(crate) fn fail(&mut self, failure: &Failure) {
        self.failed = Some((failure.cause, failure.error.detail.clone()));
    }

    /// Tells metrics and log. Reads beyond the log's rate are counted, not recorded.
    pub(crate) fn end(self, app: &App, reply: &Reply) {
        let micros = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let status = reply.status.as_u16();
        app.metrics.count(self.operation, status, micros);
        let connection = self
            .caller
            .as_ref()
            .and_then(|caller| caller.token.connection)
            .or(self.connection);
        let tenant = self
            .caller
            .as_ref()
            .map(|caller| caller.tenant_id())
            .or(self.tenant);
        let in_full = match (&self.caller, tenant, connection) {
            (Some(_), Some(tenant), Some(connection)) => {
                self.operation.is_write()
                    || self.failed.is_some()
                    || app.log.admit_read(tenant, connection, self.at)
            }
            (Some(_), ..) => true,
            (None, ..) => match self.address {
                Some(address) => app.log.admit_refusal(address, self.at),
                None => app.log.admit_refusal(IpAddr::from([0, 0, 0, 0]), self.at),
            },
        };
        if !in_full {
            let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
            app.log.count(&Counted {
                at: self.at,
                tenant,
                connection,
                operation: self.operation,
                status,
                duration_us: micros,
                names: &names,
            });
            return;
        }
        let (cause, mut detail) = match self.failed {
            Some((cause, detail)) => (Some(cause), detail),
            None => (None, String::new()),
        };
        if client_has_gone() {
            if !detail.is_empty() {
                detail.push(' ');
            }
            detail.push_str("The client had hung up before it was answered.");
        }
        let limit = app.log.body_limit();
        let client = self
            .client
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        app.log.record(Entry {
            duration_us: micros,
            tenant,
            connection,
            token: self
                .caller
                .as_ref()
                .map(|caller| caller.token.id)
                .or(self.token),
            client: client.unwrap_or_default(),
            address: self.address,
            method: self.method.to_string(),
            path: self.uri.path().to_owned(),
            query: self.uri.query().unwrap_or_default().to_owned(),
            resource_type: self.kind.map(|kind| kind.name.clone()),
            resource: self.resource,
            cause,
            detail,
            fired: self.fired,
            events: self.events,
            request_body: Body::new(&self.request_body, limit),
            response_body: Body::new(&reply.body, limit),
            names: self.names,
            ..Entry::new(self.id, self.at, self.operation, status)
        });
    }
}

fn operation(endpoint: &Endpoint, request: &Request<Incoming>) -> Operation {
    let method = request.method();
    let reads = matches!(*method, Method::GET | Method::HEAD);
    match endpoint {
        Endpoint::Collection(_) | Endpoint::Root if reads => {
            match request
                .uri()
                .query()
                .is_some_and(|query| query.contains("filter="))
            {
                true => Operation::Lookup,
                false => Operation::List,
            }
        }
        Endpoint::Resource(..) if reads => Operation::Get,
        Endpoint::Collection(_) if method == Method::POST => Operation::Create,
        Endpoint::Resource(..) if method == Method::PUT => Operation::Replace,
        Endpoint::Resource(..) if method == Method::PATCH => Operation::Patch,
        Endpoint::Resource(..) if method == Method::DELETE => Operation::Delete,
        Endpoint::Bulk => Operation::Bulk,
        Endpoint::Search(_) | Endpoint::RootSearch => Operation::Search,
        Endpoint::Discovery(..) if reads => Operation::Discovery,
        _ => Operation::Other,
    }
}
