//! SQLite: the contract, and what only a file can do.

mod batch;
mod child;
mod crash;
mod erase;
mod file;
mod plain;
mod scans;
mod wal;

use std::{path::PathBuf, sync::Arc, time::Duration};

use provisor_store::{
    Clock, Store,
    sqlite::{SqliteSettings, SqliteStore},
};
use tempfile::TempDir;

use crate::contract::{Backend, contract_on};

/// A file in a folder of its own.
struct File {
    folder: TempDir,
}

impl File {
    fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("directory.db")
    }

    fn with(&self, settings: SqliteSettings, clock: Clock) -> SqliteStore {
        SqliteStore::open(&self.path(), settings, clock).expect("the store opens")
    }
}

impl Backend for File {
    fn open(&self, clock: Clock) -> Arc<dyn Store> {
        Arc::new(self.with(SqliteSettings::default(), clock))
    }

    fn open_impatient(&self, clock: Clock) -> Arc<dyn Store> {
        let settings = SqliteSettings {
            scan_time: Duration::ZERO,
            ..SqliteSettings::default()
        };
        Arc::new(self.with(settings, clock))
    }

    fn open_keeping(&self, bytes: usize, clock: Clock) -> Arc<dyn Store> {
        let settings = SqliteSettings {
            search_memory: bytes,
            ..SqliteSettings::default()
        };
        Arc::new(self.with(settings, clock))
    }

    fn check(&self) -> Vec<String> {
        let store = self.with(SqliteSettings::default(), Clock::system());
        store.check().expect("the check runs")
    }
}

contract_on!(File::new());
