//! What one client may do.

use std::sync::Arc;

use crate::principal::Principal;
use crate::resources::{Permission, TopicSpace};
use crate::template::Template;
use crate::topic::Levels;

/// The topic spaces that are granted to a client.
#[derive(Debug, Default)]
pub struct Rights {
    publish: Vec<Arc<TopicSpace>>,
    subscribe: Vec<Arc<TopicSpace>>,
}

impl Rights {
    pub(super) fn add(&mut self, permission: Permission, space: &Arc<TopicSpace>) {
        let spaces = match permission {
            Permission::Publisher => &mut self.publish,
            Permission::Subscriber => &mut self.subscribe,
        };
        // Several bindings may lead to the same one.
        if !spaces.iter().any(|known| known.name == space.name) {
            spaces.push(space.clone());
        }
    }

    pub(super) fn spaces(&self, permission: Permission) -> &[Arc<TopicSpace>] {
        match permission {
            Permission::Publisher => &self.publish,
            Permission::Subscriber => &self.subscribe,
        }
    }

    /// The first template that is for this topic, or covers this filter.
    pub(super) fn find(
        &self,
        principal: &Principal,
        permission: Permission,
        levels: &Levels<'_>,
    ) -> Option<(&TopicSpace, &Template)> {
        let fits = |template: &&Template| match permission {
            Permission::Publisher => template.matches(principal, levels),
            Permission::Subscriber => template.covers(principal, levels),
        };
        let mut spaces = self.spaces(permission).iter();
        spaces.find_map(|space| Some((&**space, space.templates.iter().find(fits)?)))
    }

    /// Whether this client, to whom they belong, may publish on the topic.
    pub fn may_publish(&self, principal: &Principal, topic: &Levels<'_>) -> bool {
        self.find(principal, Permission::Publisher, topic).is_some()
    }

    /// Whether this client, to whom they belong, may subscribe to the filter: one template covers it.
    pub fn may_subscribe(&self, principal: &Principal, filter: &Levels<'_>) -> bool {
        self.find(principal, Permission::Subscriber, filter).is_some()
    }
}
