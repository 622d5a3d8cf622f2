//! What an operator can set about the server; `provisor` fills it from file, environment and flags.

use std::{net::IpAddr, time::Duration};

use crate::outbound::seal::SecretKey;

/// Settings of the HTTP side. Sizes are bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// `https://scim.example.com`, without trailing slash: what links and `Location` start with. While unset, `Host` is used.
    pub public_url: Option<String>,
    /// The one proxy whose `X-Forwarded-For`, `-Proto` and `-Host` are believed.
    pub trusted_proxy: Option<IpAddr>,
    /// Largest body of Group and Bulk requests.
    pub max_large_body: usize,
    /// Largest body of any other request.
    pub max_body: usize,
    /// Memory that all bodies larger than 64 KiB may take together, as text and parsed.
    pub body_memory: usize,
    /// Largest page; also `filter.maxResults` in ServiceProviderConfig.
    pub max_page: usize,
    /// Page size when the client names none.
    pub default_page: usize,
    /// Operations per PATCH.
    pub max_patch_operations: usize,
    /// Operations per Bulk request.
    pub max_bulk_operations: usize,
    /// Bytes of a filter.
    pub max_filter_length: usize,
    /// Nesting of a filter.
    pub max_filter_depth: usize,
    /// Open connections; more wait in the kernel's queue.
    pub max_connections: usize,
    /// How long a client may take to send its headers, also between two requests.
    pub header_timeout: Duration,
    /// How long a client may take to send its body, and how long it may take none of its answer.
    pub body_timeout: Duration,
    /// How long open requests may take to finish at shutdown.
    pub shutdown_timeout: Duration,
    /// Requests per second and token; `None`: not limited.
    pub rate_limit: Option<u32>,
    /// Failed authentications per minute and address before 429; `None`: not limited.
    pub failed_authentication_limit: Option<u32>,
    /// How long a cursor is good for (RFC 9865 `cursorTimeout`).
    pub cursor_timeout: Duration,
    /// How long a deleted resource can be restored.
    pub keep_deleted: Duration,
    /// How long the logs of targets are kept.
    pub keep_target_log: Duration,
    /// What targets' credentials are encrypted with.
    pub secret_key: SecretKey,
    /// A session of the console ends so long after its last request.
    pub session_idle: Duration,
    /// A session of the console ends so long after the sign-in in any case.
    pub session_lifetime: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            public_url: None,
            trusted_proxy: None,
            max_large_body: 64 << 20,
            max_body: 1 << 20,
            body_memory: 512 << 20,
            max_page: 1000,
            default_page: 100,
            max_patch_operations: 1000,
            max_bulk_operations: 1000,
            max_filter_length: 16 << 10,
            max_filter_depth: 32,
            max_connections: 4096,
            header_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(60),
            shutdown_timeout: Duration::from_secs(30),
            rate_limit: None,
            failed_authentication_limit: Some(60),
            cursor_timeout: Duration::from_secs(3600),
            keep_deleted: Duration::from_secs(30 * 86_400),
            keep_target_log: Duration::from_secs(90 * 86_400),
            secret_key: SecretKey::default(),
            session_idle: Duration::from_secs(12 * 3600),
            session_lifetime: Duration::from_secs(7 * 86_400),
        }
    }
}
