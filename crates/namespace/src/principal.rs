//! Who a client is, once it has shown it.

use crate::attributes::Attributes;
use crate::names::AuthenticationName;

/// A client as groups and templates see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The name that it has shown.
    pub name: AuthenticationName,
    /// What is known of it besides.
    pub attributes: Attributes,
}
