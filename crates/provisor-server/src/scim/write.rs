//! Writing one resource: POST, PUT, PATCH, DELETE.

use hyper::{
    HeaderMap, StatusCode,
    header::{self, IF_MATCH, IF_NONE_MATCH},
};
use provisor_store::{Actor, Change, Origin, Outcome, Precondition, change::Written};
use scim::{
    Map, ResourceType, Value,
    message::Query,
    patch::Patch,
    project::Projection,
    resource::{self, Incoming},
};
use serde_json::json;

use super::{
    Call,
    answer::{Failure, Reply},
    body,
    read::{no_such, resource_reply, resource_type},
    render,
};

/// `POST /Users`.
pub(crate) async fn create(call: &mut Call<'_>, endpoint: &str) -> Result<Reply, Failure> {
    let kind = resource_type(call, endpoint)?;
    call.exchange.concerns(&kind);
    let (projection, _) = projection(call, &kind)?;
    let incoming = incoming(call, &kind).await?;
    let written = write(
        call,
        Change::Create {
            kind,
            incoming,
            half: false,
        },
    )
    .await?;
    reply(call, StatusCode::CREATED, written, &projection).await
}

/// `PUT /Users/{id}`.
pub(crate) async fn replace(
    call: &mut Call<'_>,
    endpoint: &str,
    id: &str,
) -> Result<Reply, Failure> {
    let kind = resource_type(call, endpoint)?;
    call.exchange.concerns(&kind);
    let (projection, _) = projection(call, &kind)?;
    let key = id.parse().map_err(|_| no_such(&kind, id))?;
    call.exchange.resource = Some(key);
    let precondition = precondition(call.request.headers());
    let incoming = incoming(call, &kind).await?;
    let written = write(
        call,
        Change::Replace {
            kind,
            id: key,
            incoming,
            precondition,
        },
    )
    .await?;
    reply(call, StatusCode::OK, written, &projection).await
}

/// `PATCH /Users/{id}`. A team is answered with 204, since its members may be many, and so is a
/// change of nothing but `active`, as Microsoft's collection of tests asks; with `attributes` or
/// `excludedAttributes` everything is answered as asked (RFC 7644 section 3.5.2).
pub(crate) async fn patch(call: &mut Call<'_>, endpoint: &str, id: &str) -> Result<Reply, Failure> {
    let kind = resource_type(call, endpoint)?;
    call.exchange.concerns(&kind);
    let (projection, asked) = projection(call, &kind)?;
    let key = id.parse().map_err(|_| no_such(&kind, id))?;
    call.exchange.resource = Some(key);
    let precondition = precondition(call.request.headers());
    let limit = body_limit(call, &kind);
    let message = body::object(call, limit).await?;
    note_patched_names(call, &message);
    let most = call.app.settings.max_patch_operations;
    let profile = call.profile();
    let patch = Patch::read(&kind, &message, &profile, most, &mut call.exchange.fired)?;
    let brief = kind.is_group() || (kind.is_user() && patch.names_only("active"));
    let written = write(
        call,
        Change::Patch {
            kind,
            id: key,
            patch,
            precondition,
        },
    )
    .await?;
    if brief && !asked {
        let etag = render::etag(&written.stored);
        return Ok(Reply::empty(StatusCode::NO_CONTENT).with_text(header::ETAG, etag));
    }
    reply(call, StatusCode::OK, written, &projection).await
}

/// `DELETE /Users/{id}`.
pub(crate) async fn delete(
    call: &mut Call<'_>,
    endpoint: &str,
    id: &str,
) -> Result<Reply, Failure> {
    let kind = resource_type(call, endpoint)?;
    call.exchange.concerns(&kind);
    let key = id.parse().map_err(|_| no_such(&kind, id))?;
    call.exchange.resource = Some(key);
    let precondition = precondition(call.request.headers());
    let change = Change::Delete {
        kind,
        id: key,
        precondition,
    };
    let outcome = call.app.store.write(origin(call), change).await?;
    if let Outcome::Deleted { events } = outcome {
        call.exchange.events = events;
    }
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

/// Bytes a body of this type may have.
fn body_limit(call: &Call<'_>, kind: &ResourceType) -> usize {
    match kind.is_group() {
        true => call.app.settings.max_large_body,
        false => call.app.settings.max_body,
    }
}

async fn incoming(call: &mut Call<'_>, kind: &ResourceType) -> Result<Incoming, Failure> {
    let limit = body_limit(call, kind);
    let message = body::object(call, limit).await?;
    // Known before the message is understood, so that a refused one is found too.
    call.exchange.speaks_of(&message);
    let profile = call.profile();
    Ok(resource::read(
        kind,
        message,
        &profile,
        &mut call.exchange.fired,
    )?)
}

/// Whom a PATCH is about: what its operations would make of the names.
pub(crate) fn note_patched_names(call: &mut Call<'_>, message: &Map<String, Value>) {
    let operations = message
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("Operations"));
    let Some((_, Value::Array(operations))) = operations else {
        return;
    };
    for operation in operations {
        match (operation.get("path"), operation.get("value")) {
            (None, Some(Value::Object(attributes))) => call.exchange.speaks_of(attributes),
            (Some(Value::String(path)), Some(value)) => {
                let mut attributes = Map::new();
                let attribute = match path.split(['.', '[']).next() {
                    Some("emails") => "emails",
                    _ => path,
                };
                let value = match (attribute, value) {
                    ("emails", Value::String(text)) => json!([{ "value": text }]),
                    ("emails", Value::Object(_)) => json!([value]),
                    _ => value.clone(),
                };
                attributes.insert(attribute.to_owned(), value);
                call.exchange.speaks_of(&attributes);
            }
            _ => {}
        }
    }
}

/// The projection of the answer, and whether the client asked for one.
fn projection(call: &Call<'_>, kind: &ResourceType) -> Result<(Projection, bool), Failure> {
    if call.query().is_empty() {
        return Ok((Projection::default(), false));
    }
    let query = Query::from_query_string(call.query())?;
    let projection = Projection::read(kind, &query.attributes, &query.excluded_attributes)?;
    let asked = !query.attributes.is_empty() || !query.excluded_attributes.is_empty();
    Ok((projection, asked))
}

/// `If-Match` and `If-None-Match` of a write (RFC 9110 section 13.1). A tag that no version can
/// have matches none.
pub(crate) fn precondition(headers: &HeaderMap) -> Option<Precondition> {
    // A header that is no text is a demand all the same, which no version meets.
    let tags = |name| {
        headers
            .get_all(name)
            .iter()
            .map(|value| value.to_str().unwrap_or_default())
            .flat_map(|text| text.split(','))
            .map(str::trim)
            .collect::<Vec<_>>()
    };
    if tags(IF_NONE_MATCH).contains(&"*") {
        return Some(Precondition::Absent);
    }
    let wanted = tags(IF_MATCH);
    if wanted.is_empty() {
        None
    } else if wanted.contains(&"*") {
        Some(Precondition::Exists)
    } else {
        Some(Precondition::OneOf(
            wanted.into_iter().filter_map(version).collect(),
        ))
    }
}

/// The version of an entity tag; weak comparison, as SCIM's tags are weak.
pub(crate) fn version(tag: &str) -> Option<i64> {
    let quoted = tag.strip_prefix("W/").unwrap_or(tag);
    quoted.strip_prefix('"')?.strip_suffix('"')?.parse().ok()
}

pub(crate) fn origin(call: &Call<'_>) -> Origin {
    Origin {
        tenant: call.caller.tenant_id(),
        request: call.exchange.id,
        actor: Actor::Token(call.caller.clone()),
        address: call.exchange.address,
    }
}

async fn write(call: &mut Call<'_>, change: Change) -> Result<Written, Failure> {
    match call.app.store.write(origin(call), change).await? {
        Outcome::Resource(written) => {
            call.exchange.resource = Some(written.stored.id);
            call.exchange.events = written.events;
            call.exchange.fired.extend(written.fired.clone());
            Ok(written)
        }
        _ => Err(provisor_store::StoreError::Failed("a write came to no resource".into()).into()),
    }
}

/// The answer with the resource as it is now; a team's members are read after the commit.
async fn reply(
    call: &Call<'_>,
    status: StatusCode,
    written: Written,
    projection: &Projection,
) -> Result<Reply, Failure> {
    let mut stored = written.stored;
    if stored.kind.is_group() && projection.includes("members") {
        let kind = stored.kind.clone();
        let mut snapshot = call.app.store.read().await?;
        if let Some(current) = snapshot
            .get(call.caller.tenant_id(), &kind, stored.id, false, true)
            .await?
        {
            stored = current;
        }
    }
    Ok(resource_reply(call, status, &stored, projection, true))
}
