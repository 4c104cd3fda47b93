//! The session alone, with moments that a test makes up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::sync::oneshot;

use super::authentication::Question;
use super::state::{End, Session};
use crate::broker::Broker;
use crate::connection::{Dispatch, Progress};
use crate::lasting::Lasting;
use crate::lasting::times::Time;
use crate::managed::authenticator::{Authenticator, Credential, Purpose};
use crate::managed::commands::Command;
use crate::managed::config::Config;
use crate::managed::error::Error;
use crate::managed::message::{Owner, Published, Ticket};
use crate::managed::shared::Shared;
use crate::reply::Reply;
use azmqtt_mqtt::codec::{Sender, decode, encode};
use azmqtt_mqtt::{
    Auth, ConnAck, LARGEST_PACKET, Packet, PropertiesBuilder, Publish, QoS, ReasonCode, SubAck,
    SubscribeFilter, Version,
};
use azmqtt_net::{BoxFuture, ConnectDeadlines, Endpoint};

const SECOND: Duration = Duration::from_secs(1);

/// A session whose bytes and time are in the test's hands.
struct Bench {
    session: Session,
    now: Instant,
    written: u64,
}

type Outcome<T> = oneshot::Receiver<Result<T, Error>>;

impl Bench {
    fn new(change: impl FnOnce(&mut Config)) -> Self {
        let broker = Broker::plain(Endpoint::new("broker.example", 1883), ConnectDeadlines::default());
        let mut config = Config::new(broker, "bench");
        change(&mut config);
        let now = Instant::now();
        Self { session: Session::new(Arc::new(Shared::new(config)), now), now, written: 0 }
    }

    fn pass(&mut self, span: Duration) {
        self.now += span;
    }

    /// CONNECT is out, with a credential.
    fn open(&mut self, renew_after: Option<Duration>) {
        let credential = Credential { data: "first".into(), renew_after, expiry: None, doubts: None };
        let credential = self.session.shared.config.authenticator.is_some().then_some(credential);
        self.session.connect(credential.as_ref(), None, self.now).unwrap();
        self.written = 0;
        assert!(matches!(self.turn()[..], [Packet::Connect(_)]));
    }

    /// The broker accepts.
    fn accept(&mut self, session_present: bool) {
        self.comes(&Packet::ConnAck(ConnAck::new(ReasonCode::Success, session_present))).unwrap();
    }

    fn connected(change: impl FnOnce(&mut Config)) -> Self {
        let mut bench = Self::new(change);
        bench.open(None);
        bench.accept(false);
        bench
    }

    /// A packet comes in.
    fn comes(&mut self, packet: &Packet) -> Result<(), End> {
        let mut input = BytesMut::new();
        encode(packet, Version::Mqtt5, &mut input, LARGEST_PACKET).unwrap();
        while let Some(event) = self.session.mqtt().poll(&mut input, self.now).unwrap() {
            self.session.handle_event(event, self.now)?;
        }
        Ok(())
    }

    /// One round: the packets that leave.
    fn turn(&mut self) -> Vec<Packet> {
        self.try_turn().expect("the connection goes on")
    }

    fn try_turn(&mut self) -> Result<Vec<Packet>, End> {
        self.session.poll(self.now)?;
        let mut output = self.session.mqtt().output().split();
        self.written += output.len() as u64;
        let (sent, written) = (output.len() as u64, self.written);
        self.session.transferred(Progress { received: 0, sent, written, flushed: written });
        let next = || decode(&mut output, Sender::Client, Version::Mqtt5, LARGEST_PACKET).unwrap();
        Ok(std::iter::from_fn(next).collect())
    }

    fn time(&self, timeout: Duration) -> Time {
        Time { deadline: self.now + timeout, timeout }
    }

    fn publish(&mut self, publish: Publish, timeout: Duration) -> Outcome<Published> {
        let (reply, outcome) = Reply::channel();
        let deadline = self.now + timeout;
        self.session.shared.budget.take(0).unwrap();
        let ticket = Ticket { deadline, timeout, size: 0, sent: 0, owner: Owner::One(reply) };
        self.session.handle(Command::Publish(publish, ticket), self.now);
        outcome
    }

    fn subscribe(&mut self, filter: &str) -> Outcome<Vec<ReasonCode>> {
        let (reply, outcome) = Reply::channel();
        let filters = vec![SubscribeFilter::new(filter, QoS::AtLeastOnce)];
        let time = self.time(300 * SECOND);
        self.session.handle(Command::Subscribe { wanted: filters.into(), time, reply }, self.now);
        outcome
    }

    fn lose(&mut self) {
        let since = self.now;
        let error = Error::ConnectionLost { reason: "lost".to_owned(), code: None };
        self.session.disconnected(&End::Lost { since, error });
    }
}

fn message(expiry: Option<u32>) -> Publish {
    let properties = match expiry {
        Some(expiry) => PropertiesBuilder::new().message_expiry(expiry).build().unwrap(),
        None => azmqtt_mqtt::Properties::default(),
    };
    Publish { properties, ..Publish::new("t", QoS::AtLeastOnce, "x") }
}

#[test]
fn the_expiry_counts_down_while_a_message_waits() {
    let mut bench = Bench::new(|_| {});
    let mut late = bench.publish(message(Some(10)), 300 * SECOND);
    let mut sent = bench.publish(message(Some(100)), 300 * SECOND);
    bench.pass(30 * SECOND);
    bench.open(None);
    bench.accept(false);
    let packets = bench.turn();
    let [Packet::Publish(publish)] = &packets[..] else { panic!("{packets:?}") };
    assert_eq!(publish.properties.message_expiry(), Some(70));
    assert_eq!(late.try_recv().unwrap(), Err(Error::Expired));
    assert!(sent.try_recv().is_err(), "it has no answer yet");
}

#[test]
fn an_operation_ends_with_its_time_with_and_without_a_connection() {
    let mut bench = Bench::new(|_| {});
    let mut waiting = bench.publish(message(None), 10 * SECOND);
    let mut asked = bench.subscribe("a");
    bench.pass(10 * SECOND);
    assert!(bench.turn().is_empty());
    assert!(matches!(waiting.try_recv().unwrap(), Err(Error::Timeout { operation: "publish", .. })));
    bench.open(None);
    bench.accept(false);
    assert!(matches!(bench.turn()[..], [Packet::Subscribe(_)]));
    bench.pass(59 * SECOND);
    bench.turn();
    assert!(asked.try_recv().is_err());
    // A broker that does not answer SUBSCRIBE counts as gone.
    bench.pass(2 * SECOND);
    assert!(matches!(bench.try_turn(), Err(End::Lost { .. })));
}

#[test]
fn a_filter_refused_after_a_lost_session_is_asked_for_again() {
    let mut bench = Bench::connected(|_| {});
    let mut granted = bench.subscribe("a");
    let packets = bench.turn();
    let [Packet::Subscribe(subscribe)] = &packets[..] else { panic!("{packets:?}") };
    bench.comes(&Packet::SubAck(SubAck::new(subscribe.packet_id, vec![ReasonCode::GrantedQoS1]))).unwrap();
    assert!(granted.try_recv().unwrap().is_ok());
    bench.lose();
    bench.open(None);
    bench.accept(false);
    let packets = bench.turn();
    let [Packet::Subscribe(subscribe)] = &packets[..] else { panic!("{packets:?}") };
    let refusal = SubAck::new(subscribe.packet_id, vec![ReasonCode::QuotaExceeded]);
    bench.comes(&Packet::SubAck(refusal)).unwrap();
    assert!(bench.turn().is_empty());
    assert!(bench.session.shared.monitor.last_error().unwrap().contains("refused a"));
    assert_eq!(bench.session.deadline(), Some(bench.now + 10 * SECOND));
    bench.pass(10 * SECOND);
    assert!(matches!(bench.turn()[..], [Packet::Subscribe(_)]));
}

struct Method {
    waits: bool,
}

impl Authenticator for Method {
    fn method(&self) -> &'static str {
        "M"
    }

    fn begin(&self, _: Purpose) -> BoxFuture<'_, Result<Credential, String>> {
        Box::pin(std::future::pending())
    }

    fn wait_allowed(&self) -> bool {
        self.waits
    }
}

fn authenticated(waits: bool, renew_after: Duration) -> Bench {
    let mut bench = Bench::new(|config| config.authenticator = Some(Arc::new(Method { waits })));
    bench.open(Some(renew_after));
    bench.accept(false);
    bench
}

fn credential(renew_after: Option<Duration>) -> Credential {
    Credential { data: "next".into(), renew_after, expiry: None, doubts: None }
}

fn auth(reason: ReasonCode) -> Packet {
    let properties = PropertiesBuilder::new().authentication_method("M").build().unwrap();
    Packet::Auth(Auth { reason, properties })
}

#[test]
fn a_renewal_is_due_asked_for_once_and_due_again() {
    let mut bench = authenticated(false, 100 * SECOND);
    assert!(bench.turn().is_empty() && bench.session.question().is_none());
    assert_eq!(bench.session.deadline(), Some(bench.now + 100 * SECOND));
    bench.pass(100 * SECOND);
    assert!(bench.turn().is_empty());
    assert_eq!(bench.session.question(), Some(Question::Begin(Purpose::Renew)));
    assert!(bench.turn().is_empty() && bench.session.question().is_none());
    bench.session.credential_made(Ok(credential(Some(50 * SECOND))), bench.now).unwrap();
    assert!(matches!(&bench.turn()[..], [Packet::Auth(auth)] if auth.reason == ReasonCode::ReAuthenticate));
    bench.comes(&auth(ReasonCode::Success)).unwrap();
    bench.pass(50 * SECOND);
    bench.turn();
    assert_eq!(bench.session.question(), Some(Question::Begin(Purpose::Renew)));
}

#[test]
fn a_supplier_that_has_nothing_is_asked_again() {
    let mut bench = authenticated(false, SECOND);
    for _ in 0..3 {
        bench.pass(10 * SECOND);
        bench.turn();
        assert_eq!(bench.session.question(), Some(Question::Begin(Purpose::Renew)));
        bench.session.credential_made(Err("HTTP 503".to_owned()), bench.now).unwrap();
        assert!(bench.turn().is_empty(), "the credential in use is good until the broker says otherwise");
    }
    assert!(bench.session.shared.monitor.last_error().unwrap().contains("HTTP 503"));
}

#[test]
fn auth_without_an_answer_ends_the_connection_in_time() {
    let mut bench = authenticated(false, SECOND);
    bench.pass(SECOND);
    bench.turn();
    bench.session.question();
    bench.session.credential_made(Ok(credential(None)), bench.now).unwrap();
    bench.turn();
    let due = bench.session.deadline().unwrap();
    assert_eq!(due, bench.now + 75 * SECOND);
    bench.now = due;
    let Err(End::Lost { error: Error::AuthenticationFailed { reason, .. }, .. }) = bench.try_turn() else {
        panic!("it waits on")
    };
    assert!(reason.contains("75 s"), "{reason}");
}

#[test]
fn later_is_ten_seconds_and_a_change_counts_at_once() {
    let mut bench = authenticated(true, SECOND);
    bench.pass(SECOND);
    bench.turn();
    bench.session.question();
    assert!(!bench.session.listens_to_changes(), "one at a time");
    bench.session.credential_made(Ok(credential(None)), bench.now).unwrap();
    bench.turn();
    let mut later = auth(ReasonCode::ContinueAuthentication);
    if let Packet::Auth(auth) = &mut later {
        let properties = PropertiesBuilder::from(&auth.properties);
        auth.properties = properties.reason_string("the API server is busy").build().unwrap();
    }
    bench.comes(&later).unwrap();
    let said = bench.session.shared.monitor.last_error().unwrap();
    assert_eq!(said, "the broker will accept the new token later (the API server is busy)");
    assert!(bench.session.question().is_none(), "it is not a challenge");
    assert_eq!(bench.session.deadline(), Some(bench.now + 10 * SECOND));
    assert!(bench.session.listens_to_changes());
    bench.session.renew_now(bench.now);
    bench.turn();
    assert_eq!(bench.session.question(), Some(Question::Begin(Purpose::Renew)));
}

#[test]
fn changes_are_heard_once_a_second() {
    let mut bench = authenticated(false, 100 * SECOND);
    bench.session.renew_now(bench.now);
    bench.turn();
    bench.session.question();
    bench.session.credential_made(Ok(credential(None)), bench.now).unwrap();
    bench.turn();
    bench.comes(&auth(ReasonCode::Success)).unwrap();
    assert!(!bench.session.listens_to_changes());
    // The task has to be woken for it.
    assert_eq!(bench.session.deadline(), Some(bench.now + SECOND));
    bench.pass(SECOND);
    bench.turn();
    assert!(bench.session.listens_to_changes());
}
