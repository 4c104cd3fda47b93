//! The thread of a service, with a runtime of its own.

use std::io;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use tokio::runtime::{self, Runtime};
use tokio::sync::oneshot;

/// A service's thread, until it is stopped.
pub struct Thread {
    stop: oneshot::Sender<()>,
    handle: JoinHandle<()>,
}

impl Thread {
    /// Runs `serve` on a thread of this `name`, and returns what it says when it is ready. The future ends when the receiver
    /// that it is given resolves; `finish` ends the runtime. `system` makes an error of the system one of the service.
    ///
    /// # Errors
    /// What `serve` says in the place of being ready, or that there is no thread or no runtime.
    pub fn start<R: Send + 'static, E: Send + 'static, F: Future<Output = ()>>(
        name: &str,
        serve: impl FnOnce(mpsc::Sender<Result<R, E>>, oneshot::Receiver<()>) -> F + Send + 'static,
        finish: fn(Runtime),
        system: fn(io::Error) -> E,
    ) -> Result<(Self, R), E> {
        let (stop, stopped) = oneshot::channel();
        let (ready, started) = mpsc::channel();
        let body = move || {
            let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(ready.send(Err(system(error)))),
            };
            runtime.block_on(serve(ready, stopped));
            finish(runtime);
        };
        let handle = thread::Builder::new().name(name.to_owned()).spawn(body).map_err(system)?;
        match started.recv() {
            Ok(Ok(ready)) => Ok((Self { stop, handle }, ready)),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(system(io::Error::other("its thread ended at once"))),
        }
    }

    /// Has the service end, and waits for it.
    pub fn stop(self) {
        // A thread that is gone already needs no telling.
        let _ = self.stop.send(());
        let _ = self.handle.join();
    }
}
