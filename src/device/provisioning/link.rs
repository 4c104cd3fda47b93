//! One connection to the service: CONNECT, the subscription, requests and their answers.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::ProvisioningConfig;
use crate::device::attempt::in_order;
use crate::device::config::later;
use crate::device::error::{Error, Step};
use crate::device::task::sleep_until_some;
use crate::device::transport::{self, ClockOffset, Stream};
use crate::device::under_way;
use crate::device::wire::Wire;
use crate::dialect::provisioning::registrant::SAS_POLICY;
use crate::dialect::provisioning::{ProvisioningRequest, ProvisioningResponse, RESPONSES};
use crate::mqtt::client::Event;
use crate::mqtt::{
    Client, Connect, ConnectReturnCode, Login, Publish, QoS, SubscribeFilter, SubscribeReasonCode,
};

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

pub(super) struct Link<'a> {
    config: &'a ProvisioningConfig,
    wire: Wire<Stream>,
    mqtt: Client<()>,
    /// What opening the stream said about this machine's clock.
    clock: Option<ClockOffset>,
    requests: u32,
    /// The service has accepted the connection.
    accepted: bool,
}

impl<'a> Link<'a> {
    /// Connects and subscribes to the answers.
    pub(super) async fn open(config: &'a ProvisioningConfig) -> Result<Self, OpenError> {
        let (opened, password) = Box::pin(dial(config)).await.map_err(OpenError::Failed)?;
        under_way::begins(Step::Mqtt);
        let now = Instant::now();
        let mqtt = Client::new(MAX_IN_FLIGHT, now);
        let mut link = Self {
            config,
            wire: Wire::new(opened.stream),
            mqtt,
            clock: opened.clock,
            requests: 0,
            accepted: false,
        };
        link.mqtt.connect(&link.connect_packet(password), config.deadlines.connack, now);
        let connack = Some(later(now, config.deadlines.connack));
        match link.next(connack).await.map_err(OpenError::Failed)? {
            Some(Event::Connected { .. }) => link.accepted = true,
            Some(Event::Refused(code)) => return Err(link.refusal(code)),
            _ => return Err(OpenError::Failed(link.failed("no CONNACK in time"))),
        }
        link.subscribe().await.map_err(OpenError::Failed)?;
        under_way::is_over();
        Ok(link)
    }

    fn connect_packet(&self, password: String) -> Connect {
        let config = self.config;
        let username = config.registrant.username(config.product_info.as_deref());
        let mut connect = Connect::new(config.registrant.registration_id.clone());
        connect.keep_alive = KEEP_ALIVE;
        // The service keeps no sessions.
        connect.clean_session = true;
        connect.login = Some(Login::new(username, password));
        connect
    }

    async fn subscribe(&mut self) -> Result<(), Error> {
        let now = Instant::now();
        let filters = vec![SubscribeFilter::new(RESPONSES.to_owned(), QoS::AtLeastOnce)];
        self.mqtt.subscribe(filters, now);
        let suback = later(now, self.config.deadlines.suback);
        loop {
            match self.next(Some(suback)).await? {
                Some(Event::Subscribed { return_codes, .. }) => {
                    let granted = !return_codes.contains(&SubscribeReasonCode::Failure);
                    return if granted { Ok(()) } else { Err(self.failed("it refused the subscription")) };
                }
                Some(_) => {}
                None => return Err(self.failed("no answer to the subscription in time")),
            }
        }
    }

    /// Makes one request and waits for the answer to it; other messages are dropped.
    pub(super) async fn ask(
        &mut self,
        make: impl FnOnce(String) -> ProvisioningRequest,
        body: Vec<u8>,
    ) -> Result<Answer, Error> {
        self.requests += 1;
        let request_id = self.requests.to_string();
        let now = Instant::now();
        let publish = Publish::new(make(request_id.clone()).to_string(), QoS::AtLeastOnce, body);
        if self.mqtt.publish_qos1(publish, (), now).is_err() {
            return Err(self.lost("the service does not acknowledge what it gets"));
        }
        let deadline = later(now, self.config.answer);
        loop {
            match self.next(Some(deadline)).await? {
                Some(Event::Message(message)) => {
                    let Ok(topic) = ProvisioningResponse::parse(&message.topic) else { continue };
                    if topic.request_id == request_id {
                        let retry_after = topic.retry_after.map(Duration::from_secs);
                        return Ok(Answer { status: topic.status, retry_after, body: message.payload });
                    }
                }
                Some(_) => {}
                None => {
                    let limit = self.config.answer.as_secs_f64();
                    return Err(self.lost(&format!("the service did not answer within {limit} s")));
                }
            }
        }
    }

    /// Keeps the connection alive for a while.
    pub(super) async fn idle(&mut self, wait: Duration) -> Result<(), Error> {
        let until = later(Instant::now(), wait);
        while self.next(Some(until)).await?.is_some() {}
        Ok(())
    }

    /// The next event that comes before `deadline`. Messages are acknowledged here.
    async fn next(&mut self, deadline: Option<Instant>) -> Result<Option<Event<()>>, Error> {
        loop {
            let now = Instant::now();
            // First, so that a flood of messages does not put it off.
            if deadline.is_some_and(|deadline| deadline <= now) {
                return Ok(None);
            }
            match self.mqtt.poll(&mut self.wire.input, now) {
                Ok(Some(event)) => {
                    if let Event::Message(publish) = &event
                        && publish.qos == QoS::AtLeastOnce
                    {
                        self.mqtt.acknowledge(publish.pkid, now);
                    }
                    return Ok(Some(event));
                }
                Ok(None) => {}
                Err(error) => return Err(self.lost(&format!("the service broke the protocol: {error}"))),
            }
            if let Some(error) = self.wire.take_end() {
                return Err(match error.kind() {
                    io::ErrorKind::UnexpectedEof => {
                        self.lost("the service closed the connection without a reason")
                    }
                    _ if !self.accepted && transport::is_tls_refusal(&error) => self.failed_at(
                        Step::Tls,
                        &transport::explain_tls(&error, self.clock, &self.config.endpoint),
                    ),
                    _ => self.lost(&transport::explain_tls(&error, self.clock, &self.config.endpoint)),
                });
            }
            self.wire.take_part().into_iter().for_each(|at| self.mqtt.received_part(at));
            if self.mqtt.handle_timeout(now).is_err() {
                return Err(self.lost("the service did not answer a ping"));
            }
            let wake = [deadline, self.mqtt.deadline()].into_iter().flatten().min();
            let listening = self.mqtt.output().len() < MAX_OUTPUT;
            tokio::select! {
                biased;
                _ = poll_fn(|cx| self.wire.poll_turn(cx, self.mqtt.output(), listening)) => {}
                () = sleep_until_some(wake) => {}
            }
        }
    }

    /// Says goodbye, and leaves the end of the stream to a task of its own.
    pub(super) fn close(mut self) {
        self.mqtt.disconnect();
        let mut cx = Context::from_waker(Waker::noop());
        let _ = self.wire.poll_turn(&mut cx, self.mqtt.output(), false);
        tokio::spawn(self.wire.wind_up());
    }

    /// What a refused CONNECT means (MQTT 3.1.1 §3.2.2.3).
    fn refusal(&self, code: ConnectReturnCode) -> OpenError {
        let config = self.config;
        let (host, id) = (&config.endpoint.host, &config.registrant.registration_id);
        let clock = self.clock.filter(|clock| clock.is_notable());
        let clock = clock.map(|clock| format!(" ({})", clock.in_words())).unwrap_or_default();
        match code {
            ConnectReturnCode::NotAuthorized
            | ConnectReturnCode::BadUserNamePassword
            | ConnectReturnCode::BadClientId => OpenError::Refused(Error::AuthenticationFailed {
                reason: format!(
                    "{host} refused {id} (CONNACK {}): is there such an enrolment in the id scope, is the key or \
                     certificate its own, and is this machine's clock right?{clock}",
                    code as u8
                ),
            }),
            code => OpenError::Failed(
                self.failed(&format!("the service is unavailable (CONNACK {})", code as u8)),
            ),
        }
    }

    fn failed(&self, reason: &str) -> Error {
        self.failed_at(Step::Mqtt, reason)
    }

    fn failed_at(&self, step: Step, reason: &str) -> Error {
        Error::ConnectionFailed { step, reason: format!("{}: {reason}", self.config.endpoint) }
    }

    fn lost(&self, reason: &str) -> Error {
        if self.accepted {
            Error::ConnectionLost { reason: format!("{}: {reason}", self.config.endpoint) }
        } else {
            self.failed(reason)
        }
    }
}

/// Opens a stream and makes the password.
async fn dial(config: &ProvisioningConfig) -> Result<(transport::Link, String), Error> {
    let resource = config.registrant.sas_resource();
    let limit = config.deadlines.credentials;
    let password = async {
        let token =
            config.credentials.sign_resource(&resource, config.sas_ttl, Some(SAS_POLICY), limit).await?;
        // With a client certificate there is none.
        Ok(token.map(|token| token.to_token()).unwrap_or_default())
    };
    // A handshake takes kilobytes that the run does not need for the rest of its time.
    let opening = Box::pin(transport::open_for_mqtt(&config.endpoint, config.deadlines));
    in_order(&config.credentials, opening, password).await
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;
    use crate::device::Credentials;
    use crate::dialect::SymmetricKey;
    use crate::dialect::provisioning::Registrant;

    #[tokio::test]
    async fn a_service_that_sends_and_does_not_read_is_not_listened_to() {
        let (near, mut far) = tokio::io::duplex(1024);
        let key = SymmetricKey::from_base64("AAEC").unwrap();
        let config = ProvisioningConfig::new(Registrant::new("s", "r").unwrap(), Credentials::key(key));
        let now = Instant::now();
        let wire = Wire::new(Box::new(near) as Stream);
        let mqtt = Client::new(MAX_IN_FLIGHT, now);
        let mut link = Link { config: &config, wire, mqtt, clock: None, requests: 0, accepted: true };
        link.mqtt.connect(&Connect::new("r".to_owned()), Duration::from_secs(60), now);
        // CONNACK, then a message at QoS 1 over and over, each to be acknowledged with four bytes.
        far.write_all(&[0x20, 2, 0, 0]).await.unwrap();
        let flood = [0x32, 5, 0, 1, b't', 0, 1].repeat(100_000);
        tokio::select! {
            biased;
            idle = link.idle(Duration::from_millis(500)) => idle.unwrap(),
            Ok(()) = far.write_all(&flood) => panic!("it listened to all of it"),
        }
        assert!(link.mqtt.output().len() < 256 * 1024);
    }
}
