//! Unofficial Azure IoT Hub device client and local hub.
//!
//! This package is the extension module `azmqtt._core` alone: conversion, hand-over and exceptions, behind the feature
//! `python`. What it hands over to are crates of their own, layered so that arrows point down only:
//!
//! ```text
//! azmqtt  ──►  azmqtt-device  ──►  azmqtt-client  ──►  azmqtt-mqtt, azmqtt-dialect, azmqtt-net
//!         ──►  azmqtt-hub     ──►  azmqtt-local   ──►
//! ```
//!
//! * [`azmqtt_device`]: one device's connection, on tokio.
//! * [`azmqtt_client`]: a client of any MQTT 3.1.1 broker, on tokio, and the driver of a connection.
//! * [`azmqtt_hub`]: the local IoT Hub, on tokio. Device and hub meet only across a socket.
//! * [`azmqtt_dialect`]: the language of IoT Hub (connection strings, SAS tokens, topics, property bags, twin
//!   documents, error bodies). Pure: no I/O, no clock, no runtime. Both sides of the wire speak it.
//! * [`azmqtt_mqtt`]: MQTT 3.1.1 on a byte stream, without I/O: bytes and `now` go in, bytes and events come out.
//! * [`azmqtt_net`]: byte streams, for all of them.

#[cfg(feature = "python")]
mod python;
