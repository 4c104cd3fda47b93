//! Files that only this user can read, and that a crash leaves whole.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::secrets;

/// A file or directory cannot be read or written.
#[derive(Debug)]
pub struct FileError {
    /// Which one.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

impl FileError {
    /// The system's error about this path.
    pub fn new(path: &Path, source: io::Error) -> Self {
        Self { path: path.to_owned(), source }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.source)
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// Makes a directory, and those above it, that only this user can enter.
pub fn make_private_dir(path: &Path) -> io::Result<()> {
    private_dir_builder().recursive(true).create(path)
}

/// Makes a directory under the system's temporary one that nobody else can have prepared. Its name begins with `prefix`.
pub fn make_temp_dir(prefix: &str) -> Result<PathBuf, FileError> {
    let root = std::env::temp_dir();
    let random = secrets::random().map_err(|source| FileError { path: root.clone(), source })?;
    let path = root.join(format!("{prefix}{:016x}", u64::from_ne_bytes(random)));
    private_dir_builder().create(&path).map_err(|error| FileError::new(&path, error))?;
    Ok(path)
}

fn private_dir_builder() -> DirBuilder {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "there is no mode to set"))]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// The content of a file, if it is there.
pub fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(FileError::new(path, error)),
    }
}

/// Removes what a crash, or a full disk, has left of a file that was being written; it may hold a key.
pub(crate) fn remove_unfinished(path: &Path) {
    // If it is there and stays, it does no harm otherwise.
    let _ = fs::remove_file(path);
}

/// Replaces a file, or leaves it as it was. Only this user can read it.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let replaced = replace(path, |file| file.write_all(bytes));
    replaced.map(drop).map_err(|error| FileError::new(path, error))
}

/// Replaces a file by what `write` writes, or leaves it as it was. The file, still open, and what `write` returned.
pub(crate) fn replace<T>(
    path: &Path,
    write: impl FnOnce(&mut File) -> io::Result<T>,
) -> io::Result<(File, T)> {
    let beside = path.with_extension("tmp");
    let replaced = || {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&beside)?;
        let written = write(&mut file)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        sync_parent(path)?;
        Ok((file, written))
    };
    replaced().inspect_err(|_| remove_unfinished(&beside))
}

/// Makes a rename, or a removal, durable. Windows has no such thing.
pub(crate) fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if cfg!(unix) => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

/// Opens a file that no other process can open this way; `WouldBlock` if one has. The lock ends with the file.
#[cfg(unix)]
pub fn open_locked(path: &Path) -> io::Result<File> {
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::OpenOptionsExt;

    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    // SAFETY: flock takes a descriptor, which `file` keeps open during the call, and touches no memory.
    match unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } {
        0 => Ok(file),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Ends the lock for every process that shares it.
#[cfg(unix)]
pub(crate) fn release(lock: &File) {
    use std::os::fd::AsRawFd;

    // SAFETY: flock takes a descriptor, which `lock` keeps open during the call, and touches no memory. If it fails,
    // the lock ends with the file.
    unsafe { libc::flock(lock.as_raw_fd(), libc::LOCK_UN) };
}

/// The lock ends with the file, and nothing forks.
#[cfg(windows)]
pub(crate) fn release(_lock: &File) {}

/// Opens a file that no other process can open this way; `WouldBlock` if one has. The lock ends with the file.
#[cfg(windows)]
pub fn open_locked(path: &Path) -> io::Result<File> {
    use std::os::windows::fs::OpenOptionsExt;

    /// What others may do meanwhile: rename and delete it (`FILE_SHARE_DELETE`), but neither read nor write.
    const SHARE_DELETE: u32 = 4;
    const SHARING_VIOLATION: i32 = 32;
    let opened =
        OpenOptions::new().write(true).create(true).truncate(false).share_mode(SHARE_DELETE).open(path);
    opened.map_err(|error| match error.raw_os_error() {
        Some(SHARING_VIOLATION) => io::ErrorKind::WouldBlock.into(),
        _ => error,
    })
}
