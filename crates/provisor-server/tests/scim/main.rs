//! SCIM over HTTP, asked through a socket the way identity providers ask; the tree mirrors the URLs.

mod house;
mod wire;

mod attributes;
mod auth;
mod body_memory;
mod bulk;
mod cursor;
mod custom_types;
mod etag;
mod groups;
mod hang_up;
mod hostile;
mod http;
mod log;
mod me;
mod operations;
mod resource_types;
mod root;
mod schemas;
mod search;
mod service_provider_config;
mod tenants;
mod users;
