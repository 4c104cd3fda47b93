//! Checks of connections to servers that fail at one step each.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::runtime::Handle;

use super::proxy_peer::ProxyPeer;
use super::support::{Answer, Hub, LONG, ask, config, within};
use crate::check::{CheckReport, CheckedStep, check};
use crate::{Credentials, DeviceConfig, Trust};
use azmqtt_dialect::{SasToken, SymmetricKey};
use azmqtt_mqtt::{Properties, ReasonCode};

fn start(config: DeviceConfig, limit: Duration) -> Answer<CheckReport> {
    ask(|reply| drop(check(config, limit, Handle::current, reply)))
}

/// The names of the steps that were good, and the one that failed.
fn read(report: &CheckReport) -> (Vec<&str>, Option<&CheckedStep>) {
    let good = report.steps.iter().filter(|step| step.ok).map(|step| step.name.as_str()).collect();
    (good, report.steps.iter().find(|step| !step.ok))
}

/// A hub that answers looks at its port and its certificate, and then leaves the connection to the test.
async fn passes_looks(hub: &Hub) {
    drop(hub.accept_tcp().await);
    for _ in 0..2 {
        let mut tcp = hub.accept_tcp().await;
        let _ = hub.handshake(&mut tcp).await;
    }
}

#[tokio::test]
async fn a_connection_that_is_good() {
    let hub = Hub::new().await;
    let checked = start(hub.config(), LONG);
    passes_looks(&hub).await;
    let mut peer = hub.accept(false).await;
    peer.expect_disconnect().await;
    let report = checked.get().await.unwrap();
    let (good, failed) = read(&report);
    assert_eq!((good, failed), (vec!["DNS", "TCP", "TLS", "credentials", "MQTT CONNECT"], None));
    let facts = &report.steps[2].facts;
    assert!(
        facts.iter().any(|(name, words)| *name == "certificate" && words.contains("issued by")),
        "{facts:?}"
    );
    assert!(report.steps[2].detail.contains("TLS"), "{:?}", report.steps[2]);
}

#[tokio::test]
async fn a_port_that_is_closed() {
    let port = Hub::new().await.port();
    let report = start(config(port), LONG).get().await.unwrap();
    let (good, failed) = read(&report);
    assert_eq!((good, failed.unwrap().name.as_str()), (vec!["DNS"], "TCP"));
    assert!(failed.unwrap().advice.is_some());
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted() {
    let hub = Hub::new().await;
    let checked = start(DeviceConfig { endpoint: untrusting(&hub), ..hub.config() }, LONG);
    passes_looks(&hub).await;
    let report = checked.get().await.unwrap();
    let (good, failed) = read(&report);
    let failed = failed.unwrap();
    assert_eq!((good, failed.name.as_str()), (vec!["DNS", "TCP"], "TLS"));
    let advice = failed.advice.as_ref().unwrap();
    assert!(advice.contains("rcgen self signed cert") && advice.contains("--trust"), "{advice}");
}

fn untrusting(hub: &Hub) -> crate::Endpoint {
    let key = rcgen::KeyPair::generate().unwrap();
    let other = rcgen::CertificateParams::new(vec!["localhost".into()]).unwrap().self_signed(&key).unwrap();
    crate::Endpoint { trust: Trust::from_pem(other.pem().as_bytes()).unwrap(), ..hub.config().endpoint }
}

#[tokio::test]
async fn a_server_without_tls() {
    let hub = Hub::new().await;
    let checked = start(hub.config(), LONG);
    drop(hub.accept_tcp().await);
    hub.accept_tcp().await.write_all(b"220 mail ready\r\n").await.unwrap();
    let report = checked.get().await.unwrap();
    let (good, failed) = read(&report);
    let failed = failed.unwrap();
    assert_eq!((good, failed.name.as_str()), (vec!["DNS", "TCP"], "TLS"));
    assert!(failed.detail.contains("does not speak TLS"), "{}", failed.detail);
}

#[tokio::test]
async fn a_server_that_is_silent() {
    let hub = Hub::new().await;
    let checked = start(hub.config(), Duration::from_millis(300));
    drop(hub.accept_tcp().await);
    let _silent = hub.accept_tcp().await;
    let report = checked.get().await.unwrap();
    let (good, failed) = read(&report);
    let failed = failed.unwrap();
    assert_eq!((good, failed.name.as_str()), (vec!["DNS", "TCP"], "TLS"));
    assert!(failed.detail.contains("0.3 s"), "{}", failed.detail);
}

#[tokio::test]
async fn a_hub_that_does_not_answer_connect() {
    let hub = Hub::new().await;
    let mut config = hub.config();
    config.deadlines.connack = Duration::from_millis(200);
    let checked = start(config, LONG);
    passes_looks(&hub).await;
    let _silent = hub.accept_mqtt().await;
    let report = checked.get().await.unwrap();
    let (good, failed) = read(&report);
    let failed = failed.unwrap();
    assert_eq!((good.last(), failed.name.as_str()), (Some(&"credentials"), "MQTT CONNECT"));
    assert!(failed.advice.as_ref().unwrap().contains("--websocket"), "{failed:?}");
}

#[tokio::test]
async fn credentials_that_are_refused() {
    let hub = Hub::new().await;
    let checked = start(hub.config(), LONG);
    passes_looks(&hub).await;
    for _ in 0..2 {
        let (mut peer, _) = hub.accept_mqtt().await;
        peer.server.refuse(ReasonCode::NotAuthorized, Properties::default());
        peer.flush().await;
    }
    let report = within(checked.get()).await.unwrap();
    let failed = read(&report).1.unwrap();
    assert!(failed.detail.contains("CONNACK 5"), "{}", failed.detail);
}

#[tokio::test]
async fn a_token_that_has_expired() {
    let hub = Hub::new().await;
    let mut config = hub.config();
    let key = SymmetricKey::generate(getrandom::fill).unwrap();
    let token = SasToken::sign(&config.identity.sas_resource(), &key, 1_000_000_000, None);
    let signature = token.as_str().split("sig=").nth(1).unwrap().to_owned();
    config.credentials = Credentials::token(token, None);
    let checked = start(config, LONG);
    passes_looks(&hub).await;
    let report = checked.get().await.unwrap();
    let (good, failed) = read(&report);
    let failed = failed.unwrap();
    assert_eq!((good, failed.name.as_str()), (vec!["DNS", "TCP", "TLS"], "credentials"));
    assert!(failed.detail.contains("2001-09-09"), "{}", failed.detail);
    assert!(!format!("{report:?}").contains(&signature[..10]));
}

#[tokio::test]
async fn a_check_that_runs_out_of_time_names_the_step_under_way() {
    let (hub, proxy) = (Hub::new().await, ProxyPeer::new().await);
    let config = proxy.before(hub.config(), "http://");
    let checked = start(config, Duration::from_millis(300));
    drop(proxy.accept().await);
    let _silent = proxy.accept().await;
    let report = checked.get().await.unwrap();
    let failed = read(&report).1.unwrap();
    assert_eq!(failed.name, "proxy", "{failed:?}");

    let mut config = hub.config();
    config.endpoint.websocket = true;
    let checked = start(config, Duration::from_millis(500));
    passes_looks(&hub).await;
    let _silent = hub.accept_tls().await;
    let report = checked.get().await.unwrap();
    let failed = read(&report).1.unwrap();
    assert_eq!(failed.name, "WebSocket", "{failed:?}");
}
