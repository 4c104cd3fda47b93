#![doc = include_str!("../README.md")]
//!
//! # Modules
//!
//! A module uses those above it.
//!
//! | module | subject |
//! |---|---|
//! | [`limits`], [`behaviours`] | limits; undocumented behaviours of the service |
//! | [`resource_id`] | the resource id of a namespace in Azure Resource Manager |
//! | [`names`], [`attributes`], [`principal`] | names of resources and clients; attributes and identity of a client |
//! | [`topic`] | topic names and filters |
//! | [`query`] | the query of a client group |
//! | [`template`] | topic templates with their variables |
//! | [`resources`] | clients, client groups, topic spaces, permission bindings, and the rules between them |
//! | [`routing`] | subscriptions in a tree of levels; retained messages |
//! | [`access`] | permissions to publish and subscribe, with the reason |
//! | [`life_cycle`] | life cycle events: connects, disconnects with their reasons |
//! | [`messages`] | published messages, recorded for tests |
//! | `feed` | the same, for readers over HTTPS |
//! | [`durable`] | sessions and messages across restarts: records, and their replay |
//! | [`broker`] | sessions and the delivery of messages, without I/O |
//! | [`authentication`] | authentication: certificates, tokens, a webhook |
//! | [`faults`] | faults on demand |
//! | [`documents`] | resources as JSON: bodies, files of a state directory, entries of a configuration file |
//! | [`config`], [`error`] | options and their defaults; errors of calls |
//! | `secret`, `operations` | the bearer token and access keys; long-running operations |
//! | `store` | the resources: checked, saved, in effect |
//! | `shared` | the assembled parts of a running namespace |
//! | `connections` | one task per connection: bytes between a stream and the broker |
//! | [`management`] | the management API: resources in the form of Azure Resource Manager |
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
mod feed;
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
