//! A connection on which the service does not read, or does not write either, for a time.

use std::time::{Duration, Instant};

/// After a time without reading, the client's own packets have that long to be read before it counts as silent.
const GRACE: Duration = Duration::from_secs(5);

/// A time without an end: the connection ends before.
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// Until when a connection is not read and not written.
#[derive(Debug, Default)]
pub struct Silence {
    reads_at: Option<Instant>,
    writes_at: Option<Instant>,
    /// Until when the client cannot count as silent: the service did not listen.
    pub excused_until: Option<Instant>,
}

impl Silence {
    /// Neither reads nor writes for that time, or to the end.
    pub fn fall(&mut self, time: Option<Duration>, now: Instant) {
        let time = time.unwrap_or(FOR_EVER);
        self.stop_reading(time, now);
        self.writes_at = Some(later(self.writes_at, now + time));
    }

    /// Does not read for that time.
    pub fn stop_reading(&mut self, time: Duration, now: Instant) {
        let until = later(self.reads_at, now + time);
        self.reads_at = Some(until);
        self.excuse_until(until);
    }

    /// The client does not count as silent until a while after that.
    pub fn excuse_until(&mut self, until: Instant) {
        self.excused_until = Some(later(self.excused_until, until + GRACE));
    }

    /// Forgets what is over.
    pub fn pass_time(&mut self, now: Instant) {
        for time in [&mut self.reads_at, &mut self.writes_at] {
            time.take_if(|time| *time <= now);
        }
    }

    /// Whether nothing is written.
    pub fn is_mute(&self) -> bool {
        self.writes_at.is_some()
    }

    /// Whether nothing is read.
    pub fn is_deaf(&self) -> bool {
        self.reads_at.is_some()
    }

    /// When something of it is over.
    pub fn deadline(&self) -> Option<Instant> {
        [self.reads_at, self.writes_at].into_iter().flatten().min()
    }
}

fn later(known: Option<Instant>, time: Instant) -> Instant {
    known.map_or(time, |known| known.max(time))
}
