//! The directory of a service without a state directory: it holds the service's certificate while it runs.
//!
//! A process that is killed, by SIGTERM for instance, leaves it behind; the next service of the same kind and user removes it. A
//! lock tells the directories of living services from others, also across containers that share the directory above.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::files::{FileError, make_temp_dir, open_locked};
use azmqtt_net::sync::Mutex;

/// Held while the service runs. It marks a directory of this kind: a state directory, which has a lock of its own, may have
/// any name.
const LOCK: &str = "temporary.lock";

/// At most so many names are looked at: a temporary directory may hold any number of files.
const MAX_LOOKED_AT: usize = 10_000;

/// A directory that is removed when it is closed, or by the next service.
#[derive(Debug)]
pub struct TempDir {
    path: PathBuf,
    lock: Mutex<Option<File>>,
}

impl TempDir {
    /// Makes one, and removes those that were left behind. `prefix` begins the names of this kind of service's.
    pub fn make(prefix: &str) -> Result<Self, FileError> {
        sweep(&std::env::temp_dir(), prefix);
        let path = make_temp_dir(prefix)?;
        // The lock gets its name when it is held: a file of that name that is not held was left behind.
        let unnamed = path.join("new.lock");
        let lock = open_locked(&unnamed)
            .and_then(|lock| fs::rename(&unnamed, path.join(LOCK)).map(|()| lock))
            .map_err(|error| FileError::new(&unnamed, error))?;
        Ok(Self { path, lock: Mutex::new(Some(lock)) })
    }

    /// A place in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Removes it. Whoever cleans the temporary directory may have been quicker.
    pub fn remove(&self) {
        // Windows removes no directory with an open file in it.
        drop(self.lock.lock().take());
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn sweep(root: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(root) else { return };
    let ours = |name: &str| name.starts_with(prefix);
    for entry in
        entries.flatten().take(MAX_LOOKED_AT).filter(|entry| entry.file_name().to_str().is_some_and(ours))
    {
        let lock = entry.path().join(LOCK);
        // Others' directories cannot be entered. The lock is held until the directory is gone.
        if lock.is_file()
            && let Ok(held) = open_locked(&lock)
        {
            #[cfg(windows)]
            drop(held);
            #[cfg(not(windows))]
            let _held = held;
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREFIX: &str = "azmqtt-hub-";

    #[test]
    fn what_was_left_behind_is_removed_and_what_is_in_use_stays() {
        let root = make_temp_dir(PREFIX).unwrap();
        let at = |name: &str| root.join(format!("{PREFIX}{name}"));
        for name in ["left", "used", "new"] {
            fs::create_dir(at(name)).unwrap();
        }
        fs::create_dir(root.join("other")).unwrap();
        for path in [at("left"), at("used"), root.join("other")] {
            fs::write(path.join(LOCK), "").unwrap();
        }
        // A state directory.
        fs::create_dir(at("state")).unwrap();
        fs::write(at("state").join("lock"), "").unwrap();
        let _used = open_locked(&at("used").join(LOCK)).unwrap();
        sweep(&root, PREFIX);
        let mut names: Vec<_> = fs::read_dir(&root)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["azmqtt-hub-new", "azmqtt-hub-state", "azmqtt-hub-used", "other"]);
        fs::remove_dir_all(root).unwrap();
    }
}
