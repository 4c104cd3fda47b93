//! The client groups, with which membership is evaluated without the broker's lock.

use std::sync::Arc;

use crate::names::{GroupRef, ResourceName};
use crate::principal::{Principal, Standing};
use crate::query::Query;

/// The client groups of a namespace with their queries. A clone shares them.
#[derive(Debug, Default, Clone)]
pub struct Groups(pub(super) Arc<[(ResourceName, Query)]>);

impl Groups {
    /// The client groups to which a client belongs; empty for an identity with roles.
    pub fn of(&self, principal: &Principal, standing: Standing) -> Vec<GroupRef> {
        if standing == Standing::Roles {
            return Vec::new();
        }
        let named = self.0.iter().filter(|(_, query)| query.includes(principal));
        let named = named.map(|(name, _)| GroupRef::Named(name.clone()));
        std::iter::once(GroupRef::All).chain(named).collect()
    }
}
