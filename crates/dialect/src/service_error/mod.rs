//! Error bodies: the one a device gets over MQTT, and the spellings of the service's REST API.

mod code;
#[cfg(test)]
mod tests;

use std::fmt;

use serde_json::{Map, Value};

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
        let [code, message, tracking_id, timestamp] = self.fields();
        let retry_after = self.retry_after.map(|seconds| ("retryAfter", seconds.into()));
        let body = [code, tracking_id, message, timestamp].into_iter().chain(retry_after);
        write_object(body).into_bytes()
    }

    /// The body of the service's REST API in its newer spelling, as some routes have it: the device's in another order.
    pub fn to_plain_rest_body(&self) -> Vec<u8> {
        write_object(self.fields()).into_bytes()
    }

    /// The body of direct methods over the service's REST API: the newer spelling as text under `Message`.
    pub fn to_nested_rest_body(&self) -> Vec<u8> {
        let inner = write_object(self.fields().into_iter().chain([("info", Value::Null)]));
        write_object([("Message", inner.into()), ("ExceptionMessage", "".into())]).into_bytes()
    }

    /// The body of the service's REST API, older spelling: `ErrorCode:{name};{message}` under `Message`, tracking id and time
    /// under `ExceptionMessage`.
    pub fn to_named_rest_body(&self) -> Vec<u8> {
        let code = self.error_code.unwrap_or_else(|| u32::from(self.status) * 1000);
        let name = ErrorCode::name(code).unwrap_or("InvalidErrorCode");
        let message = format!("ErrorCode:{name};{}", self.message);
        let exception = format!("Tracking ID:{}", self.tracking());
        write_object([("Message", message.into()), ("ExceptionMessage", exception.into())]).into_bytes()
    }

    /// The tracking id with the time: `{hex}-G:{n}-TimeStamp:{MM/dd/yyyy HH:mm:ss}`.
    pub fn tracking(&self) -> String {
        let timestamp = self.timestamp.as_deref().unwrap_or_default();
        let timestamp = american(timestamp).unwrap_or_else(|| timestamp.to_owned());
        format!("{}-TimeStamp:{timestamp}", self.tracking_id.as_deref().unwrap_or_default())
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

    fn fields(&self) -> [(&'static str, Value); 4] {
        [
            ("errorCode", self.error_code.unwrap_or_else(|| u32::from(self.status) * 1000).into()),
            ("message", self.message.as_str().into()),
            ("trackingId", self.tracking_id.as_deref().unwrap_or_default().into()),
            ("timestampUtc", self.timestamp.as_deref().unwrap_or_default().into()),
        ]
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

/// An object whose fields keep their order.
fn write_object(fields: impl IntoIterator<Item = (&'static str, Value)>) -> String {
    let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value));
    Value::Object(fields.collect()).to_string()
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
