//! The management and integration API, asked the way an app asks it; the tree mirrors the URLs.

mod hostile;
mod openapi;
mod operator_tokens;
mod scopes;
mod tenants;
mod world;
