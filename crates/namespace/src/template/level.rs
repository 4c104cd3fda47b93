//! One level of a template, and whether a level of a topic is it.

use std::io::Write;

use crate::attributes::AttributeValue;
use crate::limits::MAX_TOPIC_BYTES;
use crate::principal::Principal;

/// What stands between two `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Level {
    /// `#`: any levels from here on, or none.
    Many,
    /// `+`: any one.
    One,
    /// This text.
    Text(Box<str>),
    /// Texts and variables, one after the other.
    Parts(Box<[Part]>),
}

/// A piece of a level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// This text.
    Text(Box<str>),
    /// The client's authentication name.
    AuthenticationName,
    /// The value of the client's attribute with this key.
    Attribute(Box<str>),
}

impl Level {
    /// Whether a level of a topic, which is no wildcard, is one of those that this stands for.
    pub fn is(&self, name: &str, principal: &Principal) -> bool {
        match self {
            Self::Many | Self::One => true,
            Self::Text(text) => **text == *name,
            Self::Parts(parts) => match &**parts {
                // Most are one variable.
                [Part::AuthenticationName] => name == principal.name.as_str() && is_value(name),
                [Part::Attribute(key)] => {
                    let mut is_one = false;
                    values(key, principal, |value| is_one |= value == name);
                    is_one
                }
                parts => fits(parts, name, principal),
            },
        }
    }
}

/// Places between the bytes of a level, as a set of bits.
#[derive(Clone, Copy)]
struct Places([u64; MAX_TOPIC_BYTES / 64 + 1]);

impl Places {
    const NONE: Self = Self([0; MAX_TOPIC_BYTES / 64 + 1]);

    fn add(&mut self, place: usize) {
        if let Some(word) = self.0.get_mut(place / 64) {
            *word |= 1 << (place % 64);
        }
    }

    fn has(&self, place: usize) -> bool {
        self.0.get(place / 64).is_some_and(|word| word >> (place % 64) & 1 == 1)
    }

    fn is_empty(self) -> bool {
        self.0 == Self::NONE.0
    }

    fn join(&mut self, others: &Self) {
        self.0.iter_mut().zip(others.0).for_each(|(word, other)| *word |= other);
    }

    /// Front first.
    fn iter(self) -> impl Iterator<Item = usize> {
        self.0.into_iter().enumerate().flat_map(|(index, mut word)| {
            std::iter::from_fn(move || {
                let place = (word != 0).then(|| index * 64 + word.trailing_zeros() as usize);
                word &= word.wrapping_sub(1);
                place
            })
        })
    }
}

/// Lists of more values than this are looked up in a table of where they end.
const FEW: usize = 8;

/// Whether the parts, each of which may be of several texts, make up `name`. Part for part the places are found up to which
/// it is made up: the time grows with the bytes times the values and the parts, and not with their powers.
fn fits(parts: &[Part], name: &str, principal: &Principal) -> bool {
    let mut reached = Places::NONE;
    reached.add(0);
    let mut tables: Vec<(&str, Vec<Places>)> = Vec::new();
    for part in parts {
        let mut next = Places::NONE;
        let mut advance = |text: &str| {
            for place in reached.iter() {
                if name.as_bytes()[place.min(name.len())..].starts_with(text.as_bytes()) {
                    next.add(place + text.len());
                }
            }
        };
        match part {
            Part::Text(text) => advance(text),
            Part::AuthenticationName => {
                let name = principal.name.as_str();
                if is_value(name) {
                    advance(name);
                }
            }
            Part::Attribute(key) => match principal.attributes.get(key) {
                Some(AttributeValue::List(texts)) if texts.len() > FEW => {
                    let index = tables.iter().position(|(known, _)| *known == &**key).unwrap_or_else(|| {
                        tables.push((key, ends(name, texts)));
                        tables.len() - 1
                    });
                    reached
                        .iter()
                        .filter_map(|place| tables[index].1.get(place))
                        .for_each(|ends| next.join(ends));
                }
                _ => values(key, principal, &mut advance),
            },
        }
        if next.is_empty() {
            return false;
        }
        reached = next;
    }
    reached.has(name.len())
}

/// For each place in a level where the values end that begin there.
fn ends(name: &str, values: &[String]) -> Vec<Places> {
    let mut ends = vec![Places::NONE; name.len() + 1];
    for value in values.iter().filter(|value| is_value(value)) {
        for (place, ends) in ends.iter_mut().enumerate() {
            if name.as_bytes()[place..].starts_with(value.as_bytes()) {
                ends.add(place + value.len());
            }
        }
    }
    ends
}

/// Tells of each value of an attribute that may stand in a level.
fn values(key: &str, principal: &Principal, mut tell: impl FnMut(&str)) {
    let mut digits = [0; 20];
    let texts = match principal.attributes.get(key) {
        None => return,
        Some(AttributeValue::Integer(number)) => {
            let mut rest = &mut digits[..];
            // The longest of 64 bits has twenty.
            let _ = write!(rest, "{number}");
            let free = rest.len();
            return tell(std::str::from_utf8(&digits[..digits.len() - free]).unwrap_or_default());
        }
        Some(AttributeValue::Text(text)) => std::slice::from_ref(text),
        Some(AttributeValue::List(texts)) => texts,
    };
    texts.iter().filter(|text| is_value(text)).for_each(|text| tell(text));
}

/// Whether a value stays within its level.
fn is_value(text: &str) -> bool {
    !text.contains(['/', '+', '#'])
}
