//! The hub over real TLS sockets, against a small client of the tests' own.

mod client;
mod cloud_messages;
mod connect;
mod hostile;
mod kill;
mod lifecycle;
mod methods;
mod modules;
mod policies;
mod provisioning;
mod removal;
mod service;
mod service_bulk;
mod service_identities;
mod service_twins;
mod sessions;
mod state;
mod telemetry;
mod twin;
mod uploads;
mod uploads_hostile;
mod websocket;
mod websocket_hostile;
mod wills;
mod x509;
