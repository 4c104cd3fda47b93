//! The parts of a running namespace: what its connections, its requests and the application's calls have in common.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use tokio::sync::Notify;

use crate::authentication::{Authorities, ClientAuthentication, TokenIssuer};
use crate::broker::{Broker, Refusal};
use crate::config::NamespaceConfig;
use crate::faults::{Faults, NowFault, Target};
use crate::life_cycle::{CONNECTION_REFUSED, LifeCycleLog, REQUEST_REFUSED};
use crate::messages::MessageLog;
use crate::operations::Operations;
use crate::secret::BearerToken;
use crate::store::kept::Store;
use azmqtt_local::faults::{Connections, FaultError};
use azmqtt_local::journal::Log;
use azmqtt_local::packets::PacketLog;
use azmqtt_local::page::Page;
use azmqtt_local::state_dir::StateDir;
use azmqtt_local::unauthenticated::UnauthenticatedLimits;
use azmqtt_local::watch::{self, Event, Members, Streams};
use azmqtt_net::Trust;
use azmqtt_net::sync::Mutex;

/// As much of a reason as an event has, in characters.
const MAX_REASON: usize = 256;

/// How much of an unverified name an event shows, in characters.
const MAX_NAME: usize = 128;

/// A namespace without its sockets.
pub struct Shared {
    pub config: NamespaceConfig,
    pub broker: Mutex<Broker>,
    /// What was published, if that is recorded.
    pub messages: Option<Arc<MessageLog>>,
    pub authorities: Mutex<Authorities>,
    pub client_authentication: Mutex<ClientAuthentication>,
    pub issuer: TokenIssuer,
    /// What certificates of webhooks must lead to that have no roots of their own.
    pub webhook_trust: Trust,
    pub unauthenticated: UnauthenticatedLimits,
    /// Faults that were asked for.
    pub faults: Faults,
    /// Where packets are recorded, if they are.
    pub packets: Option<Arc<PacketLog>>,
    /// Who connected, who went and why.
    pub life_cycle: Arc<LifeCycleLog>,
    /// When resources were made, and where they are kept.
    pub store: Store,
    /// What the management API does.
    pub operations: Operations,
    /// Who may use the management API.
    pub token: BearerToken,
    /// The page in the browser, with its links and tokens.
    pub page: Page,
    /// Where the broker writes down what is to outlast it, if there is a state directory.
    pub log: OnceLock<Arc<Log>>,
    /// Told when the broker has something to do earlier than before.
    pub earlier: Notify,
    /// Who watches it over HTTPS.
    pub streams: Arc<Streams>,
    last_refusal: Mutex<Option<String>>,
}

impl Shared {
    /// A namespace without resources, kept in the directory if there is one.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn new(
        config: NamespaceConfig,
        issuer: TokenIssuer,
        webhook_trust: Trust,
        disk: Option<StateDir>,
    ) -> io::Result<Self> {
        let messages = MessageLog::new(config.recording);
        let broker = Broker::new(config.limits.clone(), config.behaviours.clone());
        let faults = Faults::default();
        faults.tell(broker.life_cycle().watched().clone());
        Ok(Self {
            packets: PacketLog::new(config.packets),
            life_cycle: broker.life_cycle().clone(),
            store: Store::new(&config, disk)?,
            operations: Operations::new(config.operation_time),
            token: BearerToken::generate()?,
            page: Page::new(&config.hostname, "namespace")
                .telling("resource_id", &config.resource.to_string()),
            broker: Mutex::new(broker.with_propagation(config.propagation).with_log(messages.clone())),
            messages,
            client_authentication: Mutex::new(config.client_authentication.clone()),
            config,
            issuer,
            webhook_trust,
            faults,
            authorities: Mutex::default(),
            unauthenticated: UnauthenticatedLimits::default(),
            log: OnceLock::new(),
            earlier: Notify::new(),
            streams: Arc::default(),
            last_refusal: Mutex::default(),
        })
    }

    /// Changes the broker in a way after which it may have something to do earlier than before.
    pub fn change<R>(&self, change: impl FnOnce(&mut Broker, Instant) -> R) -> R {
        let changed = change(&mut self.broker.lock(), Instant::now());
        self.earlier.notify_one();
        changed
    }

    /// Whether what the broker has written down to this position is on the disk, as soon as that is known.
    pub async fn is_kept(&self, position: u64) -> bool {
        match self.log.get() {
            Some(log) if position > 0 => log.kept(position).await.is_ok(),
            _ => true,
        }
    }

    /// Writes down what the broker has to; on this thread.
    pub fn write_log(&self) {
        if let Some(log) = self.log.get() {
            log.write(|_| self.broker.lock().snapshot());
            self.broker.lock().wake_held();
        }
    }

    /// What happens in the namespace, for those who watch it.
    pub fn events(&self) -> &Arc<watch::Events> {
        self.life_cycle.watched()
    }

    /// Notes why a client was refused.
    pub fn note_refusal(&self, reason: String) {
        self.tell_refusal(CONNECTION_REFUSED, &reason);
        *self.last_refusal.lock() = Some(reason);
    }

    /// Records why the client that calls itself `name` was refused. Without a name, the event has no client.
    pub fn note_refused_client(&self, name: &str, refusal: &Refusal) {
        let name: String = name.chars().take(MAX_NAME).collect();
        let members = Members::default()
            .with("reason", excerpt(&refusal.reason))
            .with_some("advice", refusal.advice)
            .with("reason_code", refusal.code as u8);
        let event = Event::new(CONNECTION_REFUSED).saying(members);
        self.events().push(if name.is_empty() { event } else { event.about(&name, None) });
        *self.last_refusal.lock() = Some(refusal.reason.clone());
    }

    /// Notes why a request was refused.
    pub fn note_request_refusal(&self, reason: String) {
        self.tell_refusal(REQUEST_REFUSED, &reason);
        *self.last_refusal.lock() = Some(reason);
    }

    fn tell_refusal(&self, kind: &'static str, reason: &str) {
        self.events().push(Event::new(kind).saying(Members::default().with("reason", excerpt(reason))));
    }

    /// Why the last client was refused.
    pub fn last_refusal(&self) -> Option<String> {
        self.last_refusal.lock().clone()
    }
}

fn excerpt(reason: &str) -> String {
    reason.chars().take(MAX_REASON).collect()
}

impl Connections<Target> for Shared {
    type Error = FaultError;

    /// Clients may come that are not there yet.
    fn check(&self, _: &Target) -> Result<(), FaultError> {
        Ok(())
    }

    fn strike(&self, fault: NowFault, target: &Target) -> Vec<String> {
        self.change(|broker, now| broker.strike(fault, target, now))
    }
}
