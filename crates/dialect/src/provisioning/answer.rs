//! What the service answers: an operation that runs or has ended, with the state of the registration.

use std::fmt;

use serde_json::{Map, Value, json};

use crate::encoding::excerpt;

/// The longest text kept of a member that is shown or compared, in characters.
const MAX_TEXT: usize = 1024;

/// The longest operation id, in characters; the service's have about 55.
const MAX_OPERATION_ID: usize = 256;

/// Where an operation or a registration stands (DPS docs, "Device Registration Result": status).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// No hub yet, and nobody looks for one.
    Unassigned,
    /// Under way.
    Assigning,
    /// There is a hub.
    Assigned,
    /// It will not be; the state says why.
    Failed,
    /// The enrolment is switched off.
    Disabled,
}

impl Status {
    /// As on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unassigned => "unassigned",
            Self::Assigning => "assigning",
            Self::Assigned => "assigned",
            Self::Failed => "failed",
            Self::Disabled => "disabled",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Unassigned, Self::Assigning, Self::Assigned, Self::Failed, Self::Disabled]
            .into_iter()
            .find(|status| text.eq_ignore_ascii_case(status.as_str()))
    }
}

/// How a registration came to its hub (DPS docs, "Device Registration Result": substatus).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Substatus {
    /// For the first time.
    InitialAssignment,
    /// Again, and its twin came along from the hub before.
    DeviceDataMigrated,
    /// Again, with its twin as at the first time.
    DeviceDataReset,
    /// Again, back to its first hub.
    ReprovisionedToInitialAssignment,
    /// One that this crate does not know.
    Other(String),
}

impl Substatus {
    /// As on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            Self::InitialAssignment => "initialAssignment",
            Self::DeviceDataMigrated => "deviceDataMigrated",
            Self::DeviceDataReset => "deviceDataReset",
            Self::ReprovisionedToInitialAssignment => "reprovisionedToInitialAssignment",
            Self::Other(text) => text,
        }
    }

    /// Reads any text.
    pub fn parse(text: &str) -> Self {
        let known = [
            Self::InitialAssignment,
            Self::DeviceDataMigrated,
            Self::DeviceDataReset,
            Self::ReprovisionedToInitialAssignment,
        ];
        let found = known.into_iter().find(|known| text.eq_ignore_ascii_case(known.as_str()));
        found.unwrap_or_else(|| Self::Other(excerpt(text, MAX_TEXT)))
    }

    /// As a client of this api-version is told: up to 2019-03-31 there is no `reprovisionedToInitialAssignment`
    /// (azure-iot-sdk-csharp#2397).
    #[must_use]
    pub fn for_version(self, api_version: &str) -> Self {
        match self {
            Self::ReprovisionedToInitialAssignment if api_version < "2019-04-15" => Self::InitialAssignment,
            substatus => substatus,
        }
    }
}

/// How a registration proved who it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shown {
    /// By a token.
    #[default]
    SymmetricKey,
    /// By a client certificate.
    X509,
}

/// The protocol that the assigned hub wants to be spoken to in.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum ConnectionProfile {
    /// MQTT 3.1.1 as described here: `classic`, or nothing said.
    #[default]
    Classic,
    /// Another one, `mqttV5` for one.
    Other(String),
}

/// The state of a registration. What the service left out is `None`; texts are bounded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RegistrationState {
    /// As the service spells it.
    pub registration_id: Option<String>,
    /// The host name of the hub.
    pub assigned_hub: Option<String>,
    /// The device's id there.
    pub device_id: Option<String>,
    /// Where it stands.
    pub status: Option<Status>,
    /// How it got there.
    pub substatus: Option<Substatus>,
    /// When it was first made, ISO 8601 as the service wrote it.
    pub created: Option<String>,
    /// When it last changed, ISO 8601 as the service wrote it.
    pub last_updated: Option<String>,
    /// Changes with every change.
    pub etag: Option<String>,
    /// What a custom allocation policy returned.
    pub payload: Option<Value>,
    /// How it proved who it is.
    pub shown: Shown,
    /// The enrolment group that let it in.
    pub enrollment_group_id: Option<String>,
    /// Why it failed, six digits.
    pub error_code: Option<u32>,
    /// Why it failed, in words.
    pub error_message: Option<String>,
    /// How to talk to the hub.
    pub connection_profile: ConnectionProfile,
}

/// The body of an answer of status 200 or 202.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// Names the operation in further requests.
    pub operation_id: Option<String>,
    /// Where it stands.
    pub status: Status,
    /// Present when it has ended, sometimes before.
    pub state: Option<RegistrationState>,
}

impl Operation {
    /// Reads the body of an answer.
    pub fn parse(body: &[u8]) -> Result<Self, AnswerError> {
        let mut value: Value = serde_json::from_slice(body).map_err(|_| AnswerError::NotJson)?;
        let members = value.as_object_mut().ok_or(AnswerError::NotJson)?;
        let operation_id = match members.get("operationId") {
            None | Some(Value::Null) => None,
            // The service has none for a disabled enrolment.
            Some(Value::String(id)) if id.is_empty() => None,
            Some(Value::String(id)) if is_operation_id(id) => Some(id.clone()),
            Some(_) => return Err(AnswerError::Member("operationId")),
        };
        let state = match members.shift_remove("registrationState") {
            None | Some(Value::Null) => None,
            Some(Value::Object(state)) => Some(RegistrationState::read(state)),
            Some(_) => return Err(AnswerError::Member("registrationState")),
        };
        let status = members.get("status").and_then(Value::as_str).and_then(Status::parse);
        let status = status.ok_or(AnswerError::Member("status"))?;
        Ok(Self { operation_id, status, state })
    }

    /// The body as the service writes it.
    pub fn to_body(&self) -> Vec<u8> {
        let operation_id = self.operation_id.as_deref().unwrap_or_default();
        let mut body = json!({ "operationId": operation_id, "status": self.status.as_str() });
        if let Some(state) = &self.state {
            body["registrationState"] = state.to_json();
        }
        body.to_string().into_bytes()
    }
}

/// Whether an operation id can be sent back: it becomes a part of a topic.
fn is_operation_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= MAX_OPERATION_ID && id.bytes().all(|b| b.is_ascii_graphic())
}

impl RegistrationState {
    /// Reads what is there; what is of another type than it should be counts as absent.
    fn read(mut members: Map<String, Value>) -> Self {
        let payload = members.shift_remove("payload").filter(|payload| !payload.is_null());
        let text = |name: &str| members.get(name).and_then(Value::as_str).map(|text| excerpt(text, MAX_TEXT));
        let profile = text("connectionProfile").filter(|text| !text.eq_ignore_ascii_case("classic"));
        let code = members.get("errorCode").and_then(Value::as_u64).and_then(|code| u32::try_from(code).ok());
        let x509 = members.get("x509").filter(|x509| x509.is_object());
        let shown = if x509.is_some() { Shown::X509 } else { Shown::SymmetricKey };
        let group = x509.or(members.get("symmetricKey")).and_then(|shown| shown.get("enrollmentGroupId"));
        Self {
            registration_id: text("registrationId"),
            assigned_hub: text("assignedHub"),
            device_id: text("deviceId"),
            status: text("status").as_deref().and_then(Status::parse),
            substatus: text("substatus").map(|text| Substatus::parse(&text)),
            created: text("createdDateTimeUtc"),
            last_updated: text("lastUpdatedDateTimeUtc"),
            etag: text("etag"),
            payload,
            shown,
            enrollment_group_id: group.and_then(Value::as_str).map(|text| excerpt(text, MAX_TEXT)),
            // 0 stands for none.
            error_code: code.filter(|code| *code != 0),
            error_message: text("errorMessage").filter(|text| !text.is_empty()),
            connection_profile: profile.map_or(ConnectionProfile::Classic, ConnectionProfile::Other),
        }
    }

    /// As the service writes it: absent members are left out.
    pub fn to_json(&self) -> Value {
        let mut out = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                out.insert(name.to_owned(), value);
            }
        };
        let text = |text: &Option<String>| text.as_deref().map(Value::from);
        put("registrationId", text(&self.registration_id));
        put("assignedHub", text(&self.assigned_hub));
        put("deviceId", text(&self.device_id));
        put("status", self.status.map(|status| status.as_str().into()));
        put("substatus", self.substatus.as_ref().map(|substatus| substatus.as_str().into()));
        put("createdDateTimeUtc", text(&self.created));
        put("lastUpdatedDateTimeUtc", text(&self.last_updated));
        put("etag", text(&self.etag));
        put("payload", self.payload.clone());
        put("errorCode", self.error_code.map(Value::from));
        put("errorMessage", text(&self.error_message));
        let group = self.enrollment_group_id.as_ref().map(|group| json!({ "enrollmentGroupId": group }));
        match self.shown {
            Shown::SymmetricKey => put("symmetricKey", group),
            Shown::X509 => put("x509", Some(group.unwrap_or_else(|| json!({})))),
        }
        if let ConnectionProfile::Other(profile) = &self.connection_profile {
            put("connectionProfile", Some(profile.as_str().into()));
        }
        Value::Object(out)
    }
}

/// Why a body of the provisioning dialect cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerError {
    /// It is not a JSON object.
    NotJson,
    /// A member is missing or is not what it should be.
    Member(&'static str),
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson => f.write_str("the body is not a JSON object"),
            Self::Member(name) => write!(f, "the body's {name} is missing or invalid"),
        }
    }
}

impl std::error::Error for AnswerError {}
