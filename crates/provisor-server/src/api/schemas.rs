//! `/tenants/{key}/schemas`: a tenant's own schemas and resource types, as documents of RFC 7643
//! sections 7 and 6; a document with `endpoint` is a resource type.

use axum::http::StatusCode;
use provisor_store::{Cause, Change};
use scim::{Map, Value};

use super::{
    Answer, ApiError, Call,
    answer::segment,
    page::{self, PageQuery},
};

/// What a document is called in the path: a schema's URN, a resource type's name.
fn name_of(document: &Map<String, Value>) -> Option<&str> {
    let member = if document.contains_key("endpoint") {
        "name"
    } else {
        "id"
    };
    document.get(member).and_then(Value::as_str)
}

fn named(document: &Map<String, Value>) -> Result<String, ApiError> {
    name_of(document).map(str::to_owned).ok_or_else(|| {
        ApiError::new(
            StatusCode::BAD_REQUEST,
            Cause::MissingRequired,
            "The document is missing its \"id\" (for a schema: its URN) or, for a resource type \
             (a document with \"endpoint\"), its \"name\".",
        )
    })
}

async fn documents(call: &mut Call) -> Result<Vec<(String, Value)>, ApiError> {
    let tenant = call.tenant_id();
    let documents = call.snapshot().await?.custom_schemas(tenant).await?;
    let mut named: Vec<_> = documents
        .into_iter()
        .filter_map(|document| {
            let name = name_of(document.as_object()?)?.to_owned();
            Some((name, document))
        })
        .collect();
    named.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(named)
}

/// The stored document with this name. URNs are compared without ASCII case.
async fn stored(call: &mut Call, name: &str) -> Result<Option<(String, Value)>, ApiError> {
    let mut documents = documents(call).await?.into_iter();
    Ok(documents.find(|(known, _)| known.eq_ignore_ascii_case(name)))
}

pub(super) async fn list(mut call: Call) -> Result<Answer, ApiError> {
    let query: PageQuery = call.query()?;
    let size = page::size(query.limit, &call.state.settings)?;
    let documents = documents(&mut call).await?;
    let (documents, next) = page::cut(documents, query.after, size, |(name, _)| name.clone());
    let data = documents.into_iter().map(|(_, document)| document);
    Ok(page::answer(data.collect(), next))
}

pub(super) async fn create(mut call: Call) -> Result<Answer, ApiError> {
    let document = call.object()?;
    let name = named(&document)?;
    if stored(&mut call, &name).await?.is_some() {
        return Err(ApiError::new(
            StatusCode::CONFLICT,
            Cause::Uniqueness,
            format!(
                "The tenant has a document \"{name}\" already. Replace it with PUT, or use \
                 another name."
            ),
        ));
    }
    put(call, document, name).await
}

pub(super) async fn show(mut call: Call) -> Result<Answer, ApiError> {
    let name = call.parameter("urn").to_owned();
    match stored(&mut call, &name).await? {
        Some((_, document)) => Ok(Answer::ok(document)),
        None => Err(ApiError::not_found("custom schema or resource type", &name)),
    }
}

pub(super) async fn replace(mut call: Call) -> Result<Answer, ApiError> {
    let document = call.object()?;
    let name = named(&document)?;
    let path = call.parameter("urn");
    if !name.eq_ignore_ascii_case(path) {
        return Err(ApiError::invalid(format!(
            "The document is called \"{name}\", the path names \"{path}\". Make them the same."
        )));
    }
    if stored(&mut call, &name).await?.is_none() {
        return put(call, document, name).await;
    }
    let body = Value::Object(document);
    let change = Change::PutSchema {
        document: body.clone(),
    };
    call.write(change).await?;
    Ok(Answer::ok(body))
}

async fn put(
    mut call: Call,
    document: Map<String, Value>,
    name: String,
) -> Result<Answer, ApiError> {
    let body = Value::Object(document);
    let change = Change::PutSchema {
        document: body.clone(),
    };
    call.write(change).await?;
    let location = format!(
        "/api/v1/tenants/{}/schemas/{}",
        segment(&call.tenant()?.key),
        segment(&name)
    );
    Ok(Answer::created(body, location))
}

pub(super) async fn delete(mut call: Call) -> Result<Answer, ApiError> {
    let name = call.parameter("urn").to_owned();
    let Some((id, _)) = stored(&mut call, &name).await? else {
        return Err(ApiError::not_found("custom schema or resource type", &name));
    };
    call.write(Change::RemoveSchema { id }).await?;
    Ok(Answer::nothing())
}
