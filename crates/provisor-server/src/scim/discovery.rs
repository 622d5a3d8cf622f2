//! Discovery, RFC 7644 section 4: what this server is and which schemas it knows.

use hyper::StatusCode;
use provisor_store::Cause;
use scim::{
    Kind, Value,
    message::LIST_RESPONSE,
    schema::{RESOURCE_TYPE, SCHEMA, SERVICE_PROVIDER_CONFIG},
};
use serde_json::json;

use super::{
    Call,
    answer::{Failure, Reply},
    target::Discovery,
};

pub(crate) fn answer(
    call: &Call<'_>,
    which: Discovery,
    id: Option<&str>,
) -> Result<Reply, Failure> {
    // Filters SHOULD be refused with 403, everything else is ignored (RFC 7644 section 4).
    let filtered = call.query().split('&').any(|pair| {
        pair.split('=')
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case("filter"))
    });
    if filtered {
        return Err(Failure::new(
            Cause::InvalidFilter,
            Kind::Forbidden,
            "Discovery endpoints cannot be filtered (RFC 7644 section 4). Leave the filter out.",
        ));
    }
    let documents = match which {
        Discovery::ServiceProviderConfig => {
            return Ok(reply(&service_provider_config(call)));
        }
        Discovery::ResourceTypes => resource_types(call),
        Discovery::Schemas => schemas(call),
    };
    let Some(id) = id else {
        return Ok(reply(&json!({
            "schemas": [LIST_RESPONSE],
            "totalResults": documents.len(),
            "startIndex": 1,
            "itemsPerPage": documents.len(),
            "Resources": documents,
        })));
    };
    let document = documents.into_iter().find(|document| {
        document["id"]
            .as_str()
            .is_some_and(|known| known.eq_ignore_ascii_case(id))
    });
    match document {
        Some(document) => Ok(reply(&document)),
        None => Err(scim::Error::not_found(format!(
            "There is no document \"{}\" here. The list without an id shows what there is.",
            id.escape_debug()
        ))
        .into()),
    }
}

fn reply(document: &Value) -> Reply {
    Reply::json(StatusCode::OK, document.to_string())
}

fn with_meta(call: &Call<'_>, mut document: Value, kind: &str, endpoint: &str) -> Value {
    let id = document["id"]
        .as_str()
        .map(|id| format!("/{id}"))
        .unwrap_or_default();
    document["meta"] = json!({
        "resourceType": kind,
        "location": format!("{}/{endpoint}{id}", call.base),
    });
    document
}

fn resource_types(call: &Call<'_>) -> Vec<Value> {
    let types = call.caller.registry.resource_types().iter();
    types
        .map(|kind| {
            let mut document = kind.to_json();
            document["schemas"] = json!([RESOURCE_TYPE]);
            with_meta(call, document, "ResourceType", "ResourceTypes")
        })
        .collect()
}

fn schemas(call: &Call<'_>) -> Vec<Value> {
    let schemas = call.caller.registry.schemas().iter();
    schemas
        .map(|schema| {
            let mut document = schema.to_json();
            document["schemas"] = json!([SCHEMA]);
            match call.profile() {
                scim::Profile::ENTRA => trim_for_entra(&mut document),
                scim::Profile::INTEROP => name_types(&mut document),
                _ => {}
            }
            with_meta(call, document, "Schema", "Schemas")
        })
        .collect()
}

/// Microsoft's validator refuses a User schema that lists `emails.display` (sourcegraph 62185).
fn trim_for_entra(schema: &mut Value) {
    if schema["id"] != scim::schema::CORE_USER {
        return;
    }
    let attributes = schema["attributes"].as_array_mut().into_iter().flatten();
    for attribute in attributes.filter(|attribute| attribute["name"] == "emails") {
        if let Some(subs) = attribute["subAttributes"].as_array_mut() {
            subs.retain(|sub| sub["name"] != "display");
        }
    }
}

/// The interoperability profile wants values declared for the `type` of every list; RFC 7643 has none for some.
fn name_types(schema: &mut Value) {
    let attributes = schema["attributes"].as_array_mut().into_iter().flatten();
    let lists = attributes.filter(|attribute| attribute["multiValued"] == true);
    for sub in lists.flat_map(|list| list["subAttributes"].as_array_mut().into_iter().flatten()) {
        let named = sub["canonicalValues"]
            .as_array()
            .is_some_and(|values| !values.is_empty());
        if sub["name"] == "type" && !named {
            sub["canonicalValues"] = json!(["other"]);
        }
    }
}

/// RFC 7643 section 5, with `pagination` of RFC 9865 section 4.
fn service_provider_config(call: &Call<'_>) -> Value {
    let settings = &call.app.settings;
    let document = json!({
        "schemas": [SERVICE_PROVIDER_CONFIG],
        "patch": { "supported": true },
        "bulk": {
            "supported": true,
            "maxOperations": settings.max_bulk_operations,
            "maxPayloadSize": settings.max_large_body,
        },
        "filter": { "supported": true, "maxResults": settings.max_page },
        "changePassword": { "supported": false },
        "sort": { "supported": true },
        "etag": { "supported": true },
        "pagination": {
            "cursor": true,
            "index": true,
            "defaultPaginationMethod": "index",
            "defaultPageSize": settings.default_page,
            "maxPageSize": settings.max_page,
            "cursorTimeout": settings.cursor_timeout.as_secs(),
        },
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "Bearer token",
            "description": "A token of this connection in the Authorization header.",
            "specUri": "https://www.rfc-editor.org/rfc/rfc6750",
            "primary": true,
        }],
    });
    with_meta(
        call,
        document,
        "ServiceProviderConfig",
        "ServiceProviderConfig",
    )
}
