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

/// By what a client has shown who it is, and so what its rights come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is a client resource, and goes with it. Its rights are those of its groups.
    Resource,
    /// A token or a webhook says who it is. Its rights are those of its groups.
    Asserted,
    /// A token of Entra ID says who it is. Its rights are those of its roles.
    Roles,
}
