//! Who may publish and subscribe: the client groups to which a client belongs, the topic spaces to which permission bindings
//! lead from there, and their templates. What no binding grants is denied. Identities of Entra ID have roles instead of
//! bindings.

mod cache;
mod groups;
mod rights;
mod verdict;

use std::collections::HashMap;
use std::sync::Arc;

use crate::names::{AuthenticationName, GroupRef, ResourceName};
use crate::principal::{Principal, Standing};
use crate::resources::{Directory, Permission, RoleScope, TopicSpace};
use crate::topic::{Levels, RequestedFilter};

pub use cache::TopicCache;
pub use groups::Groups;
pub use rights::Rights;
pub use verdict::{Denial, Grounds, Source, Verdict};

/// What a client wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action<'a> {
    /// To publish to this topic.
    Publish(&'a str),
    /// To subscribe to this topic filter, as a SUBSCRIBE has it.
    Subscribe(&'a str),
}

impl<'a> Action<'a> {
    /// The permission that allows it.
    pub fn permission(self) -> Permission {
        match self {
            Self::Publish(_) => Permission::Publisher,
            Self::Subscribe(_) => Permission::Subscriber,
        }
    }

    /// The topic, or the filter that topics are compared with.
    ///
    /// # Errors
    /// The namespace does not accept the topic or filter.
    pub fn topic(self) -> Result<&'a str, Denial> {
        match self {
            Self::Publish(topic) if topic.contains(['+', '#']) => Err(Denial::Wildcard),
            Self::Publish(topic) => Ok(topic),
            Self::Subscribe(filter) => {
                RequestedFilter::parse(filter).map(|asked| asked.filter).map_err(Denial::Invalid)
            }
        }
    }

    fn levels(self) -> Result<Levels<'a>, Denial> {
        let topic = self.topic()?;
        let levels = match self {
            Self::Publish(_) => Levels::of(topic),
            Self::Subscribe(_) => Levels::of_filter(topic),
        };
        levels.map_err(Denial::Invalid)
    }
}

/// The groups, bindings and topic spaces of a namespace, put together for judging.
#[derive(Debug, Default)]
pub struct Access {
    /// In the order of the bits of a [`Membership`].
    groups: Groups,
    bindings: Vec<(Membership, Grant)>,
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

/// A topic space that a permission binding or a role grants.
#[derive(Debug, Clone)]
struct Grant {
    source: Source,
    space: Arc<TopicSpace>,
    permission: Permission,
}

impl Access {
    /// What the resources say now.
    pub fn new(directory: &Directory) -> Self {
        let bit = |index: usize| Membership(Membership::ALL << (index + 1));
        let names: Vec<&ResourceName> = directory.groups().map(|group| &group.name).collect();
        let bindings = directory.bindings().filter_map(|binding| {
            let members = match &binding.group {
                GroupRef::All => Membership(Membership::ALL),
                GroupRef::Named(name) => bit(names.iter().position(|known| *known == name)?),
            };
            let space = directory.topic_space(&binding.topic_space)?.clone();
            let source = Source::Binding { name: binding.name.clone(), group: binding.group.clone() };
            Some((members, Grant { source, space, permission: binding.permission }))
        });
        let groups = directory.groups().map(|group| (group.name.clone(), group.query.clone()));
        let groups = Groups(groups.collect());
        let mut roles: HashMap<_, Vec<_>> = HashMap::new();
        for assignment in directory.roles() {
            let name = AuthenticationName::from(&assignment.object_id);
            roles.entry(name).or_default().push((assignment.role, assignment.scope.clone()));
        }
        let (bindings, spaces) = (bindings.collect(), directory.topic_spaces().cloned().collect());
        Self { groups, bindings, spaces, roles, rights: HashMap::new() }
    }

    /// What is granted to this client, by what its standing says.
    pub fn rights_of(&mut self, principal: &Principal, standing: Standing) -> Arc<Rights> {
        match standing {
            Standing::Resource | Standing::Asserted => self.rights(principal),
            Standing::Roles => Arc::new(Rights::of(self.grants_of_roles(principal).iter())),
        }
    }

    /// What bindings grant to this client. Clients of the same groups share it.
    pub fn rights(&mut self, principal: &Principal) -> Arc<Rights> {
        let membership = self.membership(principal);
        let bindings = &self.bindings;
        let rights = || Arc::new(Rights::of(grants_of_bindings(bindings, membership)));
        self.rights.entry(membership).or_insert_with(rights).clone()
    }

    /// Whether the client may do that, and why.
    pub fn may(&self, principal: &Principal, standing: Standing, action: Action<'_>) -> Verdict {
        let levels = match action.levels() {
            Ok(levels) => levels,
            Err(denial) => return Verdict::Denied(denial),
        };
        let permission = action.permission();
        let mut grants = match standing {
            Standing::Resource | Standing::Asserted => {
                grants_of_bindings(&self.bindings, self.membership(principal)).cloned().collect()
            }
            Standing::Roles => self.grants_of_roles(principal),
        };
        grants.retain(|grant| grant.permission == permission);
        let grounds = grants.iter().filter_map(|grant| {
            let template = rights::template_for(&grant.space, principal, permission, &levels)?;
            Some(Grounds {
                source: grant.source.clone(),
                topic_space: grant.space.name.clone(),
                template: template.as_str().to_owned(),
            })
        });
        let grounds: Vec<_> = grounds.collect();
        if !grounds.is_empty() {
            return Verdict::Allowed(grounds);
        }
        let mut spaces: Vec<_> = grants.into_iter().map(|grant| grant.space.name.clone()).collect();
        spaces.sort_unstable();
        spaces.dedup();
        Verdict::Denied(match (spaces.is_empty(), standing) {
            (false, _) => Denial::NoTemplate(permission, spaces),
            (true, Standing::Roles) => Denial::NoRole(permission),
            (true, Standing::Resource | Standing::Asserted) => Denial::NoBinding(permission),
        })
    }

    /// The client groups.
    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    /// Whether the Entra ID identity of this name has roles.
    pub fn has_roles(&self, name: &AuthenticationName) -> bool {
        self.roles.contains_key(name)
    }

    /// What roles grant to this Entra ID identity.
    fn grants_of_roles(&self, principal: &Principal) -> Vec<Grant> {
        let roles = self.roles.get(&principal.name).into_iter().flatten();
        let grants = roles.flat_map(|(role, scope)| {
            let spaces = self.spaces.iter().filter(|space| scope.covers(&space.name));
            spaces.map(|space| Grant { source: Source::Role(*role), space: space.clone(), permission: *role })
        });
        grants.collect()
    }

    fn membership(&self, principal: &Principal) -> Membership {
        let mut bits = Membership::ALL;
        for (index, (_, query)) in self.groups.0.iter().enumerate() {
            if query.includes(principal) {
                bits |= Membership::ALL << (index + 1);
            }
        }
        Membership(bits)
    }
}

fn grants_of_bindings(
    bindings: &[(Membership, Grant)],
    membership: Membership,
) -> impl Iterator<Item = &Grant> {
    bindings.iter().filter(move |(members, _)| membership.0 & members.0 != 0).map(|(_, grant)| grant)
}

#[cfg(test)]
mod tests;
