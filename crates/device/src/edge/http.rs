//! One request over one connection to a socket of this machine: no pool, no redirects, no encodings, and bounds on
//! whatever comes back.

use std::future::{Future, pending};

use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONNECTION, CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Method, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::Deadlines;
use super::address::{Address, Place};
use azmqtt_dialect::encoding::excerpt;
use azmqtt_net::connect::dial;
use azmqtt_net::http::{BodyError, collect};

/// The longest head of an answer, in bytes.
const MAX_HEAD: usize = 16 << 10;
/// The longest body, in bytes: a bundle of certificates is a few kilobytes.
const MAX_BODY: usize = 1 << 20;
/// How much of what the runtime says about an error is shown, in characters.
const MAX_MESSAGE: usize = 300;

pub(super) struct Request {
    pub(super) method: Method,
    /// With the query.
    pub(super) path: String,
    /// JSON, or empty for none.
    pub(super) body: String,
}

/// Sends the request; the JSON of an answer 200.
///
/// # Errors
/// A sentence that says which step failed and how.
pub(super) async fn send(address: &Address, request: Request, deadlines: Deadlines) -> Result<Value, String> {
    match &address.place {
        #[cfg(unix)]
        Place::Socket(path) => exchange(UnixStream::connect(path), address, request, deadlines).await,
        Place::Port { host, port } => {
            let connecting =
                async { dial::connect(dial::resolve(host, *port).await?, deadlines.connect).await };
            exchange(connecting, address, request, deadlines).await
        }
    }
}

async fn exchange<S>(
    connecting: impl Future<Output = std::io::Result<S>>,
    address: &Address,
    request: Request,
    deadlines: Deadlines,
) -> Result<Value, String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let late = |what: &str, limit: std::time::Duration| format!("{what} within {} s", limit.as_secs_f64());
    let stream = timeout(deadlines.connect, connecting)
        .await
        .map_err(|_| late("it refused the connection", deadlines.connect))?
        .map_err(|error| format!("cannot connect: {error}"))?;
    let answered = timeout(deadlines.answer, ask(stream, address, request)).await;
    answered.unwrap_or_else(|_| Err(late("no whole answer", deadlines.answer)))
}

async fn ask<S>(stream: S, address: &Address, request: Request) -> Result<Value, String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| broken(&error))?;
    let mut head = hyper::Request::builder()
        .method(request.method)
        .uri(request.path)
        .header(HOST, address.host())
        .header(USER_AGENT, concat!("azmqtt/", env!("CARGO_PKG_VERSION")))
        .header(ACCEPT, "application/json")
        .header(CONNECTION, "close");
    if !request.body.is_empty() {
        head = head.header(CONTENT_TYPE, "application/json");
    }
    let request = head.body(request.body).map_err(|error| error.to_string())?;
    let asking = async {
        let response = sender.send_request(request).await.map_err(|error| broken(&error))?;
        read(response).await
    };
    // The connection moves the bytes. Its end is told to the request, which may have some of them still to read.
    let moving = async {
        let _ = connection.await;
        pending::<()>().await;
    };
    tokio::select! {
        answer = asking => answer,
        () = moving => Err("the connection ended".to_owned()),
    }
}

async fn read(response: Response<Incoming>) -> Result<Value, String> {
    let status = response.status();
    let body = collect(response.into_body(), MAX_BODY, || {}).await.map_err(|error| match error {
        BodyError::Broken(error) => broken(&error),
        BodyError::TooLong => format!("its answer has more than {MAX_BODY} bytes"),
    })?;
    let parsed = serde_json::from_slice::<Value>(&body);
    if status != StatusCode::OK {
        // Errors have the form {"message": "…"}.
        let message = parsed.ok().and_then(|error| Some(error.get("message")?.as_str()?.to_owned()));
        let message = message.map(|text| format!(": {}", excerpt(&text, MAX_MESSAGE))).unwrap_or_default();
        return Err(format!("it answered {status}{message}"));
    }
    parsed.map_err(|_| "its answer is not JSON".to_owned())
}

fn broken(error: &hyper::Error) -> String {
    format!("not a whole answer in HTTP/1.1: {error}")
}
