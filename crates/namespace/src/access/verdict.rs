//! Whether a client may do something, and why: for programs that watch the namespace. A client learns only that an action
//! is denied.

use std::fmt;

use crate::names::{GroupRef, ResourceName};
use crate::resources::Permission;
use crate::topic::InvalidTopic;

/// Whether a client may do something, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Allowed, by each of these.
    Allowed(Vec<Grounds>),
    /// Denied, for this reason.
    Denied(Denial),
}

/// What allows something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grounds {
    /// What grants the topic space.
    pub source: Source,
    /// The topic space.
    pub topic_space: ResourceName,
    /// The first of its templates that matches, as it was written.
    pub template: String,
}

/// What grants a topic space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A permission binding and its client group.
    Binding {
        /// The binding.
        name: ResourceName,
        /// The group.
        group: GroupRef,
    },
    /// A role of Entra ID.
    Role(Permission),
}

/// Why an action is denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denial {
    /// The namespace does not accept the topic or filter.
    Invalid(InvalidTopic),
    /// A topic to publish to has a wildcard.
    Wildcard,
    /// The topic begins with `$`, which a behaviour refuses.
    Dollar,
    /// The client is disabled.
    Disabled,
    /// No permission binding gives this permission to a group of the client.
    NoBinding(Permission),
    /// The Entra ID identity does not have the role.
    NoRole(Permission),
    /// No template of these topic spaces matches the topic or covers the filter.
    NoTemplate(Permission, Vec<ResourceName>),
}

impl Denial {
    /// What the user can do.
    pub fn advice(&self) -> String {
        match self {
            Self::Invalid(InvalidTopic::TooLong | InvalidTopic::TooDeep) => "Use a shorter topic.".to_owned(),
            Self::Invalid(InvalidTopic::Malformed) => "Correct the topic filter.".to_owned(),
            Self::Wildcard => "Use a topic without + and #.".to_owned(),
            Self::Dollar => {
                "Use another topic, or start the namespace with another value of the behaviour dollar_topics."
                    .to_owned()
            }
            Self::Disabled => "Enable the client.".to_owned(),
            Self::NoBinding(permission) => format!(
                "Create a permission binding with the permission {} for a group of the client and a topic space with a \
                 template for this topic.",
                permission.name()
            ),
            Self::NoRole(permission) => {
                format!("Assign the role {} to the identity.", permission.role_name())
            }
            Self::NoTemplate(Permission::Publisher, _) => {
                "Correct the topic, or add a template that matches it to one of these topic spaces."
                    .to_owned()
            }
            Self::NoTemplate(Permission::Subscriber, _) => {
                "Narrow the filter, or add a template that covers all of it to one of these topic spaces."
                    .to_owned()
            }
        }
    }

    /// The topic spaces whose templates do not match.
    pub fn topic_spaces(&self) -> &[ResourceName] {
        match self {
            Self::NoTemplate(_, spaces) => spaces,
            _ => &[],
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(error) => error.fmt(f),
            Self::Wildcard => f.write_str("a topic to publish to must not contain wildcards"),
            Self::Dollar => f.write_str("the namespace refuses topics that begin with $"),
            Self::Disabled => f.write_str("the client is disabled"),
            Self::NoBinding(permission) => write!(
                f,
                "no permission binding with the permission {} applies to a client group of this client",
                permission.name()
            ),
            Self::NoRole(permission) => {
                write!(f, "the identity does not have the role {}", permission.role_name())
            }
            Self::NoTemplate(permission, spaces) => {
                let verb = match permission {
                    Permission::Publisher => "matches",
                    Permission::Subscriber => "covers the filter",
                };
                let names: Vec<&str> = spaces.iter().map(ResourceName::as_str).collect();
                write!(f, "no topic template {verb} in the topic spaces {}", names.join(", "))
            }
        }
    }
}
