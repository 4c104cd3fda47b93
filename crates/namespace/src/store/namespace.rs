//! Changes of the namespace itself, and their effect on the broker.

use std::time::Instant;

use super::kept::{ChangeError, Kept, NAMESPACE_FILE, Put};
use super::record::{Keys, NamespaceRecord};
use super::resource::Resource;
use super::stamp::Stamp;
use crate::authentication::{CaCertificate, ClientAuthentication};
use crate::documents::{InvalidDocument, NamespaceDocument};
use crate::limits::Limits;
use crate::resources::{Client, ClientGroup, PermissionBinding, TopicSpace};
use crate::secret;
use crate::shared::Shared;
use azmqtt_local::files::FileError;

impl NamespaceDocument {
    /// Has the broker do what this says and `before` did not.
    fn apply_over(&self, before: Option<&Self>, shared: &Shared) {
        let changed = |what: fn(&Self) -> u16| before.is_none_or(|before| what(before) != what(self));
        shared.change(|broker, now: Instant| {
            let mut limits = broker.limits().clone();
            if changed(|document| document.units) {
                let Limits { clients, sessions, retained, .. } = Limits::of_units(self.units);
                limits = Limits { clients, sessions, retained, ..limits };
                if limits.rates.is_some() {
                    limits = limits.with_service_rates(self.units);
                }
            }
            if changed(|document| document.session_expiry_hours) {
                limits.session_expiry = u32::from(self.session_expiry_hours) * 3600;
            }
            if changed(|document| document.sessions_per_name) {
                limits.sessions_per_name = usize::from(self.sessions_per_name);
            }
            broker.set_limits(limits);
            if broker.is_enabled() != self.is_enabled {
                broker.set_enabled(self.is_enabled, now);
            }
        });
    }
}

impl Kept {
    fn save_namespace(&self, record: &NamespaceRecord) -> Result<(), FileError> {
        match &self.disk {
            Some(disk) => disk.save_document(NAMESPACE_FILE, &record.to_file()),
            None => Ok(()),
        }
    }
}

impl Shared {
    fn client_authentication(
        &self,
        document: &NamespaceDocument,
    ) -> Result<Option<ClientAuthentication>, InvalidDocument> {
        document.client_authentication(self.config.allow_remote)
    }

    /// Has clients show who they are as a document says; one that says nothing any more leads back to the options.
    fn set_client_authentication(&self, settings: Option<ClientAuthentication>, had: bool) {
        match settings {
            Some(settings) => *self.client_authentication.lock() = settings,
            None if had => *self.client_authentication.lock() = self.config.client_authentication.clone(),
            None => {}
        }
    }

    /// Has a namespace that was read from the disk take effect.
    pub(super) fn restore_namespace(
        &self,
        record: &NamespaceRecord,
        before: Option<&NamespaceDocument>,
    ) -> Result<(), InvalidDocument> {
        let settings = self.client_authentication(&record.document)?;
        record.document.apply_over(before, self);
        self.set_client_authentication(settings, false);
        Ok(())
    }

    /// The namespace itself; `None` while it is deleted.
    pub fn namespace(&self) -> Option<NamespaceRecord> {
        self.store.0.lock().namespace.clone()
    }

    /// Makes or changes the namespace: `next` makes the new document of the one that is there.
    pub fn put_namespace<E>(
        &self,
        next: impl FnOnce(Option<&NamespaceRecord>) -> Result<NamespaceDocument, E>,
    ) -> Result<(NamespaceRecord, Put), E>
    where
        E: From<ChangeError>,
    {
        let mut kept = self.store.0.lock();
        let before = kept.namespace.as_ref();
        let document = next(before)?;
        let authentication = self.client_authentication(&document).map_err(ChangeError::from)?;
        let stamp = Stamp::changed(before.map(|before| before.stamp));
        let keys = match before {
            Some(before) => before.keys.clone(),
            None => Keys(secret::access_keys().map_err(ChangeError::from)?),
        };
        let record = NamespaceRecord { document, stamp, keys, is_initial: false };
        kept.save_namespace(&record).map_err(ChangeError::from)?;
        let had =
            before.is_some_and(|before| matches!(self.client_authentication(&before.document), Ok(Some(_))));
        if authentication.is_some() || had {
            // What was set by itself does not count any more.
            kept.forget_authentication().map_err(ChangeError::from)?;
        }
        record.document.apply_over(before.map(|before| &before.document), self);
        self.set_client_authentication(authentication, had);
        let is_new = before.is_none();
        kept.namespace = Some(record.clone());
        Ok((record, Put { is_new, stamp }))
    }

    /// Makes an access key anew, by its index.
    pub fn regenerate_key(&self, index: usize) -> Result<Keys, ChangeError> {
        let mut kept = self.store.0.lock();
        let mut record = kept.namespace.clone().ok_or(ChangeError::NoNamespace)?;
        let [fresh, _] = secret::access_keys()?;
        if let Some(key) = record.keys.0.get_mut(index) {
            *key = fresh;
        }
        kept.save_namespace(&record)?;
        let keys = record.keys.clone();
        kept.namespace = Some(record);
        Ok(keys)
    }

    /// Deletes the namespace with all that is in it. Whether it was there. Its clients are disconnected.
    pub fn delete_namespace(&self) -> Result<bool, ChangeError> {
        let mut kept = self.store.0.lock();
        if kept.namespace.is_none() {
            return Ok(false);
        }
        self.change(|broker, now| broker.set_enabled(false, now));
        // Those that name others first. A crash in between leaves a namespace with less in it.
        self.delete_all::<PermissionBinding>(&mut kept)?;
        self.delete_all::<TopicSpace>(&mut kept)?;
        self.delete_all::<ClientGroup>(&mut kept)?;
        self.delete_all::<Client>(&mut kept)?;
        self.delete_all::<CaCertificate>(&mut kept)?;
        if let Some(disk) = &kept.disk {
            disk.remove_document(NAMESPACE_FILE)?;
        }
        kept.namespace = None;
        Ok(true)
    }

    fn delete_all<R: Resource>(&self, kept: &mut Kept) -> Result<(), FileError> {
        for name in R::names(self) {
            kept.remove(R::KIND, &name)?;
            R::withdraw(&name, self);
            kept.stamps.remove(&(R::KIND, name));
        }
        Ok(())
    }
}
