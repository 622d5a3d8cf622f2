//! The target as it answers: what it can do, how fast it may be asked, and what of its answers is worth another try.

mod pace;
mod walk;

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use provisor_store::target::Kind;
use scim::{Map, Value, fold::fold};
use scim_client::{Answer, Client, Error, Filter, Method, Page, Request, ServiceProviderConfig};
use serde_json::json;

use pace::Gate;
pub(super) use walk::{Index, Walk};

use super::{
    mapping::field,
    settings::{MatchBy, TargetSettings, Writes},
    trouble::{Stopped, Trouble},
};

/// How often one request is tried in one run.
const ATTEMPTS: u32 = 6;
/// A run waits this long at most when the target asks for it.
const LONGEST_HOLD: Duration = Duration::from_mins(5);
const USER_NAME: &str = "userName";

pub(super) type Resource = Map<String, Value>;

/// The target of one run.
pub(super) struct Remote {
    client: Client,
    settings: TargetSettings,
    /// Whether users, and teams, are changed by PATCH.
    patches: [AtomicBool; 2],
    /// A PATCH of one was carried out: what is answered to another one says nothing of PATCH itself.
    patched: [AtomicBool; 2],
    /// Attributes that neither PATCH nor PUT made the target keep in this run.
    unkept: Mutex<HashSet<String>>,
    /// So many members the target showed of one team, at most: one as large that shows none has none.
    shown: AtomicUsize,
    /// Members are removed by `value`, not by a filter in the path.
    removes_by_value: AtomicBool,
    /// It was looked whether a removal of members is done.
    removals_seen: AtomicBool,
    filters: AtomicBool,
    gate: Mutex<Gate>,
    patience: Duration,
    stopped: OnceLock<Stopped>,
    /// Ids by what users are looked up by, or teams by name, where the target was read whole.
    users: tokio::sync::RwLock<Option<Arc<Index>>>,
    teams: tokio::sync::RwLock<Option<Arc<Index>>>,
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
            patches: [(); 2].map(|()| AtomicBool::new(settings.writes != Writes::Put)),
            patched: Default::default(),
            unkept: Mutex::default(),
            shown: AtomicUsize::new(0),
            removes_by_value: AtomicBool::new(false),
            removals_seen: AtomicBool::new(false),
            filters: AtomicBool::new(true),
            gate: Mutex::new(Gate::new()),
            patience,
            stopped: OnceLock::new(),
            users: tokio::sync::RwLock::default(),
            teams: tokio::sync::RwLock::default(),
            names: tokio::sync::OnceCell::new(),
            requests: AtomicU64::new(0),
        };
        match remote.call(&Request::get("/ServiceProviderConfig")).await {
            Ok(answer) => {
                // A server whose answer cannot be read is asked as if it could do everything, and believed when it refuses.
                if let Ok(config) = serde_json::from_slice::<ServiceProviderConfig>(&answer.body) {
                    if settings.writes == Writes::Auto {
                        for patches in &remote.patches {
                            patches.store(config.patch(), Relaxed);
                        }
                    }
                    remote.filters.store(config.filter(), Relaxed);
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
        let list = Request::get(path(kind, None)).query("startIndex=1&count=1");
        match self.call(&list).await {
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

    /// Whether the target answers everything like this, so that it says nothing of one user or team: then the run ends, else
    /// it goes on without that one.
    async fn is_for_all(&self, request: &Request, answer: &Answer) -> bool {
        let is_of_one = request.method != Method::GET
            || request.path.matches('/').count() > 1
            || request
                .query
                .as_ref()
                .is_some_and(|query| query.contains("filter="));
        if !is_of_one {
            return true;
        }
        self.requests.fetch_add(1, Relaxed);
        let list = Request::get(path(Kind::User, None)).query("startIndex=1&count=1");
        let list = self.client.send(&list).await;
        list.is_ok_and(|exchange| exchange.answer.status == answer.status)
    }

    /// The run ends.
    pub(super) fn stop(&self, why: Stopped) {
        let _ = self.stopped.set(why);
    }

    pub(super) fn stopped(&self) -> Option<&Stopped> {
        self.stopped.get()
    }

    /// Whether lists are asked with filters.
    pub(super) fn filters(&self) -> bool {
        self.filters.load(Relaxed)
    }

    /// Whether resources of a kind are changed by PATCH.
    pub(super) fn patches(&self, kind: Kind) -> bool {
        self.patches[of(kind)].load(Relaxed)
    }

    /// Whether a PATCH of a kind was carried out in this run.
    pub(super) fn patched(&self, kind: Kind) -> bool {
        self.patched[of(kind)].load(Relaxed)
    }

    /// Whether whole resources may be sent.
    pub(super) fn may_put(&self) -> bool {
        self.settings.writes != Writes::Patch
    }

    /// Whether it is known of all these attributes that the target does not keep them.
    pub(super) fn is_unkept(&self, names: &[String]) -> bool {
        let unkept = self.unkept.lock().unwrap_or_else(PoisonError::into_inner);
        names.iter().all(|name| unkept.contains(name))
    }

    /// Neither PATCH nor PUT made the target keep these attributes.
    pub(super) fn does_not_keep(&self, names: &[String]) {
        let mut unkept = self.unkept.lock().unwrap_or_else(PoisonError::into_inner);
        unkept.extend(names.iter().cloned());
    }

    /// The members that the target shows of a team of which so many are known; `None` where it does not show them. Who
    /// has none may go without the attribute (RFC 7643 section 2.5), which says something only where the target shows
    /// those of a team as large.
    pub(super) fn members(&self, held: &Resource, known: usize) -> Option<HashSet<String>> {
        if field(held, "members").is_none() {
            let shows = known > 0 && known <= self.shown.load(Relaxed);
            return shows.then(HashSet::new);
        }
        let ids = super::team::ids(held);
        self.shown.fetch_max(ids.len(), Relaxed);
        Some(ids)
    }

    pub(super) fn removes_by_value(&self) -> bool {
        self.removes_by_value.load(Relaxed)
    }

    /// Whether it was looked in this run whether a removal of members is done.
    pub(super) fn removals_seen(&self) -> bool {
        self.removals_seen.load(Relaxed)
    }

    /// A removal of members was done, or the target does not show.
    pub(super) fn see_removals(&self) {
        self.removals_seen.store(true, Relaxed);
    }

    /// The target turned out to remove members by `value` alone.
    pub(super) fn remove_by_value(&self) {
        self.removes_by_value.store(true, Relaxed);
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
                    let asked = answer.retry_after();
                    match answer.status {
                        _ if answer.is_throttled() => {
                            attempt += 1;
                            let wait =
                                asked.unwrap_or(Duration::from_secs(1) * 2_u32.pow(attempt.min(6)));
                            let is_last = attempt >= 2 * ATTEMPTS;
                            if wait > LONGEST_HOLD
                                || is_last && self.is_for_all(request, &answer).await
                            {
                                return Err(self.end(Stopped::Busy(wait.as_secs())));
                            }
                            if is_last {
                                return Err(refused(&answer));
                            }
                            // One who says 0 seconds and means more is not asked without a break.
                            self.hold(
                                wait.max(Duration::from_millis(10) * 2_u32.pow(attempt.min(5))),
                            );
                            continue;
                        }
                        401 if self.is_for_all(request, &answer).await => {
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
                Err(error @ Error::NoAnswer { .. }) => {
                    let reason = error.to_string();
                    if self.is_silent() {
                        let reason = self.client.redact(&reason);
                        return Err(self.end(Stopped::Unreachable(reason)));
                    }
                    Trouble::Lost(reason)
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
        self.patched[of(kind)].store(true, Relaxed);
        Ok(answer)
    }

    /// A PATCH was refused that should be possible; 404 though the resource is there, 405 or 501: the target has no PATCH
    /// of this kind at all, unless it carried one out. Some refuse single attributes so. The caller may PUT, unless the
    /// settings want PATCH alone.
    pub(super) fn lacks_patch(&self, kind: Kind, refusal: Trouble) -> Result<(), Trouble> {
        if !self.may_put() {
            return Err(refusal);
        }
        if matches!(refusal.status(), Some(404 | 405 | 501)) && !self.patched(kind) {
            self.patches[of(kind)].store(false, Relaxed);
        }
        Ok(())
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

    /// Resources that a lookup finds: users by what the settings say, teams by name. `fresh` does not believe what was
    /// read at the beginning of the run.
    pub(super) async fn find(
        &self,
        kind: Kind,
        value: &str,
        fresh: bool,
    ) -> Result<Vec<Resource>, Trouble> {
        if let Some(index) = self.known(kind).await
            && !fresh
        {
            return self.indexed(kind, &index, value).await;
        }
        if let Some(found) = self.filtered(kind, self.lookup(kind), value).await? {
            return Ok(found);
        }
        let index = self.read_index(kind).await?;
        self.indexed(kind, &index, value).await
    }

    /// Who has a userName, which is nobody else's (RFC 7643 section 4.1.1), whatever users are looked up by; as the target
    /// holds them now.
    pub(super) async fn named(&self, name: &str) -> Result<Vec<Resource>, Trouble> {
        if let Some(found) = self.filtered(Kind::User, USER_NAME, name).await? {
            return Ok(found);
        }
        let read = self.index_by(Kind::User, USER_NAME);
        let names = self.names.get_or_try_init(|| read).await?;
        let mut found = self.indexed(Kind::User, names, name).await?;
        // Since they were read, somebody may have been renamed.
        found.retain(|resource| keys(USER_NAME, resource).any(|key| key == fold(name)));
        Ok(found)
    }

    /// What the target finds by a filter; `None` where it has none.
    async fn filtered(
        &self,
        kind: Kind,
        attribute: &str,
        value: &str,
    ) -> Result<Option<Vec<Resource>>, Trouble> {
        if !self.filters.load(Relaxed) {
            return Ok(None);
        }
        let filter = Filter::eq(attribute, value).to_string();
        let query: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("filter", &filter)
            .finish();
        match self
            .call(&Request::get(path(kind, None)).query(query))
            .await
        {
            Ok(answer) => {
                let page: Page<Resource> = parse(&answer)?;
                let (found, others): (Vec<_>, Vec<_>) = page
                    .resources
                    .into_iter()
                    .map(with_text_id)
                    .partition(|resource| keys(attribute, resource).any(|key| key == fold(value)));
                // A server that ignores the filter would give us somebody else.
                if others.is_empty() {
                    return Ok(Some(found));
                }
            }
            Err(Trouble::Refused {
                status: 400 | 403 | 404 | 405 | 501,
                ..
            }) => {}
            Err(trouble) => return Err(trouble),
        }
        self.filters.store(false, Relaxed);
        Ok(None)
    }

    /// The attribute that a kind is looked up by.
    fn lookup(&self, kind: Kind) -> &'static str {
        match (kind, self.settings.identifier) {
            (Kind::Team, _) => "displayName",
            (_, MatchBy::UserName) => USER_NAME,
            (_, MatchBy::Email) => "emails.value",
            (_, MatchBy::ExternalId) => "externalId",
        }
    }

    /// What a wanted user or team is looked up by.
    pub(super) fn key(&self, kind: Kind, wanted: &Resource) -> Option<String> {
        let text = |value: &Value| {
            value
                .as_str()
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        match self.lookup(kind) {
            "emails.value" => {
                let emails = field(wanted, "emails")?.as_array()?;
                let primary = emails.iter().find(|email| email["primary"] == true);
                text(field(primary.or(emails.first())?.as_object()?, "value")?)
            }
            name => text(field(wanted, name)?),
        }
    }
}

/// The values of an attribute that lookups go by, folded.
fn keys<'r>(
    attribute: &str,
    resource: &'r Resource,
) -> Box<dyn Iterator<Item = String> + Send + 'r> {
    let text = |value: &'r Value| value.as_str().map(|text| fold(text).into_owned());
    match attribute {
        "emails.value" => {
            let emails = field(resource, "emails").and_then(Value::as_array);
            let values = emails.into_iter().flatten().filter_map(Value::as_object);
            Box::new(values.filter_map(move |email| text(field(email, "value")?)))
        }
        name => Box::new(field(resource, name).and_then(text).into_iter()),
    }
}

/// Where something is kept of a kind.
fn of(kind: Kind) -> usize {
    usize::from(kind == Kind::Team)
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

/// The most values in an answer: a body of 64 MiB can say so many that they fill the memory once they are read.
const MOST_VALUES: usize = 4_000_000;
/// The longest id that is kept and put into a path, in bytes.
const LONGEST_ID: usize = 1024;

pub(super) fn parse<T: serde::de::DeserializeOwned>(answer: &Answer) -> Result<T, Trouble> {
    let values = answer
        .body
        .iter()
        .filter(|byte| b",[{".contains(byte))
        .count();
    if values > MOST_VALUES {
        return Err(Trouble::Unclear(format!(
            "the target answered {} with more than {MOST_VALUES} values in {} bytes, which are not read",
            answer.status,
            answer.body.len()
        )));
    }
    serde_json::from_slice(&answer.body).map_err(|error| {
        // Its words are not repeated: they may be what it was sent, secret and all.
        Trouble::Unclear(format!(
            "the target answered {} with a body of {} bytes that is no SCIM message ({:?} error in line {}, column {})",
            answer.status,
            answer.body.len(),
            error.classify(),
            error.line(),
            error.column()
        ))
    })
}

/// The id of a resource, if it can stand in a path: `.` and `..` would lead to somebody else.
pub(super) fn id_of(resource: &Resource) -> Option<&str> {
    let id = field(resource, "id")?.as_str()?;
    let is_one = !["", ".", ".."].contains(&id) && id.len() <= LONGEST_ID;
    is_one.then_some(id)
}

/// One resource. Some servers send the id as a number.
fn one(answer: &Answer) -> Result<Resource, Trouble> {
    parse(answer).map(with_text_id)
}

fn with_text_id(mut resource: Resource) -> Resource {
    for (name, value) in &mut resource {
        if name.eq_ignore_ascii_case("id") && value.is_number() {
            *value = value.to_string().into();
        }
    }
    resource
}

fn refused(answer: &Answer) -> Trouble {
    Trouble::Refused {
        status: answer.status,
        detail: detail(answer),
    }
}

/// So much of the target's words is kept.
fn cut(text: &str) -> String {
    text.chars().take(300).collect()
}

/// What the answer says. It is cut when the secret is masked, which could be cut through otherwise.
fn detail(answer: &Answer) -> String {
    let body = answer.json();
    let text = |name: &str| Some(body.as_ref()?.get(name)?.as_str()?.to_owned());
    if let (300..=399, Some(to)) = (answer.status, answer.header("location")) {
        return to.to_owned();
    }
    let start =
        || String::from_utf8_lossy(&answer.body[..answer.body.len().min(4096)]).into_owned();
    let detail = text("detail").unwrap_or_else(start);
    match text("scimType") {
        Some(kind) => format!("{kind}: {detail}"),
        None => detail,
    }
}
