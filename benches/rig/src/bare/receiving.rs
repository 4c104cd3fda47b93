//! Cloud-to-device messages as fast as the sink sends them.

use std::num::NonZeroU16;
use std::sync::Arc;

use rustls::ClientConfig;

use super::{DEVICE, Job, Outcome};
use crate::error::Result;
use crate::measure::Stopwatch;
use crate::wire::{self, kind};

/// Asks for `job.n` messages and counts them; at QoS 1 each read's messages are acknowledged by one write.
pub fn flood(job: &Job, config: &Arc<ClientConfig>, qos: u8) -> Result<Outcome> {
    let mut link = job.link(config)?;
    link.subscribe(&format!("devices/{DEVICE}/messages/devicebound/#"))?;
    let mut request = Vec::new();
    let topic = format!("devices/{DEVICE}/messages/events/");
    let text = format!("FLOOD {} {qos}", job.n);
    let message = job.level().publish(topic.as_bytes(), Some(NonZeroU16::MIN), text.as_bytes());
    wire::put_publish(&mut request, &message);

    let clock = Stopwatch::start();
    link.send(&request)?;
    let mut received = 0;
    let mut acks = Vec::new();
    while received < job.n {
        link.receive(|packet| {
            if packet.kind() == kind::PUBLISH {
                received += 1;
                if let Some(id) = packet.publish(job.level())?.id {
                    wire::put_puback(&mut acks, id);
                }
            }
            Ok(())
        })?;
        if !acks.is_empty() {
            link.send(&acks)?;
            acks.clear();
        }
    }
    Ok(Outcome::rate(clock.stop(), received))
}
