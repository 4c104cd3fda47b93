//! Who is woken when, after messages were put into outputs.
//!
//! A message to a thousand clients wakes the first few of them at once, and the others one group after the other, between
//! which those who publish have their turn: what they send meanwhile goes out in the same writes. What waits that way is
//! bounded, for they have no turn beyond that.

use std::collections::VecDeque;
use std::task::Waker;

use super::session::{Online, Session};
use super::sessions::Sessions;
use crate::routing::SessionKey;

/// Tasks that one turn of a publisher wakes at once, and that are woken together afterwards.
const GROUP: usize = 32;

/// So many bytes of messages are ready for clients that are not woken yet before nobody may publish.
const MUCH: usize = 16 << 20;

/// Clients whose tasks are to be woken.
#[derive(Debug, Default)]
pub struct Wakes {
    /// First come, first served. Some may be gone, or have been woken by something else.
    put_off: VecDeque<SessionKey>,
    /// Bytes of the messages for them.
    bytes: usize,
    /// Tasks that were woken in this turn.
    woken: usize,
    /// The task that has them woken, if it waits.
    waker: Option<Waker>,
}

impl Wakes {
    /// Somebody else has a turn.
    pub fn begin_turn(&mut self) {
        self.woken = 0;
    }

    /// Whether as much waits as may.
    pub fn is_much(&self) -> bool {
        self.bytes >= MUCH
    }

    /// A client is to be woken, now or later, for a message of this size.
    #[inline]
    pub fn wake(&mut self, key: SessionKey, online: &mut Online, size: usize) {
        if !online.is_parked {
            return;
        }
        if !online.is_put_off {
            if self.woken < GROUP {
                self.woken += 1;
                return online.wake();
            }
            online.is_put_off = true;
            self.put_off.push_back(key);
            if let Some(waker) = self.waker.take() {
                waker.wake();
            }
        }
        online.ready += size;
        self.bytes += size;
    }

    /// The task of a client has what was ready for it, or is over.
    #[inline]
    pub fn settle(&mut self, online: &mut Online) {
        self.bytes = self.bytes.saturating_sub(std::mem::take(&mut online.ready));
    }

    /// Wakes the next clients that were put off: whether there are more. If not, `waker` is woken when there are.
    pub fn wake_some(&mut self, sessions: &mut Sessions, waker: &Waker) -> bool {
        for _ in 0..GROUP {
            let Some(key) = self.put_off.pop_front() else { break };
            if let Some(online) = sessions.get_mut(key).and_then(Session::online) {
                online.is_put_off = false;
                if online.ready > 0 {
                    online.wake();
                }
            }
        }
        let has_more = !self.put_off.is_empty();
        self.waker = (!has_more).then(|| waker.clone());
        has_more
    }
}
