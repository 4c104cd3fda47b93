//! From a stream to a connection of the broker: CONNECT, and who sent it.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use super::connection::{Connected, run};
use crate::authentication::{Admitted, Judge};
use crate::broker::{Refusal, Token, check_connect};
use crate::shared::Shared;
use azmqtt_local::client_certificates::ClientChain;
use azmqtt_local::connecting::{LINGER, receive_connect, send_refusal};
use azmqtt_local::transport::Transport;
use azmqtt_local::unauthenticated::Unauthenticated;
use azmqtt_mqtt::{Connect, Properties, ProtocolError, ReasonCode, Server};

/// A time that nobody lives to see.
const FAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// Serves a client whose TLS handshake is done and showed `chain`. `unauthenticated` is given back once it is let in.
pub async fn serve<S>(stream: S, chain: ClientChain, shared: Arc<Shared>, unauthenticated: Unauthenticated)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut transport = Transport::new(stream, None);
    let mut server = shared.broker.lock().server(Instant::now());
    let limit = shared.config.connections.connect_timeout;
    let Some(received) = receive_connect(&mut transport, &mut server, limit).await else { return };
    let connect = match received {
        Ok(connect) => connect,
        Err(error @ ProtocolError::UnsupportedLevel(_)) => {
            let refusal = Refusal::new(ReasonCode::UnsupportedProtocolVersion, error.to_string());
            return refuse(transport, server, &shared, refusal).await;
        }
        Err(_) => return,
    };
    match accept(server, connect, &chain, &shared) {
        Ok(connected) => {
            drop(unauthenticated);
            // In a place of its own, so that a stranger does not take as much room as a client.
            Box::pin(run(transport, connected, shared)).await;
        }
        Err((server, refusal)) => refuse(transport, *server, &shared, refusal).await,
    }
}

/// Judges a CONNECT, and makes its sender a client of the broker.
fn accept(
    server: Server<Token>,
    connect: Connect,
    chain: &ClientChain,
    shared: &Shared,
) -> Result<Connected, (Box<Server<Token>>, Refusal)> {
    let now = Instant::now();
    let admitted = {
        let broker = shared.broker.lock();
        let judge = Judge {
            directory: broker.directory(),
            authorities: &shared.authorities.lock(),
            behaviours: broker.behaviours(),
        };
        check_connect(&connect, broker.behaviours())
            .and_then(|()| judge.admit(&connect, chain, SystemTime::now()))
    };
    let Admitted { identity, valid_for } = match admitted {
        Ok(admitted) => admitted,
        Err(refusal) => return Err((Box::new(server), refusal)),
    };
    // A clean start, or a session that is taken over, may have a will that waits.
    let accepted = shared.change(|broker, now| broker.connect(server, connect, identity, now))?;
    let valid_until = now.checked_add(valid_for.min(FAR)).unwrap_or(now + FAR);
    Ok(Connected { connection: accepted.connection, valid_until })
}

/// Tells a client that it is not let in.
async fn refuse<S>(mut transport: Transport<S>, mut server: Server<Token>, shared: &Shared, refusal: Refusal)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // Where the broker has refused it already, this does nothing.
    server.refuse(refusal.code, Properties::default());
    transport.ends(format_args!("refused: {refusal}"));
    shared.note_refusal(refusal.reason);
    let _ = timeout(LINGER, send_refusal(&mut transport, &mut server)).await;
}
