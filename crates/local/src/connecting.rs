//! The first packet of a client of MQTT, and the answer to one that is refused.

use std::future::poll_fn;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use crate::transport::Transport;
use azmqtt_mqtt::server::Event;
use azmqtt_mqtt::{Connect, ProtocolError, Server};

/// How long a refused client may take to read its CONNACK.
pub const LINGER: Duration = Duration::from_secs(1);

/// Waits for the CONNECT of a client: the packet, or the error of its bytes; `None` if the client closes the connection
/// first, or if nothing comes within `limit`, which `note` is told.
pub async fn receive_connect<S, T>(
    transport: &mut Transport<S>,
    server: &mut Server<T>,
    limit: Duration,
    note: impl FnOnce(String),
) -> Option<Result<Connect, ProtocolError>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if let Ok(received) = timeout(limit, receive(transport, server)).await {
        return received;
    }
    note(format!("a client sent no CONNECT within {limit:?} of its TLS handshake"));
    None
}

/// Waits for the CONNECT without a limit; `None` if the client closes the connection.
async fn receive<S, T>(
    transport: &mut Transport<S>,
    server: &mut Server<T>,
) -> Option<Result<Connect, ProtocolError>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        match poll_fn(|cx| transport.poll_read(cx)).await {
            Err(_) | Ok(0) => return None,
            Ok(_) => match server.poll(transport.input(), Instant::now()) {
                Ok(Some(Event::Connect(connect))) => return Some(Ok(*connect)),
                Ok(_) => {}
                Err(error) => return Some(Err(error)),
            },
        }
    }
}

/// Writes the refusal and waits for the client to go: closing on unread input would reset the connection, and the
/// client might never see the answer.
pub async fn send_refusal<S, T>(transport: &mut Transport<S>, server: &mut Server<T>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut output = server.output().split();
    send_last(transport, &mut output).await;
}

/// The same for any last bytes.
pub async fn send_last<S>(transport: &mut Transport<S>, output: &mut bytes::BytesMut)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let written = poll_fn(|cx| transport.poll_write(cx, output, Instant::now())).await;
    if written.is_err() || poll_fn(|cx| transport.poll_shutdown(cx)).await.is_err() {
        return;
    }
    while let Ok(1..) = poll_fn(|cx| transport.poll_read(cx)).await {
        transport.input().clear();
    }
}
