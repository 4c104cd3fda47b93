//! A directory that keeps what a service knows, across restarts: documents in JSON, each in a file of its own.
//!
//! Files are replaced whole: written beside their place, synced, renamed. A crash leaves the old or the new one.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use azmqtt_net::sync::Mutex;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::files::{
    FileError, make_private_dir, open_locked, read_if_there, release, remove_unfinished, sync_parent,
    write_whole,
};

/// Why a state directory cannot be used.
#[derive(Debug)]
pub enum StateError {
    /// A file or directory cannot be read or written.
    File(FileError),
    /// A file is invalid.
    Corrupt {
        /// Which one.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The directory belongs to a service that is running.
    InUse(PathBuf),
}

impl StateError {
    /// The file is invalid.
    pub fn corrupt(path: &Path, reason: impl fmt::Display) -> Self {
        Self::Corrupt { path: path.to_owned(), reason: reason.to_string() }
    }
}

impl From<FileError> for StateError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::Corrupt { path, reason } => write!(f, "{} is damaged: {reason}", path.display()),
            Self::InUse(path) => write!(f, "{} is in use by another process", path.display()),
        }
    }
}

impl std::error::Error for StateError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File(error) => Some(&error.source),
            Self::Corrupt { .. } | Self::InUse(_) => None,
        }
    }
}

/// An opened state directory; no other service opens it meanwhile.
pub struct StateDir {
    root: PathBuf,
    /// Until the directory is released.
    lock: Mutex<Option<File>>,
}

/// Also where what is in the directory turned out to be damaged.
impl Drop for StateDir {
    fn drop(&mut self) {
        self.release();
    }
}

impl StateDir {
    /// Opens a directory, made if it is missing. `directories` are those in it, and `files` those that
    /// [`write_whole`] makes in the directory itself.
    pub fn open(root: &Path, directories: &[&str], files: &[&str]) -> Result<Self, StateError> {
        for name in directories {
            let dir = root.join(name);
            make_private_dir(&dir).map_err(|error| FileError::new(&dir, error))?;
        }
        let path = root.join("lock");
        let lock = open_locked(&path).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => StateError::InUse(root.to_owned()),
            _ => FileError::new(&path, error).into(),
        })?;
        for name in files {
            remove_unfinished(&root.join(name).with_extension("tmp"));
        }
        Ok(Self { root: root.to_owned(), lock: Mutex::new(Some(lock)) })
    }

    /// Lets another service open it, though a forked child may still hold a copy of the open lock.
    pub fn release(&self) {
        if let Some(lock) = self.lock.lock().take() {
            release(&lock);
        }
    }

    /// Where a file of the directory lies.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// A document that is kept under that name, if it is: its path, for errors, and its content.
    pub fn document(&self, name: &str) -> Result<Option<(PathBuf, Value)>, StateError> {
        let path = self.root.join(name);
        let Some(bytes) = read_if_there(&path)? else { return Ok(None) };
        let value = serde_json::from_slice(&bytes).map_err(|error| StateError::corrupt(&path, error))?;
        Ok(Some((path, value)))
    }

    /// Keeps a document; returns when it is safe on the disk.
    pub fn save_document(&self, name: &str, content: &Value) -> Result<(), FileError> {
        write_whole(&self.root.join(name), content.to_string().as_bytes())
    }

    /// Forgets a document, if it is there.
    pub fn remove_document(&self, name: &str) -> Result<(), FileError> {
        remove_durably(&self.root.join(name))
    }

    /// Every document of a directory: its path, for errors, and its content.
    pub fn all(&self, directory: &str) -> Result<Vec<(PathBuf, Value)>, StateError> {
        let dir = self.root.join(directory);
        let failed = |error| StateError::from(FileError::new(&dir, error));
        let mut all = Vec::new();
        for entry in fs::read_dir(&dir).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                if path.extension().is_some_and(|extension| extension == "tmp") {
                    remove_unfinished(&path);
                }
                continue;
            }
            let bytes = fs::read(&path).map_err(|error| FileError::new(&path, error))?;
            let value = serde_json::from_slice(&bytes).map_err(|error| StateError::corrupt(&path, error))?;
            all.push((path, value));
        }
        Ok(all)
    }

    /// Keeps one of a directory's documents; returns when it is safe on the disk. One of the same name is written by one
    /// thread at a time.
    pub fn save_one(&self, directory: &str, name: &str, content: &Value) -> Result<(), FileError> {
        write_whole(&self.file(directory, name), content.to_string().as_bytes())
    }

    /// Forgets one of a directory's documents, if it is there.
    pub fn remove_one(&self, directory: &str, name: &str) -> Result<(), FileError> {
        remove_durably(&self.file(directory, name))
    }

    /// A readable name, and a hash because ids may hold what file names may not, and differ in case alone.
    fn file(&self, directory: &str, name: &str) -> PathBuf {
        let readable: String = name
            .chars()
            .map(|c| if c == '/' { '_' } else { c })
            .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
            .take(40)
            .collect();
        let mark = if cfg!(windows) && is_device(&readable) { "_" } else { "" };
        let hash = Sha256::digest(name.as_bytes());
        let hash = hash.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        self.root.join(directory).join(format!("{readable}{mark}.{hash:016x}.json"))
    }
}

/// Whether Windows takes a file of this name for a device, whatever its extension is.
fn is_device(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let numbered =
        |kind: &str| name.strip_prefix(kind).is_some_and(|rest| matches!(rest.as_bytes(), [b'0'..=b'9']));
    matches!(name.as_str(), "CON" | "PRN" | "AUX" | "NUL") || numbered("COM") || numbered("LPT")
}

/// Removes a file, if it is there; returns when it is gone for good.
fn remove_durably(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path).and_then(|()| sync_parent(path)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FileError::new(path, error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::temp_dir::TempDir;

    #[test]
    fn a_directory_that_was_released_is_free_though_its_owner_lives() {
        let dir = TempDir::make("azmqtt-local-test-").unwrap();
        let open = || StateDir::open(&dir.join("state"), &["documents"], &[]);
        let opened = open().unwrap();
        assert!(matches!(open(), Err(StateError::InUse(_))));
        opened.release();
        let next = open().unwrap();
        // The next one's lock is not the first one's to end.
        opened.release();
        drop(opened);
        assert!(matches!(open(), Err(StateError::InUse(_))));
        drop(next);
    }

    #[test]
    fn names_of_devices_of_windows() {
        for name in ["con", "NUL", "aux", "Prn", "com1", "LPT9", "com0"] {
            assert!(is_device(name), "{name}");
        }
        for name in ["", "com", "com10", "console", "nul_", "lpt", "com1a"] {
            assert!(!is_device(name), "{name}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_directory_is_free_again_though_a_child_has_a_copy_of_the_lock() {
        let dir = TempDir::make("azmqtt-local-test-").unwrap();
        let open = || StateDir::open(&dir.join("state"), &["documents"], &[]);
        let opened = open().unwrap();
        assert!(matches!(open(), Err(StateError::InUse(_))));
        // What a child has between fork and exec.
        let copy = opened.lock.lock().as_ref().unwrap().try_clone().unwrap();
        drop(opened);
        drop(open().unwrap());
        drop(copy);
    }
}
