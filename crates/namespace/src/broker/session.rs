//! One session: what outlives a connection, and the connection while there is one.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

use azmqtt_mqtt::{Publish, QoS, Server, Version, Will};
use azmqtt_net::buffers;

use super::rates::{Denials, Inbound, Outbound, Throttle};
use crate::access::{Rights, TopicCache};
use crate::faults::NowFault;
use crate::life_cycle::SessionOfClient;
use crate::limits::QueueLimit;
use crate::principal::{Principal, Standing};

/// So many bytes wait to be written before messages wait for them.
const OUTPUT_MARK: usize = 256 << 10;

/// What comes back with the acknowledgement of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// Bytes of the message.
    pub size: u32,
    /// The message's number in the records of a durable session, or 0.
    pub number: u64,
}

/// Who a client has shown itself to be.
#[derive(Debug, Clone)]
pub struct Identity {
    /// As groups and templates see it.
    pub principal: Arc<Principal>,
    /// By what it has shown that.
    pub standing: Standing,
}

/// A session.
#[derive(Debug)]
pub struct Session {
    pub client_id: Arc<str>,
    pub identity: Identity,
    /// What is granted to the client.
    pub rights: Arc<Rights>,
    /// Verdicts on topics of before; they hold as long as the rights.
    pub cache: TopicCache,
    pub link: Link,
    /// What it has subscribed to, as it asked; at most fifty.
    pub filters: Vec<Box<str>>,
    /// What waits to be sent.
    pub queue: Queue,
    /// What is published if the connection ends without a word.
    pub will: Option<Will>,
    /// When the will is published that waits for its delay.
    pub will_at: Option<Instant>,
    /// When the broker looks after it next, if it has said so.
    pub deadline: Option<Instant>,
    /// Whether there are records of it, because it outlasts its connection and the namespace has a state directory.
    pub is_durable: bool,
    /// The message that it matched last, and where among the matches.
    pub matched: (u64, usize),
    /// Its recent events about denied actions.
    pub denials: Denials,
}

/// Whether a client is there.
#[derive(Debug)]
pub enum Link {
    Online(Box<Online>),
    Offline(Box<Offline>),
}

/// A client that may come back.
#[derive(Debug)]
pub struct Offline {
    /// What is in flight.
    pub stored: azmqtt_mqtt::session::Session<Token>,
    /// Its bytes.
    pub in_flight: usize,
    /// When the session is forgotten.
    pub expires: Instant,
}

/// A client that is there.
#[derive(Debug)]
pub struct Online {
    pub server: Server<Token>,
    /// Which connection.
    pub number: u64,
    /// Its task.
    pub waker: Option<Waker>,
    /// Whether that waits to be woken.
    pub is_parked: bool,
    /// Whether it is woken when the others had their turn.
    pub is_put_off: bool,
    /// Bytes of the messages that are ready for it then.
    pub ready: usize,
    /// Bytes that are sent and not acknowledged.
    pub in_flight: usize,
    /// What came in of late.
    pub inbound: Inbound,
    /// What went out of late.
    pub outbound: Outbound,
    /// When more may go out, if it was too much.
    pub sends_at: Option<Instant>,
    /// Faults that its task has not seen yet.
    pub struck: Vec<NowFault>,
    /// The record that must be on the disk before anything more is written to the client, or 0.
    pub after: u64,
    /// Whether output waits for that.
    pub is_held: bool,
}

impl Online {
    /// Has the task wait for more.
    pub fn park(&mut self, waker: &Waker) {
        self.is_parked = true;
        match &mut self.waker {
            Some(known) if known.will_wake(waker) => {}
            place => *place = Some(waker.clone()),
        }
    }

    /// Wakes the task if it waits.
    #[inline]
    pub fn wake(&mut self) {
        if std::mem::take(&mut self.is_parked)
            && let Some(waker) = &self.waker
        {
            waker.wake_by_ref();
        }
    }

    /// Whether a message of this QoS and size may be sent now.
    #[inline]
    pub fn has_room(&mut self, qos: QoS, size: usize, limit: QueueLimit) -> bool {
        if self.server.output().len() >= OUTPUT_MARK {
            return false;
        }
        // A message that is larger than the limit goes alone.
        qos == QoS::AtMostOnce
            || self.server.has_room() && (self.in_flight == 0 || self.in_flight + size <= limit.bytes)
    }

    /// Whether the rates let a message of this size go out now. It counts if they do.
    #[inline]
    pub fn may_send(&mut self, throttle: &mut Throttle, size: usize, now: Instant) -> bool {
        self.sends_at = throttle.deliver(&mut self.outbound, size, now).err();
        self.sends_at.is_none()
    }

    /// Sends a message for which there is room. One that is too large for the client, or whose time is over, is as good as
    /// sent [MQTT-3.1.2-25]. Whether it is in flight now.
    pub fn send(&mut self, waiting: Waiting, now: Instant) -> bool {
        let Waiting { publish, accepted, number } = waiting;
        if publish.qos == QoS::AtMostOnce {
            self.send_qos0(&publish, accepted, now);
            return false;
        }
        self.prepare();
        let size = size(&publish);
        let sent = self.server.publish(publish, Token { size: size as u32, number }, accepted, now).is_ok();
        if sent {
            self.in_flight += size;
        }
        sent
    }

    /// The same at QoS 0.
    pub fn send_qos0(&mut self, publish: &Publish, accepted: Instant, now: Instant) {
        self.prepare();
        // As above.
        let _ = self.server.publish_qos0(publish, accepted, now);
    }

    /// Has a buffer for what is to be written, of which there is often much.
    fn prepare(&mut self) {
        let output = self.server.output();
        if output.capacity() == 0 {
            *output = buffers::take();
        }
    }

    /// A message is not in flight any more.
    pub fn answered(&mut self, token: Token) {
        self.in_flight = self.in_flight.saturating_sub(token.size as usize);
    }

    pub fn is_v5(&self) -> bool {
        self.server.version() == Version::Mqtt5
    }
}

impl Session {
    pub fn online(&mut self) -> Option<&mut Online> {
        match &mut self.link {
            Link::Online(online) => Some(online),
            Link::Offline(_) => None,
        }
    }

    /// As life-cycle events name it on a connection.
    pub fn as_client(&self, number: u64) -> SessionOfClient {
        let authentication_name = self.identity.principal.name.clone();
        SessionOfClient { authentication_name, session: self.client_id.clone(), number }
    }

    pub fn is_online(&self) -> bool {
        matches!(self.link, Link::Online(_))
    }

    /// When the session is forgotten.
    pub fn expires(&self) -> Option<Instant> {
        match self.link {
            Link::Online(_) => None,
            Link::Offline(ref offline) => Some(offline.expires),
        }
    }
}

/// Messages that wait for room, or for their client.
#[derive(Debug, Default)]
pub struct Queue {
    messages: VecDeque<Waiting>,
    bytes: usize,
}

/// A message that waits, as it is to be sent.
#[derive(Debug)]
pub struct Waiting {
    pub publish: Publish,
    /// From which its expiry counts.
    pub accepted: Instant,
    /// Its number in the records of a durable session, or 0.
    pub number: u64,
}

impl Waiting {
    /// One of which there are no records.
    pub fn new(publish: Publish, accepted: Instant) -> Self {
        Self { publish, accepted, number: 0 }
    }

    /// When it expires, if ever. An interval of 0 is none, as the service documents.
    pub fn expires(&self) -> Option<Instant> {
        let seconds = self.publish.properties.message_expiry().filter(|seconds| *seconds > 0)?;
        self.accepted.checked_add(Duration::from_secs(u64::from(seconds)))
    }
}

impl Queue {
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    pub fn len(&self) -> usize {
        self.messages.len()
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn iter(&self) -> impl Iterator<Item = &Waiting> {
        self.messages.iter()
    }

    pub fn front(&self) -> Option<&Waiting> {
        self.messages.front()
    }

    pub fn push(&mut self, waiting: Waiting) {
        self.bytes += size(&waiting.publish);
        self.messages.push_back(waiting);
    }

    pub fn pop(&mut self) -> Option<Waiting> {
        let waiting = self.messages.pop_front()?;
        self.bytes -= size(&waiting.publish);
        if self.messages.is_empty() {
            self.messages = VecDeque::new();
        }
        Some(waiting)
    }

    pub fn retain(&mut self, keep: impl FnMut(&Waiting) -> bool) {
        self.messages.retain(keep);
        self.bytes = self.messages.iter().map(|waiting| size(&waiting.publish)).sum();
    }
}

/// What counts of a message: bytes of its topic, properties and payload.
pub fn size(publish: &Publish) -> usize {
    publish.topic.len() + publish.properties.len() + publish.payload.len()
}
