//! File upload (IoT Hub docs, "Upload files with IoT Hub"): the hub names a place in Blob Storage, the device puts the
//! file there and tells the hub.
//!
//! A [`FileUpload`] is the protocol without the file: whoever has the bytes calls its steps one after the other, so
//! that no more than one block is in memory. Each step is tried again while that makes sense.

mod steps;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::timeout_at;

use self::steps::Steps;
use super::config::DeviceConfig;
use super::error::{Error, not_connected};
use super::reply::Reply;
use azmqtt_net::deadlines::later;
use azmqtt_net::sync::Mutex;
use azmqtt_net::{BoxFuture, ConnectProgress};

/// How long the notification of a failure may take, which nobody waits for.
const NOTIFICATION: Duration = Duration::from_secs(10);

/// What is to be done next.
pub enum UploadStep {
    /// Ask the hub for a place.
    Start,
    /// Put the whole file in one request.
    PutBlob {
        /// The bytes.
        content: Bytes,
        /// The blob's media type.
        content_type: Option<String>,
    },
    /// Look which blocks an earlier upload of this blob left, so that they need not be sent.
    LookForBlocks,
    /// Put the next block, unless it is there already.
    PutBlock(Bytes),
    /// Make the file of the blocks.
    Commit {
        /// The blob's media type.
        content_type: Option<String>,
    },
    /// Tell the hub how it ended. Without a place there is nothing to tell.
    Notify {
        /// Whether the file is there.
        is_success: bool,
        /// An HTTP status, by custom.
        status_code: i32,
        /// For people.
        description: String,
    },
}

/// One upload. Its steps never overlap: each waits for the one before. Dropping it ends a step that is under way.
pub struct FileUpload {
    steps: Arc<tokio::sync::Mutex<Steps>>,
    runtime: Handle,
    /// Of the whole upload.
    deadline: Instant,
    /// The same, as it was asked for.
    timeout: Duration,
    running: Mutex<Option<AbortHandle>>,
}

impl FileUpload {
    pub(super) fn new(
        config: &DeviceConfig,
        blob_name: String,
        timeout: Duration,
        idle_timeout: Duration,
        runtime: Handle,
    ) -> Self {
        Self {
            steps: Arc::new(tokio::sync::Mutex::new(Steps::new(config, blob_name, idle_timeout))),
            runtime,
            deadline: later(Instant::now(), timeout),
            timeout,
            running: Mutex::default(),
        }
    }

    /// Takes a step; the reply says how many bytes of the file were sent by it. A file is `Start`, then either `PutBlob`
    /// or (perhaps `LookForBlocks`, then) `PutBlock`s and `Commit`, and `Notify` in any case.
    pub fn run(&self, step: UploadStep, reply: Reply<usize>) {
        let (deadline, after) = (self.deadline, self.timeout);
        let taken: BoxFuture<'static, Result<usize, Error>> = match step {
            UploadStep::Notify { is_success: false, .. } => {
                // It goes on where the upload's own time is over.
                let notified = self.notify_alone(step);
                Box::pin(async { notified.await.unwrap_or(Err(Error::ClientClosed)) })
            }
            step => {
                let steps = Arc::clone(&self.steps);
                Box::pin(async move { steps.lock().await.take(step).await })
            }
        };
        let task = self.runtime.spawn(async move {
            let progress = Arc::new(ConnectProgress::default());
            let taken = timeout_at(deadline.into(), progress.watch(taken)).await;
            let known = progress.describe("the hub or its storage").map(not_connected);
            let late = Error::RequestTimeout { operation: "the file upload", after, known };
            reply.send(taken.unwrap_or(Err(late)));
        });
        *self.running.lock() = Some(task.abort_handle());
    }

    /// Ends what is under way, and tells the hub of the failure in the background, in a few seconds or not at all.
    pub fn abandon(&self, status_code: i32, description: String) {
        self.cancel();
        // Nobody waits for it.
        drop(self.notify_alone(UploadStep::Notify { is_success: false, status_code, description }));
    }

    /// Tells the hub of the failure in a task of its own.
    fn notify_alone(&self, step: UploadStep) -> JoinHandle<Result<usize, Error>> {
        let steps = Arc::clone(&self.steps);
        self.runtime.spawn(async move {
            let notified = async { steps.lock().await.take(step).await };
            let late = Error::RequestTimeout {
                operation: "the notification of a failed upload",
                after: NOTIFICATION,
                known: None,
            };
            tokio::time::timeout(NOTIFICATION, notified).await.unwrap_or(Err(late))
        })
    }

    fn cancel(&self) {
        if let Some(running) = self.running.lock().take() {
            running.abort();
        }
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
