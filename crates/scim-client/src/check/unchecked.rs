//! What cannot be asked from outside, and why.

/// Requirement ids that no check proves, by reason.
pub const UNCHECKED: &[(&str, &str)] = &[];
