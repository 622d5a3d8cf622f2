//! A SCIM server that keeps resources and has habits.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tokio::sync::Notify;

pub(crate) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// What a target cannot do.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Habits {
    pub(crate) no_patch: bool,
    /// PATCH has no route, which the configuration does not tell.
    pub(crate) no_patch_route: bool,
    pub(crate) no_config: bool,
    pub(crate) ignores_filters: bool,
    pub(crate) refuses_filters: bool,
    /// Searches are answered with this status.
    pub(crate) fails_searches: Option<u16>,
    /// Every page is the first one, of this size.
    pub(crate) first_page_for_ever: Option<usize>,
    pub(crate) most_members: Option<usize>,
    /// Members cannot be removed by a filter in the path.
    pub(crate) no_member_filter: bool,
    /// A removal with a value empties the team, or is refused.
    pub(crate) removal_by_value: Removal,
    pub(crate) hides_members: bool,
    /// A creation of what is there is answered with it.
    pub(crate) creates_the_same: bool,
    /// Creates and never answers.
    pub(crate) hangs: bool,
    /// Never takes this one as a member, though the user is there.
    pub(crate) refuses_member: Option<&'static str>,
    /// Every third request is answered 429.
    pub(crate) busy: bool,
    /// Every third POST is carried out and answered 502.
    pub(crate) loses_answers: bool,
    pub(crate) answers_401: bool,
    /// Lists of whole resources are refused.
    pub(crate) no_lists: bool,
    /// Lists of whole resources are refused after the first page.
    pub(crate) one_page: bool,
    /// Every page after the first is answered 404.
    pub(crate) loses_pages: bool,
    /// The address leads to something else: everything is answered 404.
    pub(crate) is_elsewhere: bool,
    /// What is configured is told, and everything under `/Users` is answered 404.
    pub(crate) lost_its_users: bool,
    /// Only what is under `/Groups` is answered 404.
    pub(crate) lost_its_teams: bool,
    /// Users have userName and active, and nothing else: what else is sent is answered with success and not kept.
    pub(crate) keeps_names_alone: bool,
    /// Users have no department.
    pub(crate) keeps_no_department: bool,
    /// What is created or changed is answered with its names alone.
    pub(crate) answers_little: bool,
    /// A PUT is answered with one member at most.
    pub(crate) answers_few_members: bool,
    /// Lists show this team without its members.
    pub(crate) lists_no_members_of: Option<&'static str>,
    /// No single user is shown, with this status.
    pub(crate) shows_no_user: Option<u16>,
    /// After a deletion the credentials are not taken any more.
    pub(crate) ends_with_a_deletion: bool,
    /// Lists show names alone.
    pub(crate) lists_little: bool,
    /// A PATCH is answered with 200 and changes nothing.
    pub(crate) patches_nothing: bool,
    /// A PATCH with one of these in it is refused with this status, though others are carried out.
    pub(crate) refuses_patch_of: Option<(&'static str, u16)>,
    /// Members that come with a POST or a PUT are not looked at; a PATCH adds and removes them.
    pub(crate) members_by_patch_alone: bool,
    /// A team without members is shown without the attribute.
    pub(crate) omits_empty_lists: bool,
    /// The id of a user is the userName.
    pub(crate) names_are_ids: bool,
    /// Everything is refused with this status, and with the credentials it came with.
    pub(crate) echoes: Option<u16>,
    /// What becomes of a user's `active` that is to be false.
    pub(crate) deactivation: Deactivation,
    /// A deletion is answered 204, and nothing goes.
    pub(crate) keeps_the_deleted: bool,
    /// Members are removed by a PATCH in words alone.
    pub(crate) keeps_members: bool,
    /// A creation is answered 502, and carried out later or never.
    pub(crate) swallows: bool,
    /// What is listed has very many values.
    pub(crate) is_endless: bool,
    /// Ids are numbers.
    pub(crate) numbers: bool,
    /// Whoever is created gets this id.
    pub(crate) id: Option<&'static str>,
    /// Whatever concerns this user is answered with this status.
    pub(crate) refuses_one: Option<(u16, &'static str)>,
    /// Whatever concerns users and teams is answered 429, and 0 seconds.
    pub(crate) throttles_for_ever: bool,
    /// Whatever concerns users and teams is never answered.
    pub(crate) is_silent: bool,
    /// Whatever concerns this user is never answered.
    pub(crate) hangs_for: Option<&'static str>,
    /// Everything leads to another address.
    pub(crate) redirects: Option<&'static str>,
    /// Everything is answered 200 with a page for people to sign in.
    pub(crate) is_a_page: bool,
}

/// What becomes of `active` that is to be false.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Deactivation {
    #[default]
    Works,
    /// A PATCH of it is answered 200 and ignored.
    IgnoredInPatch,
    /// A PATCH of it is refused.
    RefusedInPatch,
    /// Answered as if it were done.
    Lied,
    /// It becomes the text "True", whatever is sent.
    TrueAsText,
}

/// What becomes of `remove members` with a value.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Removal {
    #[default]
    Works,
    EmptiesTheTeam,
    IsRefused,
}

/// A SCIM server that keeps resources and has habits.
#[derive(Default)]
pub(crate) struct Theirs {
    pub(crate) habits: Habits,
    /// The next POST tells that it is there, and waits until it may go on.
    pub(crate) hold: Option<(Arc<Notify>, Arc<Notify>)>,
    pub(crate) resources: BTreeMap<String, Value>,
    pub(crate) requests: Vec<String>,
    /// `Authorization` of the last one.
    pub(crate) signed: String,
    pub(crate) last: usize,
    pub(crate) created: Arc<Notify>,
}

pub(crate) type Shared = Arc<Mutex<Theirs>>;

fn answer(status: u16, body: &Value) -> Response {
    (StatusCode::from_u16(status).unwrap(), body.to_string()).into_response()
}

pub(crate) async fn serve(
    State(theirs): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let is_creation = method == Method::POST;
    let hold = match is_creation {
        true => theirs.lock().unwrap().hold.take(),
        false => None,
    };
    if let Some((there, go)) = hold {
        there.notify_one();
        go.notified().await;
    }
    let (response, hangs) = {
        let mut theirs = theirs.lock().unwrap();
        let response = respond(&mut theirs, method, &uri, &headers, &body);
        if is_creation {
            theirs.created.notify_one();
        }
        (response, is_creation && theirs.habits.hangs)
    };
    let (is_silent, about) = {
        let theirs = theirs.lock().unwrap();
        let one = theirs.habits.hangs_for;
        let about = one.is_some_and(|name| theirs.is_about(name, &uri, &body));
        (theirs.habits.is_silent, about)
    };
    if hangs || about || is_silent && uri.path() != "/ServiceProviderConfig" {
        std::future::pending::<()>().await;
    }
    response
}

fn respond(
    theirs: &mut Theirs,
    method: Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
) -> Response {
    theirs.requests.push(format!("{method} {uri}"));
    let signed = headers.get("authorization");
    theirs.signed = signed.map_or(String::new(), |value| value.to_str().unwrap().to_owned());
    let (habits, n) = (theirs.habits, theirs.requests.len());
    if habits.answers_401 {
        return answer(401, &json!({ "detail": "who are you?" }));
    }
    if let Some(status) = habits.echoes {
        let sent = headers.get("authorization");
        let sent = sent.map_or("nothing", |sent| sent.to_str().unwrap());
        return match uri.path() {
            "/Groups" => (StatusCode::from_u16(status).unwrap(), sent.to_owned()).into_response(),
            _ => answer(status, &json!({ "detail": format!("what is {sent}?") })),
        };
    }
    if let Some(to) = habits.redirects {
        return (StatusCode::FOUND, [("location", to)], "").into_response();
    }
    if habits.throttles_for_ever && uri.path() != "/ServiceProviderConfig" {
        return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "0")], "").into_response();
    }
    if let Some((status, name)) = habits.refuses_one
        && theirs.is_about(name, uri, body)
    {
        let mut refusal = answer(status, &json!({ "detail": "not this one" }));
        let soon = axum::http::HeaderValue::from_static("0");
        refusal.headers_mut().insert("retry-after", soon);
        return refusal;
    }
    if habits.is_a_page {
        return (StatusCode::OK, "<html>Please sign in</html>").into_response();
    }
    if habits.is_elsewhere || habits.lost_its_users && uri.path().starts_with("/Users") {
        return answer(404, &json!({ "detail": "nothing here" }));
    }
    if habits.lost_its_teams && uri.path().starts_with("/Groups") {
        return answer(404, &json!({ "detail": "no teams here" }));
    }
    if habits.busy && n.is_multiple_of(3) {
        return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "0")], "").into_response();
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let path = uri.path().to_owned();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match (method.as_str(), parts.as_slice()) {
        ("GET", ["ServiceProviderConfig"]) if habits.no_config => answer(404, &json!({})),
        ("GET", ["ServiceProviderConfig"]) => answer(
            200,
            &json!({ "patch": { "supported": !habits.no_patch }, "filter": { "supported": !habits.refuses_filters } }),
        ),
        ("GET", [_]) if habits.is_endless => {
            let zeros = "0,".repeat(5_000_000);
            (StatusCode::OK, format!("{{\"x\":[{zeros}0]}}")).into_response()
        }
        ("GET", [kind]) => theirs.list(kind, uri.query().unwrap_or_default()),
        ("POST", [_]) if habits.swallows => answer(502, &json!({})),
        ("POST", [kind]) => theirs.create(kind, body),
        ("GET", ["Users", _]) if habits.shows_no_user.is_some() => {
            answer(habits.shows_no_user.unwrap(), &json!({}))
        }
        ("GET", [_, _]) => match theirs.resources.get(&path).cloned() {
            Some(mut found) => {
                theirs.veil(&mut found);
                answer(200, &found)
            }
            None => answer(404, &json!({})),
        },
        ("PUT", [_, _]) if habits.deactivation == Deactivation::Lied && body["active"] == false => {
            answer(200, &body)
        }
        ("PUT", [kind, _]) => {
            let mut body = theirs.kept(kind, body);
            if habits.members_by_patch_alone {
                body["members"] = theirs.resources[&path]["members"].clone();
            }
            theirs.resources.insert(path, body.clone());
            if habits.answers_little {
                body = little(&body);
            }
            if habits.answers_few_members
                && let Some(members) = body["members"].as_array_mut()
            {
                members.truncate(1);
            }
            answer(200, &body)
        }
        ("PATCH", _) if habits.no_patch => answer(501, &json!({ "detail": "no PATCH" })),
        ("PATCH", _) if habits.no_patch_route => answer(404, &json!({ "detail": "no route" })),
        ("PATCH", [_, _]) => theirs.patch(&path, &body),
        ("DELETE", [_, _]) if habits.keeps_the_deleted => StatusCode::NO_CONTENT.into_response(),
        ("DELETE", [_, _]) => match theirs.resources.remove(&path) {
            Some(_) if habits.ends_with_a_deletion => {
                theirs.habits.answers_401 = true;
                StatusCode::NO_CONTENT.into_response()
            }
            Some(_) => StatusCode::NO_CONTENT.into_response(),
            None => answer(404, &json!({})),
        },
        _ => answer(404, &json!({})),
    }
}

/// Names alone.
fn little(held: &Value) -> Value {
    let mut little = held.clone();
    let is_name = |name: &String| ["id", "userName", "active", "displayName"].contains(&&**name);
    little
        .as_object_mut()
        .unwrap()
        .retain(|name, _| is_name(name));
    little
}

impl Theirs {
    /// Whether a request is about one user.
    fn is_about(&self, name: &str, uri: &Uri, body: &[u8]) -> bool {
        let held = self.resources.get(uri.path());
        let named = format!("\"userName\":\"{name}\"");
        held.is_some_and(|held| held["userName"] == name)
            || String::from_utf8_lossy(body).contains(&named)
    }

    /// What is not shown of a resource.
    fn veil(&self, shown: &mut Value) {
        let is_empty = shown["members"].as_array().is_none_or(Vec::is_empty);
        if self.habits.hides_members || is_empty && self.habits.omits_empty_lists {
            shown.as_object_mut().unwrap().remove("members");
        }
    }

    /// What is kept of what was sent.
    fn kept(&self, kind: &str, mut body: Value) -> Value {
        if self.habits.keeps_names_alone && kind == "Users" {
            let keeps = |name: &String| ["id", "userName", "active"].contains(&name.as_str());
            body.as_object_mut().unwrap().retain(|name, _| keeps(name));
        }
        if self.habits.keeps_no_department
            && let Some(extension) = body.get_mut(ENTERPRISE)
        {
            extension.as_object_mut().unwrap().remove("department");
        }
        if self.habits.members_by_patch_alone && kind == "Groups" {
            body["members"] = json!([]);
        }
        body
    }

    fn list(&self, kind: &str, query: &str) -> Response {
        let pairs: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes())
            .into_owned()
            .collect();
        let filter = pairs.get("filter");
        if self.habits.no_lists && filter.is_none() && !pairs.contains_key("attributes") {
            return answer(403, &json!({ "detail": "no lists" }));
        }
        if self.habits.one_page && pairs.get("startIndex").is_some_and(|start| start != "1") {
            return answer(403, &json!({ "detail": "no more pages" }));
        }
        if self.habits.loses_pages && pairs.get("startIndex").is_some_and(|start| start != "1") {
            return answer(404, &json!({ "detail": "no such page" }));
        }
        if let Some(status) = self.habits.fails_searches.filter(|_| filter.is_some()) {
            return answer(status, &json!({ "detail": "no search now" }));
        }
        if filter.is_some() && self.habits.refuses_filters {
            return answer(
                400,
                &json!({ "scimType": "invalidFilter", "detail": "no filters" }),
            );
        }
        let of_kind = |(path, _): &(&String, &Value)| path.starts_with(&format!("/{kind}/"));
        let mut found: Vec<&Value> = self
            .resources
            .iter()
            .filter(of_kind)
            .map(|(_, value)| value)
            .collect();
        if let Some(filter) = filter.filter(|_| !self.habits.ignores_filters) {
            let (attribute, value) = filter.split_once(" eq ").unwrap();
            let value: String = serde_json::from_str(value).unwrap();
            found.retain(|one| {
                one[attribute]
                    .as_str()
                    .is_some_and(|held| held.eq_ignore_ascii_case(&value))
            });
        }
        let total = found.len();
        let start = pairs
            .get("startIndex")
            .map_or(1, |start| start.parse::<usize>().unwrap());
        let page: Vec<&Value> = match self.habits.first_page_for_ever {
            Some(size) => found.into_iter().take(size).collect(),
            None => found.into_iter().skip(start - 1).take(7).collect(),
        };
        let mut page = json!(page);
        for one in page.as_array_mut().unwrap() {
            self.veil(one);
            if one["displayName"].is_string()
                && one["displayName"].as_str() == self.habits.lists_no_members_of
            {
                one.as_object_mut().unwrap().remove("members");
            }
            if self.habits.lists_little {
                *one = little(one);
            }
        }
        answer(200, &json!({ "totalResults": total, "Resources": page }))
    }

    fn create(&mut self, kind: &str, mut body: Value) -> Response {
        let unique = if kind == "Users" {
            "userName"
        } else {
            "externalId"
        };
        if self.habits.creates_the_same {
            let name = body[unique].as_str().unwrap_or_default();
            let mut all = self.resources.values();
            if let Some(held) = all.find(|held| {
                held[unique]
                    .as_str()
                    .is_some_and(|held| held.eq_ignore_ascii_case(name))
            }) {
                return answer(200, held);
            }
        }
        let twin = |held: &&Value| held[unique] == body[unique];
        let at = format!("/{kind}/");
        let mut same = self
            .resources
            .iter()
            .filter(|(path, _)| path.starts_with(&at))
            .map(|(_, held)| held);
        if same.any(|held| twin(&held)) {
            return answer(
                409,
                &json!({ "scimType": "uniqueness", "detail": "it is taken" }),
            );
        }
        if let Some(most) = self.habits.most_members
            && body["members"].as_array().map_or(0, Vec::len) > most
        {
            return answer(413, &json!({ "detail": "too many members" }));
        }
        body = self.kept(kind, body);
        self.last += 1;
        let mut id = match self.habits.names_are_ids && kind == "Users" {
            true => body["userName"].as_str().unwrap().to_owned(),
            false => format!("{kind}-{}", self.last),
        };
        body["id"] = id.clone().into();
        if self.habits.numbers {
            (id, body["id"]) = (self.last.to_string(), self.last.into());
        }
        if let Some(given) = self.habits.id {
            (id, body["id"]) = (given.to_owned(), given.into());
        }
        self.resources.insert(format!("{at}{id}"), body.clone());
        if self.habits.answers_little {
            body = little(&body);
        }
        if self.habits.loses_answers && self.last.is_multiple_of(3) {
            return answer(502, &json!({}));
        }
        answer(201, &body)
    }

    fn patch(&mut self, path: &str, body: &Value) -> Response {
        let Some(mut held) = self.resources.get(path).cloned() else {
            return answer(404, &json!({}));
        };
        let operations = body["Operations"].as_array().unwrap();
        let names = |name: &str| operations.iter().any(|one| one["path"] == name);
        if let Some((_, status)) = self.habits.refuses_patch_of.filter(|(name, _)| names(name)) {
            return answer(status, &json!({ "detail": "this path is not supported" }));
        }
        if self.habits.patches_nothing {
            return answer(200, &held);
        }
        for operation in operations {
            let (op, path) = (
                operation["op"].as_str().unwrap(),
                operation["path"].as_str().unwrap(),
            );
            if path == "active" && operation["value"] == false {
                match self.habits.deactivation {
                    Deactivation::Works => held["active"] = false.into(),
                    Deactivation::IgnoredInPatch => return answer(200, &held),
                    Deactivation::RefusedInPatch => {
                        return answer(400, &json!({ "detail": "active is read-only" }));
                    }
                    Deactivation::Lied => {
                        held["active"] = false.into();
                        return answer(200, &held);
                    }
                    Deactivation::TrueAsText => held["active"] = "True".into(),
                }
            } else if op == "remove" && path.starts_with("members") && self.habits.keeps_members {
                return StatusCode::NO_CONTENT.into_response();
            } else if op == "add" && path == "members" {
                let more = operation["value"].as_array().unwrap();
                if self
                    .habits
                    .most_members
                    .is_some_and(|most| more.len() > most)
                {
                    return answer(413, &json!({ "detail": "too many members" }));
                }
                let mut members = held["members"].as_array().cloned().unwrap_or_default();
                for member in more {
                    let user = format!("/Users/{}", member["value"].as_str().unwrap());
                    let held = self.resources.get(&user);
                    let name = held.and_then(|held| held["userName"].as_str());
                    if name.is_none() || name == self.habits.refuses_member {
                        return answer(
                            400,
                            &json!({ "scimType": "invalidValue", "detail": "no such member" }),
                        );
                    }
                    if !members.iter().any(|one| one["value"] == member["value"]) {
                        members.push(member.clone());
                    }
                }
                held["members"] = members.into();
            } else if op == "remove" && path == "members" {
                let gone = operation["value"].as_array().unwrap();
                let members = held["members"].as_array_mut().unwrap();
                match self.habits.removal_by_value {
                    Removal::Works => {
                        members.retain(|one| !gone.iter().any(|gone| gone["value"] == one["value"]))
                    }
                    Removal::EmptiesTheTeam => members.clear(),
                    Removal::IsRefused => return answer(400, &json!({ "detail": "no value" })),
                }
            } else if op == "remove" && path.starts_with("members[") && self.habits.no_member_filter
            {
                return answer(400, &json!({ "scimType": "invalidPath" }));
            } else if op == "remove" && path.starts_with("members[") {
                let id = path.split('"').nth(1).unwrap();
                let members = held["members"].as_array_mut().unwrap();
                members.retain(|one| one["value"] != id);
            } else if op == "remove" {
                held.as_object_mut().unwrap().remove(path);
            } else if let Some((urn, name)) = path.rsplit_once(':') {
                held[urn][name] = operation["value"].clone();
            } else {
                held[path] = operation["value"].clone();
            }
        }
        let kind = path.trim_start_matches('/').split('/').next().unwrap();
        let members = held["members"].clone();
        held = self.kept(kind, held);
        if kind == "Groups" {
            held["members"] = members;
        }
        self.resources.insert(path.to_owned(), held.clone());
        if self.habits.answers_little {
            held = little(&held);
        }
        answer(200, &held)
    }
}
