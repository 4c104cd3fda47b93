//! A configuration and the devices of a hub: whom it is for, who has its content, how services see it.

use serde_json::{Map, Value, json};

use super::content::Content;
use super::document::{Configuration, check_metric};
use crate::query::count::count;
use crate::registry::Registry;
use crate::registry::device::Device;
use crate::registry::twin_record::TwinRecord;
use azmqtt_dialect::query::{Source, Target};

impl Configuration {
    /// Whether it is for a device or module.
    pub(super) fn targets(&self, device: &Device) -> bool {
        let fits = match &*self.body.content {
            Content::Device(_) => device.module_id.is_none(),
            Content::Modules(_) => device.module_id.is_none() && device.state().record.traits.iot_edge,
            Content::Module(_) => device.module_id.is_some(),
        };
        let target = self.body.target.as_ref();
        fits && target.is_some_and(|target| target.matches(&TwinRecord::new(device)))
    }

    /// Whether a device or module has its content.
    pub(super) fn is_applied_to(&self, device: &Device) -> bool {
        device.state().configurations.iter().any(|applied| applied.serial == self.serial)
    }

    /// As services see it, with the figures of this moment.
    pub fn view(&self, registry: &Registry) -> Value {
        let mut view = self.to_json();
        let all = registry.all();
        let targeted = all.iter().filter(|device| self.targets(device)).count();
        let applied_count = all.iter().filter(|device| self.is_applied_to(device)).count();
        let (source, clause) = match &self.body.target {
            Some(target) => (target.source.name(), where_clause(target)),
            None => (Source::Devices.name(), " WHERE false".to_owned()),
        };
        let applied =
            format!("SELECT deviceId FROM {source} WHERE configurations.[[{}]].status = 'Applied'", self.id);
        view["systemMetrics"] = json!({
            "results": { "targetedCount": targeted, "appliedCount": applied_count },
            "queries": {
                "targetedCount": format!("SELECT deviceId FROM {source}{clause}"),
                "appliedCount": applied,
            },
        });
        let results = self.body.metrics.iter().map(|(name, query)| {
            let rows = check_metric(query).map_or(0, |query| count(registry, &query));
            (name.clone(), Value::from(rows))
        });
        view["metrics"]["results"] = Value::Object(results.collect::<Map<_, _>>());
        view
    }
}

fn where_clause(target: &Target) -> String {
    target.condition.as_ref().map_or_else(String::new, |condition| format!(" WHERE {condition}"))
}
