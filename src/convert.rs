//! Python objects to JSON text and JSON values to Python objects, within bounds.

use std::fmt::Write;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use serde_json::{Number, Value};

use super::errors;

/// How deep JSON may be nested: what JSON parsers take as a rule. It also ends an object that holds itself.
const MAX_DEPTH: usize = 128;

/// The digits of the largest integer that is made of JSON: Python's own limit, because the conversion takes quadratic time.
const MAX_DIGITS: usize = 4300;

/// Longer JSON text cannot be sent, whatever it is for; so that nobody fills the memory by accident.
const MAX_LENGTH: usize = 1024 * 1024;

/// Writes `object` as compact JSON, its keys in their order. `root` names it in errors, which say what is
/// wrong where, as in `patch.sensor.times[3]: datetime is not JSON`.
pub(super) fn to_json(root: &str, object: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    let mut out = Vec::new();
    match write(object, &mut out, 0) {
        Ok(()) => Ok(out),
        Err(refusal) => Err(refusal.into_error(object.py(), root)),
    }
}

/// [`to_json`], with a limit on the text in bytes.
pub(super) fn to_json_within(root: &str, object: &Bound<'_, PyAny>, limit: usize) -> PyResult<Vec<u8>> {
    let mut out = Vec::new();
    let refusal = match write(object, &mut out, 0) {
        Ok(()) if out.len() <= limit => return Ok(out),
        Ok(()) => Refusal::new(Kind::Length, String::new()),
        Err(refusal) => refusal,
    };
    match refusal.kind {
        Kind::Length => {
            let text = format!("{root} has more than {limit} bytes of JSON");
            Err(errors::too_large(object.py(), &text))
        }
        Kind::Type | Kind::Value => Err(refusal.into_error(object.py(), root)),
    }
}

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

/// Why an object is not JSON. The path is collected on the way out, innermost step first.
struct Refusal {
    path: Vec<Step>,
    kind: Kind,
    problem: String,
}

enum Step {
    Key(String),
    Index(usize),
}

enum Kind {
    Type,
    Value,
    Length,
}

impl Refusal {
    fn new(kind: Kind, problem: impl Into<String>) -> Self {
        Self { path: Vec::new(), kind, problem: problem.into() }
    }

    fn within(mut self, step: Step) -> Self {
        self.path.push(step);
        self
    }

    fn into_error(self, py: Python<'_>, root: &str) -> PyErr {
        let mut text = root.to_owned();
        // An object that holds itself has a long path that says nothing.
        let shown = self.path.len().min(16);
        for step in self.path.iter().rev().take(shown) {
            match step {
                Step::Key(key) => write!(text, ".{key}").unwrap_or_default(),
                Step::Index(index) => write!(text, "[{index}]").unwrap_or_default(),
            }
        }
        let dots = if shown < self.path.len() { "…" } else { "" };
        let text = format!("{text}{dots}: {}", self.problem);
        match self.kind {
            Kind::Type => PyTypeError::new_err(text),
            Kind::Value => PyValueError::new_err(text),
            Kind::Length => errors::too_large(py, &text),
        }
    }
}

fn write(object: &Bound<'_, PyAny>, out: &mut Vec<u8>, depth: usize) -> Result<(), Refusal> {
    if depth > MAX_DEPTH {
        return Err(Refusal::new(Kind::Value, format!("nested more than {MAX_DEPTH} deep, or holds itself")));
    }
    if out.len() > MAX_LENGTH {
        return Err(Refusal::new(Kind::Length, format!("the JSON text has more than {MAX_LENGTH} bytes")));
    }
    if let Ok(text) = object.cast::<PyString>() {
        write_text(text, out)
    } else if let Ok(value) = object.cast::<PyBool>() {
        out.extend_from_slice(if value.is_true() { b"true" } else { b"false" });
        Ok(())
    } else if let Ok(integer) = object.cast::<PyInt>() {
        write_integer(integer, out)
    } else if let Ok(float) = object.cast::<PyFloat>() {
        write_float(float.value(), out)
    } else if object.is_none() {
        out.extend_from_slice(b"null");
        Ok(())
    } else if let Ok(dict) = object.cast::<PyDict>() {
        write_dict(dict, out, depth)
    } else if let Ok(list) = object.cast::<PyList>() {
        write_items(list.iter(), out, depth)
    } else if let Ok(tuple) = object.cast::<PyTuple>() {
        write_items(tuple.iter(), out, depth)
    } else {
        let what = type_name(object);
        Err(Refusal::new(
            Kind::Type,
            format!("{what} is not JSON (use dict, list, tuple, str, int, float, bool or None)"),
        ))
    }
}

fn write_text(text: &Bound<'_, PyString>, out: &mut Vec<u8>) -> Result<(), Refusal> {
    let text = text.to_str().map_err(|_| {
        Refusal::new(Kind::Value, "the text holds half of a surrogate pair and cannot be written as UTF-8")
    })?;
    written(serde_json::to_writer(out, text))
}

fn write_integer(integer: &Bound<'_, PyInt>, out: &mut Vec<u8>) -> Result<(), Refusal> {
    if let Ok(integer) = integer.extract::<i64>() {
        return written(serde_json::to_writer(out, &integer));
    }
    // Not of a subclass, which may have its own.
    let digits = integer.py().get_type::<PyInt>().call_method1("__repr__", (integer,));
    let digits = digits.and_then(|digits| digits.extract::<String>());
    let digits = digits.map_err(|error| Refusal::new(Kind::Value, error.value(integer.py()).to_string()))?;
    out.extend_from_slice(digits.as_bytes());
    Ok(())
}

fn write_float(float: f64, out: &mut Vec<u8>) -> Result<(), Refusal> {
    if !float.is_finite() {
        let name = if float.is_nan() { "NaN" } else { "infinity" };
        return Err(Refusal::new(Kind::Value, format!("{name} is not JSON (use None or a str)")));
    }
    written(serde_json::to_writer(out, &float))
}

fn write_dict(dict: &Bound<'_, PyDict>, out: &mut Vec<u8>, depth: usize) -> Result<(), Refusal> {
    out.push(b'{');
    for (index, (key, value)) in dict.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        let key = key
            .cast::<PyString>()
            .map_err(|_| Refusal::new(Kind::Type, format!("a key is {}, not str", type_name(&key))))?;
        let within = |refusal: Refusal| refusal.within(Step::Key(key.to_string_lossy().into_owned()));
        write_text(key, out).map_err(within)?;
        out.push(b':');
        write(&value, out, depth + 1).map_err(within)?;
    }
    out.push(b'}');
    Ok(())
}

fn write_items<'py>(
    items: impl Iterator<Item = Bound<'py, PyAny>>,
    out: &mut Vec<u8>,
    depth: usize,
) -> Result<(), Refusal> {
    out.push(b'[');
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write(&item, out, depth + 1).map_err(|refusal| refusal.within(Step::Index(index)))?;
    }
    out.push(b']');
    Ok(())
}

fn written(outcome: serde_json::Result<()>) -> Result<(), Refusal> {
    // Text and finite numbers into memory: there is nothing that could fail.
    outcome.map_err(|error| Refusal::new(Kind::Value, error.to_string()))
}

/// The name of an object's type, for messages.
pub(super) fn type_name(object: &Bound<'_, PyAny>) -> String {
    object.get_type().name().map_or_else(|_| "the object".to_owned(), |name| name.to_string())
}
