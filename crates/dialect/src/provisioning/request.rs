//! The body of a registration.

use serde_json::{Value, json};

use super::answer::AnswerError;

/// What a device sends with [`super::ProvisioningRequest::Register`].
#[derive(Clone, Debug, PartialEq)]
pub struct Registration {
    /// The same as in the user name.
    pub registration_id: String,
    /// The device's own words to a custom allocation policy; `None` for none.
    pub payload: Option<Value>,
}

impl Registration {
    /// `{"registrationId":"…"[,"payload":…]}`
    pub fn to_body(&self) -> Vec<u8> {
        let mut body = json!({ "registrationId": self.registration_id });
        if let Some(payload) = &self.payload {
            body["payload"] = payload.clone();
        }
        body.to_string().into_bytes()
    }

    /// Reads the body as the service does. An empty one, and one without an id, is refused; unknown members are not
    /// looked at, and a payload of `null` is none.
    pub fn parse(body: &[u8]) -> Result<Self, AnswerError> {
        let mut value: Value = serde_json::from_slice(body).map_err(|_| AnswerError::NotJson)?;
        let members = value.as_object_mut().ok_or(AnswerError::NotJson)?;
        let id = members.get("registrationId").and_then(Value::as_str);
        let registration_id = id.ok_or(AnswerError::Member("registrationId"))?.to_owned();
        let payload = members.shift_remove("payload").filter(|payload| !payload.is_null());
        Ok(Self { registration_id, payload })
    }
}
