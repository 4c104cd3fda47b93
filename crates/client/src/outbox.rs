//! Messages of the application that are not in flight: those that wait, and those at QoS 0 that are leaving.

use std::collections::VecDeque;
use std::time::Instant;

use crate::histogram::Ticks;
use crate::ticket::Ticket;
use azmqtt_mqtt::Publish;

/// What waits or leaves; `O` is who is told of a message.
#[derive(Debug)]
pub struct Outbox<O> {
    /// Accepted and not yet on the wire, oldest first.
    pub queued: VecDeque<(Publish, Ticket<O>)>,
    /// QoS 0 messages on their way to the socket: done once that many bytes have left.
    pub unflushed: VecDeque<(u64, Publish, Ticket<O>)>,
    /// For the round trips of messages.
    ticks: Ticks,
    round: Round,
}

/// The clock's reading in the current round, which is looked at for every message.
#[derive(Debug)]
struct Round {
    now: Instant,
    tick: u32,
    /// Microseconds since the server accepted.
    age: u32,
}

impl<O> Outbox<O> {
    /// With nothing in it; `now` begins its clock.
    pub fn new(now: Instant) -> Self {
        let round = Round { now, tick: 0, age: 0 };
        Self { queued: VecDeque::new(), unflushed: VecDeque::new(), ticks: Ticks::new(now), round }
    }

    /// Whether nothing waits or leaves.
    pub fn is_empty(&self) -> bool {
        self.queued.is_empty() && self.unflushed.is_empty()
    }

    /// How many wait or leave.
    pub fn len(&self) -> usize {
        self.queued.len() + self.unflushed.len()
    }

    /// The reading of the clock that goes with a message.
    pub fn tick(&self, now: Instant) -> u32 {
        self.ticks.at(now)
    }

    /// How long a message that went out at `sent` took, in microseconds; `None` if that spans a lost connection.
    pub fn round_trip(&mut self, sent: u32, accepted: Option<Instant>, now: Instant) -> Option<u32> {
        if self.round.now != now {
            let age = now.saturating_duration_since(accepted.unwrap_or(now)).as_micros();
            // Ticks are cut to whole microseconds, so that their difference may be one more.
            let age = u32::try_from(age).unwrap_or(u32::MAX).saturating_add(1);
            self.round = Round { now, tick: self.ticks.at(now), age };
        }
        let span = self.round.tick.wrapping_sub(sent);
        (span <= self.round.age).then_some(span)
    }

    /// The next message at QoS 0 that has left, with the first `flushed` bytes.
    pub fn next_flushed(&mut self, flushed: u64) -> Option<Ticket<O>> {
        self.unflushed.front().filter(|(end, _, _)| *end <= flushed)?;
        self.unflushed.pop_front().map(|(_, _, ticket)| ticket)
    }

    /// The connection ended, and the stream has taken `written` bytes: messages at QoS 0 that were cut off wait for the next
    /// one. Takes out those that may have left: the server may have them, and at most once is the promise of QoS 0.
    pub fn cut_off(&mut self, written: u64) -> Vec<Ticket<O>> {
        let (cut_off, left): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.unflushed).into_iter().partition(|(end, _, _)| *end > written);
        self.requeue(cut_off.into_iter().map(|(_, publish, ticket)| (publish, ticket)).collect());
        left.into_iter().map(|(_, _, ticket)| ticket).collect()
    }

    /// Puts messages back in front, in their order.
    pub fn requeue(&mut self, messages: Vec<(Publish, Ticket<O>)>) {
        for message in messages.into_iter().rev() {
            self.queued.push_front(message);
        }
    }

    /// Takes out the messages whose time is over, in their order.
    pub fn expire(&mut self, now: Instant) -> impl Iterator<Item = Ticket<O>> + use<O> {
        let queued = split_off(&mut self.queued, |(_, ticket)| ticket.deadline <= now);
        let unflushed = split_off(&mut self.unflushed, |(_, _, ticket)| ticket.deadline <= now);
        queued.into_iter().map(|(_, ticket)| ticket).chain(unflushed.into_iter().map(|(_, _, ticket)| ticket))
    }

    /// Takes every message out.
    pub fn drain(&mut self) -> impl Iterator<Item = Ticket<O>> + use<O> {
        let (unflushed, queued) = (std::mem::take(&mut self.unflushed), std::mem::take(&mut self.queued));
        unflushed.into_iter().map(|(_, _, ticket)| ticket).chain(queued.into_iter().map(|(_, ticket)| ticket))
    }

    /// The tickets of all.
    pub fn tickets(&self) -> impl Iterator<Item = &Ticket<O>> {
        let queued = self.queued.iter().map(|(_, ticket)| ticket);
        queued.chain(self.unflushed.iter().map(|(_, _, ticket)| ticket))
    }
}

/// Takes out what `late` picks and leaves the rest in its order.
fn split_off<T>(queue: &mut VecDeque<T>, late: impl FnMut(&T) -> bool) -> VecDeque<T> {
    let (late, rest) = std::mem::take(queue).into_iter().partition(late);
    *queue = rest;
    late
}
