//! Bulk, RFC 7644 section 3.7: a job of many operations and their references.

use crate::{Error, Fired, Map, Profile, Value};

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
    /// Stop after this many errors; `None`: never.
    pub fail_on_errors: Option<u64>,
    /// As sent.
    pub operations: Vec<Operation>,
}

impl Job {
    /// Reads a BulkRequest.
    pub fn read(
        _body: &Map<String, Value>,
        _profile: &Profile,
        _max_operations: usize,
        _fired: &mut Fired,
    ) -> Result<Job, Error> {
        unimplemented!()
    }
}
