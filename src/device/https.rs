//! HTTPS requests of a device: one at a time on one connection, every wait with a deadline, every answer bounded.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::task::AbortHandle;
use tokio::time::sleep_until;

use super::body::{BodyError, collect};
use super::config::{ConnectDeadlines, later};
use super::endpoint::Endpoint;
use super::error::{Error, Step};
use super::transport;

/// A body is handed to the connection in pieces of this size; each one taken counts as progress.
const PIECE: usize = 64 << 10;

/// How slow a line may be, in bytes a second. The system takes megabytes off our hands at once, so that what was taken
/// has long not arrived: the answer is waited for as long as the body takes on such a line.
const SLOWEST: u64 = 8 << 10;

/// A request. `Debug` is not derived: targets and headers may hold secrets.
#[derive(Clone)]
pub(super) struct Request {
    pub(super) method: Method,
    /// Path and query.
    pub(super) target: String,
    pub(super) headers: Vec<(HeaderName, String)>,
    pub(super) body: Bytes,
    /// A longer answer is an error; in bytes.
    pub(super) max_answer: usize,
}

/// An answer, whatever its status.
pub(super) struct Response {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Response {
    /// A header as text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// A connection to one server, opened when it is needed and kept for the next request.
pub(super) struct Https {
    endpoint: Endpoint,
    deadlines: ConnectDeadlines,
    /// How long a request may go without a sign of life, besides the time that its body takes.
    patience: Duration,
    open: Option<Open>,
}

struct Open {
    sender: SendRequest<Pieces>,
    driver: AbortHandle,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Https {
    pub(super) fn new(endpoint: Endpoint, deadlines: ConnectDeadlines, patience: Duration) -> Self {
        Self { endpoint, deadlines, patience, open: None }
    }

    /// Sends a request and reads the answer. `what` names the request in errors.
    ///
    /// # Errors
    /// [`Error::ConnectionFailed`] when no connection could be made, [`Error::ConnectionLost`] when it ended before
    /// the answer did, [`Error::RequestTimeout`] without a sign of life, [`Error::BadAnswer`] for what is not HTTP or
    /// too long.
    pub(super) async fn send(&mut self, what: &'static str, request: Request) -> Result<Response, Error> {
        let kept = self.open.take().filter(|open| !open.sender.is_closed());
        let was_kept = kept.is_some();
        let mut open = match kept {
            Some(open) => open,
            None => self.connect(what).await?,
        };
        match self.exchange(what, &mut open, request.clone()).await {
            // The server had closed the kept connection, and nothing of the request was sent.
            Err(Failure { unsent: true, .. }) if was_kept => {
                open = self.connect(what).await?;
                let answered = self.exchange(what, &mut open, request).await;
                self.keep(open, answered)
            }
            answered => self.keep(open, answered),
        }
    }

    fn keep(&mut self, open: Open, answered: Result<Response, Failure>) -> Result<Response, Error> {
        let response = answered.map_err(|failure| failure.error)?;
        self.open = Some(open);
        Ok(response)
    }

    async fn connect(&self, what: &'static str) -> Result<Open, Error> {
        let stream = transport::open(&self.endpoint, self.deadlines).await?;
        let lost = |error: hyper::Error| self.failed(what, &error).error;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(lost)?;
        let driver = tokio::spawn(async move { drop(connection.await) }).abort_handle();
        Ok(Open { sender, driver })
    }

    async fn exchange(
        &self,
        what: &'static str,
        open: &mut Open,
        request: Request,
    ) -> Result<Response, Failure> {
        let progress = Arc::new(Progress::default());
        let for_body = Duration::from_secs(request.body.len() as u64 / SLOWEST);
        let patience = self.patience.saturating_add(for_body);
        let max_answer = request.max_answer;
        let request = self.assemble(request, &progress)?;
        let exchange = async {
            let response =
                open.sender.send_request(request).await.map_err(|error| self.failed(what, &error))?;
            let (parts, body) = response.into_parts();
            progress.note();
            let body = collect(body, max_answer, || progress.note()).await;
            let body = body.map_err(|error| match error {
                BodyError::Broken(error) => self.failed(what, &error),
                BodyError::TooLong => {
                    let endpoint = &self.endpoint;
                    let reason =
                        format!("{endpoint}: the answer to {what} is longer than {max_answer} bytes");
                    Error::BadAnswer { reason }.into()
                }
            })?;
            Ok(Response { status: parts.status, headers: parts.headers, body })
        };
        tokio::select! {
            biased;
            answered = exchange => answered,
            () = progress.stalled(patience) => {
                Err(Error::RequestTimeout { operation: what, after: patience, known: None }.into())
            }
        }
    }

    fn assemble(
        &self,
        request: Request,
        progress: &Arc<Progress>,
    ) -> Result<hyper::Request<Pieces>, Failure> {
        let host = if self.endpoint.host.contains(':') {
            format!("[{}]", self.endpoint.host)
        } else {
            self.endpoint.host.clone()
        };
        let host = if self.endpoint.port == 443 { host } else { format!("{host}:{}", self.endpoint.port) };
        let mut built = hyper::Request::builder()
            .method(request.method)
            .uri(request.target)
            .header(HOST, host)
            .header(USER_AGENT, concat!("azmqtt/", env!("CARGO_PKG_VERSION")))
            .header(CONTENT_LENGTH, request.body.len());
        for (name, value) in request.headers {
            let mut value = HeaderValue::try_from(value).map_err(|_| malformed())?;
            value.set_sensitive(true);
            built = built.header(name, value);
        }
        // The error would show the target.
        built.body(Pieces { rest: request.body, progress: Arc::clone(progress) }).map_err(|_| malformed())
    }

    fn failed(&self, what: &'static str, error: &hyper::Error) -> Failure {
        let io = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<io::Error>());
        if let Some(error) = io.filter(|error| transport::is_tls_refusal(error)) {
            let reason =
                format!("{}: {}", self.endpoint, transport::explain_tls(error, None, &self.endpoint));
            return Error::ConnectionFailed { step: Step::Tls, reason }.into();
        }
        let reason = format!("{}: {what}: {}", self.endpoint, explain(error));
        let unsent = error.is_canceled();
        // What was said is not HTTP, or the line broke.
        let is_rubbish = error.is_parse() || error.is_parse_too_large();
        let error = if is_rubbish { Error::BadAnswer { reason } } else { Error::ConnectionLost { reason } };
        Failure { error, unsent }
    }
}

/// An error with its causes: the outermost alone says little.
fn explain(error: &hyper::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

struct Failure {
    error: Error,
    /// The request never left.
    unsent: bool,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, unsent: false }
    }
}

fn malformed() -> Failure {
    Error::BadAnswer { reason: "the server's answer makes a request that cannot be sent".to_owned() }.into()
}

/// When a request last moved on.
struct Progress(Mutex<Instant>);

impl Default for Progress {
    fn default() -> Self {
        Self(Mutex::new(Instant::now()))
    }
}

impl Progress {
    fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Resolves when nothing has moved for as long as that.
    async fn stalled(&self, patience: Duration) {
        loop {
            let end = later(*self.0.lock().unwrap_or_else(PoisonError::into_inner), patience);
            if end <= Instant::now() {
                return;
            }
            sleep_until(end.into()).await;
        }
    }
}

/// A request's body, a piece at a time.
struct Pieces {
    rest: Bytes,
    progress: Arc<Progress>,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.progress.note();
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let size = self.rest.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(size)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}
