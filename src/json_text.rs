//! Python objects to JSON text, within bounds.
//!
//! Most of what is sent consists of JSON's own types and is written without a line of Python. What holds anything else is
//! written a second time, carefully: `azmqtt._support.json_values` and the application's `json_default` are Python code,
//! while which other threads may change the very object that is written.

use std::collections::HashSet;
use std::fmt::Write;

use pyo3::exceptions::{PyException, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use super::convert::type_name;
use super::errors;

/// How deep JSON may be nested: what JSON parsers take as a rule. It also ends an object that holds itself.
const MAX_DEPTH: usize = 128;

/// Longer JSON text cannot be sent, whatever it is for; so that nobody fills the memory by accident.
const MAX_LENGTH: usize = 1024 * 1024;

/// The application's function for what is not JSON, if it has one.
pub(super) type JsonDefault<'a> = Option<&'a Py<PyAny>>;

/// Writes `object` as compact JSON, its keys in their order. `root` names it in errors, which say what is
/// wrong where, as in `patch.sensor.times[3]: object is not JSON`.
pub(super) fn to_json(root: &str, object: &Bound<'_, PyAny>, default: JsonDefault<'_>) -> PyResult<Vec<u8>> {
    written(object, default).map_err(|refusal| refusal.into_error(object.py(), root))
}

/// [`to_json`], with a limit on the text in bytes.
pub(super) fn to_json_within(
    root: &str,
    object: &Bound<'_, PyAny>,
    default: JsonDefault<'_>,
    limit: usize,
) -> PyResult<Vec<u8>> {
    let refusal = match written(object, default) {
        Ok(text) if text.len() <= limit => return Ok(text),
        Ok(_) => Refusal::new(Kind::Length, String::new()),
        Err(refusal) => refusal,
    };
    match refusal.kind {
        Kind::Length => {
            let text = format!("{root} has more than {limit} bytes of JSON");
            Err(errors::too_large(object.py(), &text))
        }
        _ => Err(refusal.into_error(object.py(), root)),
    }
}

/// The JSON text of `value`, for what Python hands to the core as text. `name` is what errors call it.
#[pyfunction]
#[pyo3(signature = (name, value, default, /))]
pub(super) fn json_text(
    name: &str,
    value: &Bound<'_, PyAny>,
    default: Option<&Bound<'_, PyAny>>,
) -> PyResult<String> {
    let text = to_json(name, value, default.map(Bound::as_unbound))?;
    String::from_utf8(text).map_err(|error| PyValueError::new_err(format!("{name}: {error}")))
}

fn written(object: &Bound<'_, PyAny>, default: JsonDefault<'_>) -> Result<Vec<u8>, Refusal> {
    let mut writer = Writer { out: Vec::new(), others: Others::Left };
    match writer.write(object, 0) {
        Ok(()) => Ok(writer.out),
        Err(Refusal { kind: Kind::Left, .. }) => {
            let mut writer = Writer { out: Vec::new(), others: Others::Asked(default) };
            writer.write(object, 0).map(|()| writer.out)
        }
        Err(refusal) => Err(refusal),
    }
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
    /// With what `json_default` said of it.
    Type(Option<PyErr>),
    Value,
    Length,
    /// `json_default` raised.
    Raised(PyErr),
    /// It takes Python to write it.
    Left,
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
        let path = format!("{text}{dots}");
        let text = format!("{path}: {}", self.problem);
        match self.kind {
            Kind::Type(cause) => {
                let error = PyTypeError::new_err(text);
                error.set_cause(py, cause);
                error
            }
            Kind::Value | Kind::Left => PyValueError::new_err(text),
            Kind::Length => errors::too_large(py, &text),
            Kind::Raised(error) => {
                // Python 3.10 has no notes.
                let note = format!("raised by json_default for {path}");
                drop(error.value(py).call_method1("add_note", (note,)));
                error
            }
        }
    }
}

/// What becomes of objects that are not of JSON's own types.
#[derive(Clone, Copy)]
enum Others<'a> {
    /// They are refused as [`Kind::Left`].
    Left,
    /// The application's function is asked what they are in JSON, and then `azmqtt._support.json_values`.
    Asked(JsonDefault<'a>),
}

struct Writer<'a> {
    out: Vec<u8>,
    others: Others<'a>,
}

impl Writer<'_> {
    fn write(&mut self, object: &Bound<'_, PyAny>, depth: usize) -> Result<(), Refusal> {
        if depth > MAX_DEPTH {
            return Err(Refusal::new(
                Kind::Value,
                format!("nested more than {MAX_DEPTH} levels deep, or contains itself"),
            ));
        }
        if self.out.len() > MAX_LENGTH {
            return Err(Refusal::new(
                Kind::Length,
                format!("the JSON text has more than {MAX_LENGTH} bytes"),
            ));
        }
        if let Ok(text) = object.cast::<PyString>() {
            self.write_text(text)
        } else if let Ok(value) = object.cast::<PyBool>() {
            self.out.extend_from_slice(if value.is_true() { b"true" } else { b"false" });
            Ok(())
        } else if let Ok(integer) = object.cast::<PyInt>() {
            self.write_integer(integer)
        } else if let Ok(float) = object.cast::<PyFloat>() {
            self.write_float(float.value())
        } else if object.is_none() {
            self.out.extend_from_slice(b"null");
            Ok(())
        } else if let Ok(dict) = object.cast::<PyDict>() {
            self.write_dict(dict, depth)
        } else if let Ok(list) = object.cast::<PyList>() {
            self.write_items(list.iter(), depth)
        } else if let Ok(tuple) = object.cast::<PyTuple>() {
            self.write_items(tuple.iter(), depth)
        } else {
            match self.others {
                Others::Left => Err(Refusal::new(Kind::Left, String::new())),
                Others::Asked(default) => self.write_other(object, default, depth),
            }
        }
    }

    fn write_text(&mut self, text: &Bound<'_, PyString>) -> Result<(), Refusal> {
        let text = text.to_str().map_err(|_| {
            Refusal::new(
                Kind::Value,
                "the text contains half of a surrogate pair and cannot be written as UTF-8",
            )
        })?;
        done(serde_json::to_writer(&mut self.out, text))
    }

    fn write_integer(&mut self, integer: &Bound<'_, PyInt>) -> Result<(), Refusal> {
        if let Ok(integer) = integer.extract::<i64>() {
            return done(serde_json::to_writer(&mut self.out, &integer));
        }
        // Not of a subclass, which may have its own.
        let digits = integer.py().get_type::<PyInt>().call_method1("__repr__", (integer,));
        let digits = digits.and_then(|digits| digits.extract::<String>());
        let digits =
            digits.map_err(|error| Refusal::new(Kind::Value, error.value(integer.py()).to_string()))?;
        self.out.extend_from_slice(digits.as_bytes());
        Ok(())
    }

    fn write_float(&mut self, float: f64) -> Result<(), Refusal> {
        if !float.is_finite() {
            let name = if float.is_nan() { "NaN" } else { "infinity" };
            return Err(Refusal::new(Kind::Value, format!("{name} is not JSON (use None or a str)")));
        }
        done(serde_json::to_writer(&mut self.out, &float))
    }

    fn write_items<'py>(
        &mut self,
        items: impl Iterator<Item = Bound<'py, PyAny>>,
        depth: usize,
    ) -> Result<(), Refusal> {
        self.out.push(b'[');
        for (index, item) in items.enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            self.write(&item, depth + 1).map_err(|refusal| refusal.within(Step::Index(index)))?;
        }
        self.out.push(b']');
        Ok(())
    }

    fn write_dict(&mut self, dict: &Bound<'_, PyDict>, depth: usize) -> Result<(), Refusal> {
        if let Others::Asked(_) = self.others {
            return self.write_pairs(dict, depth);
        }
        self.out.push(b'{');
        for (index, (key, value)) in dict.iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            let key = key.cast::<PyString>().map_err(|_| Refusal::new(Kind::Left, String::new()))?;
            let within = |refusal: Refusal| refusal.within(Step::Key(key.to_string_lossy().into_owned()));
            self.write_text(key).map_err(within)?;
            self.out.push(b':');
            self.write(&value, depth + 1).map_err(within)?;
        }
        self.out.push(b'}');
        Ok(())
    }

    /// Writes a dictionary that may change meanwhile, whose keys may be more than text.
    fn write_pairs(&mut self, dict: &Bound<'_, PyDict>, depth: usize) -> Result<(), Refusal> {
        let mut names = HashSet::new();
        self.out.push(b'{');
        for (index, pair) in dict.items().iter().enumerate() {
            let (key, value) = pair
                .extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()
                .map_err(|error| Refusal::new(Kind::Raised(error), String::new()))?;
            if index > 0 {
                self.out.push(b',');
            }
            let start = self.out.len();
            self.write_key(&key, depth)?;
            let name = self.out.get(start..).unwrap_or_default().to_vec();
            let shown = String::from_utf8_lossy(name.get(1..name.len() - 1).unwrap_or_default()).into_owned();
            if !names.insert(name) {
                return Err(Refusal::new(Kind::Value, format!("two keys become {shown:?} in JSON")));
            }
            self.out.push(b':');
            self.write(&value, depth + 1).map_err(|refusal| refusal.within(Step::Key(shown)))?;
        }
        self.out.push(b'}');
        Ok(())
    }

    /// Writes what is text, a number, true, false or null in JSON as text.
    fn write_key(&mut self, key: &Bound<'_, PyAny>, depth: usize) -> Result<(), Refusal> {
        let start = self.out.len();
        let no_key = |kind| Refusal::new(kind, format!("a key is {}, not str", type_name(key)));
        self.write(key, depth + 1).map_err(|refusal| match refusal.kind {
            Kind::Type(cause) => no_key(Kind::Type(cause)),
            Kind::Value => {
                Refusal { problem: format!("a key: {}", refusal.problem), path: Vec::new(), ..refusal }
            }
            _ => refusal,
        })?;
        match self.out.get(start) {
            Some(b'"') => Ok(()),
            Some(b'{' | b'[') | None => Err(no_key(Kind::Type(None))),
            Some(_) => {
                self.out.insert(start, b'"');
                self.out.push(b'"');
                Ok(())
            }
        }
    }

    /// Writes what is not one of JSON's own types.
    fn write_other(
        &mut self,
        object: &Bound<'_, PyAny>,
        default: JsonDefault<'_>,
        depth: usize,
    ) -> Result<(), Refusal> {
        static PLAIN: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let py = object.py();
        let mut unknown = None;
        if let Some(default) = default {
            match default.bind(py).call1((object,)) {
                Ok(said) if said.is(object) => {}
                Ok(said) => return self.write(&said, depth + 1),
                // As with `json.dumps`: the function does not know it.
                Err(error) if error.is_instance_of::<PyTypeError>(py) => unknown = Some(error),
                Err(error) => return Err(Refusal::new(Kind::Raised(error), String::new())),
            }
        }
        let plain = PLAIN.import(py, "azmqtt._support.json_values", "plain");
        match plain.and_then(|plain| plain.call1((object,))) {
            Ok(said) => match said.cast_exact::<PyBytes>() {
                Ok(text) => {
                    self.out.extend_from_slice(text.as_bytes());
                    Ok(())
                }
                Err(_) => self.write(&said, depth + 1),
            },
            Err(error) if error.is_instance_of::<PyException>(py) => {
                let kind =
                    if error.is_instance_of::<PyTypeError>(py) { Kind::Type(unknown) } else { Kind::Value };
                Err(Refusal::new(kind, error.value(py).to_string()))
            }
            Err(error) => Err(Refusal::new(Kind::Raised(error), String::new())),
        }
    }
}

fn done(outcome: serde_json::Result<()>) -> Result<(), Refusal> {
    // Text and finite numbers into memory: there is nothing that could fail.
    outcome.map_err(|error| Refusal::new(Kind::Value, error.to_string()))
}
