//! What every connection of a hub shares.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::Semaphore;

use crate::config::HubConfig;
use crate::configurations::Configurations;
use crate::error::HubError;
use crate::faults::Faults;
use crate::jobs::Jobs;
use crate::messages::cloud_clock::CloudClock;
use crate::messages::feedback::Feedback;
use crate::messages::telemetry::Recorder;
use crate::provisioning;
use crate::registry::Registry;
use crate::security::client_certificates::Authorities;
use crate::security::policies::Policies;
use crate::storage::state_dir::{Kind, StateDir};
use crate::throttle::Limiter;
use crate::uploads::Uploads;
use azmqtt_local::packets::PacketLog;
use azmqtt_local::unauthenticated::UnauthenticatedLimits;
use azmqtt_net::sync::Mutex;

/// Requests of services that are at work at the same time: far fewer than the runtime has threads.
const SERVICE_WORK: usize = 16;

/// The hub without its sockets.
pub struct Shared {
    pub config: HubConfig,
    pub registry: Registry,
    pub policies: Policies,
    pub recorder: Recorder,
    /// Where packets are recorded, if they are.
    pub packets: Option<Arc<PacketLog>>,
    /// Whose signatures on client certificates are taken.
    pub client_authorities: Authorities,
    pub feedback: Feedback,
    pub cloud_clock: CloudClock,
    pub uploads: Uploads,
    pub unauthenticated: UnauthenticatedLimits,
    pub provisioning: provisioning::Registry,
    pub configurations: Configurations,
    pub faults: Faults,
    /// Which run of the hub it is, for what must not outlast it.
    pub run: u64,
    pub jobs: Jobs,
    /// How many requests of services may be at work on threads of their own.
    pub service_work: Arc<Semaphore>,
    pub throttle: Limiter,
    /// Taken out when the hub stops, so that another can have it.
    pub state_dir: Mutex<Option<Arc<StateDir>>>,
    last_refusal: Mutex<Option<String>>,
}

impl Shared {
    pub fn new(
        config: HubConfig,
        registry: Registry,
        policies: Policies,
        client_authorities: Authorities,
        provisioning: provisioning::Registry,
        state_dir: Option<Arc<StateDir>>,
    ) -> Self {
        let recorder = Recorder::new(config.recording);
        let packets = PacketLog::new(config.packets);
        let uploads = Uploads::new(config.file_uploads);
        let throttle = Limiter::new(config.throttling);
        Self {
            config,
            registry,
            policies,
            provisioning,
            run: run_number(),
            recorder,
            packets,
            client_authorities,
            faults: Faults::default(),
            throttle,
            feedback: Feedback::default(),
            cloud_clock: CloudClock::default(),
            uploads,
            configurations: Configurations::default(),
            unauthenticated: UnauthenticatedLimits::default(),
            jobs: Jobs::default(),
            service_work: Arc::new(Semaphore::new(SERVICE_WORK)),
            state_dir: Mutex::new(state_dir),
            last_refusal: Mutex::default(),
        }
    }

    /// Brings the file of an enrolment, a group or a registration up to date, returns when it is safe on the disk.
    pub fn save_provisioning(&self, kind: Kind, key: &str) -> Result<(), HubError> {
        self.state_dir().map_or(Ok(()), |dir| self.provisioning.save(&dir, kind, key))
    }

    /// [`Self::save_provisioning`] for tasks.
    pub async fn save_provisioning_async(self: &Arc<Self>, kind: Kind, key: String) -> Result<(), HubError> {
        if self.state_dir().is_none() {
            return Ok(());
        }
        let shared = self.clone();
        let saved = tokio::task::spawn_blocking(move || shared.save_provisioning(kind, &key)).await;
        saved.unwrap_or_else(|error| Err(HubError::System(std::io::Error::other(error))))
    }

    pub fn state_dir(&self) -> Option<Arc<StateDir>> {
        self.state_dir.lock().clone()
    }

    /// Why a CONNECT was refused: MQTT has no words for it, and somebody will want to know.
    pub fn note_refusal(&self, reason: String) {
        *self.last_refusal.lock() = Some(reason);
    }

    pub fn last_refusal(&self) -> Option<String> {
        self.last_refusal.lock().clone()
    }
}

/// Another one in each run.
fn run_number() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
