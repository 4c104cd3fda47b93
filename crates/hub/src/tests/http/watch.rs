//! Watching the hub: readers that stall.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::time::sleep;

use crate::messages::properties::RecordedProperties;
use crate::messages::telemetry::{Incoming, Source};
use crate::tests::support::client::{DEADLINE, https};
use crate::tests::support::http::{Http, policy_token};
use crate::{Hub, HubConfig};

/// Its socket and the buffers of both ends take some of what comes; the rest stays in the ring, and its place is given up.
#[tokio::test]
async fn a_reader_that_stalls_is_closed_and_holds_up_nobody() {
    let mut config = HubConfig::default();
    config.limits.write_timeout = Duration::from_millis(200);
    let hub = Hub::start(config).unwrap();
    let token = policy_token(&hub, "service");
    let head = format!(
        "GET /azmqtt/telemetry HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\nAuthorization: {token}\r\n\r\n"
    );
    let mut stalled = https(&hub).await;
    stalled.write_all(head.as_bytes()).await.unwrap();
    stalled.flush().await.unwrap();
    until(|| hub.shared.streams.count() == 1).await;

    let source = Arc::new(Source::new("d", "1"));
    for _ in 0..300 {
        hub.shared.recorder.record(Incoming {
            source: source.clone(),
            body: Bytes::from(vec![b'x'; 100_000]),
            properties: RecordedProperties::default(),
            model_id: None,
            of_hub: false,
        });
    }
    let target = "/azmqtt/telemetry?since=299&wait=0";
    let authorization = format!("Authorization: {token}\r\n");
    let other = Http::connect(&hub).await.send("GET", target, &authorization, b"").await.unwrap();
    assert_eq!(other.status, 200);
    until(|| hub.shared.streams.count() == 0).await;
    drop(stalled);
}

async fn until(met: impl Fn() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !met() {
        assert!(Instant::now() < end, "in time");
        sleep(Duration::from_millis(5)).await;
    }
}
