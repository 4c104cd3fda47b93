//! A counter of the connection task's.

use std::sync::atomic::{AtomicU64, Ordering};

/// A counter with one writer, so that no read-modify-write is needed.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts on.
    #[inline]
    pub fn add(&self, amount: u64) {
        self.0.store(self.get().wrapping_add(amount), Ordering::Relaxed);
    }

    /// Starts over from `amount`.
    #[inline]
    pub fn set(&self, amount: u64) {
        self.0.store(amount, Ordering::Relaxed);
    }

    /// The reading.
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Declares `Counters`, which a connection task writes, and `Stats`, a reading of everything that is counted or measured: what is
/// `counted` in them, what somebody else knows when it is read (`held`), and how long answers take (`round_trips`).
#[macro_export]
macro_rules! stats {
    (
        counted { $($(#[$counted_doc:meta])* $counted:ident,)* }
        held { $($(#[$held_doc:meta])* $held:ident,)* }
        round_trips { $($(#[$trips_doc:meta])* $trips:ident,)* }
    ) => {
        /// Counters since the client was made.
        #[derive(Debug, Default)]
        pub(super) struct Counters { $(pub(super) $counted: $crate::counter::Counter,)* }

        /// A reading of everything that is counted or measured.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct Stats {
            $($(#[$counted_doc])* pub $counted: u64,)*
            $($(#[$held_doc])* pub $held: u64,)*
            /// Since when the connection stands; a planned reconnect does not end it.
            pub connected_since: Option<std::time::SystemTime>,
            /// Until when the token or credential of the connection is valid, in seconds of Unix time.
            pub token_expiry: Option<u64>,
            $($(#[$trips_doc])* pub $trips: Option<$crate::histogram::RoundTrips>,)*
        }

        impl Counters {
            fn read(&self) -> Stats {
                Stats { $($counted: self.$counted.get(),)* ..Stats::default() }
            }
        }

        impl Stats {
            /// Every count by its name.
            pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($counted), self.$counted),)* $((stringify!($held), self.$held),)*].into_iter()
            }

            /// How long answers take, by the name of what is asked.
            pub fn round_trips(&self) -> impl Iterator<Item = (&'static str, Option<$crate::histogram::RoundTrips>)> {
                [$((stringify!($trips), self.$trips),)*].into_iter()
            }
        }
    };
}

pub use stats;
