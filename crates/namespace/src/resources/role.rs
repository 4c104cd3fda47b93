//! Roles of identities of Entra ID, which permission bindings do not concern.

use crate::names::{ObjectId, ResourceName};
use crate::resources::Permission;

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
    /// Whether the role holds in this topic space.
    pub fn covers(&self, topic_space: &ResourceName) -> bool {
        match self {
            Self::Namespace => true,
            Self::TopicSpace(name) => name == topic_space,
        }
    }
}
