//! One connection of the HTTPS listener, after its TLS handshake.

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;

use super::super::config::Limits;
use super::answer::Admitted;
use super::limits::Abort;
use super::paths;
use azmqtt_local::client_certificates::ClientChain;
use azmqtt_local::handshake::ServerStream;
use azmqtt_local::http::{IdleTimeoutBody, IdleTimeoutWrites};
use azmqtt_local::unauthenticated::Unauthenticated;

/// A TLS connection of the HTTPS listener.
pub(super) type HttpsStream = IdleTimeoutWrites<ServerStream>;

/// What a connection's requests know of it; in their extensions.
#[derive(Clone)]
pub(super) struct Peer {
    place: Arc<Mutex<Option<Unauthenticated>>>,
    /// The client certificate that it showed in the handshake, if any.
    pub(super) chain: ClientChain,
}

impl Peer {
    /// The connection's place among those of the listener, for a handler that takes the connection over. There is
    /// one, and then none.
    pub(super) fn take_place(&self) -> Option<Unauthenticated> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Answers the requests of one client until it goes, stalls, or becomes something else by an upgrade. `place` is
/// given back at the end.
pub async fn serve(
    stream: ServerStream,
    chain: ClientChain,
    router: Router,
    limits: Limits,
    place: Unauthenticated,
) {
    let peer = Peer { place: Arc::new(Mutex::new(Some(place))), chain };
    let service = TowerToHyperService::new(router);
    let answer = service_fn(|request: hyper::Request<Incoming>| {
        let (mut parts, body) = request.into_parts();
        parts.extensions.insert(peer.clone());
        parts.uri = paths::canonical(&parts.method, parts.uri);
        let body = IdleTimeoutBody::new(body, limits.http_idle_timeout);
        let answer = service.call(hyper::Request::from_parts(parts, body));
        async move {
            let mut answer = answer.await.unwrap_or_else(|never: Infallible| match never {});
            // No stranger keeps a place by requests that are refused.
            let stranger = answer.extensions().get::<Admitted>().is_none();
            if answer.status().is_client_error() && stranger {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            if answer.extensions().get::<Abort>().is_some() {
                return Err(io::Error::other("a fault"));
            }
            Ok(answer)
        }
    });
    let stream: HttpsStream = IdleTimeoutWrites::new(stream, limits.write_timeout);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // Also how long a connection may wait for its next request.
        .header_read_timeout(limits.http_idle_timeout)
        .max_header_size(MAX_HEADER_SIZE)
        .serve_connection(TokioIo::new(stream), answer)
        .with_upgrades();
    // A client that went, or was not worth listening to.
    let _ = connection.await;
}

/// Of a request's head, in bytes. SAS tokens and blob URLs are long, but not that long.
const MAX_HEADER_SIZE: usize = 16 << 10;
