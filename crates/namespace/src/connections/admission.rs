//! From a stream to a connection of the broker: CONNECT, and who sent it.

use std::sync::Arc;
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::authenticating::{authenticate, valid_until};
use super::connection::{Connected, spawn};
use super::renewal::Renewal;
use crate::authentication::{Admitted, Shown};
use crate::broker::{Refusal, Token, check_connect};
use crate::faults::ConnectFault;
use crate::shared::Shared;
use azmqtt_local::client_certificates::ClientChain;
use azmqtt_local::connecting::{LINGER, receive_connect, send_refusal};
use azmqtt_local::faults::{SILENCE, stays};
use azmqtt_local::packets::PacketLog;
use azmqtt_local::transport::Transport;
use azmqtt_local::unauthenticated::Unauthenticated;
use azmqtt_mqtt::{Connect, Properties, ProtocolError, ReasonCode, Server};

/// Lets a client in whose TLS handshake is done and showed `chain`. `unauthenticated` is given back once it is let in.
pub async fn serve<S>(stream: S, chain: ClientChain, shared: Arc<Shared>, unauthenticated: Unauthenticated)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut transport = Transport::new(stream, shared.packets.as_ref().map(PacketLog::tap));
    let mut server = shared.broker.lock().server(Instant::now());
    let limit = shared.config.connections.connect_timeout;
    let note = |reason| shared.note_refusal(reason);
    let Some(received) = receive_connect(&mut transport, &mut server, limit, note).await else { return };
    let connect = match received {
        Ok(connect) => connect,
        Err(error @ ProtocolError::UnsupportedLevel(_)) => {
            let refusal = Refusal::new(ReasonCode::UnsupportedProtocolVersion, error.to_string());
            return refuse(transport, server, &shared, "", refusal).await;
        }
        Err(_) => return,
    };
    let name =
        connect.username.as_deref().filter(|name| !name.is_empty()).unwrap_or(&connect.client_id).to_owned();
    if shared.faults.is_armed()
        && let Some(fault) = shared.faults.at_connect(&connect.client_id, Instant::now())
    {
        match fault {
            ConnectFault::Drop => return,
            ConnectFault::Silence => {
                stays(&mut transport, SILENCE).await;
                return;
            }
            ConnectFault::Delay(time) => {
                if !stays(&mut transport, time).await {
                    return;
                }
            }
            ConnectFault::Refuse(code) => {
                let refusal = Refusal::new(code_of(code), "a fault that was asked for");
                return refuse(transport, server, &shared, &name, refusal).await;
            }
        }
    }
    let shown = Shown::in_connect(&connect, chain);
    let admitted = match check_connect(&connect, &shared.config.behaviours) {
        Ok(()) => Box::pin(authenticate(shared.clone(), shown.clone())).await,
        Err(refusal) => Err(refusal),
    };
    let admitted = match admitted {
        Ok(admitted) => admitted,
        Err(refusal) => return refuse(transport, server, &shared, &name, refusal).await,
    };
    match accept(server, connect, admitted, shown, &shared) {
        Ok(connected) => {
            drop(unauthenticated);
            spawn(transport, connected, shared);
        }
        Err((server, refusal)) => refuse(transport, *server, &shared, &name, refusal).await,
    }
}

/// The reason for a code of CONNACK, of either version.
fn code_of(code: u8) -> ReasonCode {
    match code {
        1 => ReasonCode::UnsupportedProtocolVersion,
        2 => ReasonCode::ClientIdentifierNotValid,
        3 => ReasonCode::ServerUnavailable,
        4 => ReasonCode::BadUserNameOrPassword,
        code => {
            ReasonCode::from_byte(code).filter(|code| code.is_error()).unwrap_or(ReasonCode::NotAuthorized)
        }
    }
}

/// Makes the sender of a CONNECT a client of the broker.
fn accept(
    server: Server<Token>,
    connect: Connect,
    admitted: Admitted,
    shown: Shown,
    shared: &Shared,
) -> Result<Connected, (Box<Server<Token>>, Refusal)> {
    let valid_until = valid_until(&admitted);
    let name = admitted.identity.principal.name.clone();
    // A clean start, or a session that is taken over, may have a will that waits.
    let accepted = shared.change(|broker, now| broker.connect(server, connect, admitted.identity, now))?;
    Ok(Connected {
        connection: accepted.connection,
        valid_until,
        renewal: Renewal::new(shown),
        name,
        client_id: accepted.client_id,
    })
}

/// Tells the client that calls itself `name` that its connection is refused.
async fn refuse<S>(
    mut transport: Transport<S>,
    mut server: Server<Token>,
    shared: &Shared,
    name: &str,
    refusal: Refusal,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // Where the broker has refused it already, this does nothing.
    server.refuse(refusal.code, Properties::default());
    transport.ends(format_args!("refused: {refusal}"));
    shared.note_refused_client(name, &refusal);
    let _ = timeout(LINGER, send_refusal(&mut transport, &mut server)).await;
}
