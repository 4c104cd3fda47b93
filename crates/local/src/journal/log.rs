//! Records on their way to a journal: many wait for one sync of the disk.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::select;
use tokio::sync::{Notify, watch};
use tokio::time::sleep;

use super::file::Journal;
use super::frame::{Batch, Record};
use crate::task;
use azmqtt_net::sync::Mutex;

/// How much later a record is written that nobody waits for.
const LATER: Duration = Duration::from_millis(100);

/// After an error the disk is left alone for so long.
const AFTER_ERROR: Duration = Duration::from_secs(1);

/// The disk has not taken what was to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotKept;

impl fmt::Display for NotKept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the state directory cannot be written")
    }
}

impl std::error::Error for NotKept {}

/// How far a record has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It is to be written.
    Waiting,
    /// It is on the disk.
    Kept,
    /// The disk did not take it. It may come to be there all the same.
    Failed,
}

/// How far the journal has come, by positions.
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    /// The last record that is on the disk.
    kept: u64,
    /// The last one that was to be written when that failed.
    failed: u64,
}

impl Progress {
    fn of(self, position: u64) -> Status {
        match position {
            _ if position <= self.kept => Status::Kept,
            _ if position <= self.failed => Status::Failed,
            _ => Status::Waiting,
        }
    }
}

/// What is to be written, and how far that has come. Positions count records from 1, in the order in which they were added.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    added: Mutex<Added>,
    progress: watch::Sender<Progress>,
    /// There is something that somebody waits for.
    now: Notify,
    /// There is something.
    later: Notify,
    /// Held while the file is written.
    writing: Mutex<Writing>,
}

#[derive(Debug, Default)]
struct Added {
    batch: Batch,
    /// The position of the last record.
    last: u64,
}

#[derive(Debug, Default)]
struct Writing {
    /// `None` after an error, until the file is made anew.
    journal: Option<Journal>,
    failed_at: Option<Instant>,
}

impl Log {
    /// The log of a journal that was just made.
    pub fn new(path: PathBuf, journal: Journal) -> Self {
        Self {
            path,
            added: Mutex::default(),
            progress: watch::Sender::new(Progress::default()),
            now: Notify::new(),
            later: Notify::new(),
            writing: Mutex::new(Writing { journal: Some(journal), failed_at: None }),
        }
    }

    /// Adds a record that is written at once. Its position.
    pub fn add(&self, record: &impl Record) -> u64 {
        let position = self.push(record);
        self.now.notify_one();
        position
    }

    /// Adds a record that may as well be lost: it is written when others are, or a moment later.
    pub fn add_later(&self, record: &impl Record) {
        self.push(record);
        self.later.notify_one();
    }

    fn push(&self, record: &impl Record) -> u64 {
        let mut added = self.added.lock();
        added.batch.push(record);
        added.last += 1;
        added.last
    }

    /// How far the record at this position has come; 0 is kept always.
    pub fn status(&self, position: u64) -> Status {
        self.progress.borrow().of(position)
    }

    /// Waits until all records to this position are on the disk.
    ///
    /// # Errors
    /// The disk does not take them.
    pub async fn kept(&self, position: u64) -> Result<(), NotKept> {
        let mut progress = self.progress.subscribe();
        // The sender is this one's own.
        let Ok(progress) = progress.wait_for(|progress| progress.of(position) != Status::Waiting).await
        else {
            return Err(NotKept);
        };
        if progress.of(position) == Status::Kept { Ok(()) } else { Err(NotKept) }
    }

    /// A snapshot has all records that were added until now, which need not be written any more. The position of the last one.
    pub fn is_in_snapshot(&self) -> u64 {
        let mut added = self.added.lock();
        added.batch = Batch::default();
        added.last
    }

    /// Writes what there is, until that is all; on the caller's thread. `snapshot` has the whole as records, and calls
    /// [`Self::is_in_snapshot`] while nobody can add one, for the position.
    pub fn write<R: Record>(&self, mut snapshot: impl FnMut(&Self) -> (Vec<R>, u64)) {
        let mut writing = self.writing.lock();
        loop {
            let (batch, last) = {
                let mut added = self.added.lock();
                (std::mem::take(&mut added.batch), added.last)
            };
            let is_resting = writing.failed_at.is_some_and(|at| at.elapsed() < AFTER_ERROR);
            if batch.is_empty() && (is_resting || writing.journal.is_some()) {
                return;
            }
            let written = if is_resting {
                Err(last)
            } else {
                writing.write(&self.path, batch, last, || snapshot(self))
            };
            self.progress.send_modify(|progress| match written {
                Ok(position) => progress.kept = position,
                Err(position) => progress.failed = position,
            });
        }
    }

    #[cfg(test)]
    pub(super) fn forget_errors(&self) {
        self.writing.lock().failed_at = None;
    }

    /// Writes for ever, in a thread for what blocks; `finished` is called after each time, whatever came of it.
    pub async fn run<R: Record>(
        self: Arc<Self>,
        snapshot: impl Fn(&Self) -> (Vec<R>, u64) + Clone + Send + 'static,
        finished: impl Fn(),
    ) {
        loop {
            select! {
                () = self.now.notified() => {}
                () = async { self.later.notified().await; sleep(LATER).await } => {}
            }
            let (log, snapshot) = (self.clone(), snapshot.clone());
            // It panics only with the snapshot.
            let _ = task::blocking(move || log.write(snapshot)).await;
            finished();
        }
    }
}

impl Writing {
    /// Writes a batch whose last record is at `last`, or all there is. The position to which that went well or not.
    fn write<R: Record>(
        &mut self,
        path: &Path,
        batch: Batch,
        last: u64,
        snapshot: impl FnOnce() -> (Vec<R>, u64),
    ) -> Result<u64, u64> {
        let (written, position) = match &mut self.journal {
            Some(journal) if !journal.is_long() => (journal.append(&batch), last),
            _ => {
                drop(batch);
                let (records, position) = snapshot();
                let made = Journal::create(path, records);
                (made.map(|made| self.journal = Some(made)), position)
            }
        };
        if written.is_err() {
            *self = Self { journal: None, failed_at: Some(Instant::now()) };
            return Err(position);
        }
        self.failed_at = None;
        Ok(position)
    }
}
