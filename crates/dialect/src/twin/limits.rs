//! What the service accepts in a twin (IoT Hub docs, device twins: "Tags and properties format", "size").

use std::fmt;

use serde_json::Value;

/// A part of the twin with a size limit of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Section {
    /// For services only; a device never sees them.
    Tags,
    /// Written by services, read by the device.
    Desired,
    /// Written by the device, read by services.
    Reported,
}

impl Section {
    /// As it is called in the document.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tags => "tags",
            Self::Desired => "desired",
            Self::Reported => "reported",
        }
    }

    /// The limit for [`section_size`], in bytes.
    pub fn max_size(self) -> usize {
        match self {
            Self::Tags => 8 * 1024,
            Self::Desired | Self::Reported => 32 * 1024,
        }
    }
}

const MAX_KEY: usize = 1024;
const MAX_STRING: usize = 4096;
/// Objects and arrays below the section itself.
pub(super) const MAX_DEPTH: usize = 10;
const INTEGERS: std::ops::RangeInclusive<i64> = -4_503_599_627_370_496..=4_503_599_627_370_495;

/// The rule that a patch breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TwinRule {
    /// A patch, and each section, is a JSON object.
    NotAnObject,
    /// A member of a service's body is none of a twin.
    NotOfATwin,
    /// A key holds `.`, `$`, `#`, white space or a control character. It may be empty.
    KeyCharacter(char),
    /// A key is longer than 1 KB.
    KeyTooLong(usize),
    /// A string value is longer than 4 KB.
    StringTooLong(usize),
    /// Objects are nested more than ten deep.
    TooDeep,
    /// An integer is outside −4503599627370496 … 4503599627370495. A number with a fraction or an exponent is none, whatever
    /// its value.
    IntegerRange,
    /// A number is beyond the range of a double.
    NumberRange,
    /// A null within an array, or within an object in one: there is nothing to delete there.
    NullInArray,
    /// The section would grow beyond its limit.
    SectionSize {
        /// By the service's count.
        size: usize,
        /// In bytes.
        limit: usize,
    },
}

impl fmt::Display for TwinRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnObject => f.write_str("must be a JSON object"),
            Self::NotOfATwin => {
                f.write_str("is not part of a twin; a service writes tags and properties.desired")
            }
            Self::KeyCharacter(c @ ('$' | '#')) => {
                write!(f, "has '{c}' in its key, which is for the service's own keys")
            }
            Self::KeyCharacter(' ') => f.write_str("has a space in its key"),
            Self::KeyCharacter('.') => f.write_str("has '.' in its key"),
            Self::KeyCharacter(c) => {
                let what = if c.is_control() { "control character" } else { "white space" };
                write!(f, "has the {what} U+{:04X} in its key", u32::from(*c))
            }
            Self::KeyTooLong(length) => write!(f, "has a key of {length} bytes; the limit is {MAX_KEY}"),
            Self::StringTooLong(length) => {
                write!(f, "is a string of {length} bytes; the limit is {MAX_STRING}")
            }
            Self::TooDeep => write!(f, "is nested deeper than {MAX_DEPTH} levels"),
            Self::IntegerRange => {
                write!(f, "is an integer outside {} … {}", INTEGERS.start(), INTEGERS.end())
            }
            Self::NumberRange => f.write_str("is a number beyond the range of a double"),
            Self::NullInArray => f.write_str("is null, which nothing within an array may be"),
            Self::SectionSize { size, limit } => {
                write!(f, "would have {size} bytes by the service's count; the limit is {limit}")
            }
        }
    }
}

/// A patch that the service would refuse: where and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TwinLimitError {
    /// Where, such as `reported.motor.speeds[2]`.
    pub path: String,
    /// Why.
    pub rule: TwinRule,
}

impl fmt::Display for TwinLimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "twin: {} {}", self.path, self.rule)
    }
}

impl std::error::Error for TwinLimitError {}

/// Checks a whole section's size.
pub fn check_section_size(section: Section, values: &Value) -> Result<(), TwinLimitError> {
    check_size(section, section_size(values))
}

/// The same for a size that is known.
pub(super) fn check_size(section: Section, size: usize) -> Result<(), TwinLimitError> {
    let limit = section.max_size();
    if size > limit {
        let rule = TwinRule::SectionSize { size, limit };
        return Err(TwinLimitError { path: section.name().to_owned(), rule });
    }
    Ok(())
}

/// The service's count: keys and strings by their UTF-8 bytes without control characters, 8 for a number, 4 for a
/// boolean. A null, which only patches have, counts nothing, and neither does its key.
///
/// Recurses as deep as the value; values from [`check_patch`](super::check_patch) or a JSON parser are bounded.
pub fn section_size(value: &Value) -> usize {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 4,
        Value::Number(_) => 8,
        Value::String(text) => text_size(text),
        Value::Array(items) => items.iter().map(section_size).sum(),
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(_, value)| !value.is_null());
            fields.map(|(key, value)| text_size(key) + section_size(value)).sum()
        }
    }
}

pub(super) fn text_size(text: &str) -> usize {
    text.chars().filter(|c| !c.is_control()).map(char::len_utf8).sum()
}

pub(super) fn check_string(text: &str) -> Result<(), TwinRule> {
    if text.len() > MAX_STRING { Err(TwinRule::StringTooLong(text.len())) } else { Ok(()) }
}

/// A number as JSON writes it.
pub(super) fn check_number(text: &str) -> Result<(), TwinRule> {
    if text.contains(['.', 'e', 'E']) {
        // A double reaches to 1.8e308: beyond it lead only an exponent and hundreds of digits.
        let is_small = text.len() < 300 && !text.contains(['e', 'E']);
        let fits = is_small || text.parse::<f64>().is_ok_and(f64::is_finite);
        return if fits { Ok(()) } else { Err(TwinRule::NumberRange) };
    }
    // What fits into no i64 is out of range, too.
    let fits = text.parse().is_ok_and(|integer: i64| INTEGERS.contains(&integer));
    if fits { Ok(()) } else { Err(TwinRule::IntegerRange) }
}

pub(super) fn check_key(key: &str) -> Result<(), TwinRule> {
    if key.len() > MAX_KEY {
        return Err(TwinRule::KeyTooLong(key.len()));
    }
    // As the validator of IoT Edge's hub has it, which was taken from IoT Hub; `is_control` is C0, DEL and C1.
    let bad = key.chars().find(|&c| matches!(c, '.' | '$' | '#') || c.is_whitespace() || c.is_control());
    bad.map_or(Ok(()), |c| Err(TwinRule::KeyCharacter(c)))
}
