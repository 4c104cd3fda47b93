//! The journal of a local Event Grid namespace, as it is found at the start.

use std::path::Path;
use std::time::{Duration, Instant};

use azmqtt_local::journal::{Record as _, read_from};
use azmqtt_namespace::broker::Broker;
use azmqtt_namespace::durable::{Record, Replay, Restored, Wall};
use bytes::{BufMut, BytesMut};

use crate::namespace::open_broker;

const MAGIC: &[u8] = b"azmqtt journal 1\n";

/// Bytes before the content of a frame: kind, length, two checksums.
const HEADER: usize = 13;

/// A journal of sessions and kept messages: read as it is, and again with checksums that fit, so that damage comes as far as
/// the broker. What a broker takes of it, another takes of that one's snapshot.
pub fn journals(data: &[u8]) -> bool {
    replayed(data);
    let Some(restored) = replayed(&mended(data)) else { return false };
    let mut first = broker_of(restored);
    let (records, _) = first.snapshot();
    let mut replay = Replay::default();
    for record in &records {
        replay.take(&encoded(record)).expect("a broker wrote it");
    }
    let second = broker_of(replay.finish());
    assert_eq!(counts(&first), counts(&second));
    // No session is kept for longer than an hour.
    first.tick(Instant::now() + Duration::from_secs(100_000));
    assert_eq!((first.sessions(), first.subscriptions()), (0, 0));
    true
}

/// What a journal comes to, if it is whole.
fn replayed(file: &[u8]) -> Option<Restored> {
    let mut replay = Replay::default();
    let taken = read_from(file, file.len() as u64, Path::new("sessions.journal"), |bytes| {
        if let Ok(record) = Record::decode(bytes) {
            assert_eq!(Record::decode(&encoded(&record)).as_ref(), Ok(&record));
        }
        replay.take(bytes)
    });
    taken.ok().map(|()| replay.finish())
}

fn encoded(record: &Record) -> BytesMut {
    let mut bytes = BytesMut::new();
    record.encode(&mut bytes);
    bytes
}

fn broker_of(restored: Restored) -> Broker {
    let now = Instant::now();
    let mut broker = open_broker(now);
    broker.restore(restored, now, Wall::now());
    broker
}

fn counts(broker: &Broker) -> (usize, usize, usize) {
    (broker.sessions(), broker.subscriptions(), broker.retained().len())
}

/// The same frames, each of its length or of what is there, with checksums that fit.
fn mended(data: &[u8]) -> BytesMut {
    let mut rest = data.strip_prefix(MAGIC).unwrap_or(data);
    let mut file = BytesMut::from(MAGIC);
    while let Some((header, behind)) = rest.split_first_chunk::<HEADER>() {
        let [kind, a, b, c, d, ..] = *header;
        let length = behind.len().min(u32::from_le_bytes([a, b, c, d]) as usize);
        let (content, left) = behind.split_at(length);
        let start = file.len();
        file.put_u8(kind);
        file.put_u32_le(length as u32);
        file.put_u32_le(crc32(content));
        let own = crc32(&file[start..]);
        file.put_u32_le(own);
        file.extend_from_slice(content);
        rest = left;
    }
    file
}

/// The checksum of these bytes (ISO 3309).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |rest, byte| {
        (0..8).fold(
            rest ^ u32::from(*byte),
            |rest, _| {
                if rest & 1 == 1 { rest >> 1 ^ 0xEDB8_8320 } else { rest >> 1 }
            },
        )
    })
}
