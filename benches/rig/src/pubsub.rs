//! Publishers and subscribers of a broker under test, each on a connection and a thread of its own, unless they are many.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rustls::ClientConfig;

use crate::error::{Error, Result};
use crate::link::Link;
use crate::wire::{self, Level, kind};

/// Threads that read for many subscribers.
const READERS: usize = 4;

/// Messages that subscribers with a thread each may be behind: a broker has to end, or leave out, who is too far behind.
const BEHIND: usize = 4000;

/// How long a publisher waits for subscribers that are.
const PAUSE: Duration = Duration::from_micros(200);

/// A broker, and how one connects.
#[derive(Clone)]
pub struct Broker {
    /// On 127.0.0.1.
    pub port: u16,
    /// With the broker's authority, and a client certificate.
    pub config: Arc<ClientConfig>,
}

impl Broker {
    /// Connects a client in MQTT 5, whose user name is its identifier.
    pub fn connect(&self, client_id: &str) -> Result<Link> {
        Link::log_in_to(self.port, &self.config, Level::Five, client_id, client_id, "")
    }
}

/// What a publisher sends.
#[derive(Clone, Copy)]
pub struct Load {
    /// Messages in all.
    pub messages: usize,
    /// QoS 1 messages on their way at once.
    pub window: usize,
    /// Bytes of a payload.
    pub payload: usize,
    /// From the last acknowledgement to the next message.
    pub interval: Duration,
}

/// How far all publishers and each subscriber are.
#[derive(Default)]
struct Progress {
    sent: AtomicUsize,
    taken: Vec<AtomicUsize>,
}

impl Progress {
    fn is_far_ahead(&self) -> bool {
        let slowest = self.taken.iter().map(|taken| taken.load(Ordering::Relaxed)).min();
        slowest.is_some_and(|taken| self.sent.load(Ordering::Relaxed) > taken + BEHIND)
    }
}

/// Publishes at QoS 1 until the last PUBACK.
fn publish(link: &mut Link, topic: &str, load: Load, progress: &Progress) -> Result<()> {
    let (body, mut id) = (vec![b'x'; load.payload], NonZeroU16::MIN);
    let (mut sent, mut acknowledged) = (0, 0);
    let mut out = Vec::new();
    while acknowledged < load.messages {
        if acknowledged == sent && !load.interval.is_zero() {
            thread::sleep(load.interval);
        }
        let room = (load.window - (sent - acknowledged)).min(load.messages - sent);
        // Filled again when a quarter is free: fewer, larger writes.
        while room > 0 && progress.is_far_ahead() {
            thread::sleep(PAUSE);
        }
        if room > 0 && (room >= load.window / 4 || room == load.messages - sent) {
            out.clear();
            for _ in 0..room {
                wire::put_publish(&mut out, &Level::Five.publish(topic.as_bytes(), Some(id), &body));
                id = wire::next_id(id);
            }
            sent += room;
            progress.sent.fetch_add(room, Ordering::Relaxed);
            link.send(&out)?;
        }
        link.receive(|packet| {
            if packet.kind() == kind::PUBACK {
                // A reason code from 0x80 on is a refusal.
                if packet.body.get(2).is_some_and(|code| *code >= 0x80) {
                    return Err(Error::Protocol("the broker refused a message"));
                }
                acknowledged += 1;
            }
            Ok(())
        })?;
    }
    Ok(())
}

/// Takes so many messages, and acknowledges those at QoS 1. Says how far it is.
fn take(link: &mut Link, messages: usize, progress: Option<&AtomicUsize>) -> Result<()> {
    let mut taken = 0;
    let mut answers = Vec::new();
    while taken < messages {
        answers.clear();
        link.receive(|packet| {
            if packet.kind() == kind::PUBLISH {
                taken += 1;
                if let Some(id) = packet.publish(Level::Five)?.id {
                    wire::put_puback(&mut answers, id);
                }
            }
            Ok(())
        })?;
        if !answers.is_empty() {
            link.send(&answers)?;
        }
        if let Some(progress) = progress {
            progress.store(taken, Ordering::Relaxed);
        }
    }
    Ok(())
}

/// Runs publishers, each on a topic of its own, and subscribers that each get all of it, to the end of both.
pub fn run(publishers: Vec<Link>, subscribers: Vec<Link>, load: Load) -> Result<()> {
    let each = publishers.len() * load.messages;
    let chunk = subscribers.len().div_ceil(READERS).max(1);
    let mut groups: Vec<Vec<Link>> = Vec::new();
    let mut rest = subscribers.into_iter().peekable();
    while rest.peek().is_some() {
        groups.push(rest.by_ref().take(chunk).collect());
    }
    // One that reads for many reads for one after the other.
    let counted = if chunk == 1 { groups.len() } else { 0 };
    let taken = (0..counted).map(|_| AtomicUsize::default()).collect();
    let progress = Arc::new(Progress { taken, ..Progress::default() });
    let readers: Vec<_> = groups
        .into_iter()
        .enumerate()
        .map(|(index, mut links)| {
            let progress = Arc::clone(&progress);
            thread::spawn(move || {
                links.iter_mut().try_for_each(|link| take(link, each, progress.taken.get(index)))
            })
        })
        .collect();
    let writers: Vec<_> = publishers
        .into_iter()
        .enumerate()
        .map(|(index, mut link)| {
            let progress = Arc::clone(&progress);
            thread::spawn(move || publish(&mut link, &format!("t/{index}"), load, &progress))
        })
        .collect();
    for thread in writers.into_iter().chain(readers) {
        thread.join().map_err(|_| Error::Protocol("a thread panicked"))??;
    }
    Ok(())
}
