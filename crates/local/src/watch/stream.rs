//! One answer: what is kept, then what comes, until its end.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::select_all;
use tokio::task::coop::consume_budget;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::allowance::Allowance;
use super::feed::{Feed, Page};
use super::form::Form;
use super::query::{Asked, Since};
use super::streams::Place;

/// A comment is written after so much silence.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The time between two chunks, in which entries gather: a reader of a busy service is woken fifty times a second.
const PACE: Duration = Duration::from_millis(20);

/// The same for an answer with a rate, which is for a display.
const DISPLAY_PACE: Duration = Duration::from_millis(100);

/// Longer than any service runs.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// An answer that is being written.
pub(super) struct Stream {
    readings: Vec<Reading>,
    asked: Asked,
    until: Instant,
    left: u64,
    /// When the last chunk was written.
    written: Instant,
    /// When the feeds were last read.
    looked: Instant,
    /// Entries wait or were left out in the last round because the answer has a rate.
    slowed: bool,
    over: bool,
    place: Place,
}

/// Where the reader is in one feed.
struct Reading {
    kind: &'static str,
    feed: Arc<dyn Feed>,
    position: u64,
    /// The newest entry when the answer began, which is written however little time there is.
    newest: u64,
    /// `Some` if the answer has a rate.
    allowance: Option<Allowance>,
}

impl Stream {
    pub(super) fn new(asked: Asked, feeds: Vec<Arc<dyn Feed>>, place: Place) -> Self {
        let now = Instant::now();
        let readings = asked.kinds.iter().zip(feeds).map(|((kind, since), feed)| {
            feed.readers().join();
            let newest = feed.newest();
            let position = match *since {
                Since::Kept => {
                    let newest_ones = asked.rate.map_or(0, |rate| newest.saturating_sub(rate));
                    feed.read(0, &asked.filter).lost.max(newest_ones)
                }
                Since::Now => newest,
                // A number that this run has not reached is one of an earlier run.
                Since::After(id) if id > newest => 0,
                Since::After(id) => id,
            };
            let allowance = asked.rate.map(|rate| Allowance::new(rate, now));
            Reading { kind, feed, position, newest, allowance }
        });
        Self {
            readings: readings.collect(),
            until: now + asked.wait.unwrap_or(FOR_EVER),
            left: asked.limit.unwrap_or(u64::MAX),
            written: now,
            looked: now,
            slowed: false,
            over: false,
            asked,
            place,
        }
    }

    /// The next part of the answer; `None` at its end.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        let (feeds, streams) = (self.feeds(), self.place.streams());
        while !self.over {
            if self.slowed {
                // An answer with a rate sends its entries in chunks, not one by one.
                sleep_until((self.looked + self.pace()).min(self.until)).await;
            }
            // Whatever comes from here on wakes the reader.
            let grown = feeds.iter().map(|feed| feed.readers().grown());
            let woken = select_all(grown.chain([streams.ending().notified()]).map(Box::pin));
            let (has_ended, late) = (self.place.has_ended(), self.until <= Instant::now());
            let (text, moved) = self.read(late || has_ended);
            let reached = self.readings.iter().all(|reading| reading.position >= reading.newest);
            self.over = self.left == 0 || (late && reached) || (has_ended && !moved);
            if !text.is_empty() {
                self.written = Instant::now();
                return Some(text.into());
            }
            consume_budget().await;
            if self.over || moved || self.slowed {
                continue;
            }
            let heartbeat = self.asked.form.heartbeat().filter(|_| self.written + HEARTBEAT < self.until);
            let silent_at = heartbeat.map_or(self.until, |_| self.written + HEARTBEAT);
            match (timeout_at(silent_at, woken).await, heartbeat) {
                (Ok(_), _) => sleep_until((self.written + self.pace()).min(self.until)).await,
                (Err(_), Some(heartbeat)) => {
                    self.written = Instant::now();
                    return Some(Bytes::from_static(heartbeat.as_bytes()));
                }
                (Err(_), None) => {}
            }
        }
        None
    }

    fn pace(&self) -> Duration {
        if self.asked.rate.is_some() { DISPLAY_PACE } else { PACE }
    }

    fn feeds(&self) -> Vec<Arc<dyn Feed>> {
        self.readings.iter().map(|reading| reading.feed.clone()).collect()
    }

    /// A page of each feed, written; and whether there was anything, wanted or not. The last one waits for no rate.
    fn read(&mut self, last: bool) -> (String, bool) {
        let (mut out, mut moved) = (String::new(), false);
        (self.looked, self.slowed) = (Instant::now(), false);
        for index in 0..self.readings.len() {
            let reading = &mut self.readings[index];
            let position = reading.position;
            let skipped = match reading.skip(self.looked) {
                Some(skipped) => skipped,
                None if last => 0,
                None => {
                    self.slowed = true;
                    continue;
                }
            };
            let mut page = reading.feed.read(position + skipped, &self.asked.filter);
            if let Some(allowance) = &mut reading.allowance {
                allowance.spend(page.reached.saturating_sub(position + skipped));
            }
            page.lost += skipped;
            moved |= page.reached != position;
            self.slowed |= skipped > 0;
            self.write(index, &page, &mut out);
        }
        (out, moved)
    }

    fn write(&mut self, index: usize, page: &Page, out: &mut String) {
        let form = self.asked.form;
        let kind = self.asked.several.then_some(self.readings[index].kind);
        let (before, behind) = self.other_positions(index);
        let position = |id: u64| format!("{before}{id}{behind}");
        let reading = &mut self.readings[index];
        if page.lost > 0 {
            reading.position += page.lost;
            let object = Form::lost_object(kind, reading.position, page.lost);
            form.write_lost(out, &object, &position(reading.position));
        }
        for entry in &page.entries {
            if self.left == 0 {
                return;
            }
            self.left -= 1;
            reading.position = entry.id;
            form.write(out, &Form::object(kind, entry), &position(entry.id));
        }
        reading.position = page.reached;
    }

    /// The text before and after one feed's position in the id that a reader resumes with: `telemetry:3,events:` and `,packets:7`.
    fn other_positions(&self, index: usize) -> (String, String) {
        if !self.asked.several {
            return Default::default();
        }
        let readings = self.readings.iter();
        let mut shown: Vec<_> =
            readings.map(|Reading { kind, position, .. }| format!("{kind}:{position}")).collect();
        shown[index] = format!("{}:", self.readings[index].kind);
        let (before, behind) = shown.split_at(index + 1);
        let comma = if behind.is_empty() { "" } else { "," };
        (before.join(","), format!("{comma}{}", behind.join(",")))
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.feed.readers().leave();
    }
}

impl Reading {
    /// How many of the next entries a reader with a rate does not get: it gets the newest ones. `None` if they must wait, so that
    /// the newest one is not left out.
    fn skip(&mut self, now: Instant) -> Option<u64> {
        let Some(allowance) = &mut self.allowance else { return Some(0) };
        let behind = self.feed.newest().saturating_sub(self.position);
        match allowance.at(now) {
            0 if behind > 0 => None,
            most => Some(behind.saturating_sub(most)),
        }
    }
}
