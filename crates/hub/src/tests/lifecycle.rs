//! Start and stop.

use std::time::{Duration, Instant};

use crate::tests::support::client::{TestClient, hub, tls_with};
use crate::{CloseReason, Hub, HubConfig, HubError};
use azmqtt_local::listener::ListenError;
use tokio_rustls::rustls::version::TLS13;

fn at(host: &str, port: u16) -> HubConfig {
    HubConfig { host: host.to_owned(), port, ..HubConfig::default() }
}

#[tokio::test]
async fn a_port_in_use_is_a_typed_error_that_names_it() {
    let first = hub();
    let error = Hub::start(at("127.0.0.1", first.port())).err().unwrap();
    assert!(
        matches!(error, HubError::Listen(ListenError::Bind { port, .. }) if port == first.port()),
        "{error:?}"
    );
    assert!(error.to_string().contains(&first.port().to_string()));
}

#[test]
fn an_address_that_is_not_here_is_a_typed_error() {
    // 192.0.2.0/24 is reserved for documentation (RFC 5737).
    let error = Hub::start(at("192.0.2.1", 0)).err().unwrap();
    assert!(matches!(error, HubError::Listen(ListenError::Bind { .. })), "{error:?}");
    let error = Hub::start(at("not a host", 0)).err().unwrap();
    assert!(matches!(error, HubError::Listen(ListenError::Resolve { .. })), "{error:?}");
}

#[test]
fn a_bad_hostname_is_a_typed_error() {
    let config = HubConfig { hostname: "https://localhost".to_owned(), ..HubConfig::default() };
    assert!(matches!(Hub::start(config), Err(HubError::Identity(_))));
}

#[tokio::test]
async fn a_name_with_several_addresses_is_served_on_all() {
    let hub = Hub::start(at("localhost", 0)).unwrap();
    for address in tokio::net::lookup_host(("localhost", hub.port())).await.unwrap() {
        if tokio::net::TcpListener::bind((address.ip(), 0)).await.is_ok() {
            tokio::net::TcpStream::connect(address).await.unwrap();
        }
    }
    tls_with(&hub, "localhost", &[&TLS13]).await.unwrap();
}

#[tokio::test]
async fn stopping_ends_connections_and_leaves_what_was_recorded() {
    let hub = hub();
    let ca_file = hub.ca_file().to_owned();
    assert_eq!(std::fs::read_to_string(&ca_file).unwrap(), hub.ca_pem());
    let mut client = TestClient::connect(&hub, "dev1").await;
    assert!(client.send("devices/dev1/messages/events/", "kept").await);
    let begun = Instant::now();
    hub.stop();
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert!(hub.is_stopped());
    assert!(client.is_closed().await);
    assert_eq!(hub.last_close("dev1").unwrap(), Some(CloseReason::HubStopped));
    assert_eq!(hub.telemetry("dev1")[0].body, "kept");
    assert!(!ca_file.parent().unwrap().exists());
    assert!(matches!(hub.create_device("late", None), Err(HubError::Stopped)));
    assert!(matches!(hub.disconnect("dev1"), Err(HubError::Stopped)));
    assert!(tokio::net::TcpStream::connect(("127.0.0.1", hub.port())).await.is_err());
    hub.stop();
}

#[tokio::test]
async fn a_dropped_hub_is_stopped_and_its_port_free() {
    let hub = hub();
    let (port, ca_file) = (hub.port(), hub.ca_file().to_owned());
    let mut client = TestClient::connect(&hub, "dev1").await;
    drop(hub);
    assert!(client.is_closed().await);
    assert!(!ca_file.exists());
    assert_eq!(Hub::start(at("127.0.0.1", port)).unwrap().port(), port);
}

#[tokio::test]
async fn two_hubs_do_not_share_devices() {
    let (one, other) = (hub(), hub());
    assert_ne!(one.port(), other.port());
    one.create_device("mine", None).unwrap();
    assert!(!other.has_device("mine"));
    assert_eq!(one.device_ids(), ["dev1", "dev2", "mine"]);
    assert!(matches!(one.create_device("mine", None), Err(HubError::DeviceExists(_))));
    assert!(matches!(one.create_device("a b", None), Err(HubError::Identity(_))));
}

#[cfg(unix)]
#[test]
fn the_ca_file_is_in_a_private_directory() {
    use std::os::unix::fs::PermissionsExt;

    let hub = hub();
    let mode = std::fs::metadata(hub.ca_file().parent().unwrap()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}
