//! The door of Provisor: the binary.
fn main() {}
