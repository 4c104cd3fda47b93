//! The fault properties that the tests of Microsoft's SDKs send to a real hub: application properties of a telemetry
//! message, which act on the device that sent it (azure-iot-sdk-csharp, end-to-end tests).
//!
//! The message itself is taken and acknowledged first, so that a client which sends again what was not acknowledged does not
//! ask for the fault for ever.

use std::time::Duration;

use super::engine::Faults;
use super::fault::{ConnectFault, Fault, NowFault};
use super::rule::{Rule, Target, When};
use crate::id::Id;
use azmqtt_local::faults::{self, Connections};

const PREFIX: &str = "AzIoTHub_FaultOperation";

/// No test waits longer.
const MAX_TIME: Duration = Duration::from_secs(3600);

/// Whether a message with these application properties asks for a fault.
pub fn asks(application: &[(String, String)]) -> bool {
    application.iter().any(|(name, _)| name.starts_with(PREFIX))
}

/// Has the fault happen that a message of `id` asks for. Kinds that are not MQTT's, and properties that make no sense, are ignored.
pub fn obey(
    faults: &Faults,
    connections: &impl Connections<Target>,
    id: Id<'_>,
    application: &[(String, String)],
) {
    let value = |name: &str| {
        let found = application.iter().find(|(key, _)| key.strip_prefix(PREFIX) == Some(name));
        found.map(|(_, value)| value.as_str())
    };
    let Some(kind) = value("Type") else { return };
    let delay = value("DelayInSecs").and_then(time).unwrap_or_default();
    let duration = value("DurationInSecs").and_then(time);
    let reason = value("CloseReason").filter(|reason| ["boom", "byebye"].contains(reason)).unwrap_or("boom");
    let wanted: &[Fault] = match kind {
        "KillTcp" => &[Fault::Now(NowFault::Drop)],
        "ShutDownMqtt" => &[Fault::Now(NowFault::ShutDown)],
        "InvokeThrottling" => &[Fault::Throttle],
        "InvokeMaxMessageQuota" => &[Fault::QuotaExceeded],
        // Who is not authorised any more is closed, and refused from then on.
        "InvokeAuthError" => {
            &[Fault::Connect(ConnectFault::Refuse(NOT_AUTHORIZED)), Fault::Now(NowFault::Drop)]
        }
        _ => return,
    };
    let target = Target::One { device: id.device.to_owned(), module: id.module.map(str::to_owned) };
    faults.note(id.to_string(), format!("the device asked for {kind} ({reason})"));
    for fault in wanted {
        let when = match fault {
            Fault::Now(_) => When { after: delay, ..When::default() },
            _ => When {
                after: delay,
                count: None,
                lasting: Some(duration.unwrap_or(DURATION)),
                ..When::default()
            },
        };
        if !faults.make_room(&target, fault) {
            continue;
        }
        // A hub that has too many rules set already has enough faults.
        if let Ok(id) =
            faults::inject(faults, connections, Rule { fault: fault.clone(), target: target.clone(), when })
        {
            faults.asked_for(target.clone(), fault, id);
        }
    }
}

/// CONNACK 5 (MQTT 3.1.1 §3.2.2.3).
const NOT_AUTHORIZED: u8 = 5;

/// How long a fault lasts when the message does not say.
const DURATION: Duration = Duration::from_secs(5);

/// A number of seconds, or `hh:mm:ss` as .NET writes a time.
fn time(text: &str) -> Option<Duration> {
    let seconds = text.split(':').try_fold(0.0_f64, |sum, part| {
        let part: f64 = part.trim().parse().ok()?;
        Some(sum * 60.0 + part)
    })?;
    let time = Duration::try_from_secs_f64(seconds).ok()?;
    Some(time.min(MAX_TIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_the_sdks_write_them() {
        for (text, seconds) in [("5", Some(5)), ("0", Some(0)), ("00:01:05", Some(65)), ("1e9", Some(3600))] {
            assert_eq!(time(text), seconds.map(Duration::from_secs), "{text}");
        }
        for text in ["", "x", "-1", "NaN", "1:x"] {
            assert_eq!(time(text), None, "{text}");
        }
    }
}
