//! The state directory: what a hub keeps across restarts.
//!
//! ```text
//! DIR/lock             held while a hub runs on it
//! DIR/ca.pem           the certificate authority: what devices trust
//! DIR/ca-key.pem       its private key
//! DIR/client-ca.pem    whose signatures on client certificates are taken, once one was added
//! DIR/policies.json    the shared access policies of the hub, with their keys
//! DIR/provisioning.json  the provisioning service's id scope, and its owner's keys
//! DIR/configurations.json  configurations for many devices
//! DIR/devices/*.json   one file for each device: identity, keys, twin, messages to it
//! DIR/modules/*.json   one file for each module of a device: identity, keys, twin
//! DIR/enrollments/*.json, DIR/enrollment-groups/*.json, DIR/registrations/*.json
//!                      one file for each of the provisioning service's
//! DIR/jobs/*.json      one file for each job
//! ```
//!
//! Files are replaced whole: written beside their place, synced, renamed. A crash leaves the old or the new one.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::certificates::Authority;
use super::client_certificates::Authorities;
use super::error::HubError;
use super::id::Id;

/// The name of the file that devices trust.
pub const CA_FILE: &str = "ca.pem";
const POLICIES_FILE: &str = "policies.json";
const PROVISIONING_FILE: &str = "provisioning.json";
const CA_KEY_FILE: &str = "ca-key.pem";
/// Holds [`CA_FILE`]'s certificate too.
const CLIENT_CA_FILE: &str = "client-ca.pem";

/// The files of the directory itself that [`write_whole`] makes.
const ALL_FILES: [&str; 5] = [CA_FILE, CA_KEY_FILE, CLIENT_CA_FILE, POLICIES_FILE, PROVISIONING_FILE];

/// What has a file for each of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Device,
    Module,
    Enrollment,
    EnrollmentGroup,
    Registration,
    Job,
}

impl Kind {
    const ALL: [Self; 6] =
        [Self::Device, Self::Module, Self::Enrollment, Self::EnrollmentGroup, Self::Registration, Self::Job];

    fn directory(self) -> &'static str {
        match self {
            Self::Device => "devices",
            Self::Module => "modules",
            Self::Enrollment => "enrollments",
            Self::EnrollmentGroup => "enrollment-groups",
            Self::Registration => "registrations",
            Self::Job => "jobs",
        }
    }
}

/// An opened state directory; no other hub opens it meanwhile.
pub struct StateDir {
    root: PathBuf,
    lock: File,
    /// Held while [`CLIENT_CA_FILE`] is written, so that an older one never overwrites a newer one.
    authorities: Mutex<()>,
}

impl StateDir {
    /// Opens a directory, made if it is missing.
    pub fn open(root: &Path) -> Result<Self, HubError> {
        for kind in Kind::ALL {
            let dir = root.join(kind.directory());
            make_private_dir(&dir).map_err(|error| HubError::file(&dir, error))?;
        }
        let path = root.join("lock");
        let lock = open_locked(&path).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => HubError::StateInUse(root.to_owned()),
            _ => HubError::file(&path, error),
        })?;
        for name in ALL_FILES {
            remove_unfinished(&root.join(name).with_extension("tmp"));
        }
        Ok(Self { root: root.to_owned(), lock, authorities: Mutex::default() })
    }

    /// Lets another hub open it, though a forked child may still hold a copy of the open lock.
    pub fn release(&self) {
        release(&self.lock);
    }

    /// Where the authority's certificate lies.
    pub fn ca_file(&self) -> PathBuf {
        self.root.join(CA_FILE)
    }

    /// The authority kept here, made at the first call ever.
    pub fn authority(&self) -> Result<Authority, HubError> {
        let (path, key_path) = (self.ca_file(), self.root.join(CA_KEY_FILE));
        let Some(certificate) = read_if_there(&path)? else {
            let authority = Authority::generate()?;
            // The key goes first: a crash in between leaves no certificate, and the next start makes both anew.
            write_whole(&key_path, authority.key.as_bytes())?;
            write_whole(&path, authority.certificate.as_bytes())?;
            return Ok(authority);
        };
        let key = fs::read(&key_path).map_err(|error| HubError::file(&key_path, error))?;
        let text = |path, bytes| String::from_utf8(bytes).map_err(|_| HubError::corrupt(path, "not text"));
        let authority = Authority { certificate: text(&path, certificate)?, key: text(&key_path, key)? };
        let both = format!("it and {CA_KEY_FILE} are not a certificate and its key");
        authority.check().map_err(|error| HubError::corrupt(&path, format!("{both}: {error}")))?;
        Ok(authority)
    }

    /// Adds the authorities for client certificates that are kept here.
    pub fn load_client_authorities(&self, authorities: &Authorities) -> Result<(), HubError> {
        let path = self.root.join(CLIENT_CA_FILE);
        match read_if_there(&path)? {
            None => Ok(()),
            Some(pem) => authorities.add(&pem).map_err(|error| HubError::corrupt(&path, error)),
        }
    }

    /// Keeps the authorities for client certificates.
    pub fn save_client_authorities(&self, authorities: &Authorities) -> Result<(), HubError> {
        let _writing = self.authorities.lock().unwrap_or_else(PoisonError::into_inner);
        write_whole(&self.root.join(CLIENT_CA_FILE), authorities.to_pem().as_bytes())
    }

    /// What the provisioning service keeps, if it has kept anything: its path, for errors, and its content.
    pub fn provisioning(&self) -> Result<Option<(PathBuf, Value)>, HubError> {
        self.document(PROVISIONING_FILE)
    }

    /// Keeps it; returns when it is safe on the disk.
    pub fn save_provisioning(&self, content: &Value) -> Result<(), HubError> {
        self.save_document(PROVISIONING_FILE, content)
    }

    /// The shared access policies, as [`Self::provisioning`].
    pub fn policies(&self) -> Result<Option<(PathBuf, Value)>, HubError> {
        self.document(POLICIES_FILE)
    }

    /// Keeps them; returns when they are safe on the disk.
    pub fn save_policies(&self, content: &Value) -> Result<(), HubError> {
        self.save_document(POLICIES_FILE, content)
    }

    /// A document that is kept under that name, if it is: its path, for errors, and its content.
    pub fn document(&self, name: &str) -> Result<Option<(PathBuf, Value)>, HubError> {
        let path = self.root.join(name);
        let Some(bytes) = read_if_there(&path)? else { return Ok(None) };
        let value = serde_json::from_slice(&bytes).map_err(|error| HubError::corrupt(&path, error))?;
        Ok(Some((path, value)))
    }

    /// Keeps a document; returns when it is safe on the disk.
    pub fn save_document(&self, name: &str, content: &Value) -> Result<(), HubError> {
        write_whole(&self.root.join(name), content.to_string().as_bytes())
    }

    /// Every file of a kind: its path, for errors, and its content.
    pub fn all(&self, kind: Kind) -> Result<Vec<(PathBuf, Value)>, HubError> {
        let dir = self.root.join(kind.directory());
        let failed = |error| HubError::file(&dir, error);
        let mut all = Vec::new();
        for entry in fs::read_dir(&dir).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                if path.extension().is_some_and(|extension| extension == "tmp") {
                    remove_unfinished(&path);
                }
                continue;
            }
            let bytes = fs::read(&path).map_err(|error| HubError::file(&path, error))?;
            let value = serde_json::from_slice(&bytes).map_err(|error| HubError::corrupt(&path, error))?;
            all.push((path, value));
        }
        Ok(all)
    }

    /// Every device's file, then every module's.
    pub fn identities(&self) -> Result<Vec<(PathBuf, Value)>, HubError> {
        let mut identities = self.all(Kind::Device)?;
        identities.extend(self.all(Kind::Module)?);
        Ok(identities)
    }

    /// Keeps a device or module; returns when it is safe on the disk.
    pub fn save(&self, id: Id<'_>, content: &Value) -> Result<(), HubError> {
        self.save_one(kind_of(id), &id.to_string(), content)
    }

    /// Forgets a device or module.
    pub fn remove(&self, id: Id<'_>) -> Result<(), HubError> {
        self.remove_one(kind_of(id), &id.to_string())
    }

    /// Keeps one of a kind; returns when it is safe on the disk. One of the same name is written by one thread at a time.
    pub fn save_one(&self, kind: Kind, name: &str, content: &Value) -> Result<(), HubError> {
        write_whole(&self.file(kind, name), content.to_string().as_bytes())
    }

    /// Forgets one of a kind, if it is there.
    pub fn remove_one(&self, kind: Kind, name: &str) -> Result<(), HubError> {
        let path = self.file(kind, name);
        match fs::remove_file(&path).and_then(|()| sync_parent(&path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(HubError::file(&path, error)),
            _ => Ok(()),
        }
    }

    /// A readable name, and a hash because ids may hold what file names may not, and differ in case alone.
    fn file(&self, kind: Kind, name: &str) -> PathBuf {
        let readable: String = name
            .chars()
            .map(|c| if c == '/' { '_' } else { c })
            .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
            .take(40)
            .collect();
        let hash = Sha256::digest(name.as_bytes());
        let hash = hash.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        self.root.join(kind.directory()).join(format!("{readable}.{hash:016x}.json"))
    }
}

/// A module's name is its device's and its own; no id holds the slash between the two.
fn kind_of(id: Id<'_>) -> Kind {
    if id.module.is_some() { Kind::Module } else { Kind::Device }
}

/// Makes a directory, and those above it, that only this user can enter.
pub fn make_private_dir(path: &Path) -> io::Result<()> {
    private_dir_builder().recursive(true).create(path)
}

/// Makes a directory under the system's temporary one that nobody else can have prepared.
pub fn make_temp_dir() -> Result<PathBuf, HubError> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| HubError::System(io::Error::other(error.to_string())))?;
    let name = format!("azmqtt-hub-{:016x}", u64::from_ne_bytes(random));
    let path = std::env::temp_dir().join(name);
    private_dir_builder().create(&path).map_err(|error| HubError::file(&path, error))?;
    Ok(path)
}

fn private_dir_builder() -> DirBuilder {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, HubError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(HubError::file(path, error)),
    }
}

/// Removes what a crash, or a full disk, has left of a file that was being written; it may hold a key.
fn remove_unfinished(path: &Path) {
    // If it is there and stays, it does no harm otherwise.
    let _ = fs::remove_file(path);
}

/// Replaces a file, or leaves it as it was. Only this user can read it.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), HubError> {
    let beside = path.with_extension("tmp");
    let write = || {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        sync_parent(path)
    };
    write().map_err(|error| {
        remove_unfinished(&beside);
        HubError::file(path, error)
    })
}

/// Makes a rename, or a removal, durable. Windows has no such thing.
fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if cfg!(unix) => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

/// Opens a file that no other process can open this way; `WouldBlock` if one has. The lock ends with the file.
#[cfg(unix)]
pub(super) fn open_locked(path: &Path) -> io::Result<File> {
    use std::os::fd::AsRawFd;

    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    // SAFETY: flock takes a descriptor, which `file` keeps open during the call, and touches no memory.
    match unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } {
        0 => Ok(file),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Ends the lock for every process that shares it.
#[cfg(unix)]
fn release(lock: &File) {
    use std::os::fd::AsRawFd;

    // SAFETY: flock takes a descriptor, which `lock` keeps open during the call, and touches no memory. If it fails,
    // the lock ends with the file.
    unsafe { libc::flock(lock.as_raw_fd(), libc::LOCK_UN) };
}

/// The lock ends with the file, and nothing forks.
#[cfg(windows)]
fn release(_lock: &File) {}

/// Opens a file that no other process can open meanwhile; `WouldBlock` if one has.
#[cfg(windows)]
pub(super) fn open_locked(path: &Path) -> io::Result<File> {
    use std::os::windows::fs::OpenOptionsExt;

    const SHARING_VIOLATION: i32 = 32;
    let opened = OpenOptions::new().write(true).create(true).truncate(false).share_mode(0).open(path);
    opened.map_err(|error| match error.raw_os_error() {
        Some(SHARING_VIOLATION) => io::ErrorKind::WouldBlock.into(),
        _ => error,
    })
}
