//! Requests over HTTPS to a server that takes its time.

use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use tokio::io::AsyncWriteExt;

use super::proxy_peer::read_head;
use super::support::{Hub, within};
use azmqtt_net::http::{Https, Request, RequestError};

fn request() -> Request {
    let (method, target) = (Method::GET, "/".to_owned());
    Request { method, target, headers: Vec::new(), body: Bytes::new(), max_answer: 100 }
}

#[tokio::test]
async fn an_answer_that_comes_slowly_is_a_sign_of_life_and_one_that_stops_is_none() {
    let hub = Hub::new().await;
    let config = hub.config();
    let mut https = Https::new(config.endpoint, config.deadlines.stream, Duration::from_secs(1));
    let server = async {
        let mut peer = hub.accept_tls().await;
        for last in [b"!".as_slice(), b""] {
            read_head(&mut peer.stream).await;
            peer.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n").await;
            for byte in b"hello" {
                tokio::time::sleep(Duration::from_millis(300)).await;
                peer.raw(&[*byte]).await;
            }
            within(peer.stream.write_all(last)).await.unwrap();
            within(peer.stream.flush()).await.unwrap();
        }
        peer
    };
    let client = async {
        assert_eq!(https.send("GET", request()).await.unwrap().body, b"hello!");
        https.send("GET", request()).await.map(drop)
    };
    let (_peer, outcome) = tokio::join!(server, client);
    assert!(matches!(outcome, Err(RequestError::TimedOut { request: "GET", .. })), "{outcome:?}");
}

#[tokio::test]
async fn the_idle_timeout_may_be_endless() {
    let hub = Hub::new().await;
    let config = hub.config();
    let mut https = Https::new(config.endpoint, config.deadlines.stream, Duration::MAX);
    let server = async {
        let mut peer = hub.accept_tls().await;
        read_head(&mut peer.stream).await;
        peer.raw(b"HTTP/1.1 204 No Content\r\n\r\n").await;
        peer
    };
    let body = Bytes::from(vec![0; 20_000]);
    let (_peer, response) = tokio::join!(server, https.send("PUT", Request { body, ..request() }));
    assert_eq!(response.unwrap().status, 204);
}
