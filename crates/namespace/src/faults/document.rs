//! Rules as JSON objects: `{"fault": "lose", "on": "puback", "client_id": "client1", "count": 2}`.
//!
//! | member | meaning | default |
//! |---|---|---|
//! | `fault` | what happens | |
//! | `on` | at which moment | depends on the fault |
//! | `client_id` | whose traffic | everybody's |
//! | `after` | seconds until it may fire | 0 |
//! | `skip` | occasions that are passed over | 0 |
//! | `probability`, `seed` | the chance of each occasion | 1, 0 |
//! | `count` | how often at most | 1, or any number with `lasting` or `probability` |
//! | `lasting` | for how many seconds | for ever |
//!
//! The rest are the fault's own: `seconds`, `code`.

use serde_json::{Map, Value, json};

use super::fault::{
    AcceptFault, ConnectFault, Fault, NowFault, Received, ReceivedFault, Sent, SentFault, Target,
};
use azmqtt_local::faults::{FaultError, JsonFields, ServiceFault, ServiceTarget, error, span};
use azmqtt_mqtt::ReasonCode;

const RECEIVED: [(Received, &str); 5] = [
    (Received::Any, "received"),
    (Received::Publish, "publish"),
    (Received::Subscribe, "subscribe"),
    (Received::Unsubscribe, "unsubscribe"),
    (Received::Acknowledgement, "acknowledgement"),
];

const SENT: [(Sent, &str); 5] = [
    (Sent::Any, "sent"),
    (Sent::Connack, "connack"),
    (Sent::Puback, "puback"),
    (Sent::Suback, "suback"),
    (Sent::Message, "message"),
];

const FAULTS: &str = "drop, reset, shut_down, refuse, silence, delay, lose, duplicate, cut, corrupt, answer, \
                      expire_token, take_over";

const MOMENTS: &str = "now, accept, connect, received, publish, subscribe, unsubscribe, acknowledgement, sent, \
                       connack, puback, suback, message";

impl Received {
    fn from_name(name: &str) -> Option<Self> {
        RECEIVED.iter().find(|(_, known)| *known == name).map(|(what, _)| *what)
    }

    fn to_name(self) -> &'static str {
        RECEIVED.iter().find(|(what, _)| *what == self).map_or("", |(_, name)| name)
    }
}

impl Sent {
    fn from_name(name: &str) -> Option<Self> {
        SENT.iter().find(|(_, known)| *known == name).map(|(what, _)| *what)
    }

    fn to_name(self) -> &'static str {
        SENT.iter().find(|(what, _)| *what == self).map_or("", |(_, name)| name)
    }
}

impl ReceivedFault {
    fn take(name: &str, on: Received, fields: &mut JsonFields) -> Result<Option<Self>, FaultError> {
        Ok(Some(match name {
            "drop" => Self::Drop,
            "lose" => Self::Lose,
            "silence" => Self::Silence(fields.seconds("seconds")?),
            "delay" => Self::Delay(span(fields, name)?),
            "expire_token" => Self::ExpireToken,
            "take_over" => Self::TakeOver,
            "answer" if matches!(on, Received::Publish | Received::Subscribe) => {
                Self::Answer(reason(fields)?)
            }
            _ => return Ok(None),
        }))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Lose => "lose",
            Self::Silence(_) => "silence",
            Self::Delay(_) => "delay",
            Self::ExpireToken => "expire_token",
            Self::TakeOver => "take_over",
            Self::Answer(_) => "answer",
        }
    }
}

impl Fault {
    /// What happens, in one word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Accept(fault) => fault.name(),
            Self::Connect(fault) => fault.name(),
            Self::Received(_, fault) => fault.name(),
            Self::Sent(_, fault) => fault.name(),
            Self::Now(fault) => fault.name(),
        }
    }
}

impl ServiceFault for Fault {
    fn take(fields: &mut JsonFields) -> Result<Self, FaultError> {
        let name = fields.text("fault")?.ok_or_else(|| FaultError("fault is missing".to_owned()))?;
        let default = match name.as_str() {
            "drop" | "shut_down" | "silence" | "expire_token" | "take_over" => "now",
            "reset" => "accept",
            "refuse" => "connect",
            "answer" => "publish",
            "lose" | "delay" | "duplicate" | "cut" | "corrupt" => "",
            _ => return error(format!("unknown fault {name:?}: expected one of {FAULTS}")),
        };
        let on = fields.text("on")?.unwrap_or_else(|| default.to_owned());
        if on.is_empty() {
            return error(format!("{name} needs an event, as in \"on\": \"puback\""));
        }
        let fault = match on.as_str() {
            "accept" => AcceptFault::take(&name, fields)?.map(Self::Accept),
            "connect" => ConnectFault::take(&name, fields, connack_code)?.map(Self::Connect),
            "now" => NowFault::take(&name, fields)?.map(Self::Now),
            on => match (Received::from_name(on), Sent::from_name(on)) {
                (Some(what), _) => {
                    ReceivedFault::take(&name, what, fields)?.map(|fault| Self::Received(what, fault))
                }
                (_, Some(what)) => SentFault::take(&name, fields)?.map(|fault| Self::Sent(what, fault)),
                (None, None) => {
                    return error(format!("unknown event {on:?}: expected one of {MOMENTS}"));
                }
            },
        };
        fault.ok_or_else(|| FaultError(format!("{name} cannot be on {on:?}")))
    }

    fn to_json(&self) -> Value {
        let mut json = json!({ "fault": self.name(), "on": self.on() });
        let time = match self {
            Self::Accept(fault) => fault.time(),
            Self::Connect(fault) => fault.time(),
            Self::Received(_, ReceivedFault::Delay(time) | ReceivedFault::Silence(Some(time))) => Some(*time),
            Self::Received(..) => None,
            Self::Sent(_, fault) => fault.time(),
            Self::Now(fault) => fault.time(),
        };
        if let Some(time) = time {
            json["seconds"] = json!(time.as_secs_f64());
        }
        match self {
            Self::Connect(ConnectFault::Refuse(code)) => json["code"] = json!(code),
            Self::Received(_, ReceivedFault::Answer(code)) => json["code"] = json!(*code as u8),
            _ => {}
        }
        json
    }

    fn on(&self) -> &'static str {
        match self {
            Self::Accept(_) => "accept",
            Self::Connect(_) => "connect",
            Self::Received(what, _) => what.to_name(),
            Self::Sent(what, _) => what.to_name(),
            Self::Now(_) => "now",
        }
    }

    fn now(&self) -> Option<NowFault> {
        if let Self::Now(fault) = self { Some(*fault) } else { None }
    }

    fn check_named(&self) -> Result<(), FaultError> {
        match self {
            Self::Accept(_) => error("client_id: on accept, the client of a connection is not known yet"),
            _ => Ok(()),
        }
    }
}

impl ServiceTarget for Target {
    fn take(fields: &mut JsonFields) -> Result<Self, FaultError> {
        fields.text("client_id").map(Self)
    }

    fn write(&self, fields: &mut Map<String, Value>) {
        if let Some(client_id) = &self.0 {
            fields.insert("client_id".to_owned(), json!(client_id));
        }
    }
}

/// The code of a refusing CONNACK: a return code of MQTT 3.1.1 or a reason code of MQTT 5.
fn connack_code(fields: &mut JsonFields) -> Result<u8, FaultError> {
    match fields.whole("code", u64::MAX) {
        Ok(None) => Ok(ReasonCode::NotAuthorized as u8),
        Ok(Some(code @ 1..=5)) => Ok(code as u8),
        Ok(Some(code)) if as_error(code).is_some() => Ok(code as u8),
        _ => error("code must be a return code from 1 to 5 or a reason code from 128 on"),
    }
}

/// The code with which a packet is refused.
fn reason(fields: &mut JsonFields) -> Result<ReasonCode, FaultError> {
    let Some(code) = fields.whole("code", u64::MAX)? else { return Ok(ReasonCode::QuotaExceeded) };
    as_error(code).ok_or_else(|| FaultError("code must be a reason code from 128 on".to_owned()))
}

fn as_error(code: u64) -> Option<ReasonCode> {
    let code = ReasonCode::from_byte(u8::try_from(code).ok()?)?;
    code.is_error().then_some(code)
}
