//! What faults do to one connection. Where there are none, it does nothing and costs a few comparisons.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::BytesMut;

use super::device_session::DeviceSession;
use super::gate::{Gate, Passage};
use crate::faults::engine::Disturbance;
use crate::faults::fault::{Change, NowFault, Received, ReceivedFault, Sent};
use crate::registry::device::Delivery;
use crate::registry::device::{CloseReason, Command, Device, MAILBOX};
use crate::shared::Shared;
use azmqtt_local::faults::{Filter, Silence, corrupt};
use azmqtt_mqtt::server::Event;

/// The faults of one connection.
#[derive(Debug, Default)]
pub struct ConnectionFaults {
    filter: Option<Box<Filter<Sent>>>,
    /// Bytes of the session's output that the socket has begun to take: the first of them may be in mid-packet.
    under_way: usize,
    /// The hub does not read, or does not write either.
    silence: Silence,
    /// Packets are read and not looked at until then; pings are answered.
    shaped_until: Option<Instant>,
    /// The client's end of the stream closed while its packets were not looked at.
    pub closed: bool,
    /// What was read when the reading stopped.
    held: Option<Box<Event<Delivery>>>,
    /// What the registry asked for while nothing was written.
    put_off: VecDeque<Command>,
    /// What somebody else writes to the twin before the packet that has just come counts.
    twin_change: Option<Box<Change>>,
    /// The end is an orderly one.
    pub orderly: bool,
    gate: Gate,
}

impl ConnectionFaults {
    /// What is to be written: the session's output, or what faults have left of it.
    pub fn output<'a>(
        &'a mut self,
        shared: &Shared,
        device: &Device,
        output: &'a mut BytesMut,
    ) -> &'a mut BytesMut {
        if self.filter.is_none() && !(shared.faults.is_armed() && output.len() > self.under_way) {
            return output;
        }
        let now = Instant::now();
        let under_way = std::mem::take(&mut self.under_way);
        let filter = self.filter.get_or_insert_with(|| Box::new(Filter::new(output.split_to(under_way))));
        filter.release(now);
        filter.take(output, now, Sent::of, |kind| shared.faults.at_sent(device.key(), kind, now));
        &mut filter.ready
    }

    /// The socket took what it could. True when the connection ends here.
    pub fn wrote(&mut self, output_left: usize, all: bool) -> bool {
        match &self.filter {
            None => self.under_way = output_left,
            Some(filter) if filter.ends => return all,
            Some(filter) if filter.is_idle() => self.filter = None,
            Some(_) => {}
        }
        false
    }

    /// Bytes that wait besides the session's output.
    pub fn waiting(&self) -> usize {
        self.filter.as_ref().map_or(0, |filter| filter.held())
    }

    /// Forgets what is over.
    pub fn pass_time(&mut self) {
        let now = Instant::now();
        self.silence.pass_time(now);
        self.shaped_until.take_if(|time| *time <= now);
    }

    /// Whether nothing is written.
    pub fn is_mute(&self) -> bool {
        self.silence.is_mute()
    }

    /// Whether nothing is read.
    pub fn is_deaf(&self) -> bool {
        self.silence.is_deaf()
    }

    /// Whether packets are read, and not looked at yet.
    pub fn is_shaping(&self) -> bool {
        self.shaped_until.is_some() && !self.is_deaf()
    }

    /// When the next thing is due.
    pub fn deadline(&self) -> Option<Instant> {
        // What is late when nothing is written stays so until then.
        let late = self.filter.as_ref().filter(|_| !self.is_mute()).and_then(|filter| filter.next_due());
        [late, self.silence.deadline(), self.shaped_until].into_iter().flatten().min()
    }

    /// What was held back, when the hub reads again.
    pub fn take_held(&mut self) -> Option<Event<Delivery>> {
        self.held.take().map(|event| *event)
    }

    /// What the hub does with a command now; `None` if it waits until something is written again. Faults do not wait: a
    /// connection that is silent can be ended.
    pub fn put_off(&mut self, command: Command) -> Option<Command> {
        if !self.is_mute() || matches!(command, Command::Fault(_)) || self.puts_off_too_much() {
            return Some(command);
        }
        self.put_off.push_back(command);
        None
    }

    /// Whether as many commands wait as may wait for a connection.
    pub fn puts_off_too_much(&self) -> bool {
        self.put_off.len() >= MAILBOX
    }

    /// What is to be written to the twin before the packet is looked at.
    pub fn take_twin_change(&mut self) -> Option<Box<Change>> {
        self.twin_change.take()
    }

    /// A command that waited, when something is written again.
    pub fn take_put_off(&mut self) -> Option<Command> {
        if self.is_mute() { None } else { self.put_off.pop_front() }
    }

    /// Stops reading for a time, `event` included.
    fn hold(&mut self, event: Event<Delivery>, time: Duration) {
        self.held = Some(Box::new(event));
        self.silence.stop_reading(time, Instant::now());
    }

    /// Looks at `event`, and at all that comes behind it, later. The client is over its rate, and not cut off: its pings
    /// are answered.
    fn shape(&mut self, event: Event<Delivery>, time: Duration) {
        self.held = Some(Box::new(event));
        let until = Instant::now() + time;
        self.shaped_until = Some(until);
        self.silence.excuse_until(until);
    }

    /// Until when the client cannot count as silent.
    pub fn excused_until(&self) -> Option<Instant> {
        self.silence.excused_until
    }

    /// A packet came in: what is left of it after faults and the limits of the hub's tier.
    ///
    /// # Errors
    /// The connection has to end.
    pub fn receive(
        &mut self,
        shared: &Shared,
        session: &mut DeviceSession,
        event: Event<Delivery>,
    ) -> Result<Option<Event<Delivery>>, CloseReason> {
        let undisturbed =
            if shared.faults.is_armed() { self.disturb(shared, session, event)? } else { Some(event) };
        let Some(event) = undisturbed else { return Ok(None) };
        if !shared.throttle.is_on() {
            return Ok(Some(event));
        }
        match self.gate.judge(shared, session, event)? {
            Passage::Now(event) => Ok(Some(event)),
            Passage::Later(event, time) => {
                self.shape(event, time);
                Ok(None)
            }
            Passage::Refused => Ok(None),
        }
    }

    fn disturb(
        &mut self,
        shared: &Shared,
        session: &mut DeviceSession,
        event: Event<Delivery>,
    ) -> Result<Option<Event<Delivery>>, CloseReason> {
        let Some(what) = kind(&event) else { return Ok(Some(event)) };
        let Some(disturbance) = shared.faults.at_received(session.device.key(), what, Instant::now()) else {
            return Ok(Some(event));
        };
        let end = match &disturbance {
            Disturbance::Fault(ReceivedFault::Drop) => Some(CloseReason::Dropped),
            Disturbance::Fault(ReceivedFault::ExpireToken) => Some(CloseReason::TokenExpired),
            Disturbance::Fault(ReceivedFault::TakeOver) => Some(CloseReason::TakenOver),
            Disturbance::Quota => Some(CloseReason::Throttled("the hub's messages of the day are used up")),
            _ => None,
        };
        if let Some(reason) = end {
            session.forget(event);
            return Err(reason);
        }
        match disturbance {
            Disturbance::Fault(ReceivedFault::Silence(time)) => {
                self.silence.fall(time, Instant::now());
                session.forget(event);
                Ok(None)
            }
            Disturbance::Fault(ReceivedFault::Delay(time)) => {
                self.hold(event, time);
                Ok(None)
            }
            Disturbance::Shape(time) => {
                self.shape(event, time);
                Ok(None)
            }
            Disturbance::Fault(ReceivedFault::ChangeTwin(change)) => {
                self.twin_change = Some(Box::new(change));
                Ok(Some(event))
            }
            Disturbance::Refuse(answer) => {
                let Event::Publish(publish) = event else { return Ok(Some(event)) };
                session.refuse_twin_request(&publish, answer.to_error())?;
                Ok(None)
            }
            // To lose it; the others have ended the connection.
            _ => {
                session.forget(event);
                Ok(None)
            }
        }
    }

    /// A fault that waits for no packet.
    ///
    /// # Errors
    /// The connection has to end.
    pub fn apply(&mut self, fault: NowFault, output: &mut BytesMut) -> Result<(), CloseReason> {
        match fault {
            NowFault::Drop => return Err(CloseReason::Dropped),
            NowFault::ShutDown => {
                self.orderly = true;
                return Err(CloseReason::Dropped);
            }
            NowFault::ExpireToken => return Err(CloseReason::TokenExpired),
            NowFault::TakeOver => return Err(CloseReason::TakenOver),
            NowFault::Silence(time) => self.silence.fall(time, Instant::now()),
            NowFault::Delay(time) => self.silence.stop_reading(time, Instant::now()),
            NowFault::Corrupt => match &mut self.filter {
                Some(filter) => filter.corrupt(),
                None => corrupt(output),
            },
        }
        Ok(())
    }
}

/// What a packet is; `None` for DISCONNECT, which ends all.
fn kind(event: &Event<Delivery>) -> Option<Received> {
    match event {
        Event::Publish(publish) if publish.topic.starts_with("$iothub/twin/GET/") => Some(Received::TwinGet),
        Event::Publish(publish) if publish.topic.starts_with("$iothub/twin/PATCH/") => {
            Some(Received::TwinPatch)
        }
        Event::Publish(publish) if publish.topic.starts_with("$iothub/methods/") => {
            Some(Received::MethodResponse)
        }
        Event::Publish(_) => Some(Received::Telemetry),
        Event::Subscribe(_) => Some(Received::Subscribe),
        Event::Acknowledged { .. } => Some(Received::Acknowledgement),
        Event::Unsubscribe(_) => Some(Received::Any),
        Event::Connect(_) | Event::Auth(_) | Event::NotSentAgain { .. } | Event::Disconnect(_) => None,
    }
}

impl Sent {
    /// What a packet to a device is, by its type (MQTT 3.1.1 §2.2.1) and body.
    fn of(packet_type: u8, body: &[u8]) -> Self {
        match packet_type {
            2 => Self::Connack,
            3 => Self::of_message(body),
            4 => Self::Puback,
            9 => Self::Suback,
            _ => Self::Other,
        }
    }

    fn of_message(body: &[u8]) -> Self {
        let topic = body.get(2..).unwrap_or_default();
        if topic.starts_with(b"$iothub/twin/res/") {
            Self::TwinAnswer
        } else if topic.starts_with(b"$iothub/twin/PATCH/properties/desired/") {
            Self::DesiredPatch
        } else if topic.starts_with(b"$iothub/methods/") {
            Self::MethodRequest
        } else {
            Self::CloudMessage
        }
    }
}
