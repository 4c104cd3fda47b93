//! JSON values to Python objects, within bounds.

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString};
use serde_json::{Number, Value};

/// The digits of the largest integer that is made of JSON: Python's own limit, because the conversion takes quadratic time.
const MAX_DIGITS: usize = 4300;

/// Makes `dict`, `list`, `str`, `int`, `float`, `bool` and `None` of a JSON value.
pub(super) fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Bool(value) => PyBool::new(py, *value).to_owned().into_any(),
        Value::Number(number) => number_to_python(py, number)?,
        Value::String(text) => PyString::new(py, text).into_any(),
        Value::Array(items) => {
            let list = PyList::empty(py);
            for item in items {
                list.append(to_python(py, item)?)?;
            }
            list.into_any()
        }
        Value::Object(members) => {
            let dict = PyDict::new(py);
            for (key, member) in members {
                dict.set_item(key, to_python(py, member)?)?;
            }
            dict.into_any()
        }
    })
}

/// As Python's `json` reads numbers: whole ones are `int`, of any size; those with a fraction or an exponent are `float`,
/// infinite beyond its range.
fn number_to_python<'py>(py: Python<'py>, number: &Number) -> PyResult<Bound<'py, PyAny>> {
    if let Some(integer) = number.as_i64() {
        return Ok(integer.into_pyobject(py)?.into_any());
    }
    let text = number.as_str();
    // Python may be set to take fewer digits. What it refuses is infinite.
    if text.len() <= MAX_DIGITS
        && !text.contains(['.', 'e', 'E'])
        && let Ok(integer) = py.get_type::<PyInt>().call1((text,))
    {
        return Ok(integer);
    }
    Ok(PyFloat::new(py, text.parse().unwrap_or(f64::NAN)).into_any())
}

/// The name of an object's type, for messages.
pub(super) fn type_name(object: &Bound<'_, PyAny>) -> String {
    object.get_type().name().map_or_else(|_| "the object".to_owned(), |name| name.to_string())
}
