//! `bulkId:x` in a path or in data: finding, filling in, leaving out.

use std::collections::{HashMap, HashSet};

use serde_json::json;

use super::{Job, Method, Operation, Request, Step};
use crate::{Error, Kind, Map, Value, message::PATCH_OP, value::shown};

const PREFIX: &str = "bulkId:";

/// The permanent ids of resources created so far, by `bulkId`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct References {
    ids: HashMap<String, String>,
}

impl References {
    /// Records what a step of this operation led to: the permanent id, or nothing if it failed.
    /// Only what a POST creates can be referred to.
    pub fn record(&mut self, operation: &Operation, id: Option<&str>) {
        let (Ok(Method::Post), Some(bulk_id)) = (&operation.method, &operation.bulk_id) else {
            return;
        };
        match id {
            Some(id) => self.ids.insert(bulk_id.clone(), id.to_owned()),
            None => self.ids.remove(bulk_id),
        };
    }

    /// Puts permanent ids in the place of all references.
    ///
    /// Errors: 409 if one is not created, because its operation failed.
    pub fn fill(&self, data: &mut Map<String, Value>) -> Result<(), Error> {
        data.iter_mut()
            .try_for_each(|(key, value)| self.fill_value(key, value))
    }

    fn fill_value(&self, key: &str, value: &mut Value) -> Result<(), Error> {
        match value {
            Value::String(text) => {
                if let Some(found) = find(key, text) {
                    *text = format!("{}{}{}", found.before, self.id(found.bulk_id)?, found.after);
                }
                Ok(())
            }
            Value::Array(items) => items
                .iter_mut()
                .try_for_each(|item| self.fill_value(key, item)),
            Value::Object(object) => self.fill(object),
            _ => Ok(()),
        }
    }

    fn id(&self, bulk_id: &str) -> Result<&str, Error> {
        self.ids.get(bulk_id).map(String::as_str).ok_or_else(|| {
            Error::new(
                Kind::Conflict,
                format!(
                    "This operation refers to bulkId \"{}\", and creating that resource failed. Correct that operation and send both again.",
                    shown(bulk_id)
                ),
            )
        })
    }
}

/// A reference inside a text.
struct Found<'t> {
    before: &'t str,
    bulk_id: &'t str,
    after: &'t str,
}

/// A text is a reference as a whole (`bulkId:x`), as the last segment of a URI
/// (`../Users/bulkId:x`), or quoted in the path of a PATCH (`members[value eq "bulkId:x"]`).
fn find<'t>(key: &str, text: &'t str) -> Option<Found<'t>> {
    let split = |start: usize, end: usize| {
        let bulk_id = text[start..end].strip_prefix(PREFIX)?;
        (!bulk_id.is_empty()).then_some(Found {
            before: &text[..start],
            bulk_id,
            after: &text[end..],
        })
    };
    if text.starts_with(PREFIX) {
        return split(0, text.len());
    }
    if key.eq_ignore_ascii_case("path")
        && let Some((before, rest)) = text.split_once("\"bulkId:")
        && let Some(length) = rest.find('"')
    {
        let start = before.len() + 1;
        return split(start, start + PREFIX.len() + length);
    }
    split(text.rfind('/')? + 1, text.len())
}

/// Calls `see` for each text in data, with the `bulkId` it refers to.
pub(super) fn each_text<'v>(
    data: &'v Map<String, Value>,
    see: &mut impl FnMut(&'v str, Option<&'v str>),
) {
    fn walk<'v>(key: &str, value: &'v Value, see: &mut impl FnMut(&'v str, Option<&'v str>)) {
        match value {
            Value::String(text) => see(text, find(key, text).map(|found| found.bulk_id)),
            Value::Array(items) => items.iter().for_each(|item| walk(key, item, see)),
            Value::Object(object) => each_text(object, see),
            _ => {}
        }
    }
    data.iter().for_each(|(key, value)| walk(key, value, see));
}

/// The `bulkId` that the path refers to.
pub(super) fn in_path(operation: &Operation) -> Option<&str> {
    operation.id.as_deref()?.strip_prefix(PREFIX)
}

pub(super) fn request(job: &Job, step: &Step, known: &References) -> Result<Request, Error> {
    let refused =
        |index: usize| Error::new(Kind::Internal, format!("There is no operation {index}."));
    let index = step.operation();
    let operation = job.operations.get(index).ok_or_else(|| refused(index))?;
    let method = operation.method.clone()?;
    let mut request = Request {
        method,
        endpoint: operation.endpoint.clone(),
        id: operation.id.clone(),
        version: operation.version.clone(),
        data: operation.data.clone(),
    };
    if let Some(bulk_id) = in_path(operation) {
        request.id = Some(known.id(bulk_id)?.to_owned());
    }
    match step {
        Step::Refuse(_, error) => return Err(error.clone()),
        Step::Run(_) => {}
        Step::CreateWithout(_, omitted) => {
            request.data = request.data.map(|data| without(data, omitted).0);
        }
        Step::Complete(_, omitted) => {
            let bulk_id = operation.bulk_id.as_deref().unwrap_or_default();
            request.method = Method::Patch;
            request.id = Some(known.id(bulk_id)?.to_owned());
            let added = without(request.data.unwrap_or_default(), omitted).1;
            // The profile `interop` wants a path in each, and the others understand it.
            let operations: Vec<_> = added
                .into_iter()
                .map(|(name, value)| json!({ "op": "add", "path": name, "value": value }))
                .collect();
            let mut message = Map::new();
            message.insert("schemas".to_owned(), json!([PATCH_OP]));
            message.insert("Operations".to_owned(), operations.into());
            request.data = Some(message);
        }
    }
    if let Some(data) = &mut request.data {
        known.fill(data)?;
    }
    Ok(request)
}

pub(super) fn circle_failed(job: &Job, failed: usize) -> Error {
    let bulk_id = job
        .operations
        .get(failed)
        .and_then(|operation| operation.bulk_id.as_deref())
        .unwrap_or_default();
    Error::new(
        Kind::Conflict,
        format!(
            "This operation and the one with bulkId \"{}\" refer to each other in a circle, and that one failed, so neither was kept. Correct it and send the whole circle again.",
            shown(bulk_id)
        ),
    )
}

/// Splits data into what does not refer to these, and what does. What is left out is an element
/// of a list or else a whole attribute, so that both halves are valid by themselves.
fn without(
    data: Map<String, Value>,
    omitted: &HashSet<String>,
) -> (Map<String, Value>, Map<String, Value>) {
    let mut kept = Map::new();
    let mut left_out = Map::new();
    for (key, value) in data {
        match value {
            // An extension is no value but a container of attributes.
            Value::Object(extension) if key.contains(':') => {
                let (inner, outer) = without(extension, omitted);
                if !outer.is_empty() {
                    left_out.insert(key.clone(), Value::Object(outer));
                }
                kept.insert(key, Value::Object(inner));
            }
            Value::Array(items) => {
                let (refer, rest): (Vec<_>, Vec<_>) = items
                    .into_iter()
                    .partition(|item| refers(&key, item, omitted));
                if !refer.is_empty() {
                    left_out.insert(key.clone(), Value::Array(refer));
                }
                kept.insert(key, Value::Array(rest));
            }
            value if refers(&key, &value, omitted) => {
                left_out.insert(key, value);
            }
            value => {
                kept.insert(key, value);
            }
        }
    }
    (kept, left_out)
}

fn refers(key: &str, value: &Value, omitted: &HashSet<String>) -> bool {
    match value {
        Value::String(text) => find(key, text).is_some_and(|found| omitted.contains(found.bulk_id)),
        Value::Array(items) => items.iter().any(|item| refers(key, item, omitted)),
        Value::Object(object) => object
            .iter()
            .any(|(key, value)| refers(key, value, omitted)),
        _ => false,
    }
}
