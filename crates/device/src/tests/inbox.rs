//! What came in waits for the application, and whoever waits for it is woken.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use super::support::{LONG, ask, within};
use crate::{Error, Inbox, Reply};
use azmqtt_client::inbox::MAX_BYTES;

#[test]
fn items_come_out_in_order() {
    let inbox = Inbox::default();
    (0..5).for_each(|item| inbox.push(item));
    assert_eq!(inbox.take(2), [0, 1]);
    assert_eq!(inbox.len(), 3);
    assert_eq!(inbox.take(10), [2, 3, 4]);
    assert!(inbox.is_empty() && inbox.take(1).is_empty());
}

#[tokio::test]
async fn who_waits_is_told_of_items_and_of_the_end() {
    let inbox = Inbox::default();
    let mut waiting = ask(|reply| inbox.when_ready(reply));
    assert!(waiting.is_open());
    inbox.push(1);
    assert_eq!(waiting.get().await, Ok(()));
    assert_eq!(ask(|reply| inbox.when_ready(reply)).get().await, Ok(()), "it is still there");
    inbox.take(1);
    let waiting = ask(|reply| inbox.when_ready(reply));
    inbox.close();
    assert_eq!(waiting.get().await, Err(Error::ClientClosed));
    assert_eq!(ask(|reply| inbox.when_ready(reply)).get().await, Err(Error::ClientClosed));
}

#[tokio::test]
async fn a_waiter_that_has_gone_does_not_keep_an_item_from_the_next() {
    let inbox = Inbox::default();
    drop(ask(|reply| inbox.when_ready(reply)));
    let waiting = ask(|reply| inbox.when_ready(reply));
    inbox.push(1);
    assert_eq!(waiting.get().await, Ok(()));
}

#[test]
fn waits_that_timed_out_do_not_pile_up() {
    let inbox = Inbox::<u8>::default();
    let answered = Arc::new(AtomicUsize::new(0));
    for _ in 0..10_000 {
        let answered = Arc::clone(&answered);
        inbox.when_ready(Reply::new(move |_| {
            answered.fetch_add(1, SeqCst);
        }));
    }
    assert!(answered.load(SeqCst) > 9_000);
}

#[tokio::test]
async fn room_is_announced_after_full_only() {
    let inbox = Inbox::default();
    inbox.push(1);
    assert!(!inbox.is_full(2));
    inbox.take(1);
    let room = tokio::time::timeout(Duration::from_millis(20), inbox.room()).await;
    assert!(room.is_err(), "nobody had found it full");
    inbox.push(1);
    inbox.push(2);
    assert!(inbox.is_full(2));
    inbox.take(1);
    within(inbox.room()).await;
    assert!(!inbox.is_full(2));
}

#[test]
fn threads_miss_nothing() {
    const ITEMS: usize = 20_000;
    let inbox = Arc::new(Inbox::default());
    let taken = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    taken.fetch_add(inbox.take(7).len(), SeqCst);
                    let (sender, receiver) = mpsc::channel();
                    inbox.when_ready(Reply::new(move |outcome| sender.send(outcome).unwrap_or_default()));
                    if receiver.recv_timeout(LONG).expect("a wake-up was lost").is_err() {
                        break taken.fetch_add(inbox.take(usize::MAX).len(), SeqCst);
                    }
                }
            });
        }
        (0..ITEMS).for_each(|item| inbox.push(item));
        inbox.close();
    });
    assert_eq!(taken.load(SeqCst), ITEMS);
}

#[test]
fn bytes_count_beside_the_number_of_items() {
    let inbox = Inbox::weighing(Vec::len);
    for _ in 0..16 {
        assert!(!inbox.is_full(1000));
        inbox.push(vec![0_u8; MAX_BYTES / 16]);
    }
    assert!(inbox.is_full(1000));
    inbox.take(1);
    assert!(!inbox.is_full(1000));
    inbox.push(vec![0; MAX_BYTES / 16]);
    assert!(inbox.is_full(1000));
    let mut index = 0;
    inbox.retain(|_| {
        index += 1;
        index > 1
    });
    assert!(!inbox.is_full(1000));
    assert!(inbox.push_within(vec![0; MAX_BYTES / 8], 15), "the oldest made room");
    assert!(inbox.is_full(1000));
    inbox.take(1000);
    assert!(!inbox.is_full(1000));
}
