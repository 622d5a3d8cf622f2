//! The one place that opens the database and the sync log.

use std::{
    io,
    path::{Path, PathBuf},
};

use provisor_server::outbound::seal::SecretKey;
use provisor_store::{
    Clock,
    log::{LogReader, LogSettings, SyncLog},
    sqlite::{SqliteSettings, SqliteStore},
};

use crate::{config::Config, failure::Failure};

/// The path in `sqlite:PATH`.
pub(crate) fn sqlite_path(database: &str) -> Result<PathBuf, String> {
    if database.starts_with("postgres://") || database.starts_with("postgresql://") {
        return Err("this build has no PostgreSQL; use sqlite:PATH".to_owned());
    }
    let path = database
        .strip_prefix("sqlite://")
        .or_else(|| database.strip_prefix("sqlite:"))
        .filter(|path| !path.is_empty());
    match path {
        // A database in memory would be gone with the command that made it.
        Some(":memory:") | None => Err(format!(
            "\"{database}\" names no database; write sqlite:PATH, for example sqlite:/var/lib/provisor/provisor.db"
        )),
        Some(path) => Ok(PathBuf::from(path)),
    }
}

/// Whether a command may make the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// The first command of a new installation.
    Create,
    /// Everything else: a typing error in the path must not make an empty directory.
    Refuse,
}

/// Opens the directory.
pub(crate) fn store(path: &Path, missing: Missing, clock: Clock) -> Result<SqliteStore, Failure> {
    store_with(path, missing, clock, SqliteSettings::default())
}

/// Opens the directory with the server's settings.
pub(crate) fn store_with(
    path: &Path,
    missing: Missing,
    clock: Clock,
    settings: SqliteSettings,
) -> Result<SqliteStore, Failure> {
    if missing == Missing::Refuse {
        demand(path)?;
    }
    Ok(SqliteStore::open(path, settings, clock)?)
}

/// The store's part of the configuration.
pub(crate) fn settings(config: &Config) -> SqliteSettings {
    SqliteSettings {
        scan_time: config.scan_time,
        scan_threads: config.scan_threads,
        search_memory: config.search_memory,
        ..SqliteSettings::default()
    }
}

/// Where the sync log of a directory stands: beside it, in a file of its own.
pub(crate) fn log_path(directory: &Path) -> PathBuf {
    directory.with_extension("log.db")
}

/// Opens the sync log of a running server. One that cannot be opened does not keep the directory
/// from being served.
pub(crate) fn log(directory: &Path, settings: &LogSettings, clock: Clock) -> SyncLog {
    let path = log_path(directory);
    SyncLog::open(&path, settings.clone(), clock).unwrap_or_else(|error| {
        tracing::error!(%error, path = %path.display(), "the sync log cannot be opened; requests are served and not logged");
        SyncLog::disabled()
    })
}

/// Opens the sync log for questions, beside a running server.
pub(crate) fn log_reader(directory: &Path) -> Result<LogReader, Failure> {
    demand(directory)?;
    let path = log_path(directory);
    if !path.exists() {
        return Err(Failure::unavailable(format!(
            "There is no sync log at {}. The server makes it when it first starts.",
            path.display()
        )));
    }
    Ok(LogReader::open(&path)?)
}

/// Holds the key of targets' credentials.
pub(crate) const SECRET_KEY: &str = "PROVISOR_SECRET_KEY";
/// Names the file with that key.
const SECRET_KEY_FILE: &str = "PROVISOR_SECRET_KEY_FILE";

/// The key of targets' credentials, for commands: from the environment, else beside the database.
pub(crate) fn secret_key(database: &Path) -> Result<SecretKey, Failure> {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let key = match (variable(SECRET_KEY), variable(SECRET_KEY_FILE)) {
        (Some(text), _) => SecretKey::from_text(&text).map_err(Failure::usage)?,
        (None, Some(path)) => SecretKey::in_file(path),
        (None, None) => SecretKey::default(),
    };
    Ok(key.for_database(database))
}

/// Bytes that this user can still write in a folder.
pub(crate) fn free_space(folder: &Path) -> io::Result<u64> {
    #[cfg(unix)]
    {
        let volume = rustix::fs::statvfs(folder)?;
        Ok(volume.f_bavail.saturating_mul(volume.f_frsize))
    }
    #[cfg(not(unix))]
    {
        let _ = folder;
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Makes a rename in the folder of `path` survive a power failure.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    #[cfg(unix)]
    std::fs::File::open(folder)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// Refuses a path without a file.
fn demand(path: &Path) -> Result<(), Failure> {
    if path.exists() {
        return Ok(());
    }
    Err(Failure::unavailable(format!(
        "There is no database at {}. Name it with --database sqlite:PATH or PROVISOR_DATABASE; \
         `provisor dev`, `provisor serve` and `provisor tenant create` make a new one.",
        path.display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_are_named_by_scheme_and_path() {
        for (database, expected) in [
            ("sqlite:provisor.db", Some("provisor.db")),
            ("sqlite:/var/lib/p.db", Some("/var/lib/p.db")),
            ("sqlite:///var/lib/p.db", Some("/var/lib/p.db")),
            ("sqlite://p.db", Some("p.db")),
            ("sqlite:", None),
            ("sqlite::memory:", None),
            ("provisor.db", None),
            ("postgres://db/p", None),
            ("mysql://db", None),
        ] {
            assert_eq!(
                sqlite_path(database).ok(),
                expected.map(PathBuf::from),
                "{database}"
            );
        }
    }
}
