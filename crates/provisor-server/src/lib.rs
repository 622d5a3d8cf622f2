//! The house of Provisor: SCIM endpoints, management and integration API over HTTP.

pub mod settings;

pub use settings::Settings;
