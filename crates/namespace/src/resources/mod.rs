//! The resources of a namespace that say who may do what: clients, client groups, topic spaces, permission bindings, CA
//! certificates. Who puts, deletes and lists them goes through [`Directory`].

mod client;
mod directory;
mod error;
mod permission;
mod role;
mod thumbprint;

use crate::names::{GroupRef, ResourceName};
use crate::query::Query;
use crate::template::Template;

pub use client::{CertificateRule, Client};
pub use directory::Directory;
pub use error::{ResourceError, ResourceKind};
pub use permission::Permission;
pub use role::{RoleAssignment, RoleScope};
pub use thumbprint::{InvalidThumbprint, Thumbprint};

/// Clients by what is known of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientGroup {
    /// Its name.
    pub name: ResourceName,
    /// For people.
    pub description: String,
    /// Who belongs to it.
    pub query: Query,
}

/// Topics that are granted together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSpace {
    /// Its name.
    pub name: ResourceName,
    /// For people.
    pub description: String,
    /// The topics; at most ten.
    pub templates: Vec<Template>,
}

/// Grants the topics of a space to the clients of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PermissionBinding {
    /// Its name.
    pub name: ResourceName,
    /// For people.
    pub description: String,
    /// Whom it grants them.
    pub group: GroupRef,
    /// The topics.
    pub topic_space: ResourceName,
    /// What for.
    pub permission: Permission,
}

#[cfg(test)]
mod tests;
