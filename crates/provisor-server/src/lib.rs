//! The house of Provisor: SCIM endpoints, management and integration API over HTTP.

pub mod api;
pub mod app_view;
pub mod connection_choice;
pub mod settings;

pub use settings::Settings;

/// Where a request comes from, as far as it is known; set as an extension of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub Option<std::net::IpAddr>);
