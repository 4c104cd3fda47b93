//! `send_messages`: counted in any order, from any thread.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};

use crate::message::Member;
use crate::{Batch, Error, Reply};

fn members(batch: &Arc<Batch>, count: usize) -> Vec<Member> {
    (0..count).map(|_| Member::of(batch)).collect()
}

fn settle(member: Member, outcome: Result<(), Error>) {
    use crate::message::{Owner, Ticket};
    let (deadline, timeout) = (std::time::Instant::now(), std::time::Duration::ZERO);
    Ticket { deadline, sent: 0, timeout, size: 0, owner: Owner::Member(member) }.owner.settle(outcome);
}

/// A waiter whose outcome shows in the channel.
fn waiter(batch: &Batch, bound: usize) -> mpsc::Receiver<Result<(), Error>> {
    let (sender, receiver) = mpsc::channel();
    batch.when_at_most(bound, Reply::new(move |outcome| sender.send(outcome).unwrap_or_default()));
    receiver
}

#[test]
fn counts_successes_and_keeps_the_first_error() {
    let batch = Arc::default();
    let mut members = members(&batch, 4);
    assert_eq!(batch.outstanding(), 4);
    settle(members.pop().unwrap(), Ok(()));
    settle(members.pop().unwrap(), Err(Error::BadAnswer { reason: "first".into() }));
    settle(members.pop().unwrap(), Err(Error::ClientClosed));
    assert_eq!((batch.outstanding(), batch.acknowledged()), (1, 1));
    drop(members);
    assert_eq!((batch.outstanding(), batch.acknowledged()), (0, 1));
    assert_eq!(batch.first_error(), Some(Error::BadAnswer { reason: "first".into() }));
}

#[test]
fn a_member_that_is_dropped_counts_as_failed() {
    let batch = Arc::default();
    drop(members(&batch, 1));
    assert_eq!((batch.outstanding(), batch.first_error()), (0, Some(Error::ClientClosed)));
}

#[test]
fn the_waiter_is_answered_at_its_bound() {
    let batch = Arc::default();
    let mut members = members(&batch, 3);
    let waiter = waiter(&batch, 1);
    settle(members.pop().unwrap(), Ok(()));
    assert!(waiter.try_recv().is_err());
    settle(members.pop().unwrap(), Ok(()));
    assert_eq!(waiter.try_recv(), Ok(Ok(())));
}

#[test]
fn a_new_waiter_takes_the_place_of_the_old_one() {
    let batch = Arc::default();
    let members = members(&batch, 2);
    let old = waiter(&batch, 1);
    let new = waiter(&batch, 0);
    assert_eq!(old.try_recv(), Ok(Err(Error::ClientClosed)));
    drop(members);
    assert_eq!(new.try_recv(), Ok(Ok(())));
    assert_eq!(waiter(&batch, 0).try_recv(), Ok(Ok(())), "nothing is outstanding");
}

#[test]
fn a_replaced_waiter_may_use_the_batch() {
    let batch: Arc<Batch> = Arc::default();
    let members = members(&batch, 2);
    let again = Arc::clone(&batch);
    batch.when_at_most(0, Reply::new(move |_| again.when_at_most(1, Reply::ignore())));
    let new = waiter(&batch, 0);
    drop(new);
    drop(members);
    assert_eq!(batch.outstanding(), 0);
}

#[test]
fn no_wake_up_is_lost_or_early_between_threads() {
    for _ in 0..200 {
        let batch: Arc<Batch> = Arc::default();
        let members = members(&batch, 64);
        let settled = Arc::new(AtomicUsize::new(0));
        std::thread::scope(|scope| {
            let mut chunks = members.into_iter();
            for _ in 0..2 {
                let chunk: Vec<_> = chunks.by_ref().take(32).collect();
                let settled = &settled;
                scope.spawn(move || {
                    for member in chunk {
                        settled.fetch_add(1, SeqCst);
                        settle(member, Ok(()));
                    }
                });
            }
            // Bounds that go down, the last waiter the one that must not be answered early.
            for bound in [48, 32, 16, 0] {
                drop(waiter(&batch, bound));
                let outcome = waiter(&batch, bound).recv_timeout(super::support::LONG);
                assert_eq!(outcome, Ok(Ok(())));
                assert!(settled.load(SeqCst) >= 64 - bound, "answered early");
                assert!(batch.outstanding() <= bound, "answered early");
            }
        });
        assert_eq!(batch.acknowledged(), 64);
    }
}
