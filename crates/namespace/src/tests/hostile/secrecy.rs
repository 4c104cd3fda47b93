//! Who is denied something learns nothing else: not whether a client, a session, a topic or a group exists.

use azmqtt_mqtt::codec;
use azmqtt_mqtt::{
    Connect, LARGEST_PACKET, Level, Packet, Publish, QoS, ReasonCode, Subscribe, Unsubscribe, Will,
};
use bytes::BytesMut;
use tokio::io::AsyncWriteExt;

use super::*;
use crate::names::ClientName;
use crate::resources::{self, CertificateRule, Thumbprint};
use crate::tests::bad_days::{shaken, tls};

/// A certificate, its key, and its thumbprint.
fn certificate(name: &str) -> (String, String, Thumbprint) {
    let (age, life) = (Duration::from_secs(60), Duration::from_secs(3600));
    let made = azmqtt_local::certificate_authority::client_certificate(None, name, age, life);
    let (certificate, key, der) = made.unwrap();
    (certificate, key, Thumbprint::sha256(&der))
}

/// What is answered to a CONNECT with this client identifier and certificate, to its end.
async fn answer_to(world: &World, connect: Connect, shown: Option<(&str, &str)>) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    let version = connect.level.version();
    codec::encode(&Packet::Connect(Box::new(connect)), version, &mut bytes, LARGEST_PACKET).unwrap();
    let mut stream = tls(world, world.namespace.port(), shown).await;
    stream.write_all(&bytes).await.unwrap();
    last_words(&mut stream).await
}

#[tokio::test]
async fn a_refused_connect_does_not_say_which_clients_and_sessions_there_are() {
    let world = World::new();
    world.namespace.put_topic_space("secret", &["secret/#"]).unwrap();
    let put = |name: &str, thumbprint, is_enabled| {
        let rule = CertificateRule::Thumbprint(vec![thumbprint]);
        let client = resources::Client::new(ClientName::parse(name).unwrap()).with_certificate(rule);
        world.namespace.put_client(resources::Client { is_enabled, ..client }).unwrap();
    };
    let [other, known, disabled, spy] = ["other", "known", "disabled", "spy"].map(certificate);
    put("known", known.2, true);
    put("disabled", disabled.2, false);
    put("spy", spy.2, true);
    world.client("subject");
    let holder = world.client("holder");
    connect(&holder).await.unwrap();
    let other = Some((&*other.0, &*other.1));
    let spy = Some((&*spy.0, &*spy.1));

    for (level, refusal) in [(Level::Mqtt5, &[0x20, 3, 0, 0x87, 0][..]), (Level::Mqtt311, &[0x20, 2, 0, 5])] {
        let named = |name: &str| Connect { level, ..Connect::new(name) };
        let as_user = |id: &str, user: &str| {
            let mut connect = named(id);
            connect.username = Some(user.to_owned());
            connect
        };
        let with_will = |topic: &str| Connect {
            will: Some(Will::new(topic, "x", QoS::AtLeastOnce, false)),
            ..named("spy")
        };
        for (what, connect, shown) in [
            ("a known client, another certificate", named("known"), other),
            ("a known client, no certificate", named("known"), None),
            ("a client by its subject, a certificate of nobody", named("subject"), other),
            ("a disabled client", named("disabled"), Some((&*disabled.0, &*disabled.1))),
            ("no such client", named("nobody"), other),
            ("no such client, no certificate", named("nobody"), None),
            ("no name at all", named("$/+#"), other),
            ("a name that is too long", as_user("x", &"x".repeat(4000)), other),
            ("a session of another", as_user("holder", "spy"), spy),
            ("a session of another, who is unknown", as_user("holder", "nobody"), other),
            ("a will in a topic space", with_will("secret/a"), spy),
            ("a will in none", with_will("nowhere/a"), spy),
        ] {
            let said = answer_to(&world, connect, shown).await;
            assert_eq!(said, refusal, "{what}: {:?}", world.namespace.last_refusal());
        }
    }
    assert_eq!(holder.stats().connects, 1);
    assert_eq!(holder.last_error(), None);
}

/// What is answered to a packet of a client that may do nothing under `secret/`: all bytes up to the answer to a ping, or to
/// the end.
async fn answer_to_denied(world: &World, level: Level, packet: &Packet) -> Vec<u8> {
    let mut stream = shaken(world, "spy").await;
    let mut bytes = BytesMut::new();
    let connect = Packet::Connect(Box::new(Connect { level, ..Connect::new("spy") }));
    for packet in [&connect, packet, &Packet::PingReq] {
        codec::encode(packet, level.version(), &mut bytes, LARGEST_PACKET).unwrap();
    }
    stream.write_all(&bytes).await.unwrap();
    let mut said = Vec::new();
    let reading = async {
        while !said.ends_with(&[0xd0, 0]) && !matches!(stream.read_buf(&mut said).await, Ok(0) | Err(_)) {}
    };
    timeout(LONG, reading).await.expect("an answer");
    said
}

#[tokio::test]
async fn a_denied_action_does_not_say_what_there_is() {
    let world = World::new();
    world.contoso(&["own/#"]);
    // Others have topics there, with subscribers, shared groups, and messages that are kept.
    world
        .namespace
        .put_topic_space("secret", &["secret/${client.authenticationName}/#", "secret/a"])
        .unwrap();
    world.namespace.put_client_group("others", "authenticationName = 'owner'").unwrap();
    for permission in [crate::resources::Permission::Publisher, crate::resources::Permission::Subscriber] {
        let name = format!("others-{}", permission.name());
        world.namespace.put_permission_binding(&name, "others", "secret", permission).unwrap();
    }
    let owner = world.client("owner");
    let receiver = owner.receiver(None).unwrap();
    for filter in ["secret/a", "$share/group/secret/owner/#", "secret/owner/b"] {
        assert_eq!(subscribe(&owner, filter).await.unwrap(), [ReasonCode::GrantedQoS1]);
    }
    let mut kept = Publish::new("secret/a", QoS::AtLeastOnce, "kept");
    kept.retain = true;
    ask(|reply| owner.publish(kept, LONG, reply)).await.unwrap();
    assert_eq!(next_body(&receiver).await, "kept");

    let publish = |topic: &str, qos, retain| {
        let mut publish = Publish::new(topic, qos, "x");
        (publish.retain, publish.packet_id) = (retain, u16::from(qos > QoS::AtMostOnce));
        Packet::Publish(publish)
    };
    let subscribe = |filter: &str| {
        Packet::Subscribe(Subscribe { packet_id: 1, ..Subscribe::new(filter, QoS::AtLeastOnce) })
    };
    let unsubscribe = |filter: &str| {
        Packet::Unsubscribe(Unsubscribe { packet_id: 1, ..Unsubscribe::of(vec![filter.to_owned()]) })
    };
    for level in [Level::Mqtt5, Level::Mqtt311] {
        let mut pairs = Vec::new();
        for topic in ["secret/owner/b", "secret/zzz", "nowhere/at/all"] {
            for qos in [QoS::AtMostOnce, QoS::AtLeastOnce] {
                for retain in [false, true] {
                    pairs.push((publish("secret/a", qos, retain), publish(topic, qos, retain)));
                }
            }
            pairs.push((subscribe("secret/a"), subscribe(topic)));
            pairs.push((subscribe("secret/+"), subscribe(&format!("{topic}/#"))));
            pairs.push((unsubscribe("secret/a"), unsubscribe(topic)));
        }
        if level == Level::Mqtt5 {
            pairs.push((subscribe("$share/group/secret/owner/#"), subscribe("$share/none/secret/owner/#")));
        }
        for (there, absent) in pairs {
            let of_there = answer_to_denied(&world, level, &there).await;
            let of_absent = answer_to_denied(&world, level, &absent).await;
            assert_eq!(of_there, of_absent, "{level:?}: {there:?} and {absent:?}");
        }
    }
    // Nothing of it had an effect.
    assert_eq!(world.namespace.with_broker(crate::broker::Broker::subscriptions), 3);
    assert!(timeout(Duration::ZERO, receiver.next()).await.is_err());
}

#[tokio::test]
async fn the_management_api_does_not_say_what_there_is_without_the_token() {
    use crate::tests::management::http::{STABLE, send};

    let world = World::new();
    world.contoso(&["t/#"]);
    world.client("known");
    let namespace = &world.namespace;
    let id = namespace.resource_id();
    for authorization in ["", "Authorization: Bearer x\r\n"] {
        for method in ["GET", "PUT", "DELETE"] {
            let target = |below: &str| format!("{id}/{below}?{STABLE}");
            let of_there = send(namespace, method, &target("clients/known"), authorization, b"{}").await;
            for below in ["clients/nobody", "topicSpaces/ContosoTopicSpace", "nothing/at/all", "clients/%ff"]
            {
                let of_absent = send(namespace, method, &target(below), authorization, b"{}").await;
                assert_eq!((of_there.status, &of_there.body), (of_absent.status, &of_absent.body), "{below}");
            }
        }
    }
}
