//! Options of a hub and their defaults.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::unix_time::unix_seconds;
use azmqtt_dialect::sas::CLOCK_SKEW;

use crate::throttle::tier::Throttling;
use azmqtt_local::packets::PacketRecording;

/// The options of a hub. `HubConfig::default()` listens on a free port of 127.0.0.1 and stores nothing on disk.
#[derive(Clone, Debug)]
pub struct HubConfig {
    /// The address or name to listen on. All addresses of a name are used.
    pub host: String,
    /// The TCP port; 0 picks a free one.
    pub port: u16,
    /// The TCP port of HTTPS, including MQTT over WebSockets; 0 picks a free one.
    pub https_port: u16,
    /// The TCP port of HTTPS for back-end applications; 0 picks a free one. It serves the same requests as the
    /// other port, and may equal it.
    pub service_port: u16,
    /// The hub's host name for devices: in connection strings, SAS resources, user names and the certificate.
    pub hostname: String,
    /// Where the provisioning service listens.
    pub provisioning: ProvisioningListener,
    /// Origins besides those of this machine from which web pages may open WebSockets, such as `https://example.com`.
    pub allowed_origins: Vec<String>,
    /// The directory that keeps identities, keys, certificates and twins across restarts; without it they are lost.
    pub state_dir: Option<PathBuf>,
    /// How long after its `se` a SAS token is still accepted, and its connection is kept open (IoT Hub docs, SAS: clock
    /// skew). The service allows 5 minutes.
    pub sas_skew: Duration,
    /// The CONNACK for a disabled device with valid credentials.
    pub disabled_answer: DisabledAnswer,
    /// Which telemetry is kept.
    pub recording: Recording,
    /// Whether the packets of every connection are kept.
    pub packets: PacketRecording,
    /// Whether a connect with `CleanSession` = 1 empties the device's queue of cloud-to-device messages.
    pub clean_session_purges: bool,
    /// How long cloud-to-device messages are locked, kept and tried.
    pub cloud_to_device: CloudToDevice,
    /// Bounds of file uploads.
    pub file_uploads: FileUploads,
    /// The tier, and whether its rates and quotas are enforced.
    pub throttling: Throttling,
    /// Limits of a single client, beyond which it is disconnected.
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
    /// The host name of the provisioning service.
    pub(super) fn provisioning_host(&self) -> &str {
        self.provisioning.host.as_deref().unwrap_or(&self.hostname)
    }

    /// The time for checking SAS tokens, in Unix seconds: [`SasToken::verify`] allows the service's skew, this hub its own.
    ///
    /// [`SasToken::verify`]: azmqtt_dialect::SasToken::verify
    pub(super) fn sas_time(&self, now: SystemTime) -> u64 {
        (unix_seconds(now) + CLOCK_SKEW).saturating_sub(self.sas_skew.as_secs())
    }

    /// Whether a TLS client must send the server name (SNI): the hosts `{hub}.device.…` require it (IoT Hub
    /// docs, "TLS support").
    pub(super) fn needs_server_name(&self) -> bool {
        self.hostname.split('.').nth(1).is_some_and(|label| label.eq_ignore_ascii_case("device"))
    }
}

/// The CONNACK for a disabled device (MQTT 3.1.1 §3.2.2.3). The service has been observed to send both.
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
    /// The address or name to listen on; the hub's by default.
    pub host: Option<String>,
    /// The TCP port; 0 picks a free one.
    pub port: u16,
}

/// Which telemetry is kept. Messages are always counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recording {
    /// The newest messages, up to both limits.
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
    /// How long a message waits for its PUBACK before it is sent again. On the service this is always a minute.
    pub lock: Duration,
    /// The default time to live of a message; the service accepts 1 minute to 2 days.
    pub ttl: Duration,
    /// How many connections may end during the delivery of a message before it is given up; the service accepts 1 to 100.
    pub max_deliveries: u32,
    /// How services receive feedback.
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

/// How services receive feedback.
#[derive(Clone, Copy, Debug)]
pub struct FeedbackDelivery {
    /// How long records wait for others, up to a batch of 64.
    pub interval: Duration,
    /// How long a batch is locked; the service accepts 5 to 300 s.
    pub lock: Duration,
    /// The time to live of a batch; the service accepts 1 minute to 2 days.
    pub ttl: Duration,
    /// How often a batch may be abandoned; the service accepts 1 to 100.
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

/// Limits of file uploads and of their blobs, which are kept in memory.
#[derive(Clone, Copy, Debug)]
pub struct FileUploads {
    /// The number of concurrent uploads of one device (error 403006).
    pub max_active: usize,
    /// The validity of an upload URL in seconds; by default an hour on the service.
    pub sas_ttl: Duration,
    /// The size of all blobs and blocks in bytes, including an overhead for each. Uploads beyond it are refused. Request
    /// bodies in transfer may take the same size again.
    pub max_bytes: usize,
}

impl Default for FileUploads {
    fn default() -> Self {
        Self { max_active: 10, sas_ttl: Duration::from_secs(3600), max_bytes: 512 << 20 }
    }
}

/// Limits that protect the hub from any single client.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections that have not been accepted yet, of each of the two listeners, and for HTTPS all that have not
    /// become a device's. Further ones wait in the system's backlog.
    pub unauthenticated: usize,
    /// From the TCP connection to the end of the TLS handshake.
    pub handshake_timeout: Duration,
    /// From the TLS handshake to the whole CONNECT.
    pub connect_timeout: Duration,
    /// How long a client of the provisioning service may take to authenticate, in addition to the waits that the service
    /// requests.
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
