//! One connection of a device, from CONNECT to its end, and the next one that is opened beside it for a new token.

use std::pin::pin;
use std::time::Instant;

use crate::attempt::{self, Opened, Opening};
use crate::commands::Command;
use crate::credentials::Purpose;
use crate::error::{Error, Step};
use crate::session::End;
use crate::stats::State;
use crate::task::Task;
use azmqtt_client::backoff::{Backoff, random};
use azmqtt_client::connection::Connection;
use azmqtt_client::reply::Burst;
use azmqtt_net::Stream;

/// The next connection, once the session wants one.
enum Next {
    None,
    Opening(Opening),
    Open(Box<Opened>),
}

/// What ended a wait, apart from the stream and the clock.
enum Woken {
    Commands(Option<Vec<Command>>),
    /// The next connection is open, or could not be opened.
    Opened(Option<Box<Opened>>),
    /// The application has taken something that came in.
    Room,
}

impl Task {
    /// Speaks on a fresh stream until its connection is over. Yields the next one too if it is open.
    pub(super) async fn speak(&mut self, opened: Box<Opened>) -> (End, Option<Box<Opened>>) {
        let Opened { link, password } = *opened;
        let expiry = password.expiry;
        let monitor = &self.shared.monitor;
        monitor.set_token_expiry(expiry);
        if monitor.state() != State::Connected {
            monitor.connect_progress.set(Some(Step::Mqtt));
        }
        self.session.connect(password, link.clock, Instant::now());
        let mut connection = Connection::new(link.stream);
        let mut next = Next::None;
        let mut reopening = Backoff::new(self.shared.config.retry);
        let end = loop {
            if let Err(end) = self.advance(&mut connection, Instant::now()) {
                break end;
            }
            if self.session.wants_next() && matches!(next, Next::None) {
                let purpose = Purpose::Renew { expiry: expiry.unwrap_or_default() };
                next = Next::Opening(attempt::open(&self.shared.config, purpose));
            }
            self.wait(&mut connection, &mut next, &mut reopening).await;
        };
        let is_planned = end.is_planned();
        if is_planned {
            connection.send_disconnect(&mut self.session);
        }
        self.session.disconnected(&end);
        if is_planned {
            tokio::spawn(connection.shut_down());
        }
        (end, if let Next::Open(opened) = next { Some(opened) } else { None })
    }

    /// Takes in what came and puts out what is ready, without waiting.
    fn advance(&mut self, connection: &mut Connection<Stream>, now: Instant) -> Result<(), End> {
        // However many outcomes this brings, whoever waits for them is woken once.
        let _burst = Burst::begin();
        connection.receive(&mut self.session, now)?;
        // A hub that sends without a pause must not keep the application from being heard.
        self.session.handle_all(self.shared.commands.take_now(), now);
        connection.advance(&mut self.session, now)
    }

    /// Waits for whatever moves next.
    async fn wait(&mut self, connection: &mut Connection<Stream>, next: &mut Next, reopening: &mut Backoff) {
        let Self { shared, session, .. } = self;
        session.show_depths();
        let (waits_for_room, is_holding_back) = (session.waits_for_room(), session.is_holding_back());
        let woken = {
            let wake = pin!(async {
                tokio::select! {
                    biased;
                    commands = shared.commands.take() => Woken::Commands(commands),
                    opened = open_next(next) => Woken::Opened(opened.ok().map(Box::new)),
                    () = shared.messages.room(), if waits_for_room => Woken::Room,
                    () = shared.desired.room(), if is_holding_back => Woken::Room,
                }
            });
            connection.wait(session, wake).await
        };
        match woken {
            Some(Woken::Commands(commands)) => session.handle_all(commands, Instant::now()),
            Some(Woken::Opened(Some(opened))) => {
                *next = Next::Open(opened);
                session.next_is_open(Instant::now());
            }
            Some(Woken::Opened(None)) => {
                *next = Next::None;
                session.next_failed(reopening.next(random()), Instant::now());
            }
            Some(Woken::Room) | None => {}
        }
    }
}

/// Resolves when the next connection is open; never while none is being opened.
async fn open_next(next: &mut Next) -> Result<Opened, Error> {
    match next {
        Next::Opening(opening) => opening.await,
        Next::None | Next::Open(_) => std::future::pending().await,
    }
}
