//! An empty operation through pyo3-async-runtimes, to compare azmqtt's own bridge with.

use pyo3::prelude::*;

/// Its functions, seen from Python.
#[pymodule]
mod bridge_peer {
    use super::{Bound, PyAny, PyResult, Python, pyfunction};

    /// Goes to a tokio task and comes back with nothing.
    #[pyfunction]
    fn nothing(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        pyo3_async_runtimes::tokio::future_into_py(py, async {
            tokio::task::yield_now().await;
            Ok(())
        })
    }
}
