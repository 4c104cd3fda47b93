//! A twin as queries see it: each property is read by itself; the whole document is written only if it is needed.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::sync::MutexGuard;

use serde_json::{Map, Value};

use super::device::{Device, DeviceState};
use azmqtt_dialect::query::{Path, Record};
use azmqtt_dialect::twin::DeviceFacts;

/// The twin of a device or module. Holds its lock.
pub struct TwinRecord<'a> {
    device: &'a Device,
    state: MutexGuard<'a, DeviceState>,
    facts: OnceCell<DeviceFacts>,
    /// Its `properties` with their metadata, which may be large: made once for all paths that lead there.
    properties: OnceCell<Value>,
}

impl<'a> TwinRecord<'a> {
    pub fn new(device: &'a Device) -> Self {
        Self { device, state: device.state(), facts: OnceCell::new(), properties: OnceCell::new() }
    }

    fn facts(&self) -> &DeviceFacts {
        self.facts.get_or_init(|| self.state.facts(self.device.key()))
    }

    /// The value at a path in one member of the document; no other member is built.
    fn in_member(&self, names: &[String]) -> Option<Cow<'_, Value>> {
        let (first, rest) = names.split_first()?;
        let member = || self.state.twin().service_member(first, self.facts());
        if first == "properties" {
            let properties = self.properties.get_or_init(|| member().unwrap_or_default());
            return Path::walk(rest, properties).map(Cow::Borrowed);
        }
        let member = member()?;
        Some(Cow::Owned(if rest.is_empty() { member } else { Path::walk(rest, &member)?.clone() }))
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
                    "$metadata" => self.in_member(path.names()),
                    "$version" if path.names().len() == 3 => Some(Cow::Owned(section.version().into())),
                    _ => inside(section.values(), &path.names()[2..]),
                }
            }
            _ => self.in_member(path.names()),
        }
    }

    fn text(&self) -> String {
        self.state.twin().service_text(self.facts())
    }
}

fn inside<'a>(fields: &'a Map<String, Value>, names: &[String]) -> Option<Cow<'a, Value>> {
    let (first, rest) = names.split_first()?;
    Path::walk(rest, fields.get(first)?).map(Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use azmqtt_dialect::Twin;
    use azmqtt_dialect::query::{Item, Query};

    use super::*;
    use crate::random;
    use crate::registry::device::{Credentials, Kept};

    #[test]
    fn all_paths_to_metadata_lead_into_one_document() {
        let keys = random::keys().unwrap();
        let kept = Kept::new("a", "1", Credentials::from(keys), true, Twin::of_module());
        let device = Device::new("a", "1", kept);
        let record = TwinRecord::new(&device);
        let text = "SELECT properties, properties.desired.$metadata AS d, properties.reported.$metadata AS r \
                    FROM devices";
        for column in Query::parse(text).unwrap().projections {
            let Item::Property(path) = column.item else { panic!("not a property") };
            assert!(matches!(record.get(&path), Some(Cow::Borrowed(Value::Object(_)))), "{path:?}");
        }
    }
}
