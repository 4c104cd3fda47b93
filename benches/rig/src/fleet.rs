//! Devices for a hub under test: many that only stay connected, or one that sends as fast as it can.

use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ClientConfig;

use crate::error::{Error, Result};
use crate::link::Link;
use crate::measure::Stopwatch;
use crate::wire::{self, Level, kind};

/// How a device logs in.
pub struct Login {
    client_id: String,
    user: String,
    password: String,
}

impl Login {
    /// One login a line: client id, user name and password with tabs in between.
    pub fn read(path: &Path) -> Result<Vec<Self>> {
        let text = std::fs::read_to_string(path)?;
        let logins = text.lines().map(|line| {
            let mut parts = line.split('\t').map(str::to_owned);
            let mut next = || parts.next().ok_or_else(|| Error::Usage(format!("no login: {line:?}")));
            Ok(Self { client_id: next()?, user: next()?, password: next()? })
        });
        logins.collect()
    }

    fn connect(&self, port: u16, config: &Arc<ClientConfig>) -> Result<Link> {
        Link::log_in(port, config, &self.client_id, &self.user, &self.password)
    }

    /// One message at QoS 1, until its PUBACK.
    pub fn send_one(&self, link: &mut Link, bytes: usize) -> Result<()> {
        let topic = format!("devices/{}/messages/events/", self.client_id);
        let mut message = Vec::new();
        wire::put_publish(
            &mut message,
            &Level::Four.publish(topic.as_bytes(), Some(NonZeroU16::MIN), &vec![b'x'; bytes]),
        );
        link.send(&message)?;
        link.until(|packet| Ok(packet.kind() == kind::PUBACK))
    }
}

/// Where the hub is.
pub struct Hub {
    /// On 127.0.0.1.
    pub port: u16,
    /// The hub's authority.
    pub ca: PathBuf,
}

/// Connects one device after the other until all are there or one is refused; the error comes along with those that are.
pub fn connect_all(hub: &Hub, config: &Arc<ClientConfig>, logins: &[Login]) -> (Vec<Link>, Option<Error>) {
    let mut links = Vec::with_capacity(logins.len());
    for login in logins {
        match login.connect(hub.port, config) {
            Ok(link) => links.push(link),
            Err(error) => return (links, Some(error)),
        }
    }
    (links, None)
}

/// What one fast device sends.
pub struct Load {
    /// Messages in all.
    pub messages: usize,
    /// QoS 1 messages on their way at once.
    pub window: usize,
    /// Bytes of a payload.
    pub payload: usize,
    /// What follows `devices/{id}/messages/events/` in the topic.
    pub properties: String,
}

/// Sends at QoS 1 with a full window until the last PUBACK: the result as one JSON object.
pub fn send(hub: &Hub, config: &Arc<ClientConfig>, login: &Login, load: &Load) -> Result<String> {
    let topic = format!("devices/{}/messages/events/{}", login.client_id, load.properties);
    let ring_len = 2 * load.window;
    let (mut ring, mut id) = (Vec::new(), NonZeroU16::MIN);
    for _ in 0..ring_len {
        wire::put_publish(
            &mut ring,
            &Level::Four.publish(topic.as_bytes(), Some(id), &vec![b'x'; load.payload]),
        );
        id = wire::next_id(id);
    }
    let size = ring.len() / ring_len;
    let mut link = login.connect(hub.port, config)?;
    let clock = Stopwatch::start();
    let (mut sent, mut acknowledged) = (0, 0);
    while acknowledged < load.messages {
        let mut room = (load.window - (sent - acknowledged)).min(load.messages - sent);
        // Filled again when a quarter is free: fewer, larger writes.
        if room >= load.window / 4 || room == load.messages - sent {
            while room > 0 {
                let at = sent % ring_len;
                let run = room.min(ring_len - at);
                link.send(&ring[at * size..(at + run) * size])?;
                sent += run;
                room -= run;
            }
        }
        link.receive(|packet| {
            acknowledged += usize::from(packet.kind() == kind::PUBACK);
            Ok(())
        })?;
    }
    let (elapsed, cpu) = clock.stop();
    Ok(format!(
        "{{\"msgs\":{acknowledged},\"elapsed_s\":{:.6},\"cpu_s\":{:.6}}}",
        elapsed.as_secs_f64(),
        cpu.as_secs_f64()
    ))
}
