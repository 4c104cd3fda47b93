//! How a client of a broker is made. Python has checked types and ranges; what only the core can judge is refused here.

use std::time::Duration;

use bytes::Bytes;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::authentication::AuthenticationCalls;
use super::outgoing::{self, Fields, TopicLimits};
use crate::access::Certificate;
use crate::core::span;
use crate::json_text::JsonDefault;
use azmqtt_client::limits::{LostSession, OutboxLimits, RetryPolicy};
use azmqtt_client::managed::config::EndSession;
use azmqtt_client::{Broker, Config};
use azmqtt_dialect::identity::check_host_name;
use azmqtt_mqtt::{Level, PropertiesBuilder, QoS, Will};
use azmqtt_net::tls::Hints;
use azmqtt_net::{ConnectDeadlines, Endpoint, ProxyChoice, Trust};

/// The options as `azmqtt._mqtt.options` passes them: by name, every one of them.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
#[expect(clippy::struct_excessive_bools, reason = "as many as Python has options that are true or false")]
pub(crate) struct Options<'py> {
    hostname: String,
    port: u16,
    tls: bool,
    websocket: bool,
    path: String,
    /// A URL, or `environment`.
    proxy: Option<String>,
    /// PEM text in place of the bundled and the system's roots.
    trust: Option<Vec<u8>>,
    certificate: Option<Py<Certificate>>,
    /// 4 or 5.
    protocol: u8,
    client_id: String,
    username: Option<String>,
    password: Option<Vec<u8>>,
    clean_start: bool,
    session_expiry: u32,
    keep_alive: u16,
    receive_maximum: u16,
    max_packet_size: u32,
    topic_alias_maximum: u16,
    will: Option<WillFields<'py>>,
    user_properties: Vec<(String, String)>,
    authentication: Option<Py<AuthenticationCalls>>,
    retry_base: f64,
    retry_max: f64,
    retry_first_connect: bool,
    outbox_messages: usize,
    outbox_bytes: usize,
    resend: bool,
    manual_acknowledge: bool,
    auto_connect: bool,
    exclusive: bool,
    timeout: f64,
    /// For what is not JSON.
    json_default: Option<Py<PyAny>>,
    topic_bytes: usize,
    topic_levels: usize,
}

/// Topic, payload, QoS, retain, delay, and the properties of a message.
type WillFields<'py> = (String, Bound<'py, PyAny>, u8, bool, u32, Option<Fields<'py>>);

/// What a client is made of.
pub(crate) struct Made {
    pub(crate) config: Config,
    pub(super) hostname: String,
    pub(super) topics: TopicLimits,
    pub(super) timeout: Duration,
    pub(super) json_default: Option<Py<PyAny>>,
}

impl Options<'_> {
    pub(crate) fn build(self) -> PyResult<Made> {
        check_host_name(&self.hostname)
            .map_err(|error| PyValueError::new_err(format!("hostname {}", error.rule())))?;
        let broker = self.broker()?;
        let level = if self.protocol == 4 { Level::Mqtt311 } else { Level::Mqtt5 };
        let topics = TopicLimits { bytes: self.topic_bytes, levels: self.topic_levels };
        let base = Config::new(broker, self.client_id);
        let config = Config {
            level,
            username: self.username,
            password: self.password.map(Bytes::from),
            clean_start: self.clean_start,
            session_expiry: self.session_expiry,
            keep_alive: self.keep_alive,
            receive_maximum: self.receive_maximum,
            max_packet_size: self.max_packet_size,
            topic_alias_maximum: self.topic_alias_maximum,
            will: self.will.map(|will| build_will(will, self.json_default.as_ref(), level)).transpose()?,
            user_properties: self.user_properties,
            authenticator: self.authentication.map(|calls| calls.get().authenticator()),
            retry: RetryPolicy {
                base: span("retry.base", self.retry_base)?,
                max: span("retry.max", self.retry_max)?,
                first_connect: self.retry_first_connect,
            },
            outbox: OutboxLimits { messages: self.outbox_messages, bytes: self.outbox_bytes },
            lost_session: if self.resend { LostSession::Resend } else { LostSession::Fail },
            // The contract of the clients of IoT Operations has both.
            end_session: if self.resend { EndSession::Never } else { EndSession::OnClose },
            manual_acknowledge: self.manual_acknowledge,
            auto_connect: self.auto_connect,
            exclusive: self.exclusive,
            ..base
        };
        let timeout = span("timeout", self.timeout)?;
        Ok(Made { config, hostname: self.hostname, topics, timeout, json_default: self.json_default })
    }

    fn broker(&self) -> PyResult<Broker> {
        let named = |field, error: &dyn std::error::Error| PyValueError::new_err(format!("{field}: {error}"));
        let trust = self.trust.as_deref().map(Trust::from_pem).transpose();
        let trust = trust.map_err(|error| named("trust", &error))?.unwrap_or_default();
        let hints = Hints {
            roots: "trust",
            websocket: "websocket=True",
            plain: Some("pass tls=False"),
            ..Hints::default()
        };
        let proxy = self.proxy.as_deref().map(ProxyChoice::parse).transpose();
        let endpoint = Endpoint {
            trust: trust.with_hints(hints),
            proxy: proxy.map_err(|error| named("proxy", &error))?.unwrap_or_default(),
            client_certificate: self.certificate.as_ref().map(|certificate| certificate.get().0.clone()),
            ..Endpoint::new(&self.hostname, self.port)
        };
        let deadlines = ConnectDeadlines::default();
        let broker =
            if self.tls { Broker::secure(endpoint, deadlines) } else { Broker::plain(endpoint, deadlines) };
        if !self.websocket {
            return Ok(broker);
        }
        broker.websocket(self.path.clone(), Vec::new()).ok_or_else(|| {
            PyValueError::new_err("path: it must begin with a slash and contain only visible ASCII")
        })
    }
}

fn build_will(
    (topic, payload, qos, retain, delay, fields): WillFields<'_>,
    json_default: JsonDefault<'_>,
    level: Level,
) -> PyResult<Will> {
    let qos = match qos {
        0 => QoS::AtMostOnce,
        1 => QoS::AtLeastOnce,
        _ => QoS::ExactlyOnce,
    };
    let message =
        outgoing::message(topic.as_str().into(), &payload, json_default, qos, retain, fields, level)
            .map_err(|error| prefixed("will", &payload, &error))?;
    if message.payload.len() > usize::from(u16::MAX) {
        return Err(PyValueError::new_err("will.payload: it may have 65,535 bytes (MQTT 5 §3.1.3.4)"));
    }
    let properties = if delay == 0 {
        message.properties
    } else if level == Level::Mqtt5 {
        PropertiesBuilder::from(&message.properties)
            .will_delay(delay)
            .build()
            .map_err(|error| crate::errors::value_error(&error))?
    } else {
        return Err(PyValueError::new_err("will.delay needs MQTT 5"));
    };
    if level != Level::Mqtt5 && !properties.is_empty() {
        return Err(PyValueError::new_err("will: its properties need MQTT 5"));
    }
    Ok(Will { properties, ..Will::new(topic, message.payload, qos, retain) })
}

/// The error with the name of what it is about before it.
fn prefixed(name: &str, value: &Bound<'_, PyAny>, error: &PyErr) -> PyErr {
    let py = value.py();
    PyErr::from_type(error.get_type(py), format!("{name}.{}", error.value(py)))
}
