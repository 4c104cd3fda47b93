//! What goes on beside a device's connection: the next one is opened for a new token, and the application makes room.

use std::sync::Arc;
use std::time::Instant;

use crate::attempt::{self, Opened};
use crate::credentials::Purpose;
use crate::error::Error;
use crate::session::{End, Session};
use crate::shared::Shared;
use azmqtt_client::backoff::{Backoff, random};
use azmqtt_client::lasting::{self, Lasting};
use azmqtt_net::BoxFuture;

/// What goes on beside one connection.
pub(crate) struct Beside {
    shared: Arc<Shared>,
    /// Until when the token of the connection is valid.
    expiry: Option<u64>,
    next: Next,
    reopening: Backoff,
    waits_for_room: bool,
    is_holding_back: bool,
}

/// The next connection, once the session wants one.
enum Next {
    None,
    Opening(BoxFuture<'static, Result<Opened, Error>>),
    Open(Box<Opened>),
}

pub(crate) enum Woken {
    /// The next connection is open, or could not be opened.
    Opened(Option<Box<Opened>>),
    /// The application has taken something that came in.
    Room,
}

impl Beside {
    pub(super) fn new(shared: Arc<Shared>, expiry: Option<u64>) -> Self {
        let reopening = Backoff::new(shared.config.retry);
        Self { shared, expiry, next: Next::None, reopening, waits_for_room: false, is_holding_back: false }
    }
}

impl lasting::Beside<Session> for Beside {
    type Woken = Woken;

    fn prepare(&mut self, session: &mut Session) {
        if session.wants_next() && matches!(self.next, Next::None) {
            let purpose = Purpose::Renew { expiry: self.expiry.unwrap_or_default() };
            self.next = Next::Opening(attempt::open(&self.shared.config, purpose));
        }
        (self.waits_for_room, self.is_holding_back) = (session.waits_for_room(), session.is_holding_back());
    }

    async fn next(&mut self) -> Woken {
        let Self { shared, next, waits_for_room, is_holding_back, .. } = self;
        tokio::select! {
            biased;
            opened = open_next(next) => Woken::Opened(opened.ok().map(Box::new)),
            () = shared.messages.room(), if *waits_for_room => Woken::Room,
            () = shared.desired.room(), if *is_holding_back => Woken::Room,
        }
    }

    fn woken(&mut self, woken: Woken, session: &mut Session, now: Instant) -> Result<(), End> {
        match woken {
            Woken::Opened(Some(opened)) => {
                self.next = Next::Open(opened);
                session.next_is_open(now);
            }
            Woken::Opened(None) => {
                self.next = Next::None;
                session.next_failed(self.reopening.next(random()), now);
            }
            Woken::Room => {}
        }
        Ok(())
    }

    fn into_next(self) -> Option<Box<Opened>> {
        if let Next::Open(opened) = self.next { Some(opened) } else { None }
    }
}

/// Resolves when the next connection is open; never while none is being opened.
async fn open_next(next: &mut Next) -> Result<Opened, Error> {
    match next {
        Next::Opening(opening) => opening.await,
        Next::None | Next::Open(_) => std::future::pending().await,
    }
}
