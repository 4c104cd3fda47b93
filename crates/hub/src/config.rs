//! Options of a hub and their defaults.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::unix_time::unix_seconds;
use azmqtt_dialect::sas::CLOCK_SKEW;

use crate::throttle::tier::Throttling;
use azmqtt_local::packets::PacketRecording;

/// How a hub is set up. `HubConfig::default()` listens on a free port of 127.0.0.1 and keeps nothing on disk.
#[derive(Clone, Debug)]
pub struct HubConfig {
    /// The address or name to listen on. A name is resolved and every address of it is used.
    pub host: String,
    /// The TCP port; 0 picks a free one.
    pub port: u16,
    /// The TCP port of everything that is HTTPS, MQTT over WebSockets included; 0 picks a free one.
    pub https_port: u16,
    /// The TCP port of HTTPS for back-end applications; 0 picks a free one. It answers whatever the other one does, and may
    /// be the same.
    pub service_port: u16,
    /// The name devices know the hub by: in connection strings, SAS resources, user names and the certificate.
    pub hostname: String,
    /// Where the provisioning service listens.
    pub provisioning: ProvisioningListener,
    /// Origins besides those of this machine from which web pages may open WebSockets, such as `https://example.com`.
    pub allowed_origins: Vec<String>,
    /// Where identities, keys, certificates and twins stay across restarts; without one they end with the hub.
    pub state_dir: Option<PathBuf>,
    /// How long after its `se` a SAS token is still taken, and how long after it a connection made with it is
    /// closed (IoT Hub docs, SAS: clock skew). The service allows 5 minutes.
    pub sas_skew: Duration,
    /// What a device with good credentials is told that is disabled.
    pub disabled_answer: DisabledAnswer,
    /// What is kept of the telemetry that comes in.
    pub recording: Recording,
    /// Whether the packets of every connection are kept.
    pub packets: PacketRecording,
    /// Whether a connect with `CleanSession` = 1 empties the device's queue of cloud-to-device messages.
    pub clean_session_purges: bool,
    /// How long cloud-to-device messages are locked, kept and tried.
    pub cloud_to_device: CloudToDevice,
    /// Bounds of file uploads.
    pub file_uploads: FileUploads,
    /// Of which tier it is, and whether it keeps to its rates and quotas.
    pub throttling: Throttling,
    /// What a client may take of the hub before it must go.
    pub limits: Limits,
}

impl Default for HubConfig {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 0,
            https_port: 0,
            service_port: 0,
            hostname: "localhost".to_owned(),
            provisioning: ProvisioningListener::default(),
            allowed_origins: Vec::new(),
            state_dir: None,
            sas_skew: Duration::from_secs(CLOCK_SKEW),
            disabled_answer: DisabledAnswer::default(),
            recording: Recording::default(),
            packets: PacketRecording::Off,
            clean_session_purges: true,
            cloud_to_device: CloudToDevice::default(),
            file_uploads: FileUploads::default(),
            throttling: Throttling::default(),
            limits: Limits::default(),
        }
    }
}

impl HubConfig {
    /// The name by which the provisioning service is reached.
    pub(super) fn provisioning_host(&self) -> &str {
        self.provisioning.host.as_deref().unwrap_or(&self.hostname)
    }

    /// The time by which SAS tokens are judged, in Unix seconds: [`SasToken::verify`] allows the service's skew, this hub its
    /// own.
    ///
    /// [`SasToken::verify`]: azmqtt_dialect::SasToken::verify
    pub(super) fn sas_time(&self, now: SystemTime) -> u64 {
        (unix_seconds(now) + CLOCK_SKEW).saturating_sub(self.sas_skew.as_secs())
    }

    /// Whether a TLS client must say whom it wants to reach (SNI): the hosts `{hub}.device.…` insist on it (IoT Hub
    /// docs, "TLS support").
    pub(super) fn needs_server_name(&self) -> bool {
        self.hostname.split('.').nth(1).is_some_and(|label| label.eq_ignore_ascii_case("device"))
    }
}

/// The CONNACK for a device that is disabled (MQTT 3.1.1 §3.2.2.3). Both have been seen of the service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DisabledAnswer {
    /// 3: the server is unavailable.
    #[default]
    ServiceUnavailable,
    /// 5: not authorized, as for everything else.
    NotAuthorized,
}

/// Where the provisioning service listens, beside the hub.
#[derive(Clone, Debug, Default)]
pub struct ProvisioningListener {
    /// The address or name to listen on; the hub's if there is none.
    pub host: Option<String>,
    /// The TCP port; 0 picks a free one.
    pub port: u16,
}

/// What is kept of the telemetry that comes in. Messages are always counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recording {
    /// The newest messages, up to both bounds; the oldest make room.
    Keep {
        /// At most this many messages.
        messages: usize,
        /// At most this many bytes of bodies, properties and book-keeping.
        bytes: usize,
    },
    /// Nothing: for throughput tests.
    CountOnly,
}

impl Default for Recording {
    fn default() -> Self {
        Self::Keep { messages: 100_000, bytes: 64 << 20 }
    }
}

/// How cloud-to-device messages are delivered (IoT Hub docs, "Send cloud-to-device messages": configuration options).
#[derive(Clone, Copy, Debug)]
pub struct CloudToDevice {
    /// How long a message may be without its PUBACK before it is sent again. The service's minute is fixed.
    pub lock: Duration,
    /// How long a message lives whose sender said nothing else; the service takes 1 minute to 2 days.
    pub ttl: Duration,
    /// On how many connections that end a message may be on its way before it is given up; the service takes 1 to 100.
    pub max_deliveries: u32,
    /// How feedback is handed to services.
    pub feedback: FeedbackDelivery,
}

impl Default for CloudToDevice {
    fn default() -> Self {
        Self {
            lock: Duration::from_secs(60),
            ttl: Duration::from_secs(3600),
            max_deliveries: 10,
            feedback: FeedbackDelivery::default(),
        }
    }
}

/// How feedback is handed to services.
#[derive(Clone, Copy, Debug)]
pub struct FeedbackDelivery {
    /// How long records wait for others before fewer than 64 make a batch.
    pub interval: Duration,
    /// For how long a batch is locked; the service takes 5 to 300 s.
    pub lock: Duration,
    /// How long a batch lives; the service takes 1 minute to 2 days.
    pub ttl: Duration,
    /// How often a batch may be given back; the service takes 1 to 100.
    pub max_deliveries: u32,
}

impl Default for FeedbackDelivery {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(15),
            lock: Duration::from_secs(60),
            ttl: Duration::from_secs(3600),
            max_deliveries: 10,
        }
    }
}

/// Bounds of file uploads and of the blobs they make, which lie in memory.
#[derive(Clone, Copy, Debug)]
pub struct FileUploads {
    /// Uploads that one device may have under way (error 403006).
    pub max_active: usize,
    /// How long a place in Blob Storage is open, in whole seconds; an hour on the service, unless it is set.
    pub sas_ttl: Duration,
    /// The size of all blobs and blocks, in bytes, with a little for each. Whatever goes beyond is refused. Bodies on
    /// their way may have as many bytes again.
    pub max_bytes: usize,
}

impl Default for FileUploads {
    fn default() -> Self {
        Self { max_active: 10, sas_ttl: Duration::from_secs(3600), max_bytes: 512 << 20 }
    }
}

/// Bounds that keep one client, honest or not, from taking what belongs to all.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections that have not been accepted yet, of each of the two listeners, and for HTTPS all that have not
    /// become a device's. Further ones wait in the system's backlog.
    pub unauthenticated: usize,
    /// From the TCP connection to the end of the TLS handshake.
    pub handshake_timeout: Duration,
    /// From the TLS handshake to the whole CONNECT.
    pub connect_timeout: Duration,
    /// How long a client of the provisioning service may take to show that it has an enrolment, besides the waits that
    /// it is asked for.
    pub registration_timeout: Duration,
    /// How long an HTTP client may take for a request's head, or wait before it sends one, and how long it may stop in
    /// the middle of a body.
    pub http_idle_timeout: Duration,
    /// How long a client may leave output unread before it is closed.
    pub write_timeout: Duration,
    /// With more output than this pending, in bytes, nothing more is read from the client.
    pub pause_reading_at: usize,
    /// With more output than this pending, in bytes, the client is closed.
    pub close_at: usize,
    /// With more QoS 1 messages than this unacknowledged, in bytes, the client is closed.
    pub unacknowledged: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            unauthenticated: 1024,
            handshake_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(10),
            registration_timeout: Duration::from_secs(60),
            http_idle_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
            pause_reading_at: 256 << 10,
            close_at: 4 << 20,
            unacknowledged: 32 << 20,
        }
    }
}
