//! Where a broker writes down what is to outlast it.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::record::{Body, Queued, Record};
use super::wall::Wall;
use crate::routing::SessionKey;
use azmqtt_local::journal::{Log, Status};
use azmqtt_mqtt::Publish;

/// The records of one broker.
#[derive(Debug)]
pub struct Recorder {
    log: Arc<Log>,
    /// The last number that was given to a message or payload.
    number: u64,
    /// The position of the last record for which somebody may wait.
    position: u64,
    /// The last payload that was written by itself, and its number.
    payload: Option<(Bytes, u64)>,
}

impl Recorder {
    /// A payload of at least this many bytes is written once for all who get it.
    pub const SHARED: usize = 256;

    /// Writes to this log, with numbers after `number`.
    pub fn new(log: Arc<Log>, number: u64) -> Self {
        Self { log, number, position: 0, payload: None }
    }

    /// Where it writes.
    pub fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// The position of the last record but those of [`Self::sent`] and [`Self::done`].
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Whether everything to this position is on the disk.
    pub fn status(&self, position: u64) -> Status {
        self.log.status(position)
    }

    /// The number of another message.
    pub fn next_number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    /// Adds a record.
    pub fn add(&mut self, record: &Record) {
        self.position = self.log.add(record);
    }

    /// A message waits for a session, or is sent to it under `packet_id`. Its number.
    pub fn queued(&mut self, key: SessionKey, publish: &Publish, accepted: Instant, packet_id: u16) -> u64 {
        let body = self.body(&publish.payload);
        let number = self.next_number();
        self.add(&Record::Queued(Queued {
            key,
            number,
            packet_id,
            accepted: Wall::of(accepted),
            retain: publish.retain,
            topic: publish.topic.clone(),
            properties: publish.properties.clone(),
            body,
        }));
        number
    }

    fn body(&mut self, payload: &Bytes) -> Body {
        if payload.len() < Self::SHARED {
            return Body::Own(payload.clone());
        }
        // The one that is held is still in memory: at its place is no other.
        if let Some((known, number)) = &self.payload
            && std::ptr::eq(known.as_ptr(), payload.as_ptr())
            && known.len() == payload.len()
        {
            return Body::Shared(*number);
        }
        let number = self.next_number();
        self.add(&Record::Payload { number, payload: payload.clone() });
        self.payload = Some((payload.clone(), number));
        Body::Shared(number)
    }

    /// A message that waited is sent.
    pub fn sent(&mut self, key: SessionKey, number: u64, packet_id: u16) {
        self.log.add_later(&Record::Sent { key, number, packet_id });
    }

    /// A message does not wait any more.
    pub fn done(&mut self, key: SessionKey, number: u64) {
        self.log.add_later(&Record::Done { key, number });
    }

    /// A snapshot is made: payloads of before are not there by themselves after it. The position of the last record.
    pub fn is_in_snapshot(&mut self) -> u64 {
        self.payload = None;
        self.log.is_in_snapshot()
    }
}
