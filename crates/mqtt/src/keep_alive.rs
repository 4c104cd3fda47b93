//! When to ping, and when silence means that the peer is gone (§3.1.2.10).
//!
//! Any byte is a sign of life, so that a large packet on a slow line does not end the connection. A peer that drips must
//! not keep it for ever either, so a packet under way has an allowance of time.

use std::time::{Duration, Instant};

/// The slowest line on which a large packet may still arrive, in bytes a second.
const SLOWEST: usize = 256;

/// The slowest line on which answers are expected before a keep-alive interval is over, in bytes a second: what was sent
/// has to arrive before it can be answered.
const SLOW_UPLINK: u64 = 16 * 1024;

/// The largest record of TLS, in bytes (RFC 8446 §5.2).
const LARGEST_RECORD: usize = 5 + 16 * 1024 + 256;

/// The least silence that has a peer pinged because somebody waits for it, and the least wait for the answer to that.
const LEAST_SILENCE: Duration = Duration::from_secs(1);
const LEAST_ANSWER: Duration = Duration::from_secs(2);

/// The client's side: ping an idle connection and wait for the answer, not for ever.
#[derive(Debug)]
pub struct KeepAlive {
    /// Zero turns keep-alive off.
    interval: Duration,
    response_timeout: Duration,
    last_sent: Instant,
    last_received: Instant,
    pinged: Option<Instant>,
    partial: Option<Partial>,
    /// Since when bytes come in of which nothing comes out.
    part_since: Option<Instant>,
    awaited: Option<Awaited>,
}

/// A packet that has come in part.
#[derive(Debug, Clone, Copy)]
struct Partial {
    since: Instant,
    /// In bytes, as far as is known.
    size: usize,
}

/// An answer that somebody waits for.
#[derive(Debug, Clone, Copy)]
struct Awaited {
    /// Since when the peer is silent although it owes an answer.
    since: Instant,
    patience: Duration,
    /// Bytes sent before `since`, and until now.
    sent_before: u64,
    sent: u64,
}

impl Awaited {
    /// When the peer has been silent for so long that it is worth a question.
    fn ping_at(&self) -> Instant {
        let sending = Duration::from_millis((self.sent - self.sent_before) * 1000 / SLOW_UPLINK);
        self.since + (self.patience / 3).max(LEAST_SILENCE) + sending
    }

    fn answer_limit(&self) -> Duration {
        (self.patience / 3).max(LEAST_ANSWER)
    }
}

/// What is due now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Nothing yet.
    Nothing,
    /// Send a PINGREQ.
    Ping,
    /// The connection is dead.
    Dead(Dead),
}

/// Why a connection is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dead {
    /// Nothing came for that long after a ping.
    Silent(Duration),
    /// A packet of that size did not arrive as a whole in that time.
    Dripping(usize, Duration),
}

impl KeepAlive {
    /// `interval` as told to the server in CONNECT; zero turns keep-alive off. A ping that is not answered,
    /// by a PINGRESP or by any other byte, within `response_timeout` means that the peer is gone.
    pub fn new(interval: Duration, response_timeout: Duration, now: Instant) -> Self {
        Self {
            interval,
            response_timeout,
            last_sent: now,
            last_received: now,
            pinged: None,
            partial: None,
            part_since: None,
            awaited: None,
        }
    }

    /// The server has its own idea of the interval, in seconds: it is kept to [MQTT-3.2.2-21].
    pub fn set_interval(&mut self, seconds: u16) {
        self.interval = Duration::from_secs(u64::from(seconds));
    }

    /// The interval in force; zero for none.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// A packet was sent.
    pub fn sent(&mut self, now: Instant) {
        self.last_sent = now;
    }

    /// Bytes came in: the peer lives, and a ping still out is as good as answered.
    #[inline]
    pub fn received(&mut self, now: Instant) {
        self.part_since = None;
        self.heard(now);
    }

    /// Bytes came in of which nothing has come out yet, because they are a part of a TLS record. It has its time, like a
    /// packet.
    pub fn received_part(&mut self, at: Instant) {
        let since = *self.part_since.get_or_insert(at);
        if at < since + self.allowance(LARGEST_RECORD) {
            self.heard(at);
        }
    }

    fn heard(&mut self, now: Instant) {
        self.last_received = now;
        self.pinged = None;
        if let Some(awaited) = &mut self.awaited {
            (awaited.since, awaited.sent_before) = (now, awaited.sent);
        }
    }

    /// Nothing was read until now: silence says nothing, and a packet under way is not to blame.
    pub fn not_listening(&mut self, now: Instant) {
        self.received(now);
        if let Some(partial) = &mut self.partial {
            partial.since = now;
        }
    }

    /// What is left of the input is a packet that will have `size` bytes, 0 if that is not known yet; `None` for nothing.
    /// With `is_new` it is another one than before.
    #[inline]
    pub fn under_way(&mut self, size: Option<usize>, is_new: bool, now: Instant) {
        let since = self.partial.filter(|_| !is_new).map_or(now, |partial| partial.since);
        self.partial = size.map(|size| Partial { since, size });
    }

    /// Somebody waits for an answer and has that much patience, or nobody does. `sent` counts the bytes sent on this
    /// connection. The peer's silence is then looked into before the interval is over.
    #[inline]
    pub fn awaits(&mut self, patience: Option<Duration>, sent: u64, now: Instant) {
        // An hour is as good as any longer time.
        self.awaited = patience.map(|patience| patience.min(Duration::from_secs(3600))).map(|patience| {
            let (since, sent_before) =
                self.awaited.map_or((now, sent), |awaited| (awaited.since, awaited.sent_before));
            Awaited { since, patience, sent_before: sent_before.min(sent), sent }
        });
    }

    /// When the ping that is out was sent.
    #[inline]
    pub fn pinged_at(&self) -> Option<Instant> {
        self.pinged
    }

    /// How long nothing has come in, while a ping is unanswered. One that leaves at `now` could not have been answered yet.
    pub fn silence_after_ping(&self, now: Instant) -> Option<Duration> {
        self.pinged.filter(|at| *at < now).map(|_| now.saturating_duration_since(self.last_received))
    }

    /// When [`Self::due`] is worth asking next; `None` when keep-alive is off.
    #[inline]
    pub fn deadline(&self) -> Option<Instant> {
        if self.interval.is_zero() {
            return None;
        }
        let next = match self.pinged {
            // The server goes on counting while the answer is awaited [MQTT-3.1.2-23].
            Some(at) => self.answer_due(at).min(self.last_sent + self.interval),
            None => self.ping_due(),
        };
        Some(self.packet_due().map_or(next, |due| due.min(next)))
    }

    fn ping_due(&self) -> Instant {
        // The standard counts what the client sends; silence from the server is worth a question too.
        let idle = self.last_sent.min(self.last_received) + self.interval;
        self.awaited.map_or(idle, |awaited| awaited.ping_at().min(idle))
    }

    fn answer_due(&self, pinged: Instant) -> Instant {
        let due = pinged + self.response_timeout;
        self.awaited.map_or(due, |awaited| (pinged.max(awaited.since) + awaited.answer_limit()).min(due))
    }

    /// When the packet under way must have arrived.
    fn packet_due(&self) -> Option<Instant> {
        self.partial.map(|partial| partial.since + self.allowance(partial.size))
    }

    fn allowance(&self, size: usize) -> Duration {
        Duration::from_secs(size.div_ceil(SLOWEST) as u64).max(self.interval)
    }

    /// What is due at `now`. After [`Due::Ping`] the ping counts as sent.
    pub fn due(&mut self, now: Instant) -> Due {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return Due::Nothing;
        }
        if let Some(partial) = self.partial.filter(|_| self.packet_due().is_some_and(|due| due <= now)) {
            return Due::Dead(Dead::Dripping(partial.size, self.allowance(partial.size)));
        }
        if let Some(pinged) = self.pinged.filter(|pinged| self.answer_due(*pinged) <= now) {
            return Due::Dead(Dead::Silent(now.saturating_duration_since(pinged)));
        }
        self.pinged.get_or_insert(now);
        self.last_sent = now;
        Due::Ping
    }
}

/// The server's side: a client that sends nothing for too long is gone.
#[derive(Debug)]
pub struct IdleLimit {
    limit: Duration,
    /// How long the bytes of one packet may put the end off.
    longest: Duration,
    last_packet: Instant,
    last_byte: Instant,
}

impl IdleLimit {
    /// IoT Hub's cap on the limit: 1,767 seconds, also used for a client that turned keep-alive off.
    pub const CAP: Duration = Duration::from_secs(1767);

    /// One and a half intervals of `keep_alive`, in seconds, from CONNECT [MQTT-3.1.2-24]. The standard counts whole
    /// packets; the bytes of a large one that is under way put the end off to four intervals.
    pub fn new(keep_alive: u16, now: Instant) -> Self {
        let limit = match keep_alive {
            0 => Self::CAP,
            seconds => (Duration::from_millis(u64::from(seconds) * 1500)).min(Self::CAP),
        };
        Self { longest: limit * 8 / 3, ..Self::after(limit, now) }
    }

    /// A limit that CONNECT does not decide, and that bytes alone do not put off.
    pub fn after(limit: Duration, now: Instant) -> Self {
        Self { limit, longest: limit, last_packet: now, last_byte: now }
    }

    /// A packet came in.
    pub fn received(&mut self, now: Instant) {
        self.last_packet = now;
        self.last_byte = now;
    }

    /// Bytes of a packet came in.
    pub fn received_bytes(&mut self, now: Instant) {
        self.last_byte = now;
    }

    /// When the client counts as gone unless something comes before.
    pub fn deadline(&self) -> Instant {
        (self.last_byte + self.limit).min(self.last_packet + self.longest)
    }
}
