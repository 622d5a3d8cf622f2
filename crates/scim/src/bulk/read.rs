//! A BulkRequest becomes a job: what is wrong with all of it, and with single operations.

use std::collections::HashSet;

use serde_json::json;

use super::{Job, Method, Operation};
use crate::{
    Error, Fired, Kind, Map, Profile, Tolerance, Value,
    json::get_ignoring_case,
    message::{BULK_REQUEST, PATCH_OP, check_schemas},
    value::shown,
};

pub(super) fn job(
    body: &Map<String, Value>,
    profile: &Profile,
    max_operations: usize,
    fired: &mut Fired,
) -> Result<Job, Error> {
    check_schemas(body, BULK_REQUEST, profile, fired)?;
    let given = match get_ignoring_case(body, "Operations") {
        Some(Value::Array(given)) if !given.is_empty() => given,
        _ => {
            return Err(Error::invalid_syntax(
                "A bulk request needs \"Operations\", a list of one or more operations (RFC 7644 section 3.7).",
            ));
        }
    };
    if given.len() > max_operations {
        return Err(Error::new(
            Kind::PayloadTooLarge,
            format!(
                "The bulk request has {} operations, the limit (maxOperations) is {max_operations}. Split it into several requests.",
                given.len()
            ),
        ));
    }
    let fail_on_errors = match get_ignoring_case(body, "failOnErrors") {
        None | Some(Value::Null) => None,
        Some(number) => Some(number.as_u64().map(|n| n.max(1)).ok_or_else(|| {
            Error::invalid_syntax("\"failOnErrors\" must be a whole number that is not negative.")
        })?),
    };
    let mut bulk_ids = HashSet::new();
    let operations = given
        .iter()
        .map(|item| operation(item, &mut bulk_ids, profile, fired))
        .collect();
    Ok(Job {
        fail_on_errors,
        operations,
    })
}

fn operation<'b>(
    item: &'b Value,
    bulk_ids: &mut HashSet<&'b str>,
    profile: &Profile,
    fired: &mut Fired,
) -> Operation {
    let item = item.as_object();
    let get = |name| get_ignoring_case(item?, name).filter(|value| !value.is_null());
    let text = |name| get(name).and_then(Value::as_str);
    let (endpoint, id) = text("path").map(path).unwrap_or_default();
    let mut operation = Operation {
        method: Ok(Method::Delete),
        method_text: text("method").unwrap_or_default().to_owned(),
        bulk_id: text("bulkId").map(str::to_owned),
        endpoint,
        id,
        version: text("version").map(str::to_owned),
        data: None,
    };
    operation.method = method(&operation.method_text).and_then(|method| {
        for name in ["path", "bulkId", "version"] {
            if get(name).is_some_and(|value| !value.is_string()) {
                return Err(Error::invalid_syntax(format!("\"{name}\" must be text.")));
            }
        }
        check_path(method, &operation, text("path"))?;
        if method != Method::Delete {
            operation.data = Some(data(method, get("data"), profile, fired)?);
        }
        if method == Method::Post {
            check_bulk_id(text("bulkId"), bulk_ids)?;
        }
        Ok(method)
    });
    operation
}

fn method(text: &str) -> Result<Method, Error> {
    let known = [
        ("POST", Method::Post),
        ("PUT", Method::Put),
        ("PATCH", Method::Patch),
        ("DELETE", Method::Delete),
    ];
    known
        .into_iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(text))
        .map(|(_, method)| method)
        .ok_or_else(|| match text {
            "" => Error::invalid_syntax("\"method\" is missing. Use POST, PUT, PATCH or DELETE."),
            _ => Error::new(
                Kind::MethodNotAllowed,
                format!(
                    "\"{}\" is no method of a bulk operation. Use POST, PUT, PATCH or DELETE.",
                    shown(text)
                ),
            ),
        })
}

/// Endpoint and id of a path such as `/Users/2819c223`. An absolute URL and the path of the
/// base URL in front are tolerated: what counts follows the last `v2` or `scim`.
fn path(text: &str) -> (String, Option<String>) {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    let local = match text.split_once("://") {
        Some((_, rest)) => rest.split_once('/').map_or("", |(_, local)| local),
        None => text,
    };
    let segments: Vec<&str> = local.split('/').filter(|part| !part.is_empty()).collect();
    let after = |name: &str| {
        let at = segments
            .iter()
            .rposition(|part| part.eq_ignore_ascii_case(name))?;
        Some(&segments[at + 1..]).filter(|rest| !rest.is_empty())
    };
    let rest = after("v2")
        .or_else(|| after("scim"))
        .unwrap_or(&segments[..]);
    match rest {
        [] => Default::default(),
        [endpoint] => ((*endpoint).to_owned(), None),
        [endpoint, id @ ..] => ((*endpoint).to_owned(), Some(decoded(&id.join("/")))),
    }
}

/// Percent-decoded once; what is no valid escape stays.
fn decoded(text: &str) -> String {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escape = match bytes.get(at..at + 3) {
            Some(&[b'%', high, low]) => digit(high).zip(digit(low)),
            _ => None,
        };
        match escape {
            Some((high, low)) => {
                out.extend(u8::try_from(high * 16 + low));
                at += 3;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

fn check_path(method: Method, operation: &Operation, sent: Option<&str>) -> Result<(), Error> {
    let Some(sent) = sent.filter(|_| !operation.endpoint.is_empty()) else {
        return Err(Error::invalid_syntax(
            "\"path\" is missing. Use an endpoint such as \"/Users\" for POST, and \"/Users/{id}\" otherwise.",
        ));
    };
    let sent = shown(sent);
    let endpoint = &operation.endpoint;
    match (method, &operation.id) {
        (Method::Post, Some(_)) => Err(Error::invalid_syntax(format!(
            "POST creates a resource at an endpoint, and \"{sent}\" names one resource. Use \"/{}\".",
            shown(endpoint)
        ))),
        (Method::Put | Method::Patch | Method::Delete, None) => {
            Err(Error::invalid_syntax(format!(
                "\"{sent}\" names no single resource. Use \"/{}/{{id}}\".",
                shown(endpoint)
            )))
        }
        (_, Some(id)) if id.contains('/') => Err(Error::invalid_syntax(format!(
            "\"{sent}\" goes deeper than one resource. Use \"/{}/{{id}}\".",
            shown(endpoint)
        ))),
        _ => Ok(()),
    }
}

fn data(
    method: Method,
    given: Option<&Value>,
    profile: &Profile,
    fired: &mut Fired,
) -> Result<Map<String, Value>, Error> {
    match given {
        Some(Value::Object(data)) => Ok(data.clone()),
        Some(Value::Array(operations))
            if method == Method::Patch
                && fired.allows(profile, Tolerance::BareBulkPatch, || {
                    "took the list in data as the operations of a PATCH".to_owned()
                }) =>
        {
            let mut message = Map::new();
            message.insert("schemas".to_owned(), json!([PATCH_OP]));
            message.insert("Operations".to_owned(), Value::Array(operations.clone()));
            Ok(message)
        }
        Some(_) => Err(Error::invalid_syntax(
            "\"data\" must be an object: the body that the request would have alone.",
        )),
        None => Err(Error::invalid_syntax(
            "\"data\" is missing: the body that the request would have alone.",
        )),
    }
}

fn check_bulk_id<'b>(
    bulk_id: Option<&'b str>,
    bulk_ids: &mut HashSet<&'b str>,
) -> Result<(), Error> {
    match bulk_id {
        None | Some("") => Err(Error::invalid_syntax(
            "\"bulkId\" is missing. A POST needs one that is unique in the request.",
        )),
        Some(bulk_id) if !bulk_ids.insert(bulk_id) => Err(Error::invalid_syntax(format!(
            "The bulkId \"{}\" is used by an earlier POST. Use each one once.",
            shown(bulk_id)
        ))),
        Some(_) => Ok(()),
    }
}
