//! Which step of an attempt to connect is under way, for the text of a timeout.

use std::fmt::Display;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use super::error::Step;

tokio::task_local! {
    /// Where the attempt that this task is polling writes its steps. Whoever opens a stream needs no argument for it,
    /// and an attempt that nobody waits for (a planned reconnect) writes nothing.
    static WATCHED: Arc<UnderWay>;
}

/// The step that is under way. Written by the task of its attempts alone.
#[derive(Debug, Default)]
pub(super) struct UnderWay(AtomicU8);

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

impl UnderWay {
    /// Runs an attempt whose steps are written here.
    pub(super) fn watch<F: Future>(self: &Arc<Self>, attempt: F) -> impl Future<Output = F::Output> + use<F> {
        WATCHED.scope(Arc::clone(self), attempt)
    }

    /// What is waited for, in words: `whom` completes them.
    pub(super) fn describe(&self, whom: impl Display) -> Option<String> {
        self.look().map(|(_, words)| format!("{words} {whom} is still awaited"))
    }

    pub(super) fn step(&self) -> Option<Step> {
        self.look().map(|(step, _)| *step)
    }

    fn look(&self) -> Option<&'static (Step, &'static str)> {
        STEPS.get(usize::from(self.0.load(Ordering::Relaxed)).checked_sub(1)?)
    }

    pub(super) fn set(&self, step: Option<Step>) {
        let place = step.and_then(|step| STEPS.iter().position(|(known, _)| *known == step));
        self.0.store(place.map_or(0, |place| place as u8 + 1), Ordering::Relaxed);
    }
}

/// A step begins.
pub(super) fn begins(step: Step) {
    tell(Some(step));
}

/// The last step is over, and what follows is none of an attempt.
pub(super) fn is_over() {
    tell(None);
}

fn tell(step: Option<Step>) {
    // Outside of a watched attempt there is nobody to tell.
    let _ = WATCHED.try_with(|watched| watched.set(step));
}
