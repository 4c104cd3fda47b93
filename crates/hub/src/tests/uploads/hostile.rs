//! Clients of the HTTPS listener that want more of the hub than is theirs.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

use super::requests::{ask, place, token};
use crate::config::{FileUploads, Limits};
use crate::tests::support::client::{DEADLINE, ends, https, hub, start};
use crate::{Hub, HubConfig};

/// Announces a body of that length and sends one byte of it.
async fn announce(
    hub: &Hub,
    method: &str,
    target: &str,
    headers: &str,
    length: usize,
) -> TlsStream<TcpStream> {
    let mut stream = https(hub).await;
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n{headers}\r\nx"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

async fn status(stream: &mut TlsStream<TcpStream>) -> String {
    let mut head = [0; 12];
    timeout(DEADLINE, stream.read_exact(&mut head)).await.expect("an answer in time").unwrap();
    String::from_utf8_lossy(&head[9..]).into_owned()
}

/// A hub that waits for bodies for longer than a test does.
fn patient(max_bytes: usize) -> Hub {
    let limits = Limits { http_idle_timeout: 10 * DEADLINE, ..Limits::default() };
    let file_uploads = FileUploads { max_bytes, ..FileUploads::default() };
    start(HubConfig { file_uploads, limits, ..HubConfig::default() })
}

#[tokio::test]
async fn a_strangers_body_is_not_waited_for() {
    let hub = patient(1 << 20);
    let version = "?api-version=2021-04-12";
    let blob = place(&hub, "x").await.path_and_query("").replace("sig=", "sig=A");
    for (method, target, length, expected) in [
        ("PUT", blob, 100 << 20, "403"),
        ("POST", format!("/devices/dev1/files{version}"), 60 << 10, "401"),
        ("POST", format!("/devices/dev1/files/notifications{version}"), 60 << 10, "401"),
        ("POST", format!("/twins/dev1/methods{version}"), 60 << 10, "401"),
    ] {
        let headers = "x-ms-blob-type: BlockBlob\r\nx-ms-edge-moduleId: dev1/m\r\n";
        let mut stream = announce(&hub, method, &target, headers, length).await;
        assert_eq!(status(&mut stream).await, expected, "{target}");
    }
}

#[tokio::test]
async fn a_stranger_does_not_keep_its_place_by_asking_again() {
    let hub = hub();
    for target in ["/", "/devices/dev1/files?api-version=1", "/uploads/dev1/x", "/$iothub/websocket"] {
        let mut stream = https(&hub).await;
        let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        assert!(timeout(Duration::from_secs(5), ends(&mut stream)).await.is_ok(), "{target}");
    }
}

#[tokio::test]
async fn bodies_on_their_way_are_bounded_together() {
    let hub = patient(100_000);
    let target = place(&hub, "x").await.path_and_query("");
    let blob = "x-ms-blob-type: BlockBlob\r\n";
    let first = announce(&hub, "PUT", &target, blob, 80_000).await;
    // Answered at once or not at all.
    let mut refused = loop {
        let mut second = announce(&hub, "PUT", &target, blob, 80_000).await;
        if let Ok(status) = timeout(Duration::from_secs(2), status(&mut second)).await {
            break status;
        }
    };
    assert_eq!(refused, "503");
    let mut large = announce(&hub, "PUT", &target, blob, 100_001).await;
    refused = status(&mut large).await;
    assert_eq!(refused, "413");
    drop(first);
    let body = vec![0; 80_000];
    let put = async { while ask(&hub, "PUT", &target, blob, &body).await.status != 201 {} };
    timeout(DEADLINE, put).await.expect("room again");
}

#[tokio::test]
async fn small_blocks_take_what_they_weigh() {
    let file_uploads = FileUploads { max_bytes: 10_000, ..FileUploads::default() };
    let hub = start(HubConfig { file_uploads, ..HubConfig::default() });
    let place = place(&hub, "x").await;
    for number in 0..100 {
        let id = percent_encoding::utf8_percent_encode("QUFB", percent_encoding::NON_ALPHANUMERIC);
        let id = id.to_string().replace("QUFB", &format!("QU{:02}", number % 100));
        let block = place.path_and_query(&format!("comp=block&blockid={id}"));
        match ask(&hub, "PUT", &block, "", b"x").await.status {
            201 => {}
            status => {
                assert_eq!((status, number > 10), (413, true));
                return;
            }
        }
    }
    panic!("a hundred blocks of a byte fit into 10,000 bytes");
}

#[tokio::test]
async fn tokens_of_a_policy_are_not_a_devices() {
    use azmqtt_dialect::sas::SasToken;
    let hub = hub();
    let token = token(&hub, "dev1");
    let target = "/devices/dev1/files?api-version=2021-04-12";
    assert_eq!(ask(&hub, "POST", target, &token, b"{\"blobName\":\"x\"}").await.status, 200);
    let key = crate::tests::support::client::key(&hub, "dev1");
    let expiry = crate::unix_time::unix_now() + 60;
    let token = SasToken::sign("localhost/devices/dev1", &key, expiry, Some("device"));
    let token = format!("Authorization: {}\r\n", token.to_token());
    assert_eq!(ask(&hub, "POST", target, &token, b"{\"blobName\":\"y\"}").await.code(), 401_002);
}
