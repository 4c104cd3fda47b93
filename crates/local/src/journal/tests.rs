//! What is read of a journal that was written whole, in part, or was damaged since.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::BytesMut;
use proptest::prelude::*;

use super::file::{Journal, read};
use super::frame::{Batch, HEADER, MAGIC, Record};
use super::log::{Log, Status};
use crate::state_dir::StateError;
use crate::temp_dir::TempDir;

type Bytes = Vec<u8>;

impl Record for Bytes {
    fn encode(&self, out: &mut BytesMut) {
        out.extend_from_slice(self);
    }
}

fn all(path: &Path) -> Result<Vec<Bytes>, StateError> {
    let mut records = Vec::new();
    read(path, |record| {
        records.push(record.to_vec());
        Ok(())
    })?;
    Ok(records)
}

fn is_damaged(found: &Result<Vec<Bytes>, StateError>) -> bool {
    matches!(found, Err(StateError::Corrupt { .. }))
}

struct Dir(TempDir, PathBuf);

fn dir() -> Dir {
    let dir = TempDir::make("azmqtt-journal-test-").unwrap();
    let path = dir.join("journal");
    Dir(dir, path)
}

fn written(path: &Path, kept: &[Bytes], batches: &[Vec<Bytes>]) -> Journal {
    let mut journal = Journal::create(path, kept.iter().cloned()).unwrap();
    for records in batches {
        let mut batch = Batch::default();
        for record in records {
            batch.push(record);
        }
        journal.append(&batch).unwrap();
    }
    journal
}

fn records() -> impl Strategy<Value = Vec<Bytes>> {
    proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..6)
}

/// What is said by so many of the batches.
fn first(kept: &[Bytes], batches: &[Vec<Bytes>], count: usize) -> Vec<Bytes> {
    kept.iter().chain(batches[..count].iter().flatten()).cloned().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_is_written_is_read(kept in records(), batches in proptest::collection::vec(records(), 0..4)) {
        let Dir(_dir, path) = dir();
        written(&path, &kept, &batches);
        prop_assert_eq!(all(&path).unwrap(), first(&kept, &batches, batches.len()));
    }

    #[test]
    fn a_file_that_is_cut_off_has_whole_batches(
        kept in records(),
        batches in proptest::collection::vec(records(), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let Dir(_dir, path) = dir();
        drop(written(&path, &kept, &[]));
        let least = fs::metadata(&path).unwrap().len() as usize;
        written(&path, &kept, &batches);
        let bytes = fs::read(&path).unwrap();
        let cut = cut.index(bytes.len() + 1);
        fs::write(&path, &bytes[..cut]).unwrap();
        let found = all(&path);
        if cut < least {
            prop_assert!(is_damaged(&found));
        } else {
            let found = found.unwrap();
            prop_assert!((0..=batches.len()).any(|count| found == first(&kept, &batches, count)));
        }
    }

    #[test]
    fn a_byte_that_has_changed_is_noticed_or_in_the_last_batch(
        kept in records(),
        batches in proptest::collection::vec(records(), 0..4),
        at in any::<prop::sample::Index>(),
        mask in 1..=u8::MAX,
    ) {
        let Dir(_dir, path) = dir();
        written(&path, &kept, &batches);
        let mut bytes = fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= mask;
        fs::write(&path, &bytes).unwrap();
        match all(&path) {
            Err(error) => prop_assert!(error.to_string().contains("is damaged"), "{}", error),
            Ok(found) => {
                let last = batches.iter().rposition(|batch| !batch.is_empty()).unwrap();
                prop_assert_eq!(found, first(&kept, &batches, last));
            }
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200), whole in any::<bool>()) {
        let Dir(_dir, path) = dir();
        let begin: &[u8] = if whole { MAGIC } else { b"" };
        fs::write(&path, [begin, &bytes].concat()).unwrap();
        prop_assert!(is_damaged(&all(&path)));
    }
}

#[test]
fn what_a_power_failure_leaves_is_left_out() {
    let Dir(_dir, path) = dir();
    let [a, b] = [vec![b"a".to_vec()], vec![b"b".to_vec()]];
    written(&path, &a, std::slice::from_ref(&b));
    let whole = fs::read(&path).unwrap();
    // The file was made longer, and nothing was written there.
    for blank in [1, HEADER, 5000] {
        fs::write(&path, [&whole[..], &vec![0; blank]].concat()).unwrap();
        assert_eq!(all(&path).unwrap(), [b"a", b"b"]);
    }
    // A part of the last batch was not written.
    let mut torn = whole.clone();
    *torn.last_mut().unwrap() = 0;
    fs::write(&path, torn).unwrap();
    assert_eq!(all(&path).unwrap(), [b"a"]);
}

#[test]
fn no_file_is_an_empty_one() {
    let Dir(_dir, path) = dir();
    assert!(all(&path).unwrap().is_empty());
}

#[test]
fn large_batches_are_cut_between_records() {
    let Dir(_dir, path) = dir();
    let records: Vec<Bytes> = (0..10).map(|n| vec![n; 1 << 20]).collect();
    written(&path, &records, std::slice::from_ref(&records));
    assert_eq!(all(&path).unwrap(), [&records[..], &records].concat());
}

/// A log whose snapshot is what `kept` says.
fn log(path: &Path) -> Arc<Log> {
    Arc::new(Log::new(path.to_owned(), written(path, &[], &[])))
}

#[test]
fn a_record_is_waiting_then_kept() {
    let Dir(_dir, path) = dir();
    let log = log(&path);
    let nothing = |_: &Log| -> (Vec<Bytes>, u64) { panic!("no snapshot is needed") };
    assert_eq!(log.status(0), Status::Kept);
    let position = log.add(&b"a".to_vec());
    assert_eq!((position, log.status(position)), (1, Status::Waiting));
    log.write(nothing);
    assert_eq!(log.status(position), Status::Kept);
    log.add_later(&b"b".to_vec());
    log.write(nothing);
    assert_eq!(all(&path).unwrap(), [b"a", b"b"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_takes_nothing_fails_and_is_tried_again() {
    let Dir(dir, path) = dir();
    // A device on which nothing has room.
    let full = Journal::of_file(fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    let log = Log::new(path.clone(), full);
    let whole = |log: &Log| (vec![b"whole".to_vec()], log.is_in_snapshot());
    let first = log.add(&b"a".to_vec());
    log.write(whole);
    assert_eq!(log.status(first), Status::Failed);
    // At once, the disk is not asked again.
    let second = log.add(&b"b".to_vec());
    log.write(whole);
    assert_eq!(log.status(second), Status::Failed);
    log.forget_errors();
    let third = log.add(&b"c".to_vec());
    log.write(whole);
    assert_eq!([first, second, third].map(|position| log.status(position)), [Status::Kept; 3]);
    assert_eq!(all(&path).unwrap(), [b"whole"]);
    drop(dir);
}

#[test]
fn a_journal_that_is_mostly_out_of_date_is_made_anew() {
    let Dir(_dir, path) = dir();
    let log = log(&path);
    let whole = |log: &Log| (vec![b"whole".to_vec()], log.is_in_snapshot());
    for _ in 0..12 {
        log.add(&vec![1; 1 << 20]);
        log.write(whole);
    }
    let records = all(&path).unwrap();
    assert_eq!(records[0], b"whole");
    assert!(records.len() < 12, "{}", records.len());
}
