//! HTTP proxies, helpful and otherwise.

use std::time::{Duration, SystemTime};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::connect::{connect, failed_at, short};
use super::proxy_peer::{ProxyPeer, pass_on, passing_on};
use super::support::{DEVICE_HOST, Hub, LONG, ask, config, device, send, within};
use crate::{Error, Step};
use azmqtt_mqtt::{Properties, ReasonCode};

const OK: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

/// `user:hunter2` in base64.
const LOGIN: &str = "dXNlcjpodW50ZXIy";

#[tokio::test]
async fn a_device_lives_behind_a_proxy() {
    let (hub, proxy) = (Hub::new().await, ProxyPeer::new().await);
    let device = device(proxy.before(hub.config(), "http://user:hunter2@"));
    let sent = send(&device, "hello");
    let (head, tcp) = proxy.answer(OK).await;
    let target = format!("localhost:{}", hub.port());
    let login = format!("Proxy-Authorization: Basic {LOGIN}\r\n");
    assert_eq!(head, format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{login}\r\n"));
    passing_on(tcp, &hub, async {
        let mut peer = hub.accept(false).await;
        assert_eq!(peer.take_message().await, "hello");
        sent.get().await.unwrap();
    })
    .await;
    // The line is lost with the proxy, and the next attempt goes through it again.
    let sent = send(&device, "again");
    let (_, tcp) = proxy.answer(OK).await;
    passing_on(tcp, &hub, async {
        assert_eq!(hub.accept(true).await.take_message().await, "again");
        sent.get().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn names_are_for_the_proxy_to_look_up() {
    let (hub, proxy) = (Hub::new().await, ProxyPeer::new().await);
    let mut config = proxy.before(hub.config(), "http://");
    config.endpoint.host = DEVICE_HOST.into();
    config.identity.host_name = DEVICE_HOST.into();
    let device = device(config);
    let connecting = ask(|reply| device.connect(LONG, reply));
    let (head, tcp) = proxy.answer(b"HTTP/1.0 200\r\nContent-Length: 5\r\n\r\n").await;
    assert!(head.starts_with(&format!("CONNECT {DEVICE_HOST}:{} HTTP/1.1\r\n", hub.port())), "{head}");
    assert!(!head.contains("Authorization"), "{head}");
    passing_on(tcp, &hub, async {
        let (mut peer, connect) = hub.accept_mqtt().await;
        assert_eq!(peer.stream.get_ref().1.server_name(), Some(DEVICE_HOST));
        let (username, password) = (connect.username.as_deref().unwrap(), connect.password_text().unwrap());
        assert!(username.starts_with(&format!("{DEVICE_HOST}/dev/?api-version=")), "{}", username);
        assert!(password.contains(&format!("sr={DEVICE_HOST}%2Fdevices%2Fdev&")), "{}", password);
        peer.accept(false).await;
        connecting.get().await.unwrap();
    })
    .await;
}

/// Connects to a proxy that gives `answer` and then waits for the client to go.
async fn refused(scheme: &str, answer: &[u8]) -> (Error, Duration) {
    let proxy = ProxyPeer::new().await;
    let mut config = proxy.before(config(8883), scheme);
    config.deadlines.stream.proxy = short();
    let peer = async {
        let (_, mut tcp) = proxy.answer(answer).await;
        let _ = within(tcp.read_to_end(&mut Vec::new())).await;
    };
    let (error, elapsed) = connect(config, peer).await;
    let text = format!("{error} {error:?}");
    assert!(!text.contains("hunter2") && !text.contains(LOGIN) && !text.contains("sesame"), "{text}");
    (error, elapsed)
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    for (scheme, answer, needle) in [
        ("http://", "407 Proxy Authentication Required", "wants a user name and a password"),
        ("http://user:hunter2@", "407 sesame", "does not accept this user name and password"),
        (
            "http://user:hunter2@",
            "407 x\r\nProxy-Authenticate: Basic realm=\"sesame\"",
            "does not accept this",
        ),
        (
            "http://",
            "407 x\r\nProxy-Authenticate: NTLM\r\nProxy-Authenticate: Negotiate abc",
            "NTLM or Negotiate",
        ),
        ("http://user:hunter2@", "407 x\r\nProxy-Authenticate: ,;\"sesame", "does not accept this"),
        ("http://", "403 Forbidden", "port 8883; most allow 443: try WebSockets"),
        ("http://", "502 Bad Gateway", "could not reach the host"),
        ("http://", "504 Gateway Timeout", "could not reach the host"),
        ("http://", "501 Not Implemented", "not seem to be a proxy that supports CONNECT"),
        ("http://", "302 Found\r\nLocation: https://login.example/?sesame", "refused (HTTP status 302)"),
        ("http://", "100 Continue", "refused (HTTP status 100)"),
    ] {
        let answer = format!("HTTP/1.1 {answer}\r\n\r\n");
        failed_at(Step::Proxy, needle, refused(scheme, answer.as_bytes()).await);
    }
}

#[tokio::test]
async fn rubbish_in_place_of_an_answer() {
    let long = [b"HTTP/1.1 200 OK\r\nX: ".to_vec(), vec![b'x'; 20_000]].concat();
    let many = [b"HTTP/1.1 200 OK\r\n".to_vec(), b"X: y\r\n".repeat(100), b"\r\n".to_vec()].concat();
    for (answer, needle) in [
        (&b"SSH-2.0-OpenSSH_9.6\r\n"[..], "is not HTTP"),
        (b"\x05\x00\x00\x01", "is not HTTP"),
        (b"\x16\x03\x03\x00\x7a", "is not HTTP"),
        (b"HTTP/1.1 sesame\r\n\r\n", "is not HTTP"),
        (b"HTTP/1.1 200 OK\r\n\r\nhello", "before the TLS handshake"),
        (&long, "longer than 16384 bytes"),
        (&many, "more than 64 header fields"),
    ] {
        failed_at(Step::Proxy, needle, refused("http://", answer).await);
    }
}

#[tokio::test]
async fn a_proxy_that_hangs_or_closes() {
    for (answer, needle) in
        [(&b""[..], "no answer within 0.1 s"), (b"HTTP/1.1 200 OK\r\n", "no answer within 0.1 s")]
    {
        failed_at(Step::Proxy, needle, refused("http://", answer).await);
    }
    for (answer, needle) in
        [(&b""[..], "closed without an answer"), (b"HTTP/1.1 20", "in the middle of the answer")]
    {
        let proxy = ProxyPeer::new().await;
        let peer = async { drop(proxy.answer(answer).await) };
        failed_at(Step::Proxy, needle, connect(proxy.before(config(8883), "http://"), peer).await);
    }
}

#[tokio::test]
async fn an_answer_that_trickles_in_for_ever() {
    let proxy = ProxyPeer::new().await;
    let mut config = proxy.before(config(8883), "http://");
    config.deadlines.stream.proxy = Duration::from_millis(300);
    let peer = async {
        let (_, mut tcp) = proxy.answer(b"HTTP/1.1 200 OK\r\n").await;
        while tcp.write_all(b"X: y\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    };
    failed_at(Step::Proxy, "no answer within 0.3 s", connect(config, peer).await);
}

#[tokio::test]
async fn a_proxy_that_is_not_there() {
    let proxy = ProxyPeer::new().await;
    let nobody = proxy.before(config(8883), "http://user:hunter2@");
    drop(proxy);
    failed_at(Step::Tcp, "the proxy http://127.0.0.1:", connect(nobody, async {}).await);
    let mut unknown = config(8883);
    let proxy = azmqtt_net::Proxy::parse("socks5://nonexistent.invalid").unwrap();
    unknown.endpoint.proxy = azmqtt_net::ProxyChoice::Fixed(proxy.into());
    failed_at(Step::Dns, "the proxy socks5://nonexistent.invalid:1080", connect(unknown, async {}).await);
}

#[tokio::test]
async fn failures_behind_the_proxy_name_both() {
    let proxy = ProxyPeer::new().await;
    let peer = async {
        let (_, mut tcp) = proxy.answer(OK).await;
        within(tcp.read_u8()).await.unwrap();
        within(tcp.write_all(b"SSH-2.0-OpenSSH_9.6\r\n")).await.unwrap();
        let _ = within(tcp.read_to_end(&mut Vec::new())).await;
    };
    let outcome = connect(proxy.before(config(8883), "http://"), peer).await;
    assert!(
        outcome.0.to_string().contains("localhost:8883 through the proxy http://127.0.0.1:"),
        "{}",
        outcome.0
    );
    failed_at(Step::Tls, "does not speak TLS", outcome);
}

/// A `Date` that many seconds from now.
fn date(offset: i64) -> String {
    let span = Duration::from_secs(offset.unsigned_abs());
    let now = SystemTime::now();
    httpdate::fmt_http_date(if offset < 0 { now - span } else { now + span })
}

#[tokio::test]
async fn a_wrong_clock_is_told_with_a_refusal() {
    for (offset, needle) in [(3700, "this machine's clock is 1 h 1 min slow"), (-7300, "2 h 1 min fast")] {
        let (hub, proxy) = (Hub::new().await, ProxyPeer::new().await);
        let device = device(proxy.before(hub.config(), "http://"));
        let connecting = ask(|reply| device.connect(LONG, reply));
        let answer = format!("HTTP/1.1 200 OK\r\nDate: {}\r\n\r\n", date(offset));
        let refusals = async {
            // The token is signed anew once.
            for _ in 0..2 {
                let (_, tcp) = proxy.answer(answer.as_bytes()).await;
                let refusal = async {
                    let (mut peer, _) = hub.accept_mqtt().await;
                    peer.server.refuse(ReasonCode::NotAuthorized, Properties::default());
                    peer.flush().await;
                };
                tokio::join!(refusal, pass_on(tcp, hub.port()));
            }
        };
        let (outcome, ()) = tokio::join!(connecting.get(), refusals);
        let Err(Error::AuthenticationFailed { reason }) = outcome else { panic!("{outcome:?}") };
        assert!(reason.contains("CONNACK 5") && reason.contains(needle), "{reason}");
    }
}

#[tokio::test]
async fn a_wrong_clock_is_told_with_an_expired_certificate() {
    let (hub, proxy) = (Hub::expired().await, ProxyPeer::new().await);
    let answer = format!("HTTP/1.1 200 OK\r\nDate: {}\r\n\r\n", date(-1_000_000));
    let peer = async {
        let (_, tcp) = proxy.answer(answer.as_bytes()).await;
        let handshake = async {
            let mut tcp = hub.accept_tcp().await;
            assert!(hub.handshake(&mut tcp).await.is_err());
        };
        tokio::join!(handshake, pass_on(tcp, hub.port()));
    };
    let outcome = connect(proxy.before(hub.config(), "http://"), peer).await;
    failed_at(Step::Tls, "not valid now; this machine's clock is 11 d 13 h fast", outcome);
}
