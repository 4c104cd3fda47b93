//! The first packet of a client of MQTT.

use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::events::Cause;
use crate::shared::Shared;
use azmqtt_local::connecting::receive_connect;
use azmqtt_local::packets::PacketLog;
use azmqtt_local::transport::Transport;
use azmqtt_mqtt::{Connect, ProtocolError, Server};

pub use azmqtt_local::connecting::{LINGER, send_refusal};

/// A client that has said who it wants to be, or broken MQTT while it did.
pub struct ReceivedConnect<S, T> {
    pub transport: Transport<S>,
    pub server: Server<T>,
    pub connect: Result<Connect, ProtocolError>,
    /// What it came by, for those who watch the hub: `mqtt`, or `websocket`.
    pub protocol: &'static str,
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
    let limit = shared.config.limits.connect_timeout;
    let note = |reason: String| shared.note_refusal(Cause::Unfinished, &reason);
    let connect = receive_connect(&mut transport, &mut server, limit, note).await?;
    Some(ReceivedConnect { transport, server, connect, protocol: "mqtt" })
}
