//! The ring of all recorded packets of a service.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use super::properties::RecordedProperty;
use super::record::{ClientName, Content, Direction, PacketRecord};
use super::tap::Tap;
use crate::watch::Readers;
use azmqtt_net::sync::{Condvar, Mutex};

/// Whether MQTT packets are kept, in both directions, for tests to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketRecording {
    /// None.
    Off,
    /// The newest packets, up to both bounds; the oldest make room.
    Keep {
        /// At most this many packets.
        packets: usize,
        /// At most this many bytes of topics, bodies and book-keeping.
        bytes: usize,
    },
}

impl PacketRecording {
    /// What a run of tests can do with: the newest 100,000 packets or 64 MiB.
    pub const ON: Self = Self::Keep { packets: 100_000, bytes: 64 << 20 };
}

/// The newest packets, up to both bounds of [`PacketRecording::Keep`]; the oldest make room.
pub struct PacketLog {
    max_packets: usize,
    max_bytes: usize,
    ring: Mutex<Ring>,
    grown: Condvar,
    /// The same for tasks.
    readers: Readers,
}

#[derive(Default)]
struct Ring {
    records: VecDeque<(usize, Arc<PacketRecord>)>,
    bytes: usize,
    total: u64,
    waiters: usize,
    /// Who has records or connections, so that connections can be counted. Bounded by both.
    clients: HashMap<String, Arc<ClientName>>,
    /// With more clients than this, those of the past are forgotten.
    tidy_at: usize,
}

impl PacketLog {
    /// `None` if nothing is to be recorded.
    pub fn new(recording: PacketRecording) -> Option<Arc<Self>> {
        match recording {
            PacketRecording::Off => None,
            PacketRecording::Keep { packets, bytes } => Some(Arc::new(Self {
                max_packets: packets,
                max_bytes: bytes,
                ring: Mutex::default(),
                grown: Condvar::new(),
                readers: Readers::default(),
            })),
        }
    }

    /// What records one connection.
    pub fn tap(self: &Arc<Self>) -> Box<Tap> {
        Box::new(Tap::new(self.clone()))
    }

    /// A client begins a connection: its name, and which of its connections it is.
    pub(super) fn begin(&self, client_id: &str) -> (Arc<ClientName>, u64) {
        let mut ring = self.ring.lock();
        let client = ring.client(client_id);
        let number = client.connections.fetch_add(1, Ordering::Relaxed) + 1;
        (client, number)
    }

    pub(super) fn record(
        &self,
        client: &Arc<ClientName>,
        connection: u64,
        direction: Direction,
        content: Content,
        properties: Vec<RecordedProperty>,
    ) {
        let mut ring = self.ring.lock();
        ring.total += 1;
        let weight = content.weight()
            + client.client_id.len()
            + properties.iter().map(RecordedProperty::weight).sum::<usize>();
        let (sequence, client, time) = (ring.total, client.clone(), SystemTime::now());
        let record = PacketRecord { sequence, client, connection, time, direction, content, properties };
        ring.bytes += weight;
        ring.records.push_back((weight, Arc::new(record)));
        while ring.records.len() > self.max_packets || ring.bytes > self.max_bytes {
            let Some((weight, _)) = ring.records.pop_front() else { break };
            ring.bytes -= weight;
        }
        if ring.waiters > 0 {
            self.grown.notify_all();
        }
        drop(ring);
        self.readers.wake();
    }

    /// Woken by every record.
    pub(super) fn readers(&self) -> &Readers {
        &self.readers
    }

    /// The records after a number, at most so many; and how many are gone before the first of them.
    pub(super) fn page(&self, after: u64, most: usize) -> (u64, Vec<Arc<PacketRecord>>) {
        let ring = self.ring.lock();
        let kept_from = ring.total - ring.records.len() as u64 + 1;
        let first = kept_from.max(after.saturating_add(1));
        let skipped = usize::try_from(first - kept_from).unwrap_or(usize::MAX);
        let records = ring.records.iter().skip(skipped).take(most);
        (first - after.saturating_add(1), records.map(|(_, record)| record.clone()).collect())
    }

    /// The kept records of one client, by the id in its CONNECT, or of all, with a higher sequence number than `after`, oldest first.
    pub fn records(&self, client_id: Option<&str>, after: u64) -> Vec<Arc<PacketRecord>> {
        let ring = self.ring.lock();
        ring.records(client_id, after)
    }

    /// How many packets were recorded in all, those that made room included.
    pub fn total(&self) -> u64 {
        self.ring.lock().total
    }

    /// Blocks until there is one of [`Self::records`]; false when the time ran out.
    pub fn wait(&self, client_id: Option<&str>, after: u64, timeout: Duration) -> bool {
        // A timeout beyond the clock's range is none.
        let deadline = Instant::now().checked_add(timeout);
        let mut ring = self.ring.lock();
        let mut seen = after;
        loop {
            if !ring.records(client_id, seen).is_empty() {
                return true;
            }
            seen = seen.max(ring.total);
            let left =
                deadline.map_or(timeout, |deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return false;
            }
            ring.waiters += 1;
            ring = self.grown.wait_timeout(ring, left);
            ring.waiters -= 1;
        }
    }
}

impl Ring {
    fn records(&self, client_id: Option<&str>, after: u64) -> Vec<Arc<PacketRecord>> {
        let start = self.records.partition_point(|(_, record)| record.sequence <= after);
        let wanted = |record: &PacketRecord| client_id.is_none_or(|id| record.client.client_id == id);
        let records = self.records.range(start..).filter(|(_, record)| wanted(record));
        records.map(|(_, record)| record.clone()).collect()
    }

    fn client(&mut self, client_id: &str) -> Arc<ClientName> {
        if let Some(client) = self.clients.get(client_id) {
            return client.clone();
        }
        if self.clients.len() >= self.tidy_at {
            self.clients.retain(|_, client| Arc::strong_count(client) > 1);
            self.tidy_at = (2 * self.clients.len()).max(64);
        }
        let client = Arc::new(ClientName { client_id: client_id.to_owned(), connections: AtomicU64::new(0) });
        self.clients.insert(client_id.to_owned(), client.clone());
        client
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PING: Content = Content::Bare { name: "PINGREQ", code: None };

    fn log(packets: usize, bytes: usize) -> Arc<PacketLog> {
        PacketLog::new(PacketRecording::Keep { packets, bytes }).unwrap()
    }

    fn ping(log: &PacketLog, client: &(Arc<ClientName>, u64)) {
        log.record(&client.0, client.1, Direction::ToServer, PING, Vec::new());
    }

    #[test]
    fn the_oldest_make_room() {
        let one = PING.weight() + 1;
        for log in [log(2, usize::MAX), log(100, 2 * one)] {
            let client = log.begin("d");
            for _ in 0..3 {
                ping(&log, &client);
            }
            let kept: Vec<_> = log.records(Some("d"), 0).iter().map(|record| record.sequence).collect();
            assert_eq!((kept, log.total()), (vec![2, 3], 3));
        }
    }

    #[test]
    fn a_module_is_not_its_device() {
        let log = log(10, usize::MAX);
        for client_id in ["d", "d/m", "d/m/x", "dd/m"] {
            ping(&log, &log.begin(client_id));
        }
        let ids = |id: &str| {
            let records = log.records(Some(id), 0);
            records.iter().map(|record| record.client.client_id.clone()).collect::<Vec<_>>()
        };
        assert_eq!(ids("d"), ["d"]);
        assert_eq!(ids("d/m"), ["d/m"]);
        assert_eq!(log.records(None, 0).len(), 4);
    }

    #[test]
    fn connections_are_counted_for_each_client_as_long_as_it_is_remembered() {
        let log = log(1, usize::MAX);
        let first = log.begin("d");
        ping(&log, &first);
        assert_eq!((first.1, log.begin("d").1, log.begin("e").1), (1, 2, 1));
        drop(first);
        // Other connections push "d" out of the ring, and then out of the books; their own number stays bounded.
        for index in 0..1000 {
            ping(&log, &log.begin(&format!("other-{index}")));
        }
        assert!(log.ring.lock().clients.len() <= 128);
        assert_eq!(log.begin("d").1, 1);
    }

    #[test]
    fn a_wait_ends_by_the_packet_or_by_the_time() {
        let log = log(10, usize::MAX);
        let [mine, other] = ["d", "other"].map(|id| log.begin(id));
        ping(&log, &other);
        assert!(!log.wait(Some("d"), 0, Duration::from_millis(5)));
        let waiting = std::thread::spawn({
            let log = log.clone();
            move || log.wait(Some("d"), 0, Duration::from_secs(10))
        });
        ping(&log, &other);
        ping(&log, &mine);
        assert!(waiting.join().unwrap());
        assert!(!log.wait(Some("d"), log.total(), Duration::ZERO));
    }
}
