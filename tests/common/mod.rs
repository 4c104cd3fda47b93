//! What tests with a device and a hub begin with: a runtime of one thread, and operations to wait for.

use std::sync::OnceLock;
use std::time::Duration;

use azmqtt_device::{Error, Reply};

/// Longer than anything takes that works.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(20);

pub(crate) fn runtime() -> tokio::runtime::Handle {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    let build =
        || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    RUNTIME.get_or_init(build).handle().clone()
}

/// Runs one operation and waits for its outcome.
pub(crate) fn wait<T: Send + 'static>(operation: impl FnOnce(Reply<T>)) -> Result<T, Error> {
    let (reply, receiver) = Reply::channel();
    operation(reply);
    runtime().block_on(async { tokio::time::timeout(TIMEOUT, receiver).await }).unwrap().unwrap()
}
