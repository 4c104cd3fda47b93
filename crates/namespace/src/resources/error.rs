//! Why a resource is not put or deleted.

use std::fmt;

/// A kind of resource, as its address spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResourceKind {
    /// `clients`.
    Client,
    /// `clientGroups`.
    ClientGroup,
    /// `topicSpaces`.
    TopicSpace,
    /// `permissionBindings`.
    PermissionBinding,
    /// `caCertificates`.
    CaCertificate,
    /// `Microsoft.Authorization/roleAssignments`.
    RoleAssignment,
}

impl ResourceKind {
    /// Those within a namespace, each after those that it may name.
    pub const WITHIN: [Self; 5] =
        [Self::CaCertificate, Self::Client, Self::ClientGroup, Self::TopicSpace, Self::PermissionBinding];

    /// As addresses of the service spell it.
    pub fn segment(self) -> &'static str {
        match self {
            Self::Client => "clients",
            Self::ClientGroup => "clientGroups",
            Self::TopicSpace => "topicSpaces",
            Self::PermissionBinding => "permissionBindings",
            Self::CaCertificate => "caCertificates",
            Self::RoleAssignment => "roleAssignments",
        }
    }

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::ClientGroup => "client group",
            Self::TopicSpace => "topic space",
            Self::PermissionBinding => "permission binding",
            Self::CaCertificate => "CA certificate",
            Self::RoleAssignment => "role assignment",
        }
    }
}

/// Why a resource is not put or deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResourceError {
    /// The namespace has as many of them as it may.
    LimitReached(ResourceKind, usize),
    /// Another client has this authentication name.
    AuthenticationNameTaken(String),
    /// A client's authentication name does not change.
    AuthenticationNameChanged,
    /// `ThumbprintMatch` takes one or two thumbprints.
    Thumbprints(usize),
    /// A topic space has one to ten templates.
    Templates(usize),
    /// A permission binding names what is not there.
    Missing(ResourceKind, String),
    /// A permission binding of this name uses it.
    InUse(ResourceKind, String),
}

impl fmt::Display for ResourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LimitReached(kind, limit) => {
                write!(f, "a namespace has at most {limit} resources of the kind {}", kind.name())
            }
            Self::AuthenticationNameTaken(name) => {
                write!(f, "another client has the authentication name {name}")
            }
            Self::AuthenticationNameChanged => f.write_str("the authentication name of a client is fixed"),
            Self::Thumbprints(count) => write!(f, "ThumbprintMatch needs 1 or 2 thumbprints, not {count}"),
            Self::Templates(count) => write!(f, "a topic space has 1 to 10 topic templates, not {count}"),
            Self::Missing(kind, name) => write!(f, "the {} {name} does not exist", kind.name()),
            Self::InUse(kind, binding) => {
                write!(f, "the {} is used by the permission binding {binding}", kind.name())
            }
        }
    }
}

impl std::error::Error for ResourceError {}
