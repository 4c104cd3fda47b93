//! What a connected device's packets mean, and what the hub says to it.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use crate::error::HubError;
use crate::events;
use crate::faults::fault::Change;
use crate::faults::sdk;
use crate::id::Id;
use crate::messages::cloud_messages::DeliveryTag;
use crate::messages::feedback::FeedbackStatus;
use crate::messages::properties::RecordedProperties;
use crate::messages::telemetry::Incoming;
use crate::methods::open_calls::{Answered, OpenCalls};
use crate::registry::device::{
    Caller, CloseReason, Command, Delivery, Device, Invocation, StoredSession, Subscriptions,
};
use crate::security::authentication::Admitted;
use crate::shared::Shared;
use crate::twins::requests::{self, TwinAnswer};
use azmqtt_dialect::time::Timestamp;
use azmqtt_dialect::topic::{DeviceTopic, HubTopic, Subscription, TopicError};
use azmqtt_dialect::twin::desired_notification;
use azmqtt_dialect::{MAX_MESSAGE_SIZE, MAX_METHOD_BODY, MessageProperties, PropertyBag, ServiceError};
use azmqtt_local::watch::Members;
use azmqtt_mqtt::server::Event;
use azmqtt_mqtt::{
    MAX_PACKET_SIZE, Properties, Publish, QoS, ReasonCode, Server, Subscribe, Unsubscribe, Will,
};

/// Messages to a device without their PUBACK; a device that lets more of them wait is closed.
pub const MAX_IN_FLIGHT: u16 = 8192;

/// One accepted connection, without its bytes.
pub struct DeviceSession {
    shared: Arc<Shared>,
    pub device: Arc<Device>,
    pub server: Server<Delivery>,
    subscriptions: Subscriptions,
    /// Messages in flight, in bytes.
    unacknowledged: usize,
    /// Which of the device's connections it is.
    number: u64,
    calls: OpenCalls,
    model_id: Option<Arc<str>>,
    has_api_version: bool,
    /// It came with a token of the hub's.
    of_hub: bool,
    /// The one topic that most messages come on.
    telemetry_topic: String,
}

impl DeviceSession {
    /// Accepts the client that `server` waits to hear about, with what an earlier connection left.
    pub fn accept(
        shared: Arc<Shared>,
        admitted: Admitted,
        mut server: Server<Delivery>,
        stored: Option<StoredSession>,
        number: u64,
    ) -> Self {
        let (session, subscriptions, unacknowledged) = match stored {
            Some(mut stored) => {
                // Messages that ended meanwhile are not sent again.
                let lost = stored.session.abandon(lost_delivery(&admitted.device));
                let lost: usize = lost.iter().map(|delivery| delivery.size).sum();
                (Some(stored.session), stored.subscriptions, stored.unacknowledged.saturating_sub(lost))
            }
            None => (None, Subscriptions::default(), 0),
        };
        server.accept(session, Properties::default(), Instant::now());
        let telemetry_topic = telemetry_topic(&admitted.device);
        let session = Self {
            shared,
            device: admitted.device,
            server,
            subscriptions,
            unacknowledged,
            number,
            calls: OpenCalls::default(),
            model_id: admitted.model_id,
            has_api_version: admitted.has_api_version,
            of_hub: admitted.proof.of_hub,
            telemetry_topic,
        };
        session.tell_takes_methods();
        session
    }

    /// The connection ended: tells those who called its methods.
    pub fn end_calls(&mut self, reason: &CloseReason) {
        self.calls.end(reason);
    }

    /// What is left for a later connection.
    pub fn into_stored(self) -> StoredSession {
        StoredSession {
            session: self.server.into_session(),
            subscriptions: self.subscriptions,
            unacknowledged: self.unacknowledged,
        }
    }

    /// Does what a packet asks for.
    ///
    /// # Errors
    /// The connection has to end.
    pub async fn handle(&mut self, event: Event<Delivery>) -> Result<(), CloseReason> {
        match event {
            Event::Publish(publish) => self.publish(publish).await,
            Event::Acknowledged { token: delivery, .. } => {
                self.unacknowledged = self.unacknowledged.saturating_sub(delivery.size);
                if let Some(tag) = delivery.cloud_message {
                    self.complete(tag);
                }
                self.send_cloud_messages()
            }
            Event::Subscribe(subscribe) => self.subscribe(subscribe),
            Event::Unsubscribe(unsubscribe) => self.unsubscribe(&unsubscribe),
            Event::Disconnect(_) => Err(CloseReason::Disconnect),
            // The session yields one CONNECT, which was answered before, and MQTT 3.1.1 has none of the others.
            Event::Connect(_) | Event::Auth(_) | Event::NotSentAgain { .. } => Ok(()),
        }
    }

    /// A packet, the last one that came, is to have no effect. Of most of them nothing is known yet; a message whose
    /// acknowledgement is lost is still in flight, and is sent again in the device's next connection.
    pub fn forget(&mut self, event: Event<Delivery>) {
        if let Event::Acknowledged { token: delivery, .. } = event {
            self.server.unacknowledge(delivery);
        }
    }

    /// Does what the registry asks for.
    pub fn obey(&mut self, command: Command) -> Result<(), CloseReason> {
        match command {
            Command::NotifyDesired { version, body } => {
                let Some(qos) = self.subscriptions.qos(|s| *s == Subscription::DesiredPatches) else {
                    return Ok(()); // never queued
                };
                self.deliver(HubTopic::DesiredPatch { version }.to_string(), body, qos, None)
            }
            Command::SendCloudMessages { lost_deliveries } => {
                if lost_deliveries {
                    let lost = self.server.abandon(lost_delivery(&self.device));
                    let lost: usize = lost.iter().map(|delivery| delivery.size).sum();
                    self.unacknowledged = self.unacknowledged.saturating_sub(lost);
                }
                self.send_cloud_messages()
            }
            Command::CallMethod { invocation, caller } => self.call_method(&invocation, caller),
            // What faults there are is the connection's affair.
            Command::Fault(_) => Ok(()),
        }
    }

    /// A caller that is not heard here, because the device has unsubscribed just now, is told by being dropped.
    fn call_method(&mut self, invocation: &Invocation, caller: Caller) -> Result<(), CloseReason> {
        if !self.takes_methods() {
            return Ok(());
        }
        let request_id = self.calls.open(&invocation.name, caller, Instant::now());
        let members = Members::default().with("name", invocation.name.as_str());
        let members = members.with("request_id", request_id.as_str()).with("connection", self.number);
        self.shared.events().tell(events::METHOD_CALLED, self.device.key(), members);
        let topic = HubTopic::MethodRequest { name: &invocation.name, request_id: &request_id }.to_string();
        self.deliver(topic, invocation.payload.clone(), QoS::AtMostOnce, None)
    }

    /// Over a connection without an api-version the service has no methods.
    fn takes_methods(&self) -> bool {
        self.has_api_version && self.subscriptions.qos(|s| *s == Subscription::Methods).is_some()
    }

    fn tell_takes_methods(&self) {
        self.device.set_takes_methods(self.number, self.takes_methods());
    }

    fn parse_filter(&self, filter: &str) -> Result<Subscription, TopicError> {
        Subscription::parse(filter, &self.device.id, self.device.module_id.as_deref())
    }

    async fn publish(&mut self, publish: Publish) -> Result<(), CloseReason> {
        if publish.qos == QoS::ExactlyOnce {
            return Err(forbidden("a message with QoS 2"));
        }
        let (qos, packet_id) = (publish.qos, publish.packet_id);
        let answer = if publish.topic == self.telemetry_topic {
            // The general way, without its parsing.
            self.record(PropertyBag::new(), publish.retain, publish.payload)?;
            None
        } else {
            self.publish_elsewhere(publish).await?
        };
        if qos == QoS::AtLeastOnce {
            self.server.acknowledge(packet_id, ReasonCode::Success);
        }
        answer.map_or(Ok(()), |answer| self.answer(answer))
    }

    async fn publish_elsewhere(&mut self, publish: Publish) -> Result<Option<TwinAnswer>, CloseReason> {
        let topic = DeviceTopic::parse(&publish.topic);
        match topic.map_err(|error| CloseReason::Forbidden(error.to_string()))? {
            DeviceTopic::Telemetry { device_id, module_id, properties }
                if self.device.key() == (device_id, module_id).into() =>
            {
                self.record(properties, publish.retain, publish.payload).map(|()| None)
            }
            DeviceTopic::Telemetry { .. } => Err(forbidden("a message on another identity's topic")),
            DeviceTopic::TwinGet { request_id } => Ok(Some(requests::get(&self.device, request_id))),
            DeviceTopic::ReportedPatch { request_id, .. } if !self.has_api_version => {
                Ok(Some(requests::no_api_version(request_id)))
            }
            DeviceTopic::ReportedPatch { request_id, if_version } => {
                let (registry, device) = (&self.shared.registry, &self.device);
                let patched =
                    requests::patch_reported(registry, device, request_id, if_version, &publish.payload);
                Ok(Some(patched.await))
            }
            DeviceTopic::MethodResponse { .. } if publish.payload.len() > MAX_METHOD_BODY => {
                Err(forbidden("a method's response over 131,072 bytes"))
            }
            DeviceTopic::MethodResponse { status, request_id } => {
                let answered = self.calls.answer(request_id, status, publish.payload.clone(), Instant::now());
                if let Some(Answered { name, took }) = answered {
                    self.shared.events().method_answered(self.device.key(), &name, request_id, status, took);
                }
                Ok(None)
            }
        }
    }

    fn record(&self, properties: PropertyBag, retain: bool, body: Bytes) -> Result<(), CloseReason> {
        let mut properties = RecordedProperties::from(properties);
        if properties.size(body.len()) > MAX_MESSAGE_SIZE {
            return Err(forbidden("a message over 262,144 bytes"));
        }
        if retain {
            properties.push("mqtt-retain", "True");
        }
        if sdk::asks(&properties.application) {
            sdk::obey(
                &self.shared.faults,
                &*self.shared.registry,
                self.device.key(),
                &properties.application,
            );
        }
        let (source, model_id) = (self.device.source.clone(), self.model_id.clone());
        let of_hub = self.of_hub;
        self.shared.recorder.record(Incoming { source, body, properties, model_id, of_hub });
        Ok(())
    }

    /// Answers a twin request with an error in place of the twin.
    ///
    /// # Errors
    /// The connection has to end.
    pub fn refuse_twin_request(&mut self, request: &Publish, error: ServiceError) -> Result<(), CloseReason> {
        let answer = match DeviceTopic::parse(&request.topic) {
            Ok(DeviceTopic::TwinGet { request_id } | DeviceTopic::ReportedPatch { request_id, .. }) => {
                requests::refusal(error, request_id)
            }
            Ok(_) => return Ok(()),
            Err(error) => return Err(CloseReason::Forbidden(error.to_string())),
        };
        if request.qos == QoS::AtLeastOnce {
            self.server.acknowledge(request.packet_id, ReasonCode::Success);
        }
        self.answer(answer)
    }

    /// Somebody else writes to the twin: a service application to the desired properties, another connection with the
    /// device's credentials to the reported ones. A patch that breaks a limit changes nothing.
    pub async fn change_twin(&self, change: &Change) {
        let now = Timestamp::now();
        let changed = self.shared.registry.change_async(&self.device, |device| {
            if let Some(patch) = &change.reported {
                let _ = device.patch_reported(patch.clone(), None, now);
            }
            if let Some(patch) = &change.desired {
                let _ = device.twin_by(|twin| {
                    let version = twin.patch_desired(patch, None, now)?;
                    Ok((version, Some(desired_notification(patch, version))))
                });
            }
            Ok::<_, HubError>(())
        });
        // What the disk does not take now is written with the next change.
        let _ = changed.await;
    }

    /// The device is gone without DISCONNECT: emits its will.
    pub fn emit_will(&self, will: Will) {
        if let Ok(mut properties) = will_properties(&self.device, &will) {
            properties.push("iothub-MessageType", Some("Will".to_owned()));
            // Its size was judged with the CONNECT.
            let _ = self.record(properties, will.retain, will.message);
        }
    }

    fn subscribe(&mut self, subscribe: Subscribe) -> Result<(), CloseReason> {
        let mut granted = Vec::with_capacity(subscribe.filters.len());
        for filter in subscribe.filters {
            let subscription = self
                .parse_filter(&filter.filter)
                .map_err(|_| forbidden("a subscription to a topic that IoT Hub does not grant"))?;
            let qos = if filter.qos == QoS::AtMostOnce { QoS::AtMostOnce } else { QoS::AtLeastOnce };
            self.subscriptions.grant(subscription, qos);
            granted.push(ReasonCode::granted(qos));
        }
        self.server.suback(subscribe.packet_id, granted);
        self.tell_takes_methods();
        self.send_cloud_messages()
    }

    /// A filter that could never be granted ends the connection, as in SUBSCRIBE; one that could is acknowledged,
    /// granted or not [MQTT-3.10.4-5].
    fn unsubscribe(&mut self, unsubscribe: &Unsubscribe) -> Result<(), CloseReason> {
        for filter in &unsubscribe.filters {
            let subscription = self
                .parse_filter(filter)
                .map_err(|_| forbidden("an UNSUBSCRIBE of a topic that IoT Hub does not grant"))?;
            self.subscriptions.revoke(&subscription);
        }
        self.tell_takes_methods();
        self.server.unsuback(unsubscribe.packet_id, Vec::new());
        Ok(())
    }

    /// Sends what waits in the queue, as far as the device acknowledges.
    pub fn send_cloud_messages(&mut self) -> Result<(), CloseReason> {
        let wanted = |s: &Subscription| {
            matches!(
                s,
                Subscription::CloudToDevice { .. }
                    | Subscription::CloudToAnyDevice
                    | Subscription::ModuleInputs { .. }
            )
        };
        let Some(qos) = self.subscriptions.qos(wanted) else { return Ok(()) };
        let limit = self.shared.config.limits.unacknowledged;
        // The larger half of the limit is left to twin answers, which cannot wait.
        while self.server.has_room() && self.unacknowledged <= limit / 4 {
            let lock = self.shared.config.cloud_to_device.lock;
            let next = self
                .shared
                .registry
                .change_queue(&self.device, |queue| queue.next_to_send(Instant::now(), lock));
            let Some((tag, message)) = next else { break };
            self.shared.events().tell(events::C2D_DELIVERED, self.device.key(), message.as_members());
            let topic = message.topic(self.device.key()).to_string();
            self.deliver(topic, message.body, qos, Some(tag))?;
            if qos == QoS::AtMostOnce {
                self.complete(tag);
            }
        }
        Ok(())
    }

    /// The device has the message, unless its lock was lost before.
    fn complete(&self, tag: DeliveryTag) {
        let completed = self.shared.registry.change_queue(&self.device, |queue| queue.complete(tag));
        if let Some(message) = completed {
            self.shared.feedback.report(&self.device.source, &[message], FeedbackStatus::Success);
        }
    }

    /// Answers at the granted QoS; a device that did not subscribe gets none.
    fn answer(&mut self, answer: TwinAnswer) -> Result<(), CloseReason> {
        match self.subscriptions.qos(|s| *s == Subscription::TwinResponses) {
            Some(qos) => self.deliver(answer.topic, answer.body, qos, None),
            None => Ok(()),
        }
    }

    fn deliver(
        &mut self,
        topic: String,
        body: Bytes,
        qos: QoS,
        cloud_message: Option<DeliveryTag>,
    ) -> Result<(), CloseReason> {
        let publish = Publish::new(topic, qos, body);
        if !publish.fits(MAX_PACKET_SIZE) {
            return Err(forbidden("a request id that fits into no answer"));
        }
        if qos == QoS::AtMostOnce {
            let now = Instant::now();
            return self.server.publish_qos0(&publish, now, now).map_err(|_| CloseReason::NotReading);
        }
        let size = publish.topic.len() + publish.payload.len();
        self.unacknowledged += size;
        if self.unacknowledged > self.shared.config.limits.unacknowledged {
            return Err(CloseReason::NotReading);
        }
        let delivery = Delivery { size, cloud_message };
        let now = Instant::now();
        self.server.publish(publish, delivery, now, now).map_err(|_| CloseReason::NotReading)
    }
}

/// Picks the deliveries that can complete no message any more.
fn lost_delivery(device: &Device) -> impl Fn(&Delivery) -> bool + '_ {
    |delivery| delivery.cloud_message.is_some_and(|tag| !device.state().cloud_messages.is_live(tag))
}

/// Whether a will is one that the hub could emit; the reason if not.
pub fn check_will(device: &Device, will: &Will) -> Result<(), CloseReason> {
    let properties = MessageProperties::from_bag(will_properties(device, will)?);
    if will.qos == QoS::ExactlyOnce {
        return Err(forbidden("a will with QoS 2"));
    }
    if properties.size(will.message.len()) > MAX_MESSAGE_SIZE {
        return Err(forbidden("a will over 262,144 bytes"));
    }
    Ok(())
}

fn will_properties(device: &Device, will: &Will) -> Result<PropertyBag, CloseReason> {
    match DeviceTopic::parse(&will.topic) {
        Ok(DeviceTopic::Telemetry { device_id, module_id, properties })
            if device.key() == (device_id, module_id).into() =>
        {
            Ok(properties)
        }
        _ => Err(forbidden("a will on a topic that is not the device's own")),
    }
}

fn telemetry_topic(device: &Device) -> String {
    let Id { device: device_id, module: module_id } = device.key();
    DeviceTopic::Telemetry { device_id, module_id, properties: PropertyBag::new() }.to_string()
}

fn forbidden(what: &str) -> CloseReason {
    CloseReason::Forbidden(what.to_owned())
}
