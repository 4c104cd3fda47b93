//! Legal packets of all kinds.

use proptest::prelude::*;

use crate::codec::Sender;
use crate::tests::{any_filter, any_qos, any_sender, any_topic};
use crate::*;
use Property as P;

/// The properties of each packet, as table 2-4 of the standard has them.
const OF_CONNECT: &[P] = &[
    P::SessionExpiryInterval,
    P::AuthenticationMethod,
    P::RequestProblemInformation,
    P::RequestResponseInformation,
    P::ReceiveMaximum,
    P::TopicAliasMaximum,
    P::UserProperty,
    P::MaximumPacketSize,
];
const OF_WILL: &[P] = &[
    P::PayloadFormatIndicator,
    P::MessageExpiryInterval,
    P::ContentType,
    P::ResponseTopic,
    P::CorrelationData,
    P::WillDelayInterval,
    P::UserProperty,
];
const OF_CONNACK: &[P] = &[
    P::SessionExpiryInterval,
    P::AssignedClientIdentifier,
    P::ServerKeepAlive,
    P::AuthenticationMethod,
    P::ResponseInformation,
    P::ServerReference,
    P::ReasonString,
    P::ReceiveMaximum,
    P::TopicAliasMaximum,
    P::MaximumQoS,
    P::RetainAvailable,
    P::UserProperty,
    P::MaximumPacketSize,
    P::WildcardSubscriptionAvailable,
    P::SubscriptionIdentifiersAvailable,
    P::SharedSubscriptionAvailable,
];
const OF_PUBLISH: &[P] = &[
    P::PayloadFormatIndicator,
    P::MessageExpiryInterval,
    P::ContentType,
    P::ResponseTopic,
    P::CorrelationData,
    P::TopicAlias,
    P::UserProperty,
];
const OF_PUBLISH_BY_SERVER: &[P] = &[P::SubscriptionIdentifier, P::ContentType, P::UserProperty];
const OF_ANSWERS: &[P] = &[P::ReasonString, P::UserProperty];
const OF_SUBSCRIBE: &[P] = &[P::SubscriptionIdentifier, P::UserProperty];
const OF_UNSUBSCRIBE: &[P] = &[P::UserProperty];
const OF_DISCONNECT: &[P] = &[P::SessionExpiryInterval, P::ReasonString, P::UserProperty];
const OF_DISCONNECT_BY_SERVER: &[P] = &[P::ServerReference, P::ReasonString, P::UserProperty];
const OF_AUTH: &[P] = &[P::ReasonString, P::UserProperty];

/// What goes into properties of any kind.
#[derive(Debug, Clone)]
struct Values {
    number: u32,
    flag: bool,
    text: String,
    bytes: Vec<u8>,
}

fn any_values() -> impl Strategy<Value = Values> {
    let number = prop_oneof![1u32..4, any::<u32>().prop_map(|number| number.max(1))];
    let text = prop_oneof![9 => "[^+#\u{0}]{0,12}", 1 => "[a-z]{130}"];
    let bytes = prop::collection::vec(any::<u8>(), 0..20);
    (number, any::<bool>(), text, bytes).prop_map(|(number, flag, text, bytes)| Values {
        number,
        flag,
        text,
        bytes,
    })
}

fn with(builder: PropertiesBuilder, property: P, values: &Values) -> PropertiesBuilder {
    let Values { number, flag, text, bytes } = values;
    let (number, flag, short) = (*number, *flag, (*number as u16).max(1));
    match property {
        P::PayloadFormatIndicator => builder.payload_format(flag),
        P::MessageExpiryInterval => builder.message_expiry(number),
        P::ContentType => builder.content_type(text),
        P::ResponseTopic => builder.response_topic(text),
        P::CorrelationData => builder.correlation_data(bytes),
        P::SubscriptionIdentifier => builder.subscription_identifier(number % 268_435_455 + 1),
        P::SessionExpiryInterval => builder.session_expiry(number),
        P::AssignedClientIdentifier => builder.assigned_client_id(text),
        P::ServerKeepAlive => builder.server_keep_alive(short),
        P::AuthenticationMethod if flag => builder.authentication_method(text),
        P::AuthenticationMethod => builder.authentication_method(text).authentication_data(bytes),
        P::AuthenticationData => builder.authentication_data(bytes),
        P::RequestProblemInformation => builder.request_problem_information(flag),
        P::WillDelayInterval => builder.will_delay(number),
        P::RequestResponseInformation => builder.request_response_information(flag),
        P::ResponseInformation => builder.response_information(text),
        P::ServerReference => builder.server_reference(text),
        P::ReasonString => builder.reason_string(text),
        P::ReceiveMaximum => builder.receive_maximum(short),
        P::TopicAliasMaximum => builder.topic_alias_maximum(short),
        P::TopicAlias => builder.topic_alias(short),
        P::MaximumQoS => builder.maximum_qos(flag),
        P::RetainAvailable => builder.retain_available(flag),
        P::UserProperty => builder.user_property(text, text).user_property(text, ""),
        P::MaximumPacketSize => builder.maximum_packet_size(number),
        P::WildcardSubscriptionAvailable => builder.wildcard_available(flag),
        P::SubscriptionIdentifiersAvailable => builder.subscription_ids_available(flag),
        P::SharedSubscriptionAvailable => builder.shared_available(flag),
    }
}

/// Some of these, in any order; half of the time none.
fn any_of(properties: &'static [P]) -> BoxedStrategy<Properties> {
    let some = prop::sample::subsequence(properties, 0..=properties.len()).prop_shuffle();
    let some = some.prop_flat_map(|chosen| {
        prop::collection::vec(any_values(), chosen.len()).prop_map(move |values| {
            let pairs = chosen.iter().zip(&values);
            let builder = pairs.fold(PropertiesBuilder::new(), |builder, (property, values)| {
                with(builder, *property, values)
            });
            builder.build().unwrap()
        })
    });
    prop_oneof![Just(Properties::default()), some].boxed()
}

fn any_reason(reasons: &'static [ReasonCode]) -> impl Strategy<Value = ReasonCode> {
    prop::sample::select(reasons)
}

const REFUSALS: &[ReasonCode] = &[
    ReasonCode::UnspecifiedError,
    ReasonCode::ImplementationSpecificError,
    ReasonCode::NotAuthorized,
    ReasonCode::PacketIdentifierInUse,
];
const OF_PUBREL: &[ReasonCode] = &[ReasonCode::Success, ReasonCode::PacketIdentifierNotFound];

fn any_publish() -> impl Strategy<Value = (Packet, Sender)> {
    let payload = prop::collection::vec(any::<u8>(), 0..300);
    let of_sender = prop_oneof![
        any_of(OF_PUBLISH).prop_flat_map(|properties| (Just(properties), any_sender())),
        any_of(OF_PUBLISH_BY_SERVER).prop_map(|properties| (properties, Sender::Server)),
    ];
    (any_topic(), any_qos(), payload, any::<bool>(), any::<bool>(), 1u16.., of_sender).prop_map(
        |(topic, qos, payload, dup, retain, packet_id, (properties, sender))| {
            let first = qos == QoS::AtMostOnce;
            let no_name = properties.topic_alias().is_some_and(|alias| alias % 2 == 0);
            let mut publish = Publish::new(if no_name { "" } else { &topic }, qos, payload);
            publish.dup = dup && !first;
            publish.retain = retain;
            publish.packet_id = if first { 0 } else { packet_id };
            publish.properties = properties;
            (Packet::Publish(publish), sender)
        },
    )
}

fn any_acknowledgement() -> impl Strategy<Value = (Packet, Sender)> {
    let refused = prop_oneof![Just(ReasonCode::Success), any_reason(REFUSALS)];
    (1u16.., refused, any_reason(OF_PUBREL), any_of(OF_ANSWERS), any_sender(), 0..4).prop_map(
        |(packet_id, reason, found, properties, sender, kind)| {
            let packet = match kind {
                0 => Packet::PubAck(PubAck { packet_id, reason, properties }),
                1 => Packet::PubRec(PubRec { packet_id, reason, properties }),
                2 => Packet::PubRel(PubRel { packet_id, reason: found, properties }),
                _ => Packet::PubComp(PubComp { packet_id, reason: found, properties }),
            };
            (packet, sender)
        },
    )
}

fn any_subscribe() -> impl Strategy<Value = (Packet, Sender)> {
    let handling =
        prop::sample::select(&[RetainHandling::Always, RetainHandling::IfNew, RetainHandling::Never][..]);
    let filter = prop_oneof![any_filter(), Just("$share/g/a/#".to_owned())];
    let filter = (filter, any_qos(), any::<bool>(), any::<bool>(), handling).prop_map(
        |(filter, qos, no_local, retain_as_published, retain_handling)| SubscribeFilter {
            no_local: no_local && !filter.starts_with('$'),
            filter,
            qos,
            retain_as_published,
            retain_handling,
        },
    );
    (1u16.., any_of(OF_SUBSCRIBE), prop::collection::vec(filter, 1..4)).prop_map(
        |(packet_id, properties, filters)| {
            (Packet::Subscribe(Subscribe { packet_id, properties, filters }), Sender::Client)
        },
    )
}

fn any_unsubscribe() -> impl Strategy<Value = (Packet, Sender)> {
    (1u16.., any_of(OF_UNSUBSCRIBE), prop::collection::vec(any_filter(), 1..4)).prop_map(
        |(packet_id, properties, filters)| {
            (Packet::Unsubscribe(Unsubscribe { packet_id, properties, filters }), Sender::Client)
        },
    )
}

fn any_suback() -> impl Strategy<Value = (Packet, Sender)> {
    let reason = prop_oneof![any_qos().prop_map(ReasonCode::granted), any_reason(REFUSALS)];
    let gone =
        prop_oneof![Just(ReasonCode::Success), Just(ReasonCode::NoSubscriptionExisted), any_reason(REFUSALS)];
    prop_oneof![
        (1u16.., any_of(OF_ANSWERS), prop::collection::vec(reason, 1..4)).prop_map(
            |(packet_id, properties, reasons)| Packet::SubAck(SubAck { packet_id, properties, reasons })
        ),
        (1u16.., any_of(OF_ANSWERS), prop::collection::vec(gone, 1..4)).prop_map(
            |(packet_id, properties, reasons)| Packet::UnsubAck(UnsubAck { packet_id, properties, reasons })
        ),
    ]
    .prop_map(|packet| (packet, Sender::Server))
}

fn any_connect() -> impl Strategy<Value = (Packet, Sender)> {
    let will = (any_of(OF_WILL), any_topic(), any_qos(), prop::collection::vec(any::<u8>(), 0..20));
    let will = (will, any::<bool>()).prop_map(|((properties, topic, qos, message), retain)| Will {
        properties,
        ..Will::new(topic, message, qos, retain)
    });
    let username = prop::option::of("[^\u{0}]{0,20}");
    let password = prop::option::of(prop::collection::vec(any::<u8>(), 0..20));
    let connect = (any_of(OF_CONNECT), "[^\u{0}]{0,30}", any::<u16>(), any::<bool>());
    (connect, prop::option::of(will), username, password).prop_map(
        |((properties, client_id, keep_alive, clean_start), will, username, password)| {
            let connect = Connect {
                level: Level::Mqtt5,
                clean_start,
                keep_alive,
                properties,
                client_id,
                will,
                username,
                password: password.map(Into::into),
            };
            (Packet::Connect(Box::new(connect)), Sender::Client)
        },
    )
}

fn any_connack() -> impl Strategy<Value = (Packet, Sender)> {
    let outcome = prop_oneof![
        any::<bool>().prop_map(|session_present| (session_present, ReasonCode::Success)),
        any_reason(&[ReasonCode::Banned, ReasonCode::BadAuthenticationMethod, ReasonCode::ServerMoved])
            .prop_map(|reason| (false, reason)),
    ];
    (outcome, any_of(OF_CONNACK)).prop_map(|((session_present, reason), properties)| {
        (Packet::ConnAck(ConnAck { session_present, reason, properties }), Sender::Server)
    })
}

fn any_disconnect() -> impl Strategy<Value = (Packet, Sender)> {
    let by_client =
        any_reason(&[ReasonCode::Success, ReasonCode::DisconnectWithWill, ReasonCode::ProtocolError]);
    let by_server =
        any_reason(&[ReasonCode::Success, ReasonCode::SessionTakenOver, ReasonCode::MaximumConnectTime]);
    prop_oneof![
        (by_client, any_of(OF_DISCONNECT), Just(Sender::Client)),
        (by_server, any_of(OF_DISCONNECT_BY_SERVER), Just(Sender::Server)),
    ]
    .prop_map(|(reason, properties, sender)| (Packet::Disconnect(Disconnect { reason, properties }), sender))
}

fn any_auth() -> impl Strategy<Value = (Packet, Sender)> {
    let step = prop_oneof![
        Just((ReasonCode::Success, Sender::Server)),
        Just((ReasonCode::ReAuthenticate, Sender::Client)),
        any_sender().prop_map(|sender| (ReasonCode::ContinueAuthentication, sender)),
    ];
    let said = (step, any_of(OF_AUTH), any_values()).prop_map(|((reason, sender), properties, values)| {
        let properties = with(PropertiesBuilder::from(&properties), Property::AuthenticationMethod, &values);
        (Packet::Auth(Auth { reason, properties: properties.build().unwrap() }), sender)
    });
    let nothing = Auth { reason: ReasonCode::Success, properties: Properties::default() };
    prop_oneof![9 => said, 1 => Just((Packet::Auth(nothing), Sender::Server))]
}

/// A legal packet, and who may send it.
pub(super) fn any_packet() -> impl Strategy<Value = (Packet, Sender)> {
    prop_oneof![
        1 => any_connect(),
        1 => any_connack(),
        4 => any_publish(),
        2 => any_acknowledgement(),
        1 => any_subscribe(),
        1 => any_suback(),
        1 => any_unsubscribe(),
        1 => any_disconnect(),
        1 => any_auth(),
        1 => Just((Packet::PingReq, Sender::Client)),
        1 => Just((Packet::PingResp, Sender::Server)),
    ]
}
