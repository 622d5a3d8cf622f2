//! The rules of the sync log, each shown on a log with a clock that the test moves.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
};

use scim::{Fired, Tolerance};
use tempfile::TempDir;

use super::*;
use crate::{Cause, Id, RequestId, TokenId};

mod erasure;
mod page;
mod recording;
mod retention;
mod tally;
mod trouble;

const HOUR: i64 = 60 * 60 * 1000;
const START: i64 = 1_800_000_000_000;
const ACME: TenantId = TenantId(1);
const GLOBEX: TenantId = TenantId(2);

/// A log in a folder of its own.
struct Bench {
    folder: TempDir,
    now: Arc<AtomicI64>,
    settings: LogSettings,
}

impl Bench {
    fn new() -> Self {
        Self::with(LogSettings::default())
    }

    fn with(settings: LogSettings) -> Self {
        Self {
            folder: TempDir::new().unwrap(),
            now: Arc::new(AtomicI64::new(START)),
            settings,
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("provisor-log.db")
    }

    fn clock(&self) -> Clock {
        let now = Arc::clone(&self.now);
        Clock::from_fn(move || now.load(Relaxed))
    }

    fn open(&self) -> SyncLog {
        self.try_open(&self.path()).unwrap()
    }

    fn try_open(&self, path: &Path) -> Result<SyncLog, StoreError> {
        SyncLog::open(path, self.settings.clone(), self.clock())
    }

    fn now(&self) -> i64 {
        self.now.load(Relaxed)
    }

    fn pass(&self, ms: i64) {
        self.now.fetch_add(ms, Relaxed);
    }

    /// What another process finds after this one was killed: the files as they are now.
    fn crashed(&self) -> PathBuf {
        let copy = self.folder.path().join("crashed.db");
        for suffix in ["", "-wal"] {
            let from = format!("{}{suffix}", self.path().display());
            std::fs::copy(from, format!("{}{suffix}", copy.display())).unwrap();
        }
        copy
    }

    /// A lookup of a name.
    fn lookup(&self, tenant: TenantId, name: &str) -> Entry {
        Entry {
            tenant: Some(tenant),
            connection: Some(ConnectionId(3)),
            names: vec![name.to_owned()],
            ..Entry::new(RequestId::random(), self.now(), Operation::Lookup, 200)
        }
    }

    /// A create with a body of that size.
    fn create(&self, name: &str, size: usize) -> Entry {
        let body = format!("{{\"userName\": \"{}\"}}", "x".repeat(size));
        Entry {
            operation: Operation::Create,
            status: 201,
            request_body: Body::new(body.as_bytes(), 16 * 1024),
            ..self.lookup(ACME, name)
        }
    }

    /// A read that is only counted.
    fn counted<'a>(&self, names: &'a [&'a str]) -> Counted<'a> {
        Counted {
            at: self.now(),
            tenant: Some(ACME),
            connection: Some(ConnectionId(3)),
            operation: Operation::Get,
            status: 200,
            duration_us: 700,
            names,
        }
    }
}

fn all(log: &SyncLog) -> Vec<Logged> {
    let filter = LogFilter {
        limit: 1000,
        ..LogFilter::default()
    };
    log.reader().entries(&filter).unwrap()
}

fn gaps(log: &SyncLog) -> Vec<(GapKind, i64, i64, Option<u64>)> {
    let window = log.reader().window(ACME).unwrap();
    let parts = |gap: &Gap| (gap.kind, gap.from, gap.to, gap.count);
    window.gaps.iter().map(parts).collect()
}
