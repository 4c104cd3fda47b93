//! What a webhook answers.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use crate::attributes::Attributes;
use crate::authentication::claims::attribute;
use crate::names::AuthenticationName;
use azmqtt_net::excerpt::excerpt;

/// The longest reason that is noted, in characters.
const MAX_REASON: usize = 200;

/// What a webhook says of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookAnswer {
    /// `"decision": "allow"`.
    Allow {
        /// `clientAuthenticationName`.
        name: AuthenticationName,
        /// `attributes`.
        attributes: Attributes,
        /// `expiration`: until when, since 1970; for ever without it.
        expires: Option<Duration>,
    },
    /// `"decision": "deny"`, with the beginning of `errorReason`.
    Deny(String),
}

/// Why an answer is none. It shows no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidAnswer {
    /// It is no object of JSON.
    NotJson,
    /// This member is missing or wrong.
    Member(&'static str),
    /// The attribute of this key has a value that none has, or the key itself is wrong, or all are too large.
    Attributes,
}

impl fmt::Display for InvalidAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson => f.write_str("it is not a JSON object"),
            Self::Member(name) => write!(f, "{name} is missing or wrong"),
            Self::Attributes => f.write_str(
                "attributes must have letters, digits and _ in their keys, be texts, whole numbers of 32 bits or lists of texts, \
                 and have less than 4 KB",
            ),
        }
    }
}

impl std::error::Error for InvalidAnswer {}

impl WebhookAnswer {
    /// Reads the body of an answer.
    ///
    /// # Errors
    /// It is not what the service documents.
    pub fn parse(body: &[u8]) -> Result<Self, InvalidAnswer> {
        let answer: Value = serde_json::from_slice(body).map_err(|_| InvalidAnswer::NotJson)?;
        let answer = answer.as_object().ok_or(InvalidAnswer::NotJson)?;
        let text = |name: &'static str| answer.get(name).and_then(Value::as_str);
        match text("decision") {
            Some("allow") => {}
            Some("deny") => {
                return Ok(Self::Deny(excerpt(text("errorReason").unwrap_or("no reason given"), MAX_REASON)));
            }
            _ => return Err(InvalidAnswer::Member("decision")),
        }
        let member = "clientAuthenticationName";
        let name = text(member).and_then(|name| AuthenticationName::parse(name).ok());
        let name = name.ok_or(InvalidAnswer::Member(member))?;
        let attributes = match answer.get("attributes") {
            None | Some(Value::Null) => Attributes::default(),
            Some(Value::Object(all)) => {
                let entry = |(key, value): (&String, &Value)| Some((key.clone(), attribute(value)?));
                let entries: Option<Vec<_>> = all.iter().map(entry).collect();
                Attributes::new(entries.ok_or(InvalidAnswer::Attributes)?)
                    .map_err(|_| InvalidAnswer::Attributes)?
            }
            Some(_) => return Err(InvalidAnswer::Member("attributes")),
        };
        let expires = match answer.get("expiration") {
            None | Some(Value::Null) => None,
            Some(time) => Some(time.as_u64().ok_or(InvalidAnswer::Member("expiration"))?),
        };
        Ok(Self::Allow { name, attributes, expires: expires.map(Duration::from_secs) })
    }
}
