//! Telemetry at QoS 1.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Instant;

use rustls::ClientConfig;

use super::{DEVICE, Job, Outcome, PAYLOAD, WINDOW};
use crate::error::Result;
use crate::measure::Stopwatch;
use crate::wire::{self, kind};

/// The window is filled again when this many places are free: fewer, larger writes.
const STEP: usize = WINDOW / 4;

fn topic() -> Vec<u8> {
    format!("devices/{DEVICE}/messages/events/").into_bytes()
}

/// Sends a pre-encoded stream with up to [`WINDOW`] messages unacknowledged.
pub fn pipelined(job: &Job, config: &Arc<ClientConfig>) -> Result<Outcome> {
    // Twice the window, so that an id comes round again only after its acknowledgement.
    let ring_len = 2 * WINDOW;
    let (topic, mut ring, mut id) = (topic(), Vec::new(), NonZeroU16::MIN);
    for _ in 0..ring_len {
        wire::put_publish(&mut ring, &job.level().publish(&topic, Some(id), &[b'x'; PAYLOAD]));
        id = wire::next_id(id);
    }
    let size = ring.len() / ring_len;

    let mut link = job.link(config)?;
    let clock = Stopwatch::start();
    let (mut sent, mut acked) = (0, 0);
    while acked < job.n {
        let mut room = (WINDOW - (sent - acked)).min(job.n - sent);
        if room >= STEP || room == job.n - sent {
            while room > 0 {
                let at = sent % ring_len;
                let run = room.min(ring_len - at);
                link.send(&ring[at * size..(at + run) * size])?;
                sent += run;
                room -= run;
            }
        }
        link.receive(|packet| {
            acked += usize::from(packet.kind() == kind::PUBACK);
            Ok(())
        })?;
    }
    Ok(Outcome::rate(clock.stop(), acked))
}

/// Sends one message, waits for its PUBACK, sends the next.
pub fn one_at_a_time(job: &Job, config: &Arc<ClientConfig>) -> Result<Outcome> {
    let mut message = Vec::new();
    let id = NonZeroU16::MIN;
    wire::put_publish(&mut message, &job.level().publish(&topic(), Some(id), &[b'x'; PAYLOAD]));

    let mut link = job.link(config)?;
    let mut samples = Vec::with_capacity(job.n);
    let clock = Stopwatch::start();
    for _ in 0..job.n {
        let start = Instant::now();
        link.send(&message)?;
        link.until(|packet| Ok(packet.kind() == kind::PUBACK && packet.id()? == id))?;
        samples.push(start.elapsed());
    }
    Ok(Outcome::latency(clock.stop(), samples))
}
