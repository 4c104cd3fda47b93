//! Queries of twins that need no pages.

use std::sync::Arc;

use crate::registry::Registry;
use crate::registry::device::Device;
use crate::registry::twin_record::TwinRecord;
use azmqtt_dialect::query::{Groups, Query, Source};

/// The rows of a query that aggregates.
pub fn groups<'a>(registry: &Registry, query: &'a Query) -> Groups<'a> {
    let mut groups = Groups::new(query);
    for device in registry.all() {
        if device.module_id.is_some() == (query.source == Source::Modules) {
            let record = TwinRecord::new(&device);
            if query.matches(&record) {
                groups.add(&record);
            }
        }
    }
    groups
}

/// How many rows a query of twins has.
pub fn count(registry: &Registry, query: &Query) -> usize {
    let rows = if query.aggregates() {
        groups(registry, query).rows().len()
    } else {
        let all = registry.all();
        let of_source =
            |device: &&Arc<Device>| device.module_id.is_some() == (query.source == Source::Modules);
        all.iter().filter(of_source).filter(|device| query.matches(&TwinRecord::new(device))).count()
    };
    rows.min(query.top.unwrap_or(usize::MAX))
}
