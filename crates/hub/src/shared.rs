//! The parts of a hub, put together: what connections, requests and the application's calls have in common.
//!
//! Only those know it. What is below takes the parts that it needs.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use tokio::sync::Semaphore;

use crate::config::HubConfig;
use crate::configurations::Configurations;
use crate::error::HubError;
use crate::events::{Cause, Events, Refused};
use crate::faults::Faults;
use crate::jobs::Jobs;
use crate::messages::feedback::Feedback;
use crate::messages::telemetry::Recorder;
use crate::provisioning;
use crate::provisioning::assign::Hub;
use crate::provisioning::service::Service;
use crate::refusals::Refusals;
use crate::registry::Registry;
use crate::security::authentication::Judge;
use crate::security::client_certificates::Authorities;
use crate::security::policies::Policies;
use crate::storage::disk::Disk;
use crate::throttle::Limiter;
use crate::uploads::Uploads;
use azmqtt_local::packets::PacketLog;
use azmqtt_local::page::Page;
use azmqtt_local::unauthenticated::UnauthenticatedLimits;
use azmqtt_local::watch::Streams;

/// Requests of services that are at work at the same time: far fewer than the runtime has threads.
const SERVICE_WORK: usize = 16;

/// The hub without its sockets.
pub struct Shared {
    pub config: HubConfig,
    /// Given up when the hub stops.
    pub disk: Disk,
    pub registry: Arc<Registry>,
    pub policies: Policies,
    pub recorder: Arc<Recorder>,
    /// Where packets are recorded, if they are.
    pub packets: Option<Arc<PacketLog>>,
    /// Whose signatures on client certificates are taken.
    pub client_authorities: Authorities,
    pub feedback: Feedback,
    pub uploads: Uploads,
    pub unauthenticated: UnauthenticatedLimits,
    pub provisioning: Arc<provisioning::Registry>,
    pub configurations: Arc<Configurations>,
    pub faults: Faults,
    /// Which run of the hub it is, for what must not outlast it.
    pub run: u64,
    pub jobs: Arc<Jobs>,
    /// How many requests of services may be at work on threads of their own.
    pub service_work: Arc<Semaphore>,
    pub throttle: Limiter,
    /// Who may use the page in the browser.
    pub page: Page,
    refusals: Refusals,
    /// When it started.
    pub begun: Instant,
    /// Who watches it over HTTPS.
    pub streams: Arc<Streams>,
}

impl Shared {
    /// A hub as the disk keeps it; a new one if it keeps none.
    ///
    /// # Errors
    /// A file cannot be read or written, or is damaged.
    pub fn open(config: HubConfig, disk: Disk) -> Result<Self, HubError> {
        let registry = Arc::new(Registry::load(disk.clone())?);
        let provisioning = provisioning::Registry::load(config.hostname.clone(), disk.clone())?;
        let policies = match disk.dir() {
            Some(dir) => Policies::load(&dir)?,
            None => Policies::generate()?,
        };
        let client_authorities = Authorities::default();
        let configurations = Configurations::load(registry.clone(), disk.clone())?;
        let events = registry.events.clone();
        let jobs = Jobs::load(registry.clone(), disk.clone())?;
        let faults = Faults::default();
        faults.tell(events.ring().clone());
        Ok(Self {
            recorder: Arc::new(Recorder::new(config.recording)),
            packets: PacketLog::new(config.packets),
            uploads: Uploads::new(config.file_uploads),
            throttle: Limiter::new(config.throttling, events.clone()),
            page: Page::new(&config.hostname, "hub"),
            config,
            disk,
            registry,
            policies,
            provisioning: Arc::new(provisioning),
            run: run_number(),
            client_authorities,
            faults,
            feedback: Feedback::new(events.clone()),
            configurations: Arc::new(configurations),
            unauthenticated: UnauthenticatedLimits::default(),
            jobs: Arc::new(jobs),
            service_work: Arc::new(Semaphore::new(SERVICE_WORK)),
            refusals: Refusals::new(events),
            begun: Instant::now(),
            streams: Arc::default(),
        })
    }

    /// Who says which devices may connect.
    pub fn judge(&self) -> Judge<'_> {
        Judge {
            config: &self.config,
            registry: &self.registry,
            policies: &self.policies,
            authorities: &self.client_authorities,
        }
    }

    /// The provisioning service, which assigns devices to this hub.
    pub fn provisioning_service(&self) -> Service<'_> {
        Service {
            registry: &self.provisioning,
            config: &self.config,
            authorities: &self.client_authorities,
            hub: Hub { hostname: &self.config.hostname, registry: &self.registry, refusals: &self.refusals },
        }
    }

    /// Notes why a client was refused.
    pub fn note_refusal(&self, cause: Cause, reason: &str) {
        self.refusals.note(&Refused::of(cause, reason));
    }

    /// The same of a client that has said who it is.
    pub fn note_refused(&self, refused: &Refused<'_>) {
        self.refusals.note(refused);
    }

    /// What happens in the hub.
    pub fn events(&self) -> &Events {
        &self.registry.events
    }

    /// Why the last client was refused.
    pub fn last_refusal(&self) -> Option<String> {
        self.refusals.last()
    }
}

/// Another one in each run.
fn run_number() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
