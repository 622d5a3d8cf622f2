//! Counters for `/metrics`, in the Prometheus text format.

use std::{
    fmt::Write,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use provisor_store::{
    log::{LogStats, Operation},
    sqlite::WriteMetrics,
};

/// Upper bounds of the latency buckets, in microseconds.
const BUCKETS: [u64; 12] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 500_000, 2_000_000, 10_000_000,
];
/// Status classes 1xx to 5xx.
const CLASSES: usize = 5;

/// Requests by operation and status class, and how long they took.
#[derive(Debug)]
pub(crate) struct Metrics {
    requests: [[AtomicU64; CLASSES]; Operation::ALL.len()],
    latency: [AtomicU64; BUCKETS.len() + 1],
    latency_sum: AtomicU64,
    stopping: AtomicBool,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            requests: std::array::from_fn(|_| std::array::from_fn(|_| AtomicU64::new(0))),
            latency: std::array::from_fn(|_| AtomicU64::new(0)),
            latency_sum: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
        }
    }
}

impl Metrics {
    pub(crate) fn count(&self, operation: Operation, status: u16, micros: u64) {
        let row = Operation::ALL
            .iter()
            .position(|known| *known == operation)
            .unwrap_or(0);
        let class = usize::from(status / 100).clamp(1, CLASSES) - 1;
        self.requests[row][class].fetch_add(1, Relaxed);
        let bucket = BUCKETS
            .iter()
            .position(|bound| micros <= *bound)
            .unwrap_or(BUCKETS.len());
        self.latency[bucket].fetch_add(1, Relaxed);
        self.latency_sum.fetch_add(micros, Relaxed);
    }

    /// Tells `/readyz` that no new work is wanted.
    pub(crate) fn set_stopping(&self) {
        self.stopping.store(true, Relaxed);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Relaxed)
    }

    /// Everything, as Prometheus reads it.
    pub(crate) fn render(&self, store: &WriteMetrics, log: &LogStats, bodies: u64) -> String {
        let mut out = String::new();
        self.write(&mut out, store, log, bodies)
            .map_or_else(|_| String::new(), |()| out)
    }

    fn write(
        &self,
        out: &mut String,
        store: &WriteMetrics,
        log: &LogStats,
        bodies: u64,
    ) -> std::fmt::Result {
        let head = |out: &mut String, name: &str, kind: &str, help: &str| {
            writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}")
        };
        head(
            out,
            "provisor_requests_total",
            "counter",
            "SCIM requests by operation and status class.",
        )?;
        for (operation, classes) in Operation::ALL.iter().zip(&self.requests) {
            for (class, count) in classes.iter().enumerate() {
                let count = count.load(Relaxed);
                if count > 0 {
                    let (name, class) = (operation.as_str(), class + 1);
                    writeln!(
                        out,
                        "provisor_requests_total{{operation=\"{name}\",status=\"{class}xx\"}} {count}"
                    )?;
                }
            }
        }
        head(
            out,
            "provisor_request_seconds",
            "histogram",
            "Time from a request's arrival to its answer.",
        )?;
        let mut sum = 0;
        for (bound, count) in BUCKETS.iter().zip(&self.latency) {
            sum += count.load(Relaxed);
            let seconds = *bound as f64 / 1e6;
            writeln!(
                out,
                "provisor_request_seconds_bucket{{le=\"{seconds}\"}} {sum}"
            )?;
        }
        sum += self.latency[BUCKETS.len()].load(Relaxed);
        writeln!(out, "provisor_request_seconds_bucket{{le=\"+Inf\"}} {sum}")?;
        let seconds = self.latency_sum.load(Relaxed) as f64 / 1e6;
        writeln!(
            out,
            "provisor_request_seconds_sum {seconds}\nprovisor_request_seconds_count {sum}"
        )?;
        let single = [
            (
                "provisor_body_memory_bytes",
                "gauge",
                "Memory taken by large request bodies, of limits.body_memory.",
                bodies,
            ),
            (
                "provisor_commits_total",
                "counter",
                "Transactions committed.",
                store.commits.load(Relaxed),
            ),
            (
                "provisor_changes_total",
                "counter",
                "Changes answered; divided by commits, the batch size.",
                store.changes.load(Relaxed),
            ),
            (
                "provisor_changes_waiting",
                "gauge",
                "Changes waiting for the writer.",
                store.waiting.load(Relaxed),
            ),
            (
                "provisor_batch_reruns_total",
                "counter",
                "Batches run again one by one.",
                store.reruns.load(Relaxed),
            ),
            (
                "provisor_scans_total",
                "counter",
                "Searches that could not be answered by an index.",
                store.scans.load(Relaxed),
            ),
            (
                "provisor_log_queued",
                "gauge",
                "Log entries waiting for the log's writer.",
                log.queued,
            ),
            (
                "provisor_log_recorded_total",
                "counter",
                "Log entries written.",
                log.recorded,
            ),
            (
                "provisor_log_counted_total",
                "counter",
                "Requests counted instead of recorded.",
                log.counted,
            ),
            (
                "provisor_log_dropped_total",
                "counter",
                "Log entries dropped for want of room.",
                log.dropped,
            ),
            (
                "provisor_log_names_dropped_total",
                "counter",
                "Names of counted requests dropped.",
                log.names_dropped,
            ),
            (
                "provisor_log_file_bytes",
                "gauge",
                "Size of the log's file.",
                log.file_bytes,
            ),
        ];
        for (name, kind, help, value) in single {
            head(out, name, kind, help)?;
            writeln!(out, "{name} {value}")?;
        }
        Ok(())
    }
}
