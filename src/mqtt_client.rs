//! `_core.MqttClient`: a session with any MQTT 3.1.1 broker, for `azmqtt.paho`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use super::access::Certificate;
use super::core::span;
use super::errors::{Failure, value_error};
use super::fork::Generation;
use super::greenlets::Greenlets;
use super::{runtime, waiter};
use azmqtt_client::{Broker, End, Event, EventKind, Refused, Reply, check_connect};
use azmqtt_mqtt::{Connect, Level, Properties, Publish, QoS, SubscribeFilter, Will};
use azmqtt_net::tls::{self, Verification, Versions};
use azmqtt_net::{ConnectError, ProxyChoice, Trust};

/// How long Ctrl-C may go unnoticed.
const TICK: Duration = Duration::from_millis(50);

/// What TLS is made of. Shows no key.
#[pyclass(frozen, module = "azmqtt._core")]
pub(super) struct TlsOptions(tls::TlsOptions);

#[pymethods]
impl TlsOptions {
    /// `roots` is a PEM text or a list of certificates in DER; the bundled and the system's if `None`.
    #[new]
    #[expect(clippy::fn_params_excessive_bools, reason = "as paho has them")]
    fn new(
        roots: Option<PemOrDer>,
        check_chain: bool,
        check_name: bool,
        common_name: bool,
        only_tls12: bool,
        certificate: Option<&Certificate>,
        alpn: Vec<String>,
    ) -> PyResult<Self> {
        let trust = match roots {
            None => Trust::default(),
            Some(PemOrDer::Pem(pem)) => Trust::from_pem(&pem).map_err(|error| value_error(&error))?,
            Some(PemOrDer::Der(certificates)) => Trust::from_der(certificates)
                .ok_or_else(|| PyValueError::new_err("the certificate cannot be read"))?,
        };
        let verification = match (check_chain, check_name, common_name) {
            (true, true, false) => Verification::Full,
            (true, true, true) => Verification::CommonName,
            (true, false, _) => Verification::AnyName,
            (false, ..) => Verification::Nothing,
        };
        let versions = if only_tls12 { Versions::OnlyTls12 } else { Versions::All };
        let certificate = certificate.map(|certificate| certificate.0.clone());
        let alpn = alpn.into_iter().map(String::into_bytes).collect();
        Ok(Self(tls::TlsOptions::new(trust, verification, versions, certificate, alpn)))
    }
}

#[derive(FromPyObject)]
enum PemOrDer {
    Pem(Vec<u8>),
    Der(Vec<Vec<u8>>),
}

/// A broker and the way to it.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Server {
    host: String,
    port: u16,
    /// Seconds for each step.
    timeout: f64,
    tls: Option<Py<TlsOptions>>,
    /// A URL.
    proxy: Option<String>,
    /// Whether `host` is the path of a Unix socket.
    unix: bool,
    /// Path and header fields.
    websocket: Option<(String, Vec<(String, String)>)>,
}

impl Server {
    fn build(self) -> PyResult<Broker> {
        let mut server = Broker::new(&self.host, self.port, span("connect_timeout", self.timeout)?);
        if self.unix {
            server = server.unix(self.host.into());
        }
        if let Some(proxy) = self.proxy {
            let proxy = ProxyChoice::parse(&proxy);
            server = server.through(proxy.map_err(|error| PyValueError::new_err(format!("proxy: {error}")))?);
        }
        if let Some(tls) = self.tls {
            server = server.encrypted(tls.get().0.clone());
        }
        match self.websocket {
            None => Ok(server),
            Some((path, headers)) => server.websocket(path, headers).ok_or_else(|| {
                PyValueError::new_err(
                    "ws_set_options: the path must begin with a slash and hold visible ASCII only; headers must hold \
                     no control characters, and none of them may be one of the protocol's own",
                )
            }),
        }
    }
}

/// What CONNECT says.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct ConnectFields {
    /// 3 or 4.
    level: u8,
    client_id: String,
    clean_session: bool,
    keepalive: u16,
    username: Option<String>,
    password: Option<Vec<u8>>,
    /// Topic, payload, QoS, retain.
    will: Option<(String, Vec<u8>, u8, bool)>,
}

impl ConnectFields {
    fn build(self) -> PyResult<Connect> {
        let will = self
            .will
            .map(|(topic, payload, qos, retain)| {
                PyResult::Ok(Will::new(topic, payload, quality(qos)?, retain))
            })
            .transpose()?;
        let connect = Connect {
            level: if self.level == 3 { Level::Mqtt31 } else { Level::Mqtt311 },
            client_id: self.client_id,
            clean_start: self.clean_session,
            keep_alive: self.keepalive,
            properties: Properties::default(),
            will,
            username: self.username,
            password: self.password.map(Bytes::from),
        };
        check_connect(&connect).map_err(|error| value_error(&error))?;
        Ok(connect)
    }
}

fn quality(qos: u8) -> PyResult<QoS> {
    match qos {
        0 => Ok(QoS::AtMostOnce),
        1 => Ok(QoS::AtLeastOnce),
        _ => Err(PyValueError::new_err("qos must be 0 or 1")),
    }
}

fn refused(reason: Refused) -> PyErr {
    PyValueError::new_err(match reason {
        Refused::Message => {
            "topic: it must not be empty or contain a wildcard or U+0000, and may have 256 MiB together with the payload"
        }
        Refused::Filter => "topic: it is not a valid filter (MQTT 3.1.1 §4.7)",
    })
}

/// A session with a broker.
#[pyclass(frozen, module = "azmqtt._core")]
pub(super) struct MqttClient {
    client: Arc<azmqtt_client::MqttClient>,
    generation: Generation,
}

impl MqttClient {
    fn client(&self) -> PyResult<&azmqtt_client::MqttClient> {
        self.generation.check()?;
        Ok(&self.client)
    }
}

impl Drop for MqttClient {
    fn drop(&mut self) {
        if !self.generation.is_current() {
            // The parent's connection is not ours to end, and its locks may be held for ever in this copy.
            std::mem::forget(Arc::clone(&self.client));
        }
    }
}

#[pymethods]
impl MqttClient {
    #[new]
    fn new(max_in_flight: u16) -> PyResult<Self> {
        let runtime = runtime::ensure()?;
        let client = Arc::new(azmqtt_client::MqttClient::new(runtime.handle(), max_in_flight));
        Ok(Self { client, generation: Generation::now() })
    }

    /// Connects, without waiting for the answer to CONNECT: the connection's number, or the step that failed, the
    /// system's error number, whether it took too long, whether it was the certificate, and the reason.
    fn open<'py>(
        &self,
        py: Python<'py>,
        server: Server,
        connect: ConnectFields,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (client, server, connect) = (self.client()?, server.build()?, connect.build()?);
        let opening = client.open(server, connect);
        // Whoever is interrupted leaves the attempt to itself.
        let opened = waiter::wait(py, |reply: Reply<_, Failure>| {
            runtime::handle().spawn(async move { reply.send(Ok(opening.await)) });
        })?;
        match opened {
            Ok(connection) => Ok(connection.into_pyobject(py)?.into_any()),
            Err(ConnectError { step, reason, os_error, timed_out, bad_certificate }) => {
                let failure = (step.to_string(), os_error, timed_out, bad_certificate, reason);
                Ok(failure.into_pyobject(py)?.into_any())
            }
        }
    }

    fn publish(&self, mid: u16, topic: String, payload: &[u8], qos: u8, retain: bool) -> PyResult<()> {
        let payload = Bytes::copy_from_slice(payload);
        let publish = Publish { retain, ..Publish::new(topic, quality(qos)?, payload) };
        self.client()?.publish(mid, publish).map_err(refused)
    }

    fn subscribe(&self, mid: u16, filters: Vec<(String, u8)>) -> PyResult<()> {
        let filters: PyResult<Vec<_>> =
            filters.into_iter().map(|(path, qos)| Ok(SubscribeFilter::new(path, quality(qos)?))).collect();
        self.client()?.subscribe(mid, filters?).map_err(refused)
    }

    fn unsubscribe(&self, mid: u16, filters: Vec<String>) -> PyResult<()> {
        self.client()?.unsubscribe(mid, filters).map_err(refused)
    }

    fn acknowledge(&self, connection: u64, packet_id: u16) -> PyResult<()> {
        self.client()?.acknowledge(connection, packet_id);
        Ok(())
    }

    /// Raises if this process was forked since: the connection is the parent's.
    fn check_process(&self) -> PyResult<()> {
        self.generation.check()
    }

    /// Sends DISCONNECT once everything before has left.
    fn disconnect(&self) -> PyResult<()> {
        self.client()?.disconnect();
        Ok(())
    }

    /// Ends the connection without DISCONNECT.
    fn drop_connection(&self) -> PyResult<()> {
        self.client()?.drop_connection();
        Ok(())
    }

    fn set_max_in_flight(&self, limit: u16) -> PyResult<()> {
        self.client()?.set_max_in_flight(limit);
        Ok(())
    }

    fn forget_messages(&self) -> PyResult<()> {
        self.client()?.forget_messages();
        Ok(())
    }

    /// Takes up to `limit` events; waits up to `timeout` seconds for the first, or until somebody calls `wake`. In the
    /// main thread it should look for signals meanwhile.
    fn take<'py>(
        &self,
        py: Python<'py>,
        limit: usize,
        timeout: f64,
        interruptible: bool,
    ) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        let events = Arc::clone(self.client()?.events());
        let until = Instant::now() + span("timeout", timeout)?;
        let has_greenlets = Greenlets::here(py)?.is_some();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if has_greenlets && !left.is_zero() {
                waiter::wait_until(py, Some(until), |reply: Reply<(), Failure>| {
                    events.when_some(move || reply.send(Ok(())));
                })?;
            }
            let left = if has_greenlets { Duration::ZERO } else { left };
            let wait = if interruptible { left.min(TICK) } else { left };
            let (taken, ended) = py.detach(|| events.take(limit, wait));
            if !taken.is_empty() || ended || left.is_zero() {
                return taken.into_iter().map(|event| to_python(py, event)).collect();
            }
            py.check_signals()?;
        }
    }

    /// Ends a wait in `take`, or the next one.
    fn wake(&self) -> PyResult<()> {
        self.client()?.events().nudge();
        Ok(())
    }
}

/// Connection, what happened, and what belongs to it.
fn to_python(py: Python<'_>, event: Event) -> PyResult<Bound<'_, PyTuple>> {
    let number = event.connection;
    match event.kind {
        EventKind::Connected { session_present } => (number, "connected", session_present).into_pyobject(py),
        EventKind::Refused(code) => (number, "refused", code).into_pyobject(py),
        EventKind::Written(mid) => (number, "written", mid).into_pyobject(py),
        EventKind::Acknowledged(mid) => (number, "acknowledged", mid).into_pyobject(py),
        EventKind::Subscribed(mid, codes) => {
            (number, "subscribed", mid, PyTuple::new(py, codes)?).into_pyobject(py)
        }
        EventKind::Unsubscribed(mid) => (number, "unsubscribed", mid).into_pyobject(py),
        EventKind::Message(message) => {
            let payload = PyBytes::new(py, &message.payload);
            let Publish { topic, qos, retain, dup, packet_id, .. } = message;
            (number, "message", topic.as_str(), payload, qos as u8, retain, dup, packet_id).into_pyobject(py)
        }
        EventKind::BadTopic => (number, "bad topic").into_pyobject(py),
        EventKind::Ended(end) => {
            let (how, reason) = match end {
                End::Disconnected => ("disconnected", None),
                End::Lost(reason) => ("lost", Some(reason)),
                End::Silent => ("silent", None),
                End::Protocol(reason) => ("protocol", Some(reason)),
            };
            (number, "ended", how, reason).into_pyobject(py)
        }
    }
}
