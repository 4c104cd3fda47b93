//! HTTPS requests, and HTTP where it must be: one at a time on one connection, every wait with a deadline, every answer bounded.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
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
use crate::connect;
use crate::connect_step::Step;
use crate::deadlines::{ConnectDeadlines, later};
use crate::endpoint::Endpoint;
use crate::error::ConnectError;
use crate::sync::Mutex;

/// A body is handed to the connection in pieces of this size; each one taken counts as progress.
const PIECE: usize = 64 << 10;

/// How slow a line may be, in bytes a second. The system takes megabytes off our hands at once, so that what was taken
/// has long not arrived: the answer is waited for as long as the body takes on such a line.
const SLOWEST: u64 = 8 << 10;

/// A request. `Debug` is not derived: targets and headers may hold secrets.
#[derive(Clone)]
pub struct Request {
    /// GET, PUT, …
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// Beside those of the connection and the body's length.
    pub headers: Vec<(HeaderName, String)>,
    /// May be empty.
    pub body: Bytes,
    /// A longer answer is an error; in bytes.
    pub max_answer: usize,
}

/// An answer, whatever its status.
pub struct Response {
    /// 200, 404, …
    pub status: StatusCode,
    /// As they came.
    pub headers: HeaderMap,
    /// As much as [`Request::max_answer`] allows.
    pub body: Vec<u8>,
}

impl Response {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq)]
pub enum RequestError {
    /// No connection could be made.
    Connect(ConnectError),
    /// The connection ended before the answer did.
    Lost {
        /// What happened, with the host and the request's name.
        reason: String,
    },
    /// There was no sign of life for too long.
    TimedOut {
        /// The request's name.
        request: &'static str,
        /// How long.
        after: Duration,
    },
    /// What came is not HTTP, or too long.
    BadAnswer {
        /// What is wrong with it.
        reason: String,
    },
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => error.fmt(f),
            Self::Lost { reason } => write!(f, "connection lost: {reason}"),
            Self::TimedOut { request, after } => {
                write!(f, "no answer to {request} within {} s", after.as_secs_f64())
            }
            Self::BadAnswer { reason } => write!(f, "the answer is invalid: {reason}"),
        }
    }
}

impl std::error::Error for RequestError {}

impl From<ConnectError> for RequestError {
    fn from(error: ConnectError) -> Self {
        Self::Connect(error)
    }
}

/// A connection to one server, opened when it is needed and kept for the next request.
pub struct Https {
    endpoint: Endpoint,
    deadlines: ConnectDeadlines,
    /// How long a request may go without a sign of life, besides the time that its body takes.
    idle_timeout: Duration,
    is_encrypted: bool,
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
    /// Opens nothing yet. A request may go without a sign of life for `idle_timeout`, and for as long as its body takes on a
    /// slow line.
    pub fn new(endpoint: Endpoint, deadlines: ConnectDeadlines, idle_timeout: Duration) -> Self {
        Self { endpoint, deadlines, idle_timeout, is_encrypted: true, open: None }
    }

    /// The same over a plain connection: HTTP.
    #[must_use]
    pub fn without_tls(self) -> Self {
        Self { is_encrypted: false, ..self }
    }

    /// Sends a request and reads the answer. `what` names the request in errors.
    ///
    /// # Errors
    /// [`RequestError`]. The next request opens a new connection.
    pub async fn send(&mut self, what: &'static str, request: Request) -> Result<Response, RequestError> {
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

    fn keep(&mut self, open: Open, answered: Result<Response, Failure>) -> Result<Response, RequestError> {
        let response = answered.map_err(|failure| failure.error)?;
        self.open = Some(open);
        Ok(response)
    }

    async fn connect(&self, what: &'static str) -> Result<Open, RequestError> {
        let stream = if self.is_encrypted {
            connect::open_tls(&self.endpoint, self.deadlines).await?
        } else {
            connect::open_to_server(&self.endpoint, None, None, self.deadlines).await?
        };
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
        let idle_timeout = self.idle_timeout.saturating_add(for_body);
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
                    RequestError::BadAnswer { reason }.into()
                }
            })?;
            Ok(Response { status: parts.status, headers: parts.headers, body })
        };
        tokio::select! {
            biased;
            answered = exchange => answered,
            () = progress.stops(idle_timeout) => {
                Err(RequestError::TimedOut { request: what, after: idle_timeout }.into())
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
        let usual_port = if self.is_encrypted { 443 } else { 80 };
        let host =
            if self.endpoint.port == usual_port { host } else { format!("{host}:{}", self.endpoint.port) };
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
        if let Some(error) = io.filter(|error| connect::is_tls_refusal(error)) {
            let reason = format!("{}: {}", self.endpoint, connect::explain_tls(error, None, &self.endpoint));
            return RequestError::Connect(ConnectError::new(Step::Tls, reason)).into();
        }
        let reason = format!("{}: {what}: {}", self.endpoint, explain(error));
        let unsent = error.is_canceled();
        // What was said is not HTTP, or the line broke.
        let is_rubbish = error.is_parse() || error.is_parse_too_large();
        let error =
            if is_rubbish { RequestError::BadAnswer { reason } } else { RequestError::Lost { reason } };
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
    error: RequestError,
    /// The request never left.
    unsent: bool,
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        Self { error, unsent: false }
    }
}

fn malformed() -> Failure {
    RequestError::BadAnswer {
        reason: "the server's answer leads to a request that cannot be sent".to_owned(),
    }
    .into()
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
        *self.0.lock() = Instant::now();
    }

    /// Resolves when nothing has moved for as long as that.
    async fn stops(&self, idle_timeout: Duration) {
        loop {
            let end = later(*self.0.lock(), idle_timeout);
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
