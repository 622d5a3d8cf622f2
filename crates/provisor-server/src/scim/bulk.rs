//! `POST /Bulk`, RFC 7644 section 3.7: each operation as if it had come alone.

mod circles;

use std::sync::Arc;

use circles::{Circles, Half};
use hyper::StatusCode;
use provisor_store::{
    Actor, Change, Origin, Outcome, Precondition, Refusal, StoreError, WriteError,
};
use scim::{
    Error, Kind, Map, ResourceType, Value,
    bulk::{Job, Method, References, Request, Step},
    message::BULK_RESPONSE,
    patch::Patch,
    resource,
};
use serde_json::json;

use super::{
    Call,
    answer::{Failure, Reply},
    body,
    read::{no_such, resource_type},
    render,
    write::{note_patched_names, origin, version},
};
use crate::App;

/// Operations per transaction, so that others' writes come between.
const CHUNK: usize = 100;

/// What one operation came to.
struct Done {
    status: u16,
    id: Option<String>,
    location: Option<String>,
    version: Option<String>,
    failure: Option<Failure>,
}

/// A step on its way to the store.
struct Pending {
    operation: usize,
    kind: Arc<ResourceType>,
    method: Method,
    change: Change,
}

/// A job at work.
struct Run<'a, 'c> {
    call: &'a mut Call<'c>,
    job: &'a Job,
    known: References,
    circles: Circles,
    done: Vec<Option<Done>>,
    pending: Vec<Pending>,
    errors: u64,
}

pub(crate) async fn run(call: &mut Call<'_>) -> Result<Reply, Failure> {
    let limit = call.app.settings.max_large_body;
    let message = body::object(call, limit).await?;
    let profile = call.profile();
    let most = call.app.settings.max_bulk_operations;
    let job = Job::read(&message, &profile, most, &mut call.exchange.fired)?;
    drop(message);
    let plan = job.plan();
    let mut run = Run {
        done: job.operations.iter().map(|_| None).collect(),
        call,
        job: &job,
        known: References::default(),
        circles: Circles::of(&plan),
        pending: Vec::new(),
        errors: 0,
    };
    for step in plan.steps {
        if run.is_over() {
            break;
        }
        // A reference needs the id of what is still pending.
        if run.pending.len() >= CHUNK || refers(&job, &step) {
            run.flush().await?;
            if run.is_over() {
                break;
            }
        }
        run.step(&step).await?;
    }
    if !run.is_over() {
        run.flush().await?;
    }
    run.circles.end();
    run.undo_halves().await;
    let id = run.call.exchange.id;
    let done = run.done;
    let operations: Vec<Value> = job
        .operations
        .iter()
        .zip(done)
        .filter_map(|(operation, done)| Some((operation, done?)))
        .map(|(operation, done)| {
            let mut result = json!({ "method": operation.method_text });
            if let Some(bulk_id) = &operation.bulk_id {
                result["bulkId"] = bulk_id.as_str().into();
            }
            if let Some(location) = done.location {
                result["location"] = location.into();
            }
            if let Some(version) = done.version {
                result["version"] = version.into();
            }
            result["status"] = done.status.to_string().into();
            if let Some(failure) = done.failure {
                result["response"] = failure.body(id);
            }
            result
        })
        .collect();
    let body = json!({ "schemas": [BULK_RESPONSE], "Operations": operations });
    Ok(Reply::json(StatusCode::OK, body.to_string()))
}

/// True if the step speaks of another operation's resource.
fn refers(job: &Job, step: &Step) -> bool {
    fn within(value: &Value) -> bool {
        match value {
            Value::String(text) => text.contains("bulkId:"),
            Value::Array(items) => items.iter().any(within),
            Value::Object(map) => map.values().any(within),
            _ => false,
        }
    }
    let operation = &job.operations[step.operation()];
    operation
        .id
        .as_deref()
        .is_some_and(|id| id.starts_with("bulkId:"))
        || operation
            .data
            .as_ref()
            .is_some_and(|data| data.values().any(within))
}

impl Run<'_, '_> {
    fn is_over(&self) -> bool {
        self.job
            .fail_on_errors
            .is_some_and(|most| self.errors >= most)
    }

    /// Makes a step a change that is pending, or answers why it cannot be.
    async fn step(&mut self, step: &Step) -> Result<(), Failure> {
        let operation = step.operation();
        let prepared = match self.circles.broken_at(operation) {
            // Its answer is known already.
            Some(_) if self.done[operation].is_some() => return Ok(()),
            Some(failed) => Err(self.job.circle_failed(failed).into()),
            None => match self.job.request(step, &self.known) {
                Ok(request) => self.prepare(operation, request),
                Err(error) => Err(error.into()),
            },
        };
        match prepared {
            Ok(pending) => self.pending.push(pending),
            Err(failure) => {
                self.flush().await?;
                if !self.is_over() {
                    self.refuse(operation, failure);
                    self.undo_halves().await;
                }
            }
        }
        Ok(())
    }

    /// Makes a request a change, or refuses it.
    fn prepare(&mut self, operation: usize, request: Request) -> Result<Pending, Failure> {
        let kind = resource_type(self.call, &request.endpoint)?;
        let method = request.method;
        let profile = self.call.profile();
        let id = match &request.id {
            Some(id) => Some(id.parse().map_err(|_| no_such(&kind, id))?),
            None => None,
        };
        let precondition = request
            .version
            .as_deref()
            .map(|tag| Precondition::OneOf(version(tag).into_iter().collect()));
        let data = || -> Result<Map<String, Value>, Error> {
            request
                .data
                .clone()
                .ok_or_else(|| Error::invalid_syntax("The operation has no data."))
        };
        let needed = || Error::invalid_syntax("The operation's path names no resource.");
        if let Some(data) = &request.data {
            match method {
                Method::Patch => note_patched_names(self.call, data),
                _ => self.call.exchange.speaks_of(data),
            }
        }
        let fired = &mut self.call.exchange.fired;
        let change = match method {
            Method::Post => {
                let incoming = resource::read(&kind, data()?, &profile, fired)?;
                Change::Create {
                    kind: kind.clone(),
                    incoming,
                    half: self.circles.is_part(operation),
                }
            }
            Method::Put => Change::Replace {
                kind: kind.clone(),
                id: id.ok_or_else(needed)?,
                incoming: resource::read(&kind, data()?, &profile, fired)?,
                precondition,
            },
            Method::Patch => {
                let most = self.call.app.settings.max_patch_operations;
                Change::Patch {
                    kind: kind.clone(),
                    id: id.ok_or_else(needed)?,
                    patch: Patch::read(&kind, &data()?, &profile, most, fired)?,
                    precondition,
                }
            }
            Method::Delete => Change::Delete {
                kind: kind.clone(),
                id: id.ok_or_else(needed)?,
                precondition,
            },
        };
        Ok(Pending {
            operation,
            kind,
            method,
            change,
        })
    }

    /// Carries out what is pending, in one transaction, each with its own result.
    async fn flush(&mut self) -> Result<(), Failure> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let pending = std::mem::take(&mut self.pending);
        let (marks, changes): (Vec<_>, Vec<_>) = pending
            .into_iter()
            .map(|pending| {
                (
                    (pending.operation, pending.kind, pending.method),
                    pending.change,
                )
            })
            .unzip();
        let stop_after = self.job.fail_on_errors.map(|most| most - self.errors);
        let changes = Change::Several {
            changes,
            stop_after,
        };
        let results = match several(self.call.app, origin(self.call), changes).await {
            Ok(results) => results,
            // What earlier chunks did stays done, so the client must hear of it.
            Err(error) if self.done.iter().any(Option::is_some) => {
                let failure = Failure::from(error);
                failure.trace(self.call.exchange.id);
                for (operation, ..) in marks {
                    self.refuse(operation, failure.again());
                }
                self.undo_halves().await;
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        for ((operation, kind, method), result) in marks.into_iter().zip(results) {
            match result {
                Ok(outcome) => self.succeed(operation, &kind, method, outcome),
                Err(refusal) => self.refuse(operation, refusal.into()),
            }
        }
        self.undo_halves().await;
        Ok(())
    }

    fn succeed(
        &mut self,
        operation: usize,
        kind: &Arc<ResourceType>,
        method: Method,
        outcome: Outcome,
    ) {
        if self.circles.advance(operation)
            && let Outcome::Resource(written) = &outcome
            && written.created
        {
            self.circles.keep(Half {
                operation,
                location: render::location(&self.call.base, &written.stored),
                undo: Change::Delete {
                    kind: kind.clone(),
                    id: written.stored.id,
                    precondition: None,
                },
            });
        }
        let exchange = &mut self.call.exchange;
        let mut done = match outcome {
            Outcome::Resource(written) => {
                exchange.events = span(exchange.events, written.events);
                exchange.fired.extend(written.fired);
                let status = match (method, kind.is_group()) {
                    (Method::Post, _) => 201,
                    (Method::Patch, true) => 204,
                    _ => 200,
                };
                Done {
                    status,
                    id: Some(written.stored.id.to_string()),
                    location: Some(render::location(&self.call.base, &written.stored)),
                    version: Some(render::etag(&written.stored)),
                    failure: None,
                }
            }
            Outcome::Deleted { events: written } => {
                exchange.events = span(exchange.events, written);
                Done {
                    status: 204,
                    id: None,
                    location: None,
                    version: None,
                    failure: None,
                }
            }
            _ => Done {
                status: 200,
                id: None,
                location: None,
                version: None,
                failure: None,
            },
        };
        // The second half of a creation in a circle of references.
        if let Some(first) = self.done[operation].take() {
            done.status = first.status;
        }
        if done.location.is_none() {
            let id = self.job.operations[operation].id.as_deref();
            done.location = id.map(|id| format!("{}{}/{id}", self.call.base, kind.endpoint));
        }
        self.known
            .record(&self.job.operations[operation], done.id.as_deref());
        self.done[operation] = Some(done);
    }

    fn refuse(&mut self, operation: usize, failure: Failure) {
        self.errors += 1;
        self.circles.fail(operation);
        self.known.record(&self.job.operations[operation], None);
        let sent = &self.job.operations[operation];
        // A failed POST has no location (RFC 7644 section 3.7.3).
        let location = match (&sent.method, &sent.id) {
            (Ok(Method::Post), _) | (_, None) => None,
            (_, Some(id)) => Some(format!("{}/{}/{id}", self.call.base, sent.endpoint)),
        };
        if self.errors == 1 {
            self.call.exchange.fail(&failure);
        }
        self.done[operation] = Some(Done {
            status: failure.error.kind.status(),
            id: None,
            location,
            version: None,
            failure: Some(failure),
        });
    }

    /// Takes back what broken circles created: half a circle is not what was asked for. When the job
    /// is over, it is as if they had not been reached, so that there are no more errors than
    /// `failOnErrors` permits.
    async fn undo_halves(&mut self) {
        let halves = self.circles.take_halves();
        for chunk in halves.chunks(CHUNK) {
            // Not in the token's name: it may have been revoked since, and the half must go.
            let origin = Origin {
                actor: Actor::System,
                ..origin(self.call)
            };
            let changes = Change::Several {
                changes: chunk.iter().map(|half| half.undo.clone()).collect(),
                stop_after: None,
            };
            match several(self.call.app, origin, changes).await {
                Ok(results) => {
                    for (half, result) in chunk.iter().zip(results) {
                        self.undone(half, result);
                    }
                }
                Err(error) => {
                    let failure = Failure::from(error);
                    failure.trace(self.call.exchange.id);
                    for half in chunk {
                        self.left_behind(half, &failure);
                    }
                }
            }
        }
    }

    fn undone(&mut self, half: &Half, result: Result<Outcome, Refusal>) {
        match result {
            Ok(Outcome::Deleted { events }) => self.note_events(events),
            Ok(_) => {}
            // Somebody else has deleted it meanwhile.
            Err(refusal) if refusal.error.kind == Kind::NotFound => {}
            Err(refusal) => return self.left_behind(half, &refusal.into()),
        }
        let operation = half.operation;
        self.known.record(&self.job.operations[operation], None);
        if self.has_failed(operation) {
            return;
        }
        self.done[operation] = None;
        if !self.is_over()
            && let Some(failed) = self.circles.broken_at(operation)
        {
            self.refuse(operation, self.job.circle_failed(failed).into());
        }
    }

    /// The half is still there; whoever sent it must know, also if the job is over.
    fn left_behind(&mut self, half: &Half, why: &Failure) {
        let detail = "The resource was created without some of its references, and the server \
                      could neither add them nor remove it again. Delete it, then send it again.";
        if self.has_failed(half.operation) {
            // It is one error, whatever comes of it.
            self.errors -= 1;
        }
        self.refuse(
            half.operation,
            Failure::new(why.cause, why.error.kind, detail),
        );
        if let Some(done) = &mut self.done[half.operation] {
            done.location = Some(half.location.clone());
        }
    }

    fn has_failed(&self, operation: usize) -> bool {
        let done = self.done[operation].as_ref();
        done.is_some_and(|done| done.failure.is_some())
    }

    fn note_events(&mut self, written: Option<(i64, i64)>) {
        let exchange = &mut self.call.exchange;
        exchange.events = span(exchange.events, written);
    }
}

/// Carries out [`Change::Several`].
async fn several(
    app: &App,
    origin: Origin,
    changes: Change,
) -> Result<Vec<Result<Outcome, Refusal>>, WriteError> {
    match app.store.write(origin, changes).await? {
        Outcome::Several(results) => Ok(results),
        _ => Err(StoreError::Failed("a bulk job came to no results".into()).into()),
    }
}

fn span(first: Option<(i64, i64)>, second: Option<(i64, i64)>) -> Option<(i64, i64)> {
    match (first, second) {
        (Some((from, _)), Some((_, to))) => Some((from, to)),
        (first, second) => first.or(second),
    }
}
