//! What the owner of a namespace has made: every change goes through here, is checked, kept on the disk if there is a state
//! directory, and only then has its effect. One change happens at a time.
//!
//! ```text
//! DIR/lock                  held while a namespace runs on it
//! DIR/ca.pem, DIR/ca-key.pem   the authority of the server's certificate
//! DIR/namespace.json        the namespace itself, once it was changed, and its access keys
//! DIR/clients/*.json, DIR/clientGroups/*.json, DIR/topicSpaces/*.json,
//! DIR/permissionBindings/*.json, DIR/caCertificates/*.json
//!                           one file for each resource, as the management API shows it
//! DIR/roles.json            roles of identities of Entra ID
//! DIR/authentication.json   how clients may show who they are, if that was set by itself and not with the namespace
//! DIR/sessions.journal      durable sessions, what waits in them, and messages that are kept (`durable`)
//! ```

mod file;
mod journal;
pub(crate) mod kept;
mod load;
mod namespace;
mod record;
mod resource;
mod roles;
mod settings;
mod stamp;

pub use file::apply_file;
#[cfg(test)]
pub use journal::open_journal;
pub use kept::{
    AUTHENTICATION_FILE, ChangeError, JOURNAL_FILE, NAMESPACE_FILE, Put, ROLES_FILE, directories,
};
pub use load::load;
pub use record::{Keys, NamespaceRecord};
pub use resource::Resource;
