//! Who may publish and subscribe: the client groups to which a client belongs, the topic spaces to which permission bindings
//! lead from there, and their templates. What no binding grants is denied. Identities of Entra ID have roles instead of
//! bindings.

mod cache;
mod rights;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::names::{AuthenticationName, GroupRef, ResourceName};
use crate::principal::{Principal, Standing};
use crate::query::Query;
use crate::resources::{Directory, Permission, RoleScope, TopicSpace};
use crate::topic::{InvalidTopic, Levels};

pub use cache::TopicCache;
pub use rights::Rights;

/// What a client wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action<'a> {
    /// To publish on this topic.
    Publish(&'a str),
    /// To subscribe to this topic filter; of a shared subscription without `$share` and the group.
    Subscribe(&'a str),
}

/// Whether it may, and why. For records: a client is never told more than that it may not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A template of this topic space is for it.
    Allowed {
        /// The topic space.
        topic_space: ResourceName,
        /// The template, as it was written.
        template: String,
    },
    /// No.
    Denied(Denial),
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denial {
    /// The topic or filter is none that the namespace takes.
    Invalid(InvalidTopic),
    /// No permission binding gives a group of the client any such permission.
    NoBinding(Permission),
    /// None of the templates of these topic spaces is for it.
    NoTemplate(Vec<ResourceName>),
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(error) => error.fmt(f),
            Self::NoBinding(permission) => write!(
                f,
                "no permission binding with the permission {} is for a client group of this client",
                permission.name()
            ),
            Self::NoTemplate(spaces) => {
                let names: Vec<&str> = spaces.iter().map(ResourceName::as_str).collect();
                write!(f, "no topic template matches in the topic spaces {}", names.join(", "))
            }
        }
    }
}

/// The groups, bindings and topic spaces of a namespace, put together for judging.
#[derive(Debug, Default)]
pub struct Access {
    /// In the order of the bits of a [`Membership`].
    groups: Vec<Query>,
    grants: Vec<Grant>,
    spaces: Vec<Arc<TopicSpace>>,
    /// By the names under which identities of Entra ID show themselves.
    roles: HashMap<AuthenticationName, Vec<(Permission, RoleScope)>>,
    /// What is granted to those who belong to the same groups.
    rights: HashMap<Membership, Arc<Rights>>,
}

/// The groups to which a client belongs, as a set of bits; that of `$all` is always there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Membership(u32);

impl Membership {
    const ALL: u32 = 1;
}

/// A permission binding.
#[derive(Debug)]
struct Grant {
    group: Membership,
    space: Arc<TopicSpace>,
    permission: Permission,
}

impl Access {
    /// What the resources say now.
    pub fn new(directory: &Directory) -> Self {
        let bit = |index: usize| Membership(Membership::ALL << (index + 1));
        let names: Vec<&ResourceName> = directory.groups().map(|group| &group.name).collect();
        let grants = directory.bindings().filter_map(|binding| {
            let group = match &binding.group {
                GroupRef::All => Membership(Membership::ALL),
                GroupRef::Named(name) => bit(names.iter().position(|known| *known == name)?),
            };
            let space = directory.topic_space(&binding.topic_space)?.clone();
            Some(Grant { group, space, permission: binding.permission })
        });
        let groups = directory.groups().map(|group| group.query.clone()).collect();
        let mut roles: HashMap<_, Vec<_>> = HashMap::new();
        for assignment in directory.roles() {
            let name = AuthenticationName::from(&assignment.object_id);
            roles.entry(name).or_default().push((assignment.role, assignment.scope.clone()));
        }
        let (grants, spaces) = (grants.collect(), directory.topic_spaces().cloned().collect());
        Self { groups, grants, spaces, roles, rights: HashMap::new() }
    }

    /// What is granted to this client, by what its standing says.
    pub fn rights_of(&mut self, principal: &Principal, standing: Standing) -> Arc<Rights> {
        match standing {
            Standing::Resource | Standing::Asserted => self.rights(principal),
            Standing::Roles => Arc::new(self.role_rights(principal)),
        }
    }

    /// What roles grant to this identity of Entra ID.
    fn role_rights(&self, principal: &Principal) -> Rights {
        let mut rights = Rights::default();
        for (role, scope) in self.roles.get(&principal.name).into_iter().flatten() {
            for space in self.spaces.iter().filter(|space| scope.covers(&space.name)) {
                rights.add(*role, space);
            }
        }
        rights
    }

    /// What bindings grant to this client. Clients of the same groups share it.
    pub fn rights(&mut self, principal: &Principal) -> Arc<Rights> {
        let membership = self.membership(principal);
        let grants = &self.grants;
        self.rights.entry(membership).or_insert_with(|| Arc::new(rights_of(grants, membership))).clone()
    }

    /// Whether the client may do that, and why.
    pub fn may(&self, principal: &Principal, action: Action<'_>) -> Verdict {
        let rights = rights_of(&self.grants, self.membership(principal));
        let (permission, text) = match action {
            Action::Publish(topic) => (Permission::Publisher, topic),
            Action::Subscribe(filter) => (Permission::Subscriber, filter),
        };
        let levels = match action {
            Action::Publish(topic) => Levels::of(topic),
            Action::Subscribe(_) => Levels::of_filter(text),
        };
        let levels = match levels {
            Ok(levels) => levels,
            Err(error) => return Verdict::Denied(Denial::Invalid(error)),
        };
        let spaces = rights.spaces(permission);
        if spaces.is_empty() {
            return Verdict::Denied(Denial::NoBinding(permission));
        }
        match rights.find(principal, permission, &levels) {
            Some((space, template)) => {
                Verdict::Allowed { topic_space: space.name.clone(), template: template.as_str().to_owned() }
            }
            None => {
                Verdict::Denied(Denial::NoTemplate(spaces.iter().map(|space| space.name.clone()).collect()))
            }
        }
    }

    fn membership(&self, principal: &Principal) -> Membership {
        let mut bits = Membership::ALL;
        for (index, query) in self.groups.iter().enumerate() {
            if query.includes(principal) {
                bits |= Membership::ALL << (index + 1);
            }
        }
        Membership(bits)
    }
}

fn rights_of(grants: &[Grant], membership: Membership) -> Rights {
    let mut rights = Rights::default();
    for grant in grants.iter().filter(|grant| membership.0 & grant.group.0 != 0) {
        rights.add(grant.permission, &grant.space);
    }
    rights
}

#[cfg(test)]
mod tests;
