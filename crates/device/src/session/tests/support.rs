//! A session whose bytes and time are in the test's hands, and a hub of the same kind at the other end.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use crate::commands::{Command, TwinReply};
use crate::credentials::Password;
use crate::message::{Owner, Ticket};
use crate::session::{End, Session};
use crate::shared::Shared;
use crate::{Credentials, DeviceConfig, Error, Outgoing, Reply, ReportedPatch, ReportedProperties, Request};
use azmqtt_client::connection::{Dispatch, Loss, Progress};
use azmqtt_client::lasting::Lasting;
use azmqtt_client::lasting::times::Time;
use azmqtt_dialect::{Identity, SymmetricKey};
use azmqtt_mqtt::server::Event;
use azmqtt_mqtt::{Properties, Publish, QoS, ReasonCode, Server};
use azmqtt_net::deadlines::later;

pub(super) const SECOND: Duration = Duration::from_secs(1);

/// An outcome, when there is one.
pub(super) struct Answer<T>(Arc<Mutex<Option<Result<T, Error>>>>);

impl<T: Send + 'static> Answer<T> {
    pub(super) fn new() -> (Reply<T>, Self) {
        let slot = Arc::new(Mutex::new(None));
        let answer = Self(Arc::clone(&slot));
        (Reply::new(move |outcome| *slot.lock().unwrap() = Some(outcome)), answer)
    }

    pub(super) fn is_open(&self) -> bool {
        self.0.lock().unwrap().is_none()
    }

    pub(super) fn get(&self) -> Result<T, Error> {
        self.0.lock().unwrap().take().expect("there is an outcome")
    }
}

pub(super) struct Bench {
    pub(super) session: Session,
    pub(super) shared: Arc<Shared>,
    pub(super) now: Instant,
    pub(super) hub: Server<u32>,
    /// Bytes that the device wrote and the hub has not read.
    line: BytesMut,
    written: u64,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(super) fn with(change: impl FnOnce(&mut DeviceConfig)) -> Self {
        let key = SymmetricKey::from_base64("a2V5").unwrap();
        let identity = Identity::new("hub.example", "dev", None).unwrap();
        let mut config = DeviceConfig::new(identity, Credentials::key(key));
        change(&mut config);
        let (shared, now) = (Arc::new(Shared::new(config)), Instant::now());
        let session = Session::new(Arc::clone(&shared), 7, now);
        Self { session, shared, now, hub: Server::new(100, now), line: BytesMut::new(), written: 0 }
    }

    /// Time passes.
    pub(super) fn pass(&mut self, span: Duration) {
        self.now += span;
    }

    /// Connects; the hub remembers the session of the last connection, or does not.
    pub(super) fn connect(&mut self, session_present: bool) {
        self.open(None);
        let last = std::mem::replace(&mut self.hub, Server::new(100, self.now));
        assert!(matches!(&self.turn()[..], [Event::Connect(_)]));
        self.hub.accept(session_present.then(|| last.into_session()), Properties::default(), self.now);
    }

    /// CONNECT goes out, with a token that is to be renewed after `renew_after`.
    pub(super) fn open(&mut self, renew_after: Option<Duration>) {
        let password = Password { text: String::new(), expiry: None, renew_after };
        self.session.connect(password, None, self.now);
        (self.line, self.written) = (BytesMut::new(), 0);
    }

    /// The same, and the hub accepts.
    pub(super) fn connect_for(&mut self, renew_after: Duration) {
        self.open(Some(renew_after));
        self.hub = Server::new(100, self.now);
        assert!(matches!(&self.turn()[..], [Event::Connect(_)]));
        self.hub.accept(None, Properties::default(), self.now);
    }

    /// One round: what the hub wrote goes to the device, what the device has ready to the hub.
    pub(super) fn try_turn(&mut self) -> Result<Vec<Event<u32>>, End> {
        let mut input = self.hub.output().split();
        while let Some(event) = self.session.mqtt().poll(&mut input, self.now).unwrap() {
            self.session.handle_event(event, self.now)?;
        }
        self.session.poll(self.now)?;
        let output = self.session.mqtt().output().split();
        self.written += output.len() as u64;
        self.transferred(output.len() as u64, self.written);
        self.line.unsplit(output);
        let mut events = Vec::new();
        while let Some(event) = self.hub.poll(&mut self.line, self.now).unwrap() {
            let is_connect = matches!(event, Event::Connect(_));
            events.push(event);
            if is_connect {
                break;
            }
        }
        Ok(events)
    }

    pub(super) fn turn(&mut self) -> Vec<Event<u32>> {
        self.try_turn().expect("the connection goes on")
    }

    /// The stream took bytes, `flushed` of all of which have left.
    pub(super) fn transferred(&mut self, sent: u64, flushed: u64) {
        self.session.transferred(Progress { received: 0, sent, written: self.written, flushed });
    }

    /// Encodes what is ready, and has the stream take it without anything leaving for the socket.
    pub(super) fn turn_into_a_buffer(&mut self) {
        self.session.poll(self.now).unwrap();
        let size = self.session.mqtt().output().split().len() as u64;
        self.written += size;
        self.transferred(size, 0);
    }

    /// The messages that came in one round.
    pub(super) fn messages(&mut self) -> Vec<Publish> {
        let messages = self.turn().into_iter().filter_map(|event| match event {
            Event::Publish(publish) => Some(publish),
            _ => None,
        });
        messages.collect()
    }

    /// The stream ends, as when the network is gone.
    pub(super) fn lose(&mut self) -> End {
        let end = self.session.lost(Loss::Stream(io::ErrorKind::UnexpectedEof.into()));
        self.session.disconnected(&end);
        end
    }

    /// The hub answers every SUBSCRIBE of a round.
    pub(super) fn grant(&mut self, events: &[Event<u32>]) -> usize {
        let mut count = 0;
        for event in events {
            if let Event::Subscribe(subscribe) = event {
                self.hub.suback(subscribe.packet_id, vec![ReasonCode::GrantedQoS1]);
                count += 1;
            }
        }
        count
    }

    /// The hub refuses every SUBSCRIBE of a round.
    pub(super) fn refuse(&mut self, events: &[Event<u32>]) {
        for event in events {
            if let Event::Subscribe(subscribe) = event {
                self.hub.suback(subscribe.packet_id, vec![ReasonCode::UnspecifiedError]);
            }
        }
    }

    /// The hub publishes something.
    pub(super) fn say(&mut self, topic: &str, body: &str) {
        let publish = Publish::new(topic, QoS::AtMostOnce, body.to_owned());
        self.hub.publish_qos0(&publish, self.now, self.now).unwrap();
    }

    pub(super) fn handle(&mut self, command: Command) {
        self.session.handle(command, self.now);
    }

    pub(super) fn send(&mut self, qos: QoS, text: &str, timeout: Duration) -> Answer<()> {
        let payload = Bytes::copy_from_slice(text.as_bytes());
        let message = Outgoing { topic: "devices/dev/messages/events/".into(), payload, qos };
        let size = message.size();
        self.shared.budget.take(size as usize).unwrap();
        let (reply, answer) = Answer::new();
        let (deadline, owner) = (later(self.now, timeout), Owner::One(reply));
        self.handle(Command::Send(message, Ticket { deadline, timeout, size, sent: 0, owner }));
        answer
    }

    pub(super) fn patch(&mut self, if_version: Option<u64>, timeout: Duration) -> Answer<ReportedPatch> {
        let patch = ReportedProperties::from_json(r#"{"a":1}"#).unwrap();
        self.shared.budget.take(patch.size()).unwrap();
        let (reply, answer) = Answer::new();
        let reply = TwinReply::Patch(reply, patch.size());
        let (started, deadline) = (self.now, later(self.now, timeout));
        self.handle(Command::Twin {
            request: Request::Patch { patch, if_version },
            deadline,
            started,
            reply,
        });
        answer
    }

    pub(super) fn watch_desired(&mut self, timeout: Duration) -> Answer<()> {
        let (reply, answer) = Answer::new();
        self.handle(Command::WatchDesired { time: Time::from(self.now, timeout), reply });
        answer
    }

    pub(super) fn disconnect(&mut self, timeout: Duration) -> Answer<()> {
        let (reply, answer) = Answer::new();
        self.handle(Command::Disconnect { deadline: later(self.now, timeout), reply });
        answer
    }

    pub(super) fn close(&mut self, timeout: Duration) -> Answer<usize> {
        let (reply, answer) = Answer::new();
        self.handle(Command::Close { deadline: later(self.now, timeout), reply });
        answer
    }
}

/// The `$rid` of a request.
pub(super) fn request_id(request: &Publish) -> String {
    let (_, rest) = request.topic.split_once("$rid=").expect("a request");
    rest.split('&').next().unwrap().to_owned()
}

pub(super) fn bodies(messages: &[Publish]) -> Vec<(bool, &str)> {
    let bodies = messages.iter().map(|publish| (publish.dup, std::str::from_utf8(&publish.payload).unwrap()));
    bodies.collect()
}
