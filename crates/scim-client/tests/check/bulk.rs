//! Bulk of the small server.

use axum::http::{HeaderMap, Method};
use scim::{
    Error, Fired, Value,
    bulk::{self, Job, References, Step},
    error::Kind,
};
use serde_json::{Map, json};

use crate::{
    directory::Directory,
    discovery::MOST_OPERATIONS,
    server::{Answer, Call, Server, object},
};

impl Server {
    pub(crate) fn bulk(&self, tenant: &mut Directory, call: &Call<'_>) -> Result<Answer, Error> {
        if self.is("bulk_is_501") {
            return Err(Error::new(Kind::NotImplemented, "There is no Bulk."));
        }
        if self.is("bulk_says_yes") || self.is("bulk_by_halves") {
            let body = Value::Object(object(call.body)?);
            let operations = body["Operations"].as_array().cloned().unwrap_or_default();
            let results = operations.iter().enumerate().map(|(at, operation)| {
                let status = if self.is("bulk_by_halves") && at > 0 { "409" } else { "201" };
                json!({"method": operation["method"], "bulkId": operation["bulkId"], "status": status})
            });
            let results: Vec<Value> = results.collect();
            let body = json!({"schemas": [scim::message::BULK_RESPONSE], "Operations": results});
            return Ok(Answer::new(200, body));
        }
        let most = if self.is("bulk_without_limit") {
            100_000
        } else {
            MOST_OPERATIONS
        };
        let job = Job::read(
            &object(call.body)?,
            &self.profile,
            most,
            &mut Fired::default(),
        )?;
        let mut known = References::default();
        let mut results: Vec<Option<Value>> = vec![None; job.operations.len()];
        let mut errors = 0;
        let plan = job.plan();
        let steps: Vec<Step> = if self.is("bulk_backwards") {
            plan.steps.into_iter().rev().collect()
        } else {
            plan.steps
        };
        for step in &steps {
            let at = step.operation();
            let operation = &job.operations[at];
            let done = job
                .request(step, &known)
                .and_then(|request| self.single(tenant, &request));
            let answer = done.unwrap_or_else(Answer::from);
            let failed = answer.status >= 400;
            let location = answer
                .headers
                .iter()
                .find(|(name, _)| *name == "location")
                .map(|(_, value)| value.clone());
            let id = location
                .as_deref()
                .and_then(|location| location.rsplit('/').next());
            if !self.is("bulk_ids_stay") {
                known.record(operation, id.filter(|_| !failed));
            }
            let mut result = Map::new();
            result.insert("method".to_owned(), json!(operation.method_text));
            result.extend(
                operation
                    .bulk_id
                    .as_ref()
                    .map(|bulk_id| ("bulkId".to_owned(), json!(bulk_id))),
            );
            result.extend(
                location
                    .filter(|_| !failed)
                    .map(|location| ("location".to_owned(), json!(location))),
            );
            let status = if self.is("bulk_status_is_a_number") {
                json!(answer.status)
            } else {
                json!(answer.status.to_string())
            };
            result.insert("status".to_owned(), status);
            if failed && !self.is("bulk_without_errors") {
                result.insert("response".to_owned(), answer.body.unwrap_or_default());
            }
            if matches!(step, Step::Complete(..)) {
                if failed {
                    results[at] = Some(Value::Object(result));
                }
            } else {
                results[at] = Some(Value::Object(result));
            }
            errors += u64::from(failed);
            let stops = job.fail_on_errors.is_some_and(|most| errors >= most)
                || (failed && self.is("bulk_stops_at_errors"));
            if stops && !self.is("ignores_fail_on_errors") {
                break;
            }
        }
        let results: Vec<Value> = results.into_iter().flatten().collect();
        let body = json!({"schemas": [scim::message::BULK_RESPONSE], "Operations": results});
        Ok(Answer::new(200, body))
    }

    /// One operation as the request it stands for.
    fn single(&self, tenant: &mut Directory, request: &bulk::Request) -> Result<Answer, Error> {
        let method = match request.method {
            bulk::Method::Post => Method::POST,
            bulk::Method::Put => Method::PUT,
            bulk::Method::Patch => Method::PATCH,
            bulk::Method::Delete => Method::DELETE,
        };
        if self.is("bulk_forgets_deletes") && method == Method::DELETE {
            return Ok(Answer::new(204, None));
        }
        let mut headers = HeaderMap::new();
        if let Some(version) = request
            .version
            .as_ref()
            .filter(|_| !self.is("bulk_ignores_versions"))
        {
            headers.insert("if-match", version.parse().unwrap());
        }
        let body = request
            .data
            .as_ref()
            .map(|data| Value::Object(data.clone()).to_string());
        let path = std::iter::once(request.endpoint.clone()).chain(request.id.clone());
        self.carry_out(
            tenant,
            &Call {
                method: &method,
                path: path.collect(),
                query: "",
                headers: &headers,
                body: body.unwrap_or_default().as_bytes(),
                tenant: 0,
            },
        )
    }
}
