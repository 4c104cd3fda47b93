//! How clients may show who they are, as it is set by itself; with the namespace it is a part of its document.

use super::kept::{AUTHENTICATION_FILE, Kept};
use crate::authentication::ClientAuthentication;
use crate::error::NamespaceError;
use crate::shared::Shared;
use azmqtt_local::files::FileError;
use azmqtt_local::state_dir::StateError;

impl Shared {
    /// Changes how clients may show who they are. Who is connected stays.
    pub fn change_client_authentication(
        &self,
        change: impl FnOnce(&mut ClientAuthentication),
    ) -> Result<(), FileError> {
        let kept = self.store.0.lock();
        let mut settings = self.client_authentication.lock().clone();
        change(&mut settings);
        if let Some(disk) = &kept.disk {
            disk.save_document(AUTHENTICATION_FILE, &settings.to_file())?;
        }
        *self.client_authentication.lock() = settings;
        Ok(())
    }
}

impl Kept {
    pub fn forget_authentication(&self) -> Result<(), FileError> {
        match &self.disk {
            Some(disk) => disk.remove_document(AUTHENTICATION_FILE),
            None => Ok(()),
        }
    }

    /// Has what was set have its effect again.
    pub fn load_authentication(&self, shared: &Shared) -> Result<(), NamespaceError> {
        let Some(disk) = &self.disk else { return Ok(()) };
        if let Some((path, value)) = disk.document(AUTHENTICATION_FILE)? {
            let settings = ClientAuthentication::from_file(&value);
            let settings = settings.map_err(|error| StateError::corrupt(&path, error))?;
            *shared.client_authentication.lock() = settings;
        }
        Ok(())
    }
}
