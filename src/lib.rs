//! Unofficial Azure IoT Hub device client and local hub.
//!
//! This package contains only the extension module `azmqtt._core`: conversion, hand-over and exceptions. The other crates
//! are layered; dependencies point down only:
//!
//! ```text
//! azmqtt  ──►  azmqtt-device  ──►  azmqtt-client  ──►  azmqtt-mqtt, azmqtt-dialect, azmqtt-net
//!         ──►  azmqtt-hub, azmqtt-namespace  ──►  azmqtt-local   ──►
//! ```
//!
//! * [`azmqtt_device`]: one device's connection, on tokio.
//! * [`azmqtt_client`]: a client of any MQTT broker, on tokio, and the driver of a connection.
//! * [`azmqtt_hub`]: the local IoT Hub, on tokio. Device and hub meet only across a socket.
//! * [`azmqtt_namespace`]: the local Event Grid namespace, on tokio.
//! * [`azmqtt_local`]: the common parts of both local services.
//! * [`azmqtt_dialect`]: the language of IoT Hub (connection strings, SAS tokens, topics, property bags, twin
//!   documents, error bodies). Pure: no I/O, no clock, no runtime. Both sides of the wire speak it.
//! * [`azmqtt_mqtt`]: MQTT 3.1.1 on a byte stream, without I/O: bytes and `now` go in, bytes and events come out.
//! * [`azmqtt_net`]: byte streams, for all of them.
//!
//! # Modules
//!
//! * [`client`]: the operations, each blocking and for asyncio; [`sending`], [`many`]: many messages in one call;
//!   [`events`]: iterators over received items; [`wakeups`]: which handlers have work.
//! * [`access`]: the identity of a client; [`credential_callbacks`]: the Python functions that its credentials call, through
//!   [`calls`].
//! * [`broker`]: the client of any broker that keeps its connection.
//! * [`upload`]: the steps of a file upload.
//! * [`method_call`]: calls of direct methods, and their responses.
//! * [`runtime`]: the background thread; [`fork`]: checks against use in a forked child.
//! * [`waiter`]: waiting of blocking calls, [`greenlets`]: under gevent and eventlet; [`bridge`]: waking asyncio.
//! * [`log`]: events of connections, for Python's `logging`; [`stats`]: statistics.
//! * [`check`]: finds the failing step of a connection. [`mqtt_client`]: sessions with any broker, for `azmqtt.paho`.
//! * [`twin_requests`], [`login`]: for other MQTT clients of an application.
//! * [`provisioning`]: registrations with the Device Provisioning Service.
//! * [`hub`], [`hub_cloud`], [`hub_faults`], [`hub_packets`], [`hub_provisioning`]: the local hub.
//! * [`namespace`], [`namespace_authentication`], [`namespace_life_cycle`], [`namespace_messages`], [`namespace_observing`],
//!   [`namespace_options`], [`namespace_resources`]: the local Event Grid namespace.
//! * [`json_text`], [`convert`], [`outgoing`], [`cloud_message`], [`outcome`], [`errors`]: conversion from and to Python.
//! * [`core`]: state shared by a client and its iterators.

// The modules above are for who works on them: none is public.
#![allow(rustdoc::private_intra_doc_links)]

mod access;
mod bridge;
mod broker;
mod calls;
mod check;
mod client;
mod cloud_message;
mod convert;
mod core;
mod credential_callbacks;
mod errors;
mod events;
mod faults;
mod fork;
mod greenlets;
mod hub;
mod hub_cloud;
mod hub_faults;
mod hub_options;
mod hub_packets;
mod hub_provisioning;
mod invoke;
mod json_text;
mod log;
mod login;
mod many;
mod method_call;
mod mqtt_client;
mod namespace;
mod namespace_authentication;
mod namespace_life_cycle;
mod namespace_messages;
mod namespace_observing;
mod namespace_options;
mod namespace_resources;
mod options;
mod outcome;
mod outgoing;
mod pasted;
mod payloads;
mod provisioning;
mod runtime;
mod sas;
mod sending;
mod service;
mod stats;
mod twin_requests;
mod upload;
mod waiter;
mod wakeups;

use pyo3::prelude::*;

// What threads share is behind locks and atomics of Rust's, and every class is frozen: nothing counts on the GIL.
#[pymodule(gil_used = false)]
mod _core {
    #[pymodule_export]
    use super::access::{Access, Certificate};
    #[pymodule_export]
    use super::bridge::{Bridge, running_loop};
    #[pymodule_export]
    use super::broker::{AuthenticationCalls, BrokerClient, MqttMessage, Publishing};
    #[pymodule_export]
    use super::check::{check_broker, check_connection};
    #[pymodule_export]
    use super::client::Client;
    #[pymodule_export]
    use super::cloud_message::CloudMessage;
    #[pymodule_export]
    use super::credential_callbacks::CredentialCallback;
    #[pymodule_export]
    use super::events::Events;
    #[pymodule_export]
    use super::hub::Hub;
    #[pymodule_export]
    use super::hub::PendingCall;
    #[pymodule_export]
    use super::hub_faults::{HubFaults, plan_faults};
    #[pymodule_export]
    use super::hub_packets::{PacketLog, reason_name};
    #[pymodule_export]
    use super::hub_provisioning::ProvisioningService;
    #[pymodule_export]
    use super::json_text::json_text;
    #[pymodule_export]
    use super::log::Log;
    #[pymodule_export]
    use super::login::{Login, bundled_roots, plain_roots};
    #[pymodule_export]
    use super::method_call::MethodCall;
    #[pymodule_export]
    use super::method_call::check_method_name;
    #[pymodule_export]
    use super::mqtt_client::{MqttClient, TlsOptions};
    #[pymodule_export]
    use super::namespace::{Namespace, namespace_behaviours};
    #[pymodule_export]
    use super::namespace_authentication::NamespaceAuthentication;
    #[pymodule_export]
    use super::namespace_life_cycle::LifeCycleEvents;
    #[pymodule_export]
    use super::namespace_messages::MessageLog;
    #[pymodule_export]
    use super::namespace_observing::{NamespaceFaults, NamespacePackets, plan_namespace_faults};
    #[pymodule_export]
    use super::pasted::{bare_connection_string, decode_text};
    #[pymodule_export]
    use super::provisioning::{Provisioning, derive_device_key};
    #[pymodule_export]
    use super::sas::{sas_generate, sas_parse};
    #[pymodule_export]
    use super::sending::Sending;
    #[pymodule_export]
    use super::twin_requests::TwinRequests;
    #[pymodule_export]
    use super::upload::Upload;
    #[pymodule_export]
    use super::wakeups::Wakeups;

    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        super::fork::watch();
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
