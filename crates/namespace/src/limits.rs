//! What a namespace bounds (Event Grid docs, "quotas and limits", MQTT broker).

/// The largest message, with its topic and properties, in bytes.
pub const MAX_PACKET_SIZE: usize = 512 << 10;
/// Bytes of a topic name or filter.
pub const MAX_TOPIC_BYTES: usize = 256;
/// Levels of a topic name or filter.
pub const MAX_TOPIC_LEVELS: usize = 15;
/// Bytes of all user properties of a message, names and values.
pub const MAX_USER_PROPERTIES: usize = 32 << 10;
/// Bytes of a content type, a response topic, or correlation data.
pub const MAX_MESSAGE_PROPERTY: usize = 256;
/// The highest topic alias that a client may give.
pub const MAX_TOPIC_ALIAS: u16 = 10;
/// The longest keep-alive interval, in seconds.
pub const MAX_KEEP_ALIVE: u16 = 1160;
/// The longest delay of a will, in seconds.
pub const MAX_WILL_DELAY: u32 = 300;
/// The longest time for which a message is kept, in seconds: a year.
pub const MAX_RETAIN_SECONDS: u32 = 31_536_000;
/// Bytes of authentication data in CONNECT or AUTH.
pub const MAX_AUTHENTICATION_DATA: usize = 8 << 10;

/// Subscriptions of a session.
pub const SUBSCRIPTIONS_PER_SESSION: usize = 50;
/// Of these, shared ones.
pub const SHARED_PER_SESSION: usize = 10;
/// Filters of a SUBSCRIBE or UNSUBSCRIBE.
pub const FILTERS_PER_PACKET: usize = 10;
/// Names of shared groups in a namespace.
pub const SHARED_GROUPS: usize = 100;
/// Sessions in a shared group.
pub const SHARED_MEMBERS: usize = 100;

/// Client groups of a namespace, `$all` not counted.
pub const CLIENT_GROUPS: usize = 10;
/// Topic spaces of a namespace.
pub const TOPIC_SPACES: usize = 10;
/// Topic templates of a topic space.
pub const TEMPLATES_PER_SPACE: usize = 10;
/// Permission bindings of a namespace.
pub const PERMISSION_BINDINGS: usize = 100;
/// CA certificates of a namespace.
pub const CA_CERTIFICATES: usize = 10;
/// Assignments of roles (Azure: of a subscription).
pub const ROLE_ASSIGNMENTS: usize = 4000;
/// Bytes of a client's attributes, names and values.
pub const ATTRIBUTE_BYTES: usize = 4 << 10;

/// The limits that are counted while a namespace runs. Those that depend on its size are for one throughput unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Clients in the namespace.
    pub clients: usize,
    /// Sessions, connected or not.
    pub sessions: usize,
    /// Subscriptions of all sessions.
    pub subscriptions: usize,
    /// Sessions under one authentication name, connected or not.
    pub sessions_per_name: usize,
    /// The longest that a session is kept after its connection, in seconds.
    pub session_expiry: u32,
    /// What waits for a client that is not connected; more ends its session.
    pub offline_queue: QueueLimit,
    /// What waits for a client that is connected; more ends its session.
    pub connected_queue: QueueLimit,
    /// What is sent to a client and not acknowledged.
    pub in_flight: QueueLimit,
    /// How many messages at QoS 1 a client may send without waiting for their acknowledgement.
    pub receive_maximum: u16,
    /// What is kept for later subscribers.
    pub retained: QueueLimit,
    /// Bytes of one message that is kept.
    pub retained_message: usize,
    /// What may come in within a second, if that is limited.
    pub rates: Option<Rates>,
}

/// What may come in within a second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rates {
    /// From one session.
    pub session: Rate,
    /// From all together.
    pub namespace: Rate,
}

/// Amounts for a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Messages from clients.
    pub messages: u32,
    /// Messages to clients.
    pub deliveries: u32,
    /// Bytes of their topics, properties and payloads, each way.
    pub bytes: u32,
    /// CONNECT packets.
    pub connects: u32,
    /// SUBSCRIBE and UNSUBSCRIBE packets.
    pub subscribes: u32,
}

/// A number of messages, and the bytes of their topics, properties and payloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimit {
    /// Messages.
    pub messages: usize,
    /// Bytes.
    pub bytes: usize,
}

impl QueueLimit {
    /// Whether so much is within the limit.
    pub fn holds(&self, messages: usize, bytes: usize) -> bool {
        messages <= self.messages && bytes <= self.bytes
    }
}

impl Limits {
    /// Those of a namespace with this many throughput units.
    pub fn of_units(units: u16) -> Self {
        let units = usize::from(units.clamp(1, 40));
        Self {
            clients: 10_000 * units,
            sessions: 10_000 * units,
            retained: QueueLimit { messages: 10_000 * units, bytes: (640 << 20) * units },
            ..Self::default()
        }
    }

    /// The same, with the rates of the service for this many throughput units.
    #[must_use]
    pub fn with_service_rates(self, units: u16) -> Self {
        let units = u32::from(units.clamp(1, 40));
        let rates = Rates {
            session: Rate { messages: 1000, deliveries: 100, bytes: 1_000_000, connects: 1, subscribes: 5 },
            namespace: Rate {
                messages: 1000 * units,
                deliveries: 1000 * units,
                bytes: 1_000_000 * units,
                connects: 200 * units,
                subscribes: 200,
            },
        };
        Self { rates: Some(rates), ..self }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            clients: 10_000,
            sessions: 10_000,
            subscriptions: 1_000_000,
            sessions_per_name: 1,
            session_expiry: 3600,
            offline_queue: QueueLimit { messages: 100, bytes: 1 << 20 },
            connected_queue: QueueLimit { messages: 10_000, bytes: 16 << 20 },
            in_flight: QueueLimit { messages: 100, bytes: 64 << 10 },
            receive_maximum: 1000,
            retained: QueueLimit { messages: 10_000, bytes: 640 << 20 },
            retained_message: 64 << 10,
            rates: None,
        }
    }
}
