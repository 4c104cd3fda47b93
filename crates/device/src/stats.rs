//! What the connection task shows of itself: its state and its counters.

use std::ops::Deref;

pub use azmqtt_client::State;
use azmqtt_client::counter::Counter;
use azmqtt_client::histogram::Histogram;

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

azmqtt_client::counter::stats! {
    counted {
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
    held {
        /// Messages and requests accepted and not yet answered.
        outstanding,
        /// Their size in bytes.
        outstanding_bytes,
        /// Messages that are not on the wire yet, of those that are outstanding.
        outbox,
        /// QoS 1 messages on the wire without their PUBACK.
        in_flight,
        /// Cloud messages that the application has not taken.
        messages_waiting,
        /// Desired-property changes that the application has not taken.
        desired_waiting,
        /// Calls of direct methods that the application has not taken.
        methods_waiting,
        /// Calls of direct methods without a response, waiting or at work.
        methods_open,
    }
    round_trips {
        /// From PUBLISH to PUBACK, for messages acknowledged on the connection that they were sent on.
        publish_round_trip,
        /// From a twin request to its answer, on one connection as well.
        twin_round_trip,
        /// From PINGREQ to PINGRESP, where nothing else came in between.
        ping_round_trip,
    }
}
