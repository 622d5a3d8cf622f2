//! The target as it answers: what it can do, how fast it may be asked, and what of its answers is worth another try.

mod answer;
mod find;
mod learned;
mod pace;
mod walk;

use std::{
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use provisor_store::target::Kind;
use scim::{Map, Value};
use scim_client::{Answer, Client, Error, Method, Request, ServiceProviderConfig};
use serde_json::json;

use answer::{cut, detail, one, refused};
pub(super) use answer::{id_of, member_ids, parse};
pub(super) use find::Index;
use learned::Learned;
use pace::Gate;
pub(super) use walk::Walk;

use super::{
    settings::TargetSettings,
    trouble::{Stopped, Trouble},
};

/// How often one request is tried in one run.
const ATTEMPTS: u32 = 6;
/// So often everybody waits for what may concern one user or team alone.
const HOLDS: u32 = 3;
/// A run waits this long at most when the target asks for it.
const LONGEST_HOLD: Duration = Duration::from_mins(5);

pub(super) type Resource = Map<String, Value>;

/// The target of one run.
pub(super) struct Remote {
    client: Client,
    settings: TargetSettings,
    learned: Learned,
    gate: Mutex<Gate>,
    patience: Duration,
    stopped: OnceLock<Stopped>,
    /// Ids by what users are looked up by, and teams by name, where the target was read whole.
    indexes: [tokio::sync::RwLock<Option<Arc<Index>>>; 2],
    /// Ids of users by userName, where that is not what they are looked up by, and no filter finds it.
    names: tokio::sync::OnceCell<Index>,
    pub(super) requests: AtomicU64,
}

impl Remote {
    /// Asks the target what it can do.
    pub(super) async fn open(
        client: Client,
        settings: &TargetSettings,
        patience: Duration,
    ) -> Result<Remote, Trouble> {
        let remote = Remote {
            client,
            settings: settings.clone(),
            learned: Learned::new(settings.writes),
            gate: Mutex::new(Gate::new()),
            patience,
            stopped: OnceLock::new(),
            indexes: Default::default(),
            names: tokio::sync::OnceCell::new(),
            requests: AtomicU64::new(0),
        };
        match remote.call(&Request::get("/ServiceProviderConfig")).await {
            Ok(answer) => {
                // A server whose answer cannot be read is asked as if it could do everything, and believed when it refuses.
                if let Ok(config) = serde_json::from_slice::<ServiceProviderConfig>(&answer.body) {
                    remote.learned.announced(&config, settings.writes);
                }
            }
            Err(Trouble::Refused {
                status: status @ 300..=399,
                detail,
            }) => {
                return Err(remote.end(Stopped::Settings(format!(
                    "the target answers {status} and leads elsewhere ({detail}). Redirects are not followed, since the credentials \
                     would go along; set the final address with `provisor push target set --url`"
                ))));
            }
            // Not every server tells what it can do; one that has no users either is none.
            Err(Trouble::Refused { status: 404, .. }) => remote.check_service(Kind::User).await?,
            Err(Trouble::Refused { .. }) => {}
            Err(trouble) => return Err(trouble),
        }
        Ok(remote)
    }

    /// Told that one is not there: ends the run where not even the list of users is found, since that says nothing of one
    /// user or team. Where the teams' list alone is away, only teams cannot be told.
    async fn check_service(&self, kind: Kind) -> Result<(), Trouble> {
        if self.has_list(kind).await? {
            return Ok(());
        }
        if kind == Kind::User || !self.has_list(Kind::User).await? {
            return Err(self.no_service());
        }
        Err(Trouble::Unclear(format!(
            "the target answers 404 (not found) to the list of its teams ({}{}), too, as if it had none any more; \
             its teams are left as they are",
            self.settings.url,
            path(kind, None)
        )))
    }

    async fn has_list(&self, kind: Kind) -> Result<bool, Trouble> {
        match self.call(&first_of(kind)).await {
            Err(Trouble::Refused { status: 404, .. }) => Ok(false),
            // A list that is refused is there.
            Ok(_)
            | Err(Trouble::Refused {
                status: 400..=499, ..
            }) => Ok(true),
            Err(trouble) => Err(trouble),
        }
    }

    fn no_service(&self) -> Trouble {
        let url = format!("{}{}", self.settings.url, path(Kind::User, None));
        self.end(Stopped::NoService(url))
    }

    fn end(&self, why: Stopped) -> Trouble {
        self.stop(why.clone());
        why.into()
    }

    /// Whether the list of users fares like this request, which has this status, or no answer. Then that says nothing of one
    /// user or team, and the run ends; else it goes on without that one.
    async fn is_for_all(&self, request: &Request, status: Option<u16>) -> bool {
        let list = first_of(Kind::User);
        // Another page of the list may have a user in it who cannot be shown.
        if request.method == Method::GET && request.path == list.path && request.query == list.query
        {
            return true;
        }
        self.requests.fetch_add(1, Relaxed);
        let answered = self.client.send(&list).await;
        let of_list = answered.ok().map(|exchange| exchange.answer.status);
        if of_list.is_some() {
            self.answered();
        }
        // 501 is of what is asked, and for good.
        let is_down =
            |status: Option<u16>| status.is_none_or(|status| status >= 500 && status != 501);
        of_list == status || is_down(of_list) && is_down(status)
    }

    /// The run ends.
    pub(super) fn stop(&self, why: Stopped) {
        let _ = self.stopped.set(why);
    }

    pub(super) fn stopped(&self) -> Option<&Stopped> {
        self.stopped.get()
    }

    /// Sends a request until it has an answer worth having. What the target says else is kept and shown, so that
    /// the secret is masked in it.
    pub(super) async fn call(&self, request: &Request) -> Result<Answer, Trouble> {
        let answer = self.ask(request).await;
        let masked = |text: String| self.client.redact(&text);
        answer.map_err(|trouble| match trouble {
            Trouble::Refused { status, detail } => Trouble::Refused {
                status,
                detail: cut(&masked(detail)),
            },
            Trouble::Lost(reason) => Trouble::Lost(masked(reason)),
            Trouble::Unclear(reason) => Trouble::Unclear(masked(reason)),
            Trouble::Stop(stopped) => Trouble::Stop(stopped),
        })
    }

    /// Only a POST is never sent again once it may have arrived.
    async fn ask(&self, request: &Request) -> Result<Answer, Trouble> {
        let repeatable = request.method != Method::POST;
        let mut attempt = 0;
        loop {
            self.turn().await?;
            self.requests.fetch_add(1, Relaxed);
            let outcome = self
                .client
                .send(request)
                .await
                .map(|exchange| exchange.answer);
            let lost = match outcome {
                Ok(answer) if answer.is_success() => {
                    self.answered();
                    return Ok(answer);
                }
                Ok(answer) => {
                    self.answered();
                    let (asked, status) = (answer.retry_after(), Some(answer.status));
                    match answer.status {
                        _ if answer.is_throttled() => {
                            attempt += 1;
                            let wait =
                                asked.unwrap_or(Duration::from_secs(1) * 2_u32.pow(attempt.min(6)));
                            let is_too_long = wait > LONGEST_HOLD || attempt >= 2 * ATTEMPTS;
                            if is_too_long || attempt == HOLDS {
                                let is_for_all = self.is_for_all(request, status).await;
                                let busy = Stopped::Busy(wait.as_secs());
                                if is_too_long && is_for_all {
                                    return Err(self.end(busy));
                                }
                                if wait > LONGEST_HOLD {
                                    // All writes may be meant; the next run begins with another one.
                                    self.stop(busy);
                                }
                                if !is_for_all {
                                    return Err(refused(&answer));
                                }
                            }
                            // One who says 0 seconds and means more is not asked without a break.
                            self.hold(
                                wait.max(Duration::from_millis(10) * 2_u32.pow(attempt.min(5))),
                            );
                            continue;
                        }
                        401 if self.is_for_all(request, status).await => {
                            let said = cut(&self.client.redact(&detail(&answer)));
                            return Err(self.end(Stopped::Unauthorized(said)));
                        }
                        // 501 is for good.
                        500 | 502.. => refused(&answer),
                        _ => return Err(refused(&answer)),
                    }
                }
                Err(Error::Connect { reason, .. }) => {
                    self.pause(self.client.redact(&reason))?;
                    continue;
                }
                Err(Error::NoAnswer { reason, .. }) => {
                    if self.is_silent() && self.is_for_all(request, None).await {
                        let reason = self.client.redact(&reason);
                        let ended = self.end(Stopped::Unreachable(reason));
                        // What may have been carried out stays noted.
                        if repeatable {
                            return Err(ended);
                        }
                    }
                    Trouble::Lost(format!(
                        "no answer came: {reason}; it may have been carried out all the same"
                    ))
                }
                Err(error @ Error::Token(_)) => {
                    let said = self.client.redact(&error.to_string());
                    return Err(self.end(Stopped::Unauthorized(said)));
                }
                Err(error @ (Error::Settings(_) | Error::PrivateAddress { .. })) => {
                    return Err(self.end(Stopped::Settings(format!("{error}."))));
                }
                Err(error) => return Err(Trouble::Lost(error.to_string())),
            };
            attempt += 1;
            if !repeatable || attempt >= ATTEMPTS {
                if let Some(status @ 500..) = lost.status()
                    && self.is_for_all(request, Some(status)).await
                {
                    let reason = format!("it answers {status} to everything");
                    let ended = self.end(Stopped::Unreachable(reason));
                    if repeatable {
                        return Err(ended);
                    }
                }
                return Err(match lost {
                    // A server that broke off may have done it.
                    Trouble::Refused { .. } if !repeatable => Trouble::Lost(lost.to_string()),
                    lost => lost,
                });
            }
            tokio::time::sleep(Duration::from_millis(50) * 2_u32.pow(attempt)).await;
        }
    }

    /// One resource; `None` if it is not there.
    pub(super) async fn get(
        &self,
        kind: Kind,
        id: &str,
        members: bool,
    ) -> Result<Option<Resource>, Trouble> {
        let mut request = Request::get(path(kind, Some(id)));
        if kind == Kind::Team && !members {
            request = request.query("excludedAttributes=members");
        }
        match self.call(&request).await {
            Ok(answer) => one(&answer).map(Some),
            Err(Trouble::Refused { status: 404, .. }) => {
                self.check_service(kind).await?;
                Ok(None)
            }
            Err(trouble) => Err(trouble),
        }
    }

    /// Creates a resource.
    pub(super) async fn create(
        &self,
        kind: Kind,
        resource: &Value,
    ) -> Result<(u16, Resource), Trouble> {
        let request = Request::new(Method::POST, path(kind, None)).json(resource);
        let answer = self.call(&request).await?;
        // An answer without an id is as good as none: the target is searched.
        let resource = one(&answer).map_err(|trouble| Trouble::Lost(trouble.to_string()))?;
        if id_of(&resource).is_none() {
            return Err(Trouble::Lost(
                "the target created it and did not say under which id".to_owned(),
            ));
        }
        Ok((answer.status, resource))
    }

    /// Carries out a PATCH.
    pub(super) async fn patch(
        &self,
        kind: Kind,
        id: &str,
        operations: Vec<Value>,
    ) -> Result<Answer, Trouble> {
        let body = json!({ "schemas": [scim::message::PATCH_OP], "Operations": operations });
        let request = Request::new(Method::PATCH, path(kind, Some(id))).json(&body);
        let answer = self.call(&request).await?;
        self.learned.has_patched(kind);
        Ok(answer)
    }

    /// Replaces a resource.
    pub(super) async fn put(
        &self,
        kind: Kind,
        id: &str,
        resource: &Value,
    ) -> Result<Answer, Trouble> {
        let request = Request::new(Method::PUT, path(kind, Some(id))).json(resource);
        self.call(&request).await
    }

    /// Deletes a resource; that it is gone already is no error.
    pub(super) async fn delete(&self, kind: Kind, id: &str) -> Result<u16, Trouble> {
        match self
            .call(&Request::new(Method::DELETE, path(kind, Some(id))))
            .await
        {
            Ok(answer) => Ok(answer.status),
            Err(Trouble::Refused { status: 404, .. }) => {
                self.check_service(kind).await?;
                Ok(404)
            }
            Err(trouble) => Err(trouble),
        }
    }
}

/// `/Users`, or one of them. An id is one segment, whatever is in it.
pub(super) fn path(kind: Kind, id: Option<&str>) -> String {
    let endpoint = if kind == Kind::Team {
        "/Groups"
    } else {
        "/Users"
    };
    match id {
        Some(id) => format!("{endpoint}/{}", scim_client::segment(id)),
        None => endpoint.to_owned(),
    }
}

/// Asks for the list of a kind, and for one of it.
pub(super) fn first_of(kind: Kind) -> Request {
    Request::get(path(kind, None)).query("startIndex=1&count=1")
}
