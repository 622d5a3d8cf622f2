//! The contract of [`provisor_store::Store`] as named cases that any backend runs.
//!
//! A backend calls `contract_on!` with a function that opens a fresh, empty [`Backend`]; each
//! case becomes a test. After every case [`Backend::check`] must find nothing wrong.

#[macro_use]
pub(crate) mod bench;

pub(crate) mod resources;

use std::sync::Arc;

use provisor_store::{Clock, Store};

/// One empty place to keep directories, for one case.
pub(crate) trait Backend: Send + Sync {
    /// A store on the same data; called twice it plays two processes.
    fn open(&self, clock: Clock) -> Arc<dyn Store>;

    /// The same with searches that may not take any time.
    fn open_impatient(&self, clock: Clock) -> Arc<dyn Store>;

    /// Contradictions in the stored data.
    fn check(&self) -> Vec<String>;
}

/// Defines `contract_on!`, which makes a test of every case listed here.
macro_rules! cases {
    (($d:tt) $($module:ident { $($case:ident)* })*) => {
        macro_rules! contract_on {
            ($d new:expr) => {
                $(mod $module {
                    use super::*;
                    $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                    async fn $case() {
                        let bench = $crate::contract::bench::Bench::new($d new).await;
                        $crate::contract::$module::$case(&bench).await;
                        bench.finish();
                    })*
                })*
            };
        }
        pub(crate) use contract_on;
    };
}

cases! { ($)
    resources {
        round_trip
    }
}
