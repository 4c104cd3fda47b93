//! What a token says: who issued it, for whom and of whom, from when on and until when, and what is known of a client.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

use super::token::InvalidToken;
use crate::attributes::{AttributeValue, Attributes, is_valid_key};

/// Claims that say something of the token; the others say something of the client.
const OF_THE_TOKEN: [&str; 7] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];

/// The claims of a token. `Debug` is not derived: what they hold may be a secret of whoever made it.
pub struct Claims(Map<String, Value>);

impl Claims {
    pub(super) fn new(claims: Map<String, Value>) -> Self {
        Self(claims)
    }

    /// A claim that is a text.
    ///
    /// # Errors
    /// It is missing, empty, or none.
    pub fn text(&self, claim: &'static str) -> Result<&str, InvalidToken> {
        match self.0.get(claim) {
            Some(Value::String(text)) if !text.is_empty() => Ok(text),
            Some(_) => Err(InvalidToken::Claim(claim, "is not a text")),
            None => Err(InvalidToken::Claim(claim, "is missing")),
        }
    }

    /// A claim that is a time in Unix seconds (RFC 7519, `NumericDate`).
    fn time(&self, claim: &'static str) -> Result<Duration, InvalidToken> {
        let value = self.0.get(claim).ok_or(InvalidToken::Claim(claim, "is missing"))?;
        let whole = value.as_u64().map(Duration::from_secs);
        let time = whole.or_else(|| Duration::try_from_secs_f64(value.as_f64()?).ok());
        time.ok_or(InvalidToken::Claim(claim, "is not a time"))
    }

    /// Whether the token is for a recipient that `is_ours` knows: `aud` is a text, or a list of them.
    ///
    /// # Errors
    /// It is for another.
    pub fn check_audience(&self, is_ours: impl Fn(&str) -> bool) -> Result<(), InvalidToken> {
        let audience = self.0.get("aud").ok_or(InvalidToken::Claim("aud", "is missing"))?;
        let is_for_us = match audience {
            Value::String(audience) => is_ours(audience),
            Value::Array(all) => all.iter().filter_map(Value::as_str).any(is_ours),
            _ => return Err(InvalidToken::Claim("aud", "is neither a text nor a list of texts")),
        };
        if is_for_us { Ok(()) } else { Err(InvalidToken::Claim("aud", "is another recipient")) }
    }

    /// For how long the token is valid from `now` on, by `nbf` and `exp`.
    ///
    /// # Errors
    /// It has expired, or is not valid yet.
    pub fn valid_for(&self, now: SystemTime) -> Result<Duration, InvalidToken> {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (begins, ends) = (self.time("nbf")?, self.time("exp")?);
        if begins > now {
            return Err(InvalidToken::Claim("nbf", "is in the future"));
        }
        match ends.checked_sub(now) {
            Some(left) if !left.is_zero() => Ok(left),
            _ => Err(InvalidToken::Claim("exp", "is over")),
        }
    }

    /// The client's attributes: all claims besides those of the token whose value is a text, a list of texts, or a whole number
    /// of 32 bits. The others are left out.
    ///
    /// # Errors
    /// There are too many.
    pub fn attributes(&self) -> Result<Attributes, InvalidToken> {
        let own = self.0.iter().filter(|(key, _)| !OF_THE_TOKEN.contains(&key.as_str()) && is_valid_key(key));
        let entries = own.filter_map(|(key, value)| Some((key.clone(), attribute(value)?)));
        Attributes::new(entries)
            .map_err(|_| InvalidToken::Claim("set", "makes the attributes 4 KB or larger"))
    }
}

/// A value of JSON as the value of an attribute; `None` for a type that none has.
pub fn attribute(value: &Value) -> Option<AttributeValue> {
    match value {
        Value::String(text) => Some(AttributeValue::Text(text.clone())),
        Value::Number(number) => {
            i32::try_from(number.as_i64()?).ok().map(|number| AttributeValue::Integer(number.into()))
        }
        Value::Array(all) => {
            let texts = all.iter().map(|text| text.as_str().map(str::to_owned));
            texts.collect::<Option<_>>().map(AttributeValue::List)
        }
        Value::Null | Value::Bool(_) | Value::Object(_) => None,
    }
}
