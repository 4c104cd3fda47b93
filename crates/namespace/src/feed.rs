//! Published messages as readers of the namespace's streams see them.

use std::sync::Arc;

use crate::messages::{MessageLog, PublishedMessage};
use crate::topic::{Levels, matches};
use azmqtt_local::packets::properties_as_json;
use azmqtt_local::watch::{Entry, Feed, Filter, Members, PAGE_ENTRIES, Page, Readers};

impl Feed for MessageLog {
    fn newest(&self) -> u64 {
        self.total()
    }

    fn read(&self, after: u64, filter: &Filter) -> Page {
        let (lost, messages) = self.page(after, PAGE_ENTRIES);
        let numbered = messages.into_iter().map(|message| (message.sequence, message));
        Page::collect(after, lost, numbered, |_, message| {
            let publish = &message.publish;
            let weight = publish.payload.len() + publish.topic.len();
            is_wanted(&message, filter).then(|| (weight, entry(&message)))
        })
    }

    fn readers(&self) -> &Readers {
        self.readers()
    }
}

fn is_wanted(message: &PublishedMessage, filter: &Filter) -> bool {
    // One that is no filter of MQTT was refused before.
    let topic = filter.topic.as_deref().and_then(|topic| Levels::of_filter(topic).ok());
    let is_meant = |wanted: Levels<'_>| {
        Levels::of(&message.publish.topic).is_ok_and(|topic| matches(wanted.as_slice(), topic.as_slice()))
    };
    let publisher = message.publisher.as_ref().map(|publisher| publisher.principal.name.as_str());
    filter.takes_who(publisher, None) && topic.is_none_or(is_meant)
}

fn entry(message: &Arc<PublishedMessage>) -> Entry {
    let publish = &message.publish;
    let publisher = message.publisher.as_ref();
    let members = Members::default()
        .with_some("client", publisher.map(|publisher| publisher.principal.name.as_str()))
        .with_some("session", publisher.and_then(|publisher| publisher.client_id.as_deref()))
        .with("topic", publish.topic.as_str())
        .with("qos", publish.qos as u8)
        .with("retain", publish.retain)
        .with_body(&publish.payload);
    let properties = (!publish.properties.is_empty()).then(|| properties_as_json(&publish.properties));
    let members = members.with_some("properties", properties);
    Entry { id: message.sequence, time: message.time, members }
}
