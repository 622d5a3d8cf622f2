//! Bulk jobs (RFC 7644 section 3.7).

use reqwest::Method;
use scim::message::BULK_REQUEST;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, json};

use crate::{client::Client, error::Error, exchange::Request, patch::Patch};

/// Operations for one request. A resource that is created here is referred to by later ones as
/// `bulkId:` and the name it was given.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Bulk {
    operations: Vec<Value>,
    fail_on_errors: Option<u32>,
}

/// How one operation of a bulk job went.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BulkOutcome {
    /// The method of the operation.
    #[serde(default)]
    pub method: String,
    /// The name a creation was given.
    #[serde(default)]
    pub bulk_id: Option<String>,
    /// The URL of the resource; absent for a failed creation.
    #[serde(default)]
    pub location: Option<String>,
    /// The HTTP status; some servers send a number.
    #[serde(deserialize_with = "status")]
    pub status: u16,
    /// The error body of a failed operation.
    #[serde(default)]
    pub response: Option<Value>,
}

impl Bulk {
    /// No operation yet.
    #[must_use]
    pub fn new() -> Bulk {
        Bulk::default()
    }

    /// The server gives up after this many errors.
    #[must_use]
    pub fn fail_on_errors(mut self, errors: u32) -> Bulk {
        self.fail_on_errors = Some(errors);
        self
    }

    /// Creates a resource at an endpoint such as `/Users`.
    #[must_use]
    pub fn create(self, endpoint: &str, name: &str, resource: Value) -> Bulk {
        self.operation(
            json!({ "method": "POST", "path": endpoint, "bulkId": name, "data": resource }),
        )
    }

    /// Replaces a resource, e.g. `/Users/2819c223`.
    #[must_use]
    pub fn replace(self, path: &str, resource: Value) -> Bulk {
        self.operation(json!({ "method": "PUT", "path": path, "data": resource }))
    }

    /// Patches a resource.
    #[must_use]
    pub fn patch(self, path: &str, patch: &Patch) -> Bulk {
        self.operation(json!({ "method": "PATCH", "path": path, "data": patch.to_json() }))
    }

    /// Deletes a resource.
    #[must_use]
    pub fn delete(self, path: &str) -> Bulk {
        self.operation(json!({ "method": "DELETE", "path": path }))
    }

    /// An operation as it is.
    #[must_use]
    pub fn operation(mut self, operation: Value) -> Bulk {
        self.operations.push(operation);
        self
    }

    /// The message.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut message = json!({ "schemas": [BULK_REQUEST], "Operations": self.operations });
        if let Some(errors) = self.fail_on_errors {
            message["failOnErrors"] = errors.into();
        }
        message
    }
}

#[derive(Deserialize)]
struct Response {
    #[serde(rename = "Operations")]
    operations: Vec<BulkOutcome>,
}

impl Client {
    /// Sends a bulk job; the outcomes stand in the order of the operations, as far as the server got.
    ///
    /// # Errors
    /// When the server refuses the job as a whole (413 if it is too large), or there is no answer.
    pub async fn bulk(&self, bulk: &Bulk) -> Result<Vec<BulkOutcome>, Error> {
        let request = Request::new(Method::POST, "/Bulk").json(&bulk.to_json());
        let response: Response = self.read(&request).await?;
        Ok(response.operations)
    }
}

fn status<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Status {
        Number(u16),
        Text(String),
        Other(IgnoredAny),
    }
    let wrong = || serde::de::Error::custom("status is no HTTP status");
    match Status::deserialize(deserializer)? {
        Status::Number(status) => Ok(status),
        Status::Text(status) => status.parse().map_err(|_| wrong()),
        Status::Other(_) => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_a_text_or_a_number() {
        let status = |value: Value| {
            serde_json::from_value::<BulkOutcome>(json!({ "status": value }))
                .map(|outcome| outcome.status)
        };
        assert_eq!(status(json!("201")).unwrap(), 201);
        assert_eq!(status(json!(409)).unwrap(), 409);
        assert!(status(json!({ "code": 1 })).is_err());
    }
}
