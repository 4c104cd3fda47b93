//! What the device knows of the reason when an answer does not come or a connection ends, in words.

use std::time::Instant;

use super::state::{End, Session};
use crate::error::{Error, Step};
use azmqtt_client::cause::replaced_by;
use azmqtt_client::lasting::reasons;
use azmqtt_mqtt::{ReasonCode, codec};

/// What the server is called.
pub(super) const HUB: &str = "the hub";

impl Session {
    /// Why an operation may have had no answer.
    pub(super) fn why_no_answer(&self, now: Instant) -> String {
        if !self.mqtt.is_connected() {
            return reasons::not_connected(&self.shared.monitor, &self.shared.config.endpoint);
        }
        if let Some(silence) = self.mqtt.silence_after_ping(now) {
            return reasons::silent(HUB, silence);
        }
        "connected; the hub may delay messages above its rate or daily quota (throttling)".to_owned()
    }

    /// Why the hub may have closed the connection, which it does without words.
    pub(super) fn why_closed(&self, is_accepted: bool) -> String {
        if !is_accepted {
            return "the hub closed the connection without a reason".to_owned();
        }
        let id = self.shared.config.identity.client_id();
        if self.seat.as_ref().is_some_and(|seat| seat.is_shared(&self.shared)) {
            return replaced_by(&id);
        }
        format!(
            "the hub closed the connection without a reason; most often because another client has connected as {id} (a \
             second program, a notebook that still runs), of which a hub keeps only the newest, because of something \
             sent that it does not accept, or because its rate or daily quota of messages is used up"
        )
    }

    /// What a refused CONNECT means (MQTT 3.1.1 §3.2.2.3, and IoT Hub's use of it).
    pub(super) fn refusal(&self, code: ReasonCode) -> End {
        let config = &self.shared.config;
        let id = config.identity.client_id();
        match code {
            ReasonCode::NotAuthorized
            | ReasonCode::BadUserNameOrPassword
            | ReasonCode::ClientIdentifierNotValid => End::Refused(Error::AuthenticationFailed {
                reason: format!(
                    "{} refused {id} (CONNACK {}): {}{}",
                    config.endpoint.host,
                    codec::return_code(code),
                    config.credentials.explain_refusal(),
                    self.link
                        .clock
                        .filter(|clock| clock.is_notable())
                        .map(|clock| format!("; {}", clock.in_words()))
                        .unwrap_or_default(),
                ),
            }),
            ReasonCode::UnsupportedProtocolVersion => End::Failed(Error::ConnectionFailed {
                step: Step::Mqtt,
                reason: format!("{} does not support MQTT 3.1.1 (CONNACK 1)", config.endpoint.host),
            }),
            _ => End::Failed(Error::ConnectionFailed {
                step: Step::Mqtt,
                reason: format!(
                    "{} does not serve {id} now (CONNACK 3): the device is disabled there, or the hub is unavailable",
                    config.endpoint.host
                ),
            }),
        }
    }
}
