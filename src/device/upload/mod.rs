//! File upload (IoT Hub docs, "Upload files with IoT Hub"): the hub names a place in Blob Storage, the device puts the
//! file there and tells the hub.
//!
//! A [`FileUpload`] is the protocol without the file: whoever has the bytes calls its steps one after the other, so
//! that no more than one block is in memory. Each step is tried again while that makes sense.

mod steps;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::timeout_at;

use self::steps::Steps;
use super::config::{DeviceConfig, later};
use super::error::Error;
use super::reply::Reply;

/// How long a goodbye may take that nobody waits for.
const GOODBYE: Duration = Duration::from_secs(10);

/// One upload. Its steps never overlap: each waits for the one before. Dropping it ends a step that is under way.
pub struct FileUpload {
    steps: Arc<tokio::sync::Mutex<Steps>>,
    runtime: Handle,
    /// Of the whole upload.
    deadline: Instant,
    patience: Duration,
    running: Mutex<Option<AbortHandle>>,
}

impl FileUpload {
    pub(super) fn new(
        config: &DeviceConfig,
        blob_name: String,
        timeout: Duration,
        stall: Duration,
        runtime: Handle,
    ) -> Self {
        Self {
            steps: Arc::new(tokio::sync::Mutex::new(Steps::new(config, blob_name, stall))),
            runtime,
            deadline: later(Instant::now(), timeout),
            patience: timeout,
            running: Mutex::default(),
        }
    }

    /// Asks the hub for a place; answers with the blob's whole name, `{device id}/…`.
    pub fn start(&self, reply: Reply<String>) {
        let steps = Arc::clone(&self.steps);
        self.run(reply, async move { steps.lock().await.start().await });
    }

    /// Puts the whole file in one request.
    pub fn put_blob(&self, content: Bytes, content_type: Option<String>, reply: Reply<()>) {
        let steps = Arc::clone(&self.steps);
        self.run(reply, async move { steps.lock().await.put_blob(content, content_type).await });
    }

    /// Puts the next block, unless an earlier upload of this blob left it there; answers whether it was sent.
    pub fn put_block(&self, content: Bytes, reply: Reply<bool>) {
        let steps = Arc::clone(&self.steps);
        self.run(reply, async move { steps.lock().await.put_block(content).await });
    }

    /// Looks which blocks an earlier upload of this blob left, so that [`Self::put_block`] need not send them.
    pub fn look_for_blocks(&self, reply: Reply<()>) {
        let steps = Arc::clone(&self.steps);
        self.run(reply, async move { steps.lock().await.look_for_blocks().await });
    }

    /// Makes the file of the blocks.
    pub fn commit(&self, content_type: Option<String>, reply: Reply<()>) {
        let steps = Arc::clone(&self.steps);
        self.run(reply, async move { steps.lock().await.commit(content_type).await });
    }

    /// Tells the hub how it ended. Without [`Self::start`] there is nothing to tell.
    pub fn notify(&self, is_success: bool, status_code: i32, description: String, reply: Reply<()>) {
        let steps = Arc::clone(&self.steps);
        self.run(reply, async move { steps.lock().await.notify(is_success, status_code, description).await });
    }

    /// Ends what is under way, and tells the hub of the failure in the background, in a few seconds or not at all.
    pub fn abandon(&self, status_code: i32, description: String) {
        self.cancel();
        let steps = Arc::clone(&self.steps);
        self.runtime.spawn(async move {
            let goodbye = async { steps.lock().await.notify(false, status_code, description).await };
            // Nobody waits for it.
            let _ = tokio::time::timeout(GOODBYE, goodbye).await;
        });
    }

    fn cancel(&self) {
        if let Some(running) = self.running.lock().unwrap_or_else(PoisonError::into_inner).take() {
            running.abort();
        }
    }

    fn run<T: Send + 'static>(
        &self,
        reply: Reply<T>,
        step: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) {
        let (deadline, after) = (self.deadline, self.patience);
        let task = self.runtime.spawn(async move {
            let late =
                || Err(Error::RequestTimeout { operation: "the file upload", after, last_error: None });
            reply.send(timeout_at(deadline.into(), step).await.unwrap_or_else(|_| late()));
        });
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(task.abort_handle());
    }
}

impl Drop for FileUpload {
    fn drop(&mut self) {
        self.cancel();
    }
}

impl fmt::Debug for FileUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileUpload")
    }
}
