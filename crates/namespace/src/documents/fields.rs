//! Reading the members of a JSON object, each by its type; a member that nobody has asked for is an error.

use std::fmt;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

/// Why a document is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidDocument {
    /// The member that is wrong, such as `properties.topicTemplates[2]`.
    pub path: String,
    /// What is wrong with it.
    pub reason: String,
}

impl InvalidDocument {
    /// The member of this path is wrong.
    pub fn new(path: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self { path: path.into(), reason: reason.to_string() }
    }
}

impl fmt::Display for InvalidDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.reason)
        } else {
            write!(f, "{}: {}", self.path, self.reason)
        }
    }
}

impl std::error::Error for InvalidDocument {}

/// Characters of a member's name in an error.
const SHOWN: usize = 50;

/// The members of an object. `null` counts as absent.
pub struct Fields<'a> {
    path: String,
    members: &'a Map<String, Value>,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// Those of the object at `path`, which errors name.
    pub fn of(path: impl Into<String>, value: &'a Value) -> Result<Self, InvalidDocument> {
        let path = path.into();
        match value {
            Value::Object(members) => Ok(Self { path, members, known: Vec::new() }),
            _ => Err(InvalidDocument::new(path, "it must be an object")),
        }
    }

    /// The path of a member.
    pub fn path(&self, name: &str) -> String {
        let name: String = name.chars().take(SHOWN).collect();
        if self.path.is_empty() { name } else { format!("{}.{name}", self.path) }
    }

    /// The error of a member.
    pub fn wrong(&self, name: &str, reason: impl fmt::Display) -> InvalidDocument {
        InvalidDocument::new(self.path(name), reason)
    }

    /// A member of any type.
    pub fn value(&mut self, name: &'static str) -> Option<&'a Value> {
        self.known.push(name);
        self.members.get(name).filter(|value| !value.is_null())
    }

    /// A text.
    pub fn text(&mut self, name: &'static str) -> Result<Option<&'a str>, InvalidDocument> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(name, "it must be a string")),
        }
    }

    /// A text that must be there.
    pub fn required_text(&mut self, name: &'static str) -> Result<&'a str, InvalidDocument> {
        self.text(name)?.ok_or_else(|| self.wrong(name, "it is required"))
    }

    /// A list of texts.
    pub fn texts(&mut self, name: &'static str) -> Result<Option<Vec<&'a str>>, InvalidDocument> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let Value::Array(items) = value else { return Err(self.wrong(name, "it must be an array")) };
        let read = |(index, item): (usize, &'a Value)| {
            item.as_str().ok_or_else(|| self.wrong(&format!("{name}[{index}]"), "it must be a string"))
        };
        items.iter().enumerate().map(read).collect::<Result<_, _>>().map(Some)
    }

    /// Objects of a list.
    pub fn objects(&mut self, name: &'static str) -> Result<Vec<Fields<'a>>, InvalidDocument> {
        let Some(value) = self.value(name) else { return Ok(Vec::new()) };
        let Value::Array(items) = value else { return Err(self.wrong(name, "it must be an array")) };
        let read =
            |(index, item): (usize, &'a Value)| Fields::of(self.path(&format!("{name}[{index}]")), item);
        items.iter().enumerate().map(read).collect()
    }

    /// A whole number within a range.
    pub fn number(
        &mut self,
        name: &'static str,
        range: RangeInclusive<u16>,
    ) -> Result<Option<u16>, InvalidDocument> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let number = value.as_u64().and_then(|number| u16::try_from(number).ok());
        let number = number.filter(|number| range.contains(number));
        let (least, most) = range.into_inner();
        let wrong = || self.wrong(name, format_args!("it must be a number from {least} to {most}"));
        number.map(Some).ok_or_else(wrong)
    }

    /// True or false.
    pub fn flag(&mut self, name: &'static str) -> Result<Option<bool>, InvalidDocument> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(self.wrong(name, "it must be true or false")),
        }
    }

    /// One of some words, in any case.
    pub fn choice<T: Copy>(
        &mut self,
        name: &'static str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, InvalidDocument> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let found = choices.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
        let wrong = || {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            self.wrong(name, format_args!("it must be one of {}", words.join(", ")))
        };
        found.map(|(_, choice)| Some(*choice)).ok_or_else(wrong)
    }

    /// An object within.
    pub fn object(&mut self, name: &'static str) -> Result<Option<Fields<'a>>, InvalidDocument> {
        let Some(value) = self.value(name) else { return Ok(None) };
        Fields::of(self.path(name), value).map(Some)
    }

    /// Members that may be there and say nothing, such as those that the service alone writes.
    pub fn ignore(&mut self, names: &[&'static str]) {
        self.known.extend(names);
    }

    /// An error if there are members that nobody has asked for.
    pub fn finish(self) -> Result<(), InvalidDocument> {
        match self.members.keys().find(|name| !self.known.contains(&name.as_str())) {
            Some(name) => Err(self.wrong(name, "unknown property")),
            None => Ok(()),
        }
    }
}
