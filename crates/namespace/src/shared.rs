//! The parts of a running namespace: what its connections, its requests and the application's calls have in common.

use std::time::Instant;

use tokio::sync::Notify;

use crate::authentication::{Authorities, ClientAuthentication, TokenIssuer};
use crate::broker::Broker;
use crate::config::NamespaceConfig;
use azmqtt_local::unauthenticated::UnauthenticatedLimits;
use azmqtt_net::sync::Mutex;

/// A namespace without its sockets.
pub struct Shared {
    pub config: NamespaceConfig,
    pub broker: Mutex<Broker>,
    pub authorities: Mutex<Authorities>,
    pub client_authentication: Mutex<ClientAuthentication>,
    pub issuer: TokenIssuer,
    pub unauthenticated: UnauthenticatedLimits,
    /// Told when the broker has something to do earlier than before.
    pub earlier: Notify,
    last_refusal: Mutex<Option<String>>,
}

impl Shared {
    pub fn new(config: NamespaceConfig, issuer: TokenIssuer) -> Self {
        let broker = Broker::new(config.limits.clone(), config.behaviours.clone());
        Self {
            broker: Mutex::new(broker.with_propagation(config.propagation)),
            client_authentication: Mutex::new(config.client_authentication.clone()),
            config,
            issuer,
            authorities: Mutex::default(),
            unauthenticated: UnauthenticatedLimits::default(),
            earlier: Notify::new(),
            last_refusal: Mutex::default(),
        }
    }

    /// Changes the broker in a way after which it may have something to do earlier than before.
    pub fn change<R>(&self, change: impl FnOnce(&mut Broker, Instant) -> R) -> R {
        let changed = change(&mut self.broker.lock(), Instant::now());
        self.earlier.notify_one();
        changed
    }

    /// Notes why a client was refused.
    pub fn note_refusal(&self, reason: String) {
        *self.last_refusal.lock() = Some(reason);
    }

    /// Why the last client was refused.
    pub fn last_refusal(&self) -> Option<String> {
        self.last_refusal.lock().clone()
    }
}
