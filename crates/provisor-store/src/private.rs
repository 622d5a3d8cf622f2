//! Files and folders for their owner alone, whatever the umask: what is in them is personal.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io,
    path::Path,
};

/// Makes a file that only its owner may read and write (0600).
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if something of this name is there; whatever the system says.
pub fn create_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Sees to it that the file is there, for its owner alone if it is new; one that is there keeps
/// its mode. SQLite gives its journals the mode of the database they belong to.
///
/// # Errors
/// Whatever the system says.
pub fn ensure_file(path: &Path) -> io::Result<()> {
    match create_file(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Makes the folder that a file is to be in, and those above it, for their owner alone (0700).
/// Folders that are there keep their mode.
///
/// # Errors
/// Whatever the system says.
pub fn ensure_folder_of(path: &Path) -> io::Result<()> {
    let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    else {
        return Ok(());
    };
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(all(test, unix))]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_new_is_its_owners_and_what_is_there_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a/b/file");
        ensure_folder_of(&file).unwrap();
        ensure_file(&file).unwrap();
        assert_eq!(mode(&file), 0o600);
        assert_eq!(mode(&folder.path().join("a")), 0o700);
        assert_eq!(mode(&folder.path().join("a/b")), 0o700);

        let error = create_file(&file).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        fs::set_permissions(folder.path().join("a/b"), fs::Permissions::from_mode(0o755)).unwrap();
        ensure_folder_of(&file).unwrap();
        ensure_file(&file).unwrap();
        assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o640, 0o755));
        ensure_folder_of(Path::new("file")).unwrap();
    }
}
