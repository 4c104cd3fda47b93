//! What faults do to one connection. As long as none was ever asked for, it has none of this.

use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;

use crate::broker::{End, Passage, Token};
use crate::faults::{Faults, NowFault, Received, ReceivedFault, Sent};
use azmqtt_local::faults::{Filter, Silence};
use azmqtt_mqtt::server::Event;

/// So many bytes may be held back on their way out before the broker keeps the rest.
const HELD: usize = 256 << 10;

/// The faults of one connection.
#[derive(Debug)]
pub struct ConnectionFaults {
    client_id: Arc<str>,
    silence: Silence,
    filter: Option<Filter<Sent>>,
    /// What was read when the reading stopped.
    held: Option<Event<Token>>,
}

impl ConnectionFaults {
    pub fn new(client_id: Arc<str>) -> Self {
        Self { client_id, silence: Silence::default(), filter: None, held: None }
    }

    pub fn silence(&self) -> &Silence {
        &self.silence
    }

    /// A fault that waits for no packet.
    pub fn strike(&mut self, fault: NowFault, now: Instant) {
        match fault {
            NowFault::Silence(time) => self.silence.fall(time, now),
            NowFault::Delay(time) => self.silence.stop_reading(time, now),
            // The broker has done the others.
            _ => {}
        }
    }

    /// Forgets what is over.
    pub fn pass_time(&mut self, now: Instant) {
        self.silence.pass_time(now);
    }

    /// When the next thing is due.
    pub fn deadline(&self) -> Option<Instant> {
        // What is late when nothing is written stays so until then.
        let late = self.filter.as_ref().filter(|_| !self.silence.is_mute()).and_then(Filter::next_due);
        [late, self.silence.deadline()].into_iter().flatten().min()
    }

    /// What is to be written: what the broker gave, or what faults have left of it. `under_way` says whether `output` may
    /// begin in the middle of a packet.
    pub fn filter<'a>(
        &'a mut self,
        faults: &Faults,
        output: &'a mut BytesMut,
        under_way: bool,
        now: Instant,
    ) -> &'a mut BytesMut {
        if self.filter.is_none() && !faults.is_armed() {
            return output;
        }
        let filter = self.filter.get_or_insert_with(|| {
            Filter::new(if under_way { std::mem::take(output) } else { BytesMut::new() })
        });
        filter.release(now);
        if filter.held() < HELD {
            let client_id = &*self.client_id;
            filter.take(output, now, Sent::of, |kind| faults.at_sent(client_id, kind, now));
        }
        &mut filter.ready
    }

    /// All that was ready is written. True if the connection ends here.
    pub fn wrote_all(&mut self) -> bool {
        match &self.filter {
            Some(filter) if filter.ends => return true,
            Some(filter) if filter.is_idle() => self.filter = None,
            _ => {}
        }
        false
    }

    /// What was held back, when the namespace reads again.
    pub fn take_held(&mut self) -> Option<Event<Token>> {
        self.held.take()
    }

    /// A packet came in: what becomes of it.
    pub fn receive(&mut self, faults: &Faults, event: Event<Token>, now: Instant) -> Passage {
        if self.silence.is_deaf() {
            self.held = Some(event);
            return Passage::Wait;
        }
        let Some(fault) = kind(&event).and_then(|kind| faults.at_received(&self.client_id, kind, now)) else {
            return Passage::Take(event);
        };
        match fault {
            ReceivedFault::Drop => Passage::End(event, End::Dropped { in_order: false }),
            ReceivedFault::ExpireToken => Passage::End(event, End::Unauthenticated),
            ReceivedFault::TakeOver => Passage::End(event, End::TakenOver),
            ReceivedFault::Lose => Passage::Lose(event),
            ReceivedFault::Answer(code) => Passage::Answer(event, code),
            ReceivedFault::Silence(time) => {
                self.silence.fall(time, now);
                Passage::Lose(event)
            }
            ReceivedFault::Delay(time) => {
                self.silence.stop_reading(time, now);
                self.held = Some(event);
                Passage::Wait
            }
        }
    }
}

/// What a packet is; `None` for DISCONNECT, which ends all, and for AUTH.
fn kind(event: &Event<Token>) -> Option<Received> {
    match event {
        Event::Publish(_) => Some(Received::Publish),
        Event::Subscribe(_) => Some(Received::Subscribe),
        Event::Unsubscribe(_) => Some(Received::Unsubscribe),
        Event::Acknowledged { .. } => Some(Received::Acknowledgement),
        Event::Connect(_) | Event::Auth(_) | Event::NotSentAgain { .. } | Event::Disconnect(_) => None,
    }
}
