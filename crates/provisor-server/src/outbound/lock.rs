//! One run of a target at a time, over all processes of the machine; a lock ends with its process.

use std::{
    fs::{File, OpenOptions, TryLockError},
    path::Path,
};

use provisor_store::{TargetId, TenantId};

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
        let path = database.with_extension(format!("push-{tenant}-{target}.lock"));
        let failed = |error: std::io::Error| {
            format!("The lock {} cannot be taken: {error}.", path.display())
        };
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(RunLock { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
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
}
