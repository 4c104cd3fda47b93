//! What the connection task shows of itself: its state and its counters.

use std::ops::Deref;

use super::message::Accepted;
use crate::counter::Counter;
use crate::histogram::Histogram;
use crate::monitor;
use azmqtt_net::sync::Mutex;

/// Written by the connection task, read from any thread.
#[derive(Debug, Default)]
pub(super) struct Monitor {
    standing: monitor::Monitor,
    pub(super) counters: Counters,
    /// The broker's last CONNACK that accepted.
    pub(super) accepted: Mutex<Option<Accepted>>,
    /// Messages that are not on the wire yet, when the task last looked.
    pub(super) outbox: Counter,
    /// Messages in flight, when the task last looked.
    pub(super) in_flight: Counter,
    /// From PUBLISH to PUBACK or PUBCOMP.
    pub(super) publish_times: Histogram,
    /// From a request to its answer.
    pub(super) request_times: Histogram,
    /// From PINGREQ to PINGRESP.
    pub(super) ping_times: Histogram,
}

/// Where the connection stands.
impl Deref for Monitor {
    type Target = monitor::Monitor;

    fn deref(&self) -> &Self::Target {
        &self.standing
    }
}

impl Monitor {
    pub(super) fn read(&self) -> Stats {
        Stats {
            outbox: self.outbox.get(),
            in_flight: self.in_flight.get(),
            connected_since: self.connected_since(),
            token_expiry: self.token_expiry(),
            publish_round_trip: self.publish_times.read(),
            request_round_trip: self.request_times.read(),
            ping_round_trip: self.ping_times.read(),
            ..self.counters.read()
        }
    }
}

crate::counter::stats! {
    counted {
        /// Messages acknowledged by the broker (QoS 1 and 2) or written out (QoS 0).
        messages_sent,
        /// Messages that ended in an error, refused ones included.
        messages_failed,
        /// Messages sent again after a reconnect.
        messages_resent,
        /// Messages that came in.
        messages_received,
        /// Messages that no receiver wanted: acknowledged, and gone.
        messages_unclaimed,
        /// Messages at QoS 0 that found no room in a receiver, and what else could not be kept.
        messages_dropped,
        /// Requests with their answer.
        requests_answered,
        /// Messages on the response topic of a request whose correlation data fits none that is open.
        replies_unmatched,
        /// Connections that the broker accepted.
        connects,
        /// Connections that the broker accepted after one was lost.
        reconnects,
        /// Connections that ended other than by `close`.
        connections_lost,
        /// Sessions that the broker had forgotten at a reconnect.
        sessions_lost,
        /// Authentications again on a live connection.
        tokens_renewed,
        /// Bytes written, before TLS.
        bytes_sent,
        /// Bytes read, after TLS.
        bytes_received,
    }
    held {
        /// Messages accepted and not yet answered.
        outstanding,
        /// Their size in bytes.
        outstanding_bytes,
        /// Messages that are not on the wire yet, of those that are outstanding.
        outbox,
        /// Messages at QoS 1 and 2 on the wire without their acknowledgement.
        in_flight,
        /// Messages that wait in receivers, counted once in each.
        messages_waiting,
    }
    round_trips {
        /// From PUBLISH to PUBACK or PUBCOMP, for messages acknowledged on the connection that they were sent on.
        publish_round_trip,
        /// From a request to its answer.
        request_round_trip,
        /// From PINGREQ to PINGRESP, where nothing else came in between.
        ping_round_trip,
    }
}
