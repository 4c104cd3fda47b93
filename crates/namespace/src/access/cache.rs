//! Verdicts on the topics on which a client published last.

use std::hash::{DefaultHasher, Hash, Hasher};

/// Topics that are remembered: a power of two.
const PLACES: usize = 16;

/// Whether a client may publish on topics, for the last few of them. Each topic has one place, which the next of the same
/// place takes: it does not grow, whatever a client publishes.
#[derive(Debug, Default)]
pub struct TopicCache {
    /// Empty until something is remembered.
    places: Vec<Option<(Box<str>, bool)>>,
    /// Where the topic was found last: most clients have one.
    last: usize,
}

impl TopicCache {
    /// The verdict on this topic, or that of `judge`, which is remembered.
    pub fn get_or(&mut self, topic: &str, judge: impl FnOnce() -> bool) -> bool {
        if let Some(Some((known, verdict))) = self.places.get(self.last)
            && **known == *topic
        {
            return *verdict;
        }
        if self.places.is_empty() {
            self.places.resize(PLACES, None);
        }
        let mut hasher = DefaultHasher::new();
        topic.hash(&mut hasher);
        self.last = hasher.finish() as usize % PLACES;
        match &mut self.places[self.last] {
            Some((known, verdict)) if **known == *topic => *verdict,
            place => {
                let verdict = judge();
                *place = Some((topic.into(), verdict));
                verdict
            }
        }
    }

    /// Forgets all: the rights have changed.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}
