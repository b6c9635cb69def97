//! Writes a file whole or not at all.
//! Must not know what is written; reading is the business of `source`.

#![expect(clippy::disallowed_types, reason = "with `source`, this is the one place that touches files")]
#![cfg_attr(test, expect(clippy::disallowed_methods, reason = "tests look at what was written"))]

use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use miette::Diagnostic;
use tempfile::NamedTempFile;

/// More symbolic links than this one after another are a loop; Linux draws the line there, too.
const MAX_LINKS: usize = 40;

/// Why a file could not be written.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum WriteError {
    /// It would have to be made in a directory that is not there.
    #[error("cannot write {path}: there is no directory {directory}")]
    #[diagnostic(code(bluegreen_lint::no_directory), help("create the directory first, or name another file"))]
    NoDirectory {
        /// The path as it was given.
        path: String,
        /// The directory.
        directory: String,
    },
    /// Its owner does not want it changed.
    #[error("cannot write {path}: it is read-only")]
    #[diagnostic(code(bluegreen_lint::read_only), help("make it writable, or name another file"))]
    ReadOnly {
        /// The path as it was given.
        path: String,
    },
    /// The operating system refuses.
    #[error("cannot write {path}: {reason}")]
    #[diagnostic(code(bluegreen_lint::unwritable), help("check the path and its permissions"))]
    Unwritable {
        /// The path as it was given.
        path: String,
        /// What the operating system says.
        reason: String,
    },
}

/// Replaces a file, or makes it, in one step: whoever reads it meanwhile sees all of the old text or all of the new.
///
/// A symbolic link stays one, and the file that it leads to is replaced. Permissions stay; so does the owner where the
/// system allows that. What is no regular file, such as `/dev/stdout` or a pipe, is written to as it is.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    let unwritable =
        |error: io::Error| WriteError::Unwritable { path: path.display().to_string(), reason: error.to_string() };
    let target = behind_links(path).map_err(unwritable)?;
    let existing = match fs::metadata(&target) {
        Ok(metadata) if metadata.permissions().readonly() => {
            return Err(WriteError::ReadOnly { path: path.display().to_string() });
        }
        Ok(metadata) if !metadata.is_file() => {
            let mut file = File::options().write(true).open(&target).map_err(unwritable)?;
            return file.write_all(bytes).map_err(unwritable);
        }
        Ok(metadata) => Some(metadata),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(unwritable(error)),
    };
    let directory = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !directory.is_dir() {
        let (path, directory) = (path.display().to_string(), directory.display().to_string());
        return Err(WriteError::NoDirectory { path, directory });
    }
    replace(&target, directory, existing.as_ref(), bytes).map_err(unwritable)
}

fn replace(target: &Path, directory: &Path, existing: Option<&Metadata>, bytes: &[u8]) -> io::Result<()> {
    let mut file = new_file(directory, existing.is_some())?;
    file.write_all(bytes)?;
    if let Some(existing) = existing {
        keep_owner(file.as_file(), existing);
        file.as_file().set_permissions(existing.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(target).map(drop).map_err(|error| error.error)
}

/// A file beside the one to write, which nobody else can read if it is going to get the permissions of another.
fn new_file(directory: &Path, replaces: bool) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".bluegreen-").suffix(".tmp");
    #[cfg(unix)]
    if !replaces {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    #[cfg(not(unix))]
    let _ = replaces;
    builder.tempfile_in(directory)
}

/// Gives a file to whom the replaced one belonged. Only root can give to others: for anybody else it is theirs already.
#[cfg(unix)]
fn keep_owner(file: &File, existing: &Metadata) {
    use std::os::unix::fs::MetadataExt as _;
    let _ = std::os::unix::fs::fchown(file, Some(existing.uid()), Some(existing.gid()));
}

#[cfg(not(unix))]
fn keep_owner(_file: &File, _existing: &Metadata) {}

/// The path that symbolic links lead to in the end, whether or not there is a file.
fn behind_links(path: &Path) -> io::Result<PathBuf> {
    let mut at = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&at) {
            Ok(to) => at = at.parent().unwrap_or(Path::new("")).join(to),
            // Not a link, or not there: that is what is written.
            Err(_) => return Ok(at),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(directory: &Path) -> usize {
        fs::read_dir(directory).unwrap().count()
    }

    #[test]
    fn a_file_is_made_and_replaced() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a.json");
        for text in ["first, and longer", "second", ""] {
            write_atomically(&path, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        assert_eq!(entries(root.path()), 1, "nothing else is left");
    }

    #[test]
    fn what_is_in_the_way_is_named() {
        let root = tempfile::tempdir().unwrap();
        let say = |path: &Path| write_atomically(path, b"x").unwrap_err().to_string();
        let missing = say(&root.path().join("no/a.json"));
        assert!(missing.contains("no/a.json: there is no directory"), "{missing}");
        assert!(say(root.path()).starts_with("cannot write"));
        let locked = root.path().join("locked.json");
        fs::write(&locked, "kept").unwrap();
        let mut permissions = fs::metadata(&locked).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&locked, permissions).unwrap();
        assert!(say(&locked).ends_with("it is read-only"));
        assert_eq!(fs::read_to_string(&locked).unwrap(), "kept");
        assert_eq!(entries(root.path()), 1, "nothing else is left");
    }

    #[cfg(unix)]
    #[test]
    fn links_and_permissions_stay() {
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("real")).unwrap();
        let real = root.path().join("real/a.yaml");
        fs::write(&real, "old").unwrap();
        fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("real/a.yaml", root.path().join("near")).unwrap();
        symlink("near", root.path().join("far")).unwrap();
        write_atomically(&root.path().join("far"), b"new").unwrap();
        assert_eq!(fs::read_to_string(&real).unwrap(), "new");
        assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(fs::symlink_metadata(root.path().join("far")).unwrap().is_symlink());

        symlink("real/made.yaml", root.path().join("dangling")).unwrap();
        write_atomically(&root.path().join("dangling"), b"made").unwrap();
        assert_eq!(fs::read_to_string(root.path().join("real/made.yaml")).unwrap(), "made");

        symlink("round", root.path().join("round")).unwrap();
        let round = write_atomically(&root.path().join("round"), b"x").unwrap_err().to_string();
        assert!(round.contains("too many symbolic links"), "{round}");
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_written_to_and_stays() {
        write_atomically(Path::new("/dev/null"), b"x").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }
}
