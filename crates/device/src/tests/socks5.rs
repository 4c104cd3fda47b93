//! SOCKS5 proxies, helpful and otherwise (RFC 1928, RFC 1929).

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::connect::{connect, failed_at, short};
use super::proxy_peer::{ProxyPeer, passing_on};
use super::support::{DEVICE_HOST, Hub, LONG, ask, config, device, send, within};
use crate::{Error, Step};

async fn expect(tcp: &mut TcpStream, bytes: &[u8]) {
    let mut got = vec![0; bytes.len()];
    within(tcp.read_exact(&mut got)).await.unwrap();
    assert_eq!(got, bytes);
}

/// The request to connect to a name.
fn request(name: &str, port: u16) -> Vec<u8> {
    [&[5, 1, 0, 3, name.len() as u8], name.as_bytes(), &port.to_be_bytes()].concat()
}

#[tokio::test]
async fn a_device_lives_behind_a_proxy_that_wants_a_login() {
    let (hub, proxy) = (Hub::new().await, ProxyPeer::new().await);
    let device = device(proxy.before(hub.config(), "socks5h://user:hunter2@"));
    let sent = send(&device, "hello");
    let mut tcp = proxy.accept().await;
    expect(&mut tcp, &[5, 2, 0, 2]).await;
    tcp.write_all(&[5, 2]).await.unwrap();
    expect(&mut tcp, b"\x01\x04user\x07hunter2").await;
    tcp.write_all(&[1, 0]).await.unwrap();
    expect(&mut tcp, &request("localhost", hub.port())).await;
    tcp.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 1, 2]).await.unwrap();
    passing_on(tcp, &hub, async {
        assert_eq!(hub.accept(false).await.take_message().await, "hello");
        sent.get().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn names_are_for_the_proxy_to_look_up() {
    let bound_addresses: [&[u8]; 3] = [
        &[1, 127, 0, 0, 1, 0, 80],
        &[3, 2, b'm', b'e', 0, 80],
        &[4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 80],
    ];
    for bound in bound_addresses {
        let (hub, proxy) = (Hub::new().await, ProxyPeer::new().await);
        let mut config = proxy.before(hub.config(), "socks5://");
        config.endpoint.host = DEVICE_HOST.into();
        let device = device(config);
        let connecting = ask(|reply| device.connect(LONG, reply));
        let mut tcp = proxy.accept().await;
        expect(&mut tcp, &[5, 1, 0]).await;
        tcp.write_all(&[5, 0]).await.unwrap();
        expect(&mut tcp, &request(DEVICE_HOST, hub.port())).await;
        tcp.write_all(&[&[5, 0, 0], bound].concat()).await.unwrap();
        passing_on(tcp, &hub, async {
            let mut peer = hub.accept(false).await;
            connecting.get().await.unwrap();
            assert_eq!(peer.stream.get_ref().1.server_name(), Some(DEVICE_HOST));
            peer.flush().await;
        })
        .await;
    }
}

/// Connects to a proxy that gives one answer after the other, whatever it is asked, and then waits or closes.
async fn refused(scheme: &str, answers: &[&[u8]], then_closes: bool) -> (Error, Duration) {
    let proxy = ProxyPeer::new().await;
    let mut config = proxy.before(config(8883), scheme);
    config.deadlines.stream.proxy = short();
    let peer = async {
        let mut tcp = proxy.accept().await;
        for answer in answers {
            let mut question = [0; 1024];
            let _ = within(tcp.read(&mut question)).await;
            let _ = within(tcp.write_all(answer)).await;
        }
        if !then_closes {
            let _ = within(tcp.read_to_end(&mut Vec::new())).await;
        }
    };
    let (error, elapsed) = connect(config, peer).await;
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    (error, elapsed)
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    let (open, login) = ("socks5://", "socks5://user:hunter2@");
    for (scheme, answers, needle) in [
        (open, &[&[5, 0xFF][..]][..], "wants a user name and a password"),
        (login, &[&[5, 0xFF]], "not support user names and passwords"),
        (login, &[&[5, 2], &[1, 1]], "does not accept this user name and password"),
        (open, &[&[5, 2]], "that it was not offered"),
        (open, &[&[5, 1]], "that it was not offered"),
        (open, &[&[4, 0]], "is not SOCKS5"),
        (open, &[b"HTTP/1.1 400 Bad Request\r\n\r\n"], "is not SOCKS5"),
        (open, &[&[5, 0], &[4, 0, 0, 1]], "is not SOCKS5"),
        (open, &[&[5, 0], &[5, 0, 0, 9]], "is not SOCKS5"),
        (open, &[&[5, 0], &[5, 1, 0, 1, 0, 0, 0, 0, 0, 0]], "(SOCKS reply 1)"),
        (open, &[&[5, 0], &[5, 2, 0, 1]], "port 8883; if it allows 443, try WebSockets"),
        (open, &[&[5, 0], &[5, 3, 0, 1]], "network cannot be reached"),
        (open, &[&[5, 0], &[5, 4, 0, 1]], "cannot resolve its name"),
        (open, &[&[5, 0], &[5, 5, 0, 1]], "the host refused"),
        (open, &[&[5, 0], &[5, 6, 0, 1]], "did not answer the proxy"),
        (open, &[&[5, 0], &[5, 7, 0, 1]], "does not support CONNECT"),
        (open, &[&[5, 0], &[5, 8, 0, 1]], "does not support host names"),
        (open, &[&[5, 0], &[5, 77, 0, 1]], "(SOCKS reply 77)"),
    ] {
        failed_at(Step::Proxy, needle, refused(scheme, answers, false).await);
    }
}

#[tokio::test]
async fn a_proxy_that_hangs_or_closes() {
    let steps: [&[&[u8]]; 4] = [&[], &[&[5]], &[&[5, 0]], &[&[5, 0], &[5, 0, 0, 3, 200, b'x']]];
    for answers in steps {
        failed_at(Step::Proxy, "no answer within 0.1 s", refused("socks5://", answers, false).await);
        failed_at(Step::Proxy, "", refused("socks5://", answers, true).await);
    }
}
