//! Credential callbacks: Python functions that a device's credentials call, for a signature or for a new token.

use std::sync::Arc;
use std::time::Instant;

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::calls::Calls;
use super::core::span;
use azmqtt_device::{BoxFuture, Signer, TokenSource};
use azmqtt_dialect::SasToken;

type Shared = Calls<Vec<u8>, Vec<u8>>;

/// Python's end: it takes calls and answers them.
#[pyclass(frozen, module = "azmqtt._core")]
pub(super) struct CredentialCallback {
    shared: Arc<Shared>,
    name: String,
}

/// The credentials' end: when the last one is dropped, no more calls come.
struct Caller {
    shared: Arc<Shared>,
    name: String,
}

impl CredentialCallback {
    /// Something to make signatures with.
    pub(super) fn signer(&self) -> Arc<dyn Signer> {
        self.caller()
    }

    /// Something to get tokens from.
    pub(super) fn token_source(&self) -> Arc<dyn TokenSource> {
        self.caller()
    }

    fn caller(&self) -> Arc<Caller> {
        Arc::new(Caller { shared: Arc::clone(&self.shared), name: self.name.clone() })
    }
}

#[pymethods]
impl CredentialCallback {
    /// `name` is what errors call the function.
    #[new]
    fn new(name: String) -> Self {
        Self { shared: Arc::default(), name }
    }

    /// Waits for at most `timeout` seconds for the next call: its number and its data, `None` if there is none.
    fn take<'py>(&self, py: Python<'py>, timeout: f64) -> PyResult<Option<(u64, Bound<'py, PyBytes>)>> {
        let taken = self.shared.take(py, Instant::now() + span("timeout", timeout)?)?;
        Ok(taken.map(|(number, data)| (number, PyBytes::new(py, &data))))
    }

    /// Answers the call that was taken last.
    fn answer(&self, number: u64, value: &[u8]) {
        self.shared.settle(number, Ok(value.to_vec()));
    }

    /// Says why there is no answer to the call that was taken last.
    fn fail(&self, number: u64, reason: String) {
        self.shared.settle(number, Err(reason));
    }

    /// No more calls: a running `take` returns.
    fn close(&self) {
        self.shared.close();
    }

    #[getter]
    fn closed(&self) -> bool {
        self.shared.is_closed()
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl Signer for Caller {
    fn sign<'a>(&'a self, data: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, String>> {
        Box::pin(self.shared.call(data.to_vec()))
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl TokenSource for Caller {
    fn token(&self) -> BoxFuture<'_, Result<SasToken, String>> {
        Box::pin(async {
            let text = self.shared.call(Vec::new()).await?;
            let text = String::from_utf8(text).map_err(|_| "the token is not UTF-8".to_owned())?;
            SasToken::from_pasted(&text).map_err(|error| error.to_string())
        })
    }

    fn name(&self) -> &str {
        &self.name
    }
}
