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

use std::time::Duration;

use serde_json::{Value, json};

use super::fault::{
    AcceptFault, Answer, Change, ConnectFault, Fault, NowFault, Received, ReceivedFault, RequestFault,
    RequestMatch, Sent, SentFault, TwinRequest,
};
use super::rule::{Chance, Rule, Target, When};
use azmqtt_local::faults::{FaultError, JsonFields, error};

impl Rule {
    /// Reads a rule.
    pub fn from_json(value: Value) -> Result<Self, FaultError> {
        let mut fields = JsonFields::of(value)?;
        let rule = Self::take(&mut fields)?;
        fields.end()?;
        Ok(rule)
    }

    pub(super) fn take(fields: &mut JsonFields) -> Result<Self, FaultError> {
        let fault = Fault::take(fields)?;
        let target = Target::take(fields)?;
        if target != Target::Everybody && matches!(fault, Fault::Accept(_)) {
            return error("device_id: whose a connection is cannot be known when it is accepted");
        }
        let when = When::take(fields)?;
        Ok(Self { fault, target, when })
    }

    /// The rule as [`Self::from_json`] reads it.
    pub fn to_json(&self) -> Value {
        let mut json = self.fault.to_json();
        let Some(fields) = json.as_object_mut() else { return json };
        if let Target::One { device, module } = &self.target {
            fields.insert("device_id".to_owned(), json!(device));
            if let Some(module) = module {
                fields.insert("module_id".to_owned(), json!(module));
            }
        }
        let When { after, skip, chance, count, lasting } = self.when;
        fields.insert("count".to_owned(), json!(count));
        for (name, seconds) in [("after", Some(after).filter(|after| !after.is_zero())), ("lasting", lasting)]
        {
            if let Some(seconds) = seconds {
                fields.insert(name.to_owned(), json!(seconds.as_secs_f64()));
            }
        }
        if skip > 0 {
            fields.insert("skip".to_owned(), json!(skip));
        }
        if let Some(Chance { probability, seed }) = chance {
            fields.insert("probability".to_owned(), json!(probability));
            fields.insert("seed".to_owned(), json!(seed));
        }
        json
    }
}

impl Target {
    fn take(fields: &mut JsonFields) -> Result<Self, FaultError> {
        match (fields.text("device_id")?, fields.text("module_id")?) {
            (None, None) => Ok(Self::Everybody),
            (None, Some(_)) => error("module_id needs the device_id that it belongs to"),
            (Some(device), module) => Ok(Self::One { device, module }),
        }
    }
}

impl When {
    fn take(fields: &mut JsonFields) -> Result<Self, FaultError> {
        let after = fields.seconds("after")?.unwrap_or_default();
        let skip = fields.whole("skip", u64::MAX)?.unwrap_or(0);
        let seed = fields.whole("seed", u64::MAX)?;
        let chance = match (fields.number("probability", 1.0)?, seed) {
            (Some(probability), seed) => Some(Chance { probability, seed: seed.unwrap_or(0) }),
            (None, None) => None,
            (None, Some(_)) => return error("seed needs a probability"),
        };
        let lasting = fields.seconds("lasting")?;
        // An absent count and a null one mean the same here: Python leaves out what it was not given.
        let default = if chance.is_some() || lasting.is_some() { None } else { Some(1) };
        let count = fields.whole("count", u64::MAX)?;
        if count == Some(0) {
            return error("count must be at least 1");
        }
        Ok(Self { after, skip, chance, count: count.or(default), lasting })
    }
}

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
            Self::Accept(AcceptFault::Drop)
            | Self::Connect(ConnectFault::Drop)
            | Self::Received(_, ReceivedFault::Drop)
            | Self::Sent(_, SentFault::Drop)
            | Self::Request(_, RequestFault::Drop)
            | Self::Now(NowFault::Drop) => "drop",
            Self::Accept(AcceptFault::Reset) => "reset",
            Self::Accept(AcceptFault::Silence)
            | Self::Connect(ConnectFault::Silence)
            | Self::Received(_, ReceivedFault::Silence(_))
            | Self::Now(NowFault::Silence(_)) => "silence",
            Self::Accept(AcceptFault::Delay(_))
            | Self::Connect(ConnectFault::Delay(_))
            | Self::Received(_, ReceivedFault::Delay(_))
            | Self::Sent(_, SentFault::Delay(_))
            | Self::Request(_, RequestFault::Delay(_))
            | Self::Now(NowFault::Delay(_)) => "delay",
            Self::Received(_, ReceivedFault::Lose)
            | Self::Sent(_, SentFault::Lose)
            | Self::Request(_, RequestFault::Lose) => "lose",
            Self::Received(_, ReceivedFault::ExpireToken) | Self::Now(NowFault::ExpireToken) => {
                "expire_token"
            }
            Self::Received(_, ReceivedFault::TakeOver) | Self::Now(NowFault::TakeOver) => "take_over",
            Self::Sent(_, SentFault::Corrupt) | Self::Now(NowFault::Corrupt) => "corrupt",
            Self::TwinRequest(..) | Self::Request(_, RequestFault::Answer(_)) => "answer",
            Self::Received(_, ReceivedFault::ChangeTwin(_)) => "change_twin",
            Self::Connect(ConnectFault::Refuse(_)) => "refuse",
            Self::Sent(_, SentFault::Duplicate) => "duplicate",
            Self::Sent(_, SentFault::Cut) => "cut",
            Self::Now(NowFault::ShutDown) => "shut_down",
            Self::Throttle => "throttle",
            Self::QuotaExceeded => "quota_exceeded",
        }
    }

    /// The moment at which it happens, in one word.
    pub fn on(&self) -> &'static str {
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
            return error(format!("{name} needs the moment that it is on, as in \"on\": \"puback\""));
        }
        let fits =
            |fault: Option<Self>| fault.ok_or_else(|| FaultError(format!("{name} cannot be on {on:?}")));
        match (name.as_str(), on.as_str()) {
            ("throttle", "now") => Ok(Self::Throttle),
            ("quota_exceeded", "now") => Ok(Self::QuotaExceeded),
            (_, "accept") => {
                let fault = match name.as_str() {
                    "drop" => Some(AcceptFault::Drop),
                    "reset" => Some(AcceptFault::Reset),
                    "silence" => Some(AcceptFault::Silence),
                    "delay" => Some(AcceptFault::Delay(span(fields, &name)?)),
                    _ => None,
                };
                fits(fault.map(Self::Accept))
            }
            (_, "connect") => {
                let fault = match name.as_str() {
                    "drop" => Some(ConnectFault::Drop),
                    "refuse" => Some(ConnectFault::Refuse(code(fields)?)),
                    "silence" => Some(ConnectFault::Silence),
                    "delay" => Some(ConnectFault::Delay(span(fields, &name)?)),
                    _ => None,
                };
                fits(fault.map(Self::Connect))
            }
            (_, "now") => {
                let fault = match name.as_str() {
                    "drop" => Some(NowFault::Drop),
                    "shut_down" => Some(NowFault::ShutDown),
                    "silence" => Some(NowFault::Silence(fields.seconds("seconds")?)),
                    "delay" => Some(NowFault::Delay(span(fields, &name)?)),
                    "corrupt" => Some(NowFault::Corrupt),
                    "expire_token" => Some(NowFault::ExpireToken),
                    "take_over" => Some(NowFault::TakeOver),
                    _ => None,
                };
                fits(fault.map(Self::Now))
            }
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
            return error(format!("unknown moment {on:?}: expected one of {}", MOMENTS.join(", ")));
        };
        let fault = match name {
            "drop" => Some(SentFault::Drop),
            "lose" => Some(SentFault::Lose),
            "delay" => Some(SentFault::Delay(span(fields, name)?)),
            "duplicate" => Some(SentFault::Duplicate),
            "cut" => Some(SentFault::Cut),
            "corrupt" => Some(SentFault::Corrupt),
            _ => None,
        };
        fits(fault.map(|fault| Self::Sent(what, fault)))
    }

    fn to_json(&self) -> Value {
        let mut json = json!({ "fault": self.name(), "on": self.on() });
        match self {
            Self::Accept(AcceptFault::Delay(time))
            | Self::Connect(ConnectFault::Delay(time))
            | Self::Received(_, ReceivedFault::Delay(time) | ReceivedFault::Silence(Some(time)))
            | Self::Sent(_, SentFault::Delay(time))
            | Self::Request(_, RequestFault::Delay(time))
            | Self::Now(NowFault::Delay(time) | NowFault::Silence(Some(time))) => {
                json["seconds"] = json!(time.as_secs_f64());
            }
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

/// The time that a fault needs.
fn span(fields: &mut JsonFields, name: &str) -> Result<Duration, FaultError> {
    fields.seconds("seconds")?.ok_or_else(|| FaultError(format!("{name} needs seconds")))
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
