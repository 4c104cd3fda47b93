//! Whose task is woken when.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Wake;

use super::*;

/// Tasks that were woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A hundred subscribers whose tasks wait, and a publisher.
struct Crowd {
    world: World,
    publisher: Peer,
    subscribers: Vec<Peer>,
    woken: Arc<Woken>,
}

impl Crowd {
    fn new() -> Self {
        let mut world = World::new();
        let (publisher, _) = world.connect(v5("p"));
        let subscribers = (0..100).map(|index| {
            let (mut peer, _) = world.connect(v5(&format!("s{index}")));
            world.subscribe(&mut peer, Subscribe::new("t/#", QOS0));
            peer
        });
        let subscribers = subscribers.collect();
        let mut crowd = Self { world, publisher, subscribers, woken: Arc::default() };
        crowd.wait();
        crowd
    }

    /// All of them take what there is, and wait: how many bytes each got.
    fn wait(&mut self) -> Vec<usize> {
        let waker = Waker::from(self.woken.clone());
        let Self { world: World { broker, now }, subscribers, .. } = self;
        let take = |peer: &Peer| {
            let mut output = BytesMut::new();
            broker.output(peer.connection, &mut output, &waker, *now).unwrap();
            output.len()
        };
        subscribers.iter().map(take).collect()
    }

    fn publish(&mut self, payload: Vec<u8>) -> Received {
        self.world.send(&mut self.publisher, &[Packet::Publish(Publish::new("t/a", QOS0, payload))])
    }

    fn woken(&self) -> usize {
        self.woken.0.load(Ordering::Relaxed)
    }
}

#[test]
fn a_message_to_many_wakes_them_in_groups() {
    let mut crowd = Crowd::new();
    let pump = Arc::new(Woken::default());
    assert!(!crowd.world.broker.wake_some(&Waker::from(pump.clone())), "nobody is put off");
    crowd.publish(vec![1]);
    assert_eq!((crowd.woken(), pump.0.load(Ordering::Relaxed)), (32, 1));
    // Nobody is woken twice for what goes out in one write.
    crowd.publish(vec![2]);
    let mut woken = vec![crowd.woken()];
    while crowd.world.broker.wake_some(Waker::noop()) {
        woken.push(crowd.woken());
    }
    woken.push(crowd.woken());
    assert_eq!(woken, [32, 64, 96, 100]);
    let bytes = crowd.wait();
    assert!(bytes.iter().all(|count| *count == bytes[0] && *count > 0), "{bytes:?}");
}

#[test]
fn who_took_its_messages_before_its_turn_is_not_woken() {
    let mut crowd = Crowd::new();
    crowd.publish(vec![1]);
    crowd.wait();
    assert!(crowd.world.broker.wake_some(Waker::noop()));
    assert_eq!(crowd.woken(), 32);
    // It counts again from here on.
    crowd.publish(vec![2]);
    while crowd.world.broker.wake_some(Waker::noop()) {}
    assert_eq!(crowd.woken(), 132);
}

#[test]
fn nobody_may_publish_while_much_is_put_off() {
    let mut crowd = Crowd::new();
    let much = vec![7; 200_000];
    assert_eq!(crowd.publish(much.clone()), Received::All);
    assert_eq!(crowd.publish(much.clone()), Received::All);
    let mut later = BytesMut::new();
    let publish = Publish::new("t/a", QOS0, much);
    codec::encode(&Packet::Publish(publish), Version::Mqtt5, &mut later, usize::MAX).unwrap();
    let connection = crowd.publisher.connection;
    let mut receive = |crowd: &mut Crowd| crowd.world.broker.receive(connection, &mut later, crowd.world.now);
    assert_eq!(receive(&mut crowd), Received::More);
    // Half of them are gone, the others have taken it.
    for peer in crowd.subscribers.drain(..50) {
        crowd.world.broker.end(peer.connection, End::Lost, crowd.world.now);
    }
    crowd.wait();
    assert_eq!(receive(&mut crowd), Received::All);
    assert!(later.is_empty());
}
