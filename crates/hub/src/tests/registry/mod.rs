//! Identities of devices and modules, over the REST API.

mod bulk;
mod identities;
pub mod identity_rules;
mod modules;
mod races;
mod removal;
