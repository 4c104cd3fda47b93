//! All resources of a namespace, each of them valid, and the rules between them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

use crate::limits::{
    CLIENT_GROUPS, PERMISSION_BINDINGS, ROLE_ASSIGNMENTS, TEMPLATES_PER_SPACE, TOPIC_SPACES,
};
use crate::names::{AuthenticationName, ClientName, GroupRef, ResourceName};
use crate::resources::{
    CertificateRule, Client, ClientGroup, PermissionBinding, ResourceError, ResourceKind, RoleAssignment,
    TopicSpace,
};

/// The resources by their names.
#[derive(Debug)]
pub struct Directory {
    clients: BTreeMap<ClientName, Arc<Client>>,
    by_authentication_name: BTreeMap<AuthenticationName, Arc<Client>>,
    groups: BTreeMap<ResourceName, ClientGroup>,
    spaces: BTreeMap<ResourceName, Arc<TopicSpace>>,
    bindings: BTreeMap<ResourceName, PermissionBinding>,
    roles: BTreeSet<RoleAssignment>,
    most_clients: usize,
}

impl Directory {
    /// None yet, and at most so many clients.
    pub fn new(most_clients: usize) -> Self {
        Self {
            clients: BTreeMap::new(),
            by_authentication_name: BTreeMap::new(),
            groups: BTreeMap::new(),
            spaces: BTreeMap::new(),
            bindings: BTreeMap::new(),
            roles: BTreeSet::new(),
            most_clients,
        }
    }

    /// At most so many clients from now on; those that are there stay.
    pub fn set_most_clients(&mut self, most: usize) {
        self.most_clients = most;
    }

    /// Whether a client of this name would be new, or why it cannot be put.
    pub fn check_client(&self, client: &Client) -> Result<bool, ResourceError> {
        let name = &client.principal.name;
        if let CertificateRule::Thumbprint(thumbprints) = &client.certificate
            && !(1..=2).contains(&thumbprints.len())
        {
            return Err(ResourceError::Thumbprints(thumbprints.len()));
        }
        let existing = self.clients.get(&client.name);
        if existing.is_some_and(|existing| existing.principal.name.as_str() != name.as_str()) {
            return Err(ResourceError::AuthenticationNameChanged);
        }
        if self.by_authentication_name.get(name).is_some_and(|owner| owner.name != client.name) {
            return Err(ResourceError::AuthenticationNameTaken(name.to_string()));
        }
        let is_new = existing.is_none();
        if is_new && self.clients.len() >= self.most_clients {
            return Err(ResourceError::LimitReached(ResourceKind::Client, self.most_clients));
        }
        Ok(is_new)
    }

    /// Makes a client, or changes the one of its name. Whether it is new.
    pub fn put_client(&mut self, client: Client) -> Result<bool, ResourceError> {
        let is_new = self.check_client(&client)?;
        let client = Arc::new(client);
        self.by_authentication_name.insert(client.principal.name.clone(), client.clone());
        self.clients.insert(client.name.clone(), client);
        Ok(is_new)
    }

    /// Deletes a client. Whether there was one.
    pub fn delete_client(&mut self, name: &ClientName) -> bool {
        let Some(client) = self.clients.remove(name) else { return false };
        self.by_authentication_name.remove(&client.principal.name);
        true
    }

    /// The client of this name.
    pub fn client(&self, name: &ClientName) -> Option<&Arc<Client>> {
        self.clients.get(name)
    }

    /// The client that shows itself under this name.
    pub fn client_of(&self, name: &AuthenticationName) -> Option<&Arc<Client>> {
        self.by_authentication_name.get(name)
    }

    /// All clients, by their names.
    pub fn clients(&self) -> impl Iterator<Item = &Arc<Client>> {
        self.clients.values()
    }

    /// The clients whose folded authentication names come after `after`, in the order of these names.
    pub fn clients_after(&self, after: &str) -> impl Iterator<Item = &Arc<Client>> {
        self.by_authentication_name.range::<str, _>((Excluded(after), Unbounded)).map(|(_, client)| client)
    }

    /// Whether a client group of this name would be new, or why it cannot be put.
    pub fn check_group(&self, group: &ClientGroup) -> Result<bool, ResourceError> {
        let is_new = !self.groups.contains_key(&group.name);
        if is_new && self.groups.len() >= CLIENT_GROUPS {
            return Err(ResourceError::LimitReached(ResourceKind::ClientGroup, CLIENT_GROUPS));
        }
        Ok(is_new)
    }

    /// Makes a client group, or changes the one of its name. Whether it is new.
    pub fn put_group(&mut self, group: ClientGroup) -> Result<bool, ResourceError> {
        let is_new = self.check_group(&group)?;
        self.groups.insert(group.name.clone(), group);
        Ok(is_new)
    }

    /// An error if a binding names the client group.
    pub fn check_group_unused(&self, name: &ResourceName) -> Result<(), ResourceError> {
        let uses = |binding: &&PermissionBinding| binding.group == GroupRef::Named(name.clone());
        self.check_unused(ResourceKind::ClientGroup, uses)
    }

    /// Deletes a client group, unless a binding names it. Whether there was one.
    pub fn delete_group(&mut self, name: &ResourceName) -> Result<bool, ResourceError> {
        self.check_group_unused(name)?;
        Ok(self.groups.remove(name).is_some())
    }

    /// The client group of this name; `$all` is none of them.
    pub fn group(&self, name: &ResourceName) -> Option<&ClientGroup> {
        self.groups.get(name)
    }

    /// All client groups but `$all`, by their names.
    pub fn groups(&self) -> impl Iterator<Item = &ClientGroup> {
        self.groups.values()
    }

    /// Whether a topic space of this name would be new, or why it cannot be put.
    pub fn check_topic_space(&self, space: &TopicSpace) -> Result<bool, ResourceError> {
        if !(1..=TEMPLATES_PER_SPACE).contains(&space.templates.len()) {
            return Err(ResourceError::Templates(space.templates.len()));
        }
        let is_new = !self.spaces.contains_key(&space.name);
        if is_new && self.spaces.len() >= TOPIC_SPACES {
            return Err(ResourceError::LimitReached(ResourceKind::TopicSpace, TOPIC_SPACES));
        }
        Ok(is_new)
    }

    /// Makes a topic space, or changes the one of its name. Whether it is new.
    pub fn put_topic_space(&mut self, space: TopicSpace) -> Result<bool, ResourceError> {
        let is_new = self.check_topic_space(&space)?;
        self.spaces.insert(space.name.clone(), Arc::new(space));
        Ok(is_new)
    }

    /// An error if a binding names the topic space.
    pub fn check_topic_space_unused(&self, name: &ResourceName) -> Result<(), ResourceError> {
        self.check_unused(ResourceKind::TopicSpace, |binding| binding.topic_space == *name)
    }

    /// Deletes a topic space, unless a binding names it. Whether there was one.
    pub fn delete_topic_space(&mut self, name: &ResourceName) -> Result<bool, ResourceError> {
        self.check_topic_space_unused(name)?;
        Ok(self.spaces.remove(name).is_some())
    }

    /// The topic space of this name.
    pub fn topic_space(&self, name: &ResourceName) -> Option<&Arc<TopicSpace>> {
        self.spaces.get(name)
    }

    /// All topic spaces, by their names.
    pub fn topic_spaces(&self) -> impl Iterator<Item = &Arc<TopicSpace>> {
        self.spaces.values()
    }

    /// Whether a permission binding of this name would be new, or why it cannot be put.
    pub fn check_binding(&self, binding: &PermissionBinding) -> Result<bool, ResourceError> {
        if let GroupRef::Named(group) = &binding.group
            && !self.groups.contains_key(group)
        {
            return Err(ResourceError::Missing(ResourceKind::ClientGroup, group.to_string()));
        }
        if !self.spaces.contains_key(&binding.topic_space) {
            let name = binding.topic_space.to_string();
            return Err(ResourceError::Missing(ResourceKind::TopicSpace, name));
        }
        let is_new = !self.bindings.contains_key(&binding.name);
        if is_new && self.bindings.len() >= PERMISSION_BINDINGS {
            return Err(ResourceError::LimitReached(ResourceKind::PermissionBinding, PERMISSION_BINDINGS));
        }
        Ok(is_new)
    }

    /// Makes a permission binding, or changes the one of its name. Whether it is new.
    pub fn put_binding(&mut self, binding: PermissionBinding) -> Result<bool, ResourceError> {
        let is_new = self.check_binding(&binding)?;
        self.bindings.insert(binding.name.clone(), binding);
        Ok(is_new)
    }

    /// Deletes a permission binding. Whether there was one.
    pub fn delete_binding(&mut self, name: &ResourceName) -> bool {
        self.bindings.remove(name).is_some()
    }

    /// The permission binding of this name.
    pub fn binding(&self, name: &ResourceName) -> Option<&PermissionBinding> {
        self.bindings.get(name)
    }

    /// All permission bindings, by their names.
    pub fn bindings(&self) -> impl Iterator<Item = &PermissionBinding> {
        self.bindings.values()
    }

    /// Whether a role would be new to an identity, or why it cannot be given.
    pub fn check_role(&self, assignment: &RoleAssignment) -> Result<bool, ResourceError> {
        let is_new = !self.roles.contains(assignment);
        if is_new && self.roles.len() >= ROLE_ASSIGNMENTS {
            return Err(ResourceError::LimitReached(ResourceKind::RoleAssignment, ROLE_ASSIGNMENTS));
        }
        Ok(is_new)
    }

    /// Gives an identity a role. Whether it had it not. The topic space need not be there.
    pub fn put_role(&mut self, assignment: RoleAssignment) -> Result<bool, ResourceError> {
        self.check_role(&assignment)?;
        Ok(self.roles.insert(assignment))
    }

    /// Takes a role away. Whether the identity had it.
    pub fn delete_role(&mut self, assignment: &RoleAssignment) -> bool {
        self.roles.remove(assignment)
    }

    /// All roles, by the identities that have them.
    pub fn roles(&self) -> impl Iterator<Item = &RoleAssignment> {
        self.roles.iter()
    }

    fn check_unused(
        &self,
        kind: ResourceKind,
        uses: impl Fn(&&PermissionBinding) -> bool,
    ) -> Result<(), ResourceError> {
        match self.bindings.values().find(uses) {
            Some(binding) => Err(ResourceError::InUse(kind, binding.name.to_string())),
            None => Ok(()),
        }
    }
}
