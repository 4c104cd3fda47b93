//! Twin patches, each answer matched to its request by `$rid`.

use std::sync::Arc;
use std::time::Instant;

use rustls::ClientConfig;

use super::{Job, Outcome};
use crate::error::{Error, Result};
use crate::measure::Stopwatch;
use crate::wire::{self, Level, Packet};

const ANSWERS: &str = "$iothub/twin/res/#";
const ANSWERED: &[u8] = b"$iothub/twin/res/204/?$rid=";

fn put_patch(out: &mut Vec<u8>, rid: usize) {
    let topic = format!("$iothub/twin/PATCH/properties/reported/?$rid={rid}");
    wire::put_publish(out, &Level::Four.publish(topic.as_bytes(), None, br#"{"temperature":21.5}"#));
}

/// The request that a packet answers, if it is an answer.
fn answered(packet: &Packet<'_>) -> Result<Option<usize>> {
    if packet.first != 0x30 {
        return Ok(None);
    }
    let Some(bag) = packet.publish(Level::Four)?.topic.strip_prefix(ANSWERED) else { return Ok(None) };
    let digits = bag.split(|b| *b == b'&').next().unwrap_or_default();
    let rid = std::str::from_utf8(digits).ok().and_then(|d| d.parse().ok());
    rid.map(Some).ok_or(Error::Protocol("answer with a foreign $rid"))
}

/// One patch after the other.
pub fn rtt(job: &Job, config: &Arc<ClientConfig>) -> Result<Outcome> {
    let mut link = job.link(config)?;
    link.subscribe(ANSWERS)?;
    let mut samples = Vec::with_capacity(job.n);
    let mut out = Vec::new();
    let clock = Stopwatch::start();
    for rid in 0..job.n {
        let start = Instant::now();
        out.clear();
        put_patch(&mut out, rid);
        link.send(&out)?;
        link.until(|packet| Ok(answered(packet)? == Some(rid)))?;
        samples.push(start.elapsed());
    }
    Ok(Outcome::latency(clock.stop(), samples))
}

/// `width` patches at once, then the next `width` when all are answered.
pub fn concurrent(job: &Job, config: &Arc<ClientConfig>, width: usize) -> Result<Outcome> {
    let mut link = job.link(config)?;
    link.subscribe(ANSWERS)?;
    let mut out = Vec::new();
    let clock = Stopwatch::start();
    let mut done = 0;
    while done < job.n {
        let last = (done + width).min(job.n);
        out.clear();
        (done..last).for_each(|rid| put_patch(&mut out, rid));
        link.send(&out)?;
        let mut open = vec![true; last - done];
        let mut left = open.len();
        while left > 0 {
            link.receive(|packet| {
                let Some(rid) = answered(packet)? else { return Ok(()) };
                let slot = rid.checked_sub(done).and_then(|i| open.get_mut(i));
                if std::mem::take(slot.ok_or(Error::Protocol("answer with a foreign $rid"))?) {
                    left -= 1;
                }
                Ok(())
            })?;
        }
        done = last;
    }
    Ok(Outcome::rate(clock.stop(), done))
}
