//! The resources of the small server, and what each request does with them.

use std::collections::{BTreeMap, HashMap};

use axum::http::Method;
use scim::{
    Error, Fired, Map, Profile, ResourceType, Value,
    error::Kind,
    filter::{Expression, Limits},
    fold::fold,
    message::Query,
    patch::Patch,
    project::Projection,
    resource,
    sort::Sort,
};
use serde_json::json;

use crate::{
    defects::OWN,
    discovery::MOST_RESULTS,
    server::{Answer, Call, Server, list, object},
};

/// A tenant's resources by id; ids are in the order of creation.
#[derive(Default)]
pub(crate) struct Directory {
    pub(crate) resources: BTreeMap<String, Stored>,
    pub(crate) next: u64,
    /// The names of who was deleted, where they stay taken.
    taken: Vec<Value>,
    /// What each cursor still has to show, and of which query.
    cursors: HashMap<String, (String, Vec<String>)>,
}

/// One resource.
#[derive(Clone)]
pub(crate) struct Stored {
    pub(crate) endpoint: String,
    pub(crate) attributes: Map<String, Value>,
    pub(crate) created: i64,
    pub(crate) modified: i64,
    pub(crate) version: u64,
}

/// The id of the resource of this number; each tenant counts its own.
pub(crate) fn id(number: u64) -> String {
    format!("r{number:08}-Ab")
}

impl Server {
    /// Carries out a request.
    pub(crate) fn answer(&self, call: &Call<'_>) -> Result<Answer, Error> {
        if let Some(answer) = self.discovery(call) {
            return answer;
        }
        self.media_types(call)?;
        let mut tenant = self.tenants[call.tenant].lock().unwrap();
        self.carry_out(&mut tenant, call)
    }

    fn media_types(&self, call: &Call<'_>) -> Result<(), Error> {
        let kind = call
            .header("content-type")
            .unwrap_or("application/scim+json");
        let json =
            kind.starts_with("application/scim+json") || kind.starts_with("application/json");
        let plain = kind.starts_with("application/json") && self.is("refuses_plain_json");
        let charset = kind.contains("charset") && self.is("refuses_charset");
        if !json || plain || charset {
            return Err(Error::new(
                Kind::UnsupportedMediaType,
                "Send application/scim+json.",
            ));
        }
        let accept = call.header("accept").unwrap_or("*/*");
        if accept.contains("application/json") && self.is("refuses_accept_json") {
            return Err(Error::new(
                Kind::NotAcceptable,
                "Accept application/scim+json.",
            ));
        }
        Ok(())
    }

    /// Carries out a request on what is locked.
    pub(crate) fn carry_out(
        &self,
        tenant: &mut Directory,
        call: &Call<'_>,
    ) -> Result<Answer, Error> {
        let not_found = || Error::new(Kind::NotFound, "There is no such endpoint.");
        let no_method = || Error::new(Kind::MethodNotAllowed, "The endpoint has no such method.");
        let parts: Vec<&str> = call.path.iter().map(String::as_str).collect();
        let get = call.method == Method::GET || call.method == Method::HEAD;
        match parts.as_slice() {
            [] if get => self.list(tenant, None, &self.query(call)?, call.query),
            [".search"] if call.method == Method::POST => {
                let query = Query::from_search_request(
                    &object(call.body)?,
                    &self.profile,
                    &mut Fired::default(),
                )?;
                self.list(tenant, None, &query, "")
            }
            ["Bulk"] if call.method == Method::POST => self.bulk(tenant, call),
            ["Me"] => Err(Error::new(
                Kind::NotImplemented,
                "A token stands for no user.",
            )),
            [endpoint, rest @ ..] => {
                let kind = self
                    .registry
                    .by_endpoint(endpoint)
                    .cloned()
                    .ok_or_else(not_found)?;
                match rest {
                    [] if call.method == Method::DELETE && self.is("deletes_collections") => {
                        tenant
                            .resources
                            .retain(|_, found| found.endpoint != *endpoint);
                        Ok(Answer::new(204, None))
                    }
                    [] if get => self.list(tenant, Some(&kind), &self.query(call)?, call.query),
                    [] if call.method == Method::POST => {
                        self.create(tenant, &kind, object(call.body)?, call)
                    }
                    [".search"] if call.method == Method::POST => {
                        let query = Query::from_search_request(
                            &object(call.body)?,
                            &self.profile,
                            &mut Fired::default(),
                        )?;
                        let mut answer = self.list(tenant, Some(&kind), &query, "")?;
                        if self.is("search_is_201") {
                            answer.status = 201;
                        }
                        Ok(answer)
                    }
                    [id] if ["GET", "HEAD", "PUT", "PATCH", "DELETE"]
                        .contains(&call.method.as_str()) =>
                    {
                        self.one(tenant, &kind, id, call)
                    }
                    _ => Err(no_method()),
                }
            }
            _ => Err(not_found()),
        }
    }

    fn query(&self, call: &Call<'_>) -> Result<Query, Error> {
        if self.is("refuses_unknown_parameters") && call.query.contains("provisorCheck") {
            return Err(Error::invalid_value("There is no such parameter."));
        }
        let query = Query::from_query_string(call.query);
        if self.is("any_count") && query.is_err() {
            return Ok(Query::default());
        }
        query
    }

    fn create(
        &self,
        tenant: &mut Directory,
        kind: &ResourceType,
        body: Map<String, Value>,
        call: &Call<'_>,
    ) -> Result<Answer, Error> {
        let sent = body.clone();
        let attributes = self.read(tenant, kind, body)?;
        let mut attributes = attributes;
        resource::complete_new(kind, &mut attributes);
        self.unique(tenant, kind, &attributes, None)?;
        tenant.next += 1;
        let now = crate::defects::now();
        let mut id = id(tenant.next);
        if self.is("addresses_as_ids") {
            id.push_str("@example.com");
        }
        if self.is("client_chooses_ids")
            && let Some(chosen) = sent.get("id").and_then(Value::as_str)
        {
            id = chosen.to_owned();
        }
        if self.is("put_keeps_password")
            && let Some(password) = sent.get("password")
        {
            attributes.insert("password".to_owned(), password.clone());
        }
        if self.is("keeps_unknown_attributes")
            && let Some(value) = sent.get("dispalyName")
        {
            attributes.insert("dispalyName".to_owned(), value.clone());
        }
        if self.is("create_drops_title") {
            attributes.remove("title");
        }
        if self.is("create_drops_members") {
            attributes.remove("members");
        }
        let stored = Stored {
            endpoint: kind.endpoint.trim_start_matches('/').to_owned(),
            attributes,
            created: now,
            modified: now,
            version: 1,
        };
        tenant.resources.insert(id.clone(), stored);
        let projection = self.projection(kind, call)?;
        let mut shown = self.shown(tenant, kind, &id, &projection);
        if self.is("create_drops_title")
            && let Some(title) = sent.get("title")
        {
            shown["title"] = title.clone();
        }
        if self.is("create_without_body") {
            return Ok(Answer::new(201, None));
        }
        let status = if self.is("create_is_200") { 200 } else { 201 };
        Ok(self.about(tenant, &id, status, Some(shown)))
    }

    /// One resource's methods.
    fn one(
        &self,
        tenant: &mut Directory,
        kind: &ResourceType,
        id: &str,
        call: &Call<'_>,
    ) -> Result<Answer, Error> {
        let by_name = self.is("finds_by_name").then(|| {
            let named = tenant.resources.iter().find(|(_, found)| {
                found.attributes.get("userName").and_then(Value::as_str) == Some(id)
            });
            named.map(|(id, _)| id.clone())
        });
        let id = by_name.flatten().unwrap_or_else(|| id.to_owned());
        let there = tenant
            .resources
            .get(&id)
            .is_some_and(|found| kind.endpoint.trim_start_matches('/') == found.endpoint);
        if !there {
            if self.is("put_creates") && call.method == Method::PUT {
                return self.create(tenant, kind, object(call.body)?, call);
            }
            if self.is("unknown_is_empty") && call.method == Method::GET {
                return Ok(Answer::new(200, json!({})));
            }
            if self.is("delete_is_idempotent") && call.method == Method::DELETE {
                return Ok(Answer::new(204, None));
            }
            return Err(Error::new(Kind::NotFound, "There is no such resource."));
        }
        let projection = self.projection(kind, call)?;
        self.preconditions(tenant, &id, call)?;
        match call.method.as_str() {
            "DELETE" => {
                self.delete(tenant, &id);
                Ok(Answer::new(204, None))
            }
            "GET" | "HEAD" => {
                let tag = self.tag(&tenant.resources[&id]);
                let asked = call.header("if-none-match").unwrap_or_default();
                if asked == tag && !self.is("never_304") {
                    return Ok(Answer::new(304, None).with("etag", tag));
                }
                let shown = self.shown(tenant, kind, &id, &projection);
                Ok(self.about(tenant, &id, 200, Some(shown)))
            }
            "PUT" => {
                let incoming = self.read(tenant, kind, object(call.body)?)?;
                let after = self.replaced(tenant, kind, &id, incoming)?;
                self.unique(tenant, kind, &after, Some(&id))?;
                self.store(tenant, &id, after);
                let shown = self.shown(tenant, kind, &id, &projection);
                let status = if self.is("put_is_201") { 201 } else { 200 };
                Ok(self.about(tenant, &id, status, Some(shown)))
            }
            _ => {
                self.patch(tenant, kind, &id, call.body)?;
                if self.is("patch_is_202") {
                    return Ok(Answer::new(202, None));
                }
                let shown = self.shown(tenant, kind, &id, &projection);
                if projection.is_default() && kind.is_group() {
                    return Ok(self.about(tenant, &id, 204, None));
                }
                Ok(self.about(tenant, &id, 200, Some(shown)))
            }
        }
    }

    fn replaced(
        &self,
        tenant: &Directory,
        kind: &ResourceType,
        id: &str,
        incoming: Map<String, Value>,
    ) -> Result<Map<String, Value>, Error> {
        let before = &tenant.resources[id].attributes;
        if self.is("put_changes_nothing") {
            return Ok(before.clone());
        }
        if self.is("immutables_change") {
            return Ok(incoming);
        }
        let members = incoming.get("members").or(before.get("members")).cloned();
        let mut after =
            resource::replace(kind, before, incoming, &self.profile, &mut Fired::default())?;
        if self.is("put_merges") {
            let kept: Vec<_> = before
                .iter()
                .filter(|(name, _)| !after.contains_key(*name))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
            after.extend(kept);
        }
        if self.is("put_keeps_emails") {
            after.insert("emails".to_owned(), before["emails"].clone());
        }
        after.remove("members");
        if let Some(members) = members.filter(|_| kind.is_group() && !self.is("put_drops_members"))
        {
            after.insert("members".to_owned(), members);
        }
        Ok(after)
    }

    /// Applies a PATCH message.
    pub(crate) fn patch(
        &self,
        tenant: &mut Directory,
        kind: &ResourceType,
        id: &str,
        body: &[u8],
    ) -> Result<(), Error> {
        let body = object(body)?;
        let Some(body) = crate::defects::patched(self, tenant, id, body)? else {
            return Ok(());
        };
        let patch = Patch::read(kind, &body, &self.profile, 1_000, &mut Fired::default())?;
        let mut whole = self.whole(tenant, kind, id);
        let profile = match self.is("filters_select_many") {
            true => &Profile::RFC,
            false => &self.profile,
        };
        patch.apply(kind, &mut whole, profile, &mut Fired::default())?;
        for name in ["id", "meta", "groups", "password"] {
            whole.remove(name);
        }
        self.members(tenant, &mut whole)?;
        resource::check(kind, &mut whole)?;
        if let Some(Value::Array(emails)) = whole.get_mut("emails")
            && self.is("primaries_add_up")
        {
            for email in emails {
                email["primary"] = json!(true);
            }
        }
        self.unique(tenant, kind, &whole, Some(id))?;
        self.store(tenant, id, whole);
        Ok(())
    }

    /// A body as it is stored, its members known.
    fn read(
        &self,
        tenant: &Directory,
        kind: &ResourceType,
        body: Map<String, Value>,
    ) -> Result<Map<String, Value>, Error> {
        let mut body = body;
        if self.is("keeps_unknown_attributes") {
            body.remove("dispalyName");
        }
        if self.is("takes_bare_dates")
            && let Some(since) = body.get_mut(OWN).and_then(|own| own.get_mut("since"))
            && since.as_str().is_some_and(|text| !text.contains('T'))
        {
            *since = json!("2026-01-01T00:00:00Z");
        }
        let emails = body.get("emails").cloned();
        let profile = match self.is("two_primaries") {
            true => &Profile::GENERIC,
            false => &self.profile,
        };
        let incoming = resource::read(kind, body, profile, &mut Fired::default())?;
        let mut attributes = incoming.attributes;
        if let Some(emails) = emails.filter(|_| self.is("two_primaries")) {
            attributes.insert("emails".to_owned(), emails);
        }
        attributes.remove("password");
        if let Some(members) = incoming.members {
            let members = members
                .iter()
                .map(|member| json!({"value": member.id}))
                .collect();
            attributes.insert("members".to_owned(), members);
            self.members(tenant, &mut attributes)?;
        }
        Ok(attributes)
    }

    /// Each member once, all of them known, described by the server.
    fn members(
        &self,
        tenant: &Directory,
        attributes: &mut Map<String, Value>,
    ) -> Result<(), Error> {
        let Some(Value::Array(members)) = attributes.get_mut("members") else {
            return Ok(());
        };
        let mut seen = Vec::new();
        for member in std::mem::take(members) {
            let id = member["value"].as_str().unwrap_or_default().to_owned();
            let Some(found) = tenant.resources.get(&id) else {
                return Err(Error::new(Kind::UnknownMember, "A member is unknown."));
            };
            if seen.contains(&id) {
                continue;
            }
            let kind = if found.endpoint == "Groups" {
                "Group"
            } else {
                "User"
            };
            let reference = format!("{}/{}/{id}", self.base, found.endpoint);
            members.push(json!({"value": id, "$ref": reference, "type": kind}));
            if self.is("members_twice") {
                let again = members[members.len() - 1].clone();
                members.push(again);
            }
            seen.push(id);
        }
        if self.is("caps_members") {
            members.truncate(100);
        }
        Ok(())
    }

    fn unique(
        &self,
        tenant: &Directory,
        kind: &ResourceType,
        attributes: &Map<String, Value>,
        own: Option<&str>,
    ) -> Result<(), Error> {
        if !kind.is_user() || self.is("names_are_not_unique") {
            return Ok(());
        }
        if attributes
            .get("userName")
            .is_some_and(|name| tenant.taken.contains(name))
        {
            return Err(Error::new(Kind::Uniqueness, "The name was taken."));
        }
        let name = |attributes: &Map<String, Value>| {
            let name = attributes
                .get("userName")
                .and_then(Value::as_str)
                .unwrap_or_default();
            if self.is("names_have_case") {
                name.to_owned()
            } else {
                fold(name).into_owned()
            }
        };
        let wanted = name(attributes);
        let taken = |(id, found): (&String, &Stored)| {
            own != Some(id) && found.endpoint == "Users" && name(&found.attributes) == wanted
        };
        if tenant.resources.iter().any(taken) {
            return Err(Error::new(Kind::Uniqueness, "The userName is taken."));
        }
        let badge = |attributes: &Map<String, Value>| attributes.get(OWN)?.get("badge").cloned();
        let wanted = badge(attributes).filter(|_| !self.is("badges_are_not_unique"));
        let taken =
            |(id, found): (&String, &Stored)| own != Some(id) && badge(&found.attributes) == wanted;
        if wanted.is_some() && tenant.resources.iter().any(taken) {
            return Err(Error::new(Kind::Uniqueness, "The badge is taken."));
        }
        Ok(())
    }

    fn store(&self, tenant: &mut Directory, id: &str, after: Map<String, Value>) {
        let stored = tenant.resources.get_mut(id).unwrap();
        if stored.attributes == after && !self.is("no_change_is_a_change") {
            return;
        }
        stored.attributes = after;
        if self.is("version_stands_still") {
            return;
        }
        stored.version += 1;
        stored.modified = crate::defects::now();
    }

    fn delete(&self, tenant: &mut Directory, id: &str) {
        if self.is("delete_deactivates") || self.is("searches_lag") {
            tenant
                .resources
                .get_mut(id)
                .unwrap()
                .attributes
                .insert("active".to_owned(), json!(false));
            return;
        }
        if let Some(gone) = tenant.resources.remove(id)
            && self.is("names_stay_taken")
        {
            tenant
                .taken
                .extend(gone.attributes.get("userName").cloned());
        }
        if self.is("deleted_stay_members") {
            return;
        }
        for found in tenant.resources.values_mut() {
            if let Some(Value::Array(members)) = found.attributes.get_mut("members") {
                let before = members.len();
                members.retain(|member| member["value"] != id);
                found.version += u64::from(before != members.len());
                if members.is_empty() {
                    found.attributes.remove("members");
                }
            }
        }
    }

    fn preconditions(&self, tenant: &Directory, id: &str, call: &Call<'_>) -> Result<(), Error> {
        let Some(wanted) = call.header("if-match") else {
            return Ok(());
        };
        let tag = self.tag(&tenant.resources[id]);
        if self.is("odd_tags_are_500") && !wanted.contains(['"', '*']) {
            return Err(Error::new(Kind::Internal, "That is no tag."));
        }
        let fits = !self.is("if_match_never_fits")
            && wanted
                .split(',')
                .map(str::trim)
                .any(|one| one == "*" || one == tag);
        if fits || self.is("ignores_if_match") {
            return Ok(());
        }
        Err(Error::new(
            Kind::PreconditionFailed,
            "The resource has changed.",
        ))
    }

    fn tag(&self, stored: &Stored) -> String {
        if self.is("bare_tags") {
            stored.version.to_string()
        } else {
            format!("W/\"{}\"", stored.version)
        }
    }

    /// The whole resource with what the server adds.
    fn whole(&self, tenant: &Directory, kind: &ResourceType, id: &str) -> Map<String, Value> {
        let stored = &tenant.resources[id];
        let mut whole = stored.attributes.clone();
        whole.insert("id".to_owned(), json!(id));
        let mut groups = Vec::new();
        if kind.is_user() && !self.is("users_without_groups") {
            for (group, found) in &tenant.resources {
                let members = found.attributes.get("members").and_then(Value::as_array);
                if members.is_some_and(|members| members.iter().any(|member| member["value"] == id))
                {
                    let reference = format!("{}/Groups/{group}", self.base);
                    groups.push(json!({"value": group, "$ref": reference, "type": "direct"}));
                }
            }
        }
        if !groups.is_empty() {
            whole.insert("groups".to_owned(), groups.into());
        }
        let location = format!(
            "{}/{}/{}",
            self.base,
            stored.endpoint,
            id.replace('@', "%40")
        );
        let time = scim::datetime::format_millis;
        let meta = json!({
            "resourceType": kind.name, "created": time(stored.created), "lastModified": time(stored.modified),
            "location": location, "version": self.tag(stored),
        });
        whole.insert("meta".to_owned(), meta);
        whole
    }

    /// What an answer shows of a resource.
    pub(crate) fn shown(
        &self,
        tenant: &Directory,
        kind: &ResourceType,
        id: &str,
        projection: &Projection,
    ) -> Value {
        let mut whole = self.whole(tenant, kind, id);
        let leaked = whole.get("password").cloned();
        if self.is("ignores_attributes") {
            Projection::default().apply(kind, &mut whole, false);
        } else {
            let unknown = whole.get("dispalyName").cloned();
            projection.apply(kind, &mut whole, false);
            whole.extend(unknown.map(|value| ("dispalyName".to_owned(), value)));
        }
        whole.extend(leaked.map(|value| ("password".to_owned(), value)));
        if self.is("shows_what_nobody_asked_for")
            && let Some(own) = tenant.resources[id].attributes.get(OWN)
        {
            whole.insert(OWN.to_owned(), own.clone());
        }
        Value::Object(whole)
    }

    /// An answer about a resource, with its header fields.
    pub(crate) fn about(
        &self,
        tenant: &Directory,
        id: &str,
        status: u16,
        body: Option<Value>,
    ) -> Answer {
        let stored = &tenant.resources[id];
        let location = format!(
            "{}/{}/{}",
            self.base,
            stored.endpoint,
            id.replace('@', "%40")
        );
        Answer::new(status, body)
            .with("location", location)
            .with("etag", self.tag(stored))
    }

    fn projection(&self, kind: &ResourceType, call: &Call<'_>) -> Result<Projection, Error> {
        let query = Query::from_query_string(call.query)?;
        Projection::read(kind, &query.attributes, &query.excluded_attributes)
    }

    /// A list of one type or of all.
    fn list(
        &self,
        tenant: &mut Directory,
        kind: Option<&ResourceType>,
        query: &Query,
        raw: &str,
    ) -> Result<Answer, Error> {
        let kinds: Vec<_> = self
            .registry
            .resource_types()
            .iter()
            .filter(|one| kind.is_none_or(|kind| kind.name == one.name))
            .cloned()
            .collect();
        if query.cursor.is_some() && query.start_index.is_some() {
            return Err(Error::invalid_value("A cursor has no startIndex."));
        }
        let mut matches: Vec<(String, usize)> = Vec::new();
        let unfiltered = query.cursor.is_some() && self.is("ignores_filter_with_cursor");
        let text = query.filter.as_deref().filter(|_| !unfiltered);
        for (at, kind) in kinds.iter().enumerate() {
            let filter = crate::defects::filter(self, text, |text| {
                let expression = Expression::parse(text, &Limits::default())?;
                if kinds.len() > 1 {
                    return expression.resolve_at_root(kind, &self.profile, &mut Fired::default());
                }
                expression.resolve(kind, &self.profile, &mut Fired::default())
            })?;
            let endpoint = kind.endpoint.trim_start_matches('/');
            for (id, found) in &tenant.resources {
                let hidden = self.is("hides_inactive")
                    && found.attributes.get("active") == Some(&json!(false));
                if found.endpoint == endpoint
                    && !hidden
                    && filter
                        .as_ref()
                        .is_none_or(|filter| filter.matches(&self.whole(tenant, kind, id)))
                {
                    matches.push((id.clone(), at));
                }
            }
        }
        if let (Some(by), [kind], false) =
            (&query.sort_by, kinds.as_slice(), self.is("ignores_sorting"))
        {
            let order = query
                .sort_order
                .as_deref()
                .filter(|_| !self.is("ignores_sort_order"));
            let sort = Sort::read(kind, by, order, &self.profile, &mut Fired::default())?;
            let mut keyed: Vec<_> = matches
                .into_iter()
                .map(|one| (sort.key(&self.whole(tenant, kind, &one.0)), one))
                .collect();
            keyed.sort_by(|a, b| sort.compare(&a.0, &b.0));
            matches = keyed.into_iter().map(|(_, one)| one).collect();
        }
        if self.is("unstable_order") {
            let by =
                usize::try_from(query.start_index.unwrap_or(1)).unwrap_or(0) % matches.len().max(1);
            matches.rotate_left(by);
        }
        let count = query
            .count
            .map_or(100, |count| usize::try_from(count).unwrap_or(usize::MAX))
            .min(MOST_RESULTS);
        let count = if self.is("ignores_count") { 100 } else { count };
        let of = |id: &str| {
            kinds.iter().find(|kind| {
                tenant
                    .resources
                    .get(id)
                    .is_some_and(|found| kind.endpoint.trim_start_matches('/') == found.endpoint)
            })
        };
        let show = |id: &String| -> Result<Option<Value>, Error> {
            let Some(kind) = of(id) else { return Ok(None) };
            let projection = Projection::read(kind, &query.attributes, &query.excluded_attributes)?;
            Ok(Some(self.shown(tenant, kind, id, &projection)))
        };
        let ids: Vec<String> = matches.into_iter().map(|(id, _)| id).collect();
        if let Some(cursor) = &query.cursor {
            let key = format!(
                "{:?} {:?} {:?}",
                query.filter, query.sort_by, query.sort_order
            );
            let left = if cursor.is_empty() {
                ids.clone()
            } else {
                match tenant.cursors.get(cursor) {
                    Some((known, left)) if *known == key || self.is("cursors_fit_any_query") => {
                        left.clone()
                    }
                    _ if self.is("any_cursor") => ids.clone(),
                    _ => return Err(Error::new(Kind::InvalidCursor, "The cursor is unknown.")),
                }
            };
            let left: Vec<String> = if self.is("cursor_by_position") && !cursor.is_empty() {
                ids.iter().skip(count).cloned().collect()
            } else {
                left.into_iter()
                    .filter(|id| tenant.resources.contains_key(id))
                    .collect()
            };
            let mut shown = Vec::new();
            for id in left.iter().take(count) {
                shown.extend(show(id)?);
            }
            let rest: Vec<String> = left.into_iter().skip(count).collect();
            let mut body = list(ids.len(), 1, shown);
            body.as_object_mut().unwrap().remove("startIndex");
            if !rest.is_empty() && count > 0 && !self.is("no_next_cursor") {
                tenant.next += 1;
                let next = if self.is("cursors_need_encoding") {
                    format!("c+{}=", tenant.next)
                } else {
                    format!("c{}", tenant.next)
                };
                body["nextCursor"] = json!(next);
                tenant.cursors.insert(next, (key, rest));
            }
            return Ok(Answer::new(200, body));
        }
        let start = usize::try_from(query.start_index.unwrap_or(1))
            .unwrap_or(usize::MAX)
            .max(1);
        let skip = if self.is("start_index_from_0") {
            start
        } else {
            start - 1
        };
        let mut shown = Vec::new();
        for id in ids.iter().skip(skip).take(count) {
            shown.extend(show(id)?);
        }
        let total = if self.is("total_of_the_page") {
            shown.len()
        } else {
            ids.len()
        };
        let told = if self.is("start_index_is_always_1") {
            1
        } else {
            start
        };
        let _ = raw;
        if ids.is_empty() && self.is("no_match_is_404") {
            return Err(Error::new(Kind::NotFound, "Nobody matches."));
        }
        Ok(Answer::new(200, list(total, told, shown)))
    }
}
