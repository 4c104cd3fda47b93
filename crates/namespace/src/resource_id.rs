//! Where the namespace is in the world of Azure Resource Manager.
//!
//! Names of subscriptions, resource groups, providers and types are the same in any case (Azure docs, "Naming rules and
//! restrictions for Azure resources").

use std::fmt;

use crate::names::{InvalidName, ResourceName};

/// The provider of Event Grid.
pub const PROVIDER: &str = "Microsoft.EventGrid";

/// Which namespace this is: `/subscriptions/…/resourceGroups/…/providers/Microsoft.EventGrid/namespaces/…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceId {
    subscription: String,
    resource_group: String,
    name: ResourceName,
}

impl ResourceId {
    /// The namespace of this name, in this group of this subscription.
    ///
    /// # Errors
    /// A subscription has 1 to 64 letters, digits and hyphens, mostly a GUID; a group 1 to 90 letters, digits and any of
    /// `-_.()`, without a full stop at its end.
    pub fn new(subscription: &str, resource_group: &str, name: &str) -> Result<Self, InvalidName> {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if !(1..=64).contains(&subscription.len()) || !subscription.bytes().all(is_word) {
            let rule = "1 to 64 letters, digits and hyphens";
            return Err(InvalidName { kind: "id of the subscription", rule });
        }
        let is_group = |byte: u8| is_word(byte) || b"_.()".contains(&byte);
        let fits = (1..=90).contains(&resource_group.len()) && resource_group.bytes().all(is_group);
        if !fits || resource_group.ends_with('.') {
            let rule = "1 to 90 letters, digits and any of -_.(), and no full stop at its end";
            return Err(InvalidName { kind: "name of the resource group", rule });
        }
        Ok(Self {
            subscription: subscription.to_owned(),
            resource_group: resource_group.to_owned(),
            name: ResourceName::parse(name)?,
        })
    }

    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let rule = "the form /subscriptions/…/resourceGroups/…/providers/Microsoft.EventGrid/namespaces/…";
        let wrong = InvalidName { kind: "id of a namespace", rule };
        let parts: Vec<&str> = text.strip_prefix('/').unwrap_or(text).splitn(9, '/').collect();
        let [subscriptions, subscription, groups, group, providers, provider, namespaces, name] = parts[..]
        else {
            return Err(wrong);
        };
        let words = [subscriptions, groups, providers, provider, namespaces];
        let spelled = ["subscriptions", "resourceGroups", "providers", PROVIDER, "namespaces"];
        if !words.iter().zip(spelled).all(|(word, spelled)| word.eq_ignore_ascii_case(spelled)) {
            return Err(wrong);
        }
        Self::new(subscription, group, name)
    }

    /// The subscription's id.
    pub fn subscription(&self) -> &str {
        &self.subscription
    }

    /// The name of the resource group.
    pub fn resource_group(&self) -> &str {
        &self.resource_group
    }

    /// The namespace's name.
    pub fn name(&self) -> &str {
        self.name.as_str()
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subscription, resource_group, name } = self;
        write!(
            f,
            "/subscriptions/{subscription}/resourceGroups/{resource_group}/providers/{PROVIDER}/namespaces/{name}"
        )
    }
}

impl Default for ResourceId {
    fn default() -> Self {
        let name = ResourceName::parse("azmqtt");
        Self {
            subscription: "00000000-0000-0000-0000-000000000000".to_owned(),
            resource_group: "azmqtt".to_owned(),
            #[allow(clippy::expect_used, reason = "a literal that fits the rule")]
            name: name.expect("it is a name"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written() {
        let id = ResourceId::new("0-1", "my_(group)", "contoso").unwrap();
        let text =
            "/subscriptions/0-1/resourceGroups/my_(group)/providers/Microsoft.EventGrid/namespaces/contoso";
        assert_eq!(id.to_string(), text);
        assert_eq!(ResourceId::parse(text), Ok(id.clone()));
        assert_eq!(ResourceId::parse(&text.replace("resourceGroups", "resourcegroups")), Ok(id));
        let long = "x".repeat(91);
        for (subscription, group, name) in [
            ("", "g", "abc"),
            ("a/b", "g", "abc"),
            ("s", "", "abc"),
            ("s", "g.", "abc"),
            ("s", &long, "abc"),
            ("s", "g", "a"),
        ] {
            assert!(ResourceId::new(subscription, group, name).is_err(), "{subscription} {group} {name}");
        }
        for wrong in [
            "",
            "/",
            "/subscriptions/s",
            &format!("{text}/clients/c"),
            &text.replace("EventGrid", "EventHub"),
        ] {
            assert!(ResourceId::parse(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn reading_an_id_is_total(text in "\\PC{0,120}") {
            if let Ok(id) = ResourceId::parse(&text) {
                prop_assert_eq!(ResourceId::parse(&id.to_string()), Ok(id));
            }
        }
    }
}
