//! Requests of MQTT 5 (§4.10), each answer matched by its correlation data.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Instant;

use rustls::ClientConfig;

use super::{DEVICE, Job, Outcome, PAYLOAD};
use crate::error::Result;
use crate::measure::Stopwatch;
use crate::wire::{self, Level, Publish, kind, properties};

/// Sends one request at QoS 1, waits for the answer, acknowledges it, sends the next. The correlation data has 16
/// bytes and is another one each time.
pub fn rtt(job: &Job, config: &Arc<ClientConfig>) -> Result<Outcome> {
    let mut link = job.link(config)?;
    let answers = format!("clients/{DEVICE}/requests");
    link.subscribe(&answers)?;
    let mut samples = Vec::with_capacity(job.n);
    let (mut out, mut block, mut id) = (Vec::new(), Vec::new(), NonZeroU16::MIN);
    let clock = Stopwatch::start();
    for number in 0..job.n {
        let start = Instant::now();
        let correlation = (number as u128).to_be_bytes();
        block.clear();
        properties::put_response_topic(&mut block, answers.as_bytes());
        properties::put_correlation(&mut block, &correlation);
        let payload = &[b'x'; PAYLOAD];
        wire::put_publish(
            &mut out,
            &Publish { topic: b"requests", id: Some(id), properties: Some(&block), payload },
        );
        link.send(&out)?;
        out.clear();
        link.until(|packet| {
            if packet.kind() != kind::PUBLISH {
                return Ok(false);
            }
            let answer = packet.publish(Level::Five)?;
            if let Some(id) = answer.id {
                wire::put_puback(&mut out, id);
            }
            let carried = answer.properties.map_or(Ok(None), properties::correlation)?;
            Ok(carried == Some(&correlation))
        })?;
        samples.push(start.elapsed());
        link.send(&out)?;
        out.clear();
        id = wire::next_id(id);
    }
    Ok(Outcome::latency(clock.stop(), samples))
}
