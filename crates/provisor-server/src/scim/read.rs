//! Reading: one resource, lists and searches.

use std::sync::Arc;

use hyper::{StatusCode, header};
use provisor_store::{
    Cause, Identifier, Search, Stored,
    search::{PageStart, Position},
};
use scim::{
    Error, Kind, ResourceType, Tolerance,
    filter::{Expression, Filter, Limits},
    message::{LIST_RESPONSE, Query},
    project::Projection,
    sort::Sort,
};

use super::{
    Call,
    answer::{Failure, Reply},
    body,
    cursor::Binding,
    render,
};

/// The resource type of an endpoint, or 404 with a hint.
pub(crate) fn resource_type(call: &Call<'_>, endpoint: &str) -> Result<Arc<ResourceType>, Failure> {
    call.caller.registry.by_endpoint(endpoint).cloned().ok_or_else(|| {
        Failure::new(
            Cause::BaseUrlWrong,
            Kind::NotFound,
            format!(
                "There is no endpoint /{}. Set the base URL to {}; /ResourceTypes lists the endpoints.",
                endpoint.escape_debug(),
                call.base
            ),
        )
    })
}

/// The answer to an id that names nothing here.
pub(crate) fn no_such(kind: &ResourceType, id: &str) -> Failure {
    Error::not_found(format!(
        "There is no {} with the id {} in this tenant. It may have been deleted; look it up again, \
         or create it.",
        kind.name,
        id.escape_debug()
    ))
    .into()
}

/// `GET /Users/{id}`.
pub(crate) async fn one(call: &mut Call<'_>, endpoint: &str, id: &str) -> Result<Reply, Failure> {
    let kind = resource_type(call, endpoint)?;
    call.exchange.concerns(&kind);
    let projection = match call.query() {
        "" => Projection::default(),
        query => {
            let query = Query::from_query_string(query)?;
            Projection::read(&kind, &query.attributes, &query.excluded_attributes)?
        }
    };
    let key = id.parse().map_err(|_| no_such(&kind, id))?;
    call.exchange.resource = Some(key);
    let stored = call
        .app
        .store
        .read()
        .await?
        .get(
            call.caller.tenant_id(),
            &kind,
            key,
            projection.includes("groups"),
            projection.includes("members"),
        )
        .await?
        .ok_or_else(|| no_such(&kind, id))?;
    if unchanged(call, &stored) {
        let etag = render::etag(&stored);
        return Ok(Reply::empty(StatusCode::NOT_MODIFIED).with_text(header::ETAG, etag));
    }
    Ok(resource_reply(
        call,
        StatusCode::OK,
        &stored,
        &projection,
        false,
    ))
}

/// True for `If-None-Match` with the current version, unless the answer carries derived values
/// (`groups`, `members`), or did when that version was read: they change without it.
fn unchanged(call: &Call<'_>, stored: &Stored) -> bool {
    let derived = stored
        .teams
        .as_ref()
        .is_some_and(|teams| !teams.is_empty() || stored.left_team)
        || stored
            .members
            .as_ref()
            .is_some_and(|members| !members.is_empty());
    let current = render::etag(stored);
    let named = call
        .request
        .headers()
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .any(|value| {
            value.to_str().is_ok_and(|text| {
                text.split(',').map(str::trim).any(|tag| {
                    tag == "*" || tag.trim_start_matches("W/") == current.trim_start_matches("W/")
                })
            })
        });
    named && !derived
}

/// An answer with one resource.
pub(crate) fn resource_reply(
    call: &Call<'_>,
    status: StatusCode,
    stored: &Stored,
    projection: &Projection,
    just_written: bool,
) -> Reply {
    let base = call.base.as_str();
    let mut body = Vec::with_capacity(stored.document.len() + 512);
    render::resource(&mut body, base, stored, projection, just_written);
    Reply::json(status, body)
        .with_text(header::ETAG, render::etag(stored))
        .with_text(header::LOCATION, render::location(base, stored))
}

/// `GET /Users`, `GET /`.
pub(crate) async fn list(call: &mut Call<'_>, endpoint: Option<&str>) -> Result<Reply, Failure> {
    let query = Query::from_query_string(call.query())?;
    run(call, endpoint, &query).await
}

/// `POST /Users/.search`, `POST /.search`.
pub(crate) async fn search(call: &mut Call<'_>, endpoint: Option<&str>) -> Result<Reply, Failure> {
    let limit = call.app.settings.max_body;
    let message = body::object(call, limit).await?;
    let profile = call.profile();
    let query = Query::from_search_request(&message, &profile, &mut call.exchange.fired)?;
    run(call, endpoint, &query).await
}

async fn run(call: &mut Call<'_>, endpoint: Option<&str>, query: &Query) -> Result<Reply, Failure> {
    let kinds = match endpoint {
        Some(endpoint) => vec![resource_type(call, endpoint)?],
        None => call.caller.registry.resource_types().to_vec(),
    };
    if let [kind] = &kinds[..] {
        call.exchange.concerns(kind);
    }
    let at_root = endpoint.is_none();
    let settings = &call.app.settings;
    let default = u64::try_from(settings.default_page).unwrap_or(u64::MAX);
    let most = u64::try_from(settings.max_page).unwrap_or(u64::MAX);
    let asked = query.count.unwrap_or(default);
    let count = asked.min(most);

    let types = resolve_filter(call, &kinds, query.filter.as_deref(), at_root)?;
    let sort = resolve_sort(call, &kinds, query, at_root)?;
    let projections = kinds
        .iter()
        .map(|kind| Projection::read(kind, &query.attributes, &query.excluded_attributes))
        .collect::<Result<Vec<_>, _>>()?;
    let shape = format!(
        "{}|{}|{}|{}",
        endpoint.unwrap_or("/"),
        query.filter.as_deref().unwrap_or_default(),
        query.sort_by.as_deref().unwrap_or_default(),
        query.sort_order.as_deref().unwrap_or_default(),
    );
    let binding = Binding {
        tenant: call.caller.tenant_id(),
        query: &shape,
        count: asked,
    };
    let start = match query.cursor.as_deref() {
        None | Some("") => PageStart::Index(query.start_index.unwrap_or(1)),
        Some(cursor) => call.app.cursors.read(binding, cursor, call.exchange.at)?,
    };
    let search = Search {
        types,
        sort,
        start,
        count: usize::try_from(count).unwrap_or(usize::MAX),
        teams: projections
            .iter()
            .any(|projection| projection.includes("groups")),
        members: projections
            .iter()
            .any(|projection| projection.includes("members")),
        identifier: call
            .caller
            .connection
            .as_ref()
            .map_or(Identifier::UserName, |link| link.identifier),
        token: Some(call.caller.token.id),
        fingerprint: format!("{shape}|{count}"),
    };
    let page = call
        .app
        .store
        .read()
        .await?
        .search(call.caller.tenant_id(), &search)
        .await??;
    if page.by_email {
        call.exchange.fired.record(Tolerance::UserNameIsEmail, || {
            "userName was answered by primary e-mail".into()
        });
    }
    let mut body = format!(
        "{{\"schemas\":[\"{LIST_RESPONSE}\"],\"totalResults\":{},\"startIndex\":{},\"itemsPerPage\":{}",
        page.total,
        match &search.start {
            PageStart::Index(start) => *start,
            PageStart::After(_) | PageStart::Before(_) => 1,
        },
        page.resources.len(),
    )
    .into_bytes();
    if query.cursor.is_some() {
        cursors(call, &mut body, &search, &page, binding);
    }
    body.extend_from_slice(b",\"Resources\":[");
    let base = call.base.as_str();
    for (at, stored) in page.resources.iter().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        let kind = kinds.iter().position(|kind| kind.name == stored.kind.name);
        let projection = kind
            .and_then(|at| projections.get(at))
            .unwrap_or(&projections[0]);
        render::resource(&mut body, base, stored, projection, false);
    }
    body.extend_from_slice(b"]}");
    if let [stored] = &page.resources[..] {
        call.exchange.resource = Some(stored.id);
    }
    Ok(Reply::json(StatusCode::OK, body))
}

type Types = Vec<(Arc<ResourceType>, Option<Filter>)>;

/// The filter, bound to each resource type. At the root an attribute that a type does not have
/// has no value there (RFC 7644 section 3.4.2.1).
fn resolve_filter(
    call: &mut Call<'_>,
    kinds: &[Arc<ResourceType>],
    text: Option<&str>,
    at_root: bool,
) -> Result<Types, Failure> {
    let Some(text) = text else {
        return Ok(kinds.iter().map(|kind| (kind.clone(), None)).collect());
    };
    let limits = Limits {
        length: call.app.settings.max_filter_length,
        depth: call.app.settings.max_filter_depth,
        ..Limits::default()
    };
    let expression = Expression::parse(text, &limits)?;
    let profile = call.profile();
    let mut types = Vec::with_capacity(kinds.len());
    for kind in kinds {
        let fired = &mut call.exchange.fired;
        let filter = match at_root {
            true => expression.resolve_at_root(kind, &profile, fired)?,
            false => expression.resolve(kind, &profile, fired)?,
        };
        call.exchange.asks_for(&filter);
        types.push((kind.clone(), Some(filter)));
    }
    Ok(types)
}

/// The order, for each resource type; at the root a type may lack the attribute.
fn resolve_sort(
    call: &mut Call<'_>,
    kinds: &[Arc<ResourceType>],
    query: &Query,
    at_root: bool,
) -> Result<Vec<Option<Sort>>, Failure> {
    let Some(by) = &query.sort_by else {
        return Ok(kinds.iter().map(|_| None).collect());
    };
    let profile = call.profile();
    let order = query.sort_order.as_deref();
    kinds
        .iter()
        .map(
            |kind| match Sort::read(kind, by, order, &profile, &mut call.exchange.fired) {
                Ok(sort) => Ok(Some(sort)),
                Err(error) if at_root && error.kind == Kind::InvalidPath => Ok(None),
                Err(error) => Err(error.into()),
            },
        )
        .collect()
}

/// `nextCursor` on every page but the last, `previousCursor` on every page but the first
/// (RFC 9865 section 2).
fn cursors(
    call: &Call<'_>,
    body: &mut Vec<u8>,
    search: &Search,
    page: &provisor_store::Page,
    binding: Binding<'_>,
) {
    let base = call.base.as_str();
    let place = |stored: &Stored| {
        let at = search
            .types
            .iter()
            .position(|(kind, _)| kind.name == stored.kind.name);
        let sort = at
            .and_then(|at| search.sort.get(at))
            .and_then(Option::as_ref);
        let sorted_by = sort.and_then(|sort| {
            let named = Projection::read(&stored.kind, &[sort.path.to_string()], &[]).ok()?;
            let mut part = render::whole(base, stored);
            named.apply(&stored.kind, &mut part, false);
            Some(part)
        });
        Position {
            id: stored.id,
            sorted_by,
        }
    };
    let backward = matches!(search.start, PageStart::Before(_));
    let first_page = matches!(search.start, PageStart::Index(_)) || (backward && !page.more);
    let last_page = !backward && !page.more;
    let mut add = |name: &str, start: PageStart| {
        if let Some(cursor) = call.app.cursors.write(binding, &start, call.exchange.at) {
            body.extend_from_slice(format!(",\"{name}\":\"{cursor}\"").as_bytes());
        }
    };
    if let Some(last) = page.resources.last().filter(|_| !last_page) {
        add("nextCursor", PageStart::After(place(last)));
    }
    if let Some(first) = page.resources.first().filter(|_| !first_page) {
        add("previousCursor", PageStart::Before(place(first)));
    }
}
