//! Sessions over real connections.

use azmqtt_client::StateChanges;
use azmqtt_client::managed::Error;
use azmqtt_mqtt::{QoS, ReasonCode, Will};

use super::support::*;
use crate::NamespaceConfig;

#[tokio::test]
async fn a_session_survives_its_connection() {
    let world = World::new();
    world.contoso(&["t/#"]);
    let publisher = world.client("publisher");
    let mut config = world.config("subscriber");
    config.clean_start = false;
    let first = client(config.clone());
    subscribe(&first, "t/#").await.unwrap();
    close(&first).await;
    until(|| world.namespace.with_broker(|broker| broker.connected() == 0)).await;
    for body in ["1", "2", "3"] {
        publish(&publisher, "t/a", body).await.unwrap();
    }
    let second = client(config);
    let receiver = second.receiver(None).unwrap();
    connect(&second).await.unwrap();
    assert!(second.accepted().unwrap().session_present);
    for body in ["1", "2", "3"] {
        assert_eq!(next_body(&receiver).await, body);
    }
}

#[tokio::test]
async fn the_newest_connection_has_the_session() {
    let world = World::new();
    let config = world.config("client");
    let (first, second) = (client(config.clone()), client(config));
    connect(&first).await.unwrap();
    connect(&second).await.unwrap();
    until(|| first.last_error().is_some()).await;
    let lost = publish(&first, "t/a", "x").await.unwrap_err();
    assert!(matches!(lost, Error::TakenOver), "{lost:?}");
    assert_eq!(world.namespace.with_broker(crate::broker::Broker::connected), 1);
}

#[tokio::test]
async fn another_session_of_the_same_name_is_one_too_many() {
    let world = World::new();
    let config = world.config("client");
    let first = client(config.clone());
    connect(&first).await.unwrap();
    let mut other = config;
    (other.client_id, other.username) = ("other".to_owned(), Some("client".to_owned()));
    let other = client(other);
    match connect(&other).await.unwrap_err() {
        Error::ConnectionFailed { code: Some(ReasonCode::QuotaExceeded), .. } => {}
        error => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn a_will_is_published_after_a_lost_connection() {
    let world = World::new();
    world.contoso(&["t/#"]);
    let watcher = world.client("watcher");
    let receiver = watcher.receiver(None).unwrap();
    subscribe(&watcher, "t/#").await.unwrap();
    let mut config = world.config("client");
    config.will = Some(Will::new("t/will", "gone", QoS::AtLeastOnce, false));
    let client = client(config.clone());
    connect(&client).await.unwrap();
    // Deleted, it is disconnected by the namespace.
    assert!(world.namespace.delete_client("client").unwrap());
    assert_eq!(next_body(&receiver).await, "gone");
}

#[tokio::test]
async fn a_will_that_waits_and_a_session_that_expires_need_no_traffic() {
    let world = World::new();
    world.contoso(&["t/#"]);
    let watcher = world.client("watcher");
    let receiver = watcher.receiver(None).unwrap();
    subscribe(&watcher, "t/#").await.unwrap();
    let mut config = world.config("client");
    let mut will = Will::new("t/will", "gone", QoS::AtLeastOnce, false);
    will.properties = azmqtt_mqtt::PropertiesBuilder::new().will_delay(60).build().unwrap();
    (config.will, config.session_expiry) = (Some(will), 1);
    let client = client(config);
    connect(&client).await.unwrap();
    assert!(world.namespace.delete_client("client").unwrap());
    assert_eq!(next_body(&receiver).await, "gone", "when the session ends");
    until(|| world.namespace.with_broker(|broker| broker.sessions() == 1)).await;
}

#[tokio::test]
async fn a_namespace_that_stops_says_so() {
    let world = World::new();
    let client = world.client("client");
    connect(&client).await.unwrap();
    let changes = StateChanges::of(client.state_changes());
    let World { namespace, .. } = world;
    tokio::task::spawn_blocking(move || namespace.stop()).await.unwrap();
    changes_for(&changes, "shutting down").await;
}

#[tokio::test]
async fn the_authority_is_kept_in_the_state_directory() {
    let root = azmqtt_local::files::make_temp_dir("azmqtt-namespace-test-").unwrap();
    let start = || {
        let config = NamespaceConfig { state_dir: Some(root.join("state")), ..config() };
        crate::Namespace::start(config)
    };
    let first = start().unwrap();
    let certificate = first.authority().certificate.clone();
    assert_eq!(std::fs::read_to_string(first.ca_file()).unwrap(), certificate);
    assert!(matches!(start(), Err(crate::NamespaceError::State(_))), "it is in use");
    first.stop();
    let second = start().unwrap();
    assert_eq!(second.authority().certificate, certificate);
    drop(second);
    std::fs::remove_dir_all(root).unwrap();
}

#[tokio::test]
async fn without_a_state_directory_nothing_is_left() {
    let namespace = crate::Namespace::start(config()).unwrap();
    let file = namespace.ca_file().to_owned();
    assert!(file.is_file());
    drop(namespace);
    assert!(!file.exists());
}

#[test]
fn a_port_that_is_taken_is_an_error() {
    let first = crate::Namespace::start(config()).unwrap();
    let again = crate::Namespace::start(NamespaceConfig { port: first.port(), ..config() });
    assert!(matches!(again, Err(crate::NamespaceError::Listen(_))));
}
