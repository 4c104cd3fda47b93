//! Error bodies: the one a device gets over MQTT, and the two spellings of the service's REST API.

mod code;
#[cfg(test)]
mod tests;

use std::fmt;

use serde_json::{Map, Value, json};

pub use code::ErrorCode;

use super::encoding::excerpt;

/// The longest message kept from a foreign body, in characters.
const MAX_MESSAGE: usize = 1024;

/// The longest tracking id and timestamp kept, in characters.
const MAX_FIELD: usize = 128;

/// What the service says about a refused request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceError {
    /// The HTTP-like status it came with.
    pub status: u16,
    /// Six digits, the first three usually the status; see [`ErrorCode`]. `None` if the body had none that
    /// can be read.
    pub error_code: Option<u32>,
    /// For people.
    pub message: String,
    /// To quote to Azure support.
    pub tracking_id: Option<String>,
    /// When, as the service wrote it.
    pub timestamp: Option<String>,
    /// Seconds to wait before another try, when the service says so.
    pub retry_after: Option<u64>,
}

impl ServiceError {
    /// An error of the hub's own; the status is the code's first three digits.
    pub fn new(error_code: u32, message: impl Into<String>) -> Self {
        Self {
            status: u16::try_from(error_code / 1000).unwrap_or(500),
            error_code: Some(error_code),
            message: message.into(),
            tracking_id: None,
            timestamp: None,
            retry_after: None,
        }
    }

    /// The body that a device gets:
    /// `{"errorCode":…,"trackingId":"…","message":"…","timestampUtc":"…"}`.
    pub fn to_body(&self) -> Vec<u8> {
        self.to_json().to_string().into_bytes()
    }

    /// The body of the service's REST API, newer spelling: the device's body as a string under `Message`.
    pub fn to_rest_body(&self) -> Vec<u8> {
        self.to_rest_body_with(None)
    }

    /// [`Self::to_rest_body`] with more for programs under `info`, as some errors have.
    pub fn to_rest_body_with(&self, info: Option<&Value>) -> Vec<u8> {
        let mut body = self.to_json();
        if let Some(info) = info {
            body["info"] = info.clone();
        }
        json!({ "Message": body.to_string(), "ExceptionMessage": "" }).to_string().into_bytes()
    }

    /// The body of the service's REST API, older spelling: `ErrorCode:{name};{message}` under `Message`, tracking id and time
    /// under `ExceptionMessage`.
    pub fn to_named_rest_body(&self) -> Vec<u8> {
        let code = self.error_code.unwrap_or_else(|| u32::from(self.status) * 1000);
        let name = ErrorCode::name(code).unwrap_or("InvalidErrorCode");
        let tracking_id = self.tracking_id.as_deref().unwrap_or_default();
        let timestamp = self.timestamp.as_deref().unwrap_or_default();
        let timestamp = american(timestamp).unwrap_or_else(|| timestamp.to_owned());
        let exception = format!("Tracking ID:{tracking_id}-TimeStamp:{timestamp}");
        let message = format!("ErrorCode:{name};{}", self.message);
        json!({ "Message": message, "ExceptionMessage": exception }).to_string().into_bytes()
    }

    /// Reads an error body, whatever it holds: what cannot be read becomes an excerpt in the message.
    pub fn parse(status: u16, body: &[u8]) -> Self {
        let mut error = Self {
            status,
            error_code: None,
            message: String::new(),
            tracking_id: None,
            timestamp: None,
            retry_after: None,
        };
        match serde_json::from_slice(body) {
            Ok(Value::Object(fields)) => error.read(&fields),
            Ok(Value::String(text)) => error.message = excerpt(text.trim(), MAX_MESSAGE),
            _ => {
                // Four bytes is the longest character.
                let start = &body[..body.len().min(4 * (MAX_MESSAGE + 1))];
                error.message = excerpt(String::from_utf8_lossy(start).trim(), MAX_MESSAGE);
            }
        }
        if error.message.is_empty() {
            // Where the code is missing, the status has a name of its own.
            let code = error.error_code.unwrap_or(u32::from(status) * 1000);
            error.message = match ErrorCode::name(code) {
                Some(name) => name.to_owned(),
                None => format!("status {status} without an explanation"),
            };
        }
        error
    }

    fn to_json(&self) -> Value {
        let mut body = json!({
            "errorCode": self.error_code.unwrap_or_else(|| u32::from(self.status) * 1000),
            "trackingId": self.tracking_id.as_deref().unwrap_or_default(),
            "message": self.message,
            "timestampUtc": self.timestamp.as_deref().unwrap_or_default(),
        });
        if let Some(seconds) = self.retry_after {
            body["retryAfter"] = seconds.into();
        }
        body
    }

    fn read(&mut self, fields: &Map<String, Value>) {
        if let Some(message) = text(fields, "Message", usize::MAX) {
            match serde_json::from_str(&message) {
                Ok(Value::Object(inner)) => self.read_plain(&inner),
                _ => self.read_named(&message),
            }
            if let Some(exception) = text(fields, "ExceptionMessage", MAX_MESSAGE) {
                self.read_tracking(&exception);
            }
        } else {
            self.read_plain(fields);
        }
    }

    /// `{"errorCode":404103,"trackingId":"…","message":"…","timestampUtc":"…"}`
    fn read_plain(&mut self, fields: &Map<String, Value>) {
        let code = fields.get("errorCode").and_then(|code| match code {
            Value::String(text) => ErrorCode::from_name(text).or_else(|| text.parse().ok()),
            other => other.as_u64().and_then(|code| u32::try_from(code).ok()),
        });
        self.error_code = code;
        self.message = text(fields, "message", MAX_MESSAGE).unwrap_or_default();
        self.tracking_id = text(fields, "trackingId", MAX_FIELD).filter(|id| !id.is_empty());
        self.timestamp = text(fields, "timestampUtc", MAX_FIELD).filter(|time| !time.is_empty());
        self.retry_after = fields.get("retryAfter").and_then(|seconds| match seconds {
            Value::String(text) => text.parse().ok(),
            other => other.as_u64(),
        });
    }

    /// `ErrorCode:DeviceNotFound;the text`
    fn read_named(&mut self, message: &str) {
        let named = message.strip_prefix("ErrorCode:").and_then(|rest| rest.split_once(';'));
        let Some((name, rest)) = named else {
            self.message = excerpt(message.trim(), MAX_MESSAGE);
            return;
        };
        self.error_code = ErrorCode::from_name(name.trim());
        let rest = rest.trim();
        self.message = excerpt(if rest.is_empty() { name } else { rest }, MAX_MESSAGE);
    }

    /// `Tracking ID:{hex}-G:{n}-TimeStamp:{MM/dd/yyyy HH:mm:ss}`
    fn read_tracking(&mut self, exception: &str) {
        let Some(rest) = exception.strip_prefix("Tracking ID:") else { return };
        let (id, timestamp) = match rest.split_once("-TimeStamp:") {
            Some((id, timestamp)) => (id, Some(timestamp)),
            None => (rest, None),
        };
        self.tracking_id = Some(excerpt(id, MAX_FIELD));
        self.timestamp = timestamp.map(|timestamp| excerpt(timestamp, MAX_FIELD));
    }
}

/// `2026-11-22T10:18:09Z` as `11/22/2026 10:18:09`.
fn american(timestamp: &str) -> Option<String> {
    let (date, time) = timestamp.strip_suffix('Z')?.split_once('T')?;
    let (year, month_and_day) = date.split_once('-')?;
    Some(format!("{}/{year} {time}", month_and_day.replace('-', "/")))
}

fn text(fields: &Map<String, Value>, name: &str, limit: usize) -> Option<String> {
    fields
        .get(name)?
        .as_str()
        .map(|text| if limit == usize::MAX { text.to_owned() } else { excerpt(text, limit) })
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {}", self.status)?;
        if let Some(code) = self.error_code {
            write!(f, ", error {code}")?;
        }
        if let Some(name) = self.error_code.and_then(ErrorCode::name) {
            write!(f, " {name}")?;
        }
        write!(f, ": {}", self.message)?;
        self.tracking_id.as_ref().map_or(Ok(()), |id| write!(f, " (tracking id {id})"))
    }
}

impl std::error::Error for ServiceError {}
