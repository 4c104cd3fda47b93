//! Tasks of the runtime, each of one type.
//!
//! Tokio compiles a dozen functions for each type of future or closure that becomes a task. In one library with the clients,
//! those of the services lie between those of a client, and take their room in memory: so what is run here is boxed.

use std::io;
use std::pin::Pin;

use tokio::sync::oneshot;
use tokio::task::{JoinHandle, spawn_blocking};

/// Runs `future` in a task of its own.
pub fn spawn(future: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    let future: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(future);
    tokio::spawn(future)
}

/// Does `work` on a thread for what blocks. Once begun, it is done to its end though the caller may go.
///
/// # Errors
/// It panicked, or the runtime ended before it.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (reply, outcome) = oneshot::channel();
    let work: Box<dyn FnOnce() + Send> = Box::new(move || drop(reply.send(work())));
    spawn_blocking(work).await.map_err(io::Error::other)?;
    outcome.await.map_err(io::Error::other)
}
