//! The resources' times, and the directory that keeps them.

use std::collections::HashMap;
use std::io;

use serde_json::Value;

use super::record::NamespaceRecord;
use super::stamp::Stamp;
use crate::config::NamespaceConfig;
use crate::documents::InvalidDocument;
use crate::error::NamespaceError;
use crate::resources::{ResourceError, ResourceKind};
use azmqtt_local::files::FileError;
use azmqtt_local::state_dir::StateDir;
use azmqtt_net::sync::Mutex;

/// The directories of a state directory.
pub fn directories() -> [&'static str; 5] {
    ResourceKind::WITHIN.map(ResourceKind::segment)
}

/// The file of the namespace itself.
pub const NAMESPACE_FILE: &str = "namespace.json";
/// How clients may show who they are, once that was set by itself.
pub const AUTHENTICATION_FILE: &str = "authentication.json";
/// Roles of identities of Entra ID.
pub const ROLES_FILE: &str = "roles.json";
/// Sessions, and messages that are kept.
pub const JOURNAL_FILE: &str = "sessions.journal";

/// When resources were made and changed, and where they are kept.
pub struct Store(pub(super) Mutex<Kept>);

pub(super) struct Kept {
    pub disk: Option<StateDir>,
    /// `None` while it is deleted.
    pub namespace: Option<NamespaceRecord>,
    pub stamps: HashMap<(ResourceKind, String), Stamp>,
}

/// Why a resource is not deleted, or put.
#[derive(Debug)]
pub enum ChangeError {
    /// The namespace is deleted.
    NoNamespace,
    /// A rule between resources.
    Resource(ResourceError),
    /// It cannot be read.
    Document(InvalidDocument),
    /// It cannot be kept.
    File(FileError),
    /// The system gives no random numbers.
    System(io::Error),
}

impl From<ResourceError> for ChangeError {
    fn from(error: ResourceError) -> Self {
        Self::Resource(error)
    }
}

impl From<InvalidDocument> for ChangeError {
    fn from(error: InvalidDocument) -> Self {
        Self::Document(error)
    }
}

impl From<FileError> for ChangeError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

impl From<io::Error> for ChangeError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

impl From<ChangeError> for NamespaceError {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::NoNamespace => Self::Deleted,
            ChangeError::Resource(error) => error.into(),
            ChangeError::Document(error) => error.into(),
            ChangeError::File(error) => error.into(),
            ChangeError::System(error) => Self::System(error),
        }
    }
}

/// A resource as it was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Put {
    /// Whether it is new.
    pub is_new: bool,
    /// When it was made and changed.
    pub stamp: Stamp,
}

impl Store {
    /// A namespace without resources, kept in the directory if there is one.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn new(config: &NamespaceConfig, disk: Option<StateDir>) -> io::Result<Self> {
        let namespace = Some(NamespaceRecord::new(config)?);
        Ok(Self(Mutex::new(Kept { disk, namespace, stamps: HashMap::new() })))
    }

    /// Gives the directory up, so that another namespace can have it.
    pub fn release(&self) {
        let disk = self.0.lock().disk.take();
        if let Some(disk) = disk {
            disk.release();
        }
    }

    /// When a resource was made and changed.
    pub fn stamp(&self, kind: ResourceKind, name: &str) -> Option<Stamp> {
        self.0.lock().stamps.get(&(kind, name.to_owned())).copied()
    }
}

impl Kept {
    pub fn check_exists(&self) -> Result<(), ChangeError> {
        if self.namespace.is_some() { Ok(()) } else { Err(ChangeError::NoNamespace) }
    }

    pub fn save(&self, kind: ResourceKind, name: &str, content: &Value) -> Result<(), FileError> {
        match &self.disk {
            Some(disk) => disk.save_one(kind.segment(), name, content),
            None => Ok(()),
        }
    }

    pub fn remove(&self, kind: ResourceKind, name: &str) -> Result<(), FileError> {
        match &self.disk {
            Some(disk) => disk.remove_one(kind.segment(), name),
            None => Ok(()),
        }
    }
}
