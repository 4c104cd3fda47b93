//! The messages in flight against a naive model.

use std::collections::{BTreeMap, HashSet};

use crate::in_flight::{Acknowledged, InFlight};

use crate::tests::*;

/// What an identifier is out for.
#[derive(Debug, Clone, PartialEq)]
enum Out {
    Message(u32),
    Abandoned,
    Reserved(usize),
}

/// The messages in flight as a map: by age, the identifier and what it is out for.
#[derive(Debug, Default)]
struct Model {
    out: BTreeMap<u64, (u16, Out)>,
    age: u64,
    limit: usize,
}

impl Model {
    fn tokens(&self) -> Vec<u32> {
        let token = |(_, out): &(u16, Out)| if let Out::Message(token) = out { Some(*token) } else { None };
        self.out.values().filter_map(token).collect()
    }

    fn add(&mut self, id: u16, out: Out) {
        assert_ne!(id, 0);
        assert!(self.out.values().all(|(other, _)| *other != id), "{id} is out already");
        self.out.insert(self.age, (id, out));
        self.age += 1;
    }

    /// Takes `id` back if it is out for what `wanted` says.
    fn take(&mut self, id: u16, wanted: impl Fn(&Out) -> bool) -> Option<Out> {
        let (&age, _) = self.out.iter().find(|(_, (other, out))| *other == id && wanted(out))?;
        self.out.remove(&age).map(|(_, out)| out)
    }
}

#[derive(Debug, Clone)]
enum Step {
    Insert,
    Reserve(usize),
    /// An identifier that is out, picked by the index, is acknowledged.
    Acknowledge(prop::sample::Index),
    AcknowledgeAny(u16),
    /// One is acknowledged, and then it is not.
    Restore(prop::sample::Index),
    Release(prop::sample::Index, usize),
    ReleaseAny(u16),
    /// Tokens that leave this remainder by three.
    Abandon(u32),
    Resume,
    Drain,
    /// That many identifiers go out and come back, past all that are out.
    Skip(u16),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => Just(Step::Insert),
        3 => (0usize..3).prop_map(Step::Reserve),
        8 => any::<prop::sample::Index>().prop_map(Step::Acknowledge),
        1 => any::<u16>().prop_map(Step::AcknowledgeAny),
        2 => any::<prop::sample::Index>().prop_map(Step::Restore),
        3 => (any::<prop::sample::Index>(), 0usize..3).prop_map(|(index, n)| Step::Release(index, n)),
        1 => any::<u16>().prop_map(Step::ReleaseAny),
        1 => (0u32..3).prop_map(Step::Abandon),
        1 => Just(Step::Resume),
        1 => Just(Step::Drain),
        1 => prop_oneof![9 => 1_000u16..1_200, 1 => 65_500u16..].prop_map(Step::Skip),
    ]
}

fn message() -> Publish {
    // Neither the caller's QoS nor its flags count.
    let mut publish = Publish::new("t", QoS::ExactlyOnce, "");
    (publish.dup, publish.packet_id) = (true, 9);
    publish
}

/// Does `step` on both; `token` is fresh.
fn apply(step: &Step, in_flight: &mut InFlight<u32>, model: &mut Model, token: u32) {
    let picked = |model: &Model, index: prop::sample::Index| {
        let ids: Vec<u16> = model.out.values().map(|(id, _)| *id).collect();
        if ids.is_empty() { 0 } else { *index.get(&ids) }
    };
    match *step {
        Step::Insert => match in_flight.insert(message(), token) {
            Ok(publish) => {
                assert!(!publish.dup && publish.qos == QoS::AtLeastOnce);
                assert!(model.tokens().len() < model.limit, "over the limit");
                model.add(publish.packet_id, Out::Message(token));
            }
            Err((publish, returned)) => {
                assert_eq!((publish, returned), (message(), token));
                assert!(model.tokens().len() >= model.limit, "refused with room");
            }
        },
        Step::Reserve(answers) => model.add(in_flight.reserve(answers).unwrap(), Out::Reserved(answers)),
        Step::Acknowledge(index) => acknowledge(in_flight, model, picked(model, index)),
        Step::AcknowledgeAny(id) => acknowledge(in_flight, model, id),
        Step::Restore(index) => {
            if let Some(acknowledged) = in_flight.acknowledge(picked(model, index)) {
                assert!(in_flight.restore(acknowledged));
            } else {
                let id = picked(model, index);
                model.take(id, |out| *out == Out::Abandoned);
            }
        }
        Step::Release(index, answers) => release(in_flight, model, picked(model, index), answers),
        Step::ReleaseAny(id) => release(in_flight, model, id, 1),
        Step::Abandon(rest) => {
            let mut expected = model.tokens();
            expected.retain(|token| token % 3 == rest);
            assert_eq!(in_flight.abandon(|token| token % 3 == rest), expected);
            for (_, out) in model.out.values_mut() {
                if matches!(out, Out::Message(token) if *token % 3 == rest) {
                    *out = Out::Abandoned;
                }
            }
        }
        Step::Resume => {
            model.out.retain(|_, (_, out)| matches!(out, Out::Message(_)));
            let expected: Vec<u16> = model.out.values().map(|(id, _)| *id).collect();
            let resent: Vec<(u16, bool)> =
                in_flight.resume().map(|publish| (publish.packet_id, publish.dup)).collect();
            assert_eq!(resent, expected.into_iter().map(|id| (id, true)).collect::<Vec<_>>());
        }
        Step::Drain => {
            let drained: Vec<_> = in_flight.drain().collect();
            assert_eq!(drained.iter().map(|(_, token)| *token).collect::<Vec<_>>(), model.tokens());
            assert!(drained.iter().all(|(publish, _)| !publish.dup && publish.packet_id == 0));
            model.out.clear();
        }
        Step::Skip(count) => {
            let out: HashSet<u16> = model.out.values().map(|(id, _)| *id).collect();
            for _ in 0..count {
                let id = in_flight.reserve(0).unwrap();
                assert!(id != 0 && !out.contains(&id), "{id} is out already");
                assert!(in_flight.release(id, 0));
            }
        }
    }
}

fn token(acknowledged: Option<Acknowledged<u32>>) -> Option<u32> {
    acknowledged.map(|acknowledged| acknowledged.token)
}

fn acknowledge(in_flight: &mut InFlight<u32>, model: &mut Model, id: u16) {
    let taken = model.take(id, |out| !matches!(out, Out::Reserved(_)));
    let expected = if let Some(Out::Message(token)) = taken { Some(token) } else { None };
    assert_eq!(token(in_flight.acknowledge(id)), expected);
    assert_eq!(token(in_flight.acknowledge(id)), None, "acknowledged twice");
}

fn release(in_flight: &mut InFlight<u32>, model: &mut Model, id: u16, answers: usize) {
    let expected = model.take(id, |out| *out == Out::Reserved(answers)).is_some();
    assert_eq!(in_flight.release(id, answers), expected);
    assert!(!in_flight.release(id, answers), "released twice");
}

proptest! {
    #[test]
    fn behaves_like_the_model(limit in 0u16..12, steps in prop::collection::vec(any_step(), 0..200)) {
        let mut in_flight = InFlight::new(limit);
        let mut model = Model { limit: usize::from(limit.max(1)), ..Model::default() };
        for (step, token) in steps.into_iter().zip(0..) {
            apply(&step, &mut in_flight, &mut model, token);
            prop_assert_eq!(in_flight.count(), model.tokens().len());
            prop_assert_eq!(in_flight.tokens().copied().collect::<Vec<_>>(), model.tokens());
            prop_assert_eq!(in_flight.has_room(), model.tokens().len() < model.limit);
        }
    }
}

#[test]
fn every_identifier_is_given_once_before_exhaustion() {
    let mut in_flight = InFlight::new(u16::MAX);
    // Start in the middle, so that the numbers wrap.
    for _ in 0..40_000 {
        let id = in_flight.reserve(0).unwrap();
        assert!(in_flight.release(id, 0));
    }
    let mut seen = HashSet::new();
    for token in 0..65_535u32 {
        assert!(in_flight.has_room());
        let id = if token % 2 == 0 {
            in_flight.insert(message(), token).unwrap().packet_id
        } else {
            in_flight.reserve(1).unwrap()
        };
        assert!(id != 0 && seen.insert(id), "{id}");
    }
    assert!(!in_flight.has_room());
    assert!(in_flight.insert(message(), 0).is_err());
    assert_eq!(in_flight.reserve(0), None);

    // One identifier comes back: it is the oldest, 40,001, and the next one to go out.
    assert_eq!(token(in_flight.acknowledge(40_001)), Some(0));
    assert!(in_flight.has_room());
    assert_eq!(in_flight.reserve(0), Some(40_001));
    assert_eq!(in_flight.reserve(0), None);
    assert_eq!(in_flight.drain().count(), 32_767);
    assert!(in_flight.has_room());
    assert_eq!(in_flight.reserve(0), Some(40_002), "numbers go on after a drain");

    // A new connection gets back what no message holds.
    while in_flight.reserve(0).is_some() {}
    assert_eq!(in_flight.resume().count(), 0);
    assert_eq!(std::iter::from_fn(|| in_flight.reserve(0)).count(), 65_535);
}

/// An identifier that is never answered must not stop the others for ever.
#[test]
fn one_unanswered_identifier_does_not_block_the_rest() {
    let mut in_flight = InFlight::new(10);
    let stuck = in_flight.insert(message(), 0).unwrap().packet_id;
    for token in 1..200_000u32 {
        let id = in_flight.insert(message(), token).unwrap().packet_id;
        assert_ne!(id, stuck);
        assert_eq!(self::token(in_flight.acknowledge(id)), Some(token));
    }
    assert_eq!(in_flight.tokens().copied().collect::<Vec<_>>(), [0]);
    assert_eq!(token(in_flight.acknowledge(stuck)), Some(0));
}
