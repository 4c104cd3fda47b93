//! The journal of sessions and kept messages.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::broker::Broker;
use crate::durable::{Recorder, Replay, Wall};
use azmqtt_local::files::FileError;
use azmqtt_local::journal::{self, Journal, Log};
use azmqtt_local::state_dir::StateError;

/// Has the broker, whose resources are there, take what the journal has, and makes that anew. The broker writes to the log
/// from here on.
pub fn open_journal(path: &Path, broker: &mut Broker) -> Result<Arc<Log>, StateError> {
    let mut replay = Replay::default();
    journal::read(path, |record| replay.take(record))?;
    let now = Instant::now();
    let number = broker.restore(replay.finish(), now, Wall::now());
    let (records, _) = broker.snapshot();
    let journal = Journal::create(path, records).map_err(|error| FileError::new(path, error))?;
    let log = Arc::new(Log::new(path.to_owned(), journal));
    broker.record_to(Recorder::new(log.clone(), number));
    // Wills are due whose time came while nothing ran.
    broker.tick(now);
    Ok(log)
}
