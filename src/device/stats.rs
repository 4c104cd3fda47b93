//! What the connection task shows of itself: its state and its counters.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// Where a device's connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// Not connected, and not trying.
    Disconnected,
    /// The first attempt is under way.
    Connecting,
    /// Accepted by the hub.
    Connected,
    /// Lost or not reachable; the next attempt waits or is under way.
    Reconnecting,
    /// Closed for good.
    Closed,
}

impl State {
    const ALL: [Self; 5] =
        [Self::Disconnected, Self::Connecting, Self::Connected, Self::Reconnecting, Self::Closed];

    /// The name that Python shows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Reconnecting => "reconnecting",
            Self::Closed => "closed",
        }
    }
}

/// Written by the connection task, read from any thread.
#[derive(Debug, Default)]
pub(super) struct Monitor {
    state: AtomicU8,
    pub(super) counters: Counters,
    last_error: Mutex<Option<String>>,
}

impl Monitor {
    pub(super) fn state(&self) -> State {
        State::ALL[usize::from(self.state.load(Ordering::Acquire))]
    }

    pub(super) fn set_state(&self, state: State) {
        self.state.store(state as u8, Ordering::Release);
    }

    pub(super) fn last_error(&self) -> Option<String> {
        self.last_error.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    pub(super) fn set_last_error(&self, error: Option<String>) {
        *self.last_error.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = error;
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counters since the client was made.
        #[derive(Debug, Default)]
        pub(super) struct Counters { $(pub(super) $name: Counter,)* }

        /// A reading of the counters and queue depths.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct Stats {
            $($(#[$doc])* pub $name: u64,)*
            /// Messages and requests accepted and not yet answered.
            pub outstanding: u64,
            /// Their size in bytes.
            pub outstanding_bytes: u64,
        }

        impl Counters {
            pub(super) fn read(&self) -> Stats {
                Stats { $($name: self.$name.get(),)* outstanding: 0, outstanding_bytes: 0 }
            }
        }

        impl Stats {
            /// Every figure by its name.
            pub fn fields(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name),)* ("outstanding", self.outstanding),
                 ("outstanding_bytes", self.outstanding_bytes)].into_iter()
            }
        }
    };
}

counters! {
    /// Messages acknowledged by the hub (QoS 1) or written out (QoS 0).
    messages_sent,
    /// Messages that ended in an error.
    messages_failed,
    /// Messages sent again after a reconnect.
    messages_resent,
    /// Cloud-to-device messages that came in.
    messages_received,
    /// Twin requests answered, whatever the status.
    twin_requests_answered,
    /// Twin answers that belong to no request that is open.
    twin_answers_unmatched,
    /// Desired-property changes handed on.
    desired_changes,
    /// Calls of direct methods that came in.
    methods_called,
    /// Connections that the hub accepted.
    connects,
    /// Connections that ended other than by `close` or for a new token.
    connections_lost,
    /// Planned reconnects with a new token.
    tokens_renewed,
    /// Bytes written, before TLS.
    bytes_sent,
    /// Bytes read, after TLS.
    bytes_received,
}

/// A counter with one writer, so that no read-modify-write is needed.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, amount: u64) {
        self.0.store(self.get().wrapping_add(amount), Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
