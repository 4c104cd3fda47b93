//! A twin as queries see it: it answers for each property by itself; the whole document is made only where it is needed.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::sync::MutexGuard;

use serde_json::{Map, Value};

use super::device::{Device, DeviceState};
use azmqtt_dialect::query::{Path, Record};

/// The twin of a device or module. Holds its lock.
pub struct TwinRecord<'a> {
    device: &'a Device,
    state: MutexGuard<'a, DeviceState>,
    whole: OnceCell<Value>,
}

impl<'a> TwinRecord<'a> {
    pub fn new(device: &'a Device) -> Self {
        Self { device, state: device.state(), whole: OnceCell::new() }
    }

    fn document(&self) -> &Value {
        self.whole.get_or_init(|| self.state.twin().service_view(&self.state.facts(self.device.key())))
    }
}

impl Record for TwinRecord<'_> {
    fn get(&self, path: &Path) -> Option<Cow<'_, Value>> {
        let text = |text: &str| Some(Cow::Owned(Value::from(text)));
        let names: [Option<&str>; 3] = std::array::from_fn(|at| path.names().get(at).map(String::as_str));
        match names {
            [Some("deviceId"), None, _] => text(&self.device.id),
            [Some("moduleId"), None, _] => text(self.device.module_id.as_deref()?),
            [Some("status"), None, _] => text(if self.state.enabled { "enabled" } else { "disabled" }),
            [Some("connectionState"), None, _] => {
                text(if self.state.link.is_some() { "Connected" } else { "Disconnected" })
            }
            [Some("tags"), Some(_), _] => inside(self.state.twin().tags(), &path.names()[1..]),
            [Some("properties"), Some(section @ ("desired" | "reported")), Some(name)] => {
                let twin = self.state.twin();
                let section = if section == "desired" { twin.desired() } else { twin.reported() };
                match name {
                    "$metadata" => Path::walk(path.names(), self.document()).map(Cow::Borrowed),
                    "$version" if path.names().len() == 3 => Some(Cow::Owned(section.version().into())),
                    _ => inside(section.values(), &path.names()[2..]),
                }
            }
            _ => Path::walk(path.names(), self.document()).map(Cow::Borrowed),
        }
    }

    fn whole(&self) -> Value {
        self.document().clone()
    }
}

fn inside<'a>(fields: &'a Map<String, Value>, names: &[String]) -> Option<Cow<'a, Value>> {
    let (first, rest) = names.split_first()?;
    Path::walk(rest, fields.get(first)?).map(Cow::Borrowed)
}
