//! One client's connection, from its CONNECT to its end: a task that moves bytes and keeps the deadlines.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::coop::consume_budget;
use tokio::time::{Sleep, sleep_until, timeout};

use super::connect::{LINGER, ReceivedConnect, read_connect, send_refusal};
use super::connection_faults::ConnectionFaults;
use super::device_session::{DeviceSession, MAX_IN_FLIGHT, check_will};
use super::gate;
use crate::events::{self, Cause, Refused};
use crate::faults::fault::ConnectFault;
use crate::id::Id;
use crate::messages::feedback::FeedbackStatus;
use crate::registry::device::{CloseReason, Command, Delivery, LinkEnd};
use crate::security::authentication::Admitted;
use crate::shared::Shared;
use azmqtt_local::client_certificates::ClientChain;
use azmqtt_local::faults::{SILENCE, stays};
use azmqtt_local::transport::Transport;
use azmqtt_local::unauthenticated::Unauthenticated;
use azmqtt_local::watch::Members;
use azmqtt_mqtt::codec::return_code;
use azmqtt_mqtt::{Connect, Properties, ProtocolError, ReasonCode, Server, Will};

/// So much is read from a client over its rate before what it sent is looked at, in bytes, to find its pings.
const READ_AHEAD: usize = 32 << 10;

/// A deadline that is always in the future of what anybody waits for.
const FAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// Lets a client in whose TLS handshake is done and showed `chain`: its connection, to be run, if it is accepted.
/// `unauthenticated` is given back then.
///
/// Run the connection in a task of its own: what the steps before need is a multiple of what it needs itself.
pub async fn admit<S>(
    stream: S,
    chain: ClientChain,
    shared: Arc<Shared>,
    unauthenticated: Unauthenticated,
) -> Option<Box<Connection<S>>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let received = read_connect(stream, MAX_IN_FLIGHT, &shared).await?;
    authenticate(received, chain, shared, unauthenticated).await
}

/// [`admit`] from the CONNECT on.
pub(crate) async fn authenticate<S>(
    received: ReceivedConnect<S, Delivery>,
    chain: ClientChain,
    shared: Arc<Shared>,
    unauthenticated: Unauthenticated,
) -> Option<Box<Connection<S>>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let ReceivedConnect { mut transport, mut server, connect, protocol } = received;
    if shared.throttle.is_on() {
        let wait = gate::admit(&shared)?;
        if !stays(&mut transport, wait).await {
            return None;
        }
    }
    let refused = match connect {
        Ok(connect)
            if shared.faults.is_armed()
                && let Some(code) = meet_fault(&shared, &mut transport, &connect).await =>
        {
            let code = code?;
            shared.events().refused(&Refused {
                client_id: Some(&connect.client_id),
                cause: Cause::Fault,
                reason: "a fault that was asked for",
                return_code: Some(return_code(code)),
            });
            code
        }
        Err(error @ ProtocolError::UnsupportedLevel(_)) => {
            transport.ends(format_args!("refused: {error}"));
            shared.note_refusal(Cause::Protocol, &error.to_string());
            ReasonCode::UnsupportedProtocolVersion
        }
        Err(_) => return None,
        Ok(connect) => match shared.judge().admit(&connect, &chain, SystemTime::now()) {
            Ok(admitted) => {
                drop(unauthenticated);
                // Boxed, so that an unauthenticated client takes no room for it.
                return Box::pin(accept(transport, server, shared, connect, protocol, admitted)).await;
            }
            Err(refusal) => {
                let client_id = &connect.client_id;
                transport.ends(format_args!("refused: {}", refusal.reason));
                shared.note_refused(&Refused {
                    client_id: Some(client_id.as_str()),
                    cause: refusal.cause,
                    reason: &refusal.reason,
                    return_code: Some(return_code(refusal.code)),
                });
                refusal.code
            }
        },
    };
    server.refuse(refused, Properties::default());
    // The place is kept: lingering is bounded like the rest of what strangers may take.
    let _ = timeout(LINGER, send_refusal(&mut transport, &mut server)).await;
    None
}

/// What a fault does to a CONNECT: nothing more, a refusal, or the end of the connection (`Some(None)`).
async fn meet_fault<S>(
    shared: &Shared,
    transport: &mut Transport<S>,
    connect: &Connect,
) -> Option<Option<ReasonCode>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (device, module) = match connect.client_id.split_once('/') {
        Some((device, module)) => (device, Some(module)),
        None => (connect.client_id.as_str(), None),
    };
    match shared.faults.at_connect(Id { device, module }, Instant::now())? {
        ConnectFault::Drop => Some(None),
        ConnectFault::Silence => {
            stays(transport, SILENCE).await;
            Some(None)
        }
        ConnectFault::Delay(time) => {
            if stays(transport, time).await {
                None
            } else {
                Some(None)
            }
        }
        ConnectFault::Refuse(code) => Some(Some(match code {
            1 => ReasonCode::UnsupportedProtocolVersion,
            2 => ReasonCode::ClientIdentifierNotValid,
            3 => ReasonCode::ServerUnavailable,
            4 => ReasonCode::BadUserNameOrPassword,
            _ => ReasonCode::NotAuthorized,
        })),
    }
}

/// Makes the client the device's connection, in the place of any older one. `None` if it may not be that after all.
async fn accept<S>(
    mut transport: Transport<S>,
    server: Server<Delivery>,
    shared: Arc<Shared>,
    connect: Connect,
    protocol: &'static str,
    admitted: Admitted,
) -> Option<Box<Connection<S>>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let device = admitted.device.clone();
    let now = Instant::now();
    let valid_until = now.checked_add(admitted.proof.valid_for).unwrap_or(now + FAR);
    if let Some(will) = &connect.will
        && let Err(reason) = check_will(&device, will)
    {
        transport.ends(&reason);
        shared.note_refused(&Refused {
            client_id: Some(&connect.client_id),
            cause: Cause::Will,
            reason: &reason.to_string(),
            return_code: None,
        });
        return None;
    }
    let attaching = device.attaching.lock().await;
    device.close_and_wait(CloseReason::TakenOver).await;
    if !device.may_connect() {
        return None; // since it was judged
    }
    let (stored, purged) = {
        let stored = {
            let mut state = device.state();
            state.model_id.clone_from(&admitted.model_id);
            state.session.take()
        };
        if connect.clean_start {
            let purged = shared.registry.change_queue(&device, |queue| {
                // What the session held is sent as new, or not at all. A module's inputs are the gateway's to keep.
                queue.connection_ended(false, u32::MAX);
                let empty = shared.config.clean_session_purges && device.module_id.is_none();
                if empty { queue.purge() } else { Vec::new() }
            });
            (None, purged)
        } else {
            let lock = shared.config.cloud_to_device.lock;
            shared.registry.change_queue(&device, |queue| queue.session_resumed(Instant::now(), lock));
            (stored, Vec::new())
        }
    };
    shared.feedback.report(&device.source, &purged, FeedbackStatus::Purged);
    let end = device.attach();
    drop(attaching);
    if !device.may_connect() {
        // Who disabled or removed it meanwhile may have found no connection to end.
        device.detach(end, CloseReason::Disabled, None, u32::MAX);
        return None;
    }
    let opened = Members::default()
        .with("connection", end.number)
        .with("protocol", protocol)
        .with("auth", if admitted.proof.x509 { "x509" } else { "sas" })
        .with("clean_session", connect.clean_start);
    shared.events().tell(events::CONNECTION_OPENED, device.key(), opened);
    let mut session = DeviceSession::accept(shared.clone(), admitted, server, stored, end.number);
    Some(Box::new(Connection {
        transport,
        // Messages that an earlier connection left are no sign of a client that does not read.
        close_at: session.server.output().len() + shared.config.limits.close_at,
        session,
        shared,
        end,
        valid_until,
        timer: Box::pin(sleep_until((now + FAR).into())),
        // The client need not wait for its CONNACK [MQTT-3.1.4-5].
        input_waits: true,
        faults: ConnectionFaults::default(),
        clean_session: connect.clean_start,
        will: connect.will.map(Box::new),
    }))
}

/// What woke the connection.
enum Wake {
    Read(usize),
    Command(Command),
    Close(CloseReason),
    /// A deadline may have passed.
    Timer,
    /// Pending output went below the mark again.
    Drained,
}

/// A device's connection, from its CONNACK on.
pub struct Connection<S> {
    transport: Transport<S>,
    session: DeviceSession,
    shared: Arc<Shared>,
    end: LinkEnd,
    /// With more pending output than this the client is closed.
    close_at: usize,
    /// When the credentials expire.
    valid_until: Instant,
    timer: Pin<Box<Sleep>>,
    /// Packets may have come in that were left for later because of too much output.
    input_waits: bool,
    /// Faults that were asked for.
    faults: ConnectionFaults,
    clean_session: bool,
    will: Option<Box<Will>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Serves the client to its end, and leaves the device as the end demands.
    pub async fn run(mut self: Box<Self>) {
        let reason = match self.session.send_cloud_messages() {
            Ok(()) => self.serve().await,
            Err(reason) => reason,
        };
        if self.faults.orderly {
            let _ = timeout(LINGER, poll_fn(|cx| self.transport.poll_shutdown(cx))).await;
        }
        let Self { mut transport, mut session, end, shared, mut faults, clean_session, will, .. } = *self;
        if let Some(event) = faults.take_held() {
            session.forget(event);
        }
        transport.ends(&reason);
        // The socket goes first: whoever waits for the end of this connection may rely on that.
        drop(transport);
        session.end_calls(&reason);
        if let Some(will) = will.filter(|_| reason.wants_will()) {
            session.emit_will(*will);
        }
        let device = session.device.clone();
        let stored = (!clean_session).then(|| session.into_stored());
        let max_deliveries = match &device.module_id {
            None => shared.config.cloud_to_device.max_deliveries,
            // A gateway tries until the message's life is over.
            Some(_) => u32::MAX,
        };
        let label = reason.name();
        let closed = Members::default().with("connection", end.number).with("reason", reason.to_string());
        let closed = closed.with("cause", label);
        // Before the device is released, so that later events of the device follow this one.
        shared.events().tell_labelled(events::CONNECTION_CLOSED, label, device.key(), closed);
        let exceeded = device.detach(end, reason, stored, max_deliveries);
        shared.feedback.report(&device.source, &exceeded, FeedbackStatus::DeliveryCountExceeded);
    }

    async fn serve(&mut self) -> CloseReason {
        loop {
            let step = match self.wake().await {
                Wake::Close(reason) => Err(reason),
                // What came before the end is looked at first.
                Wake::Read(0) if self.faults.is_shaping() => {
                    self.faults.closed = true;
                    Ok(())
                }
                Wake::Read(1..) if self.faults.is_shaping() => {
                    self.session.server.answer_pings(self.transport.input(), Instant::now());
                    Ok(())
                }
                Wake::Read(0) => Err(CloseReason::Lost),
                Wake::Read(_) | Wake::Drained => self.process().await,
                Wake::Command(Command::Fault(fault)) => {
                    self.faults.apply(fault, self.session.server.output())
                }
                Wake::Command(command) => self.session.obey(command),
                Wake::Timer => self.check_deadlines(Instant::now()),
            };
            if let Err(reason) = step {
                return reason;
            }
            if self.session.server.output().len() + self.faults.waiting() > self.close_at {
                return CloseReason::NotReading;
            }
        }
    }

    /// Takes packets out of the input, until there is so much output that the client should read first.
    async fn process(&mut self) -> Result<(), CloseReason> {
        self.input_waits = false;
        while !self.is_paused() {
            if let Some(event) = self.faults.take_held() {
                self.session.handle(event).await?;
                continue;
            }
            let polled = self.session.server.poll(self.transport.input(), Instant::now());
            match polled.map_err(CloseReason::Protocol)? {
                Some(event) if self.shared.faults.is_armed() || self.shared.throttle.is_on() => {
                    let event = self.faults.receive(&self.shared, &mut self.session, event)?;
                    if let Some(change) = self.faults.take_twin_change() {
                        // Boxed: it is rare, and every connection has room for what it may wait for.
                        Box::pin(self.session.change_twin(&change)).await;
                    }
                    if let Some(event) = event {
                        self.session.handle(event).await?;
                    }
                }
                Some(event) => self.session.handle(event).await?,
                None => return Ok(()),
            }
            // A flood from one client does not hold up the others.
            consume_budget().await;
        }
        if self.faults.is_shaping() {
            self.session.server.answer_pings(self.transport.input(), Instant::now());
        }
        self.input_waits = true;
        Ok(())
    }

    fn is_paused(&mut self) -> bool {
        self.is_full() || self.faults.is_deaf() || self.faults.is_shaping()
    }

    fn is_full(&mut self) -> bool {
        let pending = self.session.server.output().len() + self.faults.waiting();
        pending > self.shared.config.limits.pause_reading_at
    }

    /// Whether something may be read although nothing is looked at.
    fn reads_ahead(&mut self) -> bool {
        let room = !self.is_full() && self.transport.input().len() < READ_AHEAD;
        room && self.faults.is_shaping() && !self.faults.closed
    }

    /// Writes what is pending and waits for something to do.
    async fn wake(&mut self) -> Wake {
        poll_fn(|cx| {
            self.faults.pass_time();
            if !self.faults.is_mute() {
                let output = self.session.server.output();
                let output = self.faults.output(&self.shared, &self.session.device, output);
                let written = self.transport.poll_write(cx, output, Instant::now());
                if let Poll::Ready(Err(_)) = written {
                    return Poll::Ready(Wake::Close(CloseReason::Lost));
                }
                if self.faults.wrote(self.session.server.output().len(), written.is_ready()) {
                    return Poll::Ready(Wake::Close(CloseReason::Dropped));
                }
            }
            if let Poll::Ready(reason) = Pin::new(&mut self.end.close).poll(cx) {
                // The registry drops its end only together with the device.
                return Poll::Ready(Wake::Close(reason.unwrap_or(CloseReason::Removed)));
            }
            if let Some(command) = self.faults.take_put_off() {
                return Poll::Ready(Wake::Command(command));
            }
            while let Poll::Ready(Some(command)) = self.end.mailbox.poll_recv(cx) {
                match self.faults.put_off(command) {
                    None => {}
                    Some(_) if self.faults.puts_off_too_much() => {
                        return Poll::Ready(Wake::Close(CloseReason::NotReading));
                    }
                    Some(command) => return Poll::Ready(Wake::Command(command)),
                }
            }
            let deadline = self.deadline().into();
            if self.timer.deadline() > deadline {
                self.timer.as_mut().reset(deadline);
            }
            if self.timer.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Wake::Timer);
            }
            if self.is_paused() {
                if !self.reads_ahead() {
                    return Poll::Pending;
                }
            } else if self.input_waits {
                return Poll::Ready(Wake::Drained);
            } else if self.faults.closed {
                return Poll::Ready(Wake::Read(0));
            }
            self.transport.poll_read(cx).map(|read| read.map_or(Wake::Close(CloseReason::Lost), Wake::Read))
        })
        .await
    }

    /// When the next thing is due.
    fn deadline(&self) -> Instant {
        let write = self.transport.write_deadline(self.shared.config.limits.write_timeout);
        let next = self.valid_until.min(self.silent_at());
        let next = self.faults.deadline().map_or(next, |due| due.min(next));
        write.map_or(next, |write| write.min(next))
    }

    /// When the client counts as gone.
    fn silent_at(&self) -> Instant {
        let silent = self.session.server.deadline();
        self.faults.excused_until().map_or(silent, |excused| excused.max(silent))
    }

    /// The timer fired: for a deadline that has passed, or for one that has moved since it was set.
    fn check_deadlines(&mut self, now: Instant) -> Result<(), CloseReason> {
        let write = self.transport.write_deadline(self.shared.config.limits.write_timeout);
        if write.is_some_and(|deadline| now >= deadline) {
            return Err(CloseReason::NotReading);
        }
        if now >= self.valid_until {
            return Err(CloseReason::TokenExpired);
        }
        if let Some(at) = self.transport.take_part() {
            self.session.server.received_part(at);
        }
        if now >= self.silent_at() {
            return Err(CloseReason::KeepAlive);
        }
        let deadline = self.deadline();
        self.timer.as_mut().reset(deadline.into());
        Ok(())
    }
}
