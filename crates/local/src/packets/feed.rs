//! Recorded packets as readers of the service's streams see them: JSON by the names of Python's `azmqtt.Packet`.

use serde_json::{Value, json};

use super::log::PacketLog;
use super::properties::{RecordedProperty, RecordedValue};
use super::record::{Content, Direction, PacketRecord};
use crate::watch::{Entry, Feed, Filter, Members, PAGE_ENTRIES, Page, Readers};
use azmqtt_mqtt::{Properties, SubscribeFilter, Version};

impl Feed for PacketLog {
    fn newest(&self) -> u64 {
        self.total()
    }

    fn read(&self, after: u64, filter: &Filter) -> Page {
        let (lost, records) = self.page(after, PAGE_ENTRIES);
        let numbered = records.into_iter().map(|record| (record.sequence, record));
        Page::collect(after, lost, numbered, |_, record| {
            let wanted = filter.takes_client_id(&record.client.client_id);
            wanted.then(|| (record.content.weight(), entry(&record)))
        })
    }

    fn readers(&self) -> &Readers {
        self.readers()
    }
}

fn entry(record: &PacketRecord) -> Entry {
    let direction = match record.direction {
        Direction::ToServer => "to_server",
        Direction::ToClient => "to_client",
    };
    let members = Members::default()
        .with("type", record.content.kind())
        .with("direction", direction)
        .with("client_id", record.client.client_id.as_str())
        .with("connection", record.connection);
    let members = with_content(members, &record.content);
    let members = match record.properties.as_slice() {
        [] => members,
        some => members.with("properties", properties(some)),
    };
    Entry { id: record.sequence, time: record.time, members }
}

fn with_content(members: Members, content: &Content) -> Members {
    match content {
        Content::Connect { level, clean_session, keep_alive, username, has_password, will } => {
            let members = members
                .with("protocol_level", *level)
                .with("clean_session", *clean_session)
                .with("keep_alive", *keep_alive)
                .with("username", username.as_deref())
                .with("has_password", *has_password);
            let Some(will) = will else { return members };
            // A will is a message: its topic, QoS and body are where a message's are.
            members
                .with("topic", will.topic.as_str())
                .with("qos", will.qos)
                .with("retain", will.retain)
                .with_bytes("payload", &will.payload)
                .with("will_properties", properties(&will.properties))
        }
        Content::ConnAck { session_present, code } => {
            members.with("session_present", *session_present).with("return_codes", json!([code]))
        }
        Content::Publish { packet_id, topic, qos, dup, retain, payload } => members
            .with_some("packet_id", Some(*packet_id).filter(|id| *id != 0))
            .with("topic", topic.as_str())
            .with("qos", *qos)
            .with("dup", *dup)
            .with("retain", *retain)
            .with_bytes("payload", payload),
        Content::Subscribe { version, packet_id, filters } => {
            let all = |of: fn(&SubscribeFilter) -> Value| filters.iter().map(of).collect::<Value>();
            let members = members
                .with("packet_id", *packet_id)
                .with("filters", all(|one| one.filter.as_str().into()))
                .with("requested_qos", all(|one| (one.qos as u8).into()));
            if *version == Version::Mqtt311 {
                return members;
            }
            members
                .with("no_local", all(|one| one.no_local.into()))
                .with("retain_as_published", all(|one| one.retain_as_published.into()))
                .with("retain_handling", all(|one| (one.retain_handling as u8).into()))
        }
        Content::SubAck { packet_id, codes } | Content::Acknowledgement { packet_id, codes, .. } => {
            members.with("packet_id", *packet_id).with("return_codes", json!(codes))
        }
        Content::Unsubscribe { packet_id, filters } => {
            members.with("packet_id", *packet_id).with("filters", json!(filters))
        }
        Content::Bare { code, .. } => members.with_some("return_codes", code.map(|code| json!([code]))),
        Content::Malformed { rule } => members.with("reason", rule.as_str()),
        Content::Incomplete { bytes } => {
            members.with("reason", format!("{bytes} bytes of a packet that never ended"))
        }
        Content::Closed { reason } => members.with("reason", reason.as_str()),
    }
}

/// Properties of MQTT 5 as JSON: pairs of name and value, in their order. Bytes are in base64.
pub fn properties_as_json(some: &Properties) -> Value {
    properties(&RecordedProperty::all(some))
}

/// Pairs of name and value, in their order. Bytes are in base64; what is secret is null.
fn properties(recorded: &[RecordedProperty]) -> Value {
    let pairs = recorded.iter().map(|property| {
        let name = property.property.name().to_ascii_lowercase().replace(' ', "_");
        let value = match &property.value {
            RecordedValue::Number(number) => json!(number),
            RecordedValue::Text(text) => json!(text),
            RecordedValue::Bytes(bytes) => json!(crate::watch::base64(bytes)),
            RecordedValue::Pair(name, value) => json!([name, value]),
            RecordedValue::Secret => Value::Null,
        };
        json!([name, value])
    });
    pairs.collect()
}
