//! The messages at QoS 1 and 2 that this side has sent, until the peer answers for them.
//!
//! QoS 1 (§4.3.2): PUBLISH is out until PUBACK. QoS 2 (§4.3.3): PUBLISH is out until PUBREC, and PUBREL from then until
//! PUBCOMP; the message itself is not needed any more. All are sent again on the next connection, and at no other time
//! [MQTT-4.4.0-1].

use std::collections::VecDeque;
use std::time::Instant;

use crate::errors::PublishError;
use crate::packets::{Publish, QoS, ReasonCode};
use crate::ring::{Place, Ring};

/// The outstanding identifiers of one side of a session. `T` is what the caller wants back with the
/// acknowledgement of a message.
#[derive(Debug)]
pub struct InFlight<T> {
    ring: Ring<Slot<T>>,
    /// Messages whose token is kept.
    messages: usize,
    /// Messages that were given up, and whose answer may still come on this connection.
    given_up: usize,
    /// How many messages this side wants in flight.
    limit: u16,
    /// How many the peer takes: its Receive Maximum.
    quota: u16,
    /// What is to be sent again on this connection and was not yet, oldest first.
    again: VecDeque<u16>,
    /// Tokens of messages that were to be sent again, and why they were not.
    returned: VecDeque<(T, PublishError)>,
}

/// What an identifier is out for.
#[derive(Debug)]
enum Slot<T> {
    /// PUBLISH is out.
    Published(Publish, T, Option<Instant>),
    /// PUBREL is out. PUBREC said this; the token is gone with a message that was given up.
    Released(Option<T>, ReasonCode),
    /// PUBLISH is out, and its sender has given up on it. Its answer may still come.
    Abandoned(QoS),
    /// A SUBSCRIBE or UNSUBSCRIBE is out.
    Asked(Question),
}

/// A packet that is answered once, in this connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// SUBSCRIBE with this many filters.
    Subscribe(usize),
    /// UNSUBSCRIBE that wants this many reason codes: in MQTT 3.1.1 none.
    Unsubscribe(usize),
}

/// A message at QoS 1 that was acknowledged.
#[derive(Debug)]
pub struct Acknowledged<T> {
    publish: Publish,
    /// What its sender wants back.
    pub token: T,
    expires: Option<Instant>,
    place: Place,
}

impl<T> Acknowledged<T> {
    /// The same message with another token, and its own.
    pub fn swap<U>(self, token: U) -> (Acknowledged<U>, T) {
        let Self { publish, token: own, expires, place } = self;
        (Acknowledged { publish, token, expires, place }, own)
    }
}

/// What PUBREC means for the message with its identifier.
#[derive(Debug, PartialEq, Eq)]
pub enum Recorded<T> {
    /// The peer has it: send PUBREL.
    Release,
    /// The peer refuses it: the exchange is over. Without a token it was given up before.
    Refused(Option<T>),
    /// No such message is out at QoS 2.
    Unknown,
}

/// What is sent again.
#[derive(Debug, PartialEq, Eq)]
pub enum Again<'a> {
    /// PUBLISH, and when the message expires.
    Publish(&'a Publish, Option<Instant>),
    /// PUBREL.
    Release,
}

/// What became of a message whose session is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unacknowledged<T> {
    /// It was written, and no answer has come: the peer may have it or not. It is as it was before it was published.
    Written(Publish, T),
    /// At QoS 2, the peer answered with PUBREC and this reason: it has the message.
    Received(T, ReasonCode),
    /// It was written, then it was to be sent again, and could not be for this reason. The peer may have it or not.
    NotSentAgain(T, PublishError),
}

impl<T> Unacknowledged<T> {
    /// The token of the message.
    pub fn token(&self) -> &T {
        match self {
            Self::Written(_, token) | Self::Received(token, _) | Self::NotSentAgain(token, _) => token,
        }
    }

    /// The same.
    pub fn into_token(self) -> T {
        match self {
            Self::Written(_, token) | Self::Received(token, _) | Self::NotSentAgain(token, _) => token,
        }
    }

    /// The message and its token, if it was written and not answered.
    pub fn into_written(self) -> Option<(Publish, T)> {
        match self {
            Self::Written(publish, token) => Some((publish, token)),
            Self::Received(..) | Self::NotSentAgain(..) => None,
        }
    }
}

impl<T> InFlight<T> {
    /// Nothing yet, and at most `limit` (at least 1) messages in flight.
    pub fn new(limit: u16) -> Self {
        let limit = limit.max(1);
        Self {
            ring: Ring::new(limit),
            messages: 0,
            given_up: 0,
            limit,
            quota: u16::MAX,
            again: VecDeque::new(),
            returned: VecDeque::new(),
        }
    }

    /// The same, where these messages at QoS 1 are in flight under their packet identifiers, oldest first, each with what comes back
    /// with its acknowledgement, and when it expires.
    pub fn with_messages(
        mut self,
        messages: impl IntoIterator<Item = (Publish, T, Option<Instant>)>,
    ) -> Self {
        let slots = messages
            .into_iter()
            .map(|(publish, token, expires)| (publish.packet_id, Slot::Published(publish, token, expires)));
        self.ring = self.ring.with_out(slots);
        self.messages = self.ring.values().count();
        self
    }

    /// The messages of which PUBLISH is out, oldest first, each with its token and when it expires.
    pub fn published(&self) -> impl Iterator<Item = (&Publish, &T, Option<Instant>)> {
        self.ring.values().filter_map(|slot| match slot {
            Slot::Published(publish, token, expires) => Some((publish, token, *expires)),
            Slot::Released(..) | Slot::Abandoned(_) | Slot::Asked(_) => None,
        })
    }

    /// Changes how many messages (at least 1) may be in flight; more that are stay.
    pub fn set_limit(&mut self, limit: u16) {
        self.limit = limit.max(1);
        self.ring.expect(self.limit);
    }

    /// Whether one more message may be sent.
    #[inline]
    pub fn has_room(&self) -> bool {
        self.messages < usize::from(self.limit)
            && self.has_quota()
            && self.again.is_empty()
            && !self.ring.is_exhausted()
    }

    /// Whether the peer takes one more (MQTT 5 §4.9). A message that was given up counts: the peer has not heard of that.
    #[inline]
    fn has_quota(&self) -> bool {
        // Those that wait to be sent again were not sent on this connection.
        self.messages + self.given_up < usize::from(self.quota) + self.again.len()
    }

    /// Messages without their last answer.
    pub fn count(&self) -> usize {
        self.messages + self.returned.len()
    }

    /// The identifier that the next message will have; `None` without room.
    #[inline]
    pub fn next_id(&mut self) -> Option<u16> {
        if self.has_room() { self.ring.next() } else { None }
    }

    /// Keeps a message that has just been sent with the identifier of [`Self::next_id`].
    #[inline]
    pub fn insert(&mut self, publish: Publish, token: T, expires: Option<Instant>) {
        debug_assert_eq!(Some(publish.packet_id), self.ring.next(), "another identifier was named");
        self.ring.push(Slot::Published(publish, token, expires));
        self.messages += 1;
    }

    /// Takes an identifier for a packet that is not a message, or `None` when all are out.
    pub fn ask(&mut self, question: Question) -> Option<u16> {
        let id = self.ring.next()?;
        self.ring.push(Slot::Asked(question));
        Some(id)
    }

    /// The answer to the packet that asked `question` under `id`. False if nothing waits for it.
    pub fn answer(&mut self, id: u16, question: Question) -> bool {
        self.ring.take(id, |slot| matches!(slot, Slot::Asked(asked) if *asked == question)).is_some()
    }

    /// PUBACK: what it acknowledges, or `None` if no such message is out (a repeated or made-up
    /// acknowledgement, or one for a message that was given up).
    #[inline]
    pub fn acknowledge(&mut self, id: u16) -> Option<Acknowledged<T>> {
        let (slot, place) = self.ring.take(id, |slot| slot.is_published(QoS::AtLeastOnce))?;
        self.is_done(id);
        let Slot::Published(publish, token, expires) = slot else {
            self.given_up -= 1;
            return None;
        };
        self.messages -= 1;
        Some(Acknowledged { publish, token, expires, place })
    }

    /// The PUBACK that came last does not count: its message is in flight as before, under its identifier. False
    /// if that was given to another one since.
    pub fn restore(&mut self, acknowledged: Acknowledged<T>) -> bool {
        let Acknowledged { publish, token, expires, place } = acknowledged;
        let restored = self.ring.restore(place, Slot::Published(publish, token, expires));
        self.messages += usize::from(restored);
        restored
    }

    /// PUBREC with this reason.
    pub fn record(&mut self, id: u16, reason: ReasonCode) -> Recorded<T> {
        match self.ring.get_mut(id) {
            Some(slot @ (Slot::Published(..) | Slot::Abandoned(_)))
                if slot.is_published(QoS::ExactlyOnce) =>
            {
                if reason.is_error() {
                    return Recorded::Refused(self.end(id));
                }
                let token = std::mem::replace(slot, Slot::Released(None, reason)).into_token();
                *slot = Slot::Released(token, reason);
                Recorded::Release
            }
            Some(Slot::Released(..)) => Recorded::Release,
            Some(_) | None => Recorded::Unknown,
        }
    }

    /// PUBCOMP: the token of the message and what PUBREC said; `None` if PUBREL is not out for that identifier, or its
    /// message was given up.
    pub fn complete(&mut self, id: u16) -> Option<(T, ReasonCode)> {
        let Some(Slot::Released(_, reason)) = self.ring.get_mut(id) else { return None };
        let reason = *reason;
        Some((self.end(id)?, reason))
    }

    /// The exchange under `id` is over.
    fn end(&mut self, id: u16) -> Option<T> {
        let token = self.ring.take(id, |_| true)?.0.into_token();
        self.is_done(id);
        match token {
            Some(_) => self.messages -= 1,
            None => self.given_up -= 1,
        }
        token
    }

    /// What was answered is not sent again, even where the answer came before its time.
    fn is_done(&mut self, id: u16) {
        if !self.again.is_empty() {
            self.again.retain(|waiting| *waiting != id);
        }
    }

    /// Gives up on the messages that `given_up` picks: they will not be sent again. Their identifiers stay
    /// out until the peer answers or the connection ends, because the answer may still come.
    pub fn abandon(&mut self, mut given_up: impl FnMut(&T) -> bool) -> Vec<T> {
        let (returned, kept): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.returned).into_iter().partition(|(token, _)| given_up(token));
        self.returned = kept.into();
        let mut tokens: Vec<T> = returned.into_iter().map(|(token, _)| token).collect();
        for slot in self.ring.values_mut() {
            if slot.token().is_some_and(&mut given_up) {
                tokens.extend(slot.abandon());
                self.messages -= 1;
                self.given_up += 1;
            }
        }
        tokens
    }

    /// The tokens of the messages in flight, oldest first.
    pub fn tokens(&self) -> impl Iterator<Item = &T> {
        self.returned.iter().map(|(token, _)| token).chain(self.ring.values().filter_map(Slot::token))
    }

    /// A new connection continues the session, and the peer takes `quota` messages at a time: what [`Self::send_again`]
    /// yields is due. The identifiers of other packets of the old connection come back, for no answer can come any more.
    pub fn resume(&mut self, quota: u16) {
        self.quota = quota.max(1);
        self.again.clear();
        self.ring.retain(|id, slot| {
            match slot {
                Slot::Asked(_) => return false,
                Slot::Abandoned(QoS::AtMostOnce | QoS::AtLeastOnce) => {
                    self.given_up -= 1;
                    return false;
                }
                Slot::Published(publish, ..) => publish.dup = true,
                Slot::Abandoned(QoS::ExactlyOnce) | Slot::Released(..) => {}
            }
            self.again.push_back(id);
            true
        });
    }

    /// Whether something waits to be sent again until the peer takes more.
    #[inline]
    pub fn owes(&self) -> bool {
        !self.again.is_empty()
    }

    /// The next packet to be sent again, oldest first, once the peer takes it, and its identifier.
    pub fn send_again(&mut self) -> Option<(u16, Again<'_>)> {
        let id = loop {
            if !self.has_quota() {
                return None;
            }
            let id = self.again.pop_front()?;
            match self.ring.get_mut(id) {
                Some(Slot::Published(..) | Slot::Released(..)) => break id,
                Some(slot @ Slot::Abandoned(QoS::ExactlyOnce)) => {
                    // The peer may know the identifier, and would take another message under it for a copy.
                    *slot = Slot::Released(None, ReasonCode::Success);
                    break id;
                }
                Some(Slot::Abandoned(_)) => drop(self.end(id)),
                Some(Slot::Asked(_)) | None => {}
            }
        };
        let again = match self.ring.get_mut(id)? {
            Slot::Published(publish, _, expires) => Again::Publish(publish, *expires),
            _ => Again::Release,
        };
        Some((id, again))
    }

    /// What [`Self::send_again`] yielded last cannot be sent, for this reason. Whether PUBREL is to be sent instead, so
    /// that the peer forgets the identifier.
    pub fn give_back(&mut self, id: u16, why: PublishError) -> bool {
        let Some(slot) = self.ring.get_mut(id) else { return false };
        let is_exactly_once = slot.is_published(QoS::ExactlyOnce);
        let Some(token) = slot.abandon() else { return false };
        self.returned.push_back((token, why));
        self.messages -= 1;
        self.given_up += 1;
        if is_exactly_once {
            *slot = Slot::Released(None, ReasonCode::Success);
        } else {
            self.end(id);
        }
        is_exactly_once
    }

    /// The token of a message that was not sent again, and why. The peer may have it all the same.
    pub fn take_returned(&mut self) -> Option<(T, PublishError)> {
        self.returned.pop_front()
    }

    /// Takes every message out, oldest first, to be sent as new or given up. There is no connection; the peer may remember
    /// the session, and with it the identifiers of messages at QoS 2: it is told to forget those on the next one.
    pub fn take(&mut self) -> Vec<Unacknowledged<T>> {
        let mut taken: Vec<_> = std::mem::take(&mut self.returned)
            .into_iter()
            .map(|(token, why)| Unacknowledged::NotSentAgain(token, why))
            .collect();
        self.given_up = 0;
        self.ring.retain(|_, slot| {
            let without = match slot {
                Slot::Published(Publish { qos: QoS::ExactlyOnce, .. }, ..)
                | Slot::Abandoned(QoS::ExactlyOnce) => Some(Slot::Abandoned(QoS::ExactlyOnce)),
                Slot::Released(_, reason) => Some(Slot::Released(None, *reason)),
                Slot::Published(..) | Slot::Abandoned(_) | Slot::Asked(_) => None,
            };
            let is_kept = without.is_some();
            self.given_up += usize::from(is_kept);
            let without = without.unwrap_or(Slot::Abandoned(QoS::AtMostOnce));
            taken.extend(std::mem::replace(slot, without).into_unacknowledged());
            is_kept
        });
        self.messages = 0;
        self.again.clear();
        taken
    }

    /// The same when the peer forgot the session.
    pub fn drain(&mut self) -> Vec<Unacknowledged<T>> {
        let taken = self.take();
        self.ring.clear();
        self.given_up = 0;
        taken
    }
}

impl<T> Slot<T> {
    fn token(&self) -> Option<&T> {
        match self {
            Self::Published(_, token, _) => Some(token),
            Self::Released(token, _) => token.as_ref(),
            Self::Abandoned(_) | Self::Asked(_) => None,
        }
    }

    fn into_token(self) -> Option<T> {
        match self {
            Self::Published(_, token, _) => Some(token),
            Self::Released(token, _) => token,
            Self::Abandoned(_) | Self::Asked(_) => None,
        }
    }

    fn into_unacknowledged(self) -> Option<Unacknowledged<T>> {
        match self {
            Self::Published(mut publish, token, _) => {
                publish.dup = false;
                publish.packet_id = 0;
                Some(Unacknowledged::Written(publish, token))
            }
            Self::Released(token, reason) => token.map(|token| Unacknowledged::Received(token, reason)),
            Self::Abandoned(_) | Self::Asked(_) => None,
        }
    }

    /// Gives up on the message.
    fn abandon(&mut self) -> Option<T> {
        let without = match self {
            Self::Published(publish, ..) => Self::Abandoned(publish.qos),
            Self::Released(_, reason) => Self::Released(None, *reason),
            Self::Abandoned(_) | Self::Asked(_) => return None,
        };
        std::mem::replace(self, without).into_token()
    }

    /// Whether PUBLISH is out at this QoS.
    fn is_published(&self, qos: QoS) -> bool {
        match self {
            Self::Published(publish, ..) => publish.qos == qos,
            Self::Abandoned(its) => *its == qos,
            Self::Released(..) | Self::Asked(_) => false,
        }
    }
}
