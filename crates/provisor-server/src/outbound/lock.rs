//! One run of a target at a time, over all processes of the machine; a lock ends with its process.

use std::{
    collections::HashSet,
    fs::{File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use provisor_store::{Store, TargetId, TenantId};

/// Held while a target is pushed.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
}

impl RunLock {
    /// Takes the lock of a target beside its database; `None` while another run has it.
    ///
    /// # Errors
    /// When the lock's file cannot be made.
    pub fn take(
        database: &Path,
        (tenant, target): (TenantId, TargetId),
    ) -> Result<Option<RunLock>, String> {
        let path = path(database, (tenant, target));
        let failed =
            |error: io::Error| format!("The lock {} cannot be taken: {error}.", path.display());
        loop {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(false);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let file = options.open(&path).map_err(failed)?;
            match file.try_lock() {
                // Between opening and locking it may have been removed: the next one would make another file and lock that.
                Ok(()) if is_removed(&file).map_err(failed)? => {}
                Ok(()) => return Ok(Some(RunLock { _file: file })),
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
    }

    /// Whether a run holds it, of this process or of another one. Whoever takes it in this instant has to try again.
    pub fn is_held(database: &Path, place: (TenantId, TargetId)) -> bool {
        let Ok(file) = File::open(path(database, place)) else {
            return false;
        };
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
    }
}

fn path(database: &Path, (tenant, target): (TenantId, TargetId)) -> PathBuf {
    database.with_extension(format!("{BEFORE}{tenant}-{target}{AFTER}"))
}

/// What a lock's extension begins and ends with.
const BEFORE: &str = "push-";
const AFTER: &str = ".lock";

/// Removes the locks of targets that are no more; one that is held stays until the next time, such as a start of the server.
/// A file too many does no harm, so that nothing fails by it.
pub async fn forget_locks(store: &dyn Store, database: &Path) {
    let targets = async { store.read().await?.targets(None).await };
    let swept = match targets.await {
        Ok(targets) => {
            let known = targets.iter().map(|target| (target.tenant, target.id));
            sweep(database, &known.collect()).map_err(|error| error.to_string())
        }
        Err(error) => Err(error.to_string()),
    };
    if let Err(error) = swept {
        tracing::debug!(%error, "locks of forgotten targets stay");
    }
}

/// A lock is removed by who holds it, so that nobody else does.
fn sweep(database: &Path, known: &HashSet<(TenantId, TargetId)>) -> io::Result<()> {
    for (path, place) in locks(database)? {
        if known.contains(&place) {
            continue;
        }
        let file = match OpenOptions::new().write(true).open(&path) {
            Ok(file) => file,
            // Another one removed it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if file.try_lock().is_ok() && !is_removed(&file)? {
            std::fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// The locks beside a database, and whose they are.
fn locks(database: &Path) -> io::Result<Vec<(PathBuf, (TenantId, TargetId))>> {
    let folder = match database.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let stem = database.with_extension(BEFORE);
    let mut locks = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        let place = stem
            .file_name()
            .and_then(|stem| name.strip_prefix(stem.to_str()?)?.strip_suffix(AFTER))
            .and_then(|numbers| numbers.split_once('-'))
            .and_then(|(tenant, target)| Some((tenant.parse().ok()?, target.parse().ok()?)));
        if let Some((tenant, target)) = place {
            locks.push((path, (TenantId(tenant), TargetId(target))));
        }
    }
    Ok(locks)
}

/// Whether a file that is open has no name any more.
fn is_removed(file: &File) -> io::Result<bool> {
    #[cfg(unix)]
    {
        let links = std::os::unix::fs::MetadataExt::nlink(&file.metadata()?);
        Ok(links == 0)
    }
    // Elsewhere an open file keeps its name.
    #[cfg(not(unix))]
    {
        let _ = file;
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_pushed_by_one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("p.db");
        let take = |target| RunLock::take(&database, (TenantId(1), TargetId(target))).unwrap();
        let held = take(1);
        assert!(held.is_some() && take(1).is_none() && take(2).is_some());
        drop(held);
        assert!(take(1).is_some());
    }

    #[test]
    fn the_lock_of_a_forgotten_target_goes_once_nobody_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("p.db");
        let place = |target| (TenantId(1), TargetId(target));
        let take = |target| RunLock::take(&database, place(target)).unwrap().unwrap();
        let held = take(12);
        drop((take(2), take(3)));
        let other = folder.path().join("p.push-of-mine.lock");
        std::fs::write(&other, "").unwrap();
        let left = || {
            let mut places: Vec<i64> = locks(&database)
                .unwrap()
                .into_iter()
                .map(|(_, (_, target))| target.0)
                .collect();
            places.sort_unstable();
            places
        };
        assert_eq!(left(), [2, 3, 12]);
        let known = HashSet::from([place(3)]);
        sweep(&database, &known).unwrap();
        assert_eq!(left(), [3, 12]);
        drop(held);
        sweep(&database, &known).unwrap();
        assert_eq!(left(), [3]);
        assert!(other.exists());
    }

    #[test]
    fn two_runs_never_hold_one_lock_though_it_is_removed_in_between() {
        use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("p.db");
        let (holders, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while taken.load(SeqCst) < 300 {
                        let lock = RunLock::take(&database, (TenantId(1), TargetId(1))).unwrap();
                        if let Some(lock) = lock {
                            assert_eq!(holders.fetch_add(1, SeqCst), 0, "it is held twice");
                            taken.fetch_add(1, SeqCst);
                            std::thread::yield_now();
                            holders.fetch_sub(1, SeqCst);
                            drop(lock);
                        }
                        sweep(&database, &HashSet::new()).unwrap();
                    }
                });
            }
        });
    }
}
