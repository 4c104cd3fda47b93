//! What the connection task shows of itself: its state and its counters.

use std::ops::Deref;
use std::time::SystemTime;

pub use azmqtt_client::State;
use azmqtt_client::counter::Counter;
use azmqtt_client::histogram::{Histogram, RoundTrips};

/// Written by the connection task, read from any thread.
#[derive(Debug, Default)]
pub(super) struct Monitor {
    standing: azmqtt_client::Monitor,
    pub(super) counters: Counters,
    pub(super) depths: Depths,
    /// From PUBLISH to PUBACK.
    pub(super) publish_times: Histogram,
    /// From a twin request to its answer.
    pub(super) twin_times: Histogram,
    /// From PINGREQ to PINGRESP.
    pub(super) ping_times: Histogram,
}

/// Where the connection stands.
impl Deref for Monitor {
    type Target = azmqtt_client::Monitor;

    fn deref(&self) -> &Self::Target {
        &self.standing
    }
}

impl Monitor {
    pub(super) fn read(&self) -> Stats {
        Stats {
            connected_since: self.connected_since(),
            token_expiry: self.token_expiry(),
            publish_round_trip: self.publish_times.read(),
            twin_round_trip: self.twin_times.read(),
            ping_round_trip: self.ping_times.read(),
            outbox: self.depths.outbox.get(),
            in_flight: self.depths.in_flight.get(),
            methods_open: self.depths.methods_open.get(),
            ..self.counters.read()
        }
    }
}

/// How long the connection task's own queues were when it last looked.
#[derive(Debug, Default)]
pub(super) struct Depths {
    pub(super) outbox: Counter,
    pub(super) in_flight: Counter,
    pub(super) methods_open: Counter,
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counters since the client was made.
        #[derive(Debug, Default)]
        pub(super) struct Counters { $(pub(super) $name: Counter,)* }

        /// A reading of everything that is counted or measured.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct Stats {
            $($(#[$doc])* pub $name: u64,)*
            /// Messages and requests accepted and not yet answered.
            pub outstanding: u64,
            /// Their size in bytes.
            pub outstanding_bytes: u64,
            /// Messages that are not on the wire yet, of those that are outstanding.
            pub outbox: u64,
            /// QoS 1 messages on the wire without their PUBACK.
            pub in_flight: u64,
            /// Cloud messages that the application has not taken.
            pub messages_waiting: u64,
            /// Desired-property changes that the application has not taken.
            pub desired_waiting: u64,
            /// Calls of direct methods that the application has not taken.
            pub methods_waiting: u64,
            /// Calls of direct methods without a response, waiting or at work.
            pub methods_open: u64,
            /// Since when the connection stands; a planned reconnect does not end it.
            pub connected_since: Option<SystemTime>,
            /// Until when the token of the last connection is valid, in seconds of Unix time.
            pub token_expiry: Option<u64>,
            /// From PUBLISH to PUBACK, for messages acknowledged on the connection that they were sent on.
            pub publish_round_trip: Option<RoundTrips>,
            /// From a twin request to its answer, on one connection as well.
            pub twin_round_trip: Option<RoundTrips>,
            /// From PINGREQ to PINGRESP, where nothing else came in between.
            pub ping_round_trip: Option<RoundTrips>,
        }

        impl Counters {
            pub(super) fn read(&self) -> Stats {
                Stats { $($name: self.$name.get(),)* ..Stats::default() }
            }
        }

        impl Stats {
            /// Every count by its name.
            pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [
                    $((stringify!($name), self.$name),)*
                    ("outstanding", self.outstanding),
                    ("outstanding_bytes", self.outstanding_bytes),
                    ("outbox", self.outbox),
                    ("in_flight", self.in_flight),
                    ("messages_waiting", self.messages_waiting),
                    ("desired_waiting", self.desired_waiting),
                    ("methods_waiting", self.methods_waiting),
                    ("methods_open", self.methods_open),
                ]
                .into_iter()
            }
        }
    };
}

counters! {
    /// Messages acknowledged by the hub (QoS 1) or written out (QoS 0).
    messages_sent,
    /// Messages that ended in an error.
    messages_failed,
    /// Messages sent again after a reconnect.
    messages_resent,
    /// Cloud-to-device messages that came in.
    messages_received,
    /// Twin requests answered, whatever the status.
    twin_requests_answered,
    /// Twin answers that belong to no request that is open.
    twin_answers_unmatched,
    /// Desired-property changes handed on.
    desired_changes,
    /// Calls of direct methods that came in.
    methods_called,
    /// Connections that the hub accepted.
    connects,
    /// Connections that the hub accepted after one was lost.
    reconnects,
    /// Connections that ended other than by `close` or for a new token.
    connections_lost,
    /// Planned reconnects with a new token.
    tokens_renewed,
    /// Bytes written, before TLS.
    bytes_sent,
    /// Bytes read, after TLS.
    bytes_received,
}
