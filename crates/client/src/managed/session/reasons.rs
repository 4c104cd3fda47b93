//! Codes and ends, in words and as errors.

use std::time::Instant;

use super::state::{End, Session};
use crate::cause::replaced_by;
use crate::lasting::{Lasting, reasons};
use crate::managed::error::{Error, on_one_line};
use azmqtt_mqtt::{Level, Properties, PublishError, QoS, ReasonCode, SubscribeError};
use azmqtt_net::Step;

/// What the server is called.
pub(super) const BROKER: &str = "the broker";

impl Session {
    /// Why an operation may have had no answer.
    pub(super) fn why_no_answer(&self, now: Instant) -> String {
        if self.link.accepted_at().is_none() {
            return reasons::not_connected(&self.shared.monitor, &self.shared.config.broker);
        }
        if let Some(silence) = self.mqtt.silence_after_ping(now) {
            return reasons::silent(BROKER, silence);
        }
        let reason = self.shared.monitor.last_error().map(|reason| format!("; {reason}"));
        format!("connected{}", reason.unwrap_or_default())
    }

    /// The broker refused CONNECT.
    pub(super) fn refusal(&self, code: ReasonCode, properties: &Properties) -> End {
        if let Some(moved) = moved(code, properties) {
            return End::Final(moved);
        }
        let broker = &self.shared.config.broker;
        let id = &self.client_id;
        let who = if id.is_empty() { "a client without a client id".to_owned() } else { format!("{id:?}") };
        let said = said(properties);
        match code {
            ReasonCode::NotAuthorized
            | ReasonCode::BadUserNameOrPassword
            | ReasonCode::BadAuthenticationMethod
            | ReasonCode::Banned => {
                let reason = format!("{broker} refused {who}: {code}{said}{}", self.doubted());
                End::Refused(Error::AuthenticationFailed { reason, code: Some(code) })
            }
            code => {
                let reason = format!("{broker} refused {who}: {code}{said}");
                End::Failed(Error::ConnectionFailed { step: Step::Mqtt, reason, code: Some(code) })
            }
        }
    }

    /// What is to be seen of the token that was shown, to add to a refusal.
    pub(super) fn doubted(&self) -> String {
        let doubts = self.doubts.as_ref().filter(|doubts| !doubts.is_empty());
        doubts.map(|doubts| format!("; of the token: {doubts}")).unwrap_or_default()
    }

    /// The broker sent DISCONNECT.
    pub(super) fn ended_by_broker(&mut self, code: ReasonCode, properties: &Properties, now: Instant) -> End {
        if code == ReasonCode::SessionTakenOver {
            if self.is_claimed() {
                self.replaced(now);
                return self.ended(replaced_by(&self.client_id), Some(code));
            }
            return End::Final(Error::TakenOver);
        }
        if let Some(moved) = moved(code, properties) {
            return End::Final(moved);
        }
        let said = said(properties);
        let is_refusal = matches!(
            code,
            ReasonCode::NotAuthorized
                | ReasonCode::BadAuthenticationMethod
                | ReasonCode::BadUserNameOrPassword
        );
        if is_refusal && self.is_renewing() {
            return self.not_renewed(&format!("{code}{said}"), Some(code));
        }
        self.ended(format!("the broker disconnected: {code}{said}"), Some(code))
    }

    /// Why the broker may have closed the connection, which it did without words.
    pub(super) fn why_closed(&self) -> String {
        let closed = "the broker closed the connection without a reason";
        let id = &self.client_id;
        let is_accepted = self.link.accepted_at().is_some();
        if !is_accepted || id.is_empty() {
            return closed.to_owned();
        }
        if self.seat.as_ref().is_some_and(|seat| seat.is_shared(&self.shared)) {
            return replaced_by(id);
        }
        if self.shared.config.level == Level::Mqtt5 {
            // It should have sent DISCONNECT with 0x8E [MQTT-3.1.4-3]; Mosquitto 2.0.11 does not when the session goes on.
            return format!("{closed}; some do that when another client has connected as {id:?}");
        }
        format!(
            "{closed}; in MQTT 3.1.1 most often because another client has connected as {id:?} (a second program, a \
             notebook that still runs), of which a broker keeps only the newest [MQTT-3.1.4-2], or because it may not do \
             what it has done"
        )
    }

    /// The connection is over for a reason that is none of the application's.
    pub(super) fn ended(&self, reason: String, code: Option<ReasonCode>) -> End {
        if let Some(since) = self.link.accepted_at() {
            return End::Lost { since, error: Error::ConnectionLost { reason, code } };
        }
        let reason = format!("{}: {reason} before its CONNACK", self.shared.config.broker);
        End::Failed(Error::ConnectionFailed { step: Step::Mqtt, reason, code })
    }
}

/// The credentials are not what the broker wants, or there are none.
pub(super) fn unauthenticated(reason: &str, code: Option<ReasonCode>) -> Error {
    Error::AuthenticationFailed { reason: reason.to_owned(), code }
}

fn moved(code: ReasonCode, properties: &Properties) -> Option<Error> {
    matches!(code, ReasonCode::UseAnotherServer | ReasonCode::ServerMoved)
        .then(|| Error::ServerMoved { code, reference: properties.server_reference().map(str::to_owned) })
}

/// The reason string, as it ends in errors and logs: not all of it, and no control characters.
pub(super) fn said(properties: &Properties) -> String {
    properties.reason_string().map_or_else(String::new, |reason| {
        let short: String = reason.chars().take(200).collect();
        format!(" ({})", on_one_line(&short))
    })
}

/// Why a message is not published on this connection.
pub(super) fn unpublished(why: PublishError) -> Error {
    match why {
        PublishError::PacketTooLarge { limit, .. } => Error::PacketTooLarge { limit },
        PublishError::QosNotSupported { maximum } => {
            Error::NotSupported { what: if maximum == QoS::AtMostOnce { "QoS 1 and 2" } else { "QoS 2" } }
        }
        PublishError::RetainNotSupported => Error::NotSupported { what: "retained messages" },
        PublishError::Expired => Error::Expired,
        PublishError::Invalid => Error::Invalid { reason: why.to_string() },
        PublishError::NotConnected | PublishError::NoRoom => Error::DeliveryUnknown,
    }
}

/// Why a SUBSCRIBE or UNSUBSCRIBE is not sent.
pub(super) fn unasked(why: &SubscribeError) -> Error {
    match why {
        SubscribeError::PacketTooLarge { limit, .. } => Error::PacketTooLarge { limit: *limit },
        SubscribeError::WildcardNotSupported(_) => Error::NotSupported { what: "wildcards in filters" },
        SubscribeError::SharedNotSupported(_) => Error::NotSupported { what: "shared subscriptions" },
        SubscribeError::IdentifiersNotSupported => Error::NotSupported { what: "subscription identifiers" },
        other => Error::Invalid { reason: other.to_string() },
    }
}
