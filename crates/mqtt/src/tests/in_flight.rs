//! The messages in flight against a naive model.

use std::collections::{BTreeMap, HashSet, VecDeque};

use crate::errors::PublishError;
use crate::in_flight::{Acknowledged, Again, InFlight, Question, Recorded, Unacknowledged};

use crate::tests::*;

/// What an identifier is out for.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Out {
    Published(u32, QoS),
    Released(Option<u32>),
    Abandoned(QoS),
    Asked(usize),
}

impl Out {
    fn token(self) -> Option<u32> {
        match self {
            Self::Published(token, _) => Some(token),
            Self::Released(token) => token,
            Self::Abandoned(_) | Self::Asked(_) => None,
        }
    }

    fn is_published(self, wanted: QoS) -> bool {
        matches!(self, Self::Published(_, qos) | Self::Abandoned(qos) if qos == wanted)
    }

    fn abandoned(self) -> Self {
        match self {
            Self::Published(_, qos) => Self::Abandoned(qos),
            Self::Released(_) => Self::Released(None),
            other => other,
        }
    }
}

/// The messages in flight as a map: by age, the identifier and what it is out for.
#[derive(Debug)]
struct Model {
    out: BTreeMap<u64, (u16, Out)>,
    age: u64,
    limit: usize,
    quota: usize,
    again: VecDeque<u16>,
}

impl Model {
    fn tokens(&self) -> Vec<u32> {
        self.out.values().filter_map(|(_, out)| out.token()).collect()
    }

    fn ids(&self) -> Vec<u16> {
        self.out.values().map(|(id, _)| *id).collect()
    }

    /// What the peer has not answered on this connection.
    fn has_quota(&self) -> bool {
        let open =
            self.out.values().filter(|(id, out)| !matches!(out, Out::Asked(_)) && !self.again.contains(id));
        open.count() < self.quota
    }

    fn has_room(&self) -> bool {
        self.tokens().len() < self.limit && self.has_quota() && self.again.is_empty()
    }

    fn add(&mut self, id: u16, out: Out) {
        assert_ne!(id, 0);
        assert!(!self.ids().contains(&id), "{id} is out already");
        self.out.insert(self.age, (id, out));
        self.age += 1;
    }

    fn get(&mut self, id: u16) -> Option<&mut Out> {
        self.out.values_mut().find(|(other, _)| *other == id).map(|(_, out)| out)
    }

    /// Takes `id` back if it is out for what `wanted` says.
    fn take(&mut self, id: u16, wanted: impl Fn(Out) -> bool) -> Option<Out> {
        let (&age, _) = self.out.iter().find(|(_, (other, out))| *other == id && wanted(*out))?;
        self.again.retain(|waiting| *waiting != id);
        self.out.remove(&age).map(|(_, out)| out)
    }
}

#[derive(Debug, Clone)]
enum Step {
    Insert(QoS),
    Ask(usize),
    /// PUBACK for an identifier that is out, picked by the index.
    Acknowledge(prop::sample::Index),
    AcknowledgeAny(u16),
    /// PUBREC, which may be a refusal.
    Record(prop::sample::Index, bool),
    /// PUBCOMP.
    Complete(prop::sample::Index),
    /// One is acknowledged, and then it is not.
    Restore(prop::sample::Index),
    Answer(prop::sample::Index, usize),
    /// Tokens that leave this remainder by three.
    Abandon(u32),
    Resume(u16),
    /// What is due again is sent, or, on true, cannot be.
    SendAgain(bool),
    Drain,
    /// That many identifiers go out and come back, past all that are out.
    Skip(u16),
}

fn any_step() -> impl Strategy<Value = Step> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        8 => Just(Step::Insert(QoS::AtLeastOnce)),
        8 => Just(Step::Insert(QoS::ExactlyOnce)),
        3 => (0usize..3).prop_map(Step::Ask),
        8 => index().prop_map(Step::Acknowledge),
        1 => any::<u16>().prop_map(Step::AcknowledgeAny),
        6 => (index(), prop::bool::weighted(0.2)).prop_map(|(index, is_refused)| Step::Record(index, is_refused)),
        4 => index().prop_map(Step::Complete),
        2 => index().prop_map(Step::Restore),
        3 => (index(), 0usize..3).prop_map(|(index, n)| Step::Answer(index, n)),
        1 => (0u32..3).prop_map(Step::Abandon),
        2 => prop_oneof![1u16..5, Just(u16::MAX)].prop_map(Step::Resume),
        6 => prop::bool::weighted(0.2).prop_map(Step::SendAgain),
        1 => Just(Step::Drain),
        1 => prop_oneof![9 => 1_000u16..1_200, 1 => 65_500u16..].prop_map(Step::Skip),
    ]
}

fn message(qos: QoS) -> Publish {
    Publish::new("t", qos, "")
}

/// Gives `message` an identifier, if there is room.
fn insert(in_flight: &mut InFlight<u32>, qos: QoS, token: u32) -> Option<u16> {
    let id = in_flight.next_id()?;
    in_flight.insert(Publish { packet_id: id, ..message(qos) }, token, None);
    Some(id)
}

/// Does `step` on both; `token` is fresh.
fn apply(step: &Step, in_flight: &mut InFlight<u32>, model: &mut Model, token: u32) {
    let picked = |model: &Model, index: prop::sample::Index| {
        let ids = model.ids();
        if ids.is_empty() { 0 } else { *index.get(&ids) }
    };
    match *step {
        Step::Insert(qos) => {
            let room = model.has_room();
            let id = insert(in_flight, qos, token);
            assert_eq!(id.is_some(), room);
            if let Some(id) = id {
                model.add(id, Out::Published(token, qos));
            }
        }
        Step::Ask(filters) => {
            let id = in_flight.ask(Question::Subscribe(filters)).unwrap();
            model.add(id, Out::Asked(filters));
        }
        Step::Acknowledge(index) => acknowledge(in_flight, model, picked(model, index)),
        Step::AcknowledgeAny(id) => acknowledge(in_flight, model, id),
        Step::Record(index, is_refused) => record(in_flight, model, picked(model, index), is_refused),
        Step::Complete(index) => {
            let id = picked(model, index);
            let expected = model.take(id, |out| matches!(out, Out::Released(_))).and_then(Out::token);
            assert_eq!(in_flight.complete(id).map(|(token, _)| token), expected);
            assert_eq!(in_flight.complete(id), None, "completed twice");
        }
        Step::Restore(index) => {
            let id = picked(model, index);
            if let Some(acknowledged) = in_flight.acknowledge(id) {
                assert!(in_flight.restore(acknowledged));
                model.again.retain(|waiting| *waiting != id);
            } else {
                model.take(id, |out| out == Out::Abandoned(QoS::AtLeastOnce));
            }
        }
        Step::Answer(index, filters) => answer(in_flight, model, picked(model, index), filters),
        Step::Abandon(rest) => {
            let mut expected = model.tokens();
            expected.retain(|token| token % 3 == rest);
            assert_eq!(in_flight.abandon(|token| token % 3 == rest), expected);
            for (_, out) in model.out.values_mut() {
                if out.token().is_some_and(|token| token % 3 == rest) {
                    *out = out.abandoned();
                }
            }
        }
        Step::Resume(quota) => {
            model.out.retain(|_, (_, out)| !matches!(out, Out::Asked(_) | Out::Abandoned(QoS::AtLeastOnce)));
            model.again = model.ids().into();
            model.quota = usize::from(quota);
            in_flight.resume(quota);
        }
        Step::SendAgain(is_impossible) => send_again(in_flight, model, is_impossible),
        Step::Drain => drain(in_flight, model),
        Step::Skip(count) => {
            let out: HashSet<u16> = model.ids().into_iter().collect();
            for _ in 0..count {
                let id = in_flight.ask(Question::Unsubscribe(0)).unwrap();
                assert!(id != 0 && !out.contains(&id), "{id} is out already");
                assert!(in_flight.answer(id, Question::Unsubscribe(0)));
            }
        }
    }
}

fn token(acknowledged: Option<Acknowledged<u32>>) -> Option<u32> {
    acknowledged.map(|acknowledged| acknowledged.token)
}

fn acknowledge(in_flight: &mut InFlight<u32>, model: &mut Model, id: u16) {
    let expected = model.take(id, |out| out.is_published(QoS::AtLeastOnce)).and_then(Out::token);
    assert_eq!(token(in_flight.acknowledge(id)), expected);
    assert_eq!(token(in_flight.acknowledge(id)), None, "acknowledged twice");
}

fn record(in_flight: &mut InFlight<u32>, model: &mut Model, id: u16, is_refused: bool) {
    let reason = if is_refused { ReasonCode::QuotaExceeded } else { ReasonCode::Success };
    let expected = match model.get(id) {
        Some(out) if out.is_published(QoS::ExactlyOnce) && is_refused => {
            let token = out.token();
            model.take(id, |_| true);
            Recorded::Refused(token)
        }
        Some(out) if out.is_published(QoS::ExactlyOnce) => {
            *out = Out::Released(out.token());
            Recorded::Release
        }
        Some(Out::Released(_)) => Recorded::Release,
        _ => Recorded::Unknown,
    };
    assert_eq!(in_flight.record(id, reason), expected);
}

fn answer(in_flight: &mut InFlight<u32>, model: &mut Model, id: u16, filters: usize) {
    let expected = model.take(id, |out| out == Out::Asked(filters)).is_some();
    assert!(!in_flight.answer(id, Question::Unsubscribe(filters)), "it was asked for something else");
    assert_eq!(in_flight.answer(id, Question::Subscribe(filters)), expected);
    assert!(!in_flight.answer(id, Question::Subscribe(filters)), "answered twice");
}

fn send_again(in_flight: &mut InFlight<u32>, model: &mut Model, is_impossible: bool) {
    loop {
        let due = loop {
            if !model.has_quota() {
                break None;
            }
            let Some(id) = model.again.pop_front() else { break None };
            match model.get(id) {
                Some(Out::Abandoned(QoS::ExactlyOnce)) => {
                    if let Some(out) = model.get(id) {
                        *out = Out::Released(None);
                    }
                    break Some(id);
                }
                Some(Out::Abandoned(_)) => {
                    model.take(id, |_| true);
                }
                Some(Out::Published(..) | Out::Released(_)) => break Some(id),
                Some(Out::Asked(_)) | None => {}
            }
        };
        let sent = in_flight.send_again().map(|(id, again)| {
            let is_release = matches!(again, Again::Release);
            assert!(
                matches!(again, Again::Release | Again::Publish(Publish { dup: true, .. }, None)),
                "{again:?}"
            );
            (id, is_release)
        });
        assert_eq!(sent.map(|(id, _)| id), due);
        let Some((id, is_release)) = sent else { return };
        let out = *model.get(id).unwrap();
        assert_eq!(is_release, matches!(out, Out::Released(_)));
        if let (true, Out::Published(token, qos)) = (is_impossible, out) {
            let wants_release = in_flight.give_back(id, PublishError::Expired);
            assert_eq!(wants_release, qos == QoS::ExactlyOnce);
            assert_eq!(in_flight.take_returned(), Some((token, PublishError::Expired)));
            model.take(id, |_| qos == QoS::AtLeastOnce);
            if let Some(out) = model.get(id) {
                *out = Out::Released(None);
            }
        }
    }
}

fn drain(in_flight: &mut InFlight<u32>, model: &mut Model) {
    let drained = in_flight.drain();
    assert_eq!(drained.iter().map(|message| *message.token()).collect::<Vec<_>>(), model.tokens());
    for (message, out) in drained.iter().zip(model.out.values().filter(|(_, out)| out.token().is_some())) {
        match message {
            Unacknowledged::Written(publish, _) => {
                assert!(!publish.dup && publish.packet_id == 0);
                assert!(out.1.is_published(publish.qos));
            }
            Unacknowledged::Received(..) => assert!(matches!(out.1, Out::Released(_))),
            Unacknowledged::NotSentAgain(..) => panic!("{message:?}"),
        }
    }
    model.out.clear();
    model.again.clear();
}

proptest! {
    #[test]
    fn behaves_like_the_model(limit in 0u16..12, steps in prop::collection::vec(any_step(), 0..200)) {
        let mut in_flight = InFlight::new(limit);
        let limit = usize::from(limit.max(1));
        let (out, again) = (BTreeMap::new(), VecDeque::new());
        let mut model = Model { out, age: 0, limit, quota: usize::from(u16::MAX), again };
        for (step, token) in steps.into_iter().zip(0..) {
            apply(&step, &mut in_flight, &mut model, token);
            prop_assert_eq!(in_flight.count(), model.tokens().len());
            prop_assert_eq!(in_flight.tokens().copied().collect::<Vec<_>>(), model.tokens());
            prop_assert_eq!(in_flight.has_room(), model.has_room());
        }
    }
}

const ENDS: Question = Question::Unsubscribe(0);

#[test]
fn every_identifier_is_given_once_before_exhaustion() {
    let mut in_flight = InFlight::new(u16::MAX);
    // Start in the middle, so that the numbers wrap.
    for _ in 0..40_000 {
        let id = in_flight.ask(ENDS).unwrap();
        assert!(in_flight.answer(id, ENDS));
    }
    let mut seen = HashSet::new();
    for token in 0..65_535u32 {
        assert!(in_flight.has_room());
        let id = if token % 2 == 0 {
            insert(&mut in_flight, QoS::AtLeastOnce, token).unwrap()
        } else {
            in_flight.ask(Question::Subscribe(1)).unwrap()
        };
        assert!(id != 0 && seen.insert(id), "{id}");
    }
    assert!(!in_flight.has_room());
    assert_eq!(in_flight.next_id(), None);
    assert_eq!(in_flight.ask(ENDS), None);

    // One identifier comes back: it is the oldest, 40,001, and the next one to go out.
    assert_eq!(token(in_flight.acknowledge(40_001)), Some(0));
    assert!(in_flight.has_room());
    assert_eq!(in_flight.ask(ENDS), Some(40_001));
    assert_eq!(in_flight.ask(ENDS), None);
    assert_eq!(in_flight.drain().len(), 32_767);
    assert!(in_flight.has_room());
    assert_eq!(in_flight.ask(ENDS), Some(40_002), "numbers go on after a drain");

    // A new connection gets back what no message holds.
    while in_flight.ask(ENDS).is_some() {}
    in_flight.resume(u16::MAX);
    assert_eq!(in_flight.send_again(), None);
    assert_eq!(std::iter::from_fn(|| in_flight.ask(ENDS)).count(), 65_535);
}

/// An identifier that is never answered must not stop the others for ever.
#[test]
fn one_unanswered_identifier_does_not_block_the_rest() {
    let mut in_flight = InFlight::new(10);
    let stuck = insert(&mut in_flight, QoS::AtLeastOnce, 0).unwrap();
    for token in 1..200_000u32 {
        let id = insert(&mut in_flight, QoS::AtLeastOnce, token).unwrap();
        assert_ne!(id, stuck);
        assert_eq!(self::token(in_flight.acknowledge(id)), Some(token));
    }
    assert_eq!(in_flight.tokens().copied().collect::<Vec<_>>(), [0]);
    assert_eq!(token(in_flight.acknowledge(stuck)), Some(0));
}
