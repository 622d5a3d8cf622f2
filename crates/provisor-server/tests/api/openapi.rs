//! The OpenAPI document says what the handlers do: routes, scopes, and the shape of every answer.

use std::{collections::BTreeSet, sync::LazyLock};

use provisor_server::api::{Access, OPENAPI, ROUTES};
use scim::Value;

use crate::world::World;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::from_str(OPENAPI).unwrap());

fn operations() -> impl Iterator<Item = (String, &'static str, &'static Value)> {
    let paths = DOCUMENT["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, item)| {
        let operations = item.as_object().unwrap();
        operations
            .iter()
            .map(move |(method, operation)| (method.to_uppercase(), path.as_str(), operation))
    })
}

#[test]
fn the_document_and_the_routes_are_the_same() {
    let documented: BTreeSet<_> = operations()
        .map(|(method, path, _)| (method, path))
        .collect();
    let served: BTreeSet<_> = ROUTES
        .iter()
        .map(|route| (route.method.to_owned(), route.path))
        .collect();
    assert_eq!(documented, served);
}

#[test]
fn the_document_names_the_scope_each_route_demands() {
    for (method, path, operation) in operations() {
        let route = ROUTES
            .iter()
            .find(|route| route.method == method && route.path == path)
            .unwrap();
        let documented = &operation["security"][0]["token"][0];
        let demanded = match route.access {
            Access::Anyone => Value::Null,
            Access::Operator => "operator".into(),
            Access::Tenant(scope) => scope.as_str().into(),
        };
        assert_eq!(*documented, demanded, "{method} {path}");
    }
}

#[test]
fn every_operation_has_an_example_its_parameters_and_resolvable_references() {
    let mut names = BTreeSet::new();
    for (method, path, operation) in operations() {
        let at = format!("{method} {path}");
        assert!(
            names.insert(operation["operationId"].as_str().unwrap()),
            "{at}"
        );
        assert!(
            operation["description"]
                .as_str()
                .unwrap()
                .contains("    curl "),
            "{at}"
        );
        let documented: Vec<_> = operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        let in_path: Vec<_> = path
            .split('/')
            .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
            .collect();
        assert_eq!(documented, in_path, "{at}");
        let with_body = matches!(method.as_str(), "POST" | "PUT" | "PATCH");
        assert_eq!(operation.get("requestBody").is_some(), with_body, "{at}");
    }
    references(&DOCUMENT);
}

fn references(value: &Value) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(reference)) = map.get("$ref") {
                resolve(reference);
            }
            map.values().for_each(references);
        }
        Value::Array(items) => items.iter().for_each(references),
        _ => {}
    }
}

/// The `curl` examples of the document with a body: what they send is a body the route takes.
#[tokio::test]
async fn bodies_of_the_examples_are_accepted() {
    let world = World::new().await;
    let mut tried = 0;
    for (method, path, operation) in operations() {
        let description = operation["description"].as_str().unwrap();
        let Some((_, rest)) = description.split_once(" -d '") else {
            continue;
        };
        let body: Value = serde_json::from_str(rest.split_once("' \"").unwrap().0).unwrap();
        check(
            &operation["requestBody"]["content"]["application/json"]["schema"],
            &body,
            path,
        );
        let fresh = format!("{}{tried}", "acme");
        let tenant = world.tenant(&fresh).await;
        world.connection(tenant, "okta-1").await;
        let path = path
            .replace("{key}", &fresh)
            .replace("{name}", "okta-1")
            .replace("{urn}", "urn:example:params:scim:schemas:badge");
        let reply = world
            .call(&method, &path, Some(&world.operator), Some(body))
            .await;
        assert!(reply.status.is_success(), "{method} {path}: {}", reply.body);
        tried += 1;
    }
    assert!(tried >= 8);
}

#[tokio::test]
async fn the_document_needs_no_token() {
    let world = World::new().await;
    let reply = world.call("GET", "/openapi.json", None, None).await;
    assert_eq!(reply.expect(200), *DOCUMENT);
}

/// Panics unless the document allows this answer.
pub(crate) fn check_answer(method: &str, path: &str, status: u16, body: &Value) {
    let Some(path) = path.strip_prefix("/api/v1") else {
        return;
    };
    let found = operations()
        .filter(|(known, template, _)| known == method && fits(template, path))
        .max_by_key(|(_, template, _)| template.split('/').filter(|s| !s.starts_with('{')).count());
    let Some((_, template, operation)) = found else {
        assert!(
            matches!(status, 404 | 405),
            "{method} {path} is undocumented"
        );
        return check(&DOCUMENT["components"]["schemas"]["Error"], body, path);
    };
    let at = format!("{method} {template} {status}");
    let mut response = &operation["responses"][status.to_string()];
    assert!(response.is_object(), "{at} is undocumented: {body}");
    if let Some(reference) = response.get("$ref") {
        response = resolve(reference.as_str().unwrap());
    }
    match response.get("content") {
        Some(content) => check(&content["application/json"]["schema"], body, &at),
        None => assert!(body.is_null(), "{at} has a body"),
    }
}

fn fits(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) =
        (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template
            .iter()
            .zip(path)
            .all(|(known, given)| known.starts_with('{') || *known == given)
}

fn resolve(reference: &str) -> &'static Value {
    let pointer = reference.strip_prefix('#').unwrap();
    DOCUMENT
        .pointer(pointer)
        .unwrap_or_else(|| panic!("{reference} leads nowhere"))
}

/// JSON Schema, as far as the document uses it; an unknown keyword panics.
fn check(schema: &Value, value: &Value, at: &str) {
    if let Err(problem) = fault(schema, value, at) {
        panic!("{problem}\n{value:#}");
    }
}

fn fault(schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    for (keyword, rule) in schema.as_object().unwrap() {
        let ok = match keyword.as_str() {
            "description" => true,
            "$ref" => return fault(resolve(rule.as_str().unwrap()), value, at),
            "type" => match rule {
                Value::Array(types) => types.iter().any(|name| is(name, value)),
                name => is(name, value),
            },
            "enum" => rule.as_array().unwrap().contains(value),
            "format" => {
                assert_eq!(rule, "date-time");
                value.as_str().is_none_or(|text| {
                    text.len() == "2026-11-23T10:42:05.114Z".len()
                        && scim::datetime::parse(text).is_some()
                })
            }
            "minimum" => value.as_i64() >= rule.as_i64(),
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    fault(rule, item, &format!("{at}[{index}]"))?;
                }
                true
            }
            "properties" => {
                for (name, rule) in rule.as_object().unwrap() {
                    if let Some(member) = value.get(name) {
                        fault(rule, member, &format!("{at}.{name}"))?;
                    }
                }
                true
            }
            "required" => {
                let names = rule.as_array().unwrap();
                names
                    .iter()
                    .all(|name| value.get(name.as_str().unwrap()).is_some())
            }
            "additionalProperties" => {
                assert_eq!(*rule, Value::Bool(false));
                let members = value.as_object().into_iter().flatten();
                members
                    .into_iter()
                    .all(|(name, _)| schema["properties"].get(name).is_some())
            }
            "anyOf" => {
                let options = rule.as_array().unwrap();
                options
                    .iter()
                    .any(|option| fault(option, value, at).is_ok())
            }
            unknown => panic!("the validator does not know {unknown}"),
        };
        if !ok {
            return Err(format!("{at} breaks \"{keyword}\": {rule}"));
        }
    }
    Ok(())
}

fn is(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        unknown => panic!("the validator does not know the type {unknown}"),
    }
}

#[test]
fn the_validator_finds_faults() {
    let user = resolve("#/components/schemas/Error");
    for wrong in [
        serde_json::json!({}),
        serde_json::json!({ "error": { "code": 1, "message": "", "request_id": "" } }),
        serde_json::json!({ "error": { "code": "", "message": "", "request_id": "", "more": 1 } }),
    ] {
        assert!(fault(user, &wrong, "Error").is_err(), "{wrong}");
    }
}
