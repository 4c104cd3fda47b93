//! What came in: recorded in a ring, counted, waited for.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;

use super::properties::RecordedProperties;
use crate::config::Recording;
use crate::id::{Id, Whose};
use crate::unix_time::unix_seconds;
use azmqtt_dialect::property_bag::system;
use azmqtt_dialect::time;
use azmqtt_local::watch::Readers;
use azmqtt_net::sync::{Condvar, Mutex};

/// Bodies up to this size are copied out of the read buffer, so that one of them does not hold the whole of it.
const COPY_BELOW: usize = 16 << 10;

/// The memory of a message besides its body and properties, roughly: for the ring's bound.
const OVERHEAD: usize = 224;

/// A device-to-cloud message as the hub took it.
#[derive(Clone, Debug)]
pub struct TelemetryMessage {
    /// Counts the messages of the whole hub, from 1.
    pub sequence: u64,
    /// Where it came from, as stamped by the hub.
    pub source: Arc<Source>,
    /// The bytes as sent.
    pub body: Bytes,
    /// What the device wrote on the topic.
    pub properties: RecordedProperties,
    /// When the hub took it.
    pub enqueued_time: SystemTime,
    /// The model id that the connection announced.
    pub model_id: Option<Arc<str>>,
    /// Whether it came with a token of one of the hub's policies.
    pub of_hub: bool,
}

/// A device or module as the source of messages.
#[derive(Debug)]
pub struct Source {
    /// `iothub-connection-device-id`
    pub device_id: String,
    /// `iothub-connection-module-id`
    pub module_id: Option<String>,
    /// `iothub-connection-auth-generation-id`: tells a device from an earlier one of the same id.
    pub generation_id: String,
    /// Whether it authenticates with a certificate.
    x509: AtomicBool,
    /// How many messages came from here.
    count: AtomicU64,
}

impl Source {
    pub(crate) fn new<'a>(id: impl Into<Id<'a>>, generation_id: &str) -> Self {
        let id = id.into();
        Self {
            device_id: id.device.to_owned(),
            module_id: id.module.map(str::to_owned),
            generation_id: generation_id.to_owned(),
            x509: AtomicBool::new(false),
            count: AtomicU64::new(0),
        }
    }

    pub(crate) fn set_x509(&self, x509: bool) {
        self.x509.store(x509, Ordering::Relaxed);
    }

    pub(super) fn id(&self) -> Id<'_> {
        (self.device_id.as_str(), self.module_id.as_deref()).into()
    }

    /// How many messages came from here, those that made room for newer ones included.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }
}

impl TelemetryMessage {
    /// The system properties as a service application reads them: the device's own under their long names
    /// (`message-id`, `content-type`, …), then the hub's stamps (IoT Hub docs, "Create and read IoT Hub messages").
    pub fn system_properties(&self) -> Vec<(&'static str, String)> {
        let own = self.properties.system().map(|(name, value)| (long_name(name), value.to_owned()));
        let mut properties: Vec<_> = own.collect();
        let source = &self.source;
        properties.push(("iothub-connection-device-id", source.device_id.clone()));
        if let Some(module_id) = &source.module_id {
            properties.push(("iothub-connection-module-id", module_id.clone()));
        }
        properties.push(("iothub-connection-auth-generation-id", source.generation_id.clone()));
        let scope = match source.module_id {
            _ if self.of_hub => "hub",
            Some(_) => "module",
            None => "device",
        };
        let how = if source.x509.load(Ordering::Relaxed) {
            r#""x509","issuer":"external""#
        } else {
            r#""sas","issuer":"iothub""#
        };
        let method = format!(r#"{{"scope":"{scope}","type":{how},"acceptingIpFilterRule":null}}"#);
        properties.push(("iothub-connection-auth-method", method));
        properties.push(("iothub-enqueuedtime", time::format_utc(unix_seconds(self.enqueued_time))));
        properties.push(("iothub-message-source", "Telemetry".to_owned()));
        if let Some(model_id) = &self.model_id {
            properties.push(("dt-dataschema", model_id.to_string()));
        }
        properties
    }

    pub(super) fn weight(&self) -> usize {
        OVERHEAD + self.body.len() + self.properties.weight()
    }
}

/// The name that a service application reads a wire name under.
fn long_name(wire: &'static str) -> &'static str {
    match wire {
        system::MESSAGE_ID => "message-id",
        system::CORRELATION_ID => "correlation-id",
        system::USER_ID => "user-id",
        system::TO => "to",
        system::CONTENT_TYPE => "content-type",
        system::CONTENT_ENCODING => "content-encoding",
        system::EXPIRY => "absolute-expiry-time",
        system::OUTPUT_NAME => "iothub-outputname",
        system::INTERFACE_ID => "iothub-interface-id",
        system::COMPONENT => "dt-subject",
        system::SCHEMA => "iothub-message-schema",
        other => other,
    }
}

/// The ring of all telemetry of a hub.
pub(crate) struct Recorder {
    policy: Recording,
    log: Mutex<Log>,
    reached: Condvar,
    /// The same for tasks, of every message.
    readers: Readers,
}

#[derive(Default)]
struct Log {
    messages: VecDeque<(usize, Arc<TelemetryMessage>)>,
    bytes: usize,
    total: u64,
    waiters: Vec<Target>,
}

/// What somebody waits for: so many messages, of one device or of all.
struct Target {
    source: Option<Arc<Source>>,
    count: u64,
}

impl Target {
    fn progress(&self, total: u64) -> u64 {
        self.source.as_ref().map_or(total, |source| source.count())
    }
}

/// What a connection hands over; the recorder adds the number and the time.
pub(crate) struct Incoming {
    pub source: Arc<Source>,
    pub body: Bytes,
    pub properties: RecordedProperties,
    pub model_id: Option<Arc<str>>,
    /// It came with a token of one of the hub's policies.
    pub of_hub: bool,
}

impl Recorder {
    pub fn new(policy: Recording) -> Self {
        Self { policy, log: Mutex::default(), reached: Condvar::new(), readers: Readers::default() }
    }

    /// Takes a message.
    pub fn record(&self, mut incoming: Incoming) {
        if let Recording::Keep { .. } = self.policy {
            incoming.properties.turn_to_services();
        }
        let mut log = self.log.lock();
        log.total += 1;
        incoming.source.count.fetch_add(1, Ordering::AcqRel);
        if let Recording::Keep { messages, bytes } = self.policy {
            let Incoming { source, mut body, properties, model_id, of_hub } = incoming;
            if body.len() < COPY_BELOW {
                body = Bytes::copy_from_slice(&body);
            }
            let sequence = log.total;
            let enqueued_time = SystemTime::now();
            let message =
                TelemetryMessage { sequence, source, body, properties, enqueued_time, model_id, of_hub };
            log.push(message, messages, bytes);
        }
        let total = log.total;
        if log.waiters.iter().any(|target| target.progress(total) >= target.count) {
            self.reached.notify_all();
        }
        drop(log);
        self.readers.wake();
    }

    /// Whether messages are kept, and not only counted.
    pub fn keeps(&self) -> bool {
        matches!(self.policy, Recording::Keep { .. })
    }

    /// Woken by every message.
    pub(super) fn readers(&self) -> &Readers {
        &self.readers
    }

    /// The messages after a number, at most so many; and how many are gone before the first of them.
    pub(super) fn page(&self, after: u64, most: usize) -> (u64, Vec<Arc<TelemetryMessage>>) {
        let log = self.log.lock();
        let kept_from = log.total - log.messages.len() as u64 + 1;
        let first = kept_from.max(after.saturating_add(1));
        let skipped = usize::try_from(first - kept_from).unwrap_or(usize::MAX);
        let messages = log.messages.iter().skip(skipped).take(most);
        (first - after.saturating_add(1), messages.map(|(_, message)| message.clone()).collect())
    }

    /// The kept messages of one device or module, or of all, with a higher sequence number than `after`, oldest first.
    pub fn messages<'a>(&self, whose: impl Into<Whose<'a>>, after: u64) -> Vec<Arc<TelemetryMessage>> {
        let log = self.log.lock();
        let start = log.messages.partition_point(|(_, message)| message.sequence <= after);
        let whose = whose.into();
        let wanted = |message: &TelemetryMessage| match whose {
            Whose::Everybody => true,
            Whose::One(id) => id == message.source.id(),
        };
        log.messages
            .range(start..)
            .filter(|(_, message)| wanted(message))
            .map(|(_, message)| message.clone())
            .collect()
    }

    /// The memory of the messages that are kept, roughly.
    pub fn bytes(&self) -> usize {
        self.log.lock().bytes
    }

    /// How many messages came in all.
    pub fn total(&self) -> u64 {
        self.log.lock().total
    }

    /// Blocks until `count` messages have come from `source`, or from all, since the hub started. Returns how many
    /// did, which is less than `count` when the time ran out.
    pub fn wait(&self, source: Option<Arc<Source>>, count: u64, timeout: Duration) -> u64 {
        // A timeout beyond the clock's range is none.
        let deadline = Instant::now().checked_add(timeout);
        let target = Target { source, count };
        let mut log = self.log.lock();
        loop {
            let got = target.progress(log.total);
            let left =
                deadline.map_or(timeout, |deadline| deadline.saturating_duration_since(Instant::now()));
            if got >= count || left.is_zero() {
                return got;
            }
            log.waiters.push(Target { source: target.source.clone(), count });
            log = self.reached.wait_timeout(log, left);
            // Any equal entry will do: they are all alike.
            let same = |other: &Target| {
                other.count == count
                    && other.source.as_ref().map(Arc::as_ptr) == target.source.as_ref().map(Arc::as_ptr)
            };
            if let Some(at) = log.waiters.iter().position(same) {
                log.waiters.swap_remove(at);
            }
        }
    }
}

impl Log {
    fn push(&mut self, message: TelemetryMessage, max_messages: usize, max_bytes: usize) {
        let weight = message.weight();
        self.bytes += weight;
        self.messages.push_back((weight, Arc::new(message)));
        while self.messages.len() > max_messages || self.bytes > max_bytes {
            let Some((weight, _)) = self.messages.pop_front() else { break };
            self.bytes -= weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incoming(source: &Arc<Source>, body: &'static [u8]) -> Incoming {
        Incoming {
            source: source.clone(),
            body: Bytes::from_static(body),
            properties: RecordedProperties::default(),
            model_id: None,
            of_hub: false,
        }
    }

    #[test]
    fn the_oldest_make_room() {
        for policy in [
            Recording::Keep { messages: 2, bytes: usize::MAX },
            Recording::Keep { messages: 100, bytes: 2 * (OVERHEAD + 1) },
        ] {
            let recorder = Recorder::new(policy);
            let source = Arc::new(Source::new("d", "1"));
            for body in [b"a", b"b", b"c"] {
                recorder.record(incoming(&source, body));
            }
            let kept: Vec<_> =
                recorder.messages(Some("d"), 0).iter().map(|m| (m.sequence, m.body.clone())).collect();
            assert_eq!(kept, [(2, Bytes::from("b")), (3, Bytes::from("c"))]);
            assert_eq!((recorder.total(), source.count()), (3, 3));
        }
    }

    #[test]
    fn properties_take_room_however_short_they_are() {
        let recorder = Recorder::new(Recording::Keep { messages: 100, bytes: 1_000_000 });
        let source = Arc::new(Source::new("d", "1"));
        for _ in 0..10 {
            let mut message = incoming(&source, b"");
            (0..5000).for_each(|name| message.properties.push(&name.to_string(), ""));
            recorder.record(message);
        }
        assert_eq!(recorder.messages(None, 0).len(), 1);
    }

    #[test]
    fn counting_keeps_nothing() {
        let recorder = Recorder::new(Recording::CountOnly);
        let source = Arc::new(Source::new("d", "1"));
        recorder.record(incoming(&source, b"a"));
        assert!(recorder.messages(None, 0).is_empty());
        assert_eq!(recorder.wait(Some(source), 1, Duration::ZERO), 1);
    }

    #[test]
    fn a_wait_ends_by_the_message_or_by_the_time() {
        let recorder = Arc::new(Recorder::new(Recording::default()));
        let [one, other] = ["one", "other"].map(|id| Arc::new(Source::new(id, "1")));
        assert_eq!(recorder.wait(Some(one.clone()), 1, Duration::from_millis(5)), 0);
        let waiting = std::thread::spawn({
            let (recorder, one) = (recorder.clone(), one.clone());
            move || recorder.wait(Some(one), 2, Duration::from_secs(10))
        });
        for source in [&one, &other, &one] {
            recorder.record(incoming(source, b""));
        }
        assert_eq!(waiting.join().unwrap(), 2);
        assert_eq!(recorder.wait(None, 3, Duration::ZERO), 3);
        assert_eq!(recorder.messages(Some("other"), 0).len(), 1);
    }
}
