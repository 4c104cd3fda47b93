//! A PUBLISH with forty properties: decoded, and all of them read.
//!
//! Each codec is given the packet in the buffer that it reads from, and ends with what it says of the packet: the sum of all
//! numbers and lengths, so that nobody leaves anything out.

use std::sync::Arc;

use azmqtt_codec_bench::publish_with_forty_properties;
use azmqtt_mqtt::codec::Sender;
use azmqtt_mqtt::{MAX_PACKET_SIZE, Packet, Version};
use bytes::BytesMut;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use mqtt_protocol_core::mqtt::packet::Property;
use mqtt_protocol_core::mqtt::packet::v5_0::GenericPublish;
use ntex_codec::Decoder;
use ntex_mqtt::v5::codec as ntex;
use rumqttc::v5::mqttbytes::v5 as rumqttc;

fn azmqtt(input: &mut BytesMut) -> usize {
    let packet = azmqtt_mqtt::codec::decode(input, Sender::Client, Version::Mqtt5, MAX_PACKET_SIZE);
    let Ok(Some(Packet::Publish(publish))) = packet else { panic!("{packet:?}") };
    let properties = &publish.properties;
    usize::from(properties.payload_format().unwrap_or_default())
        + properties.message_expiry().unwrap_or_default() as usize
        + usize::from(properties.topic_alias().unwrap_or_default())
        + properties.response_topic().unwrap_or_default().len()
        + properties.correlation_data().unwrap_or_default().len()
        + properties.content_type().unwrap_or_default().len()
        + properties.user_properties().map(|(name, value)| name.len() + value.len()).sum::<usize>()
        + publish.topic.len()
        + publish.payload.len()
}

fn rumqttc(input: &mut BytesMut) -> usize {
    let packet = rumqttc::Packet::read(input, None);
    let Ok(rumqttc::Packet::Publish(publish)) = packet else { panic!("{packet:?}") };
    let properties = publish.properties.expect("it has some");
    usize::from(properties.payload_format_indicator.unwrap_or_default())
        + properties.message_expiry_interval.unwrap_or_default() as usize
        + usize::from(properties.topic_alias.unwrap_or_default())
        + properties.response_topic.as_deref().unwrap_or_default().len()
        + properties.correlation_data.as_deref().unwrap_or_default().len()
        + properties.content_type.as_deref().unwrap_or_default().len()
        + properties.user_properties.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
        + publish.topic.len()
        + publish.payload.len()
}

fn ntex_mqtt(input: &mut ntex_bytes::BytesMut) -> usize {
    let packet = ntex::Codec::new().decode(input);
    let Ok(Some(ntex::Decoded::Publish(publish, payload, _))) = packet else { panic!("{packet:?}") };
    let properties = &publish.properties;
    usize::from(properties.is_utf8_payload)
        + properties.message_expiry_interval.map_or(0, |seconds| seconds.get() as usize)
        + properties.topic_alias.map_or(0, |alias| usize::from(alias.get()))
        + properties.response_topic.as_ref().map_or(0, |text| text.len())
        + properties.correlation_data.as_ref().map_or(0, ntex_bytes::Bytes::len)
        + properties.content_type.as_ref().map_or(0, |text| text.len())
        + properties.user_properties.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
        + publish.topic.len()
        + payload.len()
}

fn mqtt_protocol_core(body: &mut Arc<[u8]>) -> usize {
    let (publish, _) = GenericPublish::<u16>::parse(0b0010, body.clone()).expect("it is one");
    let properties = publish.props().iter().map(|property| match property {
        Property::PayloadFormatIndicator(flag) => flag.val() as usize,
        Property::MessageExpiryInterval(seconds) => seconds.val() as usize,
        Property::TopicAlias(alias) => usize::from(alias.val()),
        Property::ResponseTopic(topic) => topic.val().len(),
        Property::CorrelationData(data) => data.val().len(),
        Property::ContentType(text) => text.val().len(),
        Property::UserProperty(pair) => pair.key().len() + pair.val().len(),
        other => panic!("{other:?}"),
    });
    properties.sum::<usize>() + publish.topic_name().len() + publish.payload().len()
}

fn compare(criterion: &mut Criterion) {
    let bytes = publish_with_forty_properties();
    // The first byte, and three of the remaining length.
    let body: Arc<[u8]> = Arc::from(&bytes[3..]);
    let expected = azmqtt(&mut BytesMut::from(&bytes[..]));
    assert_eq!(rumqttc(&mut BytesMut::from(&bytes[..])), expected);
    assert_eq!(ntex_mqtt(&mut ntex_bytes::BytesMut::from(&bytes[..])), expected);
    assert_eq!(mqtt_protocol_core(&mut body.clone()), expected);

    let mut group = criterion.benchmark_group("a PUBLISH with 40 properties, decoded and read");
    let ours = || BytesMut::from(&bytes[..]);
    let size = BatchSize::SmallInput;
    group.bench_function("azmqtt", |bench| bench.iter_batched_ref(ours, azmqtt, size));
    group.bench_function("rumqttc", |bench| bench.iter_batched_ref(ours, rumqttc, size));
    let theirs = || ntex_bytes::BytesMut::from(&bytes[..]);
    group.bench_function("ntex-mqtt", |bench| bench.iter_batched_ref(theirs, ntex_mqtt, size));
    let shared = || body.clone();
    group.bench_function("mqtt-protocol-core", |bench| {
        bench.iter_batched_ref(shared, mqtt_protocol_core, size);
    });
    group.finish();
}

criterion_group!(benches, compare);
criterion_main!(benches);
