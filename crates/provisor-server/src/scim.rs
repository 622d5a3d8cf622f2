//! SCIM over HTTP: RFC 7644 under `/scim/v2/` and `/t/{slug}/scim/v2/`.

mod answer;
mod body;
mod bulk;
mod credentials;
mod cursor;
mod discovery;
mod exchange;
mod negotiate;
mod read;
mod render;
mod target;
mod token_uses;
mod write;

use std::sync::Arc;

use hyper::{Method, Request, body::Incoming, header::USER_AGENT};
use provisor_store::{Caller, Cause, Denied, Scope, TokenKind};
use scim::Kind;

use crate::{App, front::Arrival, http::Answer};

pub(crate) use credentials::Credentials;
pub(crate) use cursor::Cursors;
pub(crate) use target::{Endpoint, Target, target};
pub(crate) use token_uses::TokenUses;

use answer::{Failure, Reply};
use exchange::Exchange;

/// Seconds after which a client that meets a paused connection should come again.
const PAUSED_RETRY: i64 = 300;

/// An authenticated request on its way.
pub(crate) struct Call<'a> {
    pub(crate) app: &'a App,
    pub(crate) caller: Arc<Caller>,
    pub(crate) request: Request<()>,
    /// Until it is read.
    pub(crate) body: Option<Incoming>,
    /// Absolute base URL without trailing slash: `https://scim.example.com/scim/v2`.
    pub(crate) base: String,
    pub(crate) exchange: &'a mut Exchange,
}

impl Call<'_> {
    pub(crate) fn profile(&self) -> scim::Profile {
        self.caller.profile()
    }

    pub(crate) fn query(&self) -> &str {
        self.request.uri().query().unwrap_or_default()
    }
}

/// Answers a SCIM request and tells the sync log.
pub(crate) async fn answer(
    app: &Arc<App>,
    target: Target,
    request: Request<Incoming>,
    arrival: Arrival,
) -> Answer {
    let exchange = Exchange::begin(app, &request, &arrival, &target);
    if !exchange.operation.is_write() {
        return serve(app, target, request, arrival, exchange).await;
    }
    // What the store has accepted it commits, whether the client waits or not; without its end the
    // log would have no entry of it.
    let own = app.clone();
    let work = async move { serve(&own, target, request, arrival, exchange).await };
    app.unattended.to_its_end(work).await
}

async fn serve(
    app: &App,
    target: Target,
    request: Request<Incoming>,
    arrival: Arrival,
    mut exchange: Exchange,
) -> Answer {
    let head = request.method() == Method::HEAD;
    let reply = match reply(app, &target, request, &arrival, &mut exchange).await {
        Ok(reply) => reply,
        Err(failure) => {
            exchange.fail(&failure);
            failure.trace(arrival.id);
            failure.reply(arrival.id)
        }
    };
    let answer = reply.finish(head);
    exchange.end(app, &answer);
    answer.into_http()
}

async fn reply(
    app: &App,
    target: &Target,
    request: Request<Incoming>,
    arrival: &Arrival,
    exchange: &mut Exchange,
) -> Result<Reply, Failure> {
    if request.method() == Method::OPTIONS {
        return Ok(Reply::allow(target.endpoint.allow()));
    }
    let caller = authenticate(app, target, &request, arrival, exchange).await?;
    negotiate::accept(request.headers())?;
    let base = match &target.slug {
        Some(slug) => format!("{}/t/{slug}/scim/v2", arrival.origin),
        None => format!("{}/scim/v2", arrival.origin),
    };
    let (parts, body) = request.into_parts();
    let mut call = Call {
        app,
        caller,
        request: Request::from_parts(parts, ()),
        body: Some(body),
        base,
        exchange,
    };
    let method = call.request.method().clone();
    match (&target.endpoint, &method) {
        (Endpoint::Resource(kind, id), &Method::GET | &Method::HEAD) => {
            read::one(&mut call, kind, id).await
        }
        (Endpoint::Resource(kind, id), &Method::PUT) => write::replace(&mut call, kind, id).await,
        (Endpoint::Resource(kind, id), &Method::PATCH) => write::patch(&mut call, kind, id).await,
        (Endpoint::Resource(kind, id), &Method::DELETE) => write::delete(&mut call, kind, id).await,
        (Endpoint::Collection(kind), &Method::GET | &Method::HEAD) => {
            read::list(&mut call, Some(kind)).await
        }
        (Endpoint::Collection(kind), &Method::POST) => write::create(&mut call, kind).await,
        (Endpoint::Search(kind), &Method::POST) => read::search(&mut call, Some(kind)).await,
        (Endpoint::Root, &Method::GET | &Method::HEAD) => read::list(&mut call, None).await,
        (Endpoint::RootSearch, &Method::POST) => read::search(&mut call, None).await,
        (Endpoint::Bulk, &Method::POST) => bulk::run(&mut call).await,
        (Endpoint::Discovery(which, id), &Method::GET | &Method::HEAD) => {
            discovery::answer(&call, *which, id.as_deref())
        }
        (Endpoint::Me, _) => Err(Failure::new(
            Cause::NotImplemented,
            Kind::NotImplemented,
            "/Me needs a user to stand for, and this token belongs to an identity provider's \
             connection. Use /Users with a filter or an id.",
        )),
        (Endpoint::Unknown(reason), _) => Err(reason.failure(&call)),
        (endpoint, _) => {
            // A name that is no resource type is 404, whatever the method.
            if let Endpoint::Collection(kind) | Endpoint::Resource(kind, _) = endpoint {
                read::resource_type(&call, kind)?;
            }
            Err(Failure::method_not_allowed(&method, endpoint.allow()))
        }
    }
}

/// Who asks, and whether they may.
async fn authenticate(
    app: &App,
    target: &Target,
    request: &Request<Incoming>,
    arrival: &Arrival,
    exchange: &mut Exchange,
) -> Result<Arc<Caller>, Failure> {
    let now = exchange.at;
    let credentials = match Credentials::read(request.headers()) {
        Ok(credentials) => credentials,
        Err(failure) => {
            exchange.refused(app, target).await;
            return Err(stranger(app, arrival, now, failure));
        }
    };
    exchange.presented(&credentials);
    let caller = app
        .store
        .read()
        .await?
        .caller(&credentials.token, arrival.address)
        .await?;
    let caller = match caller {
        Ok(caller) => caller,
        Err(Denied { refusal, caller }) => {
            // Of a suspended tenant or a paused connection, asked for through the right URL, more is told.
            let at_home = caller.filter(|caller| names(target, caller));
            let real = at_home.clone();
            let Some(caller) = at_home.filter(|_| refusal.error.kind != Kind::Unauthorized) else {
                exchange.refused(app, target).await;
                if let Some(caller) = real {
                    exchange.tried_by(&caller);
                }
                let cause = match refusal.error.kind {
                    Kind::Unauthorized => refusal.cause,
                    _ => Cause::TokenWrongTenant,
                };
                return Err(stranger(app, arrival, now, Failure::unauthorized(cause)));
            };
            exchange.authenticated(&caller);
            let paused = refusal.cause == Cause::ConnectionPaused;
            let failure = Failure::from(refusal);
            return Err(if paused {
                failure.retry_after(PAUSED_RETRY)
            } else {
                failure
            });
        }
    };
    if !names(target, &caller) {
        exchange.refused(app, target).await;
        let failure = Failure::unauthorized(Cause::TokenWrongTenant);
        return Err(stranger(app, arrival, now, failure));
    }
    exchange.authenticated(&caller);
    if caller.tenant.is_none() {
        return Err(Failure::new(
            Cause::ScopeMissing,
            Kind::Forbidden,
            "This is an operator's API token, which belongs to no tenant. Use a SCIM token of the \
             tenant's connection.",
        ));
    }
    app.token_uses.note(
        &caller,
        request.headers().get(USER_AGENT),
        arrival.address,
        now,
    );
    let scopes = caller.token.scopes;
    let reads = matches!(*request.method(), Method::GET | Method::HEAD)
        || matches!(target.endpoint, Endpoint::Search(_) | Endpoint::RootSearch);
    let allowed = scopes.has(Scope::Scim) || (reads && scopes.has(Scope::ScimRead));
    if !allowed || caller.token.kind != TokenKind::Scim {
        let needed = if reads { "scim:read or scim" } else { "scim" };
        return Err(Failure::new(
            Cause::ScopeMissing,
            Kind::Forbidden,
            format!(
                "The token has no scope for this ({needed}). Create a SCIM token with that scope."
            ),
        ));
    }
    if let Some(wait) = app
        .limiter
        .request(caller.tenant_id(), caller.token.id, now)
    {
        let failure = Failure::new(
            Cause::RateLimited,
            Kind::TooManyRequests,
            "The token has used up its requests for this second. Wait and repeat the request.",
        );
        return Err(failure.retry_after(wait));
    }
    Ok(caller)
}

/// True if the URL names this caller's tenant, or none.
fn names(target: &Target, caller: &Caller) -> bool {
    let Some(slug) = &target.slug else {
        return true;
    };
    let tenant = caller.tenant.as_ref();
    tenant.is_some_and(|tenant| tenant.slug == *slug)
}

/// The answer to a request without good credentials: 429 if its address sends too many of them.
fn stranger(app: &App, arrival: &Arrival, now: i64, failure: Failure) -> Failure {
    let Some(wait) = app.limiter.failure(arrival.address, now) else {
        return failure;
    };
    let failure = Failure::new(
        Cause::RateLimited,
        Kind::TooManyRequests,
        "Too many requests without a valid token came from this address. Correct the token, then \
         wait a minute.",
    );
    failure.retry_after(wait)
}
