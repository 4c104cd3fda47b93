//! `_core.PacketLog`: the recorded packets of a local hub.

use std::sync::Arc;
use std::time::SystemTime;

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use super::core::span;
use super::hub::{Hub, whose};
use azmqtt_hub::packets::{Content, Direction, PacketRecord, RecordedProperty, RecordedValue};
use azmqtt_mqtt::{ReasonCode, SubscribeFilter, Version};

/// Sequence number, client id, connection, Unix time in seconds, whether it went to the hub, kind, its other fields.
pub(super) type Record<'py> = (u64, String, u64, f64, bool, &'static str, Bound<'py, PyDict>);

#[pyclass(frozen, module = "azmqtt._core")]
pub(super) struct PacketLog(Arc<azmqtt_hub::Hub>);

#[pymethods]
impl PacketLog {
    #[new]
    fn new(hub: &Hub) -> Self {
        Self(hub.0.share())
    }

    /// The packets of a device or module, or of all, after a sequence number; `None` if they are not recorded.
    fn records<'py>(
        &self,
        py: Python<'py>,
        device_id: Option<&str>,
        module_id: Option<&str>,
        after: u64,
    ) -> PyResult<Option<Vec<Record<'py>>>> {
        let records = py.detach(|| self.0.packets(whose(device_id, module_id), after));
        records.map(|records| records.iter().map(|record| to_tuple(py, record)).collect()).transpose()
    }

    /// Waits for at most `timeout` seconds; whether there is one.
    fn wait(
        &self,
        py: Python<'_>,
        device_id: Option<&str>,
        module_id: Option<&str>,
        after: u64,
        timeout: f64,
    ) -> PyResult<bool> {
        let timeout = span("timeout", timeout)?;
        Ok(py.detach(|| self.0.wait_for_packet(whose(device_id, module_id), after, timeout)))
    }
}

/// Lays a recorded packet out for Python.
pub(super) fn to_tuple<'py>(py: Python<'py>, record: &PacketRecord) -> PyResult<Record<'py>> {
    let since = record.time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Ok((
        record.sequence,
        record.client.client_id.clone(),
        record.connection,
        since.as_secs_f64(),
        record.direction == Direction::ToServer,
        record.content.kind(),
        fields(py, record)?,
    ))
}

/// The name of a reason code of MQTT 5 (§2.4); `None` for one that is reserved.
#[pyfunction]
pub(super) fn reason_name(code: u8) -> Option<&'static str> {
    ReasonCode::from_byte(code).map(ReasonCode::name)
}

/// By the names of `azmqtt.Packet`.
fn fields<'py>(py: Python<'py>, record: &PacketRecord) -> PyResult<Bound<'py, PyDict>> {
    let fields = PyDict::new(py);
    if !record.properties.is_empty() {
        fields.set_item("properties", properties(py, &record.properties)?)?;
    }
    match &record.content {
        Content::Connect { level, clean_session, keep_alive, username, has_password, will } => {
            fields.set_item("protocol_level", level)?;
            fields.set_item("clean_session", clean_session)?;
            fields.set_item("keep_alive", keep_alive)?;
            fields.set_item("username", username)?;
            fields.set_item("has_password", has_password)?;
            if let Some(will) = will {
                // A will is a message: its topic, QoS and body are where a message's are.
                fields.set_item("topic", &will.topic)?;
                fields.set_item("qos", will.qos)?;
                fields.set_item("retain", will.retain)?;
                fields.set_item("payload", PyBytes::new(py, &will.payload))?;
                fields.set_item("will_properties", properties(py, &will.properties)?)?;
            }
        }
        Content::ConnAck { session_present, code } => {
            fields.set_item("session_present", session_present)?;
            fields.set_item("return_codes", PyTuple::new(py, [code])?)?;
        }
        Content::Publish { packet_id, topic, qos, dup, retain, payload } => {
            fields.set_item("packet_id", Some(packet_id).filter(|id| **id != 0))?;
            fields.set_item("topic", topic)?;
            fields.set_item("qos", qos)?;
            fields.set_item("dup", dup)?;
            fields.set_item("retain", retain)?;
            fields.set_item("payload", PyBytes::new(py, payload))?;
        }
        Content::Subscribe { version, packet_id, filters } => {
            fields.set_item("packet_id", packet_id)?;
            fields.set_item("filters", PyTuple::new(py, filters.iter().map(|one| &one.filter))?)?;
            fields.set_item("requested_qos", PyTuple::new(py, filters.iter().map(|one| one.qos as u8))?)?;
            if *version == Version::Mqtt5 {
                let flags = |of: fn(&SubscribeFilter) -> bool| PyTuple::new(py, filters.iter().map(of));
                fields.set_item("no_local", flags(|one| one.no_local)?)?;
                fields.set_item("retain_as_published", flags(|one| one.retain_as_published)?)?;
                let handling = filters.iter().map(|one| one.retain_handling as u8);
                fields.set_item("retain_handling", PyTuple::new(py, handling)?)?;
            }
        }
        Content::SubAck { packet_id, codes } | Content::Acknowledgement { packet_id, codes, .. } => {
            fields.set_item("packet_id", packet_id)?;
            fields.set_item("return_codes", PyTuple::new(py, codes)?)?;
        }
        Content::Unsubscribe { packet_id, filters } => {
            fields.set_item("packet_id", packet_id)?;
            fields.set_item("filters", PyTuple::new(py, filters)?)?;
        }
        Content::Bare { code, .. } => fields.set_item("return_codes", PyTuple::new(py, code)?)?,
        Content::Malformed { rule } => fields.set_item("reason", rule)?,
        Content::Incomplete { bytes } => {
            fields.set_item("reason", format!("{bytes} bytes of a packet that never ended"))?;
        }
        Content::Closed { reason } => fields.set_item("reason", reason)?,
    }
    Ok(fields)
}

/// Pairs of name and value, in their order.
fn properties<'py>(py: Python<'py>, recorded: &[RecordedProperty]) -> PyResult<Bound<'py, PyTuple>> {
    let pairs = recorded.iter().map(|property| {
        let name = property.property.name().to_ascii_lowercase().replace(' ', "_");
        let value = match &property.value {
            RecordedValue::Number(number) => number.into_bound_py_any(py)?,
            RecordedValue::Text(text) => text.into_bound_py_any(py)?,
            RecordedValue::Bytes(bytes) => PyBytes::new(py, bytes).into_any(),
            RecordedValue::Pair(name, value) => (name, value).into_bound_py_any(py)?,
            RecordedValue::Secret => py.None().into_bound(py),
        };
        Ok((name, value))
    });
    PyTuple::new(py, pairs.collect::<PyResult<Vec<_>>>()?)
}
