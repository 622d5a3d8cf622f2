//! SCIM 2.0 (RFC 7643, RFC 7644, RFC 9865), pure: bytes in, values out.
//!
//! Nothing in this crate does I/O, asks a clock or draws randomness; every function is a
//! function of its arguments. A request becomes one of these, in this order:
//!
//! * [`json`]: bytes become a bounded [`Value`], or a 400;
//! * [`Registry`] and [`ResourceType`]: what the tenant's schemas allow ([`schema`]);
//! * [`resource`], [`patch`], [`filter`], [`bulk`]: the message, resolved against them;
//! * [`project`]: what goes back to the client;
//! * [`Error`]: the body of a refusal.
//!
//! What identity providers get wrong is forgiven by named rules only, in [`tolerance`].

#![deny(missing_docs)]

pub mod bulk;
pub mod datetime;
pub mod error;
pub mod filter;
pub mod fold;
pub mod json;
pub mod message;
pub mod patch;
pub mod path;
pub mod project;
pub mod resource;
pub mod schema;
pub mod sort;
pub mod tolerance;
mod value;

pub use error::{Error, Kind};
pub use path::AttributePath;
pub use schema::{Attribute, Registry, ResourceType, Schema};
pub use serde_json::{Map, Value};
pub use tolerance::{Fired, Profile, Tolerance};
