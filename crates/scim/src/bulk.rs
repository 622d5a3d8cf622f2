//! Bulk, RFC 7644 section 3.7: a job of many operations and their references.
//!
//! [`Job::read`] takes the message apart, [`Job::plan`] decides the order, and
//! [`Job::request`] makes each step a request like any other, with the permanent ids in the
//! place of `bulkId` references. What it takes to carry them out is the caller's matter:
//!
//! ```
//! # use scim::{bulk::*, *};
//! # fn execute(_: Request) -> Result<String, Error> { Ok("42".into()) }
//! # fn run(job: &Job) {
//! let mut known = References::default();
//! let mut results: Vec<Option<Result<String, Error>>> = vec![None; job.operations.len()];
//! for step in job.plan().steps {
//!     let operation = &job.operations[step.operation()];
//!     let result = job.request(&step, &known).and_then(execute);
//!     known.record(operation, result.as_ref().ok().map(String::as_str));
//!     results[step.operation()] = Some(result);
//! }
//! # }
//! ```

mod plan;
mod read;
mod references;
#[cfg(test)]
mod tests;

use crate::{Error, Fired, Map, Profile, Value};

pub use plan::{Plan, Step};
pub use references::References;

/// HTTP method of a bulk operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "HTTP's own names")]
pub enum Method {
    Post,
    Put,
    Patch,
    Delete,
}

/// One operation of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// As sent, for the answer; `Err` holds why it cannot be carried out at all.
    pub method: Result<Method, Error>,
    /// Method as sent.
    pub method_text: String,
    /// `bulkId`.
    pub bulk_id: Option<String>,
    /// Endpoint without slash (`Users`).
    pub endpoint: String,
    /// Id from the path; `bulkId:x` if it refers to another operation.
    pub id: Option<String>,
    /// `version`.
    pub version: Option<String>,
    /// `data`.
    pub data: Option<Map<String, Value>>,
}

/// A parsed job.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Stop after this many errors, at least 1; `None`: never.
    pub fail_on_errors: Option<u64>,
    /// As sent.
    pub operations: Vec<Operation>,
}

/// One request to be carried out as if it had come alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Its method.
    pub method: Method,
    /// Endpoint without slash (`Users`).
    pub endpoint: String,
    /// The resource, for all but POST.
    pub id: Option<String>,
    /// `version`, to be compared like `If-Match`.
    pub version: Option<String>,
    /// The body, for all but DELETE; permanent ids in the place of `bulkId` references.
    pub data: Option<Map<String, Value>>,
}

impl Job {
    /// Reads a BulkRequest.
    ///
    /// What is wrong with one operation is kept in [`Operation::method`] and answered with it.
    /// Errors of the job: 400 `invalidSyntax`; 413 for too many operations, naming the limit.
    pub fn read(
        body: &Map<String, Value>,
        profile: &Profile,
        max_operations: usize,
        fired: &mut Fired,
    ) -> Result<Job, Error> {
        read::job(body, profile, max_operations, fired)
    }

    /// The order in which the operations are carried out.
    ///
    /// As sent, except that an operation waits for those it refers to, and those after it on
    /// the same resource wait with it, so that forward references end like ordered ones
    /// (RFC 7644 section 3.7). A resource in a circle of references is created without those to
    /// later members of the circle, which are added once they exist; who refers to the circle from
    /// outside waits until it is complete.
    pub fn plan(&self) -> Plan {
        plan::plan(self)
    }

    /// A step as a request of its own.
    ///
    /// Errors: why the operation is refused; 409 if an operation it refers to failed.
    pub fn request(&self, step: &Step, known: &References) -> Result<Request, Error> {
        references::request(self, step, known)
    }

    /// Why an operation failed that is in a circle of references with one that did: 409, as RFC 7644
    /// section 3.7.1 says for circles that cannot be resolved.
    pub fn circle_failed(&self, failed: usize) -> Error {
        references::circle_failed(self, failed)
    }
}
