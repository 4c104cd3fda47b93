//! When to ping, and when silence means that the peer is gone (§3.1.2.10).

use std::time::{Duration, Instant};

/// The client's side: ping an idle connection and wait for the answer, not for ever.
#[derive(Debug)]
pub struct KeepAlive {
    /// Zero turns keep-alive off.
    interval: Duration,
    response_timeout: Duration,
    last_sent: Instant,
    last_received: Instant,
    pinged: Option<Instant>,
}

/// What is due now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Nothing yet.
    Nothing,
    /// Send a PINGREQ.
    Ping,
    /// The PINGRESP did not come in time: the connection is dead.
    Dead,
}

impl KeepAlive {
    /// `interval` as told to the server in CONNECT; zero turns keep-alive off. A ping that is not answered,
    /// by a PINGRESP or by any other packet, within `response_timeout` means that the peer is gone.
    pub fn new(interval: Duration, response_timeout: Duration, now: Instant) -> Self {
        Self { interval, response_timeout, last_sent: now, last_received: now, pinged: None }
    }

    /// A packet was sent.
    pub fn sent(&mut self, now: Instant) {
        self.last_sent = now;
    }

    /// A packet came in: the peer lives, and a ping still out is as good as answered.
    pub fn received(&mut self, now: Instant) {
        self.last_received = now;
        self.pinged = None;
    }

    /// When the ping that is out was sent.
    pub fn pinged_at(&self) -> Option<Instant> {
        self.pinged
    }

    /// When [`Self::due`] is worth asking next; `None` when keep-alive is off.
    pub fn deadline(&self) -> Option<Instant> {
        if self.interval.is_zero() {
            return None;
        }
        Some(match self.pinged {
            Some(at) => at + self.response_timeout,
            // The standard counts what the client sends; silence from the server is worth a question too.
            None => self.last_sent.min(self.last_received) + self.interval,
        })
    }

    /// What is due at `now`. After [`Due::Ping`] the ping counts as sent.
    pub fn due(&mut self, now: Instant) -> Due {
        match self.deadline() {
            Some(deadline) if now >= deadline => {
                if self.pinged.is_some() {
                    return Due::Dead;
                }
                self.pinged = Some(now);
                self.last_sent = now;
                Due::Ping
            }
            _ => Due::Nothing,
        }
    }
}

/// The server's side: a client that sends nothing for too long is gone.
#[derive(Debug)]
pub struct IdleLimit {
    limit: Duration,
    last_received: Instant,
}

impl IdleLimit {
    /// IoT Hub's cap on the limit: 1,767 seconds, also used for a client that turned keep-alive off.
    pub const CAP: Duration = Duration::from_secs(1767);

    /// One and a half intervals of `keep_alive`, in seconds, from CONNECT [MQTT-3.1.2-24].
    pub fn new(keep_alive: u16, now: Instant) -> Self {
        let limit = match keep_alive {
            0 => Self::CAP,
            seconds => (Duration::from_millis(u64::from(seconds) * 1500)).min(Self::CAP),
        };
        Self::after(limit, now)
    }

    /// A limit that CONNECT does not decide.
    pub fn after(limit: Duration, now: Instant) -> Self {
        Self { limit, last_received: now }
    }

    /// A packet came in.
    pub fn received(&mut self, now: Instant) {
        self.last_received = now;
    }

    /// When the client counts as gone unless a packet comes before.
    pub fn deadline(&self) -> Instant {
        self.last_received + self.limit
    }
}
