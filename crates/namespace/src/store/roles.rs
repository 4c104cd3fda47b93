//! Roles of identities of Entra ID.

use serde_json::{Value, json};

use super::kept::{ChangeError, Kept, ROLES_FILE};
use crate::error::NamespaceError;
use crate::names::ObjectId;
use crate::resources::{Permission, RoleAssignment, RoleScope};
use crate::shared::Shared;
use azmqtt_local::files::FileError;
use azmqtt_local::state_dir::StateError;

impl Shared {
    /// Gives an identity a role; returns whether the role is new.
    pub fn put_role(&self, assignment: RoleAssignment) -> Result<bool, ChangeError> {
        let kept = self.store.0.lock();
        let mut roles = self.roles();
        let is_new = self.broker.lock().directory().check_role(&assignment)?;
        if is_new {
            roles.push(assignment.clone());
            kept.save_roles(&roles, self)?;
            self.change(|broker, now| broker.change(now, |directory| directory.put_role(assignment)))?;
        }
        Ok(is_new)
    }

    /// Takes a role away; returns whether the identity had it. A client that loses a right with it is disconnected.
    pub fn delete_role(&self, assignment: &RoleAssignment) -> Result<bool, ChangeError> {
        let kept = self.store.0.lock();
        let mut roles = self.roles();
        let before = roles.len();
        roles.retain(|role| role != assignment);
        if roles.len() == before {
            return Ok(false);
        }
        kept.save_roles(&roles, self)?;
        Ok(self.change(|broker, now| broker.change(now, |directory| directory.delete_role(assignment))))
    }

    fn roles(&self) -> Vec<RoleAssignment> {
        self.broker.lock().directory().roles().cloned().collect()
    }
}

impl Kept {
    fn save_roles(&self, roles: &[RoleAssignment], shared: &Shared) -> Result<(), FileError> {
        let Some(disk) = &self.disk else { return Ok(()) };
        let namespace = &shared.config.resource;
        let to_file = |role: &RoleAssignment| {
            json!({
                "principalId": role.object_id.as_str(),
                "role": role.role.name(),
                "scope": role.scope.below(namespace),
            })
        };
        disk.save_document(ROLES_FILE, &roles.iter().map(to_file).collect())
    }

    /// Has the roles of before have their effect again.
    pub fn load_roles(&self, shared: &Shared) -> Result<(), NamespaceError> {
        let Some(disk) = &self.disk else { return Ok(()) };
        let Some((path, value)) = disk.document(ROLES_FILE)? else { return Ok(()) };
        let roles = value.as_array().ok_or_else(|| StateError::corrupt(&path, "it is not a list"))?;
        for (index, role) in roles.iter().enumerate() {
            let damaged = |reason: &str| StateError::corrupt(&path, format_args!("entry {index}: {reason}"));
            let role = from_file(role).map_err(|reason| damaged(&reason))?;
            let put = shared.change(|broker, now| broker.change(now, |directory| directory.put_role(role)));
            put.map_err(|error| damaged(&error.to_string()))?;
        }
        Ok(())
    }
}

/// The namespace may have another id at each start: its roles are those of the directory.
fn from_file(value: &Value) -> Result<RoleAssignment, String> {
    let text = |name: &str| value[name].as_str().ok_or_else(|| format!("it has no {name}"));
    let role = text("role")?;
    Ok(RoleAssignment {
        object_id: ObjectId::parse(text("principalId")?).map_err(|error| error.to_string())?,
        role: Permission::parse(role).ok_or_else(|| format!("unknown role {role:?}"))?,
        scope: RoleScope::parse_any(text("scope")?).map_err(|error| error.to_string())?,
    })
}
