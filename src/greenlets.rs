//! Waiting where greenlets of gevent or eventlet run in the place of threads: by their hub, on a descriptor.

use std::sync::Arc;
use std::time::Duration;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

use super::bridge::Descriptor;

/// The hub of the greenlets in this thread.
pub(super) struct Greenlets<'py> {
    wait: Bound<'py, PyAny>,
    waker: Option<Arc<Descriptor>>,
}

impl<'py> Greenlets<'py> {
    /// `None` where no greenlets run: a look into `sys.modules`, unless one of the libraries is loaded.
    pub(super) fn here(py: Python<'py>) -> PyResult<Option<Self>> {
        static MODULES: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        static WAITER: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let modules = MODULES.import(py, "sys", "modules")?.cast::<PyDict>()?;
        let is_loaded = |name| modules.contains(name);
        if !is_loaded(intern!(py, "gevent.monkey"))? && !is_loaded(intern!(py, "eventlet.patcher"))? {
            return Ok(None);
        }
        let wait = WAITER.import(py, "azmqtt._support.greenlets", "waiter")?.call0()?;
        if wait.is_none() {
            return Ok(None);
        }
        Ok(Some(Self { wait, waker: Descriptor::shared()? }))
    }

    /// What ends a wait, from any thread; nothing does where there are no descriptors, and waits are short.
    pub(super) fn waker(&self) -> impl FnOnce() + Send + 'static {
        let waker = self.waker.clone();
        move || {
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    /// Lets other greenlets run until the waker is called or the time is over, or a little earlier.
    pub(super) fn wait(&self, time: Duration) -> PyResult<()> {
        #[cfg(unix)]
        let fd = self.waker.as_ref().map_or(-1, |waker| waker.fd());
        #[cfg(not(unix))]
        let fd = -1;
        self.wait.call1((fd, time.as_secs_f64())).map(drop)
    }
}
