#![doc = include_str!("../README.md")]
//!
//! # Modules
//!
//! A module uses those above it.
//!
//! | module | subject |
//! |---|---|
//! | [`limits`], [`behaviours`] | what a namespace bounds; what it does where the service is unknown |
//! | [`resource_id`] | where a namespace is in the world of Azure Resource Manager |
//! | [`names`], [`attributes`], [`principal`] | names of resources and clients; what is known of a client |
//! | [`topic`] | topic names and filters |
//! | [`query`] | the query of a client group |
//! | [`template`] | topic templates with their variables |
//! | [`resources`] | clients, client groups, topic spaces, permission bindings, and the rules between them |
//! | [`routing`] | subscriptions in a tree of levels; kept messages |
//! | [`access`] | who may publish and subscribe, and why |
//! | [`life_cycle`] | who connected, who went and why |
//! | [`messages`] | what was published, for tests to look at |
//! | [`durable`] | what outlasts a restart of sessions and messages: records, and what they come to |
//! | [`broker`] | sessions, and the way of a message; without I/O |
//! | [`authentication`] | who may connect: certificates, tokens, a webhook |
//! | [`faults`] | faults on demand |
//! | [`documents`] | resources as JSON: bodies, files of a state directory, entries of a configuration file |
//! | [`config`], [`error`] | options and their defaults; everything that can go wrong in a call |
//! | `secret`, `operations` | the bearer token and access keys; long-running operations |
//! | `store` | what the owner has made: checked, kept on the disk, in effect |
//! | `shared` | the parts of a running namespace put together |
//! | `connections` | a task for each connection: bytes between a stream and the broker |
//! | [`management`] | the management API: resources as Azure Resource Manager shows them |
//! | `server` | the thread and its listeners, for MQTT and for WebSockets |
//! | `api` | [`Namespace`], the facade |

// Tests may unwrap: a panic there is the report.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod access;
mod api;
pub mod attributes;
pub mod authentication;
pub mod behaviours;
pub mod broker;
pub mod config;
mod connections;
pub mod documents;
pub mod durable;
pub mod error;
pub mod faults;
pub mod life_cycle;
pub mod limits;
pub mod management;
pub mod messages;
pub mod names;
mod operations;
pub mod principal;
pub mod query;
pub mod resource_id;
pub mod resources;
pub mod routing;
mod secret;
mod server;
mod shared;
mod store;
pub mod template;
pub mod topic;

#[cfg(test)]
mod tests;

pub use api::Namespace;
pub use config::NamespaceConfig;
pub use error::NamespaceError;
