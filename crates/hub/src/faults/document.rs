//! Rules as JSON objects: `{"fault": "lose", "on": "puback", "device_id": "dev1", "count": 2}`.
//!
//! | member | meaning | default |
//! |---|---|---|
//! | `fault` | what happens | |
//! | `on` | at which moment | depends on the fault |
//! | `device_id`, `module_id` | whose traffic | everybody's |
//! | `after` | seconds until it may fire | 0 |
//! | `skip` | occasions that are passed over | 0 |
//! | `probability`, `seed` | the chance of each occasion | 1, 0 |
//! | `count` | how often at most | 1, or any number with `lasting` or `probability` |
//! | `lasting` | for how many seconds | for ever |
//!
//! The rest are the fault's own: `seconds`, `code`, `status`, `retry_after`, `method`, `path`, `desired`, `reported`.

use serde_json::{Value, json};

use super::fault::{
    AcceptFault, Answer, Change, ConnectFault, Fault, NowFault, Received, ReceivedFault, RequestFault,
    RequestMatch, Sent, SentFault, TwinRequest,
};
use azmqtt_local::faults::{FaultError, JsonFields, ServiceFault, error, span};

/// The names of an enum's values, both ways.
macro_rules! names {
    ($type:ident: $($value:ident = $name:literal),* $(,)?) => {
        impl $type {
            fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$value),)*
                    _ => None,
                }
            }

            fn to_name(self) -> &'static str {
                match self {
                    $(Self::$value => $name,)*
                }
            }
        }
    };
}

names!(Received: Any = "received", Telemetry = "telemetry", TwinGet = "twin_get", TwinPatch = "twin_patch",
    MethodResponse = "method_response", Subscribe = "subscribe", Acknowledgement = "acknowledgement");
names!(Sent: Any = "sent", Connack = "connack", Puback = "puback", Suback = "suback", TwinAnswer = "twin_answer",
    DesiredPatch = "desired_patch", CloudMessage = "cloud_message", MethodRequest = "method_request",
    Other = "other");
names!(TwinRequest: Any = "twin_request", Get = "twin_get", Patch = "twin_patch");

impl Fault {
    /// What happens, in one word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Accept(fault) => fault.name(),
            Self::Connect(fault) => fault.name(),
            Self::Received(_, fault) => match fault {
                ReceivedFault::Drop => "drop",
                ReceivedFault::Lose => "lose",
                ReceivedFault::Silence(_) => "silence",
                ReceivedFault::Delay(_) => "delay",
                ReceivedFault::ExpireToken => "expire_token",
                ReceivedFault::TakeOver => "take_over",
                ReceivedFault::ChangeTwin(_) => "change_twin",
            },
            Self::Sent(_, fault) => fault.name(),
            Self::Request(_, fault) => match fault {
                RequestFault::Drop => "drop",
                RequestFault::Lose => "lose",
                RequestFault::Delay(_) => "delay",
                RequestFault::Answer(_) => "answer",
            },
            Self::Now(fault) => fault.name(),
            Self::TwinRequest(..) => "answer",
            Self::Throttle => "throttle",
            Self::QuotaExceeded => "quota_exceeded",
        }
    }
}

impl ServiceFault for Fault {
    fn take(fields: &mut JsonFields) -> Result<Self, FaultError> {
        let name = fields.text("fault")?.ok_or_else(|| FaultError("fault is missing".to_owned()))?;
        let default = match name.as_str() {
            "drop" | "shut_down" | "silence" | "expire_token" | "take_over" | "throttle"
            | "quota_exceeded" => "now",
            "reset" => "accept",
            "refuse" => "connect",
            "answer" => "twin_request",
            "change_twin" => "twin_patch",
            "lose" | "delay" | "duplicate" | "cut" | "corrupt" => "",
            _ => return error(format!("unknown fault {name:?}: expected one of {}", FAULTS.join(", "))),
        };
        let on = fields.text("on")?.unwrap_or_else(|| default.to_owned());
        if on.is_empty() {
            return error(format!("{name} needs an event, as in \"on\": \"puback\""));
        }
        let fits =
            |fault: Option<Self>| fault.ok_or_else(|| FaultError(format!("{name} cannot be on {on:?}")));
        match (name.as_str(), on.as_str()) {
            ("throttle", "now") => Ok(Self::Throttle),
            ("quota_exceeded", "now") => Ok(Self::QuotaExceeded),
            (_, "accept") => fits(AcceptFault::take(&name, fields)?.map(Self::Accept)),
            (_, "connect") => fits(ConnectFault::take(&name, fields, code)?.map(Self::Connect)),
            (_, "now") => fits(NowFault::take(&name, fields)?.map(Self::Now)),
            (_, "request") => {
                let fault = match name.as_str() {
                    "drop" => Some(RequestFault::Drop),
                    "lose" => Some(RequestFault::Lose),
                    "delay" => Some(RequestFault::Delay(span(fields, &name)?)),
                    "answer" => Some(RequestFault::Answer(answer(fields)?)),
                    _ => None,
                };
                let method = fields.text("method")?.map(|method| method.to_ascii_uppercase());
                let which = RequestMatch { method, path: fields.text("path")? };
                fits(fault.map(|fault| Self::Request(which, fault)))
            }
            ("answer", _) => match TwinRequest::from_name(&on) {
                Some(what) => Ok(Self::TwinRequest(what, answer(fields)?)),
                None => fits(None),
            },
            _ => Self::take_of_packet(fields, &name, &on),
        }
    }

    fn to_json(&self) -> Value {
        let mut json = json!({ "fault": self.name(), "on": self.on() });
        let time = match self {
            Self::Accept(fault) => fault.time(),
            Self::Connect(fault) => fault.time(),
            Self::Received(_, ReceivedFault::Delay(time) | ReceivedFault::Silence(Some(time)))
            | Self::Request(_, RequestFault::Delay(time)) => Some(*time),
            Self::Sent(_, fault) => fault.time(),
            Self::Now(fault) => fault.time(),
            _ => None,
        };
        if let Some(time) = time {
            json["seconds"] = json!(time.as_secs_f64());
        }
        match self {
            Self::Connect(ConnectFault::Refuse(code)) => json["code"] = json!(code),
            Self::TwinRequest(_, answer) | Self::Request(_, RequestFault::Answer(answer)) => {
                json["status"] = json!(answer.status);
                if let Some(retry_after) = answer.retry_after {
                    json["retry_after"] = json!(retry_after);
                }
            }
            Self::Received(_, ReceivedFault::ChangeTwin(change)) => {
                for (name, patch) in [("desired", &change.desired), ("reported", &change.reported)] {
                    if let Some(patch) = patch {
                        json[name] = patch.clone();
                    }
                }
            }
            _ => {}
        }
        if let Self::Request(RequestMatch { method, path }, _) = self {
            for (name, text) in [("method", method), ("path", path)] {
                if let Some(text) = text {
                    json[name] = json!(text);
                }
            }
        }
        json
    }

    fn on(&self) -> &'static str {
        match self {
            Self::Accept(_) => "accept",
            Self::Connect(_) => "connect",
            Self::Received(what, _) => what.to_name(),
            Self::TwinRequest(what, _) => what.to_name(),
            Self::Sent(what, _) => what.to_name(),
            Self::Request(..) => "request",
            Self::Now(_) | Self::Throttle | Self::QuotaExceeded => "now",
        }
    }

    fn now(&self) -> Option<NowFault> {
        if let Self::Now(fault) = self { Some(*fault) } else { None }
    }

    fn check_named(&self) -> Result<(), FaultError> {
        match self {
            Self::Accept(_) => error("device_id: on accept, the client of a connection is not known yet"),
            _ => Ok(()),
        }
    }

    fn carried(&self) -> usize {
        let Self::Received(_, ReceivedFault::ChangeTwin(Change { desired, reported })) = self else {
            return 0;
        };
        desired.iter().chain(reported).map(|patch| patch.to_string().len()).sum()
    }
}

impl Fault {
    fn take_of_packet(fields: &mut JsonFields, name: &str, on: &str) -> Result<Self, FaultError> {
        let fits =
            |fault: Option<Self>| fault.ok_or_else(|| FaultError(format!("{name} cannot be on {on:?}")));
        if let Some(what) = Received::from_name(on) {
            let fault = match name {
                "drop" => Some(ReceivedFault::Drop),
                "lose" => Some(ReceivedFault::Lose),
                "silence" => Some(ReceivedFault::Silence(fields.seconds("seconds")?)),
                "delay" => Some(ReceivedFault::Delay(span(fields, name)?)),
                "expire_token" => Some(ReceivedFault::ExpireToken),
                "take_over" => Some(ReceivedFault::TakeOver),
                "change_twin" => Some(ReceivedFault::ChangeTwin(change(fields)?)),
                _ => None,
            };
            return fits(fault.map(|fault| Self::Received(what, fault)));
        }
        let Some(what) = Sent::from_name(on).filter(|what| *what != Sent::Other) else {
            return error(format!("unknown event {on:?}: expected one of {}", MOMENTS.join(", ")));
        };
        let fault = SentFault::take(name, fields)?;
        fits(fault.map(|fault| Self::Sent(what, fault)))
    }
}

const FAULTS: [&str; 16] = [
    "drop",
    "reset",
    "shut_down",
    "refuse",
    "silence",
    "delay",
    "lose",
    "duplicate",
    "cut",
    "corrupt",
    "answer",
    "change_twin",
    "expire_token",
    "take_over",
    "throttle",
    "quota_exceeded",
];

const MOMENTS: [&str; 20] = [
    "now",
    "accept",
    "connect",
    "received",
    "telemetry",
    "twin_get",
    "twin_patch",
    "twin_request",
    "method_response",
    "subscribe",
    "acknowledgement",
    "sent",
    "connack",
    "puback",
    "suback",
    "twin_answer",
    "desired_patch",
    "cloud_message",
    "method_request",
    "request",
];

/// A CONNACK's return code (MQTT 3.1.1 §3.2.2.3).
fn code(fields: &mut JsonFields) -> Result<u8, FaultError> {
    match fields.whole("code", u64::MAX) {
        Ok(None) => Ok(5),
        Ok(Some(code @ 1..=5)) => Ok(code as u8),
        _ => error("code must be a whole number from 1 to 5"),
    }
}

fn answer(fields: &mut JsonFields) -> Result<Answer, FaultError> {
    let status = fields.whole("status", 599)?.unwrap_or(429);
    if status < 400 {
        return error("status must be a whole number from 400 to 599");
    }
    Ok(Answer { status: status as u16, retry_after: fields.whole("retry_after", 86_400)? })
}

fn change(fields: &mut JsonFields) -> Result<Change, FaultError> {
    let change = Change { desired: fields.object("desired")?, reported: fields.object("reported")? };
    if change.desired.is_none() && change.reported.is_none() {
        return error("change_twin needs desired or reported, a merge patch");
    }
    Ok(change)
}
