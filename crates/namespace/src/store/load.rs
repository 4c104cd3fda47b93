//! Reading what a state directory keeps.

use super::journal::open_journal;
use super::kept::{JOURNAL_FILE, NAMESPACE_FILE};
use super::record::NamespaceRecord;
use super::resource;
use crate::error::NamespaceError;
use crate::shared::Shared;
use azmqtt_local::state_dir::StateError;

/// Reads what the state directory keeps.
pub fn load(shared: &Shared) -> Result<(), NamespaceError> {
    let mut kept = shared.store.0.lock();
    let Some(disk) = &kept.disk else { return Ok(()) };
    let record = match disk.document(NAMESPACE_FILE)? {
        Some((path, value)) => Some((NamespaceRecord::from_file(&path, &value)?, path)),
        None => None,
    };
    if let Some((record, path)) = record {
        let before = kept.namespace.as_ref().map(|before| &before.document);
        let restored = shared.restore_namespace(&record, before);
        restored.map_err(|error| StateError::corrupt(&path, error))?;
        kept.namespace = Some(record);
    }
    kept.load_authentication(shared)?;
    let stamps = resource::load_all(&kept, shared)?;
    kept.load_roles(shared)?;
    kept.stamps.extend(stamps);
    match &kept.disk {
        Some(disk) => {
            let log = open_journal(&disk.path(JOURNAL_FILE), &mut shared.broker.lock())?;
            shared.log.get_or_init(|| log);
            Ok(())
        }
        None => Ok(()),
    }
}
