//! The compiled module `azmqtt._core`: convert, submit, complete. No logic lives here.

use pyo3::prelude::*;

#[pymodule]
mod _core {}
