//! One visit of a signed-in person: who they are, what they may, and what a page needs to be made.

use std::{ops::Deref, sync::Arc};

use askama::Template;
use axum::{
    body::Body,
    extract::RawPathParams,
    http::{
        HeaderValue, Request, StatusCode,
        header::{ALLOW, CONTENT_TYPE, SET_COOKIE},
    },
    response::Response,
};
use provisor_store::{
    Actor, Change, Origin, Outcome, Person, Session, Snapshot, Tenant, TenantId, WriteError,
    log::Whose,
};
use subtle::ConstantTimeEq;

use super::{
    Access, Action, By, Console, Problem, ROUTES, answer,
    asked::Asked,
    layout::{Confirm, Layout, Simulated},
    live, may, session,
    setup::session::{self as setup, COOKIE},
    tenants,
};

/// Who is signed in.
#[derive(Debug, Clone)]
pub(crate) struct Viewer {
    pub(crate) session: Arc<Session>,
    pub(crate) person: Person,
}

impl Viewer {
    /// True if the role includes this.
    pub(crate) fn may(&self, action: Action) -> bool {
        may(self.person.role, action)
    }

    /// True if the role includes this, and they see all tenants.
    pub(crate) fn may_in_all_tenants(&self, action: Action) -> bool {
        self.may(action) && self.tenants().is_none()
    }

    /// The tenants they see; `None`: all, and what belongs to none.
    pub(crate) fn tenants(&self) -> Option<&[TenantId]> {
        self.person.tenants.as_deref()
    }

    /// Whose requests they see in the sync log.
    pub(crate) fn whose(&self) -> Whose {
        match self.tenants() {
            Some(tenants) => Whose::Named(tenants.to_vec()),
            None if self.may(Action::SeeStrangers) => Whose::All,
            None => Whose::Tenants,
        }
    }
}

/// A request of a signed-in person whose role allows what the route does.
#[derive(Clone)]
pub(crate) struct Visit {
    pub(crate) asked: Asked,
    pub(crate) viewer: Viewer,
}

impl Deref for Visit {
    type Target = Asked;

    fn deref(&self) -> &Asked {
        &self.asked
    }
}

/// Serves a request.
pub(super) async fn dispatch(
    console: Console,
    path: Option<&'static str>,
    parameters: Option<RawPathParams>,
    request: Request<Body>,
) -> Response {
    let method = match request.method().as_str() {
        "HEAD" => "GET".to_owned(),
        method => method.to_owned(),
    };
    let (asked, mut response) = match Asked::read(console, proof(path), parameters, request).await {
        Ok(asked) => {
            let mut viewer = None;
            let response = match serve(path, &method, &asked, &mut viewer).await {
                Ok(response) => response,
                Err(problem) => {
                    problem.respond(Layout::new(&asked, viewer.as_ref(), "Problem"), &asked)
                }
            };
            (asked, response)
        }
        Err((asked, problem)) => {
            let response = problem.respond(asked.layout("Problem"), &asked);
            (asked, response)
        }
    };
    let html = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if html {
        asked.keep_cookies(&mut response);
    }
    answer::secure(&mut response);
    response
}

impl Asked {
    /// A page was shown: its message is not shown again, and its forms need their proof.
    fn keep_cookies(&self, response: &mut Response) {
        let channel = &self.channel;
        let mut cookies = Vec::new();
        if session::cookie(&self.headers, channel, "flash").is_some() {
            cookies.push(channel.cookie("flash", None, None));
        }
        if self.is_new_guest {
            let secret = self.secret.reveal();
            cookies.push(channel.cookie("guest", Some(secret), None));
        }
        for cookie in cookies {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
    }

    /// True for browsers; identity providers with a mistyped base URL ask for JSON.
    fn is_browser(&self) -> bool {
        let accept = self.header("accept");
        let html = accept.contains("text/html") || accept.contains("*/*");
        (html || accept.is_empty()) && !self.headers.contains_key("authorization")
    }
}

/// The cookies whose secret proves who asks for this path: a customer's setup session and a
/// person's are strangers to each other.
fn proof(path: Option<&str>) -> [&'static str; 2] {
    let mut own = ROUTES.iter().filter(|route| Some(route.path) == path);
    match own.any(|route| route.access == Access::Setup) {
        true => [COOKIE, "guest"],
        false => ["session", "guest"],
    }
}

async fn serve(
    path: Option<&'static str>,
    method: &str,
    asked: &Asked,
    viewer: &mut Option<Viewer>,
) -> Result<Response, Problem> {
    let Some(path) = path else {
        return unknown(asked, viewer).await;
    };
    let Some(route) = ROUTES
        .iter()
        .find(|route| route.path == path && route.method == method)
    else {
        return wrong_method(path, asked);
    };
    if method == "POST" {
        check_form(asked)?;
    }
    match (route.serve.0, route.access) {
        (By::Guest(handler), _) => handler(asked.clone()).await,
        (By::Viewer(handler), Access::Viewer(action)) => {
            let Some(who) = signed_in(asked).await? else {
                return Ok(sign_in_first(path, method, asked));
            };
            *viewer = Some(who.clone());
            if !who.may(action) {
                return Err(Problem::forbidden(who.person.role.as_str()));
            }
            let uses = &asked.console.session_uses;
            uses.note(&who.session, asked.address, asked.now());
            handler(Visit {
                asked: asked.clone(),
                viewer: who,
            })
            .await
        }
        (By::Setup(handler), _) => match setup::admit(asked).await? {
            Some(visit) => {
                let uses = &asked.console.session_uses;
                uses.note(&visit.session, asked.address, asked.now());
                handler(visit).await
            }
            None if path.starts_with("/live/") => Ok(answer::text(
                StatusCode::UNAUTHORIZED,
                "The session has ended.\n",
            )),
            None => Err(setup::ended()),
        },
        (By::Viewer(_), Access::Guest | Access::Setup) => {
            Err(Problem::internal(&"a page without access"))
        }
    }
}

/// Whose session the cookie opens, if it is a person's and open now.
async fn signed_in(asked: &Asked) -> Result<Option<Viewer>, Problem> {
    if asked.is_new_guest {
        return Ok(None);
    }
    let session = asked
        .console
        .store
        .read()
        .await?
        .session(&asked.secret)
        .await?;
    Ok(session.and_then(|session| {
        let person = session.person()?.clone();
        Some(Viewer { session, person })
    }))
}

fn sign_in_first(path: &str, method: &str, asked: &Asked) -> Response {
    if path.starts_with("/live/") {
        return answer::text(StatusCode::UNAUTHORIZED, "The session has ended.\n");
    }
    if !asked.is_browser() {
        return answer::text(StatusCode::NOT_FOUND, NOT_SCIM);
    }
    let here = asked.uri.path_and_query().map_or("/", |here| here.as_str());
    let to = if method == "GET" && here != "/" {
        let query = super::fields::Fields::default().with("to", here);
        format!("/sign-in?{query}")
    } else {
        "/sign-in".to_owned()
    };
    asked.go(&to, None)
}

const NOT_SCIM: &str =
    "There is nothing here. SCIM clients use a base URL that ends with /scim/v2.\n";

async fn unknown(asked: &Asked, viewer: &mut Option<Viewer>) -> Result<Response, Problem> {
    if !asked.is_browser() {
        return Ok(answer::text(StatusCode::NOT_FOUND, NOT_SCIM));
    }
    *viewer = signed_in(asked).await?;
    Err(Problem::new(
        StatusCode::NOT_FOUND,
        "There is nothing here",
        "No page has this address.",
        "Choose a page on the left. SCIM clients use a base URL that ends with /scim/v2.",
    ))
}

fn wrong_method(path: &str, asked: &Asked) -> Result<Response, Problem> {
    let methods = ROUTES.iter().filter(|route| route.path == path);
    let allowed: Vec<&str> = methods.map(|route| route.method).collect();
    let mut response = Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "This page cannot be asked so",
        format!("It knows {} only.", allowed.join(" and ")),
        "Go back and use the page's own buttons.",
    )
    .respond(asked.layout("Problem"), asked);
    if let Ok(allowed) = HeaderValue::try_from(allowed.join(", ")) {
        response.headers_mut().insert(ALLOW, allowed);
    }
    Ok(response)
}

/// A form is ours if the browser says so and it carries what only our page could know.
fn check_form(asked: &Asked) -> Result<(), Problem> {
    let refused = |why: &str| {
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            "The form was not accepted",
            why,
            "Nothing was changed. Open the page again and send it from there.",
        ))
    };
    if !session::is_from_us(&asked.headers, &asked.channel) {
        return refused("It was sent from another site than this one.");
    }
    let expected = session::csrf(&asked.secret);
    if !bool::from(expected.as_bytes().ct_eq(asked.form.get("csrf").as_bytes())) {
        return refused("It is from another session: you signed in or out since it was opened.");
    }
    Ok(())
}

impl Visit {
    /// A consistent view of the store. Keep it short, and drop it before a write.
    pub(crate) async fn read(&self) -> Result<Box<dyn Snapshot>, Problem> {
        Ok(self.console.store.read().await?)
    }

    /// Makes a change in the viewer's name; the audit entry is written with it.
    pub(crate) async fn write(&self, tenant: TenantId, change: Change) -> Result<Outcome, Problem> {
        Ok(self
            .console
            .store
            .write(self.origin(tenant), change)
            .await?)
    }

    /// As [`Visit::write`]; a refusal comes back as a sentence to show in the form.
    pub(crate) async fn try_write(
        &self,
        tenant: TenantId,
        change: Change,
    ) -> Result<Result<Outcome, String>, Problem> {
        Self::refusal(self.console.store.write(self.origin(tenant), change).await)
    }

    /// A refusal as a sentence to show in the form.
    pub(crate) fn refusal<T>(outcome: Result<T, WriteError>) -> Result<Result<T, String>, Problem> {
        match outcome {
            Ok(outcome) => Ok(Ok(outcome)),
            Err(WriteError::Refused(refusal)) if refusal.error.kind != scim::Kind::Forbidden => {
                Ok(Err(refusal.error.detail))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Who asks for a change.
    pub(crate) fn origin(&self, tenant: TenantId) -> Origin {
        Origin {
            tenant,
            request: self.id,
            actor: Actor::Session(self.viewer.session.clone()),
            address: self.address,
        }
    }

    /// The tenant with this key, if the viewer sees it; another's looks like an unknown one.
    pub(crate) async fn tenant(&self, key: &str) -> Result<Tenant, Problem> {
        let found = self.read().await?.tenant(key).await?;
        found
            .filter(|tenant| self.viewer.person.covers(tenant.id))
            .ok_or_else(|| Problem::missing("tenant"))
    }

    /// 403 unless the role includes this: for what a page shows beside what its route demands.
    pub(crate) fn demand(&self, action: Action) -> Result<(), Problem> {
        if self.viewer.may(action) {
            return Ok(());
        }
        Err(Problem::forbidden(self.viewer.person.role.as_str()))
    }

    /// The frame of a page; where it is of one tenant, it says so if its people are made up.
    pub(crate) fn layout(&self, title: &str, tenant: Option<&Tenant>) -> Layout {
        let simulated = tenant.filter(|tenant| tenant.simulated);
        let simulated = simulated.map(|tenant| Simulated {
            key: tenant.key.clone(),
            may_clear: tenants::has_all(self),
        });
        Layout {
            simulated,
            ..Layout::new(&self.asked, Some(&self.viewer), title)
        }
    }

    /// The form again, with what was wrong in it.
    pub(crate) fn page_again(&self, page: &impl Template) -> Result<Response, Problem> {
        answer::page(StatusCode::UNPROCESSABLE_ENTITY, page)
    }

    /// Asks before something that takes something away; its button posts to the same address.
    pub(crate) fn confirm(&self, confirm: Confirm) -> Result<Response, Problem> {
        self.question(confirm, true)
    }

    /// Asks before something that only gives.
    pub(crate) fn ask(&self, confirm: Confirm) -> Result<Response, Problem> {
        self.question(confirm, false)
    }

    fn question(&self, confirm: Confirm, is_danger: bool) -> Result<Response, Problem> {
        #[derive(Template)]
        #[template(path = "confirm.html")]
        struct Page {
            layout: Layout,
            confirm: Confirm,
            is_danger: bool,
        }
        let failed = confirm.error.is_some();
        let page = Page {
            // A question is answered and left; what it is about stands in it.
            layout: self.layout(&confirm.title, None),
            confirm,
            is_danger,
        };
        match failed {
            true => self.page_again(&page),
            false => self.page(&page),
        }
    }

    /// Streams a fragment: `render` is called again and again with a fresh view of the store, and
    /// what it gives is sent when it has changed.
    pub(crate) fn live<F, R>(&self, render: R) -> Result<Response, Problem>
    where
        R: Fn(Box<dyn Snapshot>, i64) -> F + Send + Sync + 'static,
        F: Future<Output = Result<String, Problem>> + Send,
    {
        live::stream(&self.asked, &self.viewer.session, render)
    }
}
