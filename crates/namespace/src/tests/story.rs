//! The walk-through of the portal: a topic space, two bindings, two clients.

use azmqtt_client::managed::Error;
use azmqtt_mqtt::{Level, ReasonCode};

use super::support::*;

/// Messages of a burst.
const COUNT: usize = 5000;

#[tokio::test]
async fn two_clients_do_what_the_bindings_grant_and_nothing_else() {
    let world = World::new();
    world.contoso(&["contosotopics/topic1"]);
    let (first, second) = (world.client("client1"), world.client("client2"));
    let receiver = second.receiver(None).unwrap();
    assert_eq!(subscribe(&second, "contosotopics/topic1").await, Ok(vec![ReasonCode::GrantedQoS1]));
    let published = publish(&first, "contosotopics/topic1", "hello").await.unwrap();
    assert_eq!(published.code, ReasonCode::Success);
    let message = next(&receiver).await;
    assert_eq!(message.publish.topic, "contosotopics/topic1");
    assert_eq!(&message.publish.payload[..], b"hello");

    // A third topic is nobody's.
    let refused = publish(&first, "contosotopics/topic2", "hello").await.unwrap_err();
    assert!(matches!(refused, Error::PublishRefused { code: ReasonCode::NotAuthorized, .. }), "{refused}");
    let refused = subscribe(&first, "contosotopics/+").await.unwrap_err();
    assert!(
        matches!(&refused, Error::SubscribeRefused { codes, .. } if codes[..] == [ReasonCode::NotAuthorized]),
        "{refused}"
    );

    // A binding that is deleted takes effect at once.
    assert!(world.namespace.delete_permission_binding("contosopublisherbinding").unwrap());
    let refused = publish(&first, "contosotopics/topic1", "hello").await.unwrap_err();
    assert!(matches!(refused, Error::PublishRefused { code: ReasonCode::NotAuthorized, .. }), "{refused}");
    assert!(world.namespace.delete_permission_binding("contososubscriberbinding").unwrap());
    until(|| {
        second.last_error().is_some_and(|error| error.contains("Not authorized"))
            || second.stats().connects > 1
    })
    .await;
    close(&first).await;
    close(&second).await;
    assert!(world.namespace.delete_topic_space("ContosoTopicSpace").unwrap());
}

#[tokio::test]
async fn both_versions_of_mqtt_meet_over_tls_and_websockets() {
    let world = World::new();
    world.contoso(&["t/${client.authenticationName}/#", "all/#"]);
    let mut clients = Vec::new();
    for (index, (level, websocket)) in
        [(Level::Mqtt5, false), (Level::Mqtt311, false), (Level::Mqtt5, true), (Level::Mqtt311, true)]
            .into_iter()
            .enumerate()
    {
        let mut config = world.config(&format!("client{index}"));
        config.level = level;
        if websocket {
            let mut endpoint = config.broker.endpoint().clone();
            endpoint.port = world.namespace.https_port();
            let broker = azmqtt_client::Broker::secure(endpoint, azmqtt_net::ConnectDeadlines::default());
            config.broker = broker.websocket("/mqtt".to_owned(), Vec::new()).unwrap();
        }
        let client = client(config);
        let receiver = client.receiver(None).unwrap();
        subscribe(&client, "all/#").await.unwrap();
        subscribe(&client, &format!("t/client{index}/+")).await.unwrap();
        clients.push((client, receiver));
    }
    for (index, (client, receiver)) in clients.iter().enumerate() {
        let body = format!("from {index}");
        publish(client, "all/a", &body).await.unwrap();
        for (_, receiver) in &clients {
            assert_eq!(next_body(receiver).await, body);
        }
        publish(client, &format!("t/client{index}/a"), "own").await.unwrap();
        assert_eq!(next_body(receiver).await, "own");
    }
    assert_eq!(world.namespace.with_broker(|broker| (broker.connected(), broker.sessions())), (4, 4));
    for (client, _) in &clients {
        close(client).await;
    }
    until(|| world.namespace.with_broker(|broker| broker.connected() == 0)).await;
}

#[tokio::test]
async fn a_burst_arrives_whole_and_in_order() {
    let world = World::new();
    world.contoso(&["t/#"]);
    let (first, second) = (world.client("client1"), world.client("client2"));
    let receiver = second.receiver(None).unwrap();
    subscribe(&second, "t/#").await.unwrap();
    let sending = async {
        for index in 0..COUNT {
            let publish = azmqtt_mqtt::Publish::new("t/a", azmqtt_mqtt::QoS::AtLeastOnce, index.to_string());
            first.publish(publish, LONG, azmqtt_client::Reply::ignore());
            if index % 500 == 499 {
                // The outbox has its bounds.
                publish_last(&first).await;
            }
        }
    };
    let receiving = async {
        let mut numbers = Vec::new();
        while numbers.len() < COUNT {
            let body = next_body(&receiver).await;
            if body != "last" {
                numbers.push(body.parse::<usize>().unwrap());
            }
        }
        numbers
    };
    let ((), numbers) = tokio::join!(sending, receiving);
    assert_eq!(numbers, (0..COUNT).collect::<Vec<_>>());
}

async fn publish_last(client: &azmqtt_client::managed::Client) {
    assert_eq!(publish(client, "t/a", "last").await.unwrap().code, ReasonCode::Success);
}
