//! Roles of identities of Entra ID, which permission bindings do not concern.

use super::permission::Permission;
use crate::names::{ObjectId, ResourceName};

/// Gives an identity a role: `EventGrid TopicSpaces Publisher` or `EventGrid TopicSpaces Subscriber`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoleAssignment {
    /// Whom.
    pub object_id: ObjectId,
    /// Which role.
    pub role: Permission,
    /// Where.
    pub scope: RoleScope,
}

/// Where a role holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RoleScope {
    /// In all topic spaces of the namespace: assigned at the namespace, its resource group or its subscription.
    Namespace,
    /// In this topic space.
    TopicSpace(ResourceName),
}

impl RoleScope {
    /// The topic space, if it is one.
    pub fn topic_space(&self) -> Option<&ResourceName> {
        match self {
            Self::Namespace => None,
            Self::TopicSpace(name) => Some(name),
        }
    }

    /// Whether the role holds in this topic space.
    pub fn covers(&self, topic_space: &ResourceName) -> bool {
        self.topic_space().is_none_or(|name| name == topic_space)
    }
}
