//! What a service provider says it can do (RFC 7644 section 4).

use serde::Deserialize;
use serde_json::Value;

use crate::{client::Client, error::Error, exchange::Request, page::Page};

/// `/ServiceProviderConfig` (RFC 7643 section 5). What a server leaves out counts as not supported.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceProviderConfig {
    patch: Supported,
    sort: Supported,
    etag: Supported,
    filter: Supported,
    bulk: Supported,
    pagination: Pagination,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Supported {
    supported: bool,
    max_results: Option<u64>,
    max_operations: Option<u64>,
    max_payload_size: Option<u64>,
}

/// RFC 9865 section 4.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Pagination {
    cursor: bool,
}

impl ServiceProviderConfig {
    /// Whether PATCH is there.
    #[must_use]
    pub fn patch(&self) -> bool {
        self.patch.supported
    }

    /// Whether lists can be sorted.
    #[must_use]
    pub fn sort(&self) -> bool {
        self.sort.supported
    }

    /// Whether versions are kept.
    #[must_use]
    pub fn etag(&self) -> bool {
        self.etag.supported
    }

    /// Whether lists can be filtered.
    #[must_use]
    pub fn filter(&self) -> bool {
        self.filter.supported
    }

    /// The most resources in one answer.
    #[must_use]
    pub fn most_results(&self) -> Option<u64> {
        self.filter.max_results
    }

    /// The most operations and the most bytes of a bulk job; `None` if there is no Bulk.
    #[must_use]
    pub fn bulk(&self) -> Option<(u64, u64)> {
        let most = |limit: Option<u64>| limit.unwrap_or(u64::MAX);
        let bulk = self.bulk.supported.then_some(&self.bulk)?;
        Some((most(bulk.max_operations), most(bulk.max_payload_size)))
    }

    /// Whether lists can be walked by cursor (RFC 9865).
    #[must_use]
    pub fn cursor(&self) -> bool {
        self.pagination.cursor
    }
}

/// What the three discovery endpoints answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Discovery {
    /// What is supported.
    pub config: ServiceProviderConfig,
    /// The schemas as they are.
    pub schemas: Vec<Value>,
    /// The resource types as they are.
    pub resource_types: Vec<Value>,
}

impl Client {
    /// What the server supports.
    ///
    /// # Errors
    /// When the server refuses, or there is no answer.
    pub async fn service_provider_config(&self) -> Result<ServiceProviderConfig, Error> {
        self.read(&Request::get("/ServiceProviderConfig")).await
    }

    /// All that discovery tells.
    ///
    /// # Errors
    /// When the server refuses one of the three, or there is no answer.
    pub async fn discover(&self) -> Result<Discovery, Error> {
        let (schemas, types) = (Request::get("/Schemas"), Request::get("/ResourceTypes"));
        let schemas: Page = self.read(&schemas).await?;
        let types: Page = self.read(&types).await?;
        Ok(Discovery {
            config: self.service_provider_config().await?,
            schemas: schemas.resources,
            resource_types: types.resources,
        })
    }
}
