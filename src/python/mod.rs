//! The compiled module `azmqtt._core`: convert, submit, complete. No logic lives here.

mod hub;

use pyo3::prelude::*;

#[pymodule]
mod _core {
    #[pymodule_export]
    use super::hub::Hub;
}
