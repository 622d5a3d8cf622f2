//! The contract of `Store`, run on every backend, and what is each backend's own.

mod contract;
mod sqlite;
