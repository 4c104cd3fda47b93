//! Any history of sending, losing connections and passing time: every operation has one outcome, and no promise is broken.

use std::collections::HashSet;

use proptest::prelude::*;

use super::support::{Answer, Bench, SECOND, request_id};
use crate::session::End;
use crate::{LostSession, ReportedPatch};
use azmqtt_client::connection::Dispatch;
use azmqtt_client::lasting::Lasting;
use azmqtt_mqtt::server::Event;
use azmqtt_mqtt::{QoS, ReasonCode};

#[derive(Debug, Clone)]
enum Step {
    Send(QoS),
    Patch(Option<u64>),
    /// A round, in which the hub answers this many of what waits for an answer.
    Turn(usize),
    /// A round whose bytes the stream does not take yet.
    Encode,
    Lose,
    Connect {
        session_present: bool,
    },
    /// In seconds.
    Pass(u64),
    Disconnect,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => prop_oneof![Just(QoS::AtMostOnce), Just(QoS::AtLeastOnce)].prop_map(Step::Send),
        2 => prop::option::of(0..9_u64).prop_map(Step::Patch),
        6 => (0..4_usize).prop_map(Step::Turn),
        1 => Just(Step::Encode),
        2 => Just(Step::Lose),
        3 => any::<bool>().prop_map(|session_present| Step::Connect { session_present }),
        2 => (0..15_u64).prop_map(Step::Pass),
        1 => Just(Step::Disconnect),
    ]
}

/// What the hub has, and owes.
#[derive(Default)]
struct Hub {
    received: Vec<String>,
    puback: Vec<u16>,
    answers: Vec<String>,
}

struct History {
    bench: Bench,
    is_open: bool,
    hub: Hub,
    sent: Vec<(QoS, Answer<()>)>,
    patched: Vec<Answer<ReportedPatch>>,
}

impl History {
    fn take(&mut self, step: &Step) {
        match step {
            Step::Send(qos) => {
                let text = self.sent.len().to_string();
                self.sent.push((*qos, self.bench.send(*qos, &text, 30 * SECOND)));
            }
            Step::Patch(if_version) => self.patched.push(self.bench.patch(*if_version, 30 * SECOND)),
            Step::Pass(seconds) => self.bench.pass(u32::try_from(*seconds).unwrap() * SECOND),
            Step::Disconnect => drop(self.bench.disconnect(20 * SECOND)),
            Step::Lose if self.is_open => {
                self.bench.lose();
                self.is_open = false;
            }
            Step::Connect { session_present } if !self.is_open => {
                // As the task does it.
                if self.bench.session.poll(self.bench.now).is_err() {
                    self.bench.session.left();
                }
                if !self.bench.session.wants_connection() {
                    return;
                }
                self.bench.connect(*session_present);
                self.is_open = true;
                // What the last connection left without an answer has none.
                (self.hub.puback, self.hub.answers) = (Vec::new(), Vec::new());
            }
            Step::Turn(answers) if self.is_open => self.turn(*answers),
            Step::Encode if self.is_open => {
                if let Err(end) = self.bench.session.poll(self.bench.now) {
                    self.end(&end);
                }
            }
            Step::Encode | Step::Lose | Step::Connect { .. } | Step::Turn(_) => {}
        }
    }

    fn end(&mut self, end: &End) {
        self.bench.session.disconnected(end);
        if matches!(end, End::Left) {
            self.bench.session.left();
        }
        self.is_open = false;
    }

    fn turn(&mut self, answers: usize) {
        let count = self.hub.puback.len().min(answers);
        for packet_id in self.hub.puback.drain(..count) {
            self.bench.hub.acknowledge(packet_id, ReasonCode::Success);
        }
        let count = self.hub.answers.len().min(answers);
        for id in self.hub.answers.drain(..count) {
            self.bench.say(&format!("$iothub/twin/res/204/?$rid={id}&$version=3"), "");
        }
        let events = match self.bench.try_turn() {
            Ok(events) => events,
            Err(end) => return self.end(&end),
        };
        self.bench.grant(&events);
        for event in events {
            if let Event::Publish(publish) = event {
                if publish.topic.starts_with("$iothub/twin/") {
                    self.hub.answers.push(request_id(&publish));
                    continue;
                }
                self.hub.received.push(String::from_utf8(publish.payload.to_vec()).unwrap());
                if publish.qos == QoS::AtLeastOnce {
                    self.hub.puback.push(publish.packet_id);
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn every_operation_has_one_outcome(
        steps in prop::collection::vec(step(), 0..80),
        resend in any::<bool>(),
    ) {
        let lost_session = if resend { LostSession::Resend } else { LostSession::Fail };
        let bench = Bench::with(|config| config.lost_session = lost_session);
        let hub = Hub::default();
        let mut history = History { bench, is_open: false, hub, sent: Vec::new(), patched: Vec::new() };
        for step in &steps {
            history.take(step);
        }
        let History { mut bench, hub, sent, patched, .. } = history;
        bench.session.finish(bench.now);
        let received: HashSet<&str> = hub.received.iter().map(String::as_str).collect();
        for (index, (qos, answer)) in sent.iter().enumerate() {
            let text = index.to_string();
            prop_assert!(!answer.is_open(), "{index} has no outcome");
            if answer.get().is_ok() {
                prop_assert!(received.contains(text.as_str()), "{index} is not where it was said to be");
            }
            let times = hub.received.iter().filter(|received| **received == text).count();
            prop_assert!(*qos == QoS::AtLeastOnce || times <= 1, "{index} was sent {times} times");
        }
        for answer in &patched {
            prop_assert!(!answer.is_open());
        }
        prop_assert_eq!(bench.shared.budget.used(), (0, 0));
        let stats = bench.shared.monitor.read();
        prop_assert_eq!(stats.messages_sent + stats.messages_failed, sent.len() as u64);
    }
}
