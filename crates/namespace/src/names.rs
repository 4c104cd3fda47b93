//! Names of resources and clients, each valid by its type.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Why a text is no name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidName {
    /// What it should name.
    pub kind: &'static str,
    /// The rule that it breaks.
    pub rule: &'static str,
}

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} must have {}", self.kind, self.rule)
    }
}

impl std::error::Error for InvalidName {}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident = $kind:literal, $lengths:expr, $rule:literal, $allowed:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// `text` as a name.
            pub fn parse(text: &str) -> Result<Self, InvalidName> {
                let allowed: fn(char) -> bool = $allowed;
                if $lengths.contains(&text.len()) && text.chars().all(allowed) {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidName { kind: $kind, rule: $rule })
                }
            }

            /// The name.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

names! {
    /// The name of a client group, a topic space, a permission binding, or a CA certificate.
    ResourceName = "name of a resource", (3..=50), "3 to 50 letters, digits and hyphens",
        |letter| letter.is_ascii_alphanumeric() || letter == '-';
    /// The name of a client resource. Upper and lower case differ.
    ClientName = "name of a client", (1..=128), "1 to 128 letters, digits, and any of - : . _",
        |letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | ':' | '.' | '_');
}

/// The name under which a client shows who it is. Two that differ in case are the same; templates see it as it is stored.
#[derive(Clone)]
pub struct AuthenticationName {
    stored: Arc<str>,
    /// In lower case.
    folded: Arc<str>,
}

impl AuthenticationName {
    /// `text` as a name: 1 to 128 characters, none of them U+0000.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let characters = text.chars().take(129).count();
        if !(1..=128).contains(&characters) || text.contains('\0') {
            return Err(InvalidName { kind: "authentication name", rule: "1 to 128 characters" });
        }
        let stored: Arc<str> = text.into();
        let folded = text.to_lowercase();
        let folded = if folded == text { stored.clone() } else { folded.into() };
        Ok(Self { stored, folded })
    }

    /// As it is stored.
    pub fn as_str(&self) -> &str {
        &self.stored
    }

    /// As it is compared.
    pub fn folded(&self) -> &str {
        &self.folded
    }
}

impl From<&ClientName> for AuthenticationName {
    fn from(name: &ClientName) -> Self {
        Self { stored: name.0.clone(), folded: name.0.to_lowercase().into() }
    }
}

impl PartialEq for AuthenticationName {
    fn eq(&self, other: &Self) -> bool {
        self.folded == other.folded
    }
}

impl Eq for AuthenticationName {}

impl Ord for AuthenticationName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded.cmp(&other.folded)
    }
}

impl PartialOrd for AuthenticationName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// As it is compared.
impl Borrow<str> for AuthenticationName {
    fn borrow(&self) -> &str {
        &self.folded
    }
}

impl Hash for AuthenticationName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded.hash(state);
    }
}

impl fmt::Debug for AuthenticationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stored.fmt(f)
    }
}

impl fmt::Display for AuthenticationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.stored)
    }
}

/// The id of an identity of Entra ID: a GUID. Upper and lower case are the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId(Arc<str>);

impl ObjectId {
    /// `text` as an id: `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx`, in hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let fits = |(index, byte): (usize, u8)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        };
        if text.len() == 36 && text.bytes().enumerate().all(fits) {
            Ok(Self(text.to_ascii_lowercase().into()))
        } else {
            Err(InvalidName { kind: "object id", rule: "the form of a GUID" })
        }
    }

    /// The id, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&ObjectId> for AuthenticationName {
    fn from(id: &ObjectId) -> Self {
        Self { stored: id.0.clone(), folded: id.0.clone() }
    }
}

/// Which client group a permission binding names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum GroupRef {
    /// `$all`: every client. Nobody makes, changes or deletes it.
    All,
    /// A group of the namespace.
    Named(ResourceName),
}

impl GroupRef {
    /// The name of the group of every client.
    pub const EVERYBODY: &str = "$all";

    /// `text` as the name of a group.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        match text {
            Self::EVERYBODY => Ok(Self::All),
            text => ResourceName::parse(text).map(Self::Named),
        }
    }
}

impl fmt::Display for GroupRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str(Self::EVERYBODY),
            Self::Named(name) => name.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_their_rules() {
        for (text, is_valid) in
            [("abc", true), ("ab", false), ("a-1", true), ("a_b", false), (&"x".repeat(51), false)]
        {
            assert_eq!(ResourceName::parse(text).is_ok(), is_valid, "{text}");
        }
        for (text, is_valid) in
            [("a", true), ("", false), ("a:b.c_d-e", true), ("a b", false), (&"x".repeat(129), false)]
        {
            assert_eq!(ClientName::parse(text).is_ok(), is_valid, "{text}");
        }
        for (text, is_valid) in
            [("", false), ("ä/+", true), (&"ß".repeat(128), true), (&"ß".repeat(129), false), ("a\0", false)]
        {
            assert_eq!(AuthenticationName::parse(text).is_ok(), is_valid, "{text}");
        }
    }

    #[test]
    fn authentication_names_are_the_same_in_any_case() {
        let name = |text| AuthenticationName::parse(text).unwrap();
        assert_eq!(name("Pump-Ä"), name("pump-ä"));
        assert_eq!(name("Pump").as_str(), "Pump");
        assert_ne!(name("pump"), name("pumps"));
        assert!(name("a") < name("B") && name("B") < name("c"));
        assert_eq!(AuthenticationName::from(&ClientName::parse("Pump").unwrap()), name("pUMP"));
    }

    #[test]
    fn all_is_a_group_and_no_resource() {
        assert_eq!(GroupRef::parse("$all"), Ok(GroupRef::All));
        assert!(ResourceName::parse("$all").is_err() && GroupRef::parse("$ALL").is_err());
        assert_eq!(GroupRef::parse("pumps").unwrap().to_string(), "pumps");
    }
}
