//! Reason codes (MQTT 5 §2.4), which say in every answer how it went.

use std::fmt;

use crate::packets::qos::QoS;

macro_rules! reason_codes {
    ($($(#[$doc:meta])* $variant:ident = $byte:literal, $name:literal;)*) => {
        /// How an operation ended, or why a connection does (MQTT 5 §2.4). Codes from 0x80 are errors.
        ///
        /// MQTT 3.1.1 has fewer, with other numbers; its codec gives each the code of MQTT 5 that means the same.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum ReasonCode {
            $($(#[$doc])* $variant = $byte,)*
        }

        impl ReasonCode {
            /// All codes, in their order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The code that this byte stands for; `None` for a reserved one.
            pub fn from_byte(byte: u8) -> Option<Self> {
                match byte {
                    $($byte => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// Its name as the standard writes it. That of 0x00 depends on the packet; this is the most general one.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

reason_codes! {
    /// It went well; in DISCONNECT "Normal disconnection", in SUBACK "Granted QoS 0".
    Success = 0x00, "Success";
    /// The subscription is accepted at QoS 1 or below.
    GrantedQoS1 = 0x01, "Granted QoS 1";
    /// The subscription is accepted at QoS 2 or below.
    GrantedQoS2 = 0x02, "Granted QoS 2";
    /// The client leaves, and its will is to be published all the same.
    DisconnectWithWill = 0x04, "Disconnect with Will Message";
    /// The message is accepted, and nobody subscribes to its topic.
    NoMatchingSubscribers = 0x10, "No matching subscribers";
    /// There was no such subscription to give up.
    NoSubscriptionExisted = 0x11, "No subscription existed";
    /// Authentication goes on with another step.
    ContinueAuthentication = 0x18, "Continue authentication";
    /// The client authenticates again, on the same connection.
    ReAuthenticate = 0x19, "Re-authenticate";
    /// Refused, without saying why.
    UnspecifiedError = 0x80, "Unspecified error";
    /// The bytes of a packet are none.
    MalformedPacket = 0x81, "Malformed Packet";
    /// A packet at a moment, or with a content, that the protocol does not allow.
    ProtocolError = 0x82, "Protocol Error";
    /// Valid, but this receiver does not take it.
    ImplementationSpecificError = 0x83, "Implementation specific error";
    /// The server does not speak this version.
    UnsupportedProtocolVersion = 0x84, "Unsupported Protocol Version";
    /// The server does not allow this client identifier.
    ClientIdentifierNotValid = 0x85, "Client Identifier not valid";
    /// The server does not accept user name or password.
    BadUserNameOrPassword = 0x86, "Bad User Name or Password";
    /// The client may not do this.
    NotAuthorized = 0x87, "Not authorized";
    /// The MQTT server is not there.
    ServerUnavailable = 0x88, "Server unavailable";
    /// The server has too much to do; try again later.
    ServerBusy = 0x89, "Server busy";
    /// The client is banned.
    Banned = 0x8A, "Banned";
    /// The server is going down.
    ServerShuttingDown = 0x8B, "Server shutting down";
    /// The authentication method is not supported, or not the one in use.
    BadAuthenticationMethod = 0x8C, "Bad authentication method";
    /// Nothing came for one and a half times the keep-alive interval.
    KeepAliveTimeout = 0x8D, "Keep Alive timeout";
    /// Another connection uses the same client identifier.
    SessionTakenOver = 0x8E, "Session taken over";
    /// A correct topic filter that is not accepted here.
    TopicFilterInvalid = 0x8F, "Topic Filter invalid";
    /// A correct topic name that is not accepted here.
    TopicNameInvalid = 0x90, "Topic Name invalid";
    /// The packet identifier is taken: the sessions of both sides differ.
    PacketIdentifierInUse = 0x91, "Packet Identifier in use";
    /// The packet identifier is unknown, as it may be after a loss.
    PacketIdentifierNotFound = 0x92, "Packet Identifier not found";
    /// More messages without an acknowledgement than the Receive Maximum allows.
    ReceiveMaximumExceeded = 0x93, "Receive Maximum exceeded";
    /// A topic alias of 0, over the maximum, or that stands for nothing.
    TopicAliasInvalid = 0x94, "Topic Alias invalid";
    /// Larger than the Maximum Packet Size.
    PacketTooLarge = 0x95, "Packet too large";
    /// Too many messages in a time.
    MessageRateTooHigh = 0x96, "Message rate too high";
    /// A limit of the implementation or of administration is reached.
    QuotaExceeded = 0x97, "Quota exceeded";
    /// Somebody in charge closed the connection.
    AdministrativeAction = 0x98, "Administrative action";
    /// The payload is not what its format indicator says.
    PayloadFormatInvalid = 0x99, "Payload format invalid";
    /// The server does not keep messages.
    RetainNotSupported = 0x9A, "Retain not supported";
    /// The server's Maximum QoS is lower.
    QoSNotSupported = 0x9B, "QoS not supported";
    /// Use another server for now.
    UseAnotherServer = 0x9C, "Use another server";
    /// Use another server from now on.
    ServerMoved = 0x9D, "Server moved";
    /// The server has no shared subscriptions.
    SharedSubscriptionsNotSupported = 0x9E, "Shared Subscriptions not supported";
    /// Too many connections in a time.
    ConnectionRateExceeded = 0x9F, "Connection rate exceeded";
    /// The connection has lasted as long as it may.
    MaximumConnectTime = 0xA0, "Maximum connect time";
    /// The server has no subscription identifiers.
    SubscriptionIdentifiersNotSupported = 0xA1, "Subscription Identifiers not supported";
    /// The server has no wildcards in subscriptions.
    WildcardSubscriptionsNotSupported = 0xA2, "Wildcard Subscriptions not supported";
}

impl ReasonCode {
    /// Whether it is an error: 0x80 and above.
    pub fn is_error(self) -> bool {
        self as u8 >= 0x80
    }

    /// SUBACK's code for this QoS.
    pub fn granted(qos: QoS) -> Self {
        match qos {
            QoS::AtMostOnce => Self::Success,
            QoS::AtLeastOnce => Self::GrantedQoS1,
            QoS::ExactlyOnce => Self::GrantedQoS2,
        }
    }
}

/// Its name and number, as in "Not authorized (0x87)".
impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (0x{:02X})", self.name(), *self as u8)
    }
}
