//! One MQTT connection: a byte stream, and the session that speaks on it.
//!
//! The driver takes in what came, puts out what is ready, and waits for whichever moves next: the stream, the clock, or
//! what the owner of the connection listens to. Reading and writing share one poll and keep their state outside of it, so
//! nothing is lost when something else moves first, and neither direction waits for the other.
//!
//! What the bytes mean is the session's, behind [`Dispatch`]: it never sees the stream, and time is passed in.

use std::future::{Future, pending, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Sleep, sleep_until};

use azmqtt_mqtt::client::Event;
use azmqtt_mqtt::{Client, Dead, Properties, ProtocolError, ReasonCode};
use azmqtt_net::Framed;

/// Encoded bytes past which a session should encode no more messages until some have left: enough to fill the socket.
pub const OUTPUT_HIGH_WATER: usize = 128 * 1024;
/// Encoded bytes past which a peer that does not read should not be listened to either: each of its packets may add some.
pub const MAX_OUTPUT: usize = 1024 * 1024;

/// A session without I/O, as the driver of its connection sees it. It outlives connections.
pub trait Dispatch {
    /// What comes back with an acknowledged message.
    type Token;
    /// Why a connection is over.
    type End;

    /// The MQTT half of the session. Its output is written out by the driver.
    fn mqtt(&mut self) -> &mut Client<Self::Token>;

    /// A packet came in that means something.
    fn handle_event(&mut self, event: Event<Self::Token>, now: Instant) -> Result<(), Self::End>;

    /// DISCONNECT is encoded: what comes in after it has no answer, and is not looked at.
    fn is_leaving(&self) -> bool {
        false
    }

    /// The connection cannot go on.
    fn lost(&mut self, loss: Loss) -> Self::End;

    /// Does what the clock says, and encodes what is ready. Keep-alive is the driver's.
    fn poll(&mut self, now: Instant) -> Result<(), Self::End>;

    /// When [`Self::poll`] wants to be called at the latest.
    fn deadline(&self) -> Option<Instant>;

    /// Whether the stream is to be read. Asked before each wait.
    fn wants_input(&mut self) -> bool;

    /// Bytes went out or came in.
    fn transferred(&mut self, progress: Progress);
}

/// Why a connection cannot go on.
#[derive(Debug)]
pub enum Loss {
    /// The peer closed the stream, or the stream failed.
    Stream(io::Error),
    /// The peer broke the protocol.
    Protocol {
        /// How.
        error: ProtocolError,
        /// What it speaks in place of MQTT, if that can be seen.
        speaks: Option<Foreign>,
    },
    /// The peer is silent, or as good as that.
    Dead(Dead),
}

/// What a peer may speak in place of MQTT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    /// HTTP/1.
    Http,
    /// TLS: it has no other answer to what is no handshake.
    Tls,
}

impl Foreign {
    /// By what came first.
    fn of(input: &[u8]) -> Option<Self> {
        /// A record with an alert, and the first byte of its version (RFC 8446 §5.1).
        const ALERT: [u8; 2] = [21, 3];
        if input.starts_with(b"HTTP/") {
            Some(Self::Http)
        } else if input.starts_with(&ALERT) {
            Some(Self::Tls)
        } else {
            None
        }
    }
}

/// What one turn of the stream brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read.
    pub received: usize,
    /// Bytes handed to the stream.
    pub sent: u64,
    /// Bytes handed to the stream since it was opened.
    pub written: u64,
    /// How many of those have left for the socket.
    pub flushed: u64,
}

/// A stream that is open.
#[derive(Debug)]
pub struct Connection<S> {
    framed: Framed<S>,
    /// Whether the stream was read in the last round.
    listening: bool,
    alarm: Alarm,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// A connection on which nothing has been said yet.
    pub fn new(stream: S) -> Self {
        Self { framed: Framed::new(stream), listening: true, alarm: Alarm::default() }
    }

    /// Hands what came to the session.
    pub fn receive<D: Dispatch>(&mut self, session: &mut D, now: Instant) -> Result<(), D::End> {
        if session.is_leaving() {
            self.framed.input.clear();
            return Ok(());
        }
        loop {
            match session.mqtt().poll(&mut self.framed.input, now) {
                Ok(Some(event)) => session.handle_event(event, now)?,
                Ok(None) => return Ok(()),
                Err(error) => {
                    let speaks = Foreign::of(&self.framed.input);
                    if session.mqtt().has_last_words() {
                        self.send_output(session);
                    }
                    return Err(session.lost(Loss::Protocol { error, speaks }));
                }
            }
        }
    }

    /// Does what the clock says and encodes what is ready.
    pub fn advance<D: Dispatch>(&mut self, session: &mut D, now: Instant) -> Result<(), D::End> {
        if let Some(error) = self.framed.take_end() {
            return Err(session.lost(Loss::Stream(error)));
        }
        let mqtt = session.mqtt();
        if !self.listening {
            mqtt.not_listening(now);
        }
        if mqtt.deadline().is_some_and(|deadline| deadline <= now) {
            self.framed.take_part().into_iter().for_each(|at| mqtt.received_part(at));
            if let Err(dead) = mqtt.handle_timeout(now) {
                return Err(session.lost(Loss::Dead(dead)));
            }
        }
        session.poll(now)?;
        self.framed.shrink(session.mqtt().output());
        Ok(())
    }

    /// Waits for whatever moves next. Yields what `wake` brought, if that was first; cancelled, it loses nothing.
    /// `wake` is pinned by the caller, so that a future holds it once.
    pub async fn wait<D: Dispatch, W>(
        &mut self,
        session: &mut D,
        wake: Pin<&mut impl Future<Output = W>>,
    ) -> Option<W> {
        self.listening = session.wants_input();
        let Self { framed, listening, alarm } = self;
        let deadlines = [session.deadline(), session.mqtt().deadline()];
        let due = deadlines.into_iter().flatten().min();
        let before = framed.written();
        tokio::select! {
            biased;
            received = poll_fn(|cx| framed.poll_turn(cx, session.mqtt().output(), *listening)) => {
                session.transferred(progress(framed, before, received));
                None
            }
            woken = wake => Some(woken),
            () = poll_fn(|cx| alarm.poll(cx, due)) => None,
        }
    }

    /// Goes on until `take` finds in the session what the caller waits for.
    pub async fn until<D: Dispatch, R>(
        &mut self,
        session: &mut D,
        mut take: impl FnMut(&mut D) -> Option<R>,
    ) -> Result<R, D::End> {
        loop {
            let now = Instant::now();
            self.receive(session, now)?;
            if let Some(taken) = take(session) {
                return Ok(taken);
            }
            self.advance(session, now)?;
            self.wait(session, pin!(pending::<()>())).await;
        }
    }

    /// Sends DISCONNECT, as far as the stream takes it at once: a peer that does not read cannot hold the end up.
    pub fn send_disconnect<D: Dispatch>(&mut self, session: &mut D, properties: Properties) {
        session.mqtt().disconnect(ReasonCode::Success, properties);
        self.send_output(session);
    }

    /// Sends what is encoded, as far as the stream takes it at once.
    fn send_output<D: Dispatch>(&mut self, session: &mut D) {
        let mut cx = Context::from_waker(Waker::noop());
        let before = self.framed.written();
        let _ = self.framed.poll_turn(&mut cx, session.mqtt().output(), false);
        session.transferred(progress(&self.framed, before, 0));
    }

    /// Closes the stream in order. The MQTT side of the connection is over by now, so this may run in a task of its own.
    pub fn shut_down(self) -> impl Future<Output = ()> + Send + use<S>
    where
        S: Send,
    {
        self.framed.shut_down()
    }
}

fn progress<S: AsyncRead + AsyncWrite + Unpin>(framed: &Framed<S>, before: u64, received: usize) -> Progress {
    let written = framed.written();
    Progress { received, sent: written - before, written, flushed: framed.flushed() }
}

/// A timer that is set anew only for an earlier time or when it has gone off. Deadlines move on with almost every packet;
/// a timer that goes off too early, once in a while, is cheaper than one that moves along.
#[derive(Debug, Default)]
struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Ready at `due`. What is left of an earlier time only has it polled once more.
    fn poll(&mut self, cx: &mut Context<'_>, due: Option<Instant>) -> Poll<()> {
        let Some(due) = due.map(Into::into) else { return Poll::Pending };
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if due < sleep.deadline() || sleep.is_elapsed() {
            sleep.as_mut().reset(due);
        }
        sleep.as_mut().poll(cx)
    }
}

/// Resolves at `at`, or never.
pub async fn sleep_until_some(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at.into()).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_alarm_goes_off_in_time_however_its_time_changes() {
        let start = time::Instant::now();
        let at = |seconds| Some((start + Duration::from_secs(seconds)).into_std());
        let mut alarm = Alarm::default();
        let pending = |alarm: &mut Alarm, due| {
            assert!(alarm.poll(&mut Context::from_waker(Waker::noop()), due).is_pending());
        };
        pending(&mut alarm, None);
        pending(&mut alarm, at(60));
        // Earlier than before.
        poll_fn(|cx| alarm.poll(cx, at(20))).await;
        assert_eq!(start.elapsed().as_secs(), 20);
        // Later, after it has gone off.
        pending(&mut alarm, at(40));
        // Later, before it has gone off.
        poll_fn(|cx| alarm.poll(cx, at(50))).await;
        assert_eq!(start.elapsed().as_secs(), 50);
    }
}
