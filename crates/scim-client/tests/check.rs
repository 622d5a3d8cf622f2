//! The checker, held against a small server that is right, and against one that is wrong in one way at a time.

#[path = "check/bulk.rs"]
mod bulk;
#[path = "check/defects.rs"]
mod defects;
#[path = "check/directory.rs"]
mod directory;
#[path = "check/discovery.rs"]
mod discovery;
#[path = "check/runs.rs"]
mod runs;
#[path = "check/server.rs"]
mod server;
