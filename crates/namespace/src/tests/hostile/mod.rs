//! Strangers and clients that mean harm, or are broken: each is gone in bounded time, and a client beside them works on.

mod bombs;
mod clients;
mod secrecy;
mod strangers;
mod websocket;

use std::time::Duration;

use azmqtt_client::managed::{Client, Receiver};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::support::*;
use crate::NamespaceConfig;
use crate::config::ConnectionLimits;

/// A namespace with short patience, and room for so many strangers at each port.
fn impatient(unauthenticated: usize) -> World {
    let short = Duration::from_millis(300);
    let connections = ConnectionLimits {
        unauthenticated,
        handshake_timeout: short,
        connect_timeout: short,
        http_idle_timeout: short,
        write_timeout: short,
    };
    World::with(NamespaceConfig { connections, ..config() })
}

/// A namespace that waits for an hour: what it ends within a test, it ends for a better reason than time.
fn patient() -> World {
    let long = Duration::from_secs(3600);
    let connections = ConnectionLimits {
        handshake_timeout: long,
        connect_timeout: long,
        http_idle_timeout: long,
        write_timeout: long,
        ..ConnectionLimits::default()
    };
    World::with(NamespaceConfig { connections, ..config() })
}

/// Whether the namespace ends the connection, whatever it says before.
async fn ends(stream: &mut (impl AsyncRead + Unpin)) -> bool {
    let reading = async { while let Ok(1..) = stream.read(&mut [0; 4096]).await {} };
    timeout(LONG, reading).await.is_ok()
}

/// All that the namespace says until it ends the connection.
async fn last_words(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut said = Vec::new();
    // A reset is an end, too.
    let _ = timeout(LONG, stream.read_to_end(&mut said)).await.expect("the connection ends");
    said
}

async fn tcp(port: u16) -> TcpStream {
    TcpStream::connect(("127.0.0.1", port)).await.unwrap()
}

/// A client that was there before, and works on.
struct Honest {
    client: Client,
    receiver: Receiver,
    rounds: usize,
}

impl Honest {
    /// On a namespace on which everybody may do everything under `t/` from now on.
    async fn at(world: &World) -> Self {
        world.contoso(&["t/#"]);
        let client = world.client("honest");
        let receiver = client.receiver(None).unwrap();
        subscribe(&client, "t/honest").await.unwrap();
        Self { client, receiver, rounds: 0 }
    }

    /// It publishes and receives, on the connection that it has had all the time.
    async fn works(&mut self) {
        self.rounds += 1;
        let body = self.rounds.to_string();
        publish(&self.client, "t/honest", &body).await.unwrap();
        assert_eq!(next_body(&self.receiver).await, body);
        assert_eq!(self.client.stats().connects, 1);
    }
}
