//! What a check works with: requests to the server, resources of its own, and what discovery said.

use std::{
    collections::BTreeSet,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use futures_util::future::join_all;
use reqwest::{Method, header::HeaderValue};
use scim::{Tolerance, message::PATCH_OP};
use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;

use super::{
    Checker, MARK, Outcome, Profile, Shown,
    assertion::{Reply, Step, Stop, at, fail, forgives, same},
    cleanup::{Own, Place, Tenant},
    operation,
};
use crate::{
    client::Client,
    error::Error,
    exchange::{Exchange, Request},
    resource::{ENTERPRISE, GROUP, USER},
};

/// What the client says of an answer that did not come in time.
const TIMED_OUT: &str = "timed out";
/// How many exchanges of a failed check are shown: the deciding one and what led to it.
const SHOWN: usize = 4;

/// What a server may leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Feature {
    Patch,
    Filter,
    Sort,
    Etag,
    Bulk,
    Cursor,
    Groups,
    Enterprise,
}

/// The server and what is known of it; one for all checks of a run.
pub(super) struct World<'w> {
    pub(super) client: &'w Client,
    pub(super) second: Option<&'w Client>,
    pub(super) profile: Profile,
    secrets: &'w [String],
    /// What the names of this run begin with.
    pub(super) mark: String,
    next: AtomicU64,
    pub(super) config: Value,
    pub(super) schemas: Vec<Value>,
    pub(super) types: Vec<Value>,
    /// What was created and not yet deleted.
    pub(super) made: Mutex<Vec<Own>>,
    /// What alone may be deleted: all that was ever created, and paths at which a tenant has nothing.
    pub(super) deletable: Mutex<BTreeSet<Own>>,
    /// The lists that may hold something of the run whose id is not known.
    pub(super) may_be_left_over: Mutex<BTreeSet<Place>>,
    /// Whether the run is to end: what was sent is waited for, nothing more is sent.
    pub(super) stopping: AtomicBool,
}

impl<'w> World<'w> {
    /// Asks the three endpoints of discovery; what one does not answer is unknown.
    pub(super) async fn discover(checker: &'w Checker) -> Result<World<'w>, Error> {
        let ask = async |path: &str| -> Result<Value, Error> {
            let answer = checker.client.send(&Request::get(path)).await?.answer;
            let body = answer.is_success().then(|| answer.json()).flatten();
            Ok(body.unwrap_or(Value::Null))
        };
        let list = |body: &Value| body["Resources"].as_array().cloned().unwrap_or_default();
        let run: String = std::iter::repeat_with(fastrand::alphanumeric)
            .take(8)
            .collect();
        Ok(World {
            client: &checker.client,
            second: checker.second.as_ref(),
            profile: checker.profile,
            secrets: &checker.secrets,
            mark: format!("{MARK}{}", run.to_ascii_lowercase()),
            next: AtomicU64::new(1),
            config: ask("/ServiceProviderConfig").await?,
            schemas: list(&ask("/Schemas").await?),
            types: list(&ask("/ResourceTypes").await?),
            made: Mutex::default(),
            deletable: Mutex::default(),
            may_be_left_over: Mutex::default(),
            stopping: AtomicBool::new(false),
        })
    }

    /// Whether the server says that it has this. One that says nothing is taken to have what identity providers use.
    pub(super) fn has(&self, feature: Feature) -> bool {
        let says = |pointer: &str| at(&self.config, pointer).as_bool();
        let known = !self.config.is_null();
        let names_type = |name: &str| self.types.iter().any(|found| found["name"] == name);
        match feature {
            Feature::Patch => says("/patch/supported").unwrap_or(!known),
            Feature::Filter => says("/filter/supported").unwrap_or(!known),
            Feature::Sort => says("/sort/supported").unwrap_or(false),
            Feature::Etag => says("/etag/supported").unwrap_or(false),
            Feature::Bulk => says("/bulk/supported").unwrap_or(false),
            Feature::Cursor => says("/pagination/cursor").unwrap_or(false),
            Feature::Groups => self.types.is_empty() || names_type("Group"),
            Feature::Enterprise => {
                let schemas = |found: &Value| found.to_string().contains(ENTERPRISE);
                self.types.is_empty() || self.types.iter().any(schemas)
            }
        }
    }

    /// Whether /Schemas lists an attribute; all are taken to be there where it lists nothing.
    pub(super) fn defines(&self, urn: &str, name: &str) -> bool {
        let is = |found: &Value, what| same(found.as_str(), what);
        let schema = self.schemas.iter().find(|schema| is(&schema["id"], urn));
        let listed = schema.and_then(|schema| schema["attributes"].as_array());
        listed
            .filter(|listed| !listed.is_empty())
            .is_none_or(|listed| listed.iter().any(|one| is(&one["name"], name)))
    }

    /// The bearer token, where one is used.
    pub(super) fn token(&self) -> Step<&str> {
        let missing = || Stop::NotRun("needs a bearer token".to_owned());
        self.secrets.first().map(String::as_str).ok_or_else(missing)
    }
}

/// A resource that a check created.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub(super) id: String,
    /// `/Users/…`, below the base URL.
    pub(super) path: String,
    /// What the server answered.
    pub(super) reply: Reply,
    /// `userName` or `displayName` as it was sent.
    pub(super) name: String,
}

/// One check's view of the server.
pub(super) struct Probe<'w> {
    pub(super) world: &'w World<'w>,
    exchanges: Mutex<Vec<Exchange>>,
    lenient: Mutex<Vec<Tolerance>>,
}

/// Text as a value of a query.
pub(super) fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
}

impl<'w> Probe<'w> {
    pub(super) fn new(world: &'w World<'w>) -> Probe<'w> {
        Probe {
            world,
            exchanges: Mutex::default(),
            lenient: Mutex::default(),
        }
    }

    /// The verdict after the check has ended so.
    pub(super) fn outcome(&self, ended: Step) -> Outcome {
        let lenient = self.lenient.lock().unwrap_or_else(PoisonError::into_inner);
        match ended {
            Ok(()) if lenient.is_empty() => Outcome::Passed,
            Ok(()) => Outcome::Lenient(lenient.clone()),
            Err(Stop::Skipped(reason)) => Outcome::Skipped(reason),
            Err(Stop::NotRun(reason)) => Outcome::NotRun(reason),
            Err(Stop::Failed(why)) => {
                let exchanges = self
                    .exchanges
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                if let Some(name) = self.world.unlisted(&why, exchanges.last()) {
                    return Outcome::Skipped(format!(
                        "it is asked by means of {name}, which /Schemas does not list for users"
                    ));
                }
                let first = exchanges.len().saturating_sub(SHOWN);
                let shown = |exchange| Shown::new(exchange, self.world.secrets);
                Outcome::Failed {
                    why: Shown::masked(&why, self.world.secrets),
                    exchanges: exchanges[first..].iter().map(shown).collect(),
                }
            }
        }
    }

    /// Ends the check as skipped unless the server says that it has this.
    pub(super) fn need(&self, feature: Feature) -> Step {
        if self.world.has(feature) {
            return Ok(());
        }
        let reason = match feature {
            Feature::Groups | Feature::Enterprise => "/ResourceTypes does not name it",
            _ => "/ServiceProviderConfig does not announce it",
        };
        Err(Stop::Skipped(format!("{feature:?}: {reason}")))
    }

    /// The server forgave a mistake: reported where that tolerance is published, a failure elsewhere.
    pub(super) fn lenient(&self, tolerance: Tolerance) -> Step {
        if !self.world.profile.allows(tolerance) {
            return fail(forgives(tolerance));
        }
        let mut lenient = self.lenient.lock().unwrap_or_else(PoisonError::into_inner);
        if !lenient.contains(&tolerance) {
            lenient.push(tolerance);
        }
        Ok(())
    }

    /// Whether a mistake was forgiven; if not, it must have been refused with 400.
    pub(super) fn forgiven(&self, reply: &Reply, tolerance: Tolerance) -> Step<bool> {
        if reply.is_success() {
            self.lenient(tolerance)?;
            return Ok(true);
        }
        reply.refused(&[400])?;
        Ok(false)
    }

    // Requests.

    /// Sends a request as it is. Where the connection ends without an answer, it is sent once more: a server may close
    /// an idle connection in the moment in which it is used (RFC 9112 section 9.3.1).
    pub(super) async fn send(&self, request: Request) -> Step<Reply> {
        self.world.admit(Tenant::First, &request)?;
        let mut sent = self.world.client.send(&request).await;
        if let Err(Error::NoAnswer { reason, .. }) = &sent
            && reason != TIMED_OUT
        {
            // It may have been carried out all the same.
            self.world.may_leave(Tenant::First, &request);
            sent = self.world.client.send(&request).await;
        }
        self.record(Tenant::First, &request, sent)
    }

    /// Sends a request with these credentials, or none.
    pub(super) async fn send_as(&self, request: Request, credentials: Option<&str>) -> Step<Reply> {
        let value = |text: &str| {
            HeaderValue::from_str(text).map_err(|error| Stop::NotRun(error.to_string()))
        };
        let credentials = credentials.map(value).transpose()?;
        self.world.admit(Tenant::First, &request)?;
        let client = self.world.client;
        let sent = client.send_as(&request, credentials.as_ref()).await;
        self.record(Tenant::First, &request, sent)
    }

    /// Sends a request as the second tenant.
    pub(super) async fn send_as_second(&self, request: Request) -> Step<Reply> {
        self.world.admit(Tenant::Second, &request)?;
        let sent = self.second()?.send(&request).await;
        self.record(Tenant::Second, &request, sent)
    }

    /// The second tenant's client.
    pub(super) fn second(&self) -> Step<&Client> {
        let missing =
            || Stop::NotRun("needs the token of another tenant (--second-token-file)".to_owned());
        self.world.second.ok_or_else(missing)
    }

    fn record(
        &self,
        tenant: Tenant,
        request: &Request,
        sent: Result<Exchange, Error>,
    ) -> Step<Reply> {
        match sent {
            Ok(exchange) => {
                self.world.note(tenant, &exchange);
                let reply = Reply::new(&exchange);
                let mut exchanges = self
                    .exchanges
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                exchanges.push(exchange);
                Ok(reply)
            }
            Err(error) => {
                self.world.may_leave(tenant, request);
                fail(error.to_string())
            }
        }
    }

    /// GET; a query may stand behind the path.
    pub(super) async fn get(&self, path: &str) -> Step<Reply> {
        self.send(with_query(Method::GET, path)).await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Step<Reply> {
        self.send(with_query(Method::POST, path).json(body)).await
    }

    pub(super) async fn put(&self, path: &str, body: &Value) -> Step<Reply> {
        self.send(with_query(Method::PUT, path).json(body)).await
    }

    /// PATCH with these operations.
    pub(super) async fn patch(&self, path: &str, operations: Value) -> Step<Reply> {
        self.send(patch(path, operations)).await
    }

    pub(super) async fn delete(&self, path: &str) -> Step<Reply> {
        self.send(with_query(Method::DELETE, path)).await
    }

    /// PATCH that must succeed, and what a GET says afterwards.
    pub(super) async fn patched(&self, path: &str, operations: Value) -> Step<Reply> {
        self.patch(path, operations).await?.status(&[200, 204])?;
        self.read(path).await
    }

    /// GET that must succeed.
    pub(super) async fn read(&self, path: &str) -> Step<Reply> {
        let reply = self.get(path).await?;
        reply.status(&[200])?;
        Ok(reply)
    }

    /// A list filtered so.
    pub(super) async fn filter(&self, endpoint: &str, filter: &str) -> Step<Reply> {
        self.need(Feature::Filter)?;
        self.get(&format!("{endpoint}?filter={}", encoded(filter)))
            .await
    }

    /// The filter finds exactly these.
    pub(super) async fn finds(&self, endpoint: &str, filter: &str, ids: &[&Made]) -> Step {
        let ids: Vec<_> = ids.iter().map(|made| made.id.as_str()).collect();
        let reply = self.filter(endpoint, filter).await?;
        match reply.finds(&ids) {
            Err(Stop::Failed(why)) => fail(format!("filter {filter}: {why}")),
            ended => ended.map(|_| ()),
        }
    }

    /// All at once. A server that does not take so many connections cannot be asked.
    pub(super) async fn together(&self, requests: Vec<Request>) -> Step<Vec<Reply>> {
        let count = requests.len();
        let sent = requests.into_iter().map(|request| self.send(request));
        let answers = join_all(sent.collect::<Vec<_>>()).await;
        let bears = |answer| match answer {
            Err(Stop::Failed(why)) => Err(Stop::NotRun(format!(
                "the server does not bear {count} connections at once: {why}"
            ))),
            answer => answer,
        };
        answers.into_iter().map(bears).collect()
    }

    // Resources.

    /// A name that nothing else has.
    pub(super) fn name(&self) -> String {
        let next = self.world.next.fetch_add(1, Ordering::Relaxed);
        format!("{}-{next}", self.world.mark)
    }

    /// The path of a user who is not there. It bears the mark of the run, so that a DELETE of it meets nobody else's.
    pub(super) fn nobody(&self) -> String {
        format!("/Users/{}-nobody", self.world.mark)
    }

    /// A user to create, with `more` in it; a null there takes an attribute out.
    pub(super) fn user(&self, more: Value) -> Value {
        let name = self.name();
        let email = format!("{name}@example.com");
        let user = json!({
            "schemas": [USER],
            "userName": email,
            "displayName": name,
            "name": {"givenName": "Lena", "familyName": "Check"},
            "emails": [{"value": email, "type": "work", "primary": true}],
            "active": true,
        });
        merged(user, more)
    }

    /// A group to create, with `more` in it.
    pub(super) fn group(&self, more: Value) -> Value {
        merged(
            json!({"schemas": [GROUP], "displayName": self.name()}),
            more,
        )
    }

    /// Creates it.
    pub(super) async fn made(&self, endpoint: &str, body: &Value) -> Step<Made> {
        let reply = self.post(endpoint, body).await?;
        reply.status(&[201])?;
        let id = reply.text("/id").to_owned();
        if id.is_empty() {
            return fail(format!("POST {endpoint}: the body of 201 has no id"));
        }
        let name = body["userName"].as_str().or(body["displayName"].as_str());
        Ok(Made {
            path: format!("{endpoint}/{id}"),
            name: name.unwrap_or_default().to_owned(),
            id,
            reply,
        })
    }

    /// A new user.
    pub(super) async fn new_user(&self) -> Step<Made> {
        self.user_with(json!({})).await
    }

    /// New users, one for each of these, which is what it has beside the usual.
    pub(super) async fn users<const N: usize>(&self, more: [Value; N]) -> Step<[Made; N]> {
        let mut users = Vec::with_capacity(N);
        for more in more {
            users.push(self.user_with(more).await?);
        }
        Ok(users.try_into().expect("one for each"))
    }

    /// New users.
    pub(super) async fn new_users<const N: usize>(&self) -> Step<[Made; N]> {
        self.users([(); N].map(|()| json!({}))).await
    }

    /// A new user with more in it.
    pub(super) async fn user_with(&self, more: Value) -> Step<Made> {
        self.made("/Users", &self.user(more)).await
    }

    /// New users that nothing but the filter finds which comes with them.
    pub(super) async fn crowd(&self, more: Vec<Value>) -> Step<(String, Vec<Made>)> {
        let shared = self.name();
        // Who does not have the title may find everybody by it, or nobody.
        let has_title = self.world.defines(USER, "title");
        let mut users = Vec::new();
        for (number, more) in more.into_iter().enumerate() {
            let mark = match has_title {
                true => json!({"title": shared}),
                false => json!({"userName": format!("{shared}-{number}@example.com")}),
            };
            users.push(self.user_with(merged(mark, more)).await?);
        }
        let filter = match has_title {
            true => format!("title eq \"{shared}\""),
            false => format!("userName sw \"{shared}-\""),
        };
        Ok((filter, users))
    }

    /// A crowd with these nick names.
    pub(super) async fn nicked(&self, names: &[&str]) -> Step<(String, Vec<Made>)> {
        let more = names.iter().map(|name| json!({"nickName": name}));
        self.crowd(more.collect()).await
    }

    /// A new user with the enterprise extension.
    pub(super) async fn employee(&self, extension: Value) -> Step<Made> {
        self.need(Feature::Enterprise)?;
        self.user_with(json!({"schemas": [USER, ENTERPRISE], ENTERPRISE: extension}))
            .await
    }

    /// A new group with these members.
    pub(super) async fn new_group(&self, members: &[&Made]) -> Step<Made> {
        self.need(Feature::Groups)?;
        let more = if members.is_empty() {
            json!({})
        } else {
            json!({ "members": operation::members(members) })
        };
        self.made("/Groups", &self.group(more)).await
    }

    /// The members of a group, as a GET says.
    pub(super) async fn members(&self, group: &Made) -> Step<Vec<String>> {
        let reply = self.read(&group.path).await?;
        let mut members: Vec<_> = reply
            .values("/members")
            .into_iter()
            .map(str::to_owned)
            .collect();
        members.sort_unstable();
        Ok(members)
    }

    /// PATCH of a group that must succeed, and after which it has exactly these members.
    pub(super) async fn regrouped(
        &self,
        group: &Made,
        operations: Value,
        expected: &[&Made],
    ) -> Step {
        let reply = self.patch(&group.path, operations).await?;
        reply.status(&[200, 204])?;
        self.has_members(group, expected).await
    }

    /// The group has exactly these members.
    pub(super) async fn has_members(&self, group: &Made, expected: &[&Made]) -> Step {
        let mut expected: Vec<_> = expected.iter().map(|made| made.id.clone()).collect();
        expected.sort_unstable();
        let found = self.members(group).await?;
        if found == expected {
            return Ok(());
        }
        fail(format!(
            "the group has the members {found:?}, expected {expected:?}"
        ))
    }
}

/// A PATCH request.
pub(super) fn patch(path: &str, operations: Value) -> Request {
    with_query(Method::PATCH, path).json(&json!({"schemas": [PATCH_OP], "Operations": operations}))
}

/// A request whose path may have a query behind it.
pub(super) fn with_query(method: Method, path: &str) -> Request {
    match path.split_once('?') {
        Some((path, query)) => Request::new(method, path).query(query),
        None => Request::new(method, path),
    }
}

/// An object with the members of another put in; null takes out.
fn merged(mut into: Value, more: Value) -> Value {
    if let (Some(into), Value::Object(more)) = (into.as_object_mut(), more) {
        for (name, value) in more {
            if value.is_null() {
                into.remove(&name);
            } else {
                into.insert(name, value);
            }
        }
    }
    into
}
