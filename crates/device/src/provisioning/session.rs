//! What is said on one connection to the service: CONNECT, the subscription, requests and their answers. Without I/O.

use std::io;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::ProvisioningConfig;
use crate::error::{Error, Step};
use azmqtt_client::connection::{Dispatch, Loss, Progress};
use azmqtt_dialect::provisioning::{ProvisioningRequest, ProvisioningResponse, RESPONSES};
use azmqtt_mqtt::client::Event;
use azmqtt_mqtt::{Client, Connect, Publish, QoS, ReasonCode, Subscribe, codec};
use azmqtt_net::deadlines::later;
use azmqtt_net::{ClockOffset, connect};

/// Requests without their PUBACK. There is one at a time; a service that acknowledges none of so many is not one.
const MAX_IN_FLIGHT: u16 = 16;
/// Encoded bytes past which a service that does not read is not listened to either.
const MAX_OUTPUT: usize = 64 * 1024;
/// Seconds.
const KEEP_ALIVE: u16 = 30;

/// Why a connection did not come about.
pub(super) enum OpenError {
    /// The service refused the credentials.
    Refused(Error),
    /// It may work another time.
    Failed(Error),
}

/// An answer, and when the service wants to hear from the device again.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Bytes,
}

pub(super) struct Session<'a> {
    config: &'a ProvisioningConfig,
    mqtt: Client<()>,
    /// What opening the stream said about this machine's clock.
    clock: Option<ClockOffset>,
    /// Requests so far.
    requests: u32,
    /// The service has accepted the connection.
    accepted: bool,
    awaited: Awaited,
    /// When that is late.
    until: Option<Instant>,
    outcome: Option<Outcome>,
}

/// What the service owes.
enum Awaited {
    Nothing,
    Connack,
    Suback,
    /// The answer to the request of this identifier.
    Answer(String),
}

/// What became of what was awaited.
pub(super) enum Outcome {
    Accepted,
    Refused(ReasonCode),
    /// The subscription was answered.
    Subscribed {
        granted: bool,
    },
    Answered(Answer),
}

impl<'a> Session<'a> {
    /// Begins with CONNECT.
    pub(super) fn connect(
        config: &'a ProvisioningConfig,
        password: String,
        clock: Option<ClockOffset>,
        now: Instant,
    ) -> Self {
        let mut mqtt = Client::new(MAX_IN_FLIGHT, now);
        mqtt.connect(&connect_packet(config, password), config.deadlines.connack, now);
        let until = Some(later(now, config.deadlines.connack));
        let awaited = Awaited::Connack;
        Self { config, mqtt, clock, requests: 0, accepted: false, awaited, until, outcome: None }
    }

    /// Subscribes to the answers.
    pub(super) fn subscribe(&mut self, now: Instant) {
        let asked = self.mqtt.subscribe(Subscribe::new(RESPONSES, QoS::AtLeastOnce), now);
        debug_assert!(asked.is_ok(), "the connection is new: {asked:?}");
        self.wait_for(Awaited::Suback, Some(later(now, self.config.deadlines.suback)));
    }

    /// Makes one request; messages other than the answer to it are dropped.
    pub(super) fn ask(
        &mut self,
        make: impl FnOnce(String) -> ProvisioningRequest,
        body: Vec<u8>,
        now: Instant,
    ) -> Result<(), Error> {
        self.requests += 1;
        let request_id = self.requests.to_string();
        let publish = Publish::new(make(request_id.clone()).to_string(), QoS::AtLeastOnce, body);
        if self.mqtt.publish(publish, (), now, now).is_err() {
            return Err(self.ended("the service does not acknowledge messages"));
        }
        self.wait_for(Awaited::Answer(request_id), Some(later(now, self.config.answer)));
        Ok(())
    }

    /// Keeps the connection alive until then.
    pub(super) fn idle(&mut self, until: Instant) {
        self.wait_for(Awaited::Nothing, Some(until));
    }

    fn wait_for(&mut self, awaited: Awaited, until: Option<Instant>) {
        (self.awaited, self.until, self.outcome) = (awaited, until, None);
    }

    /// What became of what was asked for last, once.
    pub(super) fn take_outcome(&mut self) -> Option<Outcome> {
        let outcome = self.outcome.take()?;
        (self.awaited, self.until) = (Awaited::Nothing, None);
        Some(outcome)
    }

    /// What a refused CONNECT means (MQTT 3.1.1 §3.2.2.3).
    pub(super) fn refusal(&self, code: ReasonCode) -> OpenError {
        let config = self.config;
        let (host, id) = (&config.endpoint.host, &config.registrant.registration_id);
        let clock = self.clock.filter(|clock| clock.is_notable());
        let clock = clock.map(|clock| format!(" ({})", clock.in_words())).unwrap_or_default();
        match code {
            ReasonCode::NotAuthorized
            | ReasonCode::BadUserNameOrPassword
            | ReasonCode::ClientIdentifierNotValid => OpenError::Refused(Error::AuthenticationFailed {
                reason: format!(
                    "{host} refused {id} (CONNACK {}): is there such an enrolment in the id scope, is the key or \
                     certificate its own, and is this machine's clock right?{clock}",
                    codec::return_code(code)
                ),
            }),
            code => OpenError::Failed(
                self.failed(&format!("the service is unavailable (CONNACK {})", codec::return_code(code))),
            ),
        }
    }

    pub(super) fn failed(&self, reason: &str) -> Error {
        self.failed_at(Step::Mqtt, reason)
    }

    fn failed_at(&self, step: Step, reason: &str) -> Error {
        Error::ConnectionFailed { step, reason: format!("{}: {reason}", self.config.endpoint) }
    }

    fn ended(&self, reason: &str) -> Error {
        if self.accepted {
            Error::ConnectionLost { reason: format!("{}: {reason}", self.config.endpoint) }
        } else {
            self.failed(reason)
        }
    }

    /// What is awaited did not come in time.
    fn late(&self) -> Error {
        match self.awaited {
            Awaited::Connack => self.failed("no CONNACK in time"),
            Awaited::Suback => self.failed("no answer to the subscription in time"),
            Awaited::Answer(_) | Awaited::Nothing => {
                let limit = self.config.answer.as_secs_f64();
                self.ended(&format!("the service did not answer within {limit} s"))
            }
        }
    }
}

impl Dispatch for Session<'_> {
    type Token = ();
    type End = Error;

    fn mqtt(&mut self) -> &mut Client<()> {
        &mut self.mqtt
    }

    fn handle_event(&mut self, event: Event<()>, now: Instant) -> Result<(), Error> {
        self.outcome = match (event, &self.awaited) {
            (Event::Connected { .. }, _) => {
                self.accepted = true;
                Some(Outcome::Accepted)
            }
            (Event::Refused { reason, .. }, _) => Some(Outcome::Refused(reason)),
            (Event::Subscribed { reasons, .. }, Awaited::Suback) => {
                let granted = !reasons.iter().any(|reason| reason.is_error());
                Some(Outcome::Subscribed { granted })
            }
            (Event::Message(message), awaited) => {
                if message.qos == QoS::AtLeastOnce {
                    self.mqtt.acknowledge(message.packet_id, ReasonCode::Success, now);
                }
                match (ProvisioningResponse::parse(&message.topic), awaited) {
                    (Ok(topic), Awaited::Answer(request_id)) if topic.request_id == *request_id => {
                        let retry_after = topic.retry_after.map(Duration::from_secs);
                        let (status, body) = (topic.status, message.payload.clone());
                        Some(Outcome::Answered(Answer { status, retry_after, body }))
                    }
                    _ => return Ok(()),
                }
            }
            _ => return Ok(()),
        };
        Ok(())
    }

    fn lost(&mut self, loss: Loss) -> Error {
        match loss {
            Loss::Stream(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                self.ended("the service closed the connection without a reason")
            }
            Loss::Stream(error) => {
                let reason = connect::explain_tls(&error, self.clock, &self.config.endpoint);
                if !self.accepted && connect::is_tls_refusal(&error) {
                    self.failed_at(Step::Tls, &reason)
                } else {
                    self.ended(&reason)
                }
            }
            Loss::Protocol { error, .. } => self.ended(&format!("the service broke the protocol: {error}")),
            Loss::Dead(_) => self.ended("the service did not answer a ping"),
        }
    }

    fn poll(&mut self, now: Instant) -> Result<(), Error> {
        let is_late = self.until.is_some_and(|until| until <= now);
        if is_late && !matches!(self.awaited, Awaited::Nothing) { Err(self.late()) } else { Ok(()) }
    }

    fn deadline(&self) -> Option<Instant> {
        self.until
    }

    fn wants_input(&mut self) -> bool {
        self.mqtt.output().len() < MAX_OUTPUT
    }

    fn transferred(&mut self, _: Progress) {}
}

fn connect_packet(config: &ProvisioningConfig, password: String) -> Connect {
    let username = config.registrant.username(config.product_info.as_deref());
    let mut connect = Connect::new(config.registrant.registration_id.clone());
    connect.keep_alive = KEEP_ALIVE;
    // The service keeps no sessions.
    connect.clean_start = true;
    connect.set_login(username, password);
    connect
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;
    use crate::Credentials;
    use azmqtt_client::connection::Connection;
    use azmqtt_dialect::SymmetricKey;
    use azmqtt_dialect::provisioning::Registrant;

    fn config() -> ProvisioningConfig {
        let key = SymmetricKey::from_base64("AAEC").unwrap();
        ProvisioningConfig::new(Registrant::new("s", "r").unwrap(), Credentials::key(key))
    }

    #[tokio::test]
    async fn a_service_that_sends_and_does_not_read_is_not_listened_to() {
        let (near, mut far) = tokio::io::duplex(1024);
        let config = config();
        let mut session = Session::connect(&config, String::new(), None, Instant::now());
        let mut connection = Connection::new(near);
        let until = Instant::now() + Duration::from_millis(500);
        // CONNACK, then a message at QoS 1 over and over, each to be acknowledged with four bytes.
        far.write_all(&[0x20, 2, 0, 0]).await.unwrap();
        let flood = [0x32, 5, 0, 1, b't', 0, 1].repeat(100_000);
        tokio::select! {
            biased;
            idle = async {
                connection.until(&mut session, Session::take_outcome).await?;
                session.idle(until);
                connection.until(&mut session, |_| (Instant::now() >= until).then_some(())).await
            } => idle.unwrap(),
            Ok(()) = far.write_all(&flood) => panic!("it listened to all of it"),
        }
        assert!(session.mqtt.output().len() < 256 * 1024);
    }

    #[test]
    fn what_does_not_come_in_time_is_named() {
        let (config, now) = (config(), Instant::now());
        let mut session = Session::connect(&config, String::new(), None, now);
        let due = session.deadline().unwrap();
        assert_eq!(due, now + config.deadlines.connack);
        assert_eq!(session.poll(now), Ok(()));
        let reason = "global.azure-devices-provisioning.net:8883: no CONNACK in time".to_owned();
        assert_eq!(session.poll(due), Err(Error::ConnectionFailed { step: Step::Mqtt, reason }));
    }

    #[test]
    fn an_answer_to_another_request_is_none() {
        let (config, now) = (config(), Instant::now());
        let mut session = Session::connect(&config, String::new(), None, now);
        let mut input = bytes::BytesMut::from(&[0x20, 2, 0, 0][..]);
        let event = session.mqtt.poll(&mut input, now).unwrap().unwrap();
        session.handle_event(event, now).unwrap();
        assert!(matches!(session.take_outcome(), Some(Outcome::Accepted)));
        session.ask(|request_id| ProvisioningRequest::Register { request_id }, Vec::new(), now).unwrap();
        let answer = |request_id: &str| {
            let topic = format!("$dps/registrations/res/202/?$rid={request_id}&retry-after=3");
            Event::Message(Publish::new(topic, QoS::AtMostOnce, Vec::new()))
        };
        session.handle_event(answer("2"), now).unwrap();
        assert!(session.take_outcome().is_none());
        session.handle_event(answer("1"), now).unwrap();
        let Some(Outcome::Answered(answer)) = session.take_outcome() else { panic!("no answer") };
        assert_eq!((answer.status, answer.retry_after), (202, Some(Duration::from_secs(3))));
        // Nothing is late from here on.
        assert_eq!(session.deadline(), None);
    }
}
