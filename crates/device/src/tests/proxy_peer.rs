//! A scripted proxy: it reads what a test tells it to, answers what it is told to, and may pass bytes on to a hub.

use std::future::Future;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use super::support::{Hub, within};
use crate::{DeviceConfig, Proxy, ProxyChoice};

pub(super) struct ProxyPeer(TcpListener);

impl ProxyPeer {
    pub(super) async fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    /// `config` with this as its proxy; `scheme` may end in a login and `@`.
    pub(super) fn before(&self, mut config: DeviceConfig, scheme: &str) -> DeviceConfig {
        let url = format!("{scheme}127.0.0.1:{}", self.0.local_addr().unwrap().port());
        config.endpoint.proxy = ProxyChoice::Fixed(Proxy::parse(&url).unwrap().into());
        config
    }

    pub(super) async fn accept(&self) -> TcpStream {
        within(self.0.accept()).await.unwrap().0
    }

    /// Reads the head of a request and answers it.
    pub(super) async fn answer(&self, answer: &[u8]) -> (String, TcpStream) {
        let mut tcp = self.accept().await;
        let head = read_head(&mut tcp).await;
        within(tcp.write_all(answer)).await.unwrap();
        (head, tcp)
    }
}

/// Up to the empty line.
pub(super) async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within(stream.read_u8()).await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// Passes bytes on between the two until both are done.
pub(super) async fn pass_on(mut tcp: TcpStream, port: u16) {
    let mut hub = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let _ = copy_bidirectional(&mut tcp, &mut hub).await;
}

/// Does the same beside `work`, which must end before it.
pub(super) async fn passing_on<T>(tcp: TcpStream, hub: &Hub, work: impl Future<Output = T>) -> T {
    tokio::select! {
        biased;
        done = work => done,
        () = pass_on(tcp, hub.port()) => panic!("the connection ended"),
    }
}
