//! Roles of identities of Entra ID, which permission bindings do not concern.

use super::permission::Permission;
use crate::names::{InvalidName, ObjectId, ResourceName};
use crate::resource_id::{PROVIDER, ResourceId};

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

/// Where a role holds (Event Grid docs, "Microsoft Entra JWT authentication and Azure RBAC authorization").
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum RoleScope {
    /// In the subscription of the namespace, and so in all of its topic spaces.
    Subscription,
    /// In its resource group, and so in all of its topic spaces.
    ResourceGroup,
    /// In the namespace, and so in all of its topic spaces.
    Namespace,
    /// In this topic space.
    TopicSpace(ResourceName),
}

impl RoleScope {
    /// The scope of this resource id, such as `/subscriptions/…/resourceGroups/…`; or of the topic space of this name.
    ///
    /// # Errors
    /// It is none of these, or not one of `namespace`.
    pub fn parse(text: &str, namespace: &ResourceId) -> Result<Self, InvalidName> {
        let scope = Self::parse_any(text)?;
        if text.starts_with('/') && !text.eq_ignore_ascii_case(&scope.below(namespace)) {
            let rule =
                "the id of this namespace, its resource group or subscription, or of a topic space in it";
            return Err(InvalidName { kind: KIND, rule });
        }
        Ok(scope)
    }

    /// The same of any namespace.
    pub(crate) fn parse_any(text: &str) -> Result<Self, InvalidName> {
        let Some(path) = text.strip_prefix('/') else {
            return ResourceName::parse(text).map(Self::TopicSpace);
        };
        let rule = "the form /subscriptions/…[/resourceGroups/…[/providers/Microsoft.EventGrid/namespaces/…[/topicSpaces/…]]]";
        let wrong = InvalidName { kind: KIND, rule };
        let parts: Vec<&str> = path.splitn(11, '/').collect();
        let spelled =
            |at: usize, word: &str| parts.get(at).is_some_and(|part| part.eq_ignore_ascii_case(word));
        let words = [
            (0, "subscriptions"),
            (2, "resourceGroups"),
            (4, "providers"),
            (5, PROVIDER),
            (6, "namespaces"),
            (8, "topicSpaces"),
        ];
        let fits = words.into_iter().all(|(at, word)| at >= parts.len() || spelled(at, word));
        match (&parts[..], fits) {
            ([_, _], true) => Ok(Self::Subscription),
            ([_, _, _, _], true) => Ok(Self::ResourceGroup),
            ([_, _, _, _, _, _, _, _], true) => Ok(Self::Namespace),
            ([_, _, _, _, _, _, _, _, _, name], true) => ResourceName::parse(name).map(Self::TopicSpace),
            _ => Err(wrong),
        }
    }

    /// The resource id of this scope of a namespace.
    pub fn below(&self, namespace: &ResourceId) -> String {
        let (subscription, group) = (namespace.subscription(), namespace.resource_group());
        match self {
            Self::Subscription => format!("/subscriptions/{subscription}"),
            Self::ResourceGroup => format!("/subscriptions/{subscription}/resourceGroups/{group}"),
            Self::Namespace => namespace.to_string(),
            Self::TopicSpace(name) => format!("{namespace}/topicSpaces/{name}"),
        }
    }

    /// The topic space, if it is one.
    pub fn topic_space(&self) -> Option<&ResourceName> {
        match self {
            Self::Subscription | Self::ResourceGroup | Self::Namespace => None,
            Self::TopicSpace(name) => Some(name),
        }
    }

    /// Whether the role holds in this topic space.
    pub fn covers(&self, topic_space: &ResourceName) -> bool {
        self.topic_space().is_none_or(|name| name == topic_space)
    }
}

const KIND: &str = "scope of a role";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_read_as_they_are_written() {
        let namespace = ResourceId::new("s", "g", "contoso").unwrap();
        let space = RoleScope::TopicSpace(ResourceName::parse("space").unwrap());
        for scope in [RoleScope::Subscription, RoleScope::ResourceGroup, RoleScope::Namespace, space.clone()]
        {
            let id = scope.below(&namespace);
            assert_eq!(RoleScope::parse(&id, &namespace), Ok(scope.clone()), "{id}");
            let loud = id.to_ascii_uppercase().replace("SPACE", "space");
            assert!(RoleScope::parse(&loud, &namespace).is_ok(), "{loud}");
        }
        assert_eq!(RoleScope::parse("space", &namespace), Ok(space));
        for wrong in [
            "",
            "/",
            "/subscriptions",
            "/subscriptions/other",
            "/subscriptions/s/",
            "/subscriptions/s/resourceGroups",
            "/subscriptions/s/resourceGroups/other",
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.EventGrid",
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.EventGrid/namespaces/other",
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.EventGrid/namespaces/contoso/topicSpaces",
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.EventGrid/namespaces/contoso/topicSpaces/a b",
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.EventGrid/namespaces/contoso/clients/space",
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.EventGrid/namespaces/contoso/topicSpaces/space/x",
        ] {
            assert!(RoleScope::parse(wrong, &namespace).is_err(), "{wrong}");
        }
    }
}
