//! Telemetry as readers of the hub's streams see it.

use azmqtt_dialect::property_bag::system;
use azmqtt_local::watch::{Entry, Feed, Filter, Members, PAGE_ENTRIES, Page, Readers};
use serde_json::Map;

use super::telemetry::{Recorder, TelemetryMessage};

impl Feed for Recorder {
    fn newest(&self) -> u64 {
        self.total()
    }

    fn read(&self, after: u64, filter: &Filter) -> Page {
        let (lost, messages) = self.page(after, PAGE_ENTRIES);
        let numbered = messages.into_iter().map(|message| (message.sequence, message));
        Page::collect(after, lost, numbered, |_, message| {
            let source = &message.source;
            let wanted = filter.takes_who(Some(&source.device_id), source.module_id.as_deref());
            wanted.then(|| (message.weight(), entry(&message)))
        })
    }

    fn readers(&self) -> &Readers {
        self.readers()
    }
}

fn entry(message: &TelemetryMessage) -> Entry {
    let application = message.properties.application.iter();
    let properties: Map<_, _> =
        application.map(|(name, value)| (name.clone(), value.clone().into())).collect();
    let system_properties: Map<_, _> = message
        .system_properties()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect();
    let members = Members::default()
        .with("device_id", message.source.device_id.as_str())
        .with_some("module_id", message.source.module_id.as_deref())
        .with("properties", properties)
        .with("system_properties", system_properties);
    Entry { id: message.sequence, time: message.enqueued_time, members: with_body(members, message) }
}

/// The body as JSON if it can be read as that, otherwise as text or bytes. A content type of text says that it is none.
fn with_body(members: Members, message: &TelemetryMessage) -> Members {
    let content_type = message.properties.system().find(|(name, _)| *name == system::CONTENT_TYPE);
    let is_text = content_type.is_some_and(|(_, value)| value.starts_with("text/"));
    if is_text { members.with_bytes("body", &message.body) } else { members.with_body(&message.body) }
}
