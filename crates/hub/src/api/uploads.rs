//! What applications ask of a running hub about file uploads.

use std::time::Duration;

use super::Hub;
use crate::uploads::{Blob, UploadRecord};

impl Hub {
    /// Uploads that devices have ended, of one or of all, oldest first: the newest 10,000.
    pub fn uploads(&self, device_id: Option<&str>) -> Vec<UploadRecord> {
        self.shared.uploads.records(device_id)
    }

    /// Blocks until there are `count` of [`Self::uploads`], or until the time is up; whether there are.
    pub fn wait_for_upload(&self, device_id: Option<&str>, count: usize, timeout: Duration) -> bool {
        self.shared.uploads.wait(device_id, count, timeout)
    }

    /// The blob of that whole name, `{device id}/{name}`, if it is there.
    pub fn blob(&self, name: &str) -> Option<Blob> {
        self.shared.uploads.blob(name)
    }
}
