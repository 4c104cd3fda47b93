//! Judges patches by the rules of [`limits`](super::limits): as values, and as text of which no value is made.

use std::borrow::Cow;
use std::fmt::{self, Write};

use serde_core::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::limits::{
    MAX_DEPTH, Section, TwinLimitError, TwinRule, check_key, check_number, check_size, check_string,
    text_size,
};
use crate::encoding::excerpt;

/// Checks a patch (or a whole section, without `$version` and `$metadata`) by every rule that can be judged without
/// the section it is for, its own size included: all of a patch but its nulls ends up in the section.
pub fn check_patch(section: Section, patch: &Value) -> Result<(), TwinLimitError> {
    let mut checker = Checker::default();
    let outcome = if patch.is_object() { checker.value(patch) } else { Err(TwinRule::NotAnObject) };
    checker.finish(section, outcome)
}

/// The same for JSON text, in one pass.
///
/// # Errors
/// [`PatchTextError::NotJson`] for what is not JSON, [`PatchTextError::Refused`] as [`check_patch`].
pub fn check_patch_text(section: Section, patch: &[u8]) -> Result<(), PatchTextError> {
    let patch: &RawValue = serde_json::from_slice(patch).map_err(PatchTextError::NotJson)?;
    let mut checker = Checker::default();
    let outcome = if patch.get().starts_with('{') {
        checker.text(patch.get()).map_err(PatchTextError::NotJson)?
    } else {
        Err(TwinRule::NotAnObject)
    };
    checker.finish(section, outcome).map_err(PatchTextError::Refused)
}

/// A text that is not a patch.
#[derive(Debug)]
pub enum PatchTextError {
    /// It is not JSON.
    NotJson(serde_json::Error),
    /// The service would refuse it.
    Refused(TwinLimitError),
}

impl fmt::Display for PatchTextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson(error) => error.fmt(f),
            Self::Refused(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for PatchTextError {}

/// One step from the section down to a value.
enum Step<'a> {
    Key(Cow<'a, str>),
    Index(usize),
}

/// Where a check has come to.
#[derive(Default)]
struct Checker<'a> {
    /// At an error, where it is.
    path: Vec<Step<'a>>,
    /// Steps of the path into an array.
    arrays: usize,
    /// By the service's count, as [`section_size`](super::section_size).
    size: usize,
    /// What a visitor of serde found, whose errors are text.
    broken: Option<TwinRule>,
}

impl<'a> Checker<'a> {
    fn value(&mut self, value: &'a Value) -> Result<(), TwinRule> {
        match value {
            Value::Null => self.null(),
            Value::Bool(_) => {
                self.size += 4;
                Ok(())
            }
            Value::Number(number) => self.number(number.as_str()),
            Value::String(text) => self.string(text),
            Value::Array(items) => {
                self.open()?;
                for (index, item) in items.iter().enumerate() {
                    self.item(index);
                    self.value(item)?;
                    self.leave();
                }
                Ok(())
            }
            Value::Object(fields) => {
                self.open()?;
                for (key, value) in fields {
                    self.field(Cow::Borrowed(key), value.is_null())?;
                    self.value(value)?;
                    self.leave();
                }
                Ok(())
            }
        }
    }

    /// The same from JSON text, without white space around it. The text of an object is read once more for each level
    /// that it is nested in.
    fn text(&mut self, text: &'a str) -> serde_json::Result<Result<(), TwinRule>> {
        let first = text.bytes().next().unwrap_or_default();
        Ok(match first {
            b'n' => self.null(),
            b't' | b'f' => {
                self.size += 4;
                Ok(())
            }
            b'"' => {
                let Text(text) = serde_json::from_str(text)?;
                self.string(&text)
            }
            b'[' | b'{' => {
                if let Err(rule) = self.open() {
                    return Ok(Err(rule));
                }
                let mut parser = serde_json::Deserializer::from_str(text);
                let read = match first {
                    b'[' => parser.deserialize_seq(Members(self)),
                    _ => parser.deserialize_map(Members(self)),
                };
                match (read, self.broken.take()) {
                    (Err(_), Some(rule)) => Err(rule),
                    (read, _) => Ok(read?),
                }
            }
            _ => self.number(text),
        })
    }

    fn null(&self) -> Result<(), TwinRule> {
        if self.arrays > 0 { Err(TwinRule::NullInArray) } else { Ok(()) }
    }

    fn number(&mut self, text: &str) -> Result<(), TwinRule> {
        self.size += 8;
        check_number(text)
    }

    fn string(&mut self, text: &str) -> Result<(), TwinRule> {
        self.size += text_size(text);
        check_string(text)
    }

    fn open(&self) -> Result<(), TwinRule> {
        if self.path.len() > MAX_DEPTH { Err(TwinRule::TooDeep) } else { Ok(()) }
    }

    /// Goes down into a field. A null counts nothing, and neither does its key.
    fn field(&mut self, key: Cow<'a, str>, is_null: bool) -> Result<(), TwinRule> {
        let checked = check_key(&key);
        if !is_null {
            self.size += text_size(&key);
        }
        self.path.push(Step::Key(key));
        checked
    }

    fn item(&mut self, index: usize) {
        self.arrays += 1;
        self.path.push(Step::Index(index));
    }

    fn leave(&mut self) {
        if let Some(Step::Index(_)) = self.path.pop() {
            self.arrays -= 1;
        }
    }

    fn finish(self, section: Section, outcome: Result<(), TwinRule>) -> Result<(), TwinLimitError> {
        outcome.map_err(|rule| TwinLimitError { path: format_path(section, &self.path), rule })?;
        check_size(section, self.size)
    }
}

/// The members of an object or array in JSON text.
struct Members<'c, 'a>(&'c mut Checker<'a>);

impl<'a> Members<'_, 'a> {
    fn member<E: serde_core::de::Error>(&mut self, value: &'a RawValue) -> Result<(), E> {
        match self.0.text(value.get()).map_err(E::custom)? {
            Ok(()) => self.0.leave(),
            Err(rule) => return Err(self.refuse(rule)),
        }
        Ok(())
    }

    fn refuse<E: serde_core::de::Error>(&mut self, rule: TwinRule) -> E {
        self.0.broken = Some(rule);
        E::custom("refused")
    }
}

impl<'a> Visitor<'a> for Members<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array")
    }

    fn visit_map<M: MapAccess<'a>>(mut self, mut map: M) -> Result<(), M::Error> {
        while let Some((Text(key), value)) = map.next_entry::<Text<'a>, &'a RawValue>()? {
            self.0.field(key, value.get() == "null").map_err(|rule| self.refuse::<M::Error>(rule))?;
            self.member(value)?;
        }
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'a>>(mut self, mut items: S) -> Result<(), S::Error> {
        let mut index = 0;
        while let Some(value) = items.next_element::<&'a RawValue>()? {
            self.0.item(index);
            self.member(value)?;
            index += 1;
        }
        Ok(())
    }
}

/// A string of JSON text, copied only where it holds escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrow;

        impl<'de> Visitor<'de> for Borrow {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Borrow)
    }
}

fn format_path(section: Section, steps: &[Step<'_>]) -> String {
    let mut path = section.name().to_owned();
    for step in steps {
        // Writing to a String cannot fail.
        let _ = match step {
            Step::Index(index) => write!(path, "[{index}]"),
            Step::Key(key) if !key.is_empty() && check_key(key).is_ok() => {
                write!(path, ".{}", excerpt(key, 64))
            }
            Step::Key(key) => write!(path, "[\"{}\"]", excerpt(key, 64)),
        };
    }
    path
}
