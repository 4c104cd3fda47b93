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

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::HubError;
use crate::id::Id;
use azmqtt_local::files::{read_if_there, write_whole};
use azmqtt_net::sync::Mutex;

/// How the name of the directory of a hub without a state directory begins.
pub const TEMP_DIR_PREFIX: &str = "azmqtt-hub-";

/// The name of the file that devices trust.
pub const CA_FILE: &str = "ca.pem";
const POLICIES_FILE: &str = "policies.json";
const PROVISIONING_FILE: &str = "provisioning.json";
/// The name of the file with its key.
pub const CA_KEY_FILE: &str = "ca-key.pem";
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
    dir: azmqtt_local::state_dir::StateDir,
    /// Held while [`CLIENT_CA_FILE`] is written, so that an older one never overwrites a newer one.
    authorities: Mutex<()>,
}

impl StateDir {
    /// Opens a directory, made if it is missing.
    pub fn open(root: &Path) -> Result<Self, HubError> {
        let dir = azmqtt_local::state_dir::StateDir::open(root, &Kind::ALL.map(Kind::directory), &ALL_FILES)?;
        Ok(Self { dir, authorities: Mutex::default() })
    }

    /// Lets another hub open it, though a forked child may still hold a copy of the open lock.
    pub fn release(&self) {
        self.dir.release();
    }

    /// Where the authority's certificate lies.
    pub fn ca_file(&self) -> PathBuf {
        self.dir.path(CA_FILE)
    }

    /// Where the authority's private key lies.
    pub fn ca_key_file(&self) -> PathBuf {
        self.dir.path(CA_KEY_FILE)
    }

    /// The authorities for client certificates that are kept here, in PEM: their path, for errors, and their text.
    pub fn client_authorities(&self) -> Result<Option<(PathBuf, Vec<u8>)>, HubError> {
        let path = self.dir.path(CLIENT_CA_FILE);
        Ok(read_if_there(&path)?.map(|pem| (path, pem)))
    }

    /// Keeps the authorities for client certificates, as they are when it is their turn to be written.
    pub fn save_client_authorities(&self, pem: impl FnOnce() -> String) -> Result<(), HubError> {
        let _writing = self.authorities.lock();
        Ok(write_whole(&self.dir.path(CLIENT_CA_FILE), pem().as_bytes())?)
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
        Ok(self.dir.document(name)?)
    }

    /// Keeps a document; returns when it is safe on the disk.
    pub fn save_document(&self, name: &str, content: &Value) -> Result<(), HubError> {
        Ok(self.dir.save_document(name, content)?)
    }

    /// Every file of a kind: its path, for errors, and its content.
    pub fn all(&self, kind: Kind) -> Result<Vec<(PathBuf, Value)>, HubError> {
        Ok(self.dir.all(kind.directory())?)
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
        Ok(self.dir.save_one(kind.directory(), name, content)?)
    }

    /// Forgets one of a kind, if it is there.
    pub fn remove_one(&self, kind: Kind, name: &str) -> Result<(), HubError> {
        Ok(self.dir.remove_one(kind.directory(), name)?)
    }
}

/// A module's name is its device's and its own; no id holds the slash between the two.
fn kind_of(id: Id<'_>) -> Kind {
    if id.module.is_some() { Kind::Module } else { Kind::Device }
}

/// Makes a directory under the system's temporary one.
#[cfg(test)]
pub fn make_temp_dir() -> Result<PathBuf, HubError> {
    Ok(azmqtt_local::files::make_temp_dir(TEMP_DIR_PREFIX)?)
}
