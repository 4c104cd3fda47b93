//! How long it takes to find who gets a message, with many subscriptions:
//! `cargo run --release --package azmqtt-namespace --example routing`.
#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use azmqtt_local::faults::Random;
use azmqtt_mqtt::QoS;
use azmqtt_namespace::routing::{Group, Matches, Options, SessionKey, Subscriber, Subscriptions};
use azmqtt_namespace::topic::Levels;

const TOPICS: usize = 10_000;
const ROUNDS: usize = 1_000_000;

#[derive(Default)]
struct Count(usize);

impl Matches for Count {
    fn plain(&mut self, _: &Subscriber) {
        self.0 += 1;
    }

    fn shared(&mut self, _: &Group) {
        self.0 += 1;
    }
}

fn main() {
    let topics: Vec<String> = (0..TOPICS).map(|index| topic(index).join("/")).collect();
    for count in [1_000, 10_000, 100_000] {
        let subscriptions = subscribe(count);
        let mut random = Random::new(7);
        let drawn: Vec<usize> = (0..ROUNDS).map(|_| random.next_u64() as usize % TOPICS).collect();
        let mut matches = Count::default();
        let start = cpu_time();
        for index in drawn {
            let levels = Levels::of(black_box(&topics[index])).expect("they are within the limits");
            subscriptions.find(levels.as_slice(), &mut matches);
        }
        let nanoseconds = cpu_time().saturating_sub(start).as_nanos() / ROUNDS as u128;
        let each = matches.0 as u128 * 100 / ROUNDS as u128;
        println!(
            "{count:>7} subscriptions: {nanoseconds:>5} ns a topic, {:>9} topics/s, {}.{:02} matches each",
            1_000_000_000 / nanoseconds.max(1),
            each / 100,
            each % 100,
        );
    }
}

/// `site/S/line/L/machine/M/KIND`.
fn topic(index: usize) -> [String; 7] {
    let kind = ["temperature", "pressure", "state", "alarm"][index % 4];
    let [site, line, machine] = [index % 10, index / 10 % 10, index / 100 % 100];
    [
        "site".to_owned(),
        site.to_string(),
        "line".to_owned(),
        line.to_string(),
        "machine".to_owned(),
        machine.to_string(),
        kind.to_owned(),
    ]
}

/// Filters of ten thousand topics, half of them with a wildcard somewhere; one match a topic or so is of those, whatever
/// their number.
fn subscribe(count: usize) -> Subscriptions {
    let mut subscriptions = Subscriptions::default();
    let mut random = Random::new(1);
    let options =
        Options { qos: QoS::AtLeastOnce, no_local: false, retain_as_published: false, identifier: 0 };
    for index in 0..count {
        let mut levels = topic(random.next_u64() as usize % TOPICS);
        // Most are for machines that publish nothing today.
        if index >= 1_000 {
            levels[5] = format!("spare-{index}");
        }
        match index % 4 {
            0 => "+".clone_into(&mut levels[3]),
            1 => "+".clone_into(&mut levels[6]),
            _ => {}
        }
        let filter: Vec<&str> = levels.iter().map(String::as_str).collect();
        let subscriber = Subscriber { session: SessionKey(index as u32), options };
        subscriptions.insert(&filter, None, subscriber).expect("none is shared");
    }
    subscriptions
}

/// What this thread has computed, whatever else the machine does; the time of day where the system does not say.
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|number| number.parse().ok());
    let since = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    nanoseconds.map_or_else(since, Duration::from_nanos)
}
