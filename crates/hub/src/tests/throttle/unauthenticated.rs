//! Limits are for those who are let in: strangers use up nothing.

use std::time::Duration;

use crate::tests::support::client::{key, start};
use crate::tests::support::http::{Answer, Http, VERSION, policy_token};
use crate::throttle::{Throttling, Tier};
use crate::unix_time::unix_now;
use crate::{Hub, HubConfig};
use azmqtt_dialect::sas::SasToken;

fn throttled(tier: Tier) -> Hub {
    let throttling = Throttling {
        tier,
        enabled: true,
        burst: Duration::ZERO,
        patience: Duration::ZERO,
        ..Throttling::default()
    };
    start(HubConfig { throttling, ..HubConfig::default() })
}

async fn ask(hub: &Hub, method: &str, path: &str, token: &str, body: &[u8]) -> Answer {
    let headers = if token.is_empty() { String::new() } else { format!("Authorization: {token}\r\n") };
    let target = format!("{path}?{VERSION}");
    Http::connect(hub).await.send(method, &target, &headers, body).await.expect("an answer")
}

#[tokio::test]
async fn strangers_use_up_no_rate() {
    let hub = throttled(Tier::S1);
    let stranger =
        SasToken::sign("localhost", &key(&hub, "dev1"), unix_now() + 60, Some("iothubowner")).to_token();
    for path in ["/devices/dev1", "/devices/a/b/c/d", "/devices/dev1/files", "/devices/dev1/messages/events"]
    {
        for token in ["", stranger.as_str()] {
            for method in ["GET", "POST"] {
                let answer = ask(&hub, method, path, token, b"{}").await;
                assert!(matches!(answer.status, 401 | 404 | 405), "{method} {path}: {answer}");
            }
        }
    }
    let answer = ask(&hub, "GET", "/devices/dev1", &policy_token(&hub, "iothubowner"), b"").await;
    assert_eq!(answer.status, 200, "{answer}");
}

/// A slow stranger does not keep what is given back in the end, either.
#[tokio::test]
async fn strangers_hold_no_rate_while_they_are_heard() {
    use tokio::io::AsyncWriteExt;

    let hub = throttled(Tier::S1);
    let mut slow = crate::tests::support::client::https(&hub).await;
    slow.write_all(b"POST /devices HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n[")
        .await
        .unwrap();
    // It is being heard as soon as somebody has noted why it is refused.
    while hub.last_refusal().is_none() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let answer = ask(&hub, "GET", "/devices/dev1", &policy_token(&hub, "iothubowner"), b"").await;
    assert_eq!(answer.status, 200, "{answer}");
}

#[tokio::test]
async fn strangers_use_up_none_of_the_days_messages() {
    let hub = throttled(Tier::F1);
    let own = SasToken::sign("localhost/devices/dev1", &key(&hub, "dev1"), unix_now() + 60, None).to_token();
    let path = "/devices/dev1/messages/events";
    let large = vec![b'x'; 262_144];
    // 512 bytes count as a message, and a day has 8,000 of them.
    for token in ["", &policy_token(&hub, "service")] {
        for _ in 0..16 {
            // It may be over the rate by now, but not let in.
            assert!(matches!(ask(&hub, "POST", path, token, &large).await.status, 401 | 429));
        }
    }
    let left = |size: usize| hub.shared.throttle.take_message(size, unix_now());
    assert!(left(512 * 7990));
    assert_eq!(ask(&hub, "POST", path, &own, b"x").await.status, 204);
    assert!(left(512 * 9) && !left(1));
}
