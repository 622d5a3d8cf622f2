//! What a server says of itself: configuration, resource types, schemas (RFC 7644 section 4).

use reqwest::Method;
use scim::{message::BULK_REQUEST, schema::SERVICE_PROVIDER_CONFIG};
use serde_json::{Value, json};

use crate::{
    check::{
        assertion::{Step, Stop, expect, fail},
        catalog::{Check, check},
        operation::replace,
        probe::{Feature, Probe},
    },
    exchange::Request,
    resource::{ENTERPRISE, GROUP, USER},
};

/// Calls `each` with every attribute and sub-attribute that /Schemas defines, named by its path.
fn attributes(probe: &Probe<'_>, mut each: impl FnMut(&str, &Value, bool) -> Step) -> Step {
    for schema in &probe.world.schemas {
        let urn = schema["id"].as_str().unwrap_or_default();
        // The schemas of schemas may nest deeper (RFC 7643 section 8.7.2).
        if urn.contains(":core:2.0:S") || urn.contains(":core:2.0:ResourceType") {
            continue;
        }
        for attribute in schema["attributes"].as_array().into_iter().flatten() {
            let name = format!("{urn}:{}", attribute["name"].as_str().unwrap_or_default());
            each(&name, attribute, false)?;
            for sub in attribute["subAttributes"].as_array().into_iter().flatten() {
                let name = format!("{name}.{}", sub["name"].as_str().unwrap_or_default());
                each(&name, sub, true)?;
            }
        }
    }
    Ok(())
}

/// ATTRNAME of RFC 7643 section 2.1, or `$ref`, which stands beside it.
fn is_name(name: &str) -> bool {
    let mut characters = name.chars();
    let begins = characters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic());
    let goes_on = |c: char| c.is_ascii_alphanumeric() || ['$', '-', '_'].contains(&c);
    name == "$ref" || begins && characters.all(goes_on)
}

/// A definition of a schema; null if it is not published.
fn definition<'w>(probe: &'w Probe<'_>, urn: &str, name: &str) -> &'w Value {
    let schema = probe
        .world
        .schemas
        .iter()
        .find(|schema| schema["id"] == urn);
    let attributes = schema.and_then(|schema| schema["attributes"].as_array());
    let found = attributes.and_then(|all| all.iter().find(|attribute| attribute["name"] == name));
    found.unwrap_or(&Value::Null)
}

fn one_of(name: &str, attribute: &Value, key: &str, values: &[&str]) -> Step {
    let found = attribute[key].as_str().unwrap_or("missing");
    expect(values.contains(&found), || {
        format!(
            "{name}: {key} is {found}, expected one of {}",
            values.join(", ")
        )
    })
}

pub(super) fn checks() -> Vec<Check> {
    vec![
        check!(
            "the_config_is_one_object",
            "DISC-001 DISC-006",
            "Answer /ServiceProviderConfig with one object of its schema.",
            |c| {
                let reply = c.get("/ServiceProviderConfig").await?;
                reply.status(&[200])?;
                expect(reply.names_schema(SERVICE_PROVIDER_CONFIG), || {
                    format!("schemas does not name {SERVICE_PROVIDER_CONFIG}")
                })?;
                reply.lacks("/Resources")?;
                if !reply.at("/meta/resourceType").is_null() {
                    reply.is("/meta/resourceType", "ServiceProviderConfig")?;
                }
            }
        ),
        check!(
            "the_config_is_complete",
            "DISC-002",
            "Publish every required member of RFC 7643 section 5.",
            |c| {
                let reply = c.get("/ServiceProviderConfig").await?;
                reply.status(&[200])?;
                for flag in ["patch", "bulk", "filter", "changePassword", "sort", "etag"] {
                    let pointer = format!("/{flag}/supported");
                    expect(reply.at(&pointer).is_boolean(), || {
                        format!("{pointer} is {}, no boolean", reply.at(&pointer))
                    })?;
                }
                for number in [
                    "/bulk/maxOperations",
                    "/bulk/maxPayloadSize",
                    "/filter/maxResults",
                ] {
                    expect(reply.at(number).is_u64(), || {
                        format!("{number} is {}, no integer", reply.at(number))
                    })?;
                }
                expect(reply.at("/authenticationSchemes").is_array(), || {
                    "authenticationSchemes is no list".to_owned()
                })?;
            }
        ),
        check!(
            "authentication_schemes_are_described",
            "DISC-003 AUTH-005",
            "Give each authentication scheme type, name and description.",
            |c| {
                let reply = c.get("/ServiceProviderConfig").await?;
                let types = [
                    "oauth",
                    "oauth2",
                    "oauthbearertoken",
                    "httpbasic",
                    "httpdigest",
                ];
                for scheme in reply
                    .at("/authenticationSchemes")
                    .as_array()
                    .into_iter()
                    .flatten()
                {
                    one_of("authenticationSchemes", scheme, "type", &types)?;
                    for member in ["name", "description"] {
                        expect(scheme[member].is_string(), || {
                            format!("an authentication scheme has no {member}")
                        })?;
                    }
                }
            }
        ),
        check!(
            "what_is_announced_works",
            "DISC-004 PAT-001 ERR-005",
            "Announce what works, and answer 501 to what does not.",
            |c| {
                let user = c.new_user().await?;
                let reply = c.patch(&user.path, replace("nickName", "Lee")).await?;
                if c.world.has(Feature::Patch) {
                    reply.status(&[200, 204])?;
                } else {
                    reply.status(&[501, 405, 404])?;
                }
                let empty = json!({
                    "schemas": [BULK_REQUEST],
                    "Operations": [{"method": "DELETE", "path": c.nobody()}],
                });
                let reply = c.post("/Bulk", &empty).await?;
                if c.world.has(Feature::Bulk) {
                    reply.status(&[200])?;
                } else {
                    reply.status(&[501, 405, 404])?;
                }
            }
        ),
        check!(
            "links_to_documentation_are_urls",
            "DISC-005",
            "Let documentationUri be an absolute URL.",
            |c| {
                let uri = &c.world.config["documentationUri"];
                if let Some(uri) = uri.as_str() {
                    expect(uri.starts_with("http"), || {
                        format!("documentationUri is {uri}")
                    })?;
                }
            }
        ),
        check!(
            "schemas_are_a_list",
            "DISC-007",
            "Answer /Schemas with a ListResponse of all schemas.",
            |c| {
                let reply = c.get("/Schemas").await?;
                let (total, sent) = (reply.total()?, reply.list()?.len() as u64);
                expect(total == sent, || {
                    format!("totalResults is {total}, {sent} schemas were sent")
                })?;
                for found in &c.world.types {
                    let extensions = found["schemaExtensions"].as_array().into_iter().flatten();
                    for urn in extensions
                        .map(|extension| &extension["schema"])
                        .chain([&found["schema"]])
                    {
                        let published = reply.list()?.iter().any(|schema| schema["id"] == *urn);
                        expect(published, || {
                            format!("/ResourceTypes names {urn}, /Schemas does not have it")
                        })?;
                    }
                }
            }
        ),
        check!(
            "a_schema_is_found_by_its_urn",
            "DISC-008",
            "Answer /Schemas/{urn} with that schema.",
            |c| {
                c.get(&format!("/Schemas/{USER}"))
                    .await?
                    .status(&[200])?
                    .is("/id", USER)?;
            }
        ),
        check!(
            "unknown_schemas_are_404",
            "DISC-009",
            "Answer 404 to unknown schemas and resource types.",
            |c| {
                c.get("/Schemas/urn:provisor:check:none")
                    .await?
                    .status(&[404])?;
                c.get("/ResourceTypes/NoSuchType").await?.status(&[404])?;
            }
        ),
        check!(
            "resource_types_are_a_list",
            "DISC-010",
            "Answer /ResourceTypes with a ListResponse, /ResourceTypes/User with one.",
            |c| {
                let list = c.get("/ResourceTypes").await?;
                let user = list.list()?.iter().any(|found| found["name"] == "User");
                expect(user, || "/ResourceTypes does not list User".to_owned())?;
                c.get("/ResourceTypes/User")
                    .await?
                    .status(&[200])?
                    .is("/name", "User")?;
            }
        ),
        check!(
            "resource_types_are_complete",
            "DISC-011",
            "Give each resource type name, endpoint and schema.",
            |c| {
                for found in &c.world.types {
                    for member in ["name", "endpoint", "schema"] {
                        expect(found[member].is_string(), || {
                            format!("a resource type has no {member}: {found}")
                        })?;
                    }
                    let extensions = &found["schemaExtensions"];
                    expect(extensions.is_null() || extensions.is_array(), || {
                        format!("schemaExtensions is {extensions}")
                    })?;
                    for extension in extensions.as_array().into_iter().flatten() {
                        expect(
                            extension["schema"].is_string() && extension["required"].is_boolean(),
                            || format!("a schema extension lacks schema or required: {extension}"),
                        )?;
                    }
                }
            }
        ),
        check!(
            "discovery_ignores_paging",
            "DISC-012",
            "Ignore paging and sorting parameters on discovery endpoints.",
            |c| {
                let all = c.get("/Schemas").await?;
                let paged = c.get("/Schemas?startIndex=2&count=1&sortBy=id").await?;
                expect(all.list()?.len() == paged.list()?.len(), || {
                    "paging parameters changed the list of schemas".to_owned()
                })?;
            }
        ),
        check!(
            "discovery_refuses_filters",
            "DISC-013",
            "Answer 403 to a filter on a discovery endpoint.",
            |c| {
                for path in ["/ServiceProviderConfig", "/Schemas", "/ResourceTypes"] {
                    c.get(&format!("{path}?filter=id%20pr"))
                        .await?
                        .status(&[403])?;
                }
            }
        ),
        check!(
            "discovery_is_read_only",
            "DISC-014",
            "Refuse writes to discovery endpoints.",
            |c| {
                for path in ["/ServiceProviderConfig", "/Schemas", "/ResourceTypes"] {
                    for method in [Method::POST, Method::PUT, Method::PATCH] {
                        let reply = c.send(Request::new(method, path).json(&json!({}))).await?;
                        expect((400..=501).contains(&reply.status_code()), || {
                            format!("a write to {path} answered {}", reply.status_code())
                        })?;
                    }
                }
            }
        ),
        check!(
            "schemas_are_complete",
            "DISC-015",
            "Give each schema id and attributes.",
            |c| {
                for schema in &c.world.schemas {
                    let id = schema["id"].as_str().unwrap_or_default();
                    expect(id.starts_with("urn:"), || {
                        format!("a schema's id is {}", schema["id"])
                    })?;
                    expect(schema["attributes"].is_array(), || {
                        format!("{id} has no attributes")
                    })?;
                }
                expect(!c.world.schemas.is_empty(), || {
                    "/Schemas lists none".to_owned()
                })?;
            }
        ),
        check!(
            "names_of_attributes_have_their_form",
            "SCH-001",
            "Begin names of attributes with a letter; go on with letters, digits, $, - and _.",
            |c| {
                for schema in &c.world.schemas {
                    for attribute in schema["attributes"].as_array().into_iter().flatten() {
                        let subs = attribute["subAttributes"].as_array().into_iter().flatten();
                        for one in std::iter::once(attribute).chain(subs) {
                            let name = one["name"].as_str().unwrap_or_default();
                            expect(is_name(name), || {
                                format!("{} has an attribute {}", schema["id"], one["name"])
                            })?;
                        }
                    }
                }
            }
        ),
        check!(
            "security_events_are_described",
            "DISC-025",
            "Give securityEvents asyncRequest (none, long or request) and a list of eventUris.",
            |c| {
                let events = &c.world.config["securityEvents"];
                if events.is_null() {
                    return Err(Stop::Skipped(
                        "/ServiceProviderConfig announces no securityEvents".to_owned(),
                    ));
                }
                one_of(
                    "securityEvents",
                    events,
                    "asyncRequest",
                    &["none", "long", "request"],
                )?;
                let uris = events["eventUris"].as_array();
                expect(
                    uris.is_some_and(|uris| uris.iter().all(Value::is_string)),
                    || format!("eventUris is {}", events["eventUris"]),
                )?;
            }
        ),
        check!(
            "definitions_are_complete",
            "DISC-016",
            "Give each attribute name, type, multiValued, mutability and returned.",
            |c| {
                let types = [
                    "string",
                    "boolean",
                    "decimal",
                    "integer",
                    "dateTime",
                    "binary",
                    "reference",
                    "complex",
                ];
                attributes(c, |name, attribute, _| {
                    one_of(name, attribute, "type", &types)?;
                    for flag in ["multiValued", "required"] {
                        expect(attribute[flag].is_boolean(), || {
                            format!("{name}: {flag} is {}", attribute[flag])
                        })?;
                    }
                    one_of(
                        name,
                        attribute,
                        "mutability",
                        &["readOnly", "readWrite", "immutable", "writeOnly"],
                    )?;
                    one_of(
                        name,
                        attribute,
                        "returned",
                        &["always", "never", "default", "request"],
                    )?;
                    let complex = attribute["type"] == "complex";
                    let subs = attribute["subAttributes"]
                        .as_array()
                        .is_some_and(|subs| !subs.is_empty());
                    expect(complex == subs, || {
                        format!(
                            "{name} is {}, it has sub-attributes: {subs}",
                            attribute["type"]
                        )
                    })
                })?;
            }
        ),
        check!(
            "complex_attributes_are_not_nested",
            "DISC-017",
            "Do not nest complex attributes (RFC 7643 section 2.3.8).",
            |c| {
                attributes(c, |name, attribute, is_sub| {
                    expect(!(is_sub && attribute["type"] == "complex"), || {
                        format!("{name} is complex inside a complex attribute")
                    })
                })?;
            }
        ),
        check!(
            "complex_attributes_are_not_unique",
            "DISC-018",
            "Leave uniqueness of complex attributes out, or none.",
            |c| {
                attributes(c, |name, attribute, _| {
                    let unique = attribute["uniqueness"].as_str().unwrap_or("none");
                    expect(attribute["type"] != "complex" || unique == "none", || {
                        format!("{name}: uniqueness is {unique}")
                    })
                })?;
            }
        ),
        check!(
            "a_group_needs_a_name",
            "DISC-019",
            "Publish Group.displayName as required (RFC 7643 erratum 5368).",
            |c| {
                c.need(Feature::Groups)?;
                let found = definition(c, GROUP, "displayName");
                expect(found["required"] == true, || {
                    format!("Group.displayName: required is {}", found["required"])
                })?;
            }
        ),
        check!(
            "references_are_case_exact",
            "DISC-020",
            "Publish reference attributes with caseExact true (errata of RFC 7643).",
            |c| {
                attributes(c, |name, attribute, _| {
                    let exact = &attribute["caseExact"];
                    expect(
                        attribute["type"] != "reference" || exact.is_null() || *exact == true,
                        || format!("{name}: caseExact is {exact}"),
                    )
                })?;
            }
        ),
        check!(
            "a_listed_id_is_read_only",
            "DISC-021",
            "Where a schema lists id, publish it readOnly, caseExact and always returned.",
            |c| {
                let found = definition(c, USER, "id");
                if !found.is_null() {
                    one_of("id", found, "mutability", &["readOnly"])?;
                    one_of("id", found, "returned", &["always"])?;
                }
            }
        ),
        check!(
            "references_say_to_what",
            "DISC-022",
            "Give reference attributes referenceTypes.",
            |c| {
                attributes(c, |name, attribute, _| {
                    let types = attribute["referenceTypes"]
                        .as_array()
                        .is_some_and(|types| !types.is_empty());
                    expect(attribute["type"] != "reference" || types, || {
                        format!("{name} has no referenceTypes")
                    })
                })?;
            }
        ),
        check!(
            "paging_is_described",
            "DISC-024",
            "Publish pagination (RFC 9865 section 4).",
            |c| {
                c.need(Feature::Cursor)?;
                for member in ["cursor", "index"] {
                    expect(c.world.config["pagination"][member].is_boolean(), || {
                        format!("pagination.{member} is missing")
                    })?;
                }
                let method = c.world.config["pagination"]["defaultPaginationMethod"]
                    .as_str()
                    .unwrap_or("index");
                expect(["index", "cursor"].contains(&method), || {
                    format!("defaultPaginationMethod is {method}")
                })?;
            }
        ),
        check!(
            "messages_are_no_schemas",
            "HTTP-020",
            "Leave message schemas out of /Schemas.",
            |c| {
                for schema in &c.world.schemas {
                    let id = schema["id"].as_str().unwrap_or_default();
                    expect(!id.contains(":scim:api:"), || {
                        format!("/Schemas lists the message {id}")
                    })?;
                }
            }
        ),
        check!(
            "enterprise_users_are_announced",
            "USR-013 DISC-007",
            "List the enterprise extension in /ResourceTypes and /Schemas.",
            |c| {
                c.need(Feature::Enterprise)?;
                if c.world.types.is_empty() {
                    return fail("/ResourceTypes lists none");
                }
                c.get(&format!("/Schemas/{ENTERPRISE}"))
                    .await?
                    .status(&[200])?
                    .is("/id", ENTERPRISE)?;
            }
        ),
    ]
}
