//! One connection of an HTTPS listener, after its TLS handshake.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Method, Uri};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;

use super::{IdleTimeoutBody, IdleTimeoutWrites};
use crate::client_certificates::ClientChain;
use crate::handshake::ServerStream;
use crate::unauthenticated::Unauthenticated;
use azmqtt_net::sync::Mutex;

/// A TLS connection of the HTTPS listener.
pub type HttpsStream = IdleTimeoutWrites<ServerStream>;

/// What a connection's requests know of it; in their extensions.
#[derive(Clone)]
pub struct Peer {
    place: Arc<Mutex<Option<Unauthenticated>>>,
    /// The client certificate that it showed in the handshake, if any.
    pub chain: ClientChain,
}

impl Peer {
    /// The connection's place among those of the listener, for a handler that takes the connection over. There is
    /// one, and then none.
    pub fn take_place(&self) -> Option<Unauthenticated> {
        self.place.lock().take()
    }
}

/// In the extensions of an answer to somebody who is authenticated: the connection may be kept, though the request was refused.
#[derive(Clone, Copy)]
pub struct Authenticated;

/// In the extensions of an answer that must not be sent: the connection closes instead.
#[derive(Clone, Copy)]
pub struct Abort;

/// How long a peer may stop in the middle.
#[derive(Clone, Copy, Debug)]
pub struct IdleTimeouts {
    /// Without the next request, or the next part of one.
    pub read: Duration,
    /// Without taking anything of an answer.
    pub write: Duration,
}

/// Answers the requests of one client until it goes, stalls, or becomes something else by an upgrade. `place` is
/// given back at the end. Each request has a [`Peer`] in its extensions, and the address that `canonical` makes of its own.
pub async fn serve(
    stream: ServerStream,
    chain: ClientChain,
    router: Router,
    timeouts: IdleTimeouts,
    place: Unauthenticated,
    canonical: fn(&Method, Uri) -> Uri,
) {
    let peer = Peer { place: Arc::new(Mutex::new(Some(place))), chain };
    let service = TowerToHyperService::new(router);
    let answer = service_fn(|request: hyper::Request<Incoming>| {
        let (mut parts, body) = request.into_parts();
        parts.extensions.insert(peer.clone());
        parts.uri = canonical(&parts.method, parts.uri);
        let body = IdleTimeoutBody::new(body, timeouts.read);
        let answer = service.call(hyper::Request::from_parts(parts, body));
        async move {
            let mut answer = answer.await.unwrap_or_else(|never: Infallible| match never {});
            // No unauthenticated client keeps a place by requests that are refused.
            let authenticated = answer.extensions().get::<Authenticated>().is_some();
            if answer.status().is_client_error() && !authenticated {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            if answer.extensions().get::<Abort>().is_some() {
                return Err(io::Error::other("a fault"));
            }
            Ok(answer)
        }
    });
    let stream: HttpsStream = IdleTimeoutWrites::new(stream, timeouts.write);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // Also how long a connection may wait for its next request.
        .header_read_timeout(timeouts.read)
        .max_header_size(MAX_HEADER_SIZE)
        .serve_connection(TokioIo::new(stream), answer)
        .with_upgrades();
    // A client that went, or was not worth listening to.
    let _ = connection.await;
}

/// Of a request's head, in bytes. SAS tokens and blob URLs are long, but not that long.
const MAX_HEADER_SIZE: usize = 16 << 10;
