//! The checks themselves, by what they are about.

mod http;

use super::catalog::Check;

/// All of them, in the order in which they run.
pub(super) fn all() -> Vec<Check> {
    let areas = [http::checks()];
    areas.into_iter().flatten().collect()
}
