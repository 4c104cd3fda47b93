//! What the device knows of the reason when an answer does not come or a connection ends, in words.

use std::time::Instant;

use super::state::Session;
use crate::error::{Error, Step, not_connected, replaced_by};
use azmqtt_mqtt::{Dead, ReasonCode, codec};

impl Session {
    /// Why an operation may have had no answer.
    pub(super) fn why_no_answer(&self, now: Instant) -> String {
        if !self.mqtt.is_connected() {
            return not_connected(self.why_not_connected().as_deref().unwrap_or("no connection was made"));
        }
        if let Some(silence) = self.mqtt.silence_after_ping(now) {
            return format!(
                "connected, but nothing has come from the hub for {:.1} s, not even the answer to a ping: the line may be \
                 dead",
                silence.as_secs_f64()
            );
        }
        "connected; the hub may delay what is over its rate or its daily quota (throttling)".to_owned()
    }

    /// What an operation without a connection has waited for.
    fn why_not_connected(&self) -> Option<String> {
        let monitor = &self.shared.monitor;
        let step = monitor.connect_progress.describe(&self.shared.config.endpoint);
        match (monitor.last_error(), step) {
            (Some(error), Some(step)) => Some(format!("{error}; {step}")),
            (error, step) => error.or(step),
        }
    }

    /// Why the hub may have closed the connection, which it does without words.
    pub(super) fn why_closed(&self, is_accepted: bool) -> String {
        if !is_accepted {
            return "the hub closed the connection without a reason".to_owned();
        }
        let id = self.shared.config.identity.client_id();
        if self.seat.as_ref().is_some_and(|seat| seat.is_shared(&self.shared.config)) {
            return replaced_by(&id);
        }
        format!(
            "the hub closed the connection without a reason; most often because another client has connected as {id} (a \
             second program, a notebook that still runs), of which a hub keeps only the newest, because of something \
             sent that it does not take, or because its rate or daily quota of messages is used up"
        )
    }

    /// What a refused CONNECT means (MQTT 3.1.1 §3.2.2.3, and IoT Hub's use of it).
    pub(crate) fn refusal(&self, code: ReasonCode) -> Error {
        let config = &self.shared.config;
        let id = config.identity.client_id();
        match code {
            ReasonCode::NotAuthorized
            | ReasonCode::BadUserNameOrPassword
            | ReasonCode::ClientIdentifierNotValid => Error::AuthenticationFailed {
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
            },
            ReasonCode::UnsupportedProtocolVersion => Error::ConnectionFailed {
                step: Step::Mqtt,
                reason: format!("{} does not take MQTT 3.1.1 (CONNACK 1)", config.endpoint.host),
            },
            _ => Error::ConnectionFailed {
                step: Step::Mqtt,
                reason: format!(
                    "{} does not serve {id} now (CONNACK 3): the device is disabled there, or the hub is unavailable",
                    config.endpoint.host
                ),
            },
        }
    }
}

/// What ended a connection whose peer did not.
pub(super) fn why_dead(dead: Dead) -> String {
    match dead {
        Dead::Silent(span) => format!("the hub did not answer a ping within {:.1} s", span.as_secs_f64()),
        Dead::Dripping(size, span) => {
            format!("a packet of {size} bytes from the hub did not arrive within {:.0} s", span.as_secs_f64())
        }
    }
}
