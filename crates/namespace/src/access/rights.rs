//! What one client may do.

use std::sync::Arc;

use super::Grant;
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
    /// What is granted, for publishing and subscribing.
    pub(super) fn of<'a>(grants: impl Iterator<Item = &'a Grant>) -> Self {
        let mut rights = Self::default();
        for grant in grants {
            rights.add(grant.permission, &grant.space);
        }
        rights
    }

    fn add(&mut self, permission: Permission, space: &Arc<TopicSpace>) {
        let spaces = match permission {
            Permission::Publisher => &mut self.publish,
            Permission::Subscriber => &mut self.subscribe,
        };
        // Several bindings may lead to the same one.
        if !spaces.iter().any(|known| known.name == space.name) {
            spaces.push(space.clone());
        }
    }

    /// Whether this client, to whom they belong, may publish on the topic.
    pub fn may_publish(&self, principal: &Principal, topic: &Levels<'_>) -> bool {
        let fits = |space| template_for(space, principal, Permission::Publisher, topic).is_some();
        self.publish.iter().any(|space| fits(space))
    }

    /// Whether this client, to whom they belong, may subscribe to the filter: one template covers it.
    pub fn may_subscribe(&self, principal: &Principal, filter: &Levels<'_>) -> bool {
        let fits = |space| template_for(space, principal, Permission::Subscriber, filter).is_some();
        self.subscribe.iter().any(|space| fits(space))
    }
}

/// The first template of a topic space that matches this topic, or covers this filter.
pub(super) fn template_for<'a>(
    space: &'a TopicSpace,
    principal: &Principal,
    permission: Permission,
    levels: &Levels<'_>,
) -> Option<&'a Template> {
    space.templates.iter().find(|template| match permission {
        Permission::Publisher => template.matches(principal, levels),
        Permission::Subscriber => template.covers(principal, levels),
    })
}
