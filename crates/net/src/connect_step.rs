//! The steps of a connection, and which of them is under way.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// A step of making a connection. The last two belong to the protocol on the stream: they stand here so that one type
/// names every step from the host name to the accepted session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Looking the host name up.
    Dns,
    /// Opening the TCP connection.
    Tcp,
    /// Having a proxy connect to the host.
    Proxy,
    /// Asking which roots the server's certificate may chain to.
    TrustBundle,
    /// The TLS handshake, the server's certificate included.
    Tls,
    /// The upgrade to a WebSocket.
    WebSocket,
    /// Making the signature or getting the token that the server is shown.
    Credentials,
    /// CONNECT and its answer.
    Mqtt,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dns => "DNS",
            Self::Tcp => "TCP",
            Self::Proxy => "proxy",
            Self::TrustBundle => "trust bundle",
            Self::Tls => "TLS",
            Self::WebSocket => "WebSocket",
            Self::Credentials => "credentials",
            Self::Mqtt => "MQTT CONNECT",
        })
    }
}

tokio::task_local! {
    /// Where the attempt that this task polls writes its steps. Whoever opens a stream needs no argument for it, and an
    /// attempt that nobody waits for (a planned reconnect) writes nothing.
    static WATCHED: Arc<ConnectProgress>;
}

/// The step that is under way, for the text of a timeout. Only the task that makes the attempts writes it.
#[derive(Debug, Default)]
pub struct ConnectProgress(AtomicU8);

/// The steps that take time, in words. 0 stands for none, 1 for the first.
const STEPS: [(Step, &str); 8] = [
    (Step::TrustBundle, "the trust bundle for"),
    (Step::Dns, "the DNS look-up for"),
    (Step::Tcp, "the TCP connection to"),
    (Step::Proxy, "the proxy's way to"),
    (Step::Tls, "the TLS handshake with"),
    (Step::WebSocket, "the upgrade to a WebSocket at"),
    (Step::Credentials, "the signature or token for"),
    (Step::Mqtt, "the answer to CONNECT from"),
];

impl ConnectProgress {
    /// Runs an attempt whose steps are written here.
    pub fn watch<F: Future>(self: &Arc<Self>, attempt: F) -> impl Future<Output = F::Output> + use<F> {
        WATCHED.scope(Arc::clone(self), attempt)
    }

    /// What is waited for, in words: `whom` completes them.
    pub fn describe(&self, whom: impl fmt::Display) -> Option<String> {
        self.look().map(|(_, words)| format!("{words} {whom} is still awaited"))
    }

    /// The step, if one is under way.
    pub fn step(&self) -> Option<Step> {
        self.look().map(|(step, _)| *step)
    }

    fn look(&self) -> Option<&'static (Step, &'static str)> {
        STEPS.get(usize::from(self.0.load(Ordering::Relaxed)).checked_sub(1)?)
    }

    /// A step begins; `None` when the last one is over.
    pub fn set(&self, step: Option<Step>) {
        let place = step.and_then(|step| STEPS.iter().position(|(known, _)| *known == step));
        self.0.store(place.map_or(0, |place| place as u8 + 1), Ordering::Relaxed);
    }
}

/// A step begins, in the attempt that this task polls.
pub fn begins(step: Step) {
    tell(Some(step));
}

/// The last step is over, and what follows is none of an attempt.
pub fn is_over() {
    tell(None);
}

fn tell(step: Option<Step>) {
    // Outside of a watched attempt there is nobody to tell.
    let _ = WATCHED.try_with(|watched| watched.set(step));
}
