//! The first packet of a client of MQTT, and the answer to one that is refused.

use std::future::poll_fn;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use crate::shared::Shared;
use azmqtt_local::packets::PacketLog;
use azmqtt_local::transport::Transport;
use azmqtt_mqtt::server::Event;
use azmqtt_mqtt::{Connect, ProtocolError, Server};

/// How long a refused client may take to read its CONNACK.
pub const LINGER: Duration = Duration::from_secs(1);

/// A client that has said who it wants to be, or broken MQTT while it did.
pub struct ReceivedConnect<S, T> {
    pub transport: Transport<S>,
    pub server: Server<T>,
    pub connect: Result<Connect, ProtocolError>,
}

/// Waits for the CONNECT of a client whose TLS handshake is done; `None` if it does not come in time.
pub async fn read_connect<S, T>(
    stream: S,
    max_in_flight: u16,
    shared: &Shared,
) -> Option<ReceivedConnect<S, T>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut transport = Transport::new(stream, shared.packets.as_ref().map(PacketLog::tap));
    let mut server = Server::new(max_in_flight, Instant::now());
    let connecting = receive_connect(&mut transport, &mut server);
    let connect = timeout(shared.config.limits.connect_timeout, connecting).await.ok()??;
    Some(ReceivedConnect { transport, server, connect })
}

/// The first packet, or why it is none; `None` if the client went.
async fn receive_connect<S, T>(
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
    let written = poll_fn(|cx| transport.poll_write(cx, server.output(), Instant::now())).await;
    if written.is_err() || poll_fn(|cx| transport.poll_shutdown(cx)).await.is_err() {
        return;
    }
    while let Ok(1..) = poll_fn(|cx| transport.poll_read(cx)).await {
        transport.input().clear();
    }
}
